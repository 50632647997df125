package identity

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/claviger-go/claviger/policy"
)

// Group is a named set of accounts and groups. It has no cycles.
type Group struct {
	ID          GroupID
	Org         OrgID
	Name        string // 1 to 128 bytes, unique in the org
	Description string // at most 1,024 bytes
	System      bool   // made with the org; cannot be renamed, left or deleted
	Deleted     bool   // gone; the row keeps the name and the id
	Meta
}

// The system groups of every org. They hold exactly the accounts of their kind.
const (
	GroupUsers           GroupID = "gr_users"
	GroupServiceAccounts GroupID = "gr_serviceaccounts"
)

// ruleID is how the rules name a subject: package policy has names of its own
// for the system groups.
func ruleID(id SubjectID) string {
	switch GroupID(id) {
	case GroupUsers:
		return policy.GroupUsers
	case GroupServiceAccounts:
		return policy.GroupServiceAccounts
	}
	return string(id)
}

// subjectOf is the inverse of ruleID.
func subjectOf(rule string) SubjectID {
	switch rule {
	case policy.GroupUsers:
		return SubjectID(GroupUsers)
	case policy.GroupServiceAccounts:
		return SubjectID(GroupServiceAccounts)
	}
	return SubjectID(rule)
}

// GroupSpec is what a group is made of.
type GroupSpec struct {
	Name        string // 1 to 128 bytes, unique in the org; required
	Description string
}

// GroupPatch changes a group; nil fields stay.
type GroupPatch struct {
	Name        *string
	Description *string
}

// GroupResult is a group that was made or found.
type GroupResult struct {
	Group
	Created bool // false: it was there, and nothing was changed
}

// GroupFilter selects groups; empty fields select all.
type GroupFilter struct {
	NamePrefix string // byte-exact
}

// CreateGroup makes an empty group. It fails with ErrConflict when the name is
// taken in the org.
func (o *OrgAdmin) CreateGroup(ctx context.Context, spec GroupSpec) (GroupResult, error) {
	return o.makeGroup(ctx, "CreateGroup", spec)
}

// EnsureGroup makes a group unless the org has one with this name; then it
// returns that one and changes nothing.
func (o *OrgAdmin) EnsureGroup(ctx context.Context, spec GroupSpec) (GroupResult, error) {
	return o.makeGroup(ctx, "EnsureGroup", spec)
}

func (o *OrgAdmin) makeGroup(ctx context.Context, op string, spec GroupSpec) (out GroupResult, err error) {
	build := func(c *change) (out GroupResult, err error) {
		g := Group{Org: o.org, Name: spec.Name, Description: spec.Description, Meta: c.created()}
		if err := g.check(); err != nil {
			return out, err
		}
		if op == "EnsureGroup" {
			found, exists, err := c.groupNamed(o.org, spec.Name)
			if err != nil {
				return out, err
			}
			if exists {
				c.differs(nounGroup, string(found.ID), found.Description == spec.Description)
				return GroupResult{Group: found}, nil
			}
		}
		if g.ID, err = changeID[Group](c, "gr_"); err != nil {
			return out, err
		}
		return GroupResult{Group: g, Created: true}, c.insertGroup(g)
	}
	return create(ctx, &o.Admin, op, o.org, creation[GroupResult]{
		noun: nounGroup, input: spec, create: build,
		ids: func(r GroupResult) []string { return []string{string(r.ID)} },
		find: func(c *change, made []string) (GroupResult, error) {
			g, err := c.liveGroup(o.org, GroupID(made[0]))
			return GroupResult{Group: g}, err
		},
	})
}

func (c *change) insertGroup(g Group) error {
	if err := c.tx.Groups().Insert(c.ctx, g); err != nil {
		return c.groupConflict(g, err)
	}
	d, err := c.draft(g.Org)
	if err != nil {
		return err
	}
	d.putGroup(g)
	return c.record(g.Org, nounGroup, string(g.ID), "create", nil, g)
}

// groupNamed is the group that has a name, if one does, also if it was deleted.
func (c *change) groupNamed(org OrgID, name string) (g Group, exists bool, err error) {
	return one(c, c.tx.Groups(), org, Cond{Field: FieldName, Value: name})
}

// groupConflict says who has the name of a group that could not be stored. That a
// name is free is left to the unique key, which looks in any case.
func (c *change) groupConflict(g Group, err error) error {
	if !errors.Is(err, ErrConflict) {
		return err
	}
	found, exists, lookup := c.groupNamed(g.Org, g.Name)
	switch {
	case lookup != nil:
		return lookup
	case exists && found.ID != g.ID:
		return conflict(nounGroup, g.Name, "Name", "is that of "+string(found.ID))
	}
	return err
}

func (g Group) check() error {
	if err := checkName(nounGroup, "Name", g.Name); err != nil {
		return err
	}
	return checkText(nounGroup, "Description", g.Description, maxText)
}

// Group returns one group.
func (o *OrgAdmin) Group(ctx context.Context, id GroupID) (Group, error) {
	g, err := findRow(ctx, &o.Admin, "Group", o.org, id, Txn.Groups)
	if err == nil && g.Deleted {
		return Group{}, wrap("Group", notFound(nounGroup, string(id)))
	}
	return g, err
}

// Groups returns a page of the org's groups, the system groups included.
func (o *OrgAdmin) Groups(ctx context.Context, f GroupFilter, page Page) (List[Group], error) {
	q := Query{Where: where(Cond{Field: FieldDeleted, Value: "0"}, Cond{Field: FieldName, Prefix: true, Value: f.NamePrefix})}
	return listRows(ctx, &o.Admin, "Groups", nounGroup, o.org, q, page, Txn.Groups)
}

