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
	must(w.id.ExchangeAssertion(w.ctx, w.assertion(own.ID, sa.ID, private)))(t)
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
