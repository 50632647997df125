package identity_test

import (
	"errors"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestEnsureTwice runs start-up code twice, with things changed in between:
// what exists is returned as it is, and nothing is changed, granted or enabled
// again.
func TestEnsureTwice(t *testing.T) {
	w := open(t)
	_, key := newKey(t)
	type setup struct {
		org     identity.OrgResult
		user    identity.UserResult
		sa      identity.ServiceAccountResult
		group   identity.GroupResult
		role    identity.RoleResult
		binding identity.BindingResult
	}
	ensure := func() (s setup) {
		s.org = must(w.sys().EnsureOrg(w.ctx, identity.OrgSpec{Slug: "acme", Owner: &identity.UserSpec{Email: "owner@example.com"}}))(t)
		in := w.in(s.org.ID)
		s.group = must(in.EnsureGroup(w.ctx, identity.GroupSpec{Name: "ops", Description: "first"}))(t)
		s.role = must(in.EnsureRole(w.ctx, identity.RoleSpec{Name: "reader", Permissions: []string{"wallets:read"}}))(t)
		s.user = must(in.EnsureUser(w.ctx, identity.UserSpec{Email: "Ann@Example.com", Groups: []identity.GroupID{s.group.ID}}))(t)
		s.sa = must(in.EnsureServiceAccount(w.ctx, identity.ServiceAccountSpec{
			Name: "ci", UnprovenPublicKey: key, Roles: []string{"reader"}, Permissions: []string{"keys:use"},
		}))(t)
		s.binding = must(in.EnsureBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(s.group.ID), Role: "reader", Scope: policy.Root}))(t)
		return s
	}
	first := ensure()
	for what, created := range map[string]bool{
		"org": first.org.Created, "user": first.user.Created, "service account": first.sa.Created, "group": first.group.Created,
		"role": first.role.Created, "binding": first.binding.Created, "owner": first.org.Owner != nil,
	} {
		if !created {
			t.Errorf("%s: not created", what)
		}
	}
	again := func() setup {
		t.Helper()
		same := w.unchanged()
		second := ensure()
		same()
		if second.org.Created || second.user.Created || second.sa.Created || second.group.Created || second.role.Created || second.binding.Created {
			t.Errorf("created again: %+v", second)
		}
		if second.org.ID != first.org.ID || second.user.ID != first.user.ID || second.sa.ID != first.sa.ID || second.sa.Key.ID != first.sa.Key.ID ||
			second.group.ID != first.group.ID || second.role.ID != first.role.ID {
			t.Errorf("found others:\n%+v\n%+v", first, second)
		}
		return second
	}
	again()
	w.reopen()
	again()

	in := w.in(first.org.ID)
	must(in.DeactivateAccount(w.ctx, first.sa.ID))(t)
	must(in.ArchiveAccount(w.ctx, first.user.ID))(t)
	must(in.DisableCredential(w.ctx, first.sa.Key.ID))(t)
	must(in.RemoveMember(w.ctx, first.group.ID, identity.SubjectID(first.user.ID)))(t)
	must(in.UpdateRole(w.ctx, first.role.ID, identity.RolePatch{Permissions: &[]string{}}))(t)
	changed := again()
	if changed.sa.State != identity.AccountInactive || changed.user.State != identity.AccountArchived ||
		changed.sa.Key.State != identity.CredentialDisabled || len(changed.role.Permissions) != 0 {
		t.Errorf("what was taken away came back: %+v", changed)
	}
	if members := must(in.Members(w.ctx, first.group.ID, identity.Page{}))(t); len(members.Items) != 0 {
		t.Errorf("members came back: %+v", members.Items)
	}
	// A service account's bindings are not made again, once they are gone.
	for b, err := range in.AllBindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(first.sa.ID)}) {
		if err := errors.Join(err, in.DeleteBinding(w.ctx, b.ID)); err != nil {
			t.Fatal(err)
		}
	}
	must(in.DeleteAccount(w.ctx, first.sa.ID))(t)
	if last := again(); last.sa.State != identity.AccountDeleted {
		t.Errorf("a deleted account: %+v", last.sa)
	}
	for b := range in.AllBindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(first.sa.ID)}) {
		t.Errorf("a binding came back: %+v", b)
	}
	must(w.sys().SuspendOrg(w.ctx, first.org.ID))(t)
	if last := again(); last.org.State != identity.OrgSuspended {
		t.Errorf("a suspended org: %+v", last.org)
	}
}

