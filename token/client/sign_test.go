package client_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/claviger-go/claviger/token"
	"github.com/claviger-go/claviger/token/client"
)

// TestSign: what a workload signs is what a server verifies, for this purpose
// and issuer only.
func TestSign(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	message, err := token.ChallengeMessage("https://app.example", "abc")
	if err != nil {
		t.Fatal(err)
	}
	other, err := token.ChallengeMessage("https://other.example", "abc")
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[string]crypto.Signer{"EdDSA": ed25519.NewKeyFromSeed(make([]byte, 32)), "ES384": p384, "RS256": large} {
		s, err := client.Sign(key, token.PurposeLogin, message)
		if err != nil || s.Algorithm != want {
			t.Fatalf("%s: %+v, %v", want, s, err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		public, err := token.NewPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if err := public.Verify(token.PurposeLogin, token.Algorithm(s.Algorithm), message, raw); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if err := public.Verify(token.PurposePossession, token.Algorithm(s.Algorithm), message, raw); err == nil {
			t.Errorf("%s: good for another purpose", want)
		}
		if err := public.Verify(token.PurposeLogin, token.Algorithm(s.Algorithm), other, raw); err == nil {
			t.Errorf("%s: good for another issuer", want)
		}
	}
	if s, err := client.Sign(nil, token.PurposeLogin, message); s != (client.Signature{}) || !errors.Is(err, token.ErrConfig) {
		t.Errorf("no key: %+v, %v", s, err)
	}
	if _, err := client.Sign(large, "x", message); !errors.Is(err, token.ErrPurpose) {
		t.Errorf("no purpose: %v", err)
	}
}
