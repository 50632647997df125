package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
)

// This file is the attacker, or the clumsy client: it signs whatever it is told to.

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs a header and a payload as they are given, with an algorithm that may have nothing to do with either.
func forge(alg Algorithm, key any, header, payload string) string {
	input := b64(header) + "." + b64(payload)
	return input + "." + b64(string(forgeSignature(alg, key, input)))
}

func forgeSignature(alg Algorithm, key any, input string) []byte {
	digest := alg.digest([]byte(input))
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(k, []byte(input))
	case *ecdsa.PrivateKey:
		if alg.hash() == 0 {
			digest = AlgES256.digest([]byte(input))
		}
		return must(rawECDSA(must(ecdsa.SignASN1(rand.Reader, k, digest)), coordinateSize(k.Curve)))
	case *rsa.PrivateKey:
		hash := alg.hash()
		if hash == 0 {
			hash, digest = crypto.SHA256, AlgRS256.digest([]byte(input))
		}
		if strings.HasPrefix(string(alg), "PS") {
			return must(rsa.SignPSS(rand.Reader, k, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		}
		return must(rsa.SignPKCS1v15(rand.Reader, k, hash, digest))
	case []byte: // a symmetric key
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
	panic("no such key")
}

// object writes a JSON object of raw members.
func object(members map[string]string) string {
	raw := make(map[string]json.RawMessage, len(members))
	for k, v := range members {
		raw[k] = json.RawMessage(v)
	}
	return string(must(json.Marshal(raw)))
}

// with returns members changed in one place; an empty value removes the member.
func with(members map[string]string, name, value string) map[string]string {
	m := maps.Clone(members)
	if value == "" {
		delete(m, name)
	} else {
		m[name] = value
	}
	return m
}

const (
	testIssuer   = "https://app.example"
	testEndpoint = "https://app.example/oauth2/token"
	testAccount  = "sa_ci"
	testKeyID    = "cr_1"
)

// A good assertion and a good access token, as raw members.
func assertionHeader0() map[string]string {
	return map[string]string{"alg": `"EdDSA"`, "kid": `"cr_1"`, "typ": `"JWT"`}
}

func assertionClaims0() map[string]string {
	return map[string]string{
		"iss": `"sa_ci"`, "sub": `"sa_ci"`, "aud": `"https://app.example"`, "jti": `"j1"`,
		"iat": "1800000000", "exp": "1800000060",
	}
}

func accessClaims0() map[string]string {
	return map[string]string{
		"iss": `"https://app.example"`, "sub": `"sa_ci"`, "aud": `"https://api.example"`, "jti": `"j1"`, "client_id": `"sa_ci"`,
		"iat": "1800000000", "exp": "1800000600",
	}
}

// asker counts how often a key is asked for.
type asker struct {
	key  PublicKey
	kids []string
}

func (a *asker) find(kid string) (PublicKey, error) {
	a.kids = append(a.kids, kid)
	if kid != testKeyID {
		return PublicKey{}, nil
	}
	return a.key, nil
}

// checkAssertion verifies with the policy and key of the tests.
func checkAssertion(raw string, key any, now time.Time) (Assertion, *asker, error) {
	a := &asker{key: must(NewPublicKey(key))}
	got, err := AssertionPolicy{Audience: testIssuer}.Verify(raw, a.find, now)
	return got, a, err
}

// wantAssertionError forges an assertion from parts and expects it to be refused.
func wantAssertionError(t *testing.T, header, payload string, kind error) *asker {
	t.Helper()
	got, a, err := checkAssertion(forge(AlgEdDSA, ed25519Key(), header, payload), ed25519Key().Public(), testNow)
	if !errors.Is(err, kind) || got != (Assertion{}) {
		t.Errorf("%s %s: got %v, %v; want %v", header, payload, got, err, kind)
	}
	return a
}

// access is an issuer and its verifier.
type access struct {
	key  *SigningKey
	keys *KeySet
	v    *Verifier
}

func newAccess(t testing.TB, alg Algorithm) access {
	t.Helper()
	key := mustKey(t, alg, 7)
	keys, err := NewKeySet(key.VerifyKey())
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(VerifierConfig{Issuer: testIssuer, Audience: "https://api.example"})
	if err != nil {
		t.Fatal(err)
	}
	return access{key, keys, v}
}

// forge signs a payload with the issuer's own key and header.
func (a access) forge(payload string) string {
	input := a.key.header + "." + b64(payload)
	return input + "." + b64(string(forgeSignature(a.key.algorithm, a.key.private(), input)))
}

func (a access) want(t *testing.T, raw string, now time.Time, kind error) {
	t.Helper()
	c, err := a.v.Verify(a.keys, raw, now)
	if !errors.Is(err, kind) {
		t.Errorf("%.60s…: got %v, want %v", raw, err, kind)
	}
	if kind != nil && !zeroClaims(c) {
		t.Errorf("claims came with the error %v", err)
	}
	a.wantExpired(t, raw, now, err)
}

// wantExpired holds InsecureVerifyExpired to what Verify says: it accepts what has only
// expired, with the claims that were good before, and nothing else.
func (a access) wantExpired(t *testing.T, raw string, now time.Time, verified error) {
	t.Helper()
	c, err := a.v.InsecureVerifyExpired(a.keys, raw, now)
	switch {
	case errors.Is(verified, ErrExpired):
		good, _ := a.v.Verify(a.keys, raw, time.Unix(max(c.IssuedAt, c.NotBefore), 0))
		if err != nil || c.ID == "" || !reflect.DeepEqual(c, good) {
			t.Errorf("%.60s…: of the expired one %+v, %v; it was %+v", raw, c, err, good)
		}
	case verified == nil && !errors.Is(err, ErrClaim), verified != nil && !errors.Is(err, verified.(*Error).Kind), !zeroClaims(c):
		t.Errorf("%.60s…: as an expired one %+v, %v, where Verify said %v", raw, c, err, verified)
	}
}

func zeroClaims(c Claims) bool {
	return c.Issuer == "" && c.Subject == "" && c.ID == "" && c.Audience == nil && c.Expiry == 0 && c.IssuedAt == 0 &&
		c.ClientID == "" && c.Org == "" && c.Permissions == nil && c.Actor == nil && c.Revision == 0
}
