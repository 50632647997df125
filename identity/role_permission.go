package identity

import (
	"context"
	"errors"
	"slices"

	"github.com/claviger-go/claviger/policy"
)

// GrantToRoles adds permissions, or patterns, to many stored roles. Each is a
// call like [OrgAdmin.UpdateRole]; see [Result].
func (o *OrgAdmin) GrantToRoles(ctx context.Context, permissions []string, roles []RoleID) ([]Result[RoleID], error) {
	return eachID(o, "GrantToRoles", roles, func(id RoleID) (bool, error) {
		return whether(o.editRole(ctx, "GrantToRoles", id, func(_ *change, r *Role) error {
			r.Permissions = with(r.Permissions, permissions)
			return nil
		}))
	})
}

// RevokeFromRoles takes permissions, or patterns, out of many stored roles, as
// they stand there: a pattern that covers one still gives it.
func (o *OrgAdmin) RevokeFromRoles(ctx context.Context, permissions []string, roles []RoleID) ([]Result[RoleID], error) {
	return eachID(o, "RevokeFromRoles", roles, func(id RoleID) (bool, error) {
		return whether(o.editRole(ctx, "RevokeFromRoles", id, func(_ *change, r *Role) error {
			r.Permissions = without(r.Permissions, permissions)
			return nil
		}))
	})
}

// GrantPermissions gives permissions, or patterns, to many accounts directly, at
// Root, beside their roles: each account has one role of its own for that, which
// is not listed. Prefer roles, which say what people are for. It fails like
// CreateBinding.
func (o *OrgAdmin) GrantPermissions(ctx context.Context, permissions []string, accounts []AccountID) ([]Result[AccountID], error) {
	return eachID(o, "GrantPermissions", accounts, func(id AccountID) (changed bool, err error) {
		err = o.write(ctx, "GrantPermissions", o.org, func(c *change) error {
			changed, err = c.editDirect(o.org, id, func(has []string) []string { return with(has, permissions) })
			return err
		})
		return changed, err
	})
}

// RevokePermissions takes permissions, or patterns, that accounts have directly
// away from them again, as they were given. What their roles give stays.
func (o *OrgAdmin) RevokePermissions(ctx context.Context, permissions []string, accounts []AccountID) ([]Result[AccountID], error) {
	return eachID(o, "RevokePermissions", accounts, func(id AccountID) (changed bool, err error) {
		err = o.write(ctx, "RevokePermissions", o.org, func(c *change) error {
			changed, err = c.editDirect(o.org, id, func(has []string) []string { return without(has, permissions) })
			return err
		})
		return changed, err
	})
}

// editDirect edits what an account has directly at Root.
func (c *change) editDirect(org OrgID, id AccountID, edit func([]string) []string) (bool, error) {
	if !id.valid() {
		return false, &Error{Kind: ErrInvalid, Entity: nounAccount, ID: clip(string(id)), Field: "ID"}
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

// directRole is the role of an account's own that is bound at Root, if it has one.
func (c *change) directRole(org OrgID, id AccountID) (Role, bool, error) {
	rows, err := c.tx.Bindings().Page(c.ctx, Query{Org: org, Limit: 1000, Where: where(
		Cond{Field: FieldSubject, Value: string(id)}, Cond{Field: FieldScope, Value: policy.Root.String()},
	)})
	if err != nil {
		return Role{}, false, err
	}
	for _, b := range rows {
		if b.Effect != policy.Allow || !RoleID(b.Role).valid() || b.Condition != "" || !b.End.IsZero() || !b.Start.IsZero() || b.Reach != "" {
			continue
		}
		r, err := c.tx.Roles().Find(c.ctx, org, RoleID(b.Role))
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return Role{}, false, err
		case r.Anonymous && !r.Deleted:
			return r, true, nil
		}
	}
	return Role{}, false, nil
}

// with is a list and what it lacks of another.
func with(list, more []string) []string {
	out := slices.Clone(list)
	for _, s := range more {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// without is a list but for what is in another; nil if nothing is left.
func without(list, less []string) []string {
	out := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(less, s) })
	if len(out) == 0 {
		return nil
	}
	return out
}
