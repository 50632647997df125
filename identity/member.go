package identity

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/claviger-go/claviger/policy"
)

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

// Members returns a page of a group's direct members. The system groups hold
// every account of their kind; ask Accounts for those.
func (o *OrgAdmin) Members(ctx context.Context, group GroupID, page Page) (List[Member], error) {
	if err := group.check(); err != nil {
		return List[Member]{}, wrap("Members", err)
	}
	q := Query{Where: []Cond{{Field: FieldGroup, Value: string(group)}}}
	return listRows(ctx, &o.Admin, "Members", nounMember, o.org, q, page, Txn.Members)
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
		changed = len(c.events) > before
		return err
	})
	return changed && err == nil, err
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
// it was in it. Through As it fails with ErrEscalation when the actor does not hold
// what the group is denied, or when the member manages more than the actor, which
// does not hold identity:contain.
func (o *OrgAdmin) RemoveMember(ctx context.Context, group GroupID, member SubjectID) (changed bool, err error) {
	err = o.write(ctx, "RemoveMember", o.org, func(c *change) error {
		changed = false
		if _, err := c.editableGroup(o.org, group); err != nil {
			return err
		}
		if err := member.check(); err != nil {
			return err
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
		if err := c.containsSubject(o.org, string(member)); err != nil {
			return err
		}
		changed = true
		return c.deleteMember(before)
	})
	return changed && err == nil, err
}

// deleteMember ends a membership; whether it may is for the caller to have asked.
func (c *change) deleteMember(m Member) error {
	if err := c.tx.Members().Delete(c.ctx, m.Org, m.Key()); err != nil {
		return err
	}
	d, err := c.draft(m.Org)
	if err != nil {
		return err
	}
	d.editRules().RemoveMember(string(m.Group), ruleID(m.Member))
	return c.record(m.Org, nounMember, string(m.Key()), "remove", m, nil)
}
