package identity_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// share opens a world whose database a second Authority has open too.

func share(t testing.TB) (w, second *world) {
	t.Helper()
	w = open(t, func(w *world) { w.opts = sqlite.Options{Shared: true} })
	return w, w.join(t, nil)
}

// join opens the world's database once more, through a store that may be wrapped.

func (w *world) join(t testing.TB, wrap func(identity.Store) identity.Store) *world {
	t.Helper()
	other := *w
	other.t = t
	other.cfg.Random = newSeeded(newSeed(t))
	var st identity.Store = must(sqlite.Open(w.ctx, w.file(), w.opts))(t)
	if wrap != nil {
		st = wrap(st)
	}
	other.id = must(identity.New(w.ctx, st, other.cfg))(t)
	t.Cleanup(func() {
		if err := other.id.Close(); err != nil {
			t.Error(err)
		}
	})
	return &other
}

func (w *world) poll() {
	w.t.Helper()
	if err := w.id.Poll(w.ctx); err != nil {
		w.t.Fatal(err)
	}
}

// TestSec37_OtherProcessSees makes every kind of change in one Authority: the

// other answers as before until it polls, and then like the first.

func TestSec37_OtherProcessSees(t *testing.T) {
	type scene struct {
		a, b   *world
		org    identity.OrgID
		user   identity.AccountID
		group  identity.GroupID // of the user
		outer  identity.GroupID // empty
		role   identity.RoleID
		caller caller

		private ed25519.PrivateKey // registered nowhere
		public  []byte
	}
	ask := func(permission string) func(w *world, s scene) bool {
		return func(w *world, s scene) bool {
			return w.may(w.login(s.org, s.user), s.org, permission, policy.Root).Allowed
		}
	}
	bearer := func(w *world, s scene) bool { return last(w.id.Authenticate(w.ctx, s.caller.bearer)) == nil }
	for name, c := range map[string]struct {
		see    func(w *world, s scene) bool
		change func(s scene)
	}{
		"binding made": {ask("keys:use"), func(s scene) { s.a.grant(s.org, identity.SubjectID(s.user), policy.Root, "keys:use") }},
		"binding deleted": {ask("wallets:read"), func(s scene) {
			for b := range s.a.in(s.org).AllBindings(s.a.ctx, identity.BindingFilter{Subject: identity.SubjectID(s.group)}) {
				if err := s.a.in(s.org).DeleteBinding(s.a.ctx, b.ID); err != nil {
					t.Fatal(err)
				}
			}
		}},
		"member removed": {ask("wallets:read"), func(s scene) { must(s.a.in(s.org).RemoveMember(s.a.ctx, s.group, identity.SubjectID(s.user)))(t) }},
		"group nested": {ask("wallets:create"), func(s scene) {
			s.a.grant(s.org, identity.SubjectID(s.outer), policy.Root, "wallets:create")
			must(s.a.in(s.org).AddMember(s.a.ctx, s.outer, identity.SubjectID(s.group)))(t)
		}},
		"group made, filled and bound": {ask("wallets:create"), func(s scene) {
			g := must(s.a.in(s.org).CreateGroup(s.a.ctx, identity.GroupSpec{Name: "new"}))(t).ID
			must(s.a.in(s.org).AddMember(s.a.ctx, g, identity.SubjectID(s.user)))(t)
			s.a.grant(s.org, identity.SubjectID(g), policy.Root, "wallets:create")
		}},
		"group emptied and deleted": {ask("wallets:read"), func(s scene) {
			in := s.a.in(s.org)
			must(in.RemoveMember(s.a.ctx, s.group, identity.SubjectID(s.user)))(t)
			for b := range in.AllBindings(s.a.ctx, identity.BindingFilter{Subject: identity.SubjectID(s.group)}) {
				if err := in.DeleteBinding(s.a.ctx, b.ID); err != nil {
					t.Fatal(err)
				}
			}
			if err := in.DeleteGroup(s.a.ctx, s.group, identity.IfUnused); err != nil {
				t.Fatal(err)
			}
		}},
		"role edited": {ask("wallets:delete"), func(s scene) {
			must(s.a.in(s.org).UpdateRole(s.a.ctx, s.role, identity.RolePatch{Permissions: &[]string{"wallets:*"}}))(t)
		}},
		"role included": {ask("keys:use"), func(s scene) {
			must(s.a.in(s.org).CreateRole(s.a.ctx, identity.RoleSpec{Name: "inner", Permissions: []string{"keys:use"}}))(t)
			must(s.a.in(s.org).UpdateRole(s.a.ctx, s.role, identity.RolePatch{Includes: &[]string{"inner"}}))(t)
		}},
		"account made": {func(w *world, s scene) bool {
			for a := range w.in(s.org).AllAccounts(w.ctx, identity.AccountFilter{NamePrefix: "new@"}) {
				p, err := w.in(s.org).Vouch(w.ctx, a.ID, w.session(0))
				return err == nil && w.may(p, s.org, "wallets:read", policy.Root).Allowed
			}
			return false
		}, func(s scene) {
			must(s.a.in(s.org).CreateUser(s.a.ctx, identity.UserSpec{Email: "new@example.com", Groups: []identity.GroupID{s.group}}))(t)
		}},
		"account deactivated": {func(w *world, s scene) bool { return last(w.in(s.org).Vouch(w.ctx, s.user, w.session(0))) == nil },
			func(s scene) { must(s.a.in(s.org).DeactivateAccount(s.a.ctx, s.user))(t) }},
		"account signed out": {bearer, func(s scene) { must(s.a.in(s.org).SignOutAccount(s.a.ctx, s.caller.sa.ID))(t) }},
		"account deleted":    {bearer, func(s scene) { must(s.a.in(s.org).DeleteAccount(s.a.ctx, s.caller.sa.ID))(t) }},
		"credential revoked": {bearer, func(s scene) { must(s.a.in(s.org).RevokeCredential(s.a.ctx, s.caller.sa.Key.ID))(t) }},
		"credential made": {func(w *world, s scene) bool {
			for c := range w.in(s.org).AllCredentials(w.ctx, identity.CredentialFilter{Account: s.user}) {
				return last(w.id.ExchangeAssertion(w.ctx, w.assertion(c.ID, s.user, s.private), identity.TokenRequest{})) == nil
			}
			return false
		}, func(s scene) {
			must(s.a.in(s.org).AddPublicKey(s.a.ctx, s.user, identity.PublicKeySpec{UnprovenPublicKey: s.public}))(t)
		}},
		"org suspended":  {bearer, func(s scene) { must(s.a.sys().SuspendOrg(s.a.ctx, s.caller.org))(t) }},
		"org signed out": {bearer, func(s scene) { must(s.a.sys().SignOutOrg(s.a.ctx, s.caller.org))(t) }},
		"org deleted":    {bearer, func(s scene) { must(s.a.sys().DeleteOrg(s.a.ctx, s.caller.org))(t) }},
		"several in one revision": {ask("keys:use"), func(s scene) {
			err := s.a.id.Write(s.a.ctx, func(ctx context.Context, tx *identity.Tx) error {
				in := tx.System("several").In(s.org)
				must(in.CreateRole(ctx, identity.RoleSpec{Name: "late", Permissions: []string{"keys:use"}}))(t)
				must(in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(s.outer), Role: "late", Scope: policy.Root}))(t)
				must(in.AddMember(ctx, s.outer, identity.SubjectID(s.user)))(t)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := share(t)
			s := scene{a: a, b: b}
			s.private, s.public = newKey(t)
			s.caller = a.caller()
			s.org = s.caller.org
			s.user = a.user(s.org, "u")
			in := a.in(s.org)
			s.group = must(in.CreateGroup(a.ctx, identity.GroupSpec{Name: "of u"}))(t).ID
			s.outer = must(in.CreateGroup(a.ctx, identity.GroupSpec{Name: "outer"}))(t).ID
			must(in.AddMember(a.ctx, s.group, identity.SubjectID(s.user)))(t)
			s.role = must(in.CreateRole(a.ctx, identity.RoleSpec{Name: "r", Permissions: []string{"wallets:read"}}))(t).ID
			a.bind(s.org, identity.BindingSpec{Subject: identity.SubjectID(s.group), Role: "r", Scope: policy.Root})
			b.poll()
			before := c.see(b, s)
			if c.see(a, s) != before {
				t.Fatal("they differ at the start")
			}
			c.change(s)
			if c.see(a, s) == before {
				t.Fatal("the change does not show where it was made")
			}
			if c.see(b, s) != before {
				t.Error("it shows before the poll: the test does not show what it should")
			}
			b.poll()
			if c.see(b, s) == before {
				t.Error("it does not show after one poll")
			}
			if a.id.Revision() != b.id.Revision() {
				t.Errorf("revisions %d and %d", a.id.Revision(), b.id.Revision())
			}
		})
	}
}

