package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// service is a key that is kept elsewhere.
type service struct {
	key    crypto.Signer
	public crypto.PublicKey                                            // instead of that of key
	answer func(ctx context.Context, signature []byte) ([]byte, error) // instead of the signature
}

func (s service) Public() crypto.PublicKey {
	if s.public != nil {
		return s.public
	}
	return s.key.Public()
}

func (s service) Sign(ctx context.Context, input []byte, hash crypto.Hash) ([]byte, error) {
	signature, err := s.key.Sign(rand.Reader, input, hash)
	if s.answer != nil && err == nil {
		return s.answer(ctx, signature)
	}
	return signature, err
}

func kept(alg Algorithm) service {
	if alg == AlgES256 {
		return service{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return service{key: key}
}

// TestSec24_Signer: tokens of a key that is kept elsewhere are like any others, in whichever form it gives its signatures.
func TestSec24_Signer(t *testing.T) {
	v := must(NewVerifier(VerifierConfig{Issuer: testIssuer, Audience: testIssuer}))
	raw := func(_ context.Context, der []byte) ([]byte, error) { return rawECDSA(der, 32) }
	for name, c := range map[string]struct {
		alg    Algorithm
		answer func(context.Context, []byte) ([]byte, error)
	}{
		"EdDSA": {AlgEdDSA, nil}, "ES256, DER": {AlgES256, nil}, "ES256, R and S": {AlgES256, raw},
	} {
		s := kept(c.alg)
		s.answer = c.answer
		k, err := NewSigningKeyFrom(c.alg, s)
		if err != nil {
			t.Fatal(name, err)
		}
		if !k.Remote() || k.Algorithm() != c.alg || mustKey(t, c.alg, 1).Remote() {
			t.Errorf("%s: %v %v", name, k.Remote(), k.Algorithm())
		}
		if err := errors.Join(k.Probe(t.Context()), mustKey(t, c.alg, 1).Probe(t.Context())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for range 50 {
			text, err := k.Sign(t.Context(), tenClaims())
			if err != nil {
				t.Fatal(name, err)
			}
			if _, err := v.Verify(must(NewKeySet(k.VerifyKey())), text, testNow); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if der, err := k.Marshal(); der != nil || !errors.Is(err, ErrUnsupportedKey) {
			t.Errorf("%s: Marshal: %x, %v", name, der, err)
		}
		if text := fmt.Sprintf("%v %+v %#v %s %d", k, k, k, k, k); strings.Trim(text, "[]redact ") != "" {
			t.Errorf("%s prints as %s", name, text)
		}
	}
}

// TestSec24_BadSigner: whatever is wrong with a signer, there is no token.
func TestSec24_BadSigner(t *testing.T) {
	broken := errors.New("out of order")
	answers := map[string]struct {
		answer func(context.Context, []byte) ([]byte, error)
		want   error
	}{
		"an error":                 {func(context.Context, []byte) ([]byte, error) { return nil, broken }, ErrUnavailable},
		"an error and a signature": {func(_ context.Context, s []byte) ([]byte, error) { return s, broken }, ErrUnavailable},
		"nothing":                  {func(context.Context, []byte) ([]byte, error) { return nil, nil }, ErrSignature},
		"zeros":                    {func(context.Context, []byte) ([]byte, error) { return make([]byte, 64), nil }, ErrSignature},
		"cut":                      {func(_ context.Context, s []byte) ([]byte, error) { return s[:len(s)-1], nil }, ErrSignature},
		"trailing":                 {func(_ context.Context, s []byte) ([]byte, error) { return append(s, 0), nil }, ErrSignature},
		"a flipped bit":            {func(_ context.Context, s []byte) ([]byte, error) { s[len(s)-1] ^= 1; return s, nil }, ErrSignature},
		"twice":                    {func(_ context.Context, s []byte) ([]byte, error) { return append(s, s...), nil }, ErrSignature},
	}
	for _, alg := range []Algorithm{AlgEdDSA, AlgES256} {
		good := kept(alg)
		for name, c := range answers {
			s := good
			s.answer = c.answer
			noToken(t, string(alg)+": "+name, s, alg, c.want)
		}
		other := good
		other.public = kept(alg).Public()
		noToken(t, string(alg)+": another key than it says", other, alg, ErrSignature)
		padded := good
		padded.answer = func(_ context.Context, s []byte) ([]byte, error) { return bytes.TrimLeft(s, "\x00"), nil }
		if alg == AlgES256 {
			padded.answer = func(_ context.Context, der []byte) ([]byte, error) {
				raw, err := rawECDSA(der, 32)
				return append([]byte{0}, raw...), err
			}
			noToken(t, "R and S of another width", padded, alg, ErrSignature)
		}
	}
}

func noToken(t *testing.T, name string, s Signer, alg Algorithm, want error) {
	t.Helper()
	k, err := NewSigningKeyFrom(alg, s)
	if err != nil {
		t.Fatal(name, err)
	}
	if text, err := k.Sign(t.Context(), tenClaims()); text != "" || !errors.Is(err, want) {
		t.Errorf("%s: %q, %v, want %v", name, text, err, want)
	}
	if err := k.Probe(t.Context()); !errors.Is(err, want) {
		t.Errorf("%s: probing: %v", name, err)
	}
}

// TestSec24_HangingSigner: a signer that does not answer is given up, by the caller or after a while, and what it says then is not used.
func TestSec24_HangingSigner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := kept(AlgEdDSA)
		s.answer = func(ctx context.Context, signature []byte) ([]byte, error) {
			<-ctx.Done()
			return signature, nil
		}
		k := must(NewSigningKeyFrom(AlgEdDSA, s))
		began := time.Now()
		if text, err := k.Sign(t.Context(), tenClaims()); text != "" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q, %v", text, err)
		}
		if took := time.Since(began); took != signWait {
			t.Errorf("it took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if text, err := k.Sign(ctx, tenClaims()); text != "" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q, %v", text, err)
		}
		if took := time.Since(began); took != signWait+time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestNewSigningKeyFromRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		alg    Algorithm
		public crypto.PublicKey
		want   error
	}{
		"EdDSA for ES256": {AlgES256, ed25519Key().Public(), ErrAlgorithm},
		"P-256 for EdDSA": {AlgEdDSA, kept(AlgES256).Public(), ErrAlgorithm},
		"P-384":           {AlgES256, p384Key().Public(), ErrAlgorithm},
		"ES384":           {AlgES384, p384Key().Public(), ErrAlgorithm},
		"RSA":             {AlgRS256, rsaKey().Public(), ErrAlgorithm},
		"RSA for EdDSA":   {AlgEdDSA, rsaKey().Public(), ErrAlgorithm},
		"none":            {"none", ed25519Key().Public(), ErrAlgorithm},
		"a private key":   {AlgEdDSA, ed25519Key(), ErrPrivateKey},
		"no key":          {AlgEdDSA, (*rsa.PublicKey)(nil), ErrUnsupportedKey},
		"a text":          {AlgEdDSA, "key", ErrUnsupportedKey},
		"low order":       {AlgEdDSA, ed25519.PublicKey(make([]byte, 32)), ErrWeakKey},
	} {
		k, err := NewSigningKeyFrom(c.alg, service{public: c.public})
		if k != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if k, err := NewSigningKeyFrom(AlgEdDSA, nil); k != nil || !errors.Is(err, ErrConfig) {
		t.Errorf("nil: %v", err)
	}
}
