package identity

import (
	"context"
	"fmt"
	"slices"

	"github.com/claviger-go/claviger/policy"
)

// AddRolePermissions adds permissions, or patterns, at most 256 of them, to many
// stored roles. Each is a call like [OrgAdmin.UpdateRole]; see [Result].
func (o *OrgAdmin) AddRolePermissions(ctx context.Context, roles []RoleID, permissions []string) ([]Result[RoleID], error) {
	if err := fewNames("AddRolePermissions", permissions); err != nil {
		return nil, err
	}
	return eachID(o, "AddRolePermissions", roles, func(id RoleID) (bool, error) {
		return whether(o.editRole(ctx, "AddRolePermissions", id, func(_ *change, r *Role) error {
			r.Permissions = with(r.Permissions, permissions)
			return nil
		}))
	})
}

// RemoveRolePermissions takes permissions, or patterns, out of many stored roles, as
// they stand there: a pattern that covers one still gives it.
func (o *OrgAdmin) RemoveRolePermissions(ctx context.Context, roles []RoleID, permissions []string) ([]Result[RoleID], error) {
	if err := fewNames("RemoveRolePermissions", permissions); err != nil {
		return nil, err
	}
	return eachID(o, "RemoveRolePermissions", roles, func(id RoleID) (bool, error) {
		return whether(o.editRole(ctx, "RemoveRolePermissions", id, func(_ *change, r *Role) error {
			r.Permissions = without(r.Permissions, permissions)
			return nil
		}))
	})
}

// AddPermissions gives permissions, or patterns, to many accounts directly, at
// Root, beside their roles: each account has one role of its own for that, which
// is not listed. Prefer roles, which say what people are for. It fails like
// CreateBinding.
func (o *OrgAdmin) AddPermissions(ctx context.Context, accounts []AccountID, permissions []string) ([]Result[AccountID], error) {
	if err := fewNames("AddPermissions", permissions); err != nil {
		return nil, err
	}
	return eachID(o, "AddPermissions", accounts, func(id AccountID) (changed bool, err error) {
		err = o.write(ctx, "AddPermissions", o.org, func(c *change) error {
			changed, err = c.editDirect(o.org, id, func(has []string) []string { return with(has, permissions) })
			return err
		})
		return changed && err == nil, err
	})
}

// RemovePermissions takes permissions, or patterns, that accounts have directly
// away from them again, as they were given. What their roles give stays.
func (o *OrgAdmin) RemovePermissions(ctx context.Context, accounts []AccountID, permissions []string) ([]Result[AccountID], error) {
	if err := fewNames("RemovePermissions", permissions); err != nil {
		return nil, err
	}
	return eachID(o, "RemovePermissions", accounts, func(id AccountID) (changed bool, err error) {
		err = o.write(ctx, "RemovePermissions", o.org, func(c *change) error {
			changed, err = c.editDirect(o.org, id, func(has []string) []string { return without(has, permissions) })
			return err
		})
		return changed && err == nil, err
	})
}

// fewNames bounds what a call for many does for each of them.
func fewNames(op string, permissions []string) error {
	if n := len(permissions); n > maxList {
		return &Error{Kind: ErrLimit, Op: op, Entity: nounRole, Field: "Permissions", Err: fmt.Errorf("%d, at most %d at a time", n, maxList)}
	}
	return nil
}

// editDirect edits what an account has directly at Root.
func (c *change) editDirect(org OrgID, id AccountID, edit func([]string) []string) (bool, error) {
	if err := id.check(); err != nil {
		return false, err
	}
	a, err := c.liveAccount(org, id)
	if err != nil {
		return false, err
	}
	role, found, err := c.directRole(org, id)
	if err != nil {
		return false, err
	}
	after := role
	after.Permissions = edit(role.Permissions)
	switch {
	case slices.Equal(after.Permissions, role.Permissions):
		return false, nil
	case !found:
		return true, c.grantDirect(a, after.Permissions, policy.Root)
	}
	_, err = c.replaceRole(role, after, "update")
	return true, err
}

// with is a list and what it lacks of another.
func with(list, more []string) []string {
	out, known := slices.Clone(list), make(map[string]bool, len(list)+len(more))
	for _, s := range list {
		known[s] = true
	}
	for _, s := range more {
		if !known[s] {
			known[s] = true
			out = append(out, s)
		}
	}
	return out
}

// without is a list but for what is in another; nil if nothing is left.
func without(list, less []string) []string {
	gone := make(map[string]bool, len(less))
	for _, s := range less {
		gone[s] = true
	}
	out := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return gone[s] })
	if len(out) == 0 {
		return nil
	}
	return out
}