// TestSharedSigningKeys: a key that one turned in signs for the other as well,

// both keep one ring, and neither takes the other's token for a rollback.

func TestSharedSigningKeys(t *testing.T) {
	a, b := share(t)
	c := a.caller()
	b.poll()
	for range 3 {
		a.clock.advance(31 * 24 * time.Hour)
		must(a.in(c.org).ExtendAccount(a.ctx, c.sa.ID, a.clock.Now().Add(accountLife)))(t)
		private, public := newKey(t)
		key := must(a.in(c.org).AddPublicKey(a.ctx, c.sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public}))(t)
		raw := must(a.id.ExchangeAssertion(a.ctx, a.assertion(key.ID, c.sa.ID, private), identity.TokenRequest{}))(t).Token.Reveal() // turns the ring
		b.poll()
		if _, err := b.id.Authenticate(b.ctx, raw); err != nil {
			t.Errorf("a token of the other: %v", err)
		}
		if one, two := must(a.id.JWKS(a.ctx))(t), must(b.id.JWKS(b.ctx))(t); !bytes.Equal(one, two) {
			t.Errorf("two rings:\n%s\n%s", one, two)
		}
	}
	// When both find it due, one turns it.
	a.clock.advance(31 * 24 * time.Hour)
	one, two := must(a.id.JWKS(a.ctx))(t), must(b.id.JWKS(b.ctx))(t)
	if !bytes.Equal(one, two) {
		t.Errorf("two rings:\n%s\n%s", one, two)
	}
	a.poll()
	if a.id.Revision() != b.id.Revision() {
		t.Errorf("revisions %d and %d", a.id.Revision(), b.id.Revision())
	}
}

