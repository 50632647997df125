package identity

import (
	"context"
	"iter"
	"strings"

	"github.com/claviger-go/claviger/policy"
)

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

// GroupSize is how much is in a group.
type GroupSize struct {
	Members  int // directly in it; of a system group none, since it lists nobody
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

// BindingsOver iterates over the bindings that cover a path: those at the path
// itself, then those at each path above it, at Root last. It is the access list
// of a resource, whatever the roles say; [OrgAdmin.WhoCan] asks for one
// permission.
func (o *OrgAdmin) BindingsOver(ctx context.Context, path policy.Path) iter.Seq2[Binding, error] {
	return func(yield func(Binding, error) bool) {
		if path.IsZero() {
			yield(Binding{}, wrap("BindingsOver", invalid(nounBinding, "Scope", "a path is required; policy.Root is the whole org")))
			return
		}
		for at := range above(path) {
			for b, err := range every(func(page Page) (List[Binding], error) {
				q := Query{Where: []Cond{{Field: FieldScope, Value: at}}}
				return listRows(ctx, &o.Admin, "BindingsOver", nounBinding, o.org, q, page, Txn.Bindings, func(b Binding) BindingID { return b.ID })
			}) {
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}
}

// above yields the text of a path and of every path that contains it.
func above(path policy.Path) iter.Seq[string] {
	return func(yield func(string) bool) {
		text := path.String()
		for text != policy.Root.String() {
			if !yield(text) {
				return
			}
			pair := strings.LastIndexByte(text[:max(0, strings.LastIndexByte(text, '/'))], '/')
			if pair < 0 {
				break
			}
			text = text[:pair]
		}
		yield(policy.Root.String())
	}
}
