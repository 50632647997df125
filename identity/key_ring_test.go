package identity_test

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// keyOf finds a key of the ring by its state.
func (w *world) keyOf(state identity.KeyState) identity.SigningKey {
	w.t.Helper()
	for _, k := range w.id.SigningKeys() {
		if k.State == state {
			return k
		}
	}
	w.t.Fatalf("no key is %s", state)
	return identity.SigningKey{}
}

// offline is what another service holds: an issuer's keys and nothing else.
func offline(t testing.TB) *token.Verifier {
	return must(token.NewVerifier(token.VerifierConfig{Issuer: issuer, Audience: issuer}))(t)
}

// keySets are the sets that verifiers may hold, by when they were published.
type keySets struct {
	at  []time.Time
	set []*token.KeySet
}

// TestSec25_RandomSchedules plays days in which keys are rotated by time and by
// hand, and the process starts again with other lives of tokens: every token
// verifies during its whole life, here and against the key set of every moment
// from a cache's age before it was issued until it ends.
func TestSec25_RandomSchedules(t *testing.T) {
	onOneGoroutine(t)
	seed := newSeed(t)
	rnd := mathrand.New(mathrand.NewPCG(seed, 25))
	w := open(t, with(func(c *identity.Config) { c.KeyPeriod = time.Hour }))
	org := w.org("acme")
	sa, key := w.service(org, "ci", "wallets:read")
	foreign := offline(t)
	var cached keySets
	live := map[string]time.Time{} // by their ends
	signed, rotated, checks := map[string]bool{}, 0, 0
	for range 400 {
		now := w.clock.Now()
		for len(cached.at) > 0 && now.Sub(cached.at[0]) > identity.JWKSMaxAge {
			cached.at, cached.set = cached.at[1:], cached.set[1:]
		}
		published := must(token.ParseKeySet(must(w.id.JWKS(w.ctx))(t)))(t)
		cached.at, cached.set = append(cached.at, now), append(cached.set, published)
		for raw, ends := range live {
			if !ends.After(now) {
				delete(live, raw)
				continue
			}
			must(w.id.Authenticate(w.ctx, raw))(t)
			for i, set := range cached.set {
				checks++
				if _, err := foreign.Verify(set, raw, now); err != nil {
					t.Fatalf("a token that ends in %s, against a key set %s old: %v", ends.Sub(now), now.Sub(cached.at[i]), err)
				}
			}
		}
		got := must(w.id.ExchangeAssertion(w.ctx, w.assertion(sa.Key.ID, sa.ID, key), identity.TokenRequest{}))(t)
		live[got.Token.Reveal()] = got.ExpiresAt
		for i, set := range cached.set {
			if _, err := foreign.Verify(set, got.Token.Reveal(), now); err != nil {
				t.Fatalf("a new token, against a key set %s old: %v", now.Sub(cached.at[i]), err)
			}
		}
		signed[w.keyOf(identity.KeyCurrent).ID] = true
		switch rnd.IntN(10) {
		case 0, 1:
			k := must(w.sys().RotateSigningKey(w.ctx))(t)
			rotated++
			if wait := k.SignsFrom.Sub(now); wait > 2*identity.JWKSMaxAge || (wait <= 0) != (k.State == identity.KeyCurrent) {
				t.Fatalf("rotated: %s signs in %s", k.State, wait)
			}
		case 2:
			w.cfg.TokenLife = time.Duration(1+rnd.IntN(3600)) * time.Second
			w.cfg.Skew = time.Duration(1+rnd.IntN(120)) * time.Second
			w.reopen()
		}
		w.clock.advance(time.Duration(rnd.Int64N(int64(8 * time.Minute))))
	}
	t.Logf("%d keys signed, %d times rotated by hand, %d checks", len(signed), rotated, checks)
	if len(signed) < 10 || checks < 1000 {
		t.Error("too little happened")
	}
}

