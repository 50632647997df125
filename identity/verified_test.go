package identity_test

import (
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestWarmAllocatesNothing: a token that was shown before is found without an
// allocation, alive as it is.
func TestWarmAllocatesNothing(t *testing.T) {
	w := open(t)
	c := w.caller()
	for name, raw := range map[string]string{"plain": c.bearer, "limited": c.narrow, "delegated": c.acting} {
		raw = strings.Clone(raw)
		first := must(w.id.Authenticate(w.ctx, raw))(t)
		if n := testing.AllocsPerRun(100, func() {
			if p, err := w.id.Authenticate(w.ctx, raw); err != nil || p.TokenID() == "" {
				t.Errorf("%v %v", p, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if again := must(w.id.Authenticate(w.ctx, raw))(t); again != first {
			t.Errorf("%s: another principal", name)
		}
	}
}

// TestRemembersOnlyGood: what is not a living token of ours is not remembered, and
// changes nothing of what is.
func TestRemembersOnlyGood(t *testing.T) {
	w := open(t)
	c := w.caller()
	before := w.id.Stats()
	if before.VerifiedTokens == 0 || before.VerifiedBytes < int64(len(c.bearer)) {
		t.Errorf("%+v", before)
	}
	for i := range c.bearer {
		b := []byte(c.bearer)
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		for range 2 {
			if last(w.id.Authenticate(w.ctx, string(b))) == nil {
				t.Fatalf("byte %d may be another", i)
			}
		}
	}
	for _, raw := range []string{"", c.bearer[:len(c.bearer)-1], c.bearer + "A", c.bearer + ".", strings.ToUpper(c.bearer)} {
		if last(w.id.Authenticate(w.ctx, raw)) == nil {
			t.Errorf("%q was accepted", raw)
		}
	}
	if after := w.id.Stats(); after != before {
		t.Errorf("%+v became %+v", before, after)
	}
	// What is remembered is no part of the request.
	buffer := []byte(c.bearer)
	must(w.id.Authenticate(w.ctx, string(buffer)))(t)
	clear(buffer)
	if !w.id.Remembered(c.bearer) {
		t.Error("it was forgotten")
	}
}

// TestVerifiedIsBounded: many tokens take no more than they may, and the latest are
// remembered.
func TestVerifiedIsBounded(t *testing.T) {
	const most = 64 << 10
	w := open(t, with(func(c *identity.Config) { c.MaxVerified = most }))
	c := w.caller()
	var latest string
	for i := range 400 {
		latest = w.tokenOf(c.org, c.sa.ID, c.sa.Key.ID, fmt.Sprint("id", i))
		must(w.id.Authenticate(w.ctx, latest))(t)
		if s := w.id.Stats(); s.VerifiedBytes > most || s.VerifiedTokens > most/1024 || s.VerifiedTokens == 0 {
			t.Fatalf("%+v after %d", s, i)
		}
		if !w.id.Remembered(latest) {
			t.Fatalf("token %d is not remembered", i)
		}
	}
	w.clock.advance(11 * time.Minute)
	w.id.SweepVerified()
	if s := w.id.Stats(); s.VerifiedBytes != 0 || s.VerifiedTokens != 0 {
		t.Errorf("when all have ended: %+v", s)
	}
	off := open(t, with(func(c *identity.Config) { c.MaxVerified = -1 }))
	d := off.caller()
	must(off.id.Authenticate(w.ctx, d.bearer))(t)
	if off.id.Remembered(d.bearer) || off.id.Stats().VerifiedTokens != 0 {
		t.Error("remembers though it must not")
	}
}

// TestForgetsWithTheInstance: what changes the instance empties the memory, the key
// ring included.
func TestForgetsWithTheInstance(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.KeyPeriod, c.TokenLife = time.Hour, time.Hour }))
	c := w.caller()
	if !w.id.Remembered(c.bearer) {
		t.Fatal("not remembered")
	}
	w.clock.advance(30 * time.Minute)
	c.bearer = w.bearer(c.sa, c.key)
	must(w.id.Authenticate(w.ctx, c.bearer))(t)
	ring := fmt.Sprint(w.id.SigningKeys())
	w.clock.advance(45 * time.Minute)
	w.bearer(c.other, c.lent) // turns the ring
	if fmt.Sprint(w.id.SigningKeys()) == ring {
		t.Fatal("the ring was not turned: the test shows nothing")
	}
	if w.id.Remembered(c.bearer) {
		t.Error("remembered after the ring was turned")
	}
	must(w.id.Authenticate(w.ctx, c.bearer))(t)
	if !w.id.Remembered(c.bearer) {
		t.Error("not remembered anew")
	}
	w.id.SignOutInstance()
	if w.id.Remembered(c.bearer) {
		t.Error("remembered after the instance was signed out")
	}
	if err := last(w.id.Authenticate(w.ctx, c.bearer)); !errors.Is(err, identity.ErrRevoked) {
		t.Error(err)
	}
}

// TestSec51_WarmLikeCold changes whatever a token stands on, at random: what is
// remembered never answers other than what is verified anew.
func TestSec51_WarmLikeCold(t *testing.T) {
	onOneGoroutine(t)
	seed := newSeed(t)
	rnd := mathrand.New(mathrand.NewPCG(seed, 51))
	w := open(t, with(func(c *identity.Config) { c.MaxMemory = 1 })) // orgs come and go
	c, d := w.caller(), w.org("other")
	stranger := w.user(d, "stranger", "wallets:read")
	type held struct {
		raw string
		p   identity.Principal
	}
	var all []held
	add := func(raw string) {
		if p, err := w.id.Authenticate(w.ctx, raw); err == nil {
			all = append(all, held{raw, p})
		}
	}
	steps := []func() error{
		func() error { return last(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID)) },
		func() error { return last(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID)) },
		func() error { return last(w.in(c.org).DisableCredential(w.ctx, c.sa.Key.ID)) },
		func() error { return last(w.in(c.org).EnableCredential(w.ctx, c.sa.Key.ID)) },
		func() error { return last(w.in(c.org).SignOutAccount(w.ctx, c.other.ID)) },
		func() error { return last(w.in(c.org).RevokeToken(w.ctx, all[max(0, len(all)-1-rnd.IntN(4))].raw)) },
		func() error { return last(w.sys().SuspendOrg(w.ctx, c.org)) },
		func() error { return last(w.sys().ResumeOrg(w.ctx, c.org)) },
		func() error {
			return last(w.in(c.org).CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprint("g", w.id.Revision())}))
		},
		func() error { w.clock.advance(time.Duration(rnd.Int64N(int64(4 * time.Minute)))); return nil },
		func() error { w.login(d, stranger); return nil }, // the other org is loaded, this one may be dropped
		func() error { w.id.SweepVerified(); return nil },
		func() error { // all as it was
			_ = last(w.sys().ResumeOrg(w.ctx, c.org))
			_ = last(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID))
			_ = last(w.in(c.org).EnableCredential(w.ctx, c.sa.Key.ID))
			add(w.tokenOf(c.org, c.sa.ID, c.sa.Key.ID, fmt.Sprint("a", w.id.Revision(), len(all))))
			add(w.tokenOf(c.org, c.other.ID, c.other.Key.ID, fmt.Sprint("b", w.id.Revision(), len(all))))
			return nil
		},
	}
	for _, raw := range []string{c.bearer, c.narrow, c.acting, c.acted} {
		add(raw)
	}
	outcomes := map[string]int{}
	for i := range 600 {
		if err := steps[min(rnd.IntN(2*len(steps)), len(steps)-1)](); err != nil && !errors.Is(err, identity.ErrNotFound) {
			t.Logf("step %d: %v", i, err)
		}
		for range 3 {
			h := all[max(0, len(all)-1-rnd.IntN(8))]
			warm, err := w.id.Authenticate(w.ctx, h.raw)
			cold, want := w.id.AuthenticateCold(w.ctx, h.raw)
			if fmt.Sprint(err) != fmt.Sprint(want) || warm.TokenID() != cold.TokenID() || warm.Account() != cold.Account() || fmt.Sprint(warm.Actors()) != fmt.Sprint(cold.Actors()) {
				t.Fatalf("step %d: remembered %v %v, anew %v %v", i, warm, err, cold, want)
			}
			alive := w.may(h.p, c.org, "wallets:read", policy.Root)
			if now := w.may(warm, c.org, "wallets:read", policy.Root); err == nil && now.Allowed != alive.Allowed || err != nil && alive.Allowed {
				t.Fatalf("step %d: the principal that is held is answered %+v, that of %v %+v", i, alive, err, now)
			}
			outcomes[fmt.Sprint(err == nil)]++
		}
	}
	if outcomes["true"] < 50 || outcomes["false"] < 50 {
		t.Errorf("too little of one kind: %v", outcomes)
	}
}

// TestWarmRace shows tokens while they are revoked, one after the other: none is
// accepted once its revocation has returned.
func TestWarmRace(t *testing.T) {
	w := open(t)
	c := w.caller()
	var raw [60]string
	var gone [60]chan struct{}
	for i := range raw {
		raw[i], gone[i] = w.tokenOf(c.org, c.sa.ID, c.sa.Key.ID, fmt.Sprint("id", i)), make(chan struct{})
	}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			rnd := mathrand.New(mathrand.NewPCG(7, uint64(g)))
			for range 3000 {
				i := rnd.IntN(len(raw))
				dead := false
				select {
				case <-gone[i]:
					dead = true
				default:
				}
				if err := last(w.id.Authenticate(w.ctx, raw[i])); dead && err == nil {
					t.Errorf("token %d lives on", i)
				} else if err != nil && !errors.Is(err, identity.ErrRevoked) {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for i := range raw {
			if err := last(w.in(c.org).RevokeToken(w.ctx, raw[i])); err != nil {
				t.Error(err)
			}
			close(gone[i])
		}
	})
	all.Wait()
}