// TestSec41_SharedReplay: an assertion used in one Authority is refused in the other.

func TestSec41_SharedReplay(t *testing.T) {
	a, b := share(t)
	c := a.caller()
	b.poll()
	raw := a.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	must(a.id.ExchangeAssertion(a.ctx, raw, identity.TokenRequest{}))(t)
	if _, err := b.id.ExchangeAssertion(b.ctx, raw, identity.TokenRequest{}); !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("%v", err)
	}
	raw = a.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	must(b.id.ExchangeAssertion(b.ctx, raw, identity.TokenRequest{}))(t)
	if _, err := a.id.ExchangeAssertion(a.ctx, raw, identity.TokenRequest{}); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("%v", err)
	}
	// What one revoked, the other does not exchange, polled or not: it asks inside the transaction.
	must(a.in(c.org).RevokeCredential(a.ctx, c.sa.Key.ID))(t)
	if _, err := b.id.ExchangeAssertion(b.ctx, a.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("%v", err)
	}
}

// TestSec41_SharedFifty: of fifty who show one assertion at once, in two processes
// that share the database, one gets a token; nobody does after both were restarted.
func TestSec41_SharedFifty(t *testing.T) {
	a, b := share(t)
	c := a.caller()
	b.poll()
	raw := a.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	exchange := func(w *world) error { return last(w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{})) }
	if n := fiftyTry(t, a, b, exchange); n != 1 {
		t.Errorf("%d of fifty won", n)
	}
	a.reopen()
	for _, w := range []*world{a, b, a.join(t, nil)} {
		wantTurnedAway(t, "after a restart", exchange(w), identity.ErrRevoked)
	}
}

// unreadable is a store whose reads can be made to fail.

type unreadable struct {
	identity.Store
	now atomic.Bool
}

var errUnreadable = errors.New("unreadable")

func (u *unreadable) Read(ctx context.Context, fn func(identity.Txn) error) error {
	if u.now.Load() {
		return errUnreadable
	}
	return u.Store.Read(ctx, fn)
}

// TestStaleness: an Authority that has not polled for longer than MaxStaleness

// looks first, and when it cannot, it answers nothing at all.

