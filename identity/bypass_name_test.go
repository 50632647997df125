package identity_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// Every field of a question empty, alone and together, for an account without
// rules in an org without rules, and for one that holds everything everywhere.
func TestBypassEmptyFields(t *testing.T) {
	w := open(t)
	org, bare := w.org("acme"), w.org("bare")
	owner, nobody := w.user(org, "owner", "*", "identity:*"), w.user(bare, "nobody")
	system := w.id.SystemOrg()
	operator := w.user(system, "operator")
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	for _, c := range []struct {
		p   identity.Principal
		org identity.OrgID
		all bool // allowed when nothing is empty
	}{
		{w.login(org, owner), org, true}, {w.login(system, operator), org, true}, {w.login(system, operator), system, true},
		{w.login(bare, nobody), bare, false}, {w.login(bare, nobody), org, false},
	} {
		for mask := range 1 << 4 {
			var req identity.Request
			if mask&1 != 0 {
				req.Principal = c.p
			}
			if mask&2 != 0 {
				req.Org = c.org
			}
			if mask&4 != 0 {
				req.Permission = perm(t, "wallets:read")
			}
			if mask&8 != 0 {
				req.Path = path(t, "projects/1")
			}
			d := w.id.Authorize(w.ctx, req)
			if d.Allowed != (c.all && mask == 15) || d.Reason == policy.ReasonUnspecified {
				t.Errorf("%s in %s, fields %04b: %+v", c.p, c.org, mask, d)
			}
			if err := w.id.Check(w.ctx, req); (err == nil) != d.Allowed {
				t.Errorf("%s in %s, fields %04b: Check: %v", c.p, c.org, mask, err)
			}
		}
	}
	var none *identity.Authority
	if d := none.Authorize(w.ctx, identity.Request{Principal: w.login(org, owner), Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root}); d.Allowed {
		t.Errorf("no Authority: %+v", d)
	}
}

// spellings of a name that are not that name.
func spellings(name string) []string {
	list := []string{
		strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], " " + name, name + " ", name + "\t", name + "\n", name + "\x00", "\ufeff" + name, name + "\u200b",
		strings.Replace(name, "a", "\u0430", 1), strings.Replace(name, "a", "\uff41", 1), strings.Replace(name, "e", "e\u0301", 1), name + "\xff", name + "%00", name + "%", name + "_",
		name[:len(name)-1], name + "0", "code:" + name, name + "/", "*", name[:3] + "*", name[:3] + "%", "",
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == name }) // without the letter that is replaced
}

// A name in another spelling finds nothing that has the name, and takes nothing
// of it: in code, in the database, and in the rules.
func TestBypassSpelling(t *testing.T) {
	w := open(t)
	org := w.org("acme-alpha")
	in := w.in(org)
	u := w.user(org, "u")
	must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "area-leader", Permissions: []string{"wallets:read"}}))(t)
	must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "area-leader"}))(t)
	must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "area-leader"}))(t)
	bind := func(role string) error {
		return last(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(u), Role: role, Scope: policy.Root}))
	}
	for _, name := range append(spellings("area-leader"), spellings("wallet-reader")...) {
		if name == "code:wallet-reader" {
			continue // is how it is named in full
		}
		if err := bind(name); !errors.Is(err, identity.ErrNotFound) && !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("role %q was bound: %v", name, err)
		}
	}
	for _, name := range spellings("acme-alpha") {
		if _, err := w.sys().OrgBySlug(w.ctx, name); err == nil {
			t.Errorf("org %q was found", name)
		}
	}
	for _, name := range spellings("gr_users") {
		if name == "gr_user" || name == "gr_users0" {
			continue // ids in their own right, which are not there
		}
		err := last(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(name), Role: "wallet-reader", Scope: policy.Root}))
		if !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("subject %q: %v", name, err)
		}
	}
	for _, name := range []string{"gr_user", "gr_users0", "users", "service-accounts"} { // the last two are names inside the rules
		err := last(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(name), Role: "wallet-reader", Scope: policy.Root}))
		if !errors.Is(err, identity.ErrNotFound) && !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("subject %q: %v", name, err)
		}
	}
	// Names that differ are different things, however alike; none is what the other is.
	reader := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "Wallet-Reader"}))(t)
	if err := bind("Wallet-Reader"); err != nil {
		t.Fatal(err)
	}
	leader := must(in.EnsureRole(w.ctx, identity.RoleSpec{Name: "Area-Leader"}))(t)
	group := must(in.EnsureGroup(w.ctx, identity.GroupSpec{Name: "Area-Leader"}))(t)
	if !leader.Created || !group.Created || reader.ID == leader.ID {
		t.Errorf("%+v %+v", leader, group)
	}
	for range 2 {
		if d := w.may(w.login(org, u), org, "wallets:read", policy.Root); d.Allowed {
			t.Errorf("%+v", d)
		}
		w.reopen()
	}
}

