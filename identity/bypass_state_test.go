package identity_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// fault fails the read that its countdown ends at; at zero it fails none.
type fault struct{ left int }

var errFault = &identity.Error{Kind: identity.ErrStorage, Err: errors.New("a broken read")}

func (f *fault) step() error {
	if f.left == 0 {
		return nil
	}
	if f.left--; f.left == 0 {
		return errFault
	}
	return nil
}

// faulty is a store that fails in the middle of what it reads.
type faulty struct {
	identity.Store
	*fault
}

func (s faulty) Read(ctx context.Context, fn func(identity.Txn) error) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.Store.Read(ctx, func(tx identity.Txn) error { return fn(faultyTxn{tx, s.fault}) })
}

type faultyTxn struct {
	identity.Txn
	*fault
}

func (t faultyTxn) Orgs() identity.Table[identity.Org, identity.OrgID] {
	return faultyOrgs{t.Txn.Orgs(), t.fault}
}
func (t faultyTxn) World() identity.World     { return faultyWorld{t.Txn.World(), t.fault} }
func (t faultyTxn) Changes() identity.Changes { return faultyChanges{t.Txn.Changes(), t.fault} }

type faultyOrgs struct {
	identity.Table[identity.Org, identity.OrgID]
	*fault
}

func (o faultyOrgs) Find(ctx context.Context, org, id identity.OrgID) (identity.Org, error) {
	if err := o.step(); err != nil {
		return identity.Org{}, err
	}
	return o.Table.Find(ctx, org, id)
}

type faultyChanges struct {
	identity.Changes
	*fault
}

func (c faultyChanges) Revision(ctx context.Context) (uint64, error) {
	if err := c.step(); err != nil {
		return 0, err
	}
	return c.Changes.Revision(ctx)
}

func (c faultyChanges) Head(ctx context.Context, org identity.OrgID) (identity.Event, error) {
	if err := c.step(); err != nil {
		return identity.Event{}, err
	}
	return c.Changes.Head(ctx, org)
}

// faultyWorld fails before any row, and after the last one.
type faultyWorld struct {
	identity.World
	*fault
}

func rows[T any](f *fault, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for row, err := range seq {
			if broken := f.step(); broken != nil {
				yield(none, broken)
				return
			}
			if !yield(row, err) {
				return
			}
		}
		if broken := f.step(); broken != nil {
			yield(none, broken)
		}
	}
}

func (w faultyWorld) Accounts(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Account, error] {
	return rows(w.fault, w.World.Accounts(ctx, org))
}
func (w faultyWorld) Groups(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Group, error] {
	return rows(w.fault, w.World.Groups(ctx, org))
}
func (w faultyWorld) Members(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Member, error] {
	return rows(w.fault, w.World.Members(ctx, org))
}
func (w faultyWorld) Roles(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Role, error] {
	return rows(w.fault, w.World.Roles(ctx, org))
}
func (w faultyWorld) Bindings(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Binding, error] {
	return rows(w.fault, w.World.Bindings(ctx, org))
}
func (w faultyWorld) Credentials(ctx context.Context, org identity.OrgID) iter.Seq2[identity.Credential, error] {
	return rows(w.fault, w.World.Credentials(ctx, org))
}

