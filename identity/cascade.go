package identity

import (
	"fmt"
	"slices"

	"github.com/claviger-go/claviger/policy"
)

// DeleteMode says what becomes of what is linked to a role or a group that is
// deleted.
type DeleteMode uint8

const (
	// IfUnused fails with ErrInUse while anything is linked to it.
	IfUnused DeleteMode = iota
	// Cascade takes the links away in the same transaction, each with its own event,
	// and is judged like taking them away one by one, before the first of them goes:
	// whoever deletes needs the permissions for that, too, the rights that a deny
	// keeps from somebody, and to manage what those do who lose by it. More than MaxBulk of them fail with ErrLimit.
	Cascade
)

func (m DeleteMode) check(noun string) error {
	if m > Cascade {
		return invalid(noun, "mode", "%d is neither IfUnused nor Cascade", m)
	}
	return nil
}

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

// unlinkGroup takes the members out of a group, the group out of others, and its
// bindings away.
func (c *change) unlinkGroup(g Group) error {
	bindings, err := c.linked(g.Org, FieldSubject, string(g.ID))
	if err != nil {
		return err
	}
	var members []Member
	for _, side := range []Field{FieldGroup, FieldMember} {
		rows, err := few(c, c.tx.Members(), Query{Org: g.Org, Where: []Cond{{Field: side, Value: string(g.ID)}}})
		if err != nil {
			return err
		}
		members = append(members, rows...)
	}
	if err := fewLinks(nounGroup, string(g.ID), len(bindings)+len(members)); err != nil {
		return err
	}
	if len(members) > 0 {
		if err := c.permitName(c.a.required["RemoveMember"], policy.Root); err != nil {
			return err
		}
		if err := c.frees(g.Org, string(g.ID)); err != nil { // of what groups above it are denied, too
			return err
		}
	}
	for _, m := range members {
		if err := c.containsSubject(g.Org, string(m.Member)); err != nil {
			return err
		}
	}
	if err := c.deleteAll(bindings); err != nil {
		return err
	}
	for _, m := range members {
		if err := c.deleteMember(m); err != nil {
			return err
		}
	}
	return nil
}

// deleteAll deletes bindings. The end of each is judged by the state in which all
// of them are there: what goes first must not help its actor with what goes next.
func (c *change) deleteAll(bindings []Binding) error {
	there := make(map[BindingID]bool, len(bindings))
	for _, b := range bindings {
		there[b.ID] = true
		if err := c.permitName(c.a.required["DeleteBinding"], b.Scope); err != nil {
			return err
		}
		if err := c.mayDelete(b); err != nil {
			return err
		}
	}
	for _, b := range bindings {
		if there[b.Elevates] {
			continue // it goes with what it was switched on of
		}
		if err := c.deleteBinding(b); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) linked(org OrgID, field Field, id string) ([]Binding, error) {
	return few(c, c.tx.Bindings(), Query{Org: org, Where: []Cond{{Field: field, Value: id}}})
}

func fewLinks(noun, id string, n int) error {
	if n <= MaxBulk {
		return nil
	}
	return &Error{Kind: ErrLimit, Entity: noun, ID: id, Err: fmt.Errorf("more than %d links: take some away first", MaxBulk)}
}
