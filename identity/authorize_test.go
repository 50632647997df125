package identity_test

import (
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestSec46_DenyByDefault: what is absent, unknown or foreign denies, each with

// its own reason; the zero values of everything deny.

func TestSec46_DenyByDefault(t *testing.T) {
	w, elsewhere := open(t), open(t)
	org, other := w.org("acme"), w.org("other")
	u := w.user(org, "u", "wallets:read")
	p := w.login(org, u)
	foreignOrg := elsewhere.org("acme")
	foreign := elsewhere.login(foreignOrg, elsewhere.user(foreignOrg, "u", "wallets:read"))
	read, at := perm(t, "wallets:read"), path(t, "projects/1")
	for what, c := range map[string]struct {
		req    identity.Request
		reason policy.Reason
	}{
		"allowed":            {identity.Request{Principal: p, Org: org, Permission: read, Path: at}, policy.ReasonAllowed},
		"nothing":            {identity.Request{}, policy.ReasonUnauthenticated},
		"nobody":             {identity.Request{Org: org, Permission: read, Path: at}, policy.ReasonUnauthenticated},
		"another authority":  {identity.Request{Principal: foreign, Org: foreignOrg, Permission: read, Path: at}, policy.ReasonUnauthenticated},
		"no org":             {identity.Request{Principal: p, Permission: read, Path: at}, policy.ReasonMissingOrg},
		"another org":        {identity.Request{Principal: p, Org: other, Permission: read, Path: at}, policy.ReasonOtherOrg},
		"no such org":        {identity.Request{Principal: p, Org: "or_absent", Permission: read, Path: at}, policy.ReasonOtherOrg},
		"malformed org":      {identity.Request{Principal: p, Org: "../acme", Permission: read, Path: at}, policy.ReasonOtherOrg},
		"no permission":      {identity.Request{Principal: p, Org: org, Path: at}, policy.ReasonMissingPermission},
		"unknown permission": {identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:fly"), Path: at}, policy.ReasonUnknownPermission},
		"no path":            {identity.Request{Principal: p, Org: org, Permission: read}, policy.ReasonMissingPath},
		"not given":          {identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:create"), Path: at}, policy.ReasonNoBinding},
	} {
		d := w.id.Authorize(w.ctx, c.req)
		if d.Reason != c.reason || d.Allowed != (c.reason == policy.ReasonAllowed) || d.Allowed != (d.Binding != "") {
			t.Errorf("%s: %+v, want %s", what, d, c.reason)
		}
	}
	if (policy.Decision{}).Allowed || !(identity.Principal{}).IsZero() {
		t.Error("a zero value allows")
	}
}

// TestSystemGroups: what is bound to the users holds for every user and for no

// service account, made before or after, also after a restart and through a

// group that the system group is in.

func TestSystemGroups(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	early := w.user(org, "early")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupUsers), Role: "wallet-reader", Scope: policy.Root})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupServiceAccounts), Role: "wallet-admin", Scope: path(t, "projects/1")})
	everybody := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "everybody"}))(t).ID
	must(w.in(org).AddMember(w.ctx, everybody, identity.SubjectID(identity.GroupUsers)))(t)
	w.grant(org, identity.SubjectID(everybody), policy.Root, "keys:use")
	late := w.user(org, "late")
	robot, _ := w.service(org, "robot")
	ask := func(account identity.AccountID, permission string, at policy.Path) bool {
		return w.may(w.login(org, account), org, permission, at).Allowed
	}
	check := func(through bool) {
		t.Helper()
		for _, u := range []identity.AccountID{early, late} {
			if !ask(u, "wallets:read", policy.Root) || ask(u, "wallets:create", path(t, "projects/1")) || ask(u, "keys:use", policy.Root) != through {
				t.Errorf("user %s", u)
			}
		}
		if ask(robot.ID, "wallets:read", policy.Root) || !ask(robot.ID, "wallets:create", path(t, "projects/1/wallets/w")) || ask(robot.ID, "keys:use", policy.Root) {
			t.Error("service account")
		}
	}
	check(true)
	w.reopen()
	check(true)
	must(w.in(org).RemoveMember(w.ctx, everybody, identity.SubjectID(identity.GroupUsers)))(t)
	check(false)
	w.reopen()
	check(false)
	// A deny for all users reaches them too.
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupUsers), Role: "wallet-reader", Scope: policy.Root, Deny: true})
	if d := w.may(w.login(org, early), org, "wallets:read", policy.Root); d.Allowed || d.Reason != policy.ReasonDenied {
		t.Errorf("%+v", d)
	}
}

// TestSec47_RightsAreOfNow: a principal holds no rights; those of the moment of

// the question count.