// TestSec43_NamesStayTaken: the names of what was deleted are not given again,
// and what was granted to the old one is not inherited.
func TestSec43_NamesStayTaken(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	in := w.in(x.Org)
	must(in.DeleteAccount(w.ctx, x.User))(t)
	must(in.DeleteAccount(w.ctx, x.Idle))(t)
	same := w.unchanged()
	wantKind(t, last(in.CreateUser(w.ctx, identity.UserSpec{Email: "user@example.com"})), identity.ErrConflict)
	wantKind(t, last(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "idle"})), identity.ErrConflict)
	wantKind(t, last(in.ActivateAccount(w.ctx, x.User)), identity.ErrNotFound)
	wantKind(t, last(in.AddMember(w.ctx, x.Group, identity.SubjectID(x.User))), identity.ErrNotFound)
	same()
	if err := in.DeleteGroup(w.ctx, x.Group, identity.IfUnused); err != nil {
		t.Fatal(err)
	}
	role := w.role(x.Org, "wallets:read")
	name := must(in.Role(w.ctx, role))(t).Name
	if err := in.DeleteRole(w.ctx, role, identity.IfUnused); err != nil {
		t.Fatal(err)
	}
	same = w.unchanged()
	wantKind(t, last(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "empty"})), identity.ErrConflict)
	wantKind(t, last(in.CreateRole(w.ctx, identity.RoleSpec{Name: name})), identity.ErrConflict)
	if g := must(in.EnsureGroup(w.ctx, identity.GroupSpec{Name: "empty"}))(t); g.Created || !g.Deleted || g.ID != x.Group {
		t.Errorf("ensuring a deleted group: %+v", g)
	}
	if r := must(in.EnsureRole(w.ctx, identity.RoleSpec{Name: name}))(t); r.Created || !r.Deleted {
		t.Errorf("ensuring a deleted role: %+v", r)
	}
	wantKind(t, last(in.Group(w.ctx, x.Group)), identity.ErrNotFound)
	wantKind(t, last(in.Role(w.ctx, role)), identity.ErrNotFound)
	wantKind(t, in.DeleteGroup(w.ctx, x.Group, identity.IfUnused), identity.ErrNotFound)
	wantKind(t, in.DeleteRole(w.ctx, role, identity.IfUnused), identity.ErrNotFound)
	wantKind(t, last(in.AddMember(w.ctx, x.Group, identity.SubjectID(x.Full))), identity.ErrNotFound)
	wantKind(t, last(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(x.Group), Role: "wallet-reader", Scope: policy.Root})), identity.ErrNotFound)
	wantKind(t, last(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(x.Full), Role: string(role), Scope: policy.Root})), identity.ErrNotFound)
	same()
	w.reopen()
	in = w.in(x.Org)
	wantKind(t, last(in.Group(w.ctx, x.Group)), identity.ErrNotFound)
	for g, err := range in.AllGroups(w.ctx, identity.GroupFilter{}) {
		if err != nil || g.ID == x.Group {
			t.Errorf("%+v, %v", g, err)
		}
	}
	must(w.sys().DeleteOrg(w.ctx, x.Org))(t)
	wantKind(t, last(w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: "acme"})), identity.ErrConflict)
	if found := must(w.sys().EnsureOrg(w.ctx, identity.OrgSpec{Slug: "acme"}))(t); found.Created || found.State != identity.OrgDeleted {
		t.Errorf("%+v", found)
	}
}

// TestSec54_DeletedOrg: of a deleted org nothing answers but its log and the
// row that keeps its slug.
func TestSec54_DeletedOrg(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	admin := w.user(x.Org, "admin", allManagement()...)
	p := w.login(x.Org, admin)
	operator := w.user(w.id.SystemOrg(), "operator")
	w.bind(w.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	op := w.login(w.id.SystemOrg(), operator)
	must(w.sys().DeleteOrg(w.ctx, x.Org))(t)
	for range 2 {
		same := w.unchanged()
		for name, c := range calls() {
			if c.inSystem {
				continue
			}
			system := c.run(w.ctx, w.sys(), x)
			if identity.Outlives(name) {
				if system != nil {
					t.Errorf("%s by the host: %v", name, system)
				}
			} else if !errors.Is(system, identity.ErrNotFound) {
				t.Errorf("%s by the host: %v", name, system)
			}
			if c.hostOnly {
				continue
			}
			if err := c.run(w.ctx, w.id.As(op), x); !errors.Is(err, identity.ErrNotFound) {
				t.Errorf("%s by an operator: %v", name, err)
			}
			if err := c.run(w.ctx, w.id.As(p), x); err == nil {
				t.Errorf("%s by its own admin was done", name)
			}
		}
		for _, name := range []string{"UpdateOrg", "SuspendOrg", "ResumeOrg", "DeleteOrg", "SignOutOrg"} {
			if err := calls()[name].run(w.ctx, w.sys(), x); !errors.Is(err, identity.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if tomb := must(w.sys().Org(w.ctx, x.Org))(t); tomb.State != identity.OrgDeleted || tomb.Slug != "acme" {
			t.Errorf("%+v", tomb)
		}
		if _, err := w.in(x.Org).Vouch(w.ctx, admin, w.session(0)); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("vouching: %v", err)
		}
		same()
		w.reopen() // the principals are of the Authority before: they are refused in any case
		op = w.login(w.id.SystemOrg(), operator)
	}
}
