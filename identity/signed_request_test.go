package identity_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// signRequest signs a request in one step, now.
func (w *world) signRequest(id identity.CredentialID, key ed25519.PrivateKey, action identity.Action, change ...func(*token.RequestSpec)) string {
	w.t.Helper()
	spec := token.RequestSpec{Issuer: issuer, KeyID: string(id), Action: action, Now: w.clock.Now()}
	for _, f := range change {
		f(&spec)
	}
	return must(token.SignRequest(key, spec))(w.t)
}

// verifyRequest presents a signature with a request.
func (w *world) verifyRequest(raw string, action identity.Action) (*identity.SignedAction, error) {
	return w.id.VerifyRequest(w.ctx, raw, func() (identity.Action, error) { return action, nil })
}

// consumeRequest does what was signed.
func (w *world) consumeRequest(raw string) error {
	s, err := w.verifyRequest(raw, payment())
	if err != nil {
		return err
	}
	return s.Consume(w.ctx)
}

// TestSec60_SignedInOneStep changes each part of a request that was signed without
// a challenge.
func TestSec60_SignedInOneStep(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.signRequest(c.sa.Key.ID, c.key, payment())
	altered := func(change func(*token.RequestSignature)) string {
		s := must(token.ParseRequestSignature(raw))(t)
		change(&s)
		return s.String()
	}
	same := w.unchanged()
	for name, change := range mutations() {
		other := payment()
		change(&other)
		_, err := w.verifyRequest(raw, other)
		wantTurnedAway(t, name, err)
		digest, err := other.Digest()
		if err != nil {
			continue // nothing that could be sent
		}
		_, err = w.verifyRequest(altered(func(s *token.RequestSignature) { s.Digest = digest }), other)
		wantTurnedAway(t, name+", with its digest", err)
	}
	same()
	outsider, outsiders := w.service(w.org("globex"), "ci")
	strangers := map[string]string{
		"another account's key": w.signRequest(c.sa.Key.ID, c.lent, payment()),
		"another org's key":     w.signRequest(c.sa.Key.ID, outsiders, payment()),
		"another org's name":    w.signRequest(outsider.Key.ID, c.key, payment()),
		"unknown key":           w.signRequest("cr_0", c.key, payment()),
		"another issuer":        w.signRequest(c.sa.Key.ID, c.key, payment(), func(s *token.RequestSpec) { s.Issuer = "https://other.example" }),
		"of tomorrow":           w.signRequest(c.sa.Key.ID, c.key, payment(), func(s *token.RequestSpec) { s.Now = s.Now.Add(31 * time.Second) }),
		"of before":             w.signRequest(c.sa.Key.ID, c.key, payment(), func(s *token.RequestSpec) { s.Now = s.Now.Add(-90 * time.Second) }),
		"another id":            altered(func(s *token.RequestSignature) { s.ID[0] ^= 1 }),
		"another time":          altered(func(s *token.RequestSignature) { s.CreatedAt = s.CreatedAt.Add(time.Second) }),
		"an action token":       w.actionToken(c.held, c.sa.Key.ID, c.key), "an access token": c.bearer, "an assertion": w.assertion(c.sa.Key.ID, c.sa.ID, c.key),
		"nothing": "", "long": long(1 << 20), "cut": raw[:len(raw)-1], "continued": raw + "A", "broken up": raw[:10] + "\n" + raw[10:],
	}
	same = w.unchanged()
	for what, text := range strangers {
		_, err := w.verifyRequest(text, payment())
		wantTurnedAway(t, what, err)
	}
	for what, err := range map[string]error{
		"as an action token": last(w.verifyAction(raw, payment())), "as an access token": last(w.id.Authenticate(w.ctx, raw)),
		"as an assertion": last(w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{})),
	} {
		wantTurnedAway(t, what, err)
	}
	same() // nothing was used up
	if err := w.consumeRequest(raw); err != nil {
		t.Error(err)
	}
}

// TestRequestAsksForTheBodyLast: what it costs to read a body is not spent on
// strangers, and an error of it is the caller's own.
func TestRequestAsksForTheBodyLast(t *testing.T) {
	w := open(t)
	c := w.caller()
	errBody := errors.New("the body is too long")
	asked := 0
	of := func() (identity.Action, error) { asked++; return identity.Action{}, errBody }
	wantTurnedAway(t, "a stranger", last(w.id.VerifyRequest(w.ctx, w.signRequest(c.sa.Key.ID, c.lent, payment()), of)))
	if asked != 0 {
		t.Error("a body was read for a stranger")
	}
	if _, err := w.id.VerifyRequest(w.ctx, w.signRequest(c.sa.Key.ID, c.key, payment()), of); !errors.Is(err, errBody) || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	var nobody *identity.SignedAction
	if err := nobody.Consume(w.ctx); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("nothing: %v", err)
	}
}