// TestRotateSigningKey: a key that has been published for long enough signs at
// once, another as soon as it has been, and asking again changes nothing.
func TestRotateSigningKey(t *testing.T) {
	w := open(t)
	sa, key := w.service(w.org("acme"), "ci", "wallets:read")
	w.bearer(sa, key)
	first, next := w.keyOf(identity.KeyCurrent), w.keyOf(identity.KeyNext)
	k := must(w.sys().RotateSigningKey(w.ctx))(t)
	if k.ID != next.ID || k.State != identity.KeyNext || !k.SignsFrom.Equal(w.clock.Now().Add(2*identity.JWKSMaxAge)) || len(k.Sealed) > 0 {
		t.Errorf("a new key: %+v", k)
	}
	same := w.unchanged()
	if again := must(w.sys().RotateSigningKey(w.ctx))(t); !again.SignsFrom.Equal(k.SignsFrom) {
		t.Errorf("asked again: %+v", again)
	}
	same()
	w.clock.advance(2*identity.JWKSMaxAge - time.Second)
	if w.bearer(sa, key); w.keyOf(identity.KeyCurrent).ID != first.ID {
		t.Error("a key signs too early")
	}
	w.clock.advance(time.Second)
	if w.bearer(sa, key); w.keyOf(identity.KeyCurrent).ID != next.ID {
		t.Error("the key does not sign in time")
	}
	w.clock.advance(24 * time.Hour)
	must(w.id.JWKS(w.ctx))(t)
	ready := w.keyOf(identity.KeyNext)
	k = must(w.sys().RotateSigningKey(w.ctx))(t)
	if k.ID != ready.ID || k.State != identity.KeyCurrent || !k.SignsFrom.Equal(w.clock.Now()) || w.keyOf(identity.KeyRetiring).ID != next.ID {
		t.Errorf("a key that has waited: %+v", k)
	}
	if k := w.keyOf(identity.KeyRetiring); len(k.Sealed) > 0 {
		t.Error("a key that signs no more keeps its private half")
	}
}

// TestSigningKeys: all keys are listed, page by page, without what is sealed.
func TestSigningKeys(t *testing.T) {
	w := open(t)
	states := map[identity.KeyState]int{}
	for range 4 {
		w.clock.advance(31 * 24 * time.Hour)
		must(w.id.JWKS(w.ctx))(t)
	}
	must(w.sys().CompromiseSigningKey(w.ctx, w.keyOf(identity.KeyNext).ID))(t)
	var ids []string
	page := identity.Page{Limit: 1}
	for {
		list := must(w.sys().SigningKeys(w.ctx, page))(t)
		for _, k := range list.Items {
			if ids = append(ids, k.ID); len(k.Sealed) > 0 || len(k.Public) == 0 {
				t.Errorf("%+v", k)
			}
			states[k.State]++
		}
		if page.Cursor = list.Next; page.Cursor == "" {
			break
		}
	}
	if states[identity.KeyCurrent] != 1 || states[identity.KeyNext] != 1 || states[identity.KeyCompromised] != 1 || states[identity.KeyRetired] != 3 ||
		states[identity.KeyRetiring] != 1 || !slices.IsSorted(ids) {
		t.Errorf("listed: %v", states)
	}
}

// TestSec25_Compromise: from the commit on a compromised key is nowhere, what it
// signed and what was made from that is dead, also where it is held or watched,
// sessions live, and there are new tokens at once.
func TestSec25_Compromise(t *testing.T) {
	for _, state := range []identity.KeyState{identity.KeyCurrent, identity.KeyNext, identity.KeyRetiring} {
		t.Run(string(state), func(t *testing.T) {
			w := open(t)
			c := w.caller()
			if state == identity.KeyRetiring {
				w.clock.advance(2 * identity.JWKSMaxAge)
				must(w.sys().RotateSigningKey(w.ctx))(t)
				c.prove()
			}
			for in, err := range c.ways() {
				if err != nil {
					t.Fatalf("%s: before: %v", in, err)
				}
			}
			cached := must(token.ParseKeySet(must(w.id.JWKS(w.ctx))(t)))(t)
			watched, done := w.id.Watch(w.ctx, c.held)
			defer done()
			session, done := w.id.Watch(w.ctx, c.vouched)
			defer done()
			old := w.keyOf(state)
			k := must(w.sys().CompromiseSigningKey(w.ctx, old.ID))(t)
			if k.ID != old.ID || k.State != identity.KeyCompromised || len(k.Sealed) > 0 || k.EndsAt.After(w.clock.Now()) {
				t.Errorf("it is %+v", k)
			}
			if _, ids := publishedKeys(t, must(w.id.JWKS(w.ctx))(t)); slices.Contains(ids, old.ID) || len(ids) < 2 {
				t.Errorf("published: %v", ids)
			}
			alive := append(provenAnew(), wayVouched, waySession)
			for in, err := range c.ways() {
				if slices.Contains(alive, in) != (err == nil) {
					t.Errorf("%s: %v", in, err)
				}
			}
			if !over(watched) || over(session) || !errors.Is(context.Cause(watched), identity.ErrRevoked) {
				t.Errorf("watches: of a token %v, of a session %v", context.Cause(watched), session.Err())
			}
			if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonTokenRevoked {
				t.Errorf("held: %v", d.Reason)
			}
			if _, err := offline(t).Verify(cached, c.bearer, w.clock.Now()); err != nil {
				t.Errorf("where the keys were cached nothing should be known yet: %v", err)
			}
			same := w.unchanged()
			if again := must(w.sys().CompromiseSigningKey(w.ctx, old.ID))(t); again.State != identity.KeyCompromised {
				t.Errorf("again: %+v", again)
			}
			same()
			c.prove()
			dead := c.bearer
			w.reopen()
			must(w.id.Authenticate(w.ctx, dead))(t)
			for _, k := range w.id.SigningKeys() {
				if k.ID == old.ID {
					t.Error("it came back with a restart")
				}
			}
		})
	}
	w := open(t)
	_, err := w.sys().CompromiseSigningKey(w.ctx, "none such")
	wantKind(t, err, identity.ErrNotFound)
}

