package identity_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func TestBadSpecs(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxCredentials = 3 }))
	x := w.targets("acme")
	o, s := w.in(x.Org), w.sys()
	now := w.clock.Now()
	day := 24 * time.Hour
	user := identity.SubjectID(x.User)
	typed := must(o.CreateRole(w.ctx, identity.RoleSpec{Name: "typed", ResourceTypes: []string{"wallets"}}))(t)
	must(o.CreateRole(w.ctx, identity.RoleSpec{Name: "including", Includes: []string{"bound"}}))(t)
	outer := must(o.CreateGroup(w.ctx, identity.GroupSpec{Name: "outer"}))(t)
	must(o.AddMember(w.ctx, outer.ID, identity.SubjectID(x.Full)))(t)
	must(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "taken", External: identity.ExternalID{Issuer: "i", Subject: "s"}}))(t)
	crowded := must(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "crowded"}))(t)
	for range 3 {
		_, key := newKey(t)
		must(o.AddPublicKey(w.ctx, crowded.ID, identity.PublicKeySpec{UnprovenPublicKey: key}))(t)
	}
	org := func(spec identity.OrgSpec) func() error {
		return func() error { return last(s.CreateOrg(w.ctx, spec)) }
	}
	setting := func(v identity.OrgSettings) func() error {
		return func() error { return last(s.UpdateOrg(w.ctx, x.Org, identity.OrgPatch{Settings: &v})) }
	}
	service := func(spec identity.ServiceAccountSpec) func() error {
		return func() error { return last(o.CreateServiceAccount(w.ctx, spec)) }
	}
	email := func(address string) func() error {
		return func() error { return last(o.CreateUser(w.ctx, identity.UserSpec{Email: address})) }
	}
	role := func(spec identity.RoleSpec) func() error {
		return func() error { return last(o.CreateRole(w.ctx, spec)) }
	}
	edit := func(id identity.RoleID, p identity.RolePatch) func() error {
		return func() error { return last(o.UpdateRole(w.ctx, id, p)) }
	}
	bind := func(spec identity.BindingSpec) func() error {
		return func() error { return last(o.CreateBinding(w.ctx, spec)) }
	}
	member := func(g identity.GroupID, m identity.SubjectID) func() error {
		return func() error { return last(o.AddMember(w.ctx, g, m)) }
	}
	patch := func(p identity.AccountPatch) func() error {
		return func() error { return last(o.UpdateAccount(w.ctx, x.Idle, p)) }
	}
	invalid, conflict, absent := identity.ErrInvalid, identity.ErrConflict, identity.ErrNotFound
	labels := map[string]string{}
	for i := range 33 {
		labels[fmt.Sprint(i)] = "v"
	}
	text := func(s string) *string { return &s }
	w.refuses(t, []refusal{
		{"slug empty", invalid, "org", "Slug", org(identity.OrgSpec{})},
		{"slug upper", invalid, "org", "Slug", org(identity.OrgSpec{Slug: "Acme"})},
		{"slug edge", invalid, "org", "Slug", org(identity.OrgSpec{Slug: "-a"})},
		{"slug long", invalid, "org", "Slug", org(identity.OrgSpec{Slug: long(64)})},
		{"slug dot", invalid, "org", "Slug", org(identity.OrgSpec{Slug: "a.b"})},
		{"slug taken", conflict, "org", "Slug", org(identity.OrgSpec{Slug: "acme"})},
		{"slug of the system", conflict, "org", "Slug", org(identity.OrgSpec{Slug: "system"})},
		{"owner bad", invalid, "account", "Email", org(identity.OrgSpec{Slug: "new", Owner: &identity.UserSpec{Email: "x"}})},
		{"default groups of a new org", invalid, "org", "Settings.DefaultGroups", org(identity.OrgSpec{
			Slug: "new", Settings: identity.OrgSettings{DefaultUserGroups: []identity.GroupID{x.Group}},
		})},
		{"display name removed", invalid, "org", "DisplayName", func() error {
			return last(s.UpdateOrg(w.ctx, x.Org, identity.OrgPatch{DisplayName: text("")}))
		}},
		{"validity negative", invalid, "org", "Settings.MaxValidity", setting(identity.OrgSettings{MaxValidity: -1})},
		{"validity over the instance's", invalid, "org", "Settings.MaxValidity", setting(identity.OrgSettings{MaxValidity: 731 * day})},
		{"limit negative", invalid, "org", "Settings.MaxServiceAccounts", setting(identity.OrgSettings{MaxServiceAccounts: -1})},
		{"default group malformed", invalid, "group", "ID", setting(identity.OrgSettings{DefaultUserGroups: []identity.GroupID{"x"}})},
		{"default group absent", absent, "group", "", setting(identity.OrgSettings{DefaultUserGroups: []identity.GroupID{"gr_absent"}})},
		{"default group system", invalid, "group", "ID", setting(identity.OrgSettings{DefaultServiceAccountGroups: []identity.GroupID{identity.GroupUsers}})},
		{"system org suspended", invalid, "org", "State", func() error { return last(s.SuspendOrg(w.ctx, w.id.SystemOrg())) }},
		{"system org deleted", invalid, "org", "State", func() error { return last(s.DeleteOrg(w.ctx, w.id.SystemOrg())) }},

		{"e-mail empty", invalid, "account", "Email", email("")},
		{"e-mail with a Kelvin sign", invalid, "account", "Email", email("\u212Aate@example.com")},
		{"e-mail with a dotted capital I", invalid, "account", "Email", email("a@\u0130.example.com")},
		{"e-mail without at", invalid, "account", "Email", email("a.example.com")},
		{"e-mail two at", invalid, "account", "Email", email("a@b@c")},
		{"e-mail no local part", invalid, "account", "Email", email("@c")},
		{"e-mail space", invalid, "account", "Email", email("a b@c")},
		{"e-mail taken in another case", conflict, "account", "Email", email("USER@Example.COM")},
		{"external half", invalid, "account", "External", service(identity.ServiceAccountSpec{Name: "n", External: identity.ExternalID{Issuer: "i"}})},
		{"external taken", conflict, "account", "External", service(identity.ServiceAccountSpec{Name: "n", External: identity.ExternalID{Issuer: "i", Subject: "s"}})},
		{"labels too many", invalid, "account", "Labels", service(identity.ServiceAccountSpec{Name: "n", Labels: labels})},
		{"label key empty", invalid, "account", "Labels", service(identity.ServiceAccountSpec{Name: "n", Labels: map[string]string{"": "v"}})},
		{"name empty", invalid, "account", "Name", service(identity.ServiceAccountSpec{})},
		{"name upper", invalid, "account", "Name", service(identity.ServiceAccountSpec{Name: "Ci"})},
		{"name digit first", invalid, "account", "Name", service(identity.ServiceAccountSpec{Name: "1ci"})},
		{"name double dash", invalid, "account", "Name", service(identity.ServiceAccountSpec{Name: "a--b"})},
		{"name NUL", invalid, "account", "Name", service(identity.ServiceAccountSpec{Name: "a\x00b"})},
		{"name long", invalid, "account", "Name", service(identity.ServiceAccountSpec{Name: long(64)})},
		{"name taken", conflict, "account", "Name", service(identity.ServiceAccountSpec{Name: "taken"})},
		{"validity negative", invalid, "account", "Validity", service(identity.ServiceAccountSpec{Name: "n", Validity: -time.Hour})},
		{"validity too long", invalid, "account", "Validity", service(identity.ServiceAccountSpec{Name: "n", Validity: 730*day + time.Second})},
		{"role absent", absent, "binding", "Role", service(identity.ServiceAccountSpec{Name: "n", Roles: []string{"absent"}})},
		{"group absent", absent, "group", "", service(identity.ServiceAccountSpec{Name: "n", Groups: []identity.GroupID{"gr_absent"}})},
		{"group system", invalid, "group", "ID", service(identity.ServiceAccountSpec{Name: "n", Groups: []identity.GroupID{identity.GroupUsers}})},
		{"permission unknown", invalid, "role", "Permissions", service(identity.ServiceAccountSpec{Name: "n", Permissions: []string{"wallets:fly"}})},
		{"binding with a subject", invalid, "account", "Bindings", service(identity.ServiceAccountSpec{
			Name: "n", Bindings: []identity.BindingSpec{{Subject: user, Role: "role", Scope: policy.Root}},
		})},
		{"binding without scope", invalid, "binding", "Scope", service(identity.ServiceAccountSpec{Name: "n", Bindings: []identity.BindingSpec{{Role: "role"}}})},
		{"e-mail of a service account", invalid, "account", "Email", patch(identity.AccountPatch{Email: text("a@b")})},
		{"external of another", conflict, "account", "External", patch(identity.AccountPatch{External: &identity.ExternalID{Issuer: "i", Subject: "s"}})},
		{"external half, later", invalid, "account", "External", patch(identity.AccountPatch{External: &identity.ExternalID{Subject: "s"}})},
		{"end in the past", invalid, "account", "Validity", func() error { return last(o.ExtendAccount(w.ctx, x.User, now)) }},
		{"end too far", invalid, "account", "Validity", func() error { return last(o.ExtendAccount(w.ctx, x.User, now.Add(731*day))) }},
		{"service account without end", invalid, "account", "Validity", func() error { return last(o.ExtendAccount(w.ctx, x.Idle, time.Time{})) }},

		{"group name empty", invalid, "group", "Name", func() error { return last(o.CreateGroup(w.ctx, identity.GroupSpec{})) }},
		{"group name padded", invalid, "group", "Name", func() error { return last(o.CreateGroup(w.ctx, identity.GroupSpec{Name: " a"})) }},
		{"group name lines", invalid, "group", "Name", func() error { return last(o.CreateGroup(w.ctx, identity.GroupSpec{Name: "a\nb"})) }},
		{"group name taken", conflict, "group", "Name", func() error { return last(o.CreateGroup(w.ctx, identity.GroupSpec{Name: "full"})) }},
		{"group renamed to a taken name", conflict, "group", "Name", func() error {
			return last(o.UpdateGroup(w.ctx, x.Group, identity.GroupPatch{Name: text("full")}))
		}},
		{"system group renamed", invalid, "group", "ID", func() error {
			return last(o.UpdateGroup(w.ctx, identity.GroupUsers, identity.GroupPatch{Name: text("x")}))
		}},
		{"system group deleted", invalid, "group", "ID", func() error { return o.DeleteGroup(w.ctx, identity.GroupServiceAccounts, identity.IfUnused) }},
		{"system group left", invalid, "group", "ID", func() error { return last(o.RemoveMember(w.ctx, identity.GroupUsers, user)) }},
		{"system group joined", invalid, "group", "ID", member(identity.GroupUsers, user)},
		{"group with members deleted", identity.ErrInUse, "group", "", func() error { return o.DeleteGroup(w.ctx, x.Full, identity.IfUnused) }},
		{"group that is a member deleted", identity.ErrInUse, "group", "", func() error { return o.DeleteGroup(w.ctx, outer.ID, identity.IfUnused) }},
		{"group in itself", conflict, "group", "Member", member(x.Group, identity.SubjectID(x.Group))},
		{"group in its member", conflict, "group", "Member", member(x.Full, identity.SubjectID(outer.ID))},
		{"member absent", absent, "account", "", member(x.Group, "us_absent")},
		{"member group absent", absent, "group", "", member(x.Group, "gr_absent")},

		{"role name empty", invalid, "role", "Name", role(identity.RoleSpec{})},
		{"role name space", invalid, "role", "Name", role(identity.RoleSpec{Name: "a b"})},
		{"role name colon", invalid, "role", "Name", role(identity.RoleSpec{Name: "code:x"})},
		{"role name like an id", invalid, "role", "Name", role(identity.RoleSpec{Name: "ro_readonly"})},
		{"role name taken", conflict, "role", "Name", role(identity.RoleSpec{Name: "role"})},
		{"role name taken by an archived one", conflict, "role", "Name", role(identity.RoleSpec{Name: "archived"})},
		{"role name of a code role", conflict, "role", "Name", role(identity.RoleSpec{Name: "wallet-reader"})},
		{"role name owner", conflict, "role", "Name", role(identity.RoleSpec{Name: "owner"})},
		{"role permission unknown", invalid, "role", "Permissions", role(identity.RoleSpec{Name: "n", Permissions: []string{"wallets:fly"}})},
		{"role permission malformed", invalid, "role", "Permissions", role(identity.RoleSpec{Name: "n", Permissions: []string{"a b"}})},
		{"role pattern inside", invalid, "role", "Permissions", role(identity.RoleSpec{Name: "n", Permissions: []string{"wal*"}})},
		{"role exclusion unknown", invalid, "role", "Exclusions", role(identity.RoleSpec{Name: "n", Exclusions: []string{"wallets:fly"}})},
		{"role include absent", invalid, "role", "Includes", role(identity.RoleSpec{Name: "n", Includes: []string{"absent"}})},
		{"role include archived", invalid, "role", "Includes", role(identity.RoleSpec{Name: "n", Includes: []string{"archived"}})},
		{"role resource type", invalid, "role", "ResourceTypes", role(identity.RoleSpec{Name: "n", ResourceTypes: []string{"a/b"}})},
		{"role includes itself", invalid, "role", "Includes", edit(x.Role, identity.RolePatch{Includes: &[]string{"role"}})},
		{"role include cycle", invalid, "role", "Includes", edit(x.Bound, identity.RolePatch{Includes: &[]string{"including"}})},
		{"role edit unknown", invalid, "role", "Permissions", edit(x.Bound, identity.RolePatch{Permissions: &[]string{"wallets:fly"}})},
		{"bound role archived", identity.ErrInUse, "role", "", func() error { return last(o.ArchiveRole(w.ctx, x.Bound)) }},
		{"bound role deleted", identity.ErrInUse, "role", "", func() error { return o.DeleteRole(w.ctx, x.Bound, identity.IfUnused) }},

		{"scope absent", invalid, "binding", "Scope", bind(identity.BindingSpec{Subject: user, Role: "role"})},
		{"scope absent, ensured", invalid, "binding", "Scope", func() error {
			return last(o.EnsureBinding(w.ctx, identity.BindingSpec{Subject: user, Role: "role"}))
		}},
		{"role of a binding empty", invalid, "binding", "Role", bind(identity.BindingSpec{Subject: user, Scope: policy.Root})},
		{"role of a binding empty, ensured", invalid, "binding", "Role", func() error {
			return last(o.EnsureBinding(w.ctx, identity.BindingSpec{Subject: user, Scope: policy.Root}))
		}},
		{"role of a binding absent", absent, "binding", "Role", bind(identity.BindingSpec{Subject: user, Role: "ro_absent", Scope: policy.Root})},
		{"code role of a binding absent", absent, "binding", "Role", bind(identity.BindingSpec{Subject: user, Role: "code:absent", Scope: policy.Root})},
		{"role of a binding archived", invalid, "binding", "Role", bind(identity.BindingSpec{Subject: user, Role: "archived", Scope: policy.Root})},
		{"subject absent", absent, "account", "", bind(identity.BindingSpec{Subject: "us_absent", Role: "role", Scope: policy.Root})},
		{"resource type", invalid, "binding", "Scope", bind(identity.BindingSpec{Subject: user, Role: string(typed.ID), Scope: path(t, "projects/p")})},
		{"resource type at Root", invalid, "binding", "Scope", bind(identity.BindingSpec{Subject: user, Role: string(typed.ID), Scope: policy.Root})},
		{"end before start", invalid, "binding", "End", bind(identity.BindingSpec{Subject: user, Role: "role", Scope: policy.Root, Start: now.Add(2 * day), End: now.Add(day)})},
		{"start in 1970", invalid, "binding", "Start", bind(identity.BindingSpec{Subject: user, Role: "role", Scope: policy.Root, Start: time.Unix(0, 999)})},
		{"end too late", invalid, "binding", "End", bind(identity.BindingSpec{Subject: user, Role: "role", Scope: policy.Root, End: time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC)})},
		{"end past", invalid, "binding", "End", bind(identity.BindingSpec{Subject: user, Role: "role", Scope: policy.Root, End: now})},
		{"reach of a tenant", invalid, "binding", "Reach", bind(identity.BindingSpec{Subject: user, Role: "role", Scope: policy.Root, Reach: identity.ReachAll})},

		{"key validity negative", invalid, "credential", "Validity", func() error {
			return last(o.AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: x.Key, Validity: -1}))
		}},
		{"key validity too long", invalid, "credential", "Validity", func() error {
			return last(o.AddPublicKey(w.ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: x.Key, Validity: 731 * day}))
		}},
		{"key of nobody", absent, "account", "", func() error {
			return last(o.AddPublicKey(w.ctx, "sa_absent", identity.PublicKeySpec{UnprovenPublicKey: x.Key}))
		}},
		{"key of an inactive account", identity.ErrDisabled, "account", "", func() error {
			return last(o.AddPublicKey(w.ctx, x.Idle, identity.PublicKeySpec{UnprovenPublicKey: x.Key}))
		}},
		{"one key too many", identity.ErrLimit, "credential", "MaxCredentials", func() error {
			return last(o.AddPublicKey(w.ctx, crowded.ID, identity.PublicKeySpec{UnprovenPublicKey: x.Key}))
		}},
		{"time of login absent", invalid, "login", "AuthTime", func() error { return last(o.Vouch(w.ctx, x.User, identity.Login{NotAfter: now.Add(day)})) }},
		{"time of login ahead", invalid, "login", "AuthTime", func() error {
			return last(o.Vouch(w.ctx, x.User, identity.Login{AuthTime: now.Add(time.Minute), NotAfter: now.Add(day)}))
		}},
	})
}
