package identity_test

import (
	"fmt"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func TestOperators(t *testing.T) {
	w := open(t)
	system := w.id.SystemOrg()
	acme, other := w.targets("acme"), w.targets("other")
	one, all, none := w.user(system, "one"), w.user(system, "all"), w.user(system, "none", "*", "identity:*")
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(one), Role: "owner", Scope: path(t, "projects/1"), Reach: identity.ReachOrg(acme.Org)})
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(one), Role: "owner", Scope: policy.Root, Reach: identity.ReachOrg(acme.Org)})
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(all), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	tenant := w.user(acme.Org, "tenant", "*", "identity:*")
	ask := func(who, org identity.OrgID, account identity.AccountID) string {
		return w.may(w.login(who, account), org, "wallets:read", path(t, "projects/1")).Reason.String()
	}
	type row struct{ one, all, none, tenant string }
	want := func(what string, org identity.OrgID, r row) {
		t.Helper()
		if got := (row{ask(system, org, one), ask(system, org, all), ask(system, org, none), ask(acme.Org, org, tenant)}); got != r {
			t.Errorf("%s: %+v, want %+v", what, got, r)
		}
	}
	want("acme", acme.Org, row{"allowed", "allowed", "other_org", "allowed"})
	want("other", other.Org, row{"other_org", "allowed", "other_org", "other_org"})
	want("absent", "or_absent", row{"other_org", "other_org", "other_org", "other_org"})
	want("the system org", system, row{"no_binding", "allowed", "allowed", "other_org"})

	// What they may, they do: through As, as through Authorize.
	must(w.id.As(w.login(system, one)).In(acme.Org).CreateGroup(w.ctx, identity.GroupSpec{Name: "by one"}))(t)
	wantKind(t, last(w.id.As(w.login(system, one)).In(other.Org).CreateGroup(w.ctx, identity.GroupSpec{Name: "by one"})), identity.ErrNotFound)
	wantKind(t, last(w.id.As(w.login(system, none)).In(acme.Org).CreateGroup(w.ctx, identity.GroupSpec{Name: "by none"})), identity.ErrNotFound)
	// The owner of everything ends an org that has an owner, through As.
	must(w.in(other.Org).GrantOwner(w.ctx, other.User))(t)

	must(w.sys().SuspendOrg(w.ctx, acme.Org))(t)
	if got := ask(system, acme.Org, one); got != "allowed" {
		t.Errorf("a suspended org: %s", got)
	}
	must(w.id.As(w.login(system, one)).In(acme.Org).CreateGroup(w.ctx, identity.GroupSpec{Name: "while suspended"}))(t)
	must(w.id.As(w.login(system, all)).DeleteOrg(w.ctx, other.Org))(t)
	must(w.sys().DeleteOrg(w.ctx, acme.Org))(t)
	for _, who := range []identity.AccountID{one, all} {
		if got := ask(system, acme.Org, who); got != "org_deleted" {
			t.Errorf("a deleted org: %s", got)
		}
		wantKind(t, last(w.id.As(w.login(system, who)).In(acme.Org).Groups(w.ctx, identity.GroupFilter{}, identity.Page{})), identity.ErrNotFound)
	}
}

// operator acts as one who may do everything in every org.
func (w *world) operator() *identity.Admin {
	w.t.Helper()
	system := w.id.SystemOrg()
	account := w.user(system, fmt.Sprint("operator", w.id.Revision()))
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(account), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	return w.id.As(w.login(system, account))
}

func TestReach(t *testing.T) {
	w := open(t)
	system := w.id.SystemOrg()
	x := w.targets("acme")
	joined := must(w.in(system).CreateGroup(w.ctx, identity.GroupSpec{Name: "joined"}))(t).ID
	must(w.sys().UpdateOrg(w.ctx, system, identity.OrgPatch{Settings: &identity.OrgSettings{DefaultUserGroups: []identity.GroupID{joined}}}))(t)
	holding := must(w.in(system).CreateGroup(w.ctx, identity.GroupSpec{Name: "holding"}))(t).ID
	must(w.in(system).AddMember(w.ctx, holding, identity.SubjectID(identity.GroupUsers)))(t)
	u := w.user(system, "u")
	spec := func(to identity.SubjectID, reach identity.Reach) identity.BindingSpec {
		return identity.BindingSpec{Subject: to, Role: "wallet-reader", Scope: policy.Root, Reach: reach}
	}
	all := identity.ReachAll
	bind := func(o *identity.OrgAdmin, s identity.BindingSpec) func() error {
		return func() error { return last(o.CreateBinding(w.ctx, s)) }
	}
	sys := w.in(system)
	w.refuses(t, []refusal{
		{"users", identity.ErrInvalid, "binding", "Reach", bind(sys, spec(identity.SubjectID(identity.GroupUsers), all))},
		{"service accounts", identity.ErrInvalid, "binding", "Reach", bind(sys, spec(identity.SubjectID(identity.GroupServiceAccounts), identity.ReachOrg(x.Org)))},
		{"default group", identity.ErrInvalid, "binding", "Reach", bind(sys, spec(identity.SubjectID(joined), all))},
		{"group that holds users", identity.ErrInvalid, "binding", "Reach", bind(sys, spec(identity.SubjectID(holding), all))},
		{"malformed", identity.ErrInvalid, "binding", "Reach", bind(sys, spec(identity.SubjectID(u), "acme"))},
		{"absent", identity.ErrNotFound, "org", "", bind(sys, spec(identity.SubjectID(u), "or_absent"))},
		{"tenant", identity.ErrInvalid, "binding", "Reach", bind(w.in(x.Org), spec(identity.SubjectID(x.User), all))},
		{"tenant, itself", identity.ErrInvalid, "binding", "Reach", bind(w.in(x.Org), spec(identity.SubjectID(x.User), identity.ReachOrg(x.Org)))},
	})
	// Through As: identity:instance, and the rights there.
	without := w.user(system, "without", "identity:bindings.create", "wallets:read")
	only := w.user(system, "only", "identity:bindings.create", identity.PermInstance, "wallets:read")
	with := w.user(system, "with", "identity:bindings.create", identity.PermInstance)
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(with), Role: "wallet-reader", Scope: policy.Root, Reach: identity.ReachOrg(x.Org)})
	same := w.unchanged()
	wantKind(t, bind(w.as(system, without), spec(identity.SubjectID(u), identity.ReachOrg(x.Org)))(), identity.ErrDenied)
	wantKind(t, bind(w.as(system, only), spec(identity.SubjectID(u), identity.ReachOrg(x.Org)))(), identity.ErrEscalation)
	wantKind(t, bind(w.as(system, with), spec(identity.SubjectID(u), all))(), identity.ErrEscalation)
	same()
	if err := bind(w.as(system, with), spec(identity.SubjectID(u), identity.ReachOrg(x.Org)))(); err != nil {
		t.Errorf("within its rights: %v", err)
	}
	if d := w.may(w.login(system, u), x.Org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("%+v", d)
	}
	if d := w.may(w.login(system, u), system, "wallets:read", policy.Root); d.Allowed {
		t.Errorf("at home: %+v", d)
	}
}
