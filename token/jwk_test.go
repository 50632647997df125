package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestParseJWK(t *testing.T) {
	base := func(key any) map[string]string {
		m := map[string]string{}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(mustPublic(t, key).JWK(), &raw); err != nil {
			t.Fatal(err)
		}
		for k, v := range raw {
			m[k] = string(v)
		}
		return m
	}
	ed, ec, r := base(ed25519Key().Public()), base(p521Key().Public()), base(rsaKey().Public())
	pad := func(v string, zeros int) string { // the same number with leading zeros
		b := must(base64.RawURLEncoding.DecodeString(strings.Trim(v, `"`)))
		return `"` + b64(string(append(make([]byte, zeros), b...))) + `"`
	}
	for name, c := range map[string]struct {
		jwk  string
		want error
	}{
		"Ed25519":            {object(ed), nil},
		"P-521":              {object(ec), nil},
		"RSA":                {object(r), nil},
		"use, kid, ops":      {object(with(with(with(ed, "use", `"sig"`), "kid", `"x"`), "key_ops", `["verify"]`)), nil},
		"sign and verify":    {object(with(ed, "key_ops", `["sign","verify"]`)), nil},
		"unknown member":     {object(with(ed, "ext", "true")), nil},
		"alg EdDSA":          {object(with(ed, "alg", `"EdDSA"`)), nil},
		"alg ES512":          {object(with(ec, "alg", `"ES512"`)), nil},
		"alg of another key": {object(with(ec, "alg", `"ES256"`)), ErrAlgorithm},
		"alg none":           {object(with(ed, "alg", `"none"`)), ErrAlgorithm},
		"alg empty":          {object(with(ed, "alg", `""`)), ErrFormat},
		"alg null":           {object(with(ed, "alg", "null")), ErrFormat},
		"use enc":            {object(with(ed, "use", `"enc"`)), ErrPurpose},
		"use null":           {object(with(ed, "use", "null")), ErrFormat},
		"no verify":          {object(with(ed, "key_ops", `["sign"]`)), ErrPurpose},
		"no operation":       {object(with(ed, "key_ops", `[]`)), ErrPurpose},
		"an operation twice": {object(with(ed, "key_ops", `["verify","verify"]`)), ErrFormat},
		"operation as text":  {object(with(ed, "key_ops", `"verify"`)), ErrFormat},
		"e of another type":  {object(with(ec, "e", `"AQAB"`)), nil},
		"e that is none":     {object(with(ec, "e", `"0"`)), ErrFormat},
		"y of another type":  {object(with(ed, "y", `"AA=="`)), ErrFormat},
		"x5c":                {object(with(ed, "x5c", `[]`)), ErrFormat},
		"x5u":                {object(with(ed, "x5u", `"https://x"`)), ErrFormat},
		"kty missing":        {object(with(ed, "kty", "")), ErrFormat},
		"kty case":           {object(with(ed, "kty", `"okp"`)), ErrUnsupportedKey},
		"oct":                {`{"kty":"oct","k":"AAAA"}`, ErrPrivateKey},
		"Ed448":              {object(with(ed, "crv", `"Ed448"`)), ErrUnsupportedKey},
		"X25519":             {object(with(ed, "crv", `"X25519"`)), ErrUnsupportedKey},
		"P-224":              {object(with(ec, "crv", `"P-224"`)), ErrUnsupportedKey},
		"secp256k1":          {object(with(ec, "crv", `"secp256k1"`)), ErrUnsupportedKey},
		"wrong curve":        {object(with(ec, "crv", `"P-384"`)), ErrFormat},
		"off the curve":      {object(with(ec, "x", ec["y"])), ErrWeakKey},
		"x missing":          {object(with(ed, "x", "")), ErrFormat},
		"y missing":          {object(with(ec, "y", "")), ErrFormat},
		"x null":             {object(with(ed, "x", "null")), ErrFormat},
		"x longer":           {object(with(ec, "x", pad(ec["x"], 1))), ErrFormat},
		"x padded":           {object(with(ed, "x", `"`+strings.Trim(ed["x"], `"`)+`="`)), ErrFormat},
		"n with a zero":      {object(with(r, "n", pad(r["n"], 1))), ErrFormat},
		"e with a zero":      {object(with(r, "e", `"AAEAAQ"`)), ErrFormat},
		"e = 3":              {object(with(r, "e", `"Aw"`)), ErrWeakKey},
		"e huge":             {object(with(r, "e", `"AQAAAAAB"`)), ErrWeakKey},
		"e = 2^31+1":         {object(with(r, "e", `"gAAAAQ"`)), ErrWeakKey},
		"n missing":          {object(with(r, "n", "")), ErrFormat},
		"private":            {object(with(ed, "d", `"AAAA"`)), ErrPrivateKey},
		"private RSA":        {object(with(r, "dp", `"AAAA"`)), ErrPrivateKey},
		"private and broken": {`{"kty":"OKP","d":"AA","x":`, ErrPrivateKey},
		"private ML-DSA":     {`{"kty":"AKP","alg":"ML-DSA-44","priv":"AA"}`, ErrPrivateKey},
		"duplicate":          {object(ed)[:len(object(ed))-1] + `,"x":` + ed["x"] + `}`, ErrFormat},
		"a set":              {`{"keys":[` + object(ed) + `]}`, ErrFormat},
		"array":              {`[` + object(ed) + `]`, ErrFormat},
		"PEM":                {string(mustPublic(t, ed25519Key().Public()).PEM()), ErrFormat},
		"empty":              {"", ErrFormat},
		"long":               {object(with(ed, "y", `"`+strings.Repeat("A", 17<<10)+`"`)), ErrFormat},
	} {
		k, err := ParseJWK([]byte(c.jwk))
		if !errors.Is(err, c.want) || (err == nil) == k.IsZero() {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	k, err := ParseJWK([]byte(object(with(r, "alg", `"PS256"`))))
	if err != nil || !slices.Equal(k.Algorithms(), []string{"PS256"}) {
		t.Errorf("alg does not restrict: %v, %v", k.Algorithms(), err)
	}
	k, err = ParseJWK([]byte(object(with(ed, "alg", `"Ed25519"`))))
	if err != nil || !slices.Equal(k.Algorithms(), []string{"EdDSA", "Ed25519"}) {
		t.Errorf("one of two names: %v, %v", k.Algorithms(), err)
	}
}

// Thumbprints are those of go-jose, also when a coordinate begins with zeros.
func TestSec21_Thumbprint(t *testing.T) {
	keys := []crypto.PublicKey{ed25519Key().Public(), p384Key().Public(), p521Key().Public(), rsaKey().Public()}
	for zeros := 0; zeros < 2; {
		k := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).Public().(*ecdsa.PublicKey)
		if point := must(k.Bytes()); point[1] == 0 || point[33] == 0 {
			keys = append(keys, k)
			zeros++
		}
	}
	for _, key := range keys {
		sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		k := mustPublic(t, key)
		if k.Thumbprint() != base64.RawURLEncoding.EncodeToString(sum) {
			t.Errorf("%s: %s", k.Kind(), k.Thumbprint())
		}
		var theirs jose.JSONWebKey
		if err := theirs.UnmarshalJSON(k.JWK()); err != nil || !bytes.Equal(spki(theirs.Key), k.DER()) {
			t.Errorf("%s: go-jose reads our JWK as another key, %v", k.Kind(), err)
		}
	}
}

func TestSec26_JWKS(t *testing.T) {
	a, b := mustKey(t, AlgEdDSA, 1), mustKey(t, AlgES256, 2)
	one, err := NewKeySet(a.VerifyKey(), b.VerifyKey())
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewKeySet(b.VerifyKey(), a.VerifyKey())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.JWKS(), two.JWKS()) {
		t.Error("the order of the keys shows")
	}
	if _, err := NewKeySet(a.VerifyKey(), b.VerifyKey(), a.VerifyKey()); !errors.Is(err, ErrConfig) {
		t.Errorf("one kid twice: %v", err)
	}
	var raw struct{ Keys []map[string]string }
	if err := json.Unmarshal(one.JWKS(), &raw); err != nil {
		t.Fatal(err)
	}
	allowed := []string{"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}
	for _, k := range raw.Keys {
		for name := range k {
			if !slices.Contains(allowed, name) {
				t.Errorf("the set shows %q", name)
			}
		}
		if k["use"] != "sig" || k["kid"] == "" || k["alg"] == "" {
			t.Errorf("incomplete: %v", k)
		}
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(one.JWKS(), &set); err != nil || len(set.Keys) != 2 {
		t.Fatal(err)
	}
	for _, k := range []*SigningKey{a, b} {
		got := set.Key(k.ID())
		if len(got) != 1 || !got[0].Valid() || got[0].Algorithm != string(k.Algorithm()) || !bytes.Equal(spki(got[0].Key), k.Public().DER()) {
			t.Errorf("%s as go-jose reads it: %+v", k.ID(), got)
		}
	}
	for _, empty := range []*KeySet{nil, must(NewKeySet())} {
		if string(empty.JWKS()) != `{"keys":[]}` {
			t.Errorf("empty set: %s", empty.JWKS())
		}
	}
}

func TestNewKeySet(t *testing.T) {
	k := mustKey(t, AlgEdDSA, 1).VerifyKey()
	for name, c := range map[string]struct {
		keys []VerifyKey
		want error
	}{
		"one":             {[]VerifyKey{k}, nil},
		"other id":        {[]VerifyKey{k, {"x", k.Algorithm, k.Key}}, nil},
		"odd id":          {[]VerifyKey{{`"\`, k.Algorithm, k.Key}}, nil},
		"twice":           {[]VerifyKey{k, k}, ErrConfig},
		"one id":          {[]VerifyKey{{"a", AlgEdDSA, k.Key}, {"b", AlgEdDSA, k.Key}, {"a", AlgES256, mustKey(t, AlgES256, 1).Public()}}, ErrConfig},
		"no id":           {[]VerifyKey{{"", k.Algorithm, k.Key}}, ErrConfig},
		"long id":         {[]VerifyKey{{strings.Repeat("a", 129), k.Algorithm, k.Key}}, ErrConfig},
		"id not ASCII":    {[]VerifyKey{{"é", k.Algorithm, k.Key}}, ErrConfig},
		"no key":          {[]VerifyKey{{"a", k.Algorithm, PublicKey{}}}, ErrAlgorithm},
		"no algorithm":    {[]VerifyKey{{"a", "", k.Key}}, ErrAlgorithm},
		"wrong algorithm": {[]VerifyKey{{"a", AlgES256, k.Key}}, ErrAlgorithm},
		"not for issuing": {[]VerifyKey{{"a", AlgRS256, mustPublic(t, rsaKey().Public())}}, ErrAlgorithm},
	} {
		s, err := NewKeySet(c.keys...)
		if !errors.Is(err, c.want) || (err == nil) == (s == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// The set does not change with the slice it was made from.
	keys := []VerifyKey{k}
	s := must(NewKeySet(keys...))
	before := s.JWKS()
	keys[0].ID = "x"
	if !bytes.Equal(before, s.JWKS()) {
		t.Error("the set changed")
	}
}

func FuzzJWK(f *testing.F) {
	for _, k := range clientKeys() {
		f.Add([]byte(mustPublic(f, k.key.Public()).JWK()))
	}
	f.Add([]byte(`{"kty":"OKP","crv":"Ed25519","x":"","key_ops":["verify"],"use":"sig"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseJWK(text)
		if (err == nil) == k.IsZero() {
			t.Fatalf("%v with %v", k, err)
		}
		if err != nil {
			return
		}
		var theirs jose.JSONWebKey
		if err := theirs.UnmarshalJSON(text); err != nil {
			t.Fatalf("accepted what go-jose does not: %v", err)
		}
		if !bytes.Equal(spki(theirs.Key), k.DER()) {
			t.Fatal("read another key than go-jose")
		}
		if again, err := ParseJWK(k.JWK()); err != nil || again.Thumbprint() != k.Thumbprint() {
			t.Fatalf("does not come back: %v", err)
		}
	})
}