func TestSec47_RightsAreOfNow(t *testing.T) {
	w := open(t)
	c := w.caller()
	in := w.in(c.org)
	g := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
	r := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "r", Permissions: []string{"keys:use"}}))(t).ID
	b := w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(g), Role: "r", Scope: policy.Root})
	want := func(allowed bool) {
		t.Helper()
		if d := w.may(c.held, c.org, "keys:use", policy.Root); d.Allowed != allowed || d.Revision != w.id.Revision() {
			t.Errorf("%+v, want %t at %d", d, allowed, w.id.Revision())
		}
	}
	want(false)
	must(in.AddMember(w.ctx, g, identity.SubjectID(c.sa.ID)))(t)
	want(true)
	must(in.UpdateRole(w.ctx, r, identity.RolePatch{Permissions: &[]string{"wallets:*"}}))(t)
	want(false)
	must(in.UpdateRole(w.ctx, r, identity.RolePatch{Permissions: &[]string{"keys:*"}}))(t)
	want(true)
	must(in.RemoveMember(w.ctx, g, identity.SubjectID(c.sa.ID)))(t)
	want(false)
	must(in.AddMember(w.ctx, g, identity.SubjectID(c.sa.ID)))(t)
	want(true)
	if err := in.DeleteBinding(w.ctx, b); err != nil {
		t.Fatal(err)
	}
	want(false)
}

// TestUnknownCodeRole: a role that the binary does not have any more gives

// nothing, and denies everything where it denied.

func TestUnknownCodeRole(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u", "wallets:*")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-admin", Scope: policy.Root})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: path(t, "projects/1"), Deny: true})
	if d := w.may(w.login(org, u), org, "wallets:create", path(t, "projects/1")); !d.Allowed {
		t.Errorf("%+v", d)
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	roles := w.cfg.Roles
	w.cfg.Roles = nil
	w.start()
	p := w.login(org, u)
	if d := w.may(p, org, "wallets:create", path(t, "projects/1")); d.Allowed || d.Reason != policy.ReasonDenied {
		t.Errorf("where an unknown role denies: %+v", d)
	}
	if d := w.may(p, org, "wallets:create", path(t, "projects/2")); !d.Allowed {
		t.Errorf("elsewhere: %+v", d)
	}
	if d := w.may(p, org, "keys:use", path(t, "projects/2")); d.Allowed {
		t.Errorf("what nobody gives: %+v", d)
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	w.cfg.Roles = roles
	w.start()
	if d := w.may(w.login(org, u), org, "wallets:create", path(t, "projects/1")); !d.Allowed {
		t.Errorf("with the role again: %+v", d)
	}
}

// TestAuthorizeAllocatesNothing, for a principal of a loaded org, whatever the answer.

func TestAuthorizeAllocatesNothing(t *testing.T) {
	w := open(t)
	c := w.caller()
	g := must(w.in(c.org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
	must(w.in(c.org).AddMember(w.ctx, g, identity.SubjectID(c.sa.ID)))(t)
	w.grant(c.org, identity.SubjectID(g), path(t, "projects/1"), "wallets:create")
	operator := w.user(w.id.SystemOrg(), "op")
	w.bind(w.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "wallet-admin", Scope: policy.Root, Reach: identity.ReachAll})
	deep := path(t, "projects/1/wallets/w/keys/k")
	for what, req := range map[string]identity.Request{
		"allowed":  {Principal: c.held, Org: c.org, Permission: perm(t, "wallets:create"), Path: deep},
		"refused":  {Principal: c.held, Org: c.org, Permission: perm(t, "wallets:delete"), Path: deep},
		"vouched":  {Principal: c.vouched, Org: c.org, Permission: perm(t, "wallets:read"), Path: deep},
		"foreign":  {Principal: c.held, Org: w.id.SystemOrg(), Permission: perm(t, "wallets:read"), Path: deep},
		"operator": {Principal: w.login(w.id.SystemOrg(), operator), Org: c.org, Permission: perm(t, "wallets:read"), Path: deep},
		"limited":  {Principal: must(w.id.Authenticate(w.ctx, c.narrow))(t), Org: c.org, Permission: perm(t, "wallets:read"), Path: deep},
		"nobody":   {Org: c.org, Permission: perm(t, "wallets:read"), Path: deep},
	} {
		w.id.Authorize(w.ctx, req)
		if n := testing.AllocsPerRun(100, func() { w.id.Authorize(w.ctx, req) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

// TestOperators: an account of the system org acts on another org exactly as

// far as a binding with that reach goes.

// TestReach: only bindings of the system org have it, only by those who hold

// identity:instance and what they give, and never for groups that accounts join

// by themselves.
