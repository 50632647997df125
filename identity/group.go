package identity

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

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

// Member is one membership: an account or a group in a group.
type Member struct {
	Org       OrgID
	Group     GroupID
	Member    SubjectID
	CreatedAt time.Time
	CreatedBy string
	Revision  uint64
}

// MemberKey is how the storage port names a membership: group, "/", member.
type MemberKey string

// Key is the membership's name in the storage port.
func (m Member) Key() MemberKey { return MemberKey(string(m.Group) + "/" + string(m.Member)) }

func (k MemberKey) split() (GroupID, SubjectID) {
	group, member, _ := strings.Cut(string(k), "/")
	return GroupID(group), SubjectID(member)
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
	err = o.write(ctx, op, o.org, func(c *change) error {
		g := Group{Org: o.org, Name: spec.Name, Description: spec.Description, Meta: c.created()}
		if err := g.check(); err != nil {
			return err
		}
		found, exists, err := one(c, c.tx.Groups(), o.org, Cond{Field: FieldName, Value: spec.Name})
		switch {
		case err != nil:
			return err
		case exists && op == "EnsureGroup":
			c.differs(nounGroup, string(found.ID), found.Description == spec.Description)
			out = GroupResult{Group: found}
			return nil
		case exists:
			return conflict(nounGroup, spec.Name, "Name", "is that of "+string(found.ID))
		}
		if g.ID, err = changeID[Group](c, "gr_"); err != nil {
			return err
		}
		out = GroupResult{Group: g, Created: true}
		return c.insertGroup(g)
	})
	return out, err
}