// TestRequestExpiry asks at the last microsecond before an end and at the end, for
// clocks that are as far off as they may be.
func TestRequestExpiry(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.signRequest(c.sa.Key.ID, c.key, payment())
	ends := w.clock.Now().Add(token.RequestLife + 30*time.Second)
	s := must(w.verifyRequest(raw, payment()))(t)
	if p := s.Principal(); !p.Expires().Equal(ends) || p.Way() != identity.WaySignedRequest || p.Credential() != c.sa.Key.ID || p.Account() != c.sa.ID {
		t.Errorf("%s until %s", p, p.Expires())
	}
	ahead := w.signRequest(c.sa.Key.ID, c.key, payment(), func(s *token.RequestSpec) { s.Now = s.Now.Add(30 * time.Second) })
	must(w.verifyRequest(ahead, payment()))(t)
	w.clock.advance(90*time.Second - time.Microsecond)
	must(w.verifyRequest(raw, payment()))(t)
	if d := w.may(s.Principal(), c.org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("at the end: %+v", d)
	}
	w.clock.advance(time.Microsecond)
	wantTurnedAway(t, "late", last(w.verifyRequest(raw, payment())), identity.ErrExpired)
	same := w.unchanged()
	wantTurnedAway(t, "verified in time, used up late", s.Consume(w.ctx), identity.ErrExpired)
	same()
	if d := w.may(s.Principal(), c.org, "wallets:read", policy.Root); d.Allowed {
		t.Errorf("after the end: %+v", d)
	}
}

// TestSec41_RequestOnce: of fifty who show one signature, one is served, in two
// processes that share the database, too; and nobody after a restart or until the
// signature has ended by every clock.
func TestSec41_RequestOnce(t *testing.T) {
	a, b := share(t)
	c := a.caller()
	b.poll()
	raw := a.signRequest(c.sa.Key.ID, c.key, payment())
	if n := fiftyTry(t, a, b, func(w *world) error { return w.consumeRequest(raw) }); n != 1 {
		t.Errorf("%d of fifty were served", n)
	}
	a.reopen()
	for range 5 {
		for _, w := range []*world{a, b} {
			wantTurnedAway(t, "again", w.consumeRequest(raw), identity.ErrRevoked)
		}
		a.clock.advance(15 * time.Second)
		if err := a.consumeRequest(a.signRequest(c.sa.Key.ID, c.key, payment())); err != nil { // and sweeps
			t.Error(err)
		}
	}
	private, public := newKey(t) // the id of a signature is used up for its own key only
	other := must(a.in(c.org).AddPublicKey(a.ctx, c.sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public}))(t).ID
	fixed := func(s *token.RequestSpec) { s.Rand = strings.NewReader(long(16)) }
	for _, text := range []string{a.signRequest(c.sa.Key.ID, c.key, payment(), fixed), a.signRequest(other, private, payment(), fixed)} {
		if err := a.consumeRequest(text); err != nil {
			t.Error(err)
		}
	}
}

// fiftyTry makes one call fifty times at once, in two processes by turns, and returns
// how often it succeeded. Who did not was told that it was done before.
func fiftyTry(t *testing.T, a, b *world, try func(*world) error) int32 {
	t.Helper()
	var won atomic.Int32
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range 50 {
		w := a
		if i%2 == 1 {
			w = b
		}
		all.Go(func() {
			<-start
			switch err := try(w); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrRevoked):
				t.Errorf("one of fifty: %v", err)
			}
		})
	}
	close(start)
	all.Wait()
	return won.Load()
}

// TestSec40_RequestPrincipal: who makes one request makes nothing of it that lives
// longer.
func TestSec40_RequestPrincipal(t *testing.T) {
	w := open(t)
	c := w.caller()
	p := must(w.verifyRequest(w.signRequest(c.sa.Key.ID, c.key, payment()), payment()))(t).Principal()
	wantKind(t, last(w.id.IssueToken(w.ctx, p, identity.TokenRequest{})), identity.ErrInvalid)
	wantKind(t, last(w.id.Delegate(w.ctx, p, c.peer, identity.TokenRequest{})), identity.ErrInvalid)
	wantKind(t, last(w.id.Delegate(w.ctx, c.peer, p, identity.TokenRequest{})), identity.ErrInvalid)
	wantKind(t, last(w.id.NewActionChallenge(w.ctx, p, payment())), identity.ErrInvalid)
}

// TestRequestInATransaction: a signature is used up with its effect, in one change, or
// not at all.
func TestRequestInATransaction(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.signRequest(c.sa.Key.ID, c.key, payment())
	errHost := errors.New("the host changes its mind")
	s := must(w.verifyRequest(raw, payment()))(t)
	for _, own := range []error{errHost, nil} {
		err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
			if err := s.ConsumeTx(ctx, tx); err != nil {
				return err
			}
			if _, err := tx.System("test").In(c.org).CreateGroup(ctx, identity.GroupSpec{Name: "payments"}); err != nil {
				return err
			}
			return own
		})
		if !errors.Is(err, own) || s.Consumed() != (own == nil) {
			t.Fatalf("%v, consumed %v", err, s.Consumed())
		}
	}
	wantTurnedAway(t, "again", w.consumeRequest(raw), identity.ErrRevoked)
	events := w.events(c.org)
	last := events[len(events)-2:]
	if last[0].Noun != "action" || last[1].Noun != "group" || last[0].Revision != last[1].Revision {
		t.Errorf("not one change: %+v", last)
	}
}
