package identity

import "context"

// GroupSize is how much is in a group.
type GroupSize struct {
	Members  int // directly in it; in a system group every account of its kind
	Accounts int // in it, also through other groups
}

// GroupSize counts what is in a group.
func (o *OrgAdmin) GroupSize(ctx context.Context, id GroupID) (GroupSize, error) {
	const op = "GroupSize"
	if _, err := findRow(ctx, &o.Admin, op, o.org, id, Txn.Groups); err != nil {
		return GroupSize{}, err
	}
	var size GroupSize
	err := o.look(ctx, op, func(now standpoint, _ func(OrgID) (*view, error)) error {
		rules := now.home.rules
		for range rules.Members(ruleID(SubjectID(id))) {
			size.Members++
		}
		for range rules.Accounts(ruleID(SubjectID(id))) {
			size.Accounts++
		}
		return nil
	})
	return size, err
}
