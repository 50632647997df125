package identity_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// witness sees what is observed.
type witness struct {
	mu   sync.Mutex
	seen []identity.Observation
	wait chan struct{} // if set, each observation waits for one of it
}

func (o *witness) see(seen identity.Observation) {
	if o.wait != nil {
		<-o.wait
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, seen)
}

// all is what was seen when the world is closed: everything that was queued.
func (o *witness) all(w *world) []identity.Observation {
	w.t.Helper()
	if err := w.id.Close(); err != nil {
		w.t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen
}

// observed opens a world with a witness.
func observed(t testing.TB) (*world, *witness) {
	t.Helper()
	o := &witness{}
	return open(t, with(func(c *identity.Config) { c.Observer = o.see })), o
}

// TestSec65_Observed: authentications and denials are told with who, what and why,
// and what goes well and asks for nothing is not.
func TestSec65_Observed(t *testing.T) {
	w, o := observed(t)
	org := w.org("acme")
	sa, key := w.service(org, "ci", "wallets:read")
	raw := w.bearer(sa, key)
	p := must(w.id.Authenticate(w.ctx, raw))(t)
	must(w.id.Authenticate(w.ctx, raw))(t) // remembered
	w.may(p, org, "wallets:read", policy.Root)
	w.may(p, org, "wallets:delete", path(t, "projects/1"))
	w.may(identity.Principal{}, org, "wallets:read", policy.Root)
	_, bad := w.id.Authenticate(w.ctx, "x.y.z")
	if bad == nil {
		t.Fatal("no token was accepted")
	}
	_, refused := w.id.As(p).In(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"})
	if !errors.Is(refused, identity.ErrDenied) {
		t.Fatal(refused)
	}
	_, unread := w.id.As(p).In(org).Accounts(w.ctx, identity.AccountFilter{}, identity.Page{})
	if !errors.Is(unread, identity.ErrDenied) {
		t.Fatal(unread)
	}
	fixed := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(sa.ID), Role: string(w.role(org, "identity:bindings.delete")), Scope: policy.Root, Immutable: true})
	if locked := w.id.As(p).In(org).DeleteBinding(w.ctx, fixed); !errors.Is(locked, identity.ErrImmutable) {
		t.Fatal(locked)
	}
	must(w.in(org).DeactivateAccount(w.ctx, sa.ID))(t)
	w.clock.advance(time.Second)
	if last(w.id.Authenticate(w.ctx, raw)) == nil {
		t.Fatal("a dead token was accepted")
	}
	got := o.all(w)
	at, later := w.clock.Now().Add(-time.Second), w.clock.Now()
	by := identity.Observation{At: at, Org: org, Account: sa.ID, Credential: sa.Key.ID, TokenID: p.TokenID(), Way: identity.WayAccessToken}
	with := func(edit func(*identity.Observation)) identity.Observation {
		seen := by
		edit(&seen)
		return seen
	}
	want := []identity.Observation{
		{At: at, Outcome: identity.Authenticated, Org: org, Account: sa.ID, Credential: sa.Key.ID, Way: identity.WayAssertion},
		with(func(s *identity.Observation) { s.Outcome = identity.Authenticated }),
		with(func(s *identity.Observation) { s.Outcome = identity.Authenticated }),
		with(func(s *identity.Observation) {
			s.Outcome, s.Permission, s.Target = identity.Denied, "wallets:delete", identity.Target{Org: org, Path: path(t, "projects/1")}
			s.Decision.Reason = policy.ReasonNoBinding
		}),
		{At: at, Outcome: identity.Denied, Permission: "wallets:read", Target: identity.Target{Org: org, Path: policy.Root},
			Decision: policy.Decision{Reason: policy.ReasonUnauthenticated}},
		{At: at, Outcome: identity.Refused, Way: identity.WayAccessToken},
		with(func(s *identity.Observation) {
			s.Outcome, s.Op, s.Permission, s.Target = identity.Denied, "CreateGroup", "identity:groups.create", identity.Target{Org: org}
		}),
		with(func(s *identity.Observation) {
			s.Outcome, s.Op, s.Permission, s.Target = identity.Denied, "Accounts", "identity:accounts.read", identity.Target{Org: org}
		}),
		with(func(s *identity.Observation) {
			s.Outcome, s.Op, s.Permission, s.Target = identity.Denied, "DeleteBinding", "identity:bindings.delete", identity.Target{Org: org}
		}),
		with(func(s *identity.Observation) { s.Outcome, s.At = identity.Refused, later }),
	}
	errs := map[int]error{5: identity.ErrUnauthenticated, 6: identity.ErrDenied, 7: identity.ErrDenied, 8: identity.ErrImmutable, 9: identity.ErrDisabled}
	if len(got) != len(want) {
		t.Fatalf("%d observations, want %d: %+v", len(got), len(want), got)
	}
	for i, seen := range got {
		if (seen.Err == nil) != (errs[i] == nil) || errs[i] != nil && !errors.Is(seen.Err, errs[i]) {
			t.Errorf("%d: %v, want %v", i, seen.Err, errs[i])
		}
		seen.Err, seen.Decision.Revision = nil, 0
		if fmt.Sprintf("%+v", seen) != fmt.Sprintf("%+v", want[i]) {
			t.Errorf("%d:\n got %+v\nwant %+v", i, seen, want[i])
		}
	}
}

// TestObserverNeverHoldsUp: who asks does not wait for the observer, however slow it
// is; what does not fit is dropped, and counted.
func TestObserverNeverHoldsUp(t *testing.T) {
	o := &witness{wait: make(chan struct{})}
	w := open(t, with(func(c *identity.Config) { c.Observer = o.see }))
	org := w.org("acme")
	p := w.login(org, w.user(org, "u"))
	const asked = 6000
	for range asked {
		if d := w.may(p, org, "wallets:read", policy.Root); d.Allowed {
			t.Fatal("allowed")
		}
	}
	dropped := w.id.Stats().DroppedObservations
	if dropped < asked-4096-2 || dropped >= asked {
		t.Errorf("%d were dropped", dropped)
	}
	close(o.wait)
	if seen := o.all(w); uint64(len(seen))+dropped != asked+1 { // and the login
		t.Errorf("%d were told, %d dropped, of %d", len(seen), dropped, asked+1)
	}
}

// TestUnobservedCostsNothing: without an observer a denial allocates nothing.
func TestUnobservedCostsNothing(t *testing.T) {
	w := open(t)
	c := w.caller()
	req := identity.Request{Principal: c.held, Org: c.org, Permission: perm(t, "wallets:delete"), Path: policy.Root}
	if n := testing.AllocsPerRun(100, func() { w.id.Authorize(w.ctx, req) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s := w.id.Stats(); s.DroppedObservations != 0 {
		t.Errorf("%+v", s)
	}
}
