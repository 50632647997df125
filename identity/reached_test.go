package identity_test

import (
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// atLeast asks whether a principal may read wallets, from a revision on.
func (w *world) atLeast(p identity.Principal, org identity.OrgID, revision uint64) policy.Decision {
	w.t.Helper()
	return w.id.Authorize(w.ctx, identity.Request{
		Principal: p, Org: org, Permission: perm(w.t, "wallets:read"), Path: policy.Root, AtLeast: revision,
	})
}

// TestAtLeast: a process that owns its database answers at once, one way or the
// other; the answer is never from an older state.
func TestAtLeast(t *testing.T) {
	store := &counting{}
	w := open(t, func(w *world) {
		w.wrap = func(st identity.Store) identity.Store { store.Store = st; return store }
	})
	org := w.org("acme")
	p := w.login(org, w.user(org, "u", "wallets:read"))
	now := w.id.Revision()
	before := store.reads.Load()
	for revision, want := range map[uint64]policy.Reason{
		0: policy.ReasonAllowed, 1: policy.ReasonAllowed, now: policy.ReasonAllowed,
		now + 1: policy.ReasonStale, 1<<64 - 1: policy.ReasonStale,
	} {
		if d := w.atLeast(p, org, revision); d.Reason != want {
			t.Errorf("at least %d of %d: %+v", revision, now, d)
		}
	}
	if n := store.reads.Load() - before; n != 0 {
		t.Errorf("%d reads", n)
	}
	if d := w.atLeast(identity.Principal{}, org, now+1); d.Reason != policy.ReasonUnauthenticated {
		t.Errorf("nobody: %+v", d)
	}
	wantKind(t, w.id.Check(w.ctx, identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root, AtLeast: now + 1}), identity.ErrStale)
}

// TestAtLeastShared: a process that shares its database looks once for what it
// has not reached.
func TestAtLeastShared(t *testing.T) {
	a, _ := share(t)
	org := a.org("acme")
	u := a.user(org, "u", "wallets:read")
	store := &counting{}
	var broken *unreadable
	b := a.join(t, func(st identity.Store) identity.Store {
		broken = &unreadable{Store: st}
		store.Store = broken
		return store
	})
	p := b.login(org, u)
	must(a.in(org).DeactivateAccount(a.ctx, u))(t)
	if d := b.atLeast(p, org, b.id.Revision()); !d.Allowed {
		t.Fatalf("before it looks: %+v", d)
	}
	if d := b.atLeast(p, org, a.id.Revision()); d.Reason != policy.ReasonAccountInactive || d.Revision < a.id.Revision() {
		t.Errorf("%+v, the other is at %d", d, a.id.Revision())
	}
	v := a.user(org, "v", "wallets:read")
	b.poll()
	q := b.login(org, v)
	if d := b.atLeast(q, org, a.id.Revision()+1); d.Reason != policy.ReasonStale {
		t.Errorf("a revision that nobody has: %+v", d)
	}
	// Many who ask for what is not there share few looks.
	before := store.reads.Load()
	var all sync.WaitGroup
	begin := make(chan struct{})
	const askers = 50
	for range askers {
		all.Go(func() {
			<-begin
			if d := b.atLeast(q, org, 1<<40); d.Reason != policy.ReasonStale {
				t.Errorf("%+v", d)
			}
		})
	}
	hold := make(chan struct{})
	store.hold.Store(&hold)
	close(begin)
	time.AfterFunc(50*time.Millisecond, func() { close(hold) })
	all.Wait()
	store.hold.Store(nil)
	if n := store.reads.Load() - before; n >= askers {
		t.Errorf("%d reads for %d questions", n, askers)
	}
	broken.now.Store(true)
	began := time.Now()
	if d := b.atLeast(q, org, a.id.Revision()+1); d.Reason != policy.ReasonStale {
		t.Errorf("unreadable: %+v", d)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	broken.now.Store(false)
}
