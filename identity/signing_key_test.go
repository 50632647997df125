package identity_test

import (
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// publishedKeys reads a JWKS as a foreign verifier would, and fails on
// anything in it that is not public.
func publishedKeys(t *testing.T, raw []byte) (set *token.KeySet, ids []string) {
	t.Helper()
	var doc struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var keys []token.VerifyKey
	for _, jwk := range doc.Keys {
		for member, value := range jwk {
			if !slices.Contains([]string{"kty", "crv", "x", "y", "kid", "use", "alg"}, member) {
				t.Errorf("JWKS has a member %q", member)
			}
			if _, ok := value.(string); !ok {
				t.Errorf("member %q is %v", member, value)
			}
		}
		if jwk["use"] != "sig" {
			t.Errorf("use is %v", jwk["use"])
		}
		id, alg := fmt.Sprint(jwk["kid"]), fmt.Sprint(jwk["alg"])
		if slices.Contains(ids, id) {
			t.Errorf("kid %s twice", id)
		}
		text := must(json.Marshal(jwk))(t)
		keys = append(keys, token.VerifyKey{ID: id, Algorithm: token.Algorithm(alg), Key: must(token.ParseJWK(text))(t)})
		ids = append(ids, id)
	}
	return must(token.NewKeySet(keys...))(t), ids
}

// TestSec25_KeyRing plays weeks with steps of random length and a restart now
// and then: every token verifies during its whole life, here and against the
// key set of any moment of that life or up to the caches' age before it, and no
// key signs before it has been published for twice that age.
func TestSec25_KeyRing(t *testing.T) {
	onOneGoroutine(t)
	for _, alg := range []token.Algorithm{token.AlgEdDSA, token.AlgES256} {
		t.Run(string(alg), func(t *testing.T) {
			seed := newSeed(t)
			rnd := mathrand.New(mathrand.NewPCG(seed, 25))
			w := open(t, with(func(c *identity.Config) { c.TokenAlgorithm, c.KeyPeriod = alg, 24*time.Hour }))
			org := w.org("acme")
			sa, key := w.service(org, "ci", "wallets:read")
			foreign := must(token.NewVerifier(token.VerifierConfig{Issuer: issuer, Audience: issuer}))(t)
			type issued struct {
				raw  string
				ends time.Time
			}
			var live []issued
			signed := map[string]bool{}
			published := map[string]time.Time{}
			cached, cachedAt := (*token.KeySet)(nil), time.Time{}
			began := w.clock.Now()
			for range 160 {
				set, ids := publishedKeys(t, must(w.id.JWKS(w.ctx))(t))
				now := w.clock.Now()
				for _, id := range ids {
					if _, known := published[id]; !known {
						published[id] = now
					}
				}
				if cached == nil || now.Sub(cachedAt) > identity.JWKSMaxAge {
					cached, cachedAt = set, now
				}
				live = slices.DeleteFunc(live, func(i issued) bool { return !i.ends.After(now) })
				for _, i := range live {
					if _, err := w.id.Authenticate(w.ctx, i.raw); err != nil {
						t.Fatalf("day %.1f: a token that ends in %s: %v", now.Sub(began).Hours()/24, i.ends.Sub(now), err)
					}
					for name, keys := range map[string]*token.KeySet{"fresh": set, "cached": cached} {
						if _, err := foreign.Verify(keys, i.raw, now); err != nil {
							t.Fatalf("day %.1f: a token that ends in %s, against the %s key set: %v", now.Sub(began).Hours()/24, i.ends.Sub(now), name, err)
						}
					}
				}
				got := must(w.id.ExchangeAssertion(w.ctx, w.assertion(sa.Key.ID, sa.ID, key), identity.TokenRequest{}))(t)
				live = append(live, issued{got.Token.Reveal(), got.ExpiresAt})
				for _, k := range w.id.SigningKeys() {
					if k.State != identity.KeyCurrent {
						continue
					}
					if first := len(signed) == 0; !signed[k.ID] && !first && now.Sub(published[k.ID]) < 2*identity.JWKSMaxAge {
						t.Fatalf("key %s signs %s after it was published", k.ID, now.Sub(published[k.ID]))
					}
					signed[k.ID] = true
				}
				if rnd.IntN(40) == 0 {
					before := must(w.id.JWKS(w.ctx))(t)
					w.reopen()
					if after := must(w.id.JWKS(w.ctx))(t); string(after) != string(before) {
						t.Fatalf("a restart changed the key set:\n%s\n%s", before, after)
					}
				}
				step := time.Duration(rnd.Int64N(int64(7 * time.Minute)))
				if rnd.IntN(6) == 0 { // to shortly before the next key signs, or past it
					for _, k := range w.id.SigningKeys() {
						if k.State == identity.KeyNext {
							step = max(step, k.SignsFrom.Sub(now)-time.Duration(rnd.Int64N(int64(20*time.Minute)))+2*time.Minute)
						}
					}
				}
				w.clock.advance(step)
			}
			days := w.clock.Now().Sub(began).Hours() / 24
			t.Logf("%d keys signed in %.0f days", len(signed), days)
			if len(signed) < 8 {
				t.Errorf("only %d keys signed", len(signed))
			}
			for _, k := range w.id.SigningKeys() {
				if k.State == identity.KeyRetired {
					t.Errorf("a retired key is in the ring: %s", k.ID)
				}
			}
		})
	}
}

// TestRingIsLogged: what happens to signing keys is in the system org's log,
// without the sealed halves.
func TestRingIsLogged(t *testing.T) {
	w := open(t)
	w.clock.advance(31 * 24 * time.Hour)
	must(w.id.JWKS(w.ctx))(t)
	verbs := map[string]int{}
	for _, e := range w.events(w.id.SystemOrg()) {
		if e.Noun != "signing-key" {
			continue
		}
		verbs[e.Verb]++
		for _, text := range [][]byte{e.Before, e.After} {
			var k identity.SigningKey
			if len(text) == 0 {
				continue
			}
			if err := json.Unmarshal(text, &k); err != nil {
				t.Fatal(err)
			}
			if len(k.Sealed) > 0 {
				t.Errorf("%s of %s holds the sealed half", e.Verb, k.ID)
			}
		}
	}
	if verbs["create"] != 3 || verbs["promote"] != 1 || verbs["retire"] != 1 {
		t.Errorf("logged: %v", verbs)
	}
}