func TestStaleness(t *testing.T) {
	a, _ := share(t)
	c := a.caller()
	var store *unreadable
	b := a.join(t, func(st identity.Store) identity.Store { store = &unreadable{Store: st}; return store })
	p := must(b.id.Authenticate(b.ctx, c.bearer))(t)
	ask := func() policy.Decision { return b.may(p, c.org, "keys:use", policy.Root) }
	a.grant(c.org, identity.SubjectID(c.sa.ID), policy.Root, "keys:use")
	a.clock.advance(5 * time.Minute)
	if d := ask(); d.Allowed {
		t.Errorf("within the bound: %+v", d)
	}
	a.clock.advance(a.cfg.MaxStaleness - 5*time.Minute + time.Microsecond)
	c.prove()
	p = must(b.id.Authenticate(b.ctx, c.bearer))(t) // looks
	if d := ask(); !d.Allowed {
		t.Errorf("after it looked: %+v", d)
	}
	store.now.Store(true)
	if d := ask(); !d.Allowed {
		t.Errorf("unreadable, within the bound: %+v", d)
	}
	a.clock.advance(a.cfg.MaxStaleness + time.Microsecond)
	must(a.in(c.org).ExtendAccount(a.ctx, c.sa.ID, a.clock.Now().Add(accountLife)))(t)
	if d := ask(); d.Allowed || d.Reason != policy.ReasonStale {
		t.Errorf("past the bound: %+v", d)
	}
	for what, err := range map[string]error{
		"Authenticate":      last(b.id.Authenticate(b.ctx, c.bearer)),
		"ExchangeAssertion": last(b.id.ExchangeAssertion(b.ctx, "x", identity.TokenRequest{})),
		"Vouch":             last(b.in(c.org).Vouch(b.ctx, c.sa.ID, b.session(0))),
		"Groups as":         last(b.id.As(p).In(c.org).Groups(b.ctx, identity.GroupFilter{}, identity.Page{})),
	} {
		if e := wantKindOrFail(t, what, err, identity.ErrStale); e != nil && errors.Is(e, identity.ErrUnauthenticated) {
			t.Errorf("%s: %v blames the caller", what, e)
		}
	}
	store.now.Store(false)
	a.clock.advance(250 * time.Millisecond) // it does not try at every question
	if d := ask(); d.Reason == policy.ReasonStale {
		t.Errorf("readable again: %+v", d)
	}
}

// TestReplacedFile: when another file is in the place of the database,

// everything is denied from the next poll on.

func TestReplacedFile(t *testing.T) {
	w := open(t)
	c := w.caller()
	for _, f := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(w.file()+f, w.file()+".away"+f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.id.Poll(w.ctx); !errors.Is(err, identity.ErrStorage) {
		t.Fatalf("the poll: %v", err)
	}
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Allowed || d.Reason != policy.ReasonUnavailable {
		t.Errorf("%+v", d)
	}
	for what, err := range map[string]error{
		"Authenticate": last(w.id.Authenticate(w.ctx, c.bearer)), "Vouch": last(w.in(c.org).Vouch(w.ctx, c.sa.ID, w.session(0))),
		"a write": last(w.in(c.org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"})), "a read": last(w.in(c.org).Groups(w.ctx, identity.GroupFilter{}, identity.Page{})),
	} {
		wantKindOrFail(t, what, err, identity.ErrStorage)
	}
	for _, f := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(w.file()+".away"+f, w.file()+f); err != nil {
			t.Fatal(err)
		}
	}
	w.poll()
	if d := w.may(c.held, c.org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("the file is back: %+v", d)
	}
}

// TestViewReadBeforeAForeignWrite: an org that is read while another process

// writes is not edited, and not served, as it was before.

func TestViewReadBeforeAForeignWrite(t *testing.T) {
	a, b := share(t)
	org := a.org("acme")
	u := a.user(org, "u")
	role := a.role(org, "wallets:read")
	binding := a.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(role), Scope: policy.Root})
	b.poll() // b knows of the org and has not loaded it
	offer := must(b.id.ReadView(b.ctx, org))(t)
	if err := a.in(org).DeleteBinding(a.ctx, binding); err != nil {
		t.Fatal(err)
	}
	err := b.id.Write(b.ctx, func(ctx context.Context, tx *identity.Tx) error {
		if offer() {
			t.Error("a view from before was taken")
		}
		return last(tx.System("edit").In(org).CreateGroup(ctx, identity.GroupSpec{Name: "g"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := b.may(b.login(org, u), org, "wallets:read", policy.Root); d.Allowed {
		t.Errorf("a binding that was deleted: %+v", d)
	}
	b.checkChain(org)
	a.poll()
	a.checkChain(org)
}

// TestSharedRandomWrites lets two Authorities write at random into one

// database, and asks both, and a third that has just opened it, the same

// questions: edited, followed and compiled anew, the answers are the same.