func (c *change) insertGroup(g Group) error {
	if err := c.tx.Groups().Insert(c.ctx, g); err != nil {
		return err
	}
	d, err := c.draft(g.Org)
	if err != nil {
		return err
	}
	d.putGroup(g)
	return c.record(g.Org, nounGroup, string(g.ID), "create", nil, g)
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
	return listRows(ctx, &o.Admin, "Groups", nounGroup, o.org, q, page, Txn.Groups, func(g Group) GroupID { return g.ID })
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
		found, exists, err := one(c, c.tx.Groups(), o.org, Cond{Field: FieldName, Value: out.Name})
		if err != nil {
			return err
		}
		if exists && found.ID != id {
			return conflict(nounGroup, out.Name, "Name", "is that of "+string(found.ID))
		}
		out.Meta = c.updated(out.Meta)
		if err := c.tx.Groups().Update(c.ctx, out); err != nil {
			return err
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
	if !id.valid() {
		return Group{}, &Error{Kind: ErrInvalid, Entity: nounGroup, ID: clip(string(id)), Field: "ID"}
	}
	g, err := c.liveGroup(org, id)
	if err == nil && g.System {
		err = invalid(nounGroup, "ID", "%s is a system group", id)
	}
	return g, err
}

// DeleteGroup ends an empty, unbound group that is in no other; its name stays
// taken. What is in use is refused with ErrInUse: take its members, groups and
// bindings away first.
func (o *OrgAdmin) DeleteGroup(ctx context.Context, id GroupID) error {
	return o.write(ctx, "DeleteGroup", o.org, func(c *change) error {
		before, err := c.editableGroup(o.org, id)
		if err != nil {
			return err
		}
		uses := []struct {
			what  string
			count func() (int, error)
		}{
			{"members", func() (int, error) { return c.tx.Members().Count(c.ctx, c.having(FieldGroup, string(id))) }},
			{"groups it is in", func() (int, error) { return c.tx.Members().Count(c.ctx, c.having(FieldMember, string(id))) }},
			{"bindings", func() (int, error) { return c.tx.Bindings().Count(c.ctx, c.having(FieldSubject, string(id))) }},
		}
		for _, use := range uses {
			n, err := use.count()
			if err != nil {
				return err
			}
			if n > 0 {
				return inUse(nounGroup, string(id), n, use.what)
			}
		}
		v, err := c.view(o.org)
		if err != nil {
			return err
		}
		for _, g := range append(append([]GroupID(nil), v.org.Settings.DefaultUserGroups...), v.org.Settings.DefaultServiceAccountGroups...) {
			if g == id {
				return inUse(nounGroup, string(id), 1, "default group")
			}
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

// having selects the rows of the change's org by one field.
func (c *change) having(field Field, value string) Query {
	return Query{Org: c.org, Where: []Cond{{Field: field, Value: value}}}
}

// Members returns a page of a group's direct members. The system groups hold
// every account of their kind; ask Accounts for those.
func (o *OrgAdmin) Members(ctx context.Context, group GroupID, page Page) (List[Member], error) {
	if !group.valid() {
		return List[Member]{}, &Error{Kind: ErrInvalid, Op: "Members", Entity: nounGroup, ID: clip(string(group)), Field: "ID"}
	}
	q := Query{Where: []Cond{{Field: FieldGroup, Value: string(group)}}}
	return listRows(ctx, &o.Admin, "Members", nounMember, o.org, q, page, Txn.Members, Member.Key)
}

// AllMembers iterates over a group's direct members.
func (o *OrgAdmin) AllMembers(ctx context.Context, group GroupID) iter.Seq2[Member, error] {
	return every(func(page Page) (List[Member], error) { return o.Members(ctx, group, page) })
}

// AddMember puts an account or a group into a group and reports whether that
// changed anything. It fails with ErrConflict when a cycle would arise, with
// ErrLimit when groups would nest more than 256 deep, and with ErrEscalation
// when the group has rights that the actor does not hold.
func (o *OrgAdmin) AddMember(ctx context.Context, group GroupID, member SubjectID) (changed bool, err error) {
	err = o.write(ctx, "AddMember", o.org, func(c *change) error {
		before := len(c.events)
		err := c.addMember(o.org, group, member)
		changed = err == nil && len(c.events) > before
		return err
	})
	return changed, err
}

func (c *change) addMember(org OrgID, group GroupID, member SubjectID) error {
	if _, err := c.editableGroup(org, group); err != nil {
		return err
	}
	if err := c.liveSubject(org, member); err != nil {
		return err
	}
	m := Member{Org: org, Group: group, Member: member, CreatedAt: c.at, CreatedBy: c.who.name(), Revision: c.revision()}
	if _, err := c.tx.Members().Find(c.ctx, org, m.Key()); !errors.Is(err, ErrNotFound) {
		return err // it is a member already, or the read failed
	}
	if err := c.carries(org, string(group)); err != nil {
		return err
	}
	if err := c.burdens(org, group, member); err != nil {
		return err
	}
	d, err := c.draft(org)
	if err != nil {
		return err
	}
	if err := d.putMember(m); err != nil {
		return groupError(group, err)
	}
	if err := c.tx.Members().Insert(c.ctx, m); err != nil {
		return err
	}
	return c.record(org, nounMember, string(m.Key()), "add", nil, m)
}

func groupError(group GroupID, err error) error {
	kind := ErrConflict
	if errors.Is(err, policy.ErrDepth) {
		kind = ErrLimit
	}
	return &Error{Kind: kind, Entity: nounGroup, ID: string(group), Field: "Member", Err: err}
}

// liveSubject refuses a subject that the org does not have.
func (c *change) liveSubject(org OrgID, id SubjectID) error {
	switch {
	case GroupID(id).valid():
		_, err := c.liveGroup(org, GroupID(id))
		return err
	case AccountID(id).valid():
		_, err := c.liveAccount(org, AccountID(id))
		return err
	}
	return &Error{Kind: ErrInvalid, Entity: "subject", ID: clip(string(id)), Field: "ID"}
}

// RemoveMember takes an account or a group out of a group and reports whether
// it was in it.
func (o *OrgAdmin) RemoveMember(ctx context.Context, group GroupID, member SubjectID) (changed bool, err error) {
	err = o.write(ctx, "RemoveMember", o.org, func(c *change) error {
		changed = false
		if _, err := c.editableGroup(o.org, group); err != nil {
			return err
		}
		if !member.valid() {
			return &Error{Kind: ErrInvalid, Entity: "subject", ID: clip(string(member)), Field: "ID"}
		}
		m := Member{Org: o.org, Group: group, Member: member}
		before, err := c.tx.Members().Find(c.ctx, o.org, m.Key())
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.frees(o.org, string(group)); err != nil {
			return err
		}
		if err := c.tx.Members().Delete(c.ctx, o.org, m.Key()); err != nil {
			return err
		}
		d, err := c.draft(o.org)
		if err != nil {
			return err
		}
		d.editRules().RemoveMember(string(group), ruleID(member))
		changed = true
		return c.record(o.org, nounMember, string(m.Key()), "remove", before, nil)
	})
	return changed, err
}

// checkDefaultGroups refuses default groups that the org does not have, and
// system groups, which need no default. A group that becomes one gives what it
// has been given to every account made from then on.
func (c *change) checkDefaultGroups(org OrgID, before, after OrgSettings) error {
	old := append(append([]GroupID(nil), before.DefaultUserGroups...), before.DefaultServiceAccountGroups...)
	for _, id := range append(append([]GroupID(nil), after.DefaultUserGroups...), after.DefaultServiceAccountGroups...) {
		if _, err := c.editableGroup(org, id); err != nil {
			return err
		}
		if slices.Contains(old, id) && slices.Contains(before.DefaultUserGroups, id) == slices.Contains(after.DefaultUserGroups, id) {
			continue
		}
		if err := c.carries(org, string(id)); err != nil {
			return err
		}
	}
	return nil
}