// What is stored selects by its exact scope, also when the scope has characters
// that mean something to a database.
func TestBypassStoredScopes(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	scopes := map[identity.AccountID]policy.Path{}
	var all []policy.Path
	for i, id := range []string{"*", "%", "_", "1", "10", "1*", "?", "[1]", "a", "A", "a ", "\u00e9", "e\u0301", "a/b", "a%2Fb", "x\x00y", "x", "' OR 1=1 --", "\u202ea", "..."} {
		at := must(policy.NewPath("projects", id))(t)
		u := w.user(org, "u"+string(rune('a'+i)))
		w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: at})
		scopes[u], all = at, append(all, at)
	}
	for range 2 {
		for u, scope := range scopes {
			p := w.login(org, u)
			for _, at := range all {
				if d := w.may(p, org, "wallets:read", at); d.Allowed != (at == scope) {
					t.Errorf("bound at %q, asked at %q: %+v", scope, at, d)
				}
			}
			n := 0
			for b, err := range w.in(org).AllBindings(w.ctx, identity.BindingFilter{Scope: scope}) {
				if n++; err != nil || b.Scope != scope || b.Subject != identity.SubjectID(u) {
					t.Errorf("listed at %q: %+v, %v", scope, b, err)
				}
			}
			if n != 1 {
				t.Errorf("%d bindings are listed at %q", n, scope)
			}
		}
		w.reopen()
	}
}

// A verb, a role or a name that nobody knows is refused to those who may
// everything, too, and cannot be written down.
func TestBypassUnknownNames(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	owner := must(w.in(org).CreateUser(w.ctx, identity.UserSpec{Email: "owner@example.com"}))(t).ID
	must(w.in(org).GrantOwner(w.ctx, owner))(t)
	p := w.login(org, owner)
	if d := w.may(p, org, "wallets:read", policy.Root); !d.Allowed {
		t.Fatalf("%+v", d)
	}
	for _, name := range []string{"wallets:reads", "wallets:rea", "wallets.read", "wallets:", "wallets", "Wallets:read", "read", ":", "identity", "identity:", "identity:accounts", "identity:accounts.reads",
		"identity:Accounts.read", "code:owner", "owner"} {
		if d := w.may(p, org, name, policy.Root); d.Allowed || d.Reason != policy.ReasonUnknownPermission {
			t.Errorf("%s: %+v", name, d)
		}
		if err := last(w.in(org).CreateRole(w.ctx, identity.RoleSpec{Name: "r", Permissions: []string{name}})); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("a role with %s: %v", name, err)
		}
		if _, known := w.id.Permission(name); known {
			t.Errorf("%s is known", name)
		}
	}
	for _, name := range []string{"*", "wallets:*", "identity:*", ""} { // patterns are nothing that can be asked for
		if _, err := policy.ParsePermission(name); err == nil {
			t.Errorf("%q is a permission", name)
		}
	}
	for _, name := range []string{identity.PermEscalate, identity.PermImpersonate, identity.PermContain} {
		if d := w.may(p, org, name, policy.Root); d.Allowed {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// The same name for a user, a service account, a group and a role, and an
// external id that is the id of another: what is bound to one is bound to none
// of the others.
func TestBypassSameNames(t *testing.T) {
	w := open(t)
	org, other := w.org("acme"), w.org("other")
	in := w.in(org)
	sa := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "same"}))(t).ID
	group := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "same"}))(t).ID
	must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "same", Permissions: []string{"wallets:read"}}))(t)
	user := must(in.CreateUser(w.ctx, identity.UserSpec{
		Email: "same@same", DisplayName: string(sa), External: identity.ExternalID{Issuer: string(org), Subject: string(sa)},
	}))(t).ID
	twin := must(w.in(other).CreateUser(w.ctx, identity.UserSpec{
		Email: "same@same", DisplayName: "same", External: identity.ExternalID{Issuer: string(org), Subject: string(sa)},
	}))(t).ID
	named := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: string(sa)}))(t).ID
	must(in.CreateRole(w.ctx, identity.RoleSpec{Name: string(user), Permissions: []string{"wallets:delete"}}))(t)
	must(in.AddMember(w.ctx, named, identity.SubjectID(user)))(t)

	must(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(sa), Role: "same", Scope: policy.Root}))(t)
	must(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(group), Role: "wallet-admin", Scope: policy.Root}))(t)
	must(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(named), Role: string(user), Scope: path(t, "projects/1")}))(t)
	for range 2 {
		for _, c := range []struct {
			org        identity.OrgID
			who        identity.AccountID
			permission string
			want       bool
		}{
			{org, sa, "wallets:read", true}, {org, sa, "wallets:create", false}, {org, sa, "wallets:delete", false},
			{org, user, "wallets:read", false}, {org, user, "wallets:create", false}, {org, user, "wallets:delete", true},
			{other, twin, "wallets:read", false}, {other, twin, "wallets:delete", false},
		} {
			if d := w.may(w.login(c.org, c.who), c.org, c.permission, path(t, "projects/1")); d.Allowed != c.want {
				t.Errorf("%s %s: %+v", c.who, c.permission, d)
			}
		}
		// The external id belongs to the two users, and to no account that is called so.
		found := must(w.sys().AccountsByExternalID(w.ctx, identity.ExternalID{Issuer: string(org), Subject: string(sa)}))(t)
		if len(found) != 2 || found[0].ID == sa || found[1].ID == sa {
			t.Errorf("%+v", found)
		}
		if none := must(w.sys().AccountsByExternalID(w.ctx, identity.ExternalID{Issuer: string(org), Subject: string(user)}))(t); len(none) != 0 {
			t.Errorf("%+v", none)
		}
		w.reopen()
	}
	// A name is no id, in any place that takes one.
	for _, name := range []string{"same", "same@same", "acme"} {
		wantKind(t, last(w.in(org).Vouch(w.ctx, identity.AccountID(name), w.session(0))), identity.ErrInvalid)
		wantKind(t, last(w.in(org).CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(name), Role: "same", Scope: policy.Root})), identity.ErrInvalid)
	}
}