// An org is loaded with a read that fails, each in its turn: what is loaded by
// half answers nothing, nobody is blamed for it, and the next question gets the
// whole answer.
func TestBypassEveryReadFails(t *testing.T) {
	w := open(t, func(w *world) { w.opts.Shared = true })
	c := w.caller()
	group := must(w.in(c.org).CreateGroup(w.ctx, identity.GroupSpec{Name: "denied"}))(t).ID
	must(w.in(c.org).AddMember(w.ctx, group, identity.SubjectID(c.sa.ID)))(t)
	w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(c.sa.ID), Role: "wallet-admin", Scope: policy.Root})
	w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(group), Role: string(w.role(c.org, "wallets:delete")), Scope: policy.Root, Deny: true})
	operator := w.user(w.id.SystemOrg(), "operator")
	w.bind(w.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	suspended := w.org("suspended")

	failed := 0
	for at := 1; ; at++ {
		f := &fault{}
		b := w.join(t, func(st identity.Store) identity.Store { return faulty{st, f} })
		op := b.login(b.id.SystemOrg(), operator) // loads the system org
		f.left = at
		d := b.may(op, suspended, "wallets:read", policy.Root) // of another org, its state is loaded
		switch {
		case f.left > 0 && !d.Allowed, f.left == 0 && (d.Allowed || d.Reason != policy.ReasonUnavailable):
			t.Errorf("read %d, by an operator: %+v", at, d)
		}
		f.left = at
		_, err := b.id.Authenticate(b.ctx, c.bearer)
		whole := f.left > 0
		f.left = 0
		if whole {
			if err != nil {
				t.Errorf("all read: %v", err)
			}
			if at < 20 {
				t.Errorf("an org is loaded by %d reads", at-1)
			}
			break
		}
		failed++
		if !errors.Is(err, identity.ErrStorage) || errors.Is(err, identity.ErrUnauthenticated) || errors.Is(err, identity.ErrNotFound) {
			t.Errorf("read %d: %v", at, err)
		}
		p := must(b.id.Authenticate(b.ctx, c.bearer))(t)
		for permission, want := range map[string]policy.Reason{
			"wallets:read": policy.ReasonAllowed, "wallets:create": policy.ReasonAllowed, "wallets:delete": policy.ReasonDenied, "keys:use": policy.ReasonNoBinding,
		} {
			if d := b.may(p, c.org, permission, policy.Root); d.Reason != want {
				t.Errorf("read %d, then %s: %+v", at, permission, d)
			}
		}
		if err := b.id.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d reads failed in turn", failed)
}

// A call whose context is over is answered as any other when the answer is
// there, and denies when it would have to be read.
func TestBypassCancelled(t *testing.T) {
	w := open(t)
	c := w.caller()
	operator := w.user(w.id.SystemOrg(), "operator")
	w.bind(w.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	w.reopen()
	over, cancel := context.WithCancel(w.ctx)
	cancel()
	op := w.login(w.id.SystemOrg(), operator)
	ask := identity.Request{Principal: op, Org: c.org, Permission: perm(t, "wallets:read"), Path: policy.Root}
	if d := w.id.Authorize(over, ask); d.Allowed || d.Reason != policy.ReasonUnavailable {
		t.Errorf("an org that is not loaded: %+v", d)
	}
	if p, err := w.id.Authenticate(over, c.bearer); err == nil || !p.IsZero() || errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("an org that is not loaded: %v", err)
	}
	if d := w.id.Authorize(w.ctx, ask); !d.Allowed {
		t.Errorf("%+v", d)
	}
	for _, ctx := range []context.Context{w.ctx, over} {
		if d := w.id.Authorize(ctx, ask); !d.Allowed {
			t.Errorf("loaded: %+v", d)
		}
		ask := ask
		ask.Permission = perm(t, identity.PermEscalate)
		if d := w.id.Authorize(ctx, ask); d.Allowed {
			t.Errorf("loaded: %+v", d)
		}
	}
}

// An org is read, then changed, and only then is what was read offered for
// publication: nobody is answered by what was before.
func TestBypassWriteDuringLoad(t *testing.T) {
	type scene struct {
		w       *world
		org     identity.OrgID
		user    identity.AccountID
		group   identity.GroupID
		role    identity.RoleID
		binding identity.BindingID
	}
	for name, change := range map[string]func(s scene) error{
		"a deny": func(s scene) error {
			return last(s.w.in(s.org).CreateBinding(s.w.ctx, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupUsers), Role: "wallet-reader", Scope: policy.Root, Deny: true}))
		},
		"a binding deleted": func(s scene) error { return s.w.in(s.org).DeleteBinding(s.w.ctx, s.binding) },
		"a member removed": func(s scene) error {
			return last(s.w.in(s.org).RemoveMember(s.w.ctx, s.group, identity.SubjectID(s.user)))
		},
		"a role emptied": func(s scene) error {
			return last(s.w.in(s.org).UpdateRole(s.w.ctx, s.role, identity.RolePatch{Permissions: &[]string{}}))
		},
		"an account deactivated": func(s scene) error { return last(s.w.in(s.org).DeactivateAccount(s.w.ctx, s.user)) },
		"the org suspended":      func(s scene) error { return last(s.w.sys().SuspendOrg(s.w.ctx, s.org)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			s := scene{w: w, org: w.org("acme")}
			in := w.in(s.org)
			s.user = w.user(s.org, "u")
			s.group = must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
			must(in.AddMember(w.ctx, s.group, identity.SubjectID(s.user)))(t)
			s.role = w.role(s.org, "wallets:read")
			s.binding = w.bind(s.org, identity.BindingSpec{Subject: identity.SubjectID(s.group), Role: string(s.role), Scope: policy.Root})
			w.reopen()
			offer := must(w.id.ReadView(w.ctx, s.org))(t)
			if err := change(s); err != nil {
				t.Fatal(err)
			}
			offer()
			p, err := w.in(s.org).Vouch(w.ctx, s.user, w.session(0))
			if err == nil {
				if d := w.may(p, s.org, "wallets:read", policy.Root); d.Allowed {
					t.Errorf("%+v", d)
				}
			} else if !errors.Is(err, identity.ErrUnauthenticated) {
				t.Error(err)
			}
		})
	}
}

