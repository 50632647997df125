package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/claviger-go/claviger/token"
)

// The keys only measure.
const (
	seed      = "a key that only measures, 32 byt"
	otherSeed = "another key, that signs in vain."
)

// newKeyPair makes the same key each time.
func newKeyPair(algorithm, seed string) (keyPair, error) {
	k := keyPair{algorithm: algorithm}
	switch algorithm {
	case "EdDSA":
		k.private = ed25519.NewKeyFromSeed([]byte(seed))
	case "ES256":
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(seed))
		if err != nil {
			return keyPair{}, err
		}
		k.private = private
	default:
		return keyPair{}, fmt.Errorf("no algorithm %q", algorithm)
	}
	public, err := token.NewPublicKey(k.private.Public())
	k.id = public.Thumbprint()
	return k, err
}

// bare is a token taken apart beforehand, so that only the signature operation is left, with the digest that belongs to it.
type bare struct {
	input, signature []byte
	r, s             *big.Int // of ES256
}

func newBare(raw string) (bare, error) {
	dot := strings.LastIndexByte(raw, '.')
	if dot < 0 {
		return bare{}, errors.New("not a token")
	}
	signature, err := base64.RawURLEncoding.DecodeString(raw[dot+1:])
	if err != nil || len(signature) != 64 {
		return bare{}, fmt.Errorf("a signature of %d bytes: %w", len(signature), err)
	}
	return bare{
		input: []byte(raw[:dot]), signature: signature,
		r: new(big.Int).SetBytes(signature[:32]), s: new(big.Int).SetBytes(signature[32:]),
	}, nil
}

func (b bare) verify(public crypto.PublicKey) bool {
	switch key := public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, b.input, b.signature)
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(b.input)
		return ecdsa.Verify(key, digest[:], b.r, b.s)
	}
	return false
}

func (b bare) sign(private crypto.Signer) error {
	switch key := private.(type) {
	case ed25519.PrivateKey:
		if len(ed25519.Sign(key, b.input)) == 0 {
			return errors.New("no signature")
		}
		return nil
	case *ecdsa.PrivateKey:
		digest := sha256.Sum256(b.input)
		_, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		return err
	}
	return errors.New("unknown kind of key")
}

// forge signs the header and claims of a token again, with another key of the same kind.
func forge(algorithm, raw string) (string, error) {
	other, err := newKeyPair(algorithm, otherSeed)
	if err != nil {
		return "", err
	}
	b, err := newBare(raw)
	if err != nil {
		return "", err
	}
	var signature []byte
	switch key := other.private.(type) {
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, b.input)
	case *ecdsa.PrivateKey:
		digest := sha256.Sum256(b.input)
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return "", err
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	return string(b.input) + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
