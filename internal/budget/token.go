package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/claviger-go/claviger/token"
)

const tokens = 64 // different tokens in a pass

// issuedAt is when the tokens of both rows are issued and verified.
var issuedAt = time.UnixMicro(instant)

// verifyEdDSA compares verifying an access token on first sight with checking the same signature alone.
func verifyEdDSA() (pair, error) {
	private, key, err := signingKey()
	if err != nil {
		return pair{}, err
	}
	keys, err := token.NewKeySet(key.VerifyKey())
	if err != nil {
		return pair{}, err
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{Issuer: issuer, Audience: issuer})
	if err != nil {
		return pair{}, err
	}
	public := private.Public().(ed25519.PublicKey)
	var raw []string
	var inputs, signatures [][]byte
	for i := range tokens {
		t, err := key.Sign(context.Background(), claims(i))
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
		if !ed25519.Verify(public, input, signature) {
			return pair{}, fmt.Errorf("the raw signature of token %d does not verify", i)
		}
		raw, inputs, signatures = append(raw, t), append(inputs, input), append(signatures, signature)
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
			for i, input := range inputs {
				runtime.KeepAlive(ed25519.Verify(public, input, signatures[i]))
			}
		}},
	}, nil
}

// issueEdDSA compares issuing an access token with signing the same bytes alone.
func issueEdDSA() (pair, error) {
	private, key, err := signingKey()
	if err != nil {
		return pair{}, err
	}
	var all []token.Claims
	var inputs [][]byte
	for i := range tokens {
		c := claims(i)
		t, err := key.Sign(context.Background(), c)
		if err != nil {
			return pair{}, err
		}
		input, _, err := cut(t)
		if err != nil {
			return pair{}, err
		}
		all, inputs = append(all, c), append(inputs, input)
	}
	return pair{
		ours: side{tokens, func() {
			for _, c := range all {
				t, err := key.Sign(context.Background(), c)
				runtime.KeepAlive(t)
				runtime.KeepAlive(err)
			}
		}},
		yard: side{tokens, func() {
			for _, input := range inputs {
				runtime.KeepAlive(ed25519.Sign(private, input))
			}
		}},
	}, nil
}

const issuer = "https://app.example"

// signingKey gives the same key twice: raw for the yardstick, and as ours.
func signingKey() (ed25519.PrivateKey, *token.SigningKey, error) {
	private := ed25519.NewKeyFromSeed([]byte("a key that only measures, 32 byte"[:ed25519.SeedSize]))
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	key, err := token.ParseSigningKey(token.AlgEdDSA, der)
	return private, key, err
}

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
