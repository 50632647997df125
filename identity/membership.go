package identity

import (
	"context"
	"iter"
)

// Memberships returns a page of the direct memberships of an account or a group: the
// groups that it was put into, in the order of their ids. A group of a group is not
// in it, nor are the system groups, which hold every account of their kind. It fails
// with ErrInvalid for an id that is neither an account's nor a group's; one that the
// org does not have is in no group.
func (o *OrgAdmin) Memberships(ctx context.Context, member SubjectID, page Page) (List[Member], error) {
	if !AccountID(member).valid() && !GroupID(member).valid() {
		return List[Member]{}, &Error{Kind: ErrInvalid, Op: "Memberships", Entity: "subject", ID: clip(string(member)), Field: "ID"}
	}
	q := Query{Where: []Cond{{Field: FieldMember, Value: string(member)}}}
	return listRows(ctx, &o.Admin, "Memberships", nounMember, o.org, q, page, Txn.Members)
}

// AllMemberships iterates over the direct memberships of an account or a group.
func (o *OrgAdmin) AllMemberships(ctx context.Context, member SubjectID) iter.Seq2[Member, error] {
	return every(func(page Page) (List[Member], error) { return o.Memberships(ctx, member, page) })
}
