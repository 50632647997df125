package vectors

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/claviger-go/claviger/token"
)

// webTokens verifies JWS under a key or a set of keys, as the assertions of a client that has registered them. A case is accepted if the
// token is found good up to its claims, which it does not have: that is told from the error, since claims are read last, after the signature.
func webTokens(t *testing.T, g *group, judge func(*vector, bool)) {
	byID := groupKeys(t, keysOf(g))
	policy := token.AssertionPolicy{Audience: "https://app.example"}
	for _, v := range g.Tests {
		raw := v.JWS
		if len(raw) == 0 {
			raw = v.JWE
		}
		var compact string
		if json.Unmarshal(raw, &compact) != nil {
			compact = string(raw) // the JSON serialization, as it is
		}
		_, err := policy.Verify(compact, func(kid string) (token.PublicKey, error) { return byID[kid], nil }, time.Unix(1_800_000_000, 0))
		if err == nil {
			t.Errorf("case %d is an assertion", v.ID)
		}
		var e *token.Error
		judge(v, errors.As(err, &e) && e.Kind == token.ErrFormat && e.Field == "claims")
	}
}

// groupKeys reads a JWK or a JWK Set, and gives no key of a set that is not acceptable as a whole.
func groupKeys(t *testing.T, text json.RawMessage) map[string]token.PublicKey {
	var set struct {
		Keys []json.RawMessage
	}
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{text}
	} else if _, err := token.ParseKeySet(text); err != nil {
		return nil
	}
	byID := map[string]token.PublicKey{}
	for _, text := range set.Keys {
		var named struct{ Kid string }
		if err := json.Unmarshal(text, &named); err != nil {
			t.Fatal(err)
		}
		if k, err := token.ParseJWK(text); err == nil {
			byID[named.Kid] = k
		}
	}
	return byID
}