// A deny counts for an owner, for what one owns, and for who acts with a token
// of its own.
func TestBypassDenyReachesEverybody(t *testing.T) {
	w := open(t)
	c := w.caller()
	in := w.in(c.org)
	owner := w.user(c.org, "owner")
	must(in.GrantOwner(w.ctx, owner))(t)
	own := func(a identity.AccountID) policy.Path { return must(policy.NewPath("accounts", string(a)))(t) }
	group := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
	for _, a := range []identity.AccountID{owner, c.sa.ID} {
		must(in.AddMember(w.ctx, group, identity.SubjectID(a)))(t)
		w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(a), Role: "wallet-admin", Scope: own(a)})
	}
	denied := w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(group), Role: "wallet-admin", Scope: path(t, "accounts/"+string(owner)), Deny: true})
	w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupServiceAccounts), Role: "wallet-reader", Scope: own(c.sa.ID), Deny: true})
	for _, q := range []struct {
		p       identity.Principal
		at      policy.Path
		allowed bool
	}{
		{w.login(c.org, owner), own(owner), false}, {w.login(c.org, owner), own(c.sa.ID), true}, {w.login(c.org, owner), policy.Root, true},
		{c.held, own(c.sa.ID), false}, {c.vouched, own(c.sa.ID), false}, {c.held, policy.Root, true},
	} {
		if d := w.may(q.p, c.org, "wallets:read", q.at); d.Allowed != q.allowed {
			t.Errorf("%s at %s: %+v", q.p, q.at, d)
		}
	}
	// Management asks by the same rules, of oneself too.
	w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(owner), Role: string(w.role(c.org, "identity:accounts.*", "identity:bindings.*")), Scope: policy.Root, Deny: true})
	as := w.as(c.org, owner)
	same := w.unchanged()
	wantKind(t, last(as.Account(w.ctx, owner)), identity.ErrDenied)
	wantKind(t, last(as.UpdateAccount(w.ctx, owner, identity.AccountPatch{})), identity.ErrDenied)
	wantKind(t, as.DeleteBinding(w.ctx, denied), identity.ErrDenied)
	same()
}

// What the host does not declare any more is refused, what it renames keeps its
// denies, and what comes back is as it was.
func TestBypassChangedCatalog(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u, v := w.user(org, "u", "wallets:*", "keys:use"), w.user(org, "v", "wallets:*")
	w.grant(org, identity.SubjectID(v), path(t, "projects/1"), "wallets:read")
	deny := w.role(org, "wallets:delete")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(deny), Scope: policy.Root, Deny: true})
	declared := w.cfg.Permissions
	with := func(names ...policy.PermissionSpec) func(account identity.AccountID, permission string) policy.Reason {
		t.Helper()
		if err := w.id.Close(); err != nil {
			t.Fatal(err)
		}
		w.cfg.Permissions = names
		w.start()
		return func(account identity.AccountID, permission string) policy.Reason {
			return w.may(w.login(org, account), org, permission, path(t, "projects/1")).Reason
		}
	}
	ask := with(policy.PermissionSpec{Name: "wallets:read"}, policy.PermissionSpec{Name: "wallets:create"})
	for permission, want := range map[string]policy.Reason{
		"wallets:delete": policy.ReasonUnknownPermission, "keys:use": policy.ReasonUnknownPermission, "wallets:read": policy.ReasonAllowed,
	} {
		if got := ask(u, permission); got != want {
			t.Errorf("with less, %s: %s", permission, got)
		}
	}
	ask = with(policy.PermissionSpec{Name: "wallets:read"}, policy.PermissionSpec{Name: "wallets:create"}, policy.PermissionSpec{Name: "vaults:remove", Aliases: []string{"wallets:delete"}})
	for permission, want := range map[string]policy.Reason{"vaults:remove": policy.ReasonDenied, "wallets:delete": policy.ReasonDenied, "wallets:create": policy.ReasonAllowed} {
		if got := ask(u, permission); got != want {
			t.Errorf("renamed, %s: %s", permission, got)
		}
	}
	if got := ask(v, "vaults:remove"); got != policy.ReasonAllowed {
		t.Errorf("renamed, for who had it: %s", got)
	}
	ask = with(declared...)
	for permission, want := range map[string]policy.Reason{"wallets:delete": policy.ReasonDenied, "keys:use": policy.ReasonAllowed, "vaults:remove": policy.ReasonUnknownPermission} {
		if got := ask(u, permission); got != want {
			t.Errorf("as before, %s: %s", permission, got)
		}
	}
}
