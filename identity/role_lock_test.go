package identity_test

import (
	"fmt"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestRoleLocks makes every call that changes something of a role, with each lock
// alone: exactly those that change what is locked are refused, to the host, too.
func TestRoleLocks(t *testing.T) {
	w := open(t)
	locks := map[string]identity.RoleLocks{
		"none": {}, "name": {Name: true}, "members": {Members: true}, "permissions": {Permissions: true}, "deletion": {Deletion: true},
	}
	for lock, set := range locks {
		t.Run(lock, func(t *testing.T) {
			w := w.on(t)
			x := w.targets("acme-" + lock)
			host, admin := w.in(x.Org), w.as(x.Org, w.user(x.Org, "admin", allManagement()...))
			fresh := func() identity.RoleID { // not bound, included by one
				id := w.role(x.Org, "wallets:read")
				must(host.CreateRole(w.ctx, identity.RoleSpec{Name: "with-" + string(id[3:]), Includes: []string{string(id)}}))(t)
				must(host.UpdateRole(w.ctx, id, identity.RolePatch{Locks: &set}))(t)
				return id
			}
			bound := func(role identity.RoleID) identity.BindingID {
				none := identity.RoleLocks{}
				must(host.UpdateRole(w.ctx, role, identity.RolePatch{Locks: &none}))(t)
				id := w.bind(x.Org, identity.BindingSpec{Subject: identity.SubjectID(x.User), Role: string(role), Scope: policy.Root})
				must(host.UpdateRole(w.ctx, role, identity.RolePatch{Locks: &set}))(t)
				return id
			}
			text, names := "text", []string{"keys:use"}
			edit := func(p identity.RolePatch) func(*identity.OrgAdmin, identity.RoleID) error {
				return func(o *identity.OrgAdmin, id identity.RoleID) error { return last(o.UpdateRole(w.ctx, id, p)) }
			}
			bind := identity.BindingSpec{Subject: identity.SubjectID(x.User), Scope: policy.Root}
			for what, c := range map[string]struct {
				lock string
				call func(*identity.OrgAdmin, identity.RoleID) error
			}{
				"display name": {"name", edit(identity.RolePatch{DisplayName: &text})},
				"description":  {"name", edit(identity.RolePatch{Description: &text})},
				"permissions":  {"permissions", edit(identity.RolePatch{Permissions: &names})},
				"exclusions":   {"permissions", edit(identity.RolePatch{Exclusions: &names})},
				"includes":     {"permissions", edit(identity.RolePatch{Includes: &[]string{"wallet-reader"}})},
				"types":        {"permissions", edit(identity.RolePatch{ResourceTypes: &[]string{"projects"}})},
				"nothing":      {"", edit(identity.RolePatch{Permissions: &[]string{"wallets:read"}})},
				"of many, more": {"permissions", func(o *identity.OrgAdmin, id identity.RoleID) error {
					return firstFailure(o.AddRolePermissions(w.ctx, []identity.RoleID{id}, names))
				}},
				"of many, less": {"permissions", func(o *identity.OrgAdmin, id identity.RoleID) error {
					return firstFailure(o.RemoveRolePermissions(w.ctx, []identity.RoleID{id}, []string{"wallets:read"}))
				}},
				"archive": {"deletion", func(o *identity.OrgAdmin, _ identity.RoleID) error {
					id := w.role(x.Org)
					must(host.UpdateRole(w.ctx, id, identity.RolePatch{Locks: &set}))(t)
					return last(o.ArchiveRole(w.ctx, id))
				}},
				"delete": {"deletion", func(o *identity.OrgAdmin, _ identity.RoleID) error {
					id := w.role(x.Org)
					must(host.UpdateRole(w.ctx, id, identity.RolePatch{Locks: &set}))(t)
					return o.DeleteRole(w.ctx, id, identity.IfUnused)
				}},
				"delete with all": {"deletion", func(o *identity.OrgAdmin, id identity.RoleID) error { return o.DeleteRole(w.ctx, id, identity.Cascade) }},
				"bind": {"members", func(o *identity.OrgAdmin, id identity.RoleID) error {
					spec := bind
					spec.Role = string(id)
					return last(o.CreateBinding(w.ctx, spec))
				}},
				"deny": {"members", func(o *identity.OrgAdmin, id identity.RoleID) error {
					spec := bind
					spec.Role, spec.Deny = string(id), true
					return last(o.EnsureBinding(w.ctx, spec))
				}},
				"bind with the account": {"members", func(o *identity.OrgAdmin, id identity.RoleID) error {
					return last(o.CreateUser(w.ctx, identity.UserSpec{Email: string(id[3:]) + "@example.com", Roles: []string{string(id)}}))
				}},
				"unbind": {"members", func(o *identity.OrgAdmin, id identity.RoleID) error { return o.DeleteBinding(w.ctx, bound(id)) }},
				"delete its members": {"members", func(o *identity.OrgAdmin, id identity.RoleID) error {
					if set.Deletion {
						return nil // refused for that
					}
					bound(id)
					return o.DeleteRole(w.ctx, id, identity.Cascade)
				}},
				"delete its group": {"members", func(o *identity.OrgAdmin, id identity.RoleID) error {
					g := must(host.CreateGroup(w.ctx, identity.GroupSpec{Name: string(id)}))(t).ID
					none := identity.RoleLocks{}
					must(host.UpdateRole(w.ctx, id, identity.RolePatch{Locks: &none}))(t)
					w.bind(x.Org, identity.BindingSpec{Subject: identity.SubjectID(g), Role: string(id), Scope: policy.Root})
					must(host.UpdateRole(w.ctx, id, identity.RolePatch{Locks: &set}))(t)
					return o.DeleteGroup(w.ctx, g, identity.Cascade)
				}},
				"include it": {"members", func(o *identity.OrgAdmin, id identity.RoleID) error {
					return last(o.CreateRole(w.ctx, identity.RoleSpec{Name: string(id[3:]), Includes: []string{string(id)}}))
				}},
				"include it later": {"members", func(o *identity.OrgAdmin, id identity.RoleID) error {
					other := must(host.CreateRole(w.ctx, identity.RoleSpec{Name: "later-" + string(id[3:]), Includes: []string{"wallet-reader"}}))(t)
					return last(o.UpdateRole(w.ctx, other.ID, identity.RolePatch{Includes: &[]string{"wallet-reader", string(id)}}))
				}},
				"go on including it": {"", func(o *identity.OrgAdmin, id identity.RoleID) error {
					with := "with-" + string(id[3:])
					for role, err := range host.AllRoles(w.ctx, identity.RoleFilter{NamePrefix: with}) {
						if err != nil {
							return err
						}
						if _, err := o.UpdateRole(w.ctx, role.ID, identity.RolePatch{Includes: &[]string{string(id), "wallet-reader"}}); err != nil {
							return err
						}
						return last(o.UpdateRole(w.ctx, role.ID, identity.RolePatch{Includes: &[]string{}}))
					}
					return fmt.Errorf("there is no %s", with)
				}},
				"boundary": {"", func(o *identity.OrgAdmin, id identity.RoleID) error {
					return last(o.SetBoundary(w.ctx, x.User, string(id)))
				}},
			} {
				for who, o := range map[string]*identity.OrgAdmin{"the host": host, "an admin": admin} {
					id := fresh()
					before := must(host.Role(w.ctx, id))(t)
					err := c.call(o, id)
					if c.lock != lock {
						if err != nil {
							t.Errorf("%s by %s: %v", what, who, err)
						}
					} else {
						wantKind(t, err, identity.ErrImmutable)
						after := must(host.Role(w.ctx, id))(t)
						if before.Meta = after.Meta; !equalRoles(before, after) {
							t.Errorf("%s by %s changed %+v to %+v", what, who, before, after)
						}
					}
					must(host.SetBoundary(w.ctx, x.User, ""))(t)
				}
			}
		})
	}
}

func equalRoles(a, b identity.Role) bool {
	return a.Locks == b.Locks && len(a.Permissions) == len(b.Permissions) && a.DisplayName == b.DisplayName && a.Description == b.Description && a.State == b.State && a.Deleted == b.Deleted
}

// TestSec48_RoleLocks: only the host locks and unlocks, and what is locked in the
// call that unlocks it is still locked.
func TestSec48_RoleLocks(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	owner := w.user(org, "owner")
	must(w.in(org).GrantOwner(w.ctx, owner))(t)
	o := w.as(org, owner)
	locked := must(w.in(org).CreateRole(w.ctx, identity.RoleSpec{Name: "locked", Permissions: []string{"wallets:read"}, Locks: identity.RoleLocks{Permissions: true}}))(t)
	plain := w.role(org, "wallets:read")
	same := w.unchanged()
	none, all := identity.RoleLocks{}, identity.RoleLocks{Name: true, Members: true, Permissions: true, Deletion: true}
	for what, err := range map[string]error{
		"create": last(o.CreateRole(w.ctx, identity.RoleSpec{Name: "new", Locks: all})),
		"ensure": last(o.EnsureRole(w.ctx, identity.RoleSpec{Name: "new", Locks: all})),
		"lock":   last(o.UpdateRole(w.ctx, plain, identity.RolePatch{Locks: &all})),
		"unlock": last(o.UpdateRole(w.ctx, locked.ID, identity.RolePatch{Locks: &none})),
	} {
		if e := wantKind(t, err, identity.ErrDenied); e.Field != "Locks" {
			t.Errorf("%s: %v", what, err)
		}
	}
	both := identity.RolePatch{Locks: &none, Permissions: &[]string{"*"}}
	wantKind(t, last(w.in(org).UpdateRole(w.ctx, locked.ID, both)), identity.ErrImmutable)
	same()
	must(o.UpdateRole(w.ctx, plain, identity.RolePatch{Locks: &none}))(t) // as they are
	must(w.in(org).UpdateRole(w.ctx, locked.ID, identity.RolePatch{Locks: &none}))(t)
	must(o.UpdateRole(w.ctx, locked.ID, identity.RolePatch{Permissions: &[]string{"wallets:create"}}))(t)
	w.reopen()
	if r := must(w.in(org).Role(w.ctx, locked.ID))(t); r.Locks != none || r.Permissions[0] != "wallets:create" {
		t.Errorf("%+v", r)
	}
}

// TestCopiedLocks: nobody gets a role whose members are locked as a copy of who
// has it.
func TestCopiedLocks(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.ServiceAccountsMayMint = true }))
	org := w.org("acme")
	admin := w.user(org, "admin", "identity:*")
	role := w.role(org, "wallets:read")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(admin), Role: string(role), Scope: policy.Root})
	must(w.in(org).UpdateRole(w.ctx, role, identity.RolePatch{Locks: &identity.RoleLocks{Members: true}}))(t)
	same := w.unchanged()
	wantKind(t, last(w.as(org, admin).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "copy", CopyCallerRights: true})), identity.ErrImmutable)
	same()
}
