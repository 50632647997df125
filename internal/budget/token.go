package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"time"

	"github.com/claviger-go/claviger/token"
)

const tokens = 64 // different tokens in a pass

// issuedAt is when the tokens of all rows are issued and verified.
var issuedAt = time.UnixMicro(instant)

// A scheme is a signing key twice: ours, and what the standard library does with the same key, digest included.
type scheme struct {
	key    *token.SigningKey
	sign   func(input []byte) error
	verify func(input, signature []byte) (func() bool, error) // prepared once for each token
}

// seed is of a key that only measures.
var seed = []byte("a key that only measures, 32 byte"[:32])

func edDSA() (scheme, error) {
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey)
	key, err := signingKey(token.AlgEdDSA, private)
	return scheme{
		key: key,
		sign: func(input []byte) error {
			runtime.KeepAlive(ed25519.Sign(private, input))
			return nil
		},
		verify: func(input, signature []byte) (func() bool, error) {
			return func() bool { return ed25519.Verify(public, input, signature) }, nil
		},
	}, err
}

func es256() (scheme, error) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed)
	if err != nil {
		return scheme{}, err
	}
	key, err := signingKey(token.AlgES256, private)
	return scheme{
		key: key,
		sign: func(input []byte) error {
			digest := sha256.Sum256(input)
			signature, err := ecdsa.SignASN1(rand.Reader, private, digest[:])
			runtime.KeepAlive(signature)
			return err
		},
		verify: func(input, signature []byte) (func() bool, error) {
			if len(signature) != 64 {
				return nil, fmt.Errorf("a signature of %d bytes", len(signature))
			}
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			return func() bool {
				digest := sha256.Sum256(input)
				return ecdsa.Verify(&private.PublicKey, digest[:], r, s)
			}, nil
		},
	}, err
}

func signingKey(alg token.Algorithm, private any) (*token.SigningKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return token.ParseSigningKey(alg, der)
}

// verifyToken compares verifying an access token on first sight with checking the same signature alone.
func verifyToken(s scheme, err error) (pair, error) {
	if err != nil {
		return pair{}, err
	}
	keys, err := token.NewKeySet(s.key.VerifyKey())
	if err != nil {
		return pair{}, err
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{Issuer: issuer, Audience: issuer})
	if err != nil {
		return pair{}, err
	}
	var raw []string
	var checks []func() bool
	for i := range tokens {
		t, err := s.key.Sign(context.Background(), claims(i))
		if err != nil {
			return pair{}, err
		}
		input, signature, err := cut(t)
		if err != nil {
			return pair{}, err
		}
		if got, err := verifier.Verify(keys, t, issuedAt); err != nil || got.ID != claims(i).ID {
			return pair{}, fmt.Errorf("our own token %d is refused: %w", i, err)
		}
		check, err := s.verify(input, signature)
		if err != nil || !check() {
			return pair{}, fmt.Errorf("the raw signature of token %d does not verify: %w", i, err)
		}
		raw, checks = append(raw, t), append(checks, check)
	}
	return pair{
		ours: side{tokens, func() {
			for _, t := range raw {
				c, err := verifier.Verify(keys, t, issuedAt)
				runtime.KeepAlive(c)
				runtime.KeepAlive(err)
			}
		}},
		yard: side{tokens, func() {
			for _, check := range checks {
				runtime.KeepAlive(check())
			}
		}},
	}, nil
}

// issueToken compares issuing an access token with signing the same bytes alone.
func issueToken(s scheme, err error) (pair, error) {
	if err != nil {
		return pair{}, err
	}
	var all []token.Claims
	var inputs [][]byte
	for i := range tokens {
		c := claims(i)
		t, err := s.key.Sign(context.Background(), c)
		if err != nil {
			return pair{}, err
		}
		input, _, err := cut(t)
		if err != nil {
			return pair{}, err
		}
		if err := s.sign(input); err != nil {
			return pair{}, err
		}
		all, inputs = append(all, c), append(inputs, input)
	}
	return pair{
		ours: side{tokens, func() {
			for _, c := range all {
				t, err := s.key.Sign(context.Background(), c)
				runtime.KeepAlive(t)
				runtime.KeepAlive(err)
			}
		}},
		yard: side{tokens, func() {
			for _, input := range inputs {
				runtime.KeepAlive(s.sign(input))
			}
		}},
	}, nil
}

const issuer = "https://app.example"

// claims is what an access token of ours says, cut down to ten permissions.
func claims(i int) token.Claims {
	c := token.Claims{
		Issuer: issuer, Subject: "sa_01j9z3k7w8x4v5n6m7b8c9d0ef", Audience: []string{issuer},
		IssuedAt: issuedAt.Unix(), NotBefore: issuedAt.Unix(), Expiry: issuedAt.Add(10 * time.Minute).Unix(),
		ID: fmt.Sprintf("%032x", i), ClientID: "sa_01j9z3k7w8x4v5n6m7b8c9d0ef",
		Org: "or_01j9z3k7w8x4v5n6m7b8c9d0eg", Credential: "cr_01j9z3k7w8x4v5n6m7b8c9d0eh",
		Incarnation: "in_01j9z3k7w8x4v5n6m7b8c9d0ej", Revision: 123_456,
	}
	for n := range 10 {
		c.Permissions = append(c.Permissions, fmt.Sprintf("resource%02d:verb%d", i%12, n))
	}
	return c
}

// cut takes a token apart into what is signed and the signature.
func cut(t string) (input, signature []byte, err error) {
	dot := strings.LastIndexByte(t, '.')
	if dot < 0 {
		return nil, nil, fmt.Errorf("no JWS: %q", t)
	}
	signature, err = base64.RawURLEncoding.DecodeString(t[dot+1:])
	return []byte(t[:dot]), signature, err
}
