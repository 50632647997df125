package soak

import (
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// hasty is a clock that runs ahead with the work that is done.
type hasty struct{ us atomic.Int64 }

func (h *hasty) Now() time.Time { return time.UnixMicro(h.us.Load()) }

func (h *hasty) advance(d time.Duration) { h.us.Add(d.Microseconds()) }

// rotation is keys that turn under load, and what came of it.
type rotation struct {
	id    *identity.Authority
	org   identity.OrgID
	clock *hasty
	stop  chan struct{}

	mu     sync.Mutex
	live   []identity.AccessToken
	failed []error

	issued, late, checks, rotated atomic.Int64
}

func (r *rotation) stopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

func (r *rotation) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failed) < 10 {
		r.failed = append(r.failed, err)
	}
}

// pick returns a token, or reports false. Those that have ended are forgotten.
func (r *rotation) pick(rng *mathrand.Rand, now time.Time) (identity.AccessToken, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.live) > 0 {
		i := rng.IntN(len(r.live))
		if t := r.live[i]; t.ExpiresAt.After(now) {
			return t, true
		}
		r.live[i] = r.live[len(r.live)-1]
		r.live = r.live[:len(r.live)-1]
	}
	return identity.AccessToken{}, false
}

// TestRotation turns the key ring every few seconds, by time and by hand, while
// tokens are issued and verified, here and by a service that keeps the key set
// for its max-age: no token fails inside its life.
//
// The long form lasts two minutes:
//
//	CLAVIGER_SOAK=long go test -run TestRotation -v ./internal/soak
func TestRotation(t *testing.T) {
	ctx, rng := t.Context(), seeded(t)
	clock := &hasty{}
	clock.us.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	id := mustOpen(t, filepath.Join(t.TempDir(), "app.db"), func(c *identity.Config) { c.Now, c.KeyPeriod = clock.Now, time.Hour })
	org := must(id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "acme"}))(t)
	r := &rotation{id: id, org: org.ID, clock: clock, stop: make(chan struct{})}
	began := clock.Now()
	var work sync.WaitGroup
	for i := range 3 {
		w := must(newWorkload(ctx, id, org.ID, fmt.Sprint("w-", i)))(t)
		rng := source(rng.Uint64())
		work.Go(func() { r.issue(t, w, rng) })
	}
	for range 2 {
		rng := source(rng.Uint64())
		work.Go(func() { r.verify(t, rng) })
	}
	work.Go(func() { r.rotate(t) })
	<-time.After(time.Duration(rounds(2, 120)) * time.Second)
	for r.rotated.Load() < 4 { // on a busy machine
		spin(1000)
	}
	close(r.stop)
	work.Wait()
	keys := 0
	for k, err := range id.System("audit").AllSigningKeys(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if k.State != identity.KeyNext {
			keys++
		}
	}
	t.Logf("%d keys signed in %.0f hours of its clock, %d rotations asked for; %d tokens issued, %d assertions came too late, %d checks, %d tokens failed inside their life",
		keys, clock.Now().Sub(began).Hours(), r.rotated.Load(), r.issued.Load(), r.late.Load(), r.checks.Load(), len(r.failed))
	if err := errors.Join(r.failed...); err != nil {
		t.Error(err)
	}
	if keys < 3 || r.issued.Load() < 10 || r.checks.Load() < 100 {
		t.Error("too little happened")
	}
}

// issue gets tokens, and lets up to a minute pass with each.
func (r *rotation) issue(t *testing.T, w workload, rng *mathrand.Rand) {
	for !r.stopped() {
		r.clock.advance(time.Duration(rng.Int64N(int64(time.Minute))))
		proof, err := token.SignAssertion(t.Context(), w.key, token.AssertionSpec{
			KeyID: string(w.keyID), Account: string(w.account), Audience: issuer, Life: 4 * time.Minute, Now: r.clock.Now(),
		})
		if err != nil {
			r.fail(err)
			return
		}
		got, err := r.id.ExchangeAssertion(t.Context(), proof, identity.TokenRequest{})
		switch {
		case errors.Is(err, identity.ErrExpired):
			r.late.Add(1)
			continue
		case err != nil:
			r.fail(fmt.Errorf("issue: %w", err))
			continue
		}
		r.issued.Add(1)
		r.mu.Lock()
		r.live = append(r.live, got)
		r.mu.Unlock()
	}
}

// verify asks the issuer about tokens, and looks at them as another service does.
func (r *rotation) verify(t *testing.T, rng *mathrand.Rand) {
	v, err := token.NewVerifier(token.VerifierConfig{Issuer: issuer, Audience: issuer})
	if err != nil {
		r.fail(err)
		return
	}
	var held *token.KeySet
	var heldAt time.Time
	for !r.stopped() {
		got, ok := r.pick(rng, r.clock.Now())
		if !ok {
			continue
		}
		raw := got.Token.Reveal()
		if _, err := r.id.Authenticate(t.Context(), raw); err != nil && r.clock.Now().Before(got.ExpiresAt) {
			r.fail(fmt.Errorf("asked here: %w", err))
		}
		now := r.clock.Now()
		if held == nil || now.Sub(heldAt) > identity.JWKSMaxAge {
			if held, heldAt, err = r.fetch(t); err != nil {
				r.fail(err)
				return
			}
			continue // so that what is kept is used at every age
		}
		if _, err := v.Verify(held, raw, now); err != nil && now.Before(got.ExpiresAt) {
			r.fail(fmt.Errorf("with a key set %s old: %w", now.Sub(heldAt), err))
		}
		r.checks.Add(1)
	}
}

func (r *rotation) fetch(t *testing.T) (*token.KeySet, time.Time, error) {
	at := r.clock.Now()
	text, err := r.id.JWKS(t.Context())
	if err != nil {
		return nil, at, err
	}
	set, err := token.ParseKeySet(text)
	return set, at, err
}

// rotate asks for the next key about every quarter of an hour.
func (r *rotation) rotate(t *testing.T) {
	for next := r.clock.Now(); !r.stopped(); {
		if r.clock.Now().Before(next) {
			spin(1000)
			continue
		}
		if _, err := r.id.System("soak").RotateSigningKey(t.Context()); err != nil {
			r.fail(fmt.Errorf("rotate: %w", err))
		}
		r.rotated.Add(1)
		next = r.clock.Now().Add(15 * time.Minute)
	}
}
