package identity

import (
	"errors"
	"strings"

	"github.com/claviger-go/claviger/policy"
)

// grantDirect binds permissions to one account through a role of its own.
func (c *change) grantDirect(a Account, permissions []string, scope policy.Path) error {
	id, err := changeID[Role](c, "ro_")
	if err != nil {
		return err
	}
	r := Role{
		ID: id, Org: a.Org, Name: directName(a, id), Permissions: permissions,
		Anonymous: true, State: RoleActive, Meta: c.created(),
	}
	if err := c.insertRole(r); err != nil {
		return err
	}
	c.direct = id
	_, err = c.createBinding(a.Org, BindingSpec{Subject: SubjectID(a.ID), Role: string(id), Scope: scope, Reason: "direct permissions"})
	return err
}

// ownRole is a role like one of somebody else's own.
func (c *change) ownRole(a Account, r Role) (Role, error) {
	id, err := changeID[Role](c, "ro_")
	if err != nil {
		return Role{}, err
	}
	r.ID, r.Name, r.Meta = id, directName(a, id), c.created()
	return r, c.insertRole(r)
}

// directName is what the role of an account's own is called.
func directName(a Account, id RoleID) string {
	return directPrefix(a.ID) + strings.ReplaceAll(string(id), "_", "-")
}

// directPrefix begins the names of the roles of an account's own.
func directPrefix(id AccountID) string { return strings.ReplaceAll(string(id)+".", "_", "-") }

// directRole is the role of an account's own that is bound at Root, if it has one.
func (c *change) directRole(org OrgID, id AccountID) (Role, bool, error) {
	q := Query{Org: org, Where: where(
		Cond{Field: FieldSubject, Value: string(id)}, Cond{Field: FieldScope, Value: policy.Root.String()},
	)}
	for b, err := range selected(c.ctx, c.tx.Bindings(), q) {
		if err != nil {
			return Role{}, false, err
		}
		if b.Effect != policy.Allow || !RoleID(b.Role).valid() || b.Condition != "" || !b.End.IsZero() || !b.Start.IsZero() || b.Reach != "" {
			continue
		}
		r, err := c.tx.Roles().Find(c.ctx, org, RoleID(b.Role))
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return Role{}, false, err
		case r.Anonymous && !r.Deleted:
			n, err := c.tx.Bindings().Count(c.ctx, c.having(FieldRole, string(r.ID)))
			if err != nil || n == 1 { // somebody else's beside it is not the account's own
				return r, err == nil, err
			}
		}
	}
	return Role{}, false, nil
}

// purgeDirect removes the roles of an account's own. One that somebody else was
// bound to by hand stays.
func (c *change) purgeDirect(a Account) (rows int, err error) {
	q := Query{Org: a.Org, Where: []Cond{{Field: FieldAnonymous, Value: "1"}, {Field: FieldName, Prefix: true, Value: directPrefix(a.ID)}}}
	for r, err := range selected(c.ctx, c.tx.Roles(), q) {
		if err != nil {
			return 0, err
		}
		n, err := c.tx.Bindings().Count(c.ctx, c.having(FieldRole, string(r.ID)))
		if err == nil && n == 0 {
			err = c.purgeRole(r)
			rows++
		}
		if err != nil {
			return 0, err
		}
	}
	return rows, nil
}
