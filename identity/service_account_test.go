package identity_test

import (
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestCopyCallerRights: the account may do what the caller may, no more, and
// stays as it is when the caller changes.
func TestCopyCallerRights(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	in := w.in(acme)
	who := w.user(acme, "who", "identity:accounts.create")
	team := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "team"}))(t).ID
	must(in.AddMember(w.ctx, team, identity.SubjectID(who)))(t)
	w.bind(acme, identity.BindingSpec{Subject: identity.SubjectID(team), Role: "wallet-admin", Scope: path(t, "projects/p1")})
	w.bind(acme, identity.BindingSpec{Subject: identity.SubjectID(who), Role: "wallet-reader", Scope: path(t, "projects/p1/wallets/w1"), Deny: true})
	hour := w.bind(acme, identity.BindingSpec{Subject: identity.SubjectID(who), Role: "wallet-reader", Scope: path(t, "projects/p2"), End: w.clock.Now().Add(time.Hour)})

	spec := identity.ServiceAccountSpec{Name: "copy", CopyCallerRights: true}
	sa := must(w.as(acme, who).CreateServiceAccount(w.ctx, spec))(t)
	if err := in.DeleteBinding(w.ctx, hour); err != nil {
		t.Fatal(err)
	}
	p := w.login(acme, sa.ID)
	for _, q := range []struct {
		permission, path string
		allowed          bool
	}{
		{"wallets:delete", "projects/p1/wallets/w2", true},
		{"wallets:read", "projects/p1/wallets/w1", false},
		{"wallets:read", "projects/p2/wallets/w1", true},
		{"wallets:read", "projects/p3", false},
		{"identity:accounts.create", "/", true},
		{"keys:use", "/", false},
	} {
		if d := w.may(p, acme, q.permission, path(t, q.path)); d.Allowed != q.allowed {
			t.Errorf("%s at %s: %+v", q.permission, q.path, d)
		}
	}
	w.clock.advance(time.Hour)
	if d := w.may(p, acme, "wallets:read", path(t, "projects/p2")); d.Allowed {
		t.Errorf("past the end that was copied: %+v", d)
	}
	spec.Name = "again"
	wantKind(t, last(in.CreateServiceAccount(w.ctx, spec)), identity.ErrInvalid)
	other := w.user(w.id.SystemOrg(), "operator")
	w.bind(w.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(other), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	wantKind(t, last(w.id.As(w.login(w.id.SystemOrg(), other)).In(acme).CreateServiceAccount(w.ctx, spec)), identity.ErrInvalid)
}

// TestAccountsByExternalID finds one person in several orgs.
func TestAccountsByExternalID(t *testing.T) {
	w := open(t)
	e := identity.ExternalID{Issuer: "https://idp.example", Subject: "42"}
	want := map[identity.OrgID]bool{}
	for _, slug := range []string{"acme", "globex"} {
		org := w.org(slug)
		want[org] = true
		must(w.in(org).CreateUser(w.ctx, identity.UserSpec{Email: "a@example.com", External: e}))(t)
		must(w.in(org).CreateUser(w.ctx, identity.UserSpec{Email: "b@example.com", External: identity.ExternalID{Issuer: e.Issuer, Subject: "43"}}))(t)
	}
	found := must(w.sys().AccountsByExternalID(w.ctx, e))(t)
	if len(found) != 2 {
		t.Fatalf("%d accounts", len(found))
	}
	for _, a := range found {
		if a.External != e || !want[a.Org] {
			t.Errorf("%+v", a)
		}
	}
	wantKind(t, last(w.sys().AccountsByExternalID(w.ctx, identity.ExternalID{})), identity.ErrInvalid)
	wantKind(t, last(w.sys().AccountsByExternalID(w.ctx, identity.ExternalID{Issuer: "x"})), identity.ErrInvalid)
	wantKind(t, last(w.id.As(w.login(found[0].Org, found[0].ID)).AccountsByExternalID(w.ctx, e)), identity.ErrDenied)
}

// TestOwnKey: for itself an account needs no permission to add a key, but all
// that it stands on must be alive, and it must be in its own org.
func TestOwnKey(t *testing.T) {
	w := open(t)
	acme, globex := w.org("acme"), w.org("globex")
	sa, key := w.service(acme, "sa")
	p := must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t)
	private, public := newKey(t)
	own := must(w.id.As(p).In(acme).AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public}))(t)
	must(w.id.ExchangeAssertion(w.ctx, w.assertion(own.ID, sa.ID, private), identity.TokenRequest{}))(t)
	_, public = newKey(t)
	spec := identity.PublicKeySpec{UnprovenPublicKey: public}
	same := w.unchanged()
	wantKind(t, last(w.id.As(p).In(globex).AddPublicKey(w.ctx, sa.ID, spec)), identity.ErrNotFound)
	same()
	other, _ := w.service(acme, "other")
	same = w.unchanged()
	wantKind(t, last(w.id.As(p).In(acme).AddPublicKey(w.ctx, other.ID, spec)), identity.ErrDenied)
	same()
	must(w.in(acme).DisableCredential(w.ctx, sa.Key.ID))(t)
	same = w.unchanged()
	wantKind(t, last(w.id.As(p).In(acme).AddPublicKey(w.ctx, sa.ID, spec)), identity.ErrDisabled)
	same()
}

