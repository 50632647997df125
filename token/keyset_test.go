package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// jwkWith is a key of ours as a JWK with more members, as raw JSON.
func jwkWith(key PublicKey, members string) string {
	return strings.TrimSuffix(string(key.JWK()), "}") + members + "}"
}

func TestParseKeySet(t *testing.T) {
	ed, p256 := mustPublic(t, ed25519Key().Public()), mustPublic(t, p256Key().Public())
	p384, rsa := mustPublic(t, p384Key().Public()), mustPublic(t, rsaKey().Public())
	a, b := jwkWith(ed, `,"kid":"a"`), jwkWith(p256, `,"kid":"b","alg":"ES256","use":"sig"`)
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	hundred := make([]string, maxSetKeys)
	for i := range hundred {
		hundred[i] = fmt.Sprintf(`{"kty":"x","kid":"%d"}`, i)
	}
	for name, tt := range map[string]struct {
		text string
		kids string // of the keys that are left, in order
		kind error
	}{
		"both kinds":         {set(b, a), "a b", nil},
		"none":               {set(), "", nil},
		"other members":      {`{"x":{"keys":1},"keys":[` + a + `],"iss":"y"}`, "a", nil},
		"EdDSA by each name": {set(jwkWith(ed, `,"kid":"1","alg":"EdDSA"`), jwkWith(ed, `,"kid":"2","alg":"Ed25519"`)), "1 2", nil},
		"100 keys":           {set(hundred...), "", nil},

		// Left out.
		"without kid":     {set(string(ed.JWK()), string(p256.JWK()), a), "a", nil},
		"kid not usable":  {set(jwkWith(ed, `,"kid":1`), jwkWith(ed, `,"kid":"a b"`), jwkWith(ed, `,"kid":""`), b), "b", nil},
		"for encryption":  {set(jwkWith(ed, `,"use":"enc","kid":"x"`), jwkWith(ed, `,"key_ops":["encrypt"],"kid":"y"`), a), "a", nil},
		"other kinds":     {set(`{"kty":"AKP","alg":"ML-DSA-44","kid":"m","pub":"AAAA"}`, `{"kty":"OKP","crv":"X25519","x":"AAAA","kid":"x"}`, `{}`, a), "a", nil},
		"other curve":     {set(jwkWith(p384, `,"kid":"c"`), a), "a", nil},
		"RSA":             {set(jwkWith(rsa, `,"kid":"r","alg":"RS256"`), a), "a", nil},
		"other algorithm": {set(jwkWith(p256, `,"kid":"c","alg":"ES384"`), a), "a", nil},
		"certificates":    {set(jwkWith(p256, `,"kid":"c","x5c":["AAAA"]`), a), "a", nil},
		"low order":       {set(`{"kty":"OKP","crv":"Ed25519","kid":"w","x":"`+strings.Repeat("A", 43)+`"}`, a), "a", nil},
		"off the curve":   {set(strings.Replace(b, `"y":"`, `"y":"AAAA`, 1), a), "a", nil},

		// Refused.
		"one kid":              {set(a, jwkWith(p256, `,"kid":"a"`)), "", ErrFormat},
		"one kid, other kind":  {set(a, `{"kty":"x","kid":"a"}`), "", ErrFormat},
		"one kid, escaped":     {set(a, jwkWith(p256, `,"kid":"\u0061"`)), "", ErrFormat},
		"one kid, unusable":    {set(a, jwkWith(p256, `,"use":"enc","kid":"a"`)), "", ErrFormat},
		"private":              {set(a, jwkWith(p256, `,"kid":"b","d":"AAAA"`)), "", ErrPrivateKey},
		"private, unusable":    {set(a, jwkWith(p256, `,"use":"enc","kid":"b","d":"AAAA"`)), "", ErrPrivateKey},
		"private, without kid": {set(a, jwkWith(rsa, `,"p":"AAAA"`)), "", ErrPrivateKey},
		"symmetric":            {set(a, `{"kty":"oct","kid":"s","k":"AAAA"}`), "", ErrPrivateKey},
		"101 keys":             {set(append(hundred, a)...), "", ErrFormat},
		"no keys":              {`{}`, "", ErrFormat},
		"not an array":         {`{"keys":` + a + `}`, "", ErrFormat},
		"not objects":          {`{"keys":["a"]}`, "", ErrFormat},
		"null":                 {`{"keys":null}`, "", ErrFormat},
		"one key alone":        {a, "", ErrFormat},
		"twice":                {`{"keys":[],"keys":[` + a + `]}`, "", ErrFormat},
		"member twice":         {set(jwkWith(ed, `,"kid":"a","kid":"b"`)), "", ErrFormat},
		"more after it":        {set(a) + "{}", "", ErrFormat},
		"not UTF-8":            {set(a, "{\"kid\":\"\xff\"}"), "", ErrFormat},
		"too deep":             {set(`{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}"), "", ErrFormat},
		"too long":             {set(a) + strings.Repeat(" ", maxKeySet), "", ErrFormat},
		"comma after the last": {`{"keys":[` + a + `,]}`, "", ErrFormat},
		"nothing":              {"", "", ErrFormat},
	} {
		s, err := ParseKeySet([]byte(tt.text))
		if !errors.Is(err, tt.kind) || (err == nil) != (s != nil) {
			t.Errorf("%s: %v, %v; want %v", name, s, err, tt.kind)
			continue
		}
		if err != nil {
			continue
		}
		var kids []string
		for _, k := range s.ordered {
			kids = append(kids, k.ID)
		}
		if got := strings.Join(kids, " "); got != tt.kids {
			t.Errorf("%s: keys %q, want %q", name, got, tt.kids)
		}
	}
}

// What JWKS writes comes back, and verifies what the keys sign.
func TestKeySetComesBack(t *testing.T) {
	ed, es := mustKey(t, AlgEdDSA, 1), mustKey(t, AlgES256, 2)
	set := must(ParseKeySet(must(NewKeySet(ed.VerifyKey(), es.VerifyKey())).JWKS()))
	v := must(NewVerifier(VerifierConfig{Issuer: testIssuer, Audience: testIssuer}))
	for _, k := range []*SigningKey{ed, es} {
		c := tenClaims()
		c.Issuer, c.Audience = testIssuer, []string{testIssuer}
		if _, err := v.Verify(set, must(k.Sign(t.Context(), c)), testNow); err != nil {
			t.Errorf("%s: %v", k.Algorithm(), err)
		}
	}
}

func FuzzKeySet(f *testing.F) {
	set := must(NewKeySet(mustKey(f, AlgEdDSA, 1).VerifyKey(), mustKey(f, AlgES256, 2).VerifyKey()))
	f.Add(set.JWKS())
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kid":"a"},{"kid":"\u0061"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseKeySet(text)
		if (err == nil) != (s != nil) {
			t.Fatalf("%v with %v", s, err)
		}
		if err != nil {
			return
		}
		again, err := ParseKeySet(s.JWKS())
		if err != nil || !bytes.Equal(again.JWKS(), s.JWKS()) {
			t.Fatalf("does not come back: %v", err)
		}
		// Every key that is left is one that go-jose reads under its kid, too.
		var set map[string]json.RawMessage
		var texts []json.RawMessage
		if json.Unmarshal(text, &set) != nil || json.Unmarshal(set["keys"], &texts) != nil {
			t.Fatal("accepted what is not a set to others")
		}
		theirs := map[string]any{}
		for _, text := range texts {
			var key jose.JSONWebKey
			if key.UnmarshalJSON(text) == nil {
				theirs[key.KeyID] = key.Key
			}
		}
		for _, k := range s.ordered {
			if found := theirs[k.ID]; found == nil || !bytes.Equal(spki(found), k.Key.DER()) {
				t.Fatalf("go-jose reads %v for %q", found, k.ID)
			}
		}
	})
}