// TestSec25_ForgedAndExchanged: a token that was forged with a key that leaked,
// and exchanged for good ones of another key, does not live on in those.
func TestSec25_ForgedAndExchanged(t *testing.T) {
	w := open(t)
	c := w.caller()
	leaked := w.keyOf(identity.KeyCurrent)
	now := w.clock.Now().Unix()
	forged := must(w.id.SignClaims(w.ctx, token.Claims{
		Issuer: issuer, Subject: string(c.sa.ID), Audience: []string{issuer}, Expiry: now + 3600, IssuedAt: now, NotBefore: now, ID: "jti", ClientID: string(c.sa.ID),
		Org: string(c.org), Credential: string(c.sa.Key.ID), Incarnation: w.id.Incarnation(), Revision: w.id.Revision(),
	}))(t)
	w.clock.advance(2 * identity.JWKSMaxAge)
	must(w.sys().RotateSigningKey(w.ctx))(t)
	p := must(w.id.Authenticate(w.ctx, forged))(t)
	good := must(w.id.IssueToken(w.ctx, p, identity.TokenRequest{}))(t).Token.Reveal()
	if set := must(token.NewKeySet(verifyKey(t, leaked)))(t); last(offline(t).Verify(set, good, w.clock.Now())) == nil {
		t.Fatal("the exchanged token is of the same key")
	}
	held := must(w.id.Authenticate(w.ctx, good))(t)
	must(w.sys().CompromiseSigningKey(w.ctx, leaked.ID))(t)
	if _, err := w.id.Authenticate(w.ctx, good); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("the exchanged token: %v", err)
	}
	if d := w.may(held, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonTokenRevoked {
		t.Errorf("held: %v", d.Reason)
	}
	_, err := w.id.IssueToken(w.ctx, held, identity.TokenRequest{})
	wantKind(t, err, identity.ErrRevoked)
}

func verifyKey(t testing.TB, k identity.SigningKey) token.VerifyKey {
	return token.VerifyKey{ID: k.ID, Algorithm: token.Algorithm(k.Algorithm), Key: must(token.PublicKeyFromDER(k.Public))(t)}
}

// TestSec25_CompromiseElsewhere: another process of the same database knows with
// its next look.
func TestSec25_CompromiseElsewhere(t *testing.T) {
	a, b := share(t)
	c := a.caller()
	must(b.id.Authenticate(b.ctx, c.bearer))(t)
	old := a.keyOf(identity.KeyCurrent)
	must(a.sys().CompromiseSigningKey(a.ctx, old.ID))(t)
	b.poll()
	if _, err := b.id.Authenticate(b.ctx, c.bearer); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("its token: %v", err)
	}
	if string(must(b.id.JWKS(b.ctx))(t)) != string(must(a.id.JWKS(a.ctx))(t)) {
		t.Error("the two publish different keys")
	}
	c.prove()
	must(b.id.Authenticate(b.ctx, c.bearer))(t)
}
