package identity

import (
	"slices"

	"github.com/claviger-go/claviger/policy"
)

// unlinkRole takes away what is linked to a role, but for boundaries: without
// them, accounts could do more than anybody has looked at.
func (c *change) unlinkRole(r Role) error {
	bindings, err := c.linked(r.Org, FieldRole, string(r.ID))
	if err != nil {
		return err
	}
	including, err := c.including(r)
	if err != nil {
		return err
	}
	if err := fewLinks(nounRole, string(r.ID), len(bindings)+len(including)); err != nil {
		return err
	}
	if len(including) > 0 {
		if err := c.permitName(c.a.required["UpdateRole"], policy.Root); err != nil {
			return err
		}
	}
	if err := c.deleteAll(bindings); err != nil {
		return err
	}
	for _, before := range including {
		after := before
		after.Includes = slices.DeleteFunc(slices.Clone(before.Includes), func(ref RoleRef) bool { return ref == RoleRef(r.ID) })
		if len(after.Includes) == 0 {
			after.Includes = nil // as it is read back
		}
		if err := before.unlocked(after); err != nil {
			return err
		}
		if _, err := c.replaceRole(before, after, "update"); err != nil {
			return err
		}
	}
	return nil
}

// including are the roles that include another, not only through others.
func (c *change) including(r Role) ([]Role, error) {
	v, err := c.view(r.Org)
	if err != nil {
		return nil, err
	}
	var found []Role
	for id := range v.rules.IncludedBy(string(r.ID)) {
		row, err := c.tx.Roles().Find(c.ctx, r.Org, RoleID(id))
		if err != nil {
			return nil, err
		}
		if slices.Contains(row.Includes, RoleRef(r.ID)) {
			found = append(found, row)
		}
	}
	return found, nil
}