// TestDefaultGroupsAndLimit: a new account joins the default groups of its kind,
// and an org's limit counts the service accounts that there are.
func TestDefaultGroupsAndLimit(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	in := w.in(acme)
	people := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "people"}))(t).ID
	robots := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "robots"}))(t).ID
	w.bind(acme, identity.BindingSpec{Subject: identity.SubjectID(people), Role: "wallet-reader", Scope: policy.Root})
	must(w.sys().UpdateOrg(w.ctx, acme, identity.OrgPatch{Settings: &identity.OrgSettings{
		DefaultUserGroups: []identity.GroupID{people}, DefaultServiceAccountGroups: []identity.GroupID{robots}, MaxServiceAccounts: 2,
	}}))(t)
	u := w.user(acme, "u")
	first, _ := w.service(acme, "first")
	w.service(acme, "second")
	for group, want := range map[identity.GroupID]int{people: 1, robots: 2} {
		if got := must(in.Members(w.ctx, group, identity.Page{}))(t).Items; len(got) != want {
			t.Errorf("%d members, want %d", len(got), want)
		}
	}
	if d := w.may(w.login(acme, u), acme, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("a user: %+v", d)
	}
	if d := w.may(w.login(acme, first.ID), acme, "wallets:read", policy.Root); d.Allowed {
		t.Errorf("a service account: %+v", d)
	}
	same := w.unchanged()
	wantKind(t, last(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "third"})), identity.ErrLimit)
	same()
	must(in.DeleteAccount(w.ctx, first.ID))(t)
	third := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "third"}))(t)
	must(in.DeactivateAccount(w.ctx, third.ID))(t) // it is one nevertheless
	wantKind(t, last(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "fourth"})), identity.ErrLimit)
	w.reopen()
	in = w.in(acme)
	wantKind(t, last(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "fourth"})), identity.ErrLimit)
	must(in.DeleteAccount(w.ctx, third.ID))(t)
	must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "fourth"}))(t)
}

// TestHandle: the address of a service account is computed, and people have none.
func TestHandle(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.AccountDomain = "sa.example" }))
	acme := w.org("acme")
	org := must(w.sys().Org(w.ctx, acme))(t)
	sa, _ := w.service(acme, "ci")
	if got := w.id.Handle(sa.Account, org); got != "ci@acme.sa.example" {
		t.Errorf("%q", got)
	}
	person := must(w.in(acme).Account(w.ctx, w.user(acme, "u")))(t)
	elsewhere := must(w.sys().Org(w.ctx, w.org("globex")))(t)
	for what, got := range map[string]string{"a user": w.id.Handle(person, org), "another org": w.id.Handle(sa.Account, elsewhere)} {
		if got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// TestStateChangesSayWhetherTheyChanged: each state change does its work once.
func TestStateChangesSayWhetherTheyChanged(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	in := w.in(x.Org)
	for _, step := range []struct {
		name string
		run  func() (bool, error)
		want bool
	}{
		{"suspend", func() (bool, error) { return w.sys().SuspendOrg(w.ctx, x.Org) }, true},
		{"suspend again", func() (bool, error) { return w.sys().SuspendOrg(w.ctx, x.Org) }, false},
		{"resume", func() (bool, error) { return w.sys().ResumeOrg(w.ctx, x.Org) }, true},
		{"resume again", func() (bool, error) { return w.sys().ResumeOrg(w.ctx, x.Org) }, false},
		{"activate", func() (bool, error) { return in.ActivateAccount(w.ctx, x.Idle) }, true},
		{"activate again", func() (bool, error) { return in.ActivateAccount(w.ctx, x.Idle) }, false},
		{"deactivate", func() (bool, error) { return in.DeactivateAccount(w.ctx, x.Idle) }, true},
		{"deactivate again", func() (bool, error) { return in.DeactivateAccount(w.ctx, x.Idle) }, false},
		{"disable", func() (bool, error) { return in.DisableCredential(w.ctx, x.Credential) }, true},
		{"disable again", func() (bool, error) { return in.DisableCredential(w.ctx, x.Credential) }, false},
		{"enable", func() (bool, error) { return in.EnableCredential(w.ctx, x.Credential) }, true},
		{"revoke", func() (bool, error) { return in.RevokeCredential(w.ctx, x.Credential) }, true},
		{"revoke again", func() (bool, error) { return in.RevokeCredential(w.ctx, x.Credential) }, false},
		{"archive role", func() (bool, error) { return in.ArchiveRole(w.ctx, x.Role) }, true},
		{"archive role again", func() (bool, error) { return in.ArchiveRole(w.ctx, x.Role) }, false},
		{"archive", func() (bool, error) { return in.ArchiveAccount(w.ctx, x.Idle) }, true},
		{"archive again", func() (bool, error) { return in.ArchiveAccount(w.ctx, x.Idle) }, false},
	} {
		if got := must(step.run())(t); got != step.want {
			t.Errorf("%s: changed %v", step.name, got)
		}
	}
}