// AllGroups iterates over the org's groups.
func (o *OrgAdmin) AllGroups(ctx context.Context, f GroupFilter) iter.Seq2[Group, error] {
	return every(func(page Page) (List[Group], error) { return o.Groups(ctx, f, page) })
}

// UpdateGroup changes what describes a group.
func (o *OrgAdmin) UpdateGroup(ctx context.Context, id GroupID, patch GroupPatch) (out Group, err error) {
	err = o.write(ctx, "UpdateGroup", o.org, func(c *change) error {
		before, err := c.editableGroup(o.org, id)
		if err != nil {
			return err
		}
		out = before
		if patch.Name != nil {
			out.Name = *patch.Name
		}
		if patch.Description != nil {
			out.Description = *patch.Description
		}
		if out == before {
			return nil
		}
		if err := out.check(); err != nil {
			return err
		}
		out.Meta = c.updated(out.Meta)
		if err := c.tx.Groups().Update(c.ctx, out); err != nil {
			return c.groupConflict(out, err)
		}
		return c.record(o.org, nounGroup, string(id), "update", before, out)
	})
	return out, err
}

// liveGroup finds a group that was not deleted.
func (c *change) liveGroup(org OrgID, id GroupID) (Group, error) {
	g, err := c.tx.Groups().Find(c.ctx, org, id)
	if err == nil && g.Deleted {
		err = notFound(nounGroup, string(id))
	}
	return g, err
}

// editableGroup finds a group that is not a system group.
func (c *change) editableGroup(org OrgID, id GroupID) (Group, error) {
	if err := id.check(); err != nil {
		return Group{}, err
	}
	g, err := c.liveGroup(org, id)
	if err == nil && g.System {
		err = invalid(nounGroup, "ID", "%s is a system group", id)
	}
	return g, err
}

// DeleteGroup ends an empty, unbound group that is in no other; its name stays
// taken. What is in use is refused with ErrInUse: take its members, groups and
// bindings away first, or have [Cascade] do it, which needs identity:members.remove
// and, where they are, identity:bindings.delete. A default group of the org is
// refused either way. A mode that there is not fails with ErrInvalid.
func (o *OrgAdmin) DeleteGroup(ctx context.Context, id GroupID, mode DeleteMode) error {
	if err := mode.check(nounGroup); err != nil {
		return wrap("DeleteGroup", err)
	}
	return o.write(ctx, "DeleteGroup", o.org, func(c *change) error {
		before, err := c.editableGroup(o.org, id)
		if err != nil {
			return err
		}
		if mode == Cascade {
			if err := c.unlinkGroup(before); err != nil {
				return err
			}
		}
		if err := c.unusedGroup(before); err != nil {
			return err
		}
		after := before
		after.Deleted, after.Meta = true, c.updated(before.Meta)
		if err := c.tx.Groups().Update(c.ctx, after); err != nil {
			return err
		}
		d, err := c.draft(o.org)
		if err != nil {
			return err
		}
		d.editRules().RemoveGroup(string(id))
		return c.record(o.org, nounGroup, string(id), "delete", before, after)
	})
}

func (c *change) unusedGroup(g Group) error {
	uses := []struct {
		what  string
		count func() (int, error)
	}{
		{"members", func() (int, error) { return c.tx.Members().Count(c.ctx, c.having(FieldGroup, string(g.ID))) }},
		{"groups it is in", func() (int, error) { return c.tx.Members().Count(c.ctx, c.having(FieldMember, string(g.ID))) }},
		{"bindings", func() (int, error) { return c.tx.Bindings().Count(c.ctx, c.having(FieldSubject, string(g.ID))) }},
	}
	for _, use := range uses {
		n, err := use.count()
		if err != nil {
			return err
		}
		if n > 0 {
			return inUse(nounGroup, string(g.ID), n, use.what)
		}
	}
	v, err := c.view(g.Org)
	if err != nil {
		return err
	}
	for _, group := range append(append([]GroupID(nil), v.org.Settings.DefaultUserGroups...), v.org.Settings.DefaultServiceAccountGroups...) {
		if group == g.ID {
			return inUse(nounGroup, string(g.ID), 1, "default group")
		}
	}
	return nil
}

// having selects the rows of the change's org by one field.
func (c *change) having(field Field, value string) Query {
	return Query{Org: c.org, Where: []Cond{{Field: field, Value: value}}}
}

// checkDefaultGroups refuses default groups that the org does not have, and
// system groups, which need no default. A group that becomes one gives what it
// has been given to every account made from then on, and one that is none any more
// does not deny them what it is denied.
func (c *change) checkDefaultGroups(org OrgID, before, after OrgSettings) error {
	for _, lists := range [][2][]GroupID{
		{before.DefaultUserGroups, after.DefaultUserGroups}, {before.DefaultServiceAccountGroups, after.DefaultServiceAccountGroups},
	} {
		for _, id := range lists[1] {
			if _, err := c.editableGroup(org, id); err != nil {
				return err
			}
			if slices.Contains(lists[0], id) {
				continue
			}
			if err := c.carries(org, string(id)); err != nil {
				return err
			}
		}
		for _, id := range lists[0] {
			if slices.Contains(lists[1], id) {
				continue
			}
			if err := c.frees(org, string(id)); err != nil {
				return err
			}
		}
	}
	return nil
}
