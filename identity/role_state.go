package identity

import "context"

// This file holds the calls that end the life of a role and bring it back.

// ArchiveRole takes a role out of use. It fails with ErrInUse while the role is
// bound, included or a boundary, and with ErrImmutable when its deletion is locked.
func (o *OrgAdmin) ArchiveRole(ctx context.Context, id RoleID) (changed bool, err error) {
	return whether(o.editRole(ctx, "ArchiveRole", id, func(c *change, r *Role) error {
		r.State = RoleArchived
		return c.unusedRole(*r)
	}))
}

// UnarchiveRole takes a role into use again.
func (o *OrgAdmin) UnarchiveRole(ctx context.Context, id RoleID) (changed bool, err error) {
	return whether(o.editRole(ctx, "UnarchiveRole", id, func(_ *change, r *Role) error {
		r.State = RoleActive
		return nil
	}))
}

// DeleteRole ends a stored role; its name stays taken. It fails with ErrInUse while the role is
// bound, included or a boundary, and with ErrImmutable when its deletion is locked.
// With [Cascade] its bindings go with it, and other roles include it no more; that
// needs identity:bindings.delete where they are, identity:roles.update for the
// roles, and is still refused with ErrInUse while it is a boundary. A mode that there
// is not fails with ErrInvalid.
func (o *OrgAdmin) DeleteRole(ctx context.Context, id RoleID, mode DeleteMode) error {
	if err := id.check(); err != nil {
		return wrap("DeleteRole", err)
	}
	if err := mode.check(nounRole); err != nil {
		return wrap("DeleteRole", err)
	}
	return o.write(ctx, "DeleteRole", o.org, func(c *change) error {
		before, err := c.liveRole(o.org, id)
		if err != nil {
			return err
		}
		after := before
		after.Deleted, after.Meta = true, c.updated(before.Meta)
		if err := before.unlocked(after); err != nil {
			return err
		}
		if mode == Cascade {
			if err := c.unlinkRole(before); err != nil {
				return err
			}
		}
		if err := c.unusedRole(before); err != nil {
			return err
		}
		if err := c.tx.Roles().Update(c.ctx, after); err != nil {
			return err
		}
		d, err := c.draft(o.org)
		if err != nil {
			return err
		}
		d.editRules().RemoveRole(string(id))
		return c.record(o.org, nounRole, string(id), "delete", before, after)
	})
}

func (c *change) unusedRole(r Role) error {
	n, err := c.tx.Bindings().Count(c.ctx, c.having(FieldRole, string(r.ID)))
	if err != nil {
		return err
	}
	if n > 0 {
		return inUse(nounRole, string(r.ID), n, "bindings")
	}
	v, err := c.view(r.Org)
	if err != nil {
		return err
	}
	for range v.rules.IncludedBy(string(r.ID)) {
		n++
	}
	if n > 0 {
		return inUse(nounRole, string(r.ID), n, "roles that include it")
	}
	for range v.rules.BoundedBy(string(r.ID)) {
		n++
	}
	if n > 0 {
		return inUse(nounRole, string(r.ID), n, "accounts whose boundary it is")
	}
	return nil
}
