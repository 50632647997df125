package identity_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// used is when an account and its first key were last used, as stored.
func (w *world) used(org identity.OrgID, sa identity.ServiceAccountResult) (account, key time.Time) {
	w.t.Helper()
	return must(w.in(org).Account(w.ctx, sa.ID))(w.t).LastUsed, must(w.in(org).Credential(w.ctx, sa.Key.ID))(w.t).LastUsed
}

// TestLastUsed: whoever came in is written down now and then, without an event or a
// revision, and at the end.
func TestLastUsed(t *testing.T) {
	w := open(t)
	c := w.caller()
	if err := w.id.WriteUses(w.ctx); err != nil {
		t.Fatal(err)
	}
	start := w.clock.Now()
	if account, key := w.used(c.org, c.sa); !account.Equal(start) || !key.Equal(start) {
		t.Errorf("after the assertion: %v %v", account, key)
	}
	revision, events := w.id.Revision(), len(w.events(c.org))
	idle, _ := w.service(c.org, "idle")
	revision, events = revision+1, events+len(w.events(c.org))-events

	w.clock.advance(5 * time.Minute)
	must(w.id.Authenticate(w.ctx, c.bearer))(t) // remembered
	if account, key := w.used(c.org, c.sa); !account.Equal(start) || !key.Equal(start) {
		t.Errorf("before it was written: %v %v", account, key)
	}
	if err := w.id.WriteUses(w.ctx); err != nil {
		t.Fatal(err)
	}
	if account, key := w.used(c.org, c.sa); !account.Equal(w.clock.Now()) || !key.Equal(w.clock.Now()) {
		t.Errorf("after it was written: %v %v", account, key)
	}
	if now := w.id.Revision(); now != revision || len(w.events(c.org)) != events {
		t.Errorf("revision %d became %d, %d events %d", revision, now, events, len(w.events(c.org)))
	}
	same := w.unchanged()
	if err := w.id.WriteUses(w.ctx); err != nil {
		t.Fatal(err)
	}
	same()
	if account, key := w.used(c.org, idle); !account.IsZero() || !key.IsZero() {
		t.Errorf("never used: %v %v", account, key)
	}

	// Again and again is noted once.
	must(w.id.Authenticate(w.ctx, c.bearer))(t)
	if n := w.id.WaitingUses(); n != 0 {
		t.Errorf("%d wait, of the same span", n)
	}
	w.clock.advance(time.Minute)
	for range 100 {
		must(w.id.Authenticate(w.ctx, c.bearer))(t)
	}
	if n := w.id.WaitingUses(); n != 1 {
		t.Errorf("%d wait", n)
	}
	last := w.clock.Now()
	w.reopen()
	if account, key := w.used(c.org, c.sa); !account.Equal(last) || !key.Equal(last) {
		t.Errorf("after Close: %v %v, want %v", account, key, last)
	}

	// A login that the host vouches for is of the account alone; what is refused is of nobody.
	w.clock.advance(time.Minute)
	w.login(c.org, idle.ID)
	must(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID))(t)
	_, _ = w.id.Authenticate(w.ctx, c.bearer)
	if err := w.id.WriteUses(w.ctx); err != nil {
		t.Fatal(err)
	}
	if account, key := w.used(c.org, idle); !account.Equal(w.clock.Now()) || !key.IsZero() {
		t.Errorf("vouched: %v %v", account, key)
	}
	if account, key := w.used(c.org, c.sa); !account.Equal(last) || !key.Equal(last) {
		t.Errorf("refused: %v %v", account, key)
	}
	// In a delegation, both.
	w.clock.advance(time.Minute)
	must(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID))(t)
	c.prove()
	w.clock.advance(time.Minute)
	must(w.id.Authenticate(w.ctx, c.acting))(t)
	if err := w.id.WriteUses(w.ctx); err != nil {
		t.Fatal(err)
	}
	for _, sa := range []identity.ServiceAccountResult{c.sa, c.other} {
		if account, key := w.used(c.org, sa); !account.Equal(w.clock.Now()) || !key.Equal(w.clock.Now()) {
			t.Errorf("delegated, %s: %v %v", sa.Name, account, key)
		}
	}
}

// TestUsesSurviveAFailure: what could not be written is written the next time, and
// an older use never replaces a later one.
func TestUsesSurviveAFailure(t *testing.T) {
	onOneGoroutine(t)
	w, store := reluctant(t)
	c := w.caller()
	for i := range 1200 { // more than are written at a time
		w.login(c.org, w.user(c.org, fmt.Sprint("u", i)))
	}
	waiting := w.id.WaitingUses()
	if waiting < 1200 {
		t.Fatalf("%d wait", waiting)
	}
	store.how.Store(failures()[0])
	if err := w.id.WriteUses(w.ctx); !errors.Is(err, identity.ErrBusy) {
		t.Errorf("%v", err)
	}
	if n := w.id.WaitingUses(); n != waiting {
		t.Errorf("%d wait of %d", n, waiting)
	}
	w.clock.advance(time.Minute)
	must(w.id.Authenticate(w.ctx, c.bearer))(t)
	store.how.Store(nil)
	if err := w.id.WriteUses(w.ctx); err != nil {
		t.Error(err)
	}
	if n := w.id.WaitingUses(); n != 0 {
		t.Errorf("%d are left", n)
	}
	if account, key := w.used(c.org, c.sa); !account.Equal(w.clock.Now()) || !key.Equal(w.clock.Now()) {
		t.Errorf("%v %v", account, key)
	}
	for a, err := range w.in(c.org).AllAccounts(w.ctx, identity.AccountFilter{Kind: identity.User}) {
		if err != nil || a.LastUsed.IsZero() {
			t.Errorf("%s: %v %v", a.Name, a.LastUsed, err)
		}
	}
	if s := w.id.Stats(); s.DroppedUses != 0 {
		t.Errorf("%+v", s)
	}
}

// TestUnused finds the credentials that nobody needs and that somebody could use.
func TestUnused(t *testing.T) {
	w := open(t)
	c := w.caller()
	disabled, _ := w.service(c.org, "disabled")
	must(w.in(c.org).DisableCredential(w.ctx, disabled.Key.ID))(t)
	revoked, _ := w.service(c.org, "revoked")
	must(w.in(c.org).RevokeCredential(w.ctx, revoked.Key.ID))(t)
	w.clock.advance(time.Hour)
	since := w.clock.Now()
	w.service(c.org, "made-since")
	must(w.id.ExchangeAssertion(w.ctx, w.assertion(c.other.Key.ID, c.other.ID, c.lent), identity.TokenRequest{}))(t)
	if err := w.id.WriteUses(w.ctx); err != nil {
		t.Fatal(err)
	}
	var got []string
	for k, err := range w.in(c.org).Unused(w.ctx, since) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(k.ID))
	}
	want := []string{string(c.sa.Key.ID)}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for range w.in(c.org).Unused(w.ctx, since) {
		break
	}
	// Its rights it has to have.
	for _, err := range w.as(c.org, w.user(c.org, "clerk", "identity:accounts.read")).Unused(w.ctx, since) {
		if !errors.Is(err, identity.ErrDenied) {
			t.Error(err)
		}
	}
}
