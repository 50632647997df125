package identity

import "context"

// RoleUse is how much is linked to a stored role.
type RoleUse struct {
	Bindings   int // of it, allows and denies
	Accounts   int // accounts that are a subject of one of these, or in a group that is
	Groups     int // groups that are a subject of one of these
	IncludedBy int // roles, of the org and in code, that include it, also through others
	Boundaries int // accounts whose boundary it is
}

// RoleUse counts what is linked to a stored role, whatever the dates say. A role
// that nothing is linked to can be archived and deleted.
func (o *OrgAdmin) RoleUse(ctx context.Context, id RoleID) (RoleUse, error) {
	const op = "RoleUse"
	if _, err := findRow(ctx, &o.Admin, op, o.org, id, Txn.Roles); err != nil {
		return RoleUse{}, err
	}
	var use RoleUse
	err := o.look(ctx, op, func(now standpoint, _ func(OrgID) (*view, error)) error {
		rules := now.home.rules
		accounts := map[string]bool{}
		for b := range rules.BindingsOfRole(string(id)) {
			use.Bindings++
			if GroupID(subjectOf(b.Subject)).valid() {
				use.Groups++
			}
			for a := range rules.Accounts(b.Subject) {
				accounts[a] = true
			}
		}
		use.Accounts = len(accounts)
		for range rules.IncludedBy(string(id)) {
			use.IncludedBy++
		}
		for range rules.BoundedBy(string(id)) {
			use.Boundaries++
		}
		return nil
	})
	return use, err
}
