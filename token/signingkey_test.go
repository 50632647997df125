package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestSigningKey(t *testing.T) {
	for alg, kind := range map[Algorithm]string{AlgEdDSA: "Ed25519", AlgES256: "P-256"} {
		k := mustKey(t, alg, 1)
		if k.Algorithm() != alg || k.Public().Kind() != kind || k.ID() != k.Public().Thumbprint() {
			t.Errorf("%s: %s %s %s", alg, k.Algorithm(), k.Public().Kind(), k.ID())
		}
		if mustKey(t, alg, 1).ID() != k.ID() || mustKey(t, alg, 2).ID() == k.ID() {
			t.Errorf("%s: the key does not come from its source of randomness", alg)
		}
		if v := k.VerifyKey(); v.ID != k.ID() || v.Algorithm != alg || v.Key.Thumbprint() != k.ID() {
			t.Errorf("%s: %+v", alg, v)
		}
		a, err := GenerateSigningKey(alg, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := GenerateSigningKey(alg, nil)
		if err != nil || a.ID() == b.ID() {
			t.Errorf("%s: two new keys are one, %v", alg, err)
		}
		der, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseSigningKey(alg, der)
		if err != nil || back.ID() != k.ID() {
			t.Fatalf("%s: %v", alg, err)
		}
		raw, err := back.Sign(t.Context(), tenClaims())
		if err != nil {
			t.Fatal(err)
		}
		keys := must(NewKeySet(k.VerifyKey()))
		v := must(NewVerifier(VerifierConfig{Issuer: testIssuer, Audience: testIssuer}))
		if _, err := v.Verify(keys, raw, testNow); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if _, err := GenerateSigningKey(alg, strings.NewReader("too short")); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s from a short source: %v", alg, err)
		}
	}
	// A text above the order of the curve is not a key; the next one is.
	source := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{0xff}, 32)), bytes.NewReader(make([]byte, 32)), bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	k, err := GenerateSigningKey(AlgES256, source)
	if err != nil || !k.private().(*ecdsa.PrivateKey).Equal(must(ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32)))) {
		t.Errorf("%v", err)
	}
	for _, alg := range []Algorithm{"", "none", AlgEd25519, AlgES384, AlgRS256, AlgPS512, "HS256", "eddsa"} {
		if k, err := GenerateSigningKey(alg, nil); k != nil || !errors.Is(err, ErrAlgorithm) {
			t.Errorf("%q: %v", alg, err)
		}
	}
}

func TestParseSigningKeyRefuses(t *testing.T) {
	pkcs8 := func(k any) []byte { return must(x509.MarshalPKCS8PrivateKey(k)) }
	ed := pkcs8(ed25519Key())
	for name, c := range map[string]struct {
		alg  Algorithm
		der  []byte
		want error
	}{
		"nothing":         {AlgEdDSA, nil, ErrFormat},
		"public":          {AlgEdDSA, spki(ed25519Key().Public()), ErrFormat},
		"trailing":        {AlgEdDSA, append(bytes.Clone(ed), 0), ErrFormat},
		"cut":             {AlgEdDSA, ed[:40], ErrFormat},
		"other algorithm": {AlgES256, ed, ErrAlgorithm},
		"other curve":     {AlgES256, pkcs8(p384Key()), ErrAlgorithm},
		"RSA":             {AlgEdDSA, pkcs8(rsaKey()), ErrAlgorithm},
		"RSA as RS256":    {AlgRS256, pkcs8(rsaKey()), ErrAlgorithm},
		"ES384":           {AlgES384, pkcs8(p384Key()), ErrAlgorithm},
		"X25519":          {AlgEdDSA, pkcs8(must(ecdhKey())), ErrAlgorithm},
		"P-224":           {AlgES256, pkcs8(must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))), ErrUnsupportedKey},
	} {
		k, err := ParseSigningKey(c.alg, c.der)
		if k != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Signatures of ES256 have a fixed width even when R or S begins with zeros.
func TestSignatureWidth(t *testing.T) {
	key := mustKey(t, AlgES256, 3)
	keys := must(NewKeySet(key.VerifyKey()))
	v := must(NewVerifier(VerifierConfig{Issuer: testIssuer, Audience: testIssuer}))
	short := 0
	for range 1200 {
		raw, err := key.Sign(t.Context(), tenClaims())
		if err != nil {
			t.Fatal(err)
		}
		sig, ok := decodeSegment(raw[strings.LastIndexByte(raw, '.')+1:])
		if !ok || len(sig) != 64 {
			t.Fatalf("signature of %d bytes", len(sig))
		}
		if sig[0] == 0 || sig[32] == 0 {
			short++
			if _, err := v.Verify(keys, raw, testNow); err != nil {
				t.Fatal(err)
			}
		}
	}
	if short == 0 { // 1 in 12,000 runs
		t.Error("no short R or S occurred")
	}
}

// An algorithm verifies with its own kind of key only, even if nobody asked before whether it is one of the key's.
func TestAlgorithmAndKey(t *testing.T) {
	for kind, k := range clientKeys() {
		for _, signed := range k.algs {
			signature := forgeSignature(signed, k.key, "message")
			for _, a := range append(allAlgorithms, "", "none", "HS256") {
				same := a == signed || kind == "Ed25519" && (a == AlgEdDSA || a == AlgEd25519)
				if a.verify(k.key.Public(), []byte("message"), signature) != same {
					t.Errorf("signed as %s, verified as %q: %v", signed, a, !same)
				}
			}
		}
	}
	if AlgEdDSA.verify("?", nil, nil) || AlgEdDSA.verify(nil, nil, nil) {
		t.Error("no key verifies")
	}
}

// Two signatures under one header do not help each other: keys of one set verify their own tokens only.
func TestSec25_KeysOfASet(t *testing.T) {
	a, b, c := mustKey(t, AlgEdDSA, 1), mustKey(t, AlgES256, 2), mustKey(t, AlgEdDSA, 3)
	keys := must(NewKeySet(a.VerifyKey(), b.VerifyKey()))
	v := must(NewVerifier(VerifierConfig{Issuer: testIssuer, Audience: testIssuer}))
	for k, want := range map[*SigningKey]error{a: nil, b: nil, c: ErrUnknownKey} {
		raw, err := k.Sign(t.Context(), tenClaims())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(keys, raw, testNow); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	raw, err := c.Sign(t.Context(), tenClaims())
	if err != nil {
		t.Fatal(err)
	}
	_, p, s := segmentsOf(raw)
	if _, err := v.Verify(keys, a.header+"."+p+"."+s, testNow); !errors.Is(err, ErrSignature) {
		t.Errorf("%v", err)
	}
	if _, ok := a.private().(ed25519.PrivateKey); !ok {
		t.Error("not an Ed25519 key")
	}
}
