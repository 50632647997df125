package identity

import (
	"context"
	"errors"

	"github.com/claviger-go/claviger/policy"
)

// SetBoundary cuts the rights of an account down to what a role contains,
// whatever its bindings give, and reports whether that changed anything. Role is
// the name or the id of a role; "" removes the boundary. A boundary gives
// nothing.
//
// Through As, a first boundary and one within the old one need what narrowing
// the account needs; any other, and removing it, needs that the actor holds every
// right that the account's bindings give. The last owner of an org keeps none.
func (o *OrgAdmin) SetBoundary(ctx context.Context, account AccountID, role string) (changed bool, err error) {
	return whether(o.editAccount(ctx, "SetBoundary", account, func(c *change, a *Account) error {
		to, err := c.boundary(a.Org, role)
		if err != nil {
			return err
		}
		from := a.Boundary
		if a.Boundary = to; from == to {
			return nil
		}
		v, err := c.view(a.Org)
		if err != nil {
			return err
		}
		if to != "" && (from == "" || v.within(string(to), string(from))) {
			return c.contains(*a)
		}
		return c.mayHave(*a)
	}))
}

// boundary finds the role that is to be a boundary.
func (c *change) boundary(org OrgID, role string) (RoleRef, error) {
	if role == "" {
		return "", nil
	}
	ref, _, err := c.role(org, role)
	if err != nil {
		kind := ErrInvalid
		if errors.Is(err, ErrNotFound) {
			kind = ErrNotFound
		}
		return "", &Error{Kind: kind, Entity: nounAccount, ID: clip(role), Field: "Boundary", Err: causeOf(err)}
	}
	return ref, nil
}

// boundedBy reports whether an account has the boundary that a spec names.
func (c *change) boundedBy(a Account, role string) bool {
	wanted, err := c.boundary(a.Org, role)
	return err == nil && a.Boundary == wanted
}

// within reports whether a role surely contains all that another may contain.
func (v *view) within(inner, outer string) bool {
	in, ok := v.rules.Role(inner)
	if !ok {
		return false
	}
	out, ok := v.rules.Role(outer)
	if !ok {
		return false
	}
	_, ok = v.rules.Within(in, out)
	return ok
}

// mayHave judges calls after which an account may use more of what its bindings
// give: the actor must hold all of that, whatever is denied to the account.
func (c *change) mayHave(a Account) error {
	return c.eachBinding(a.Org, string(a.ID), func(b policy.Binding) bool { return b.Effect == policy.Allow })
}

// boundaryChange judges changed roles by what they leave of the accounts that
// they bound: one that shrinks takes from them, one that grows gives back what
// their bindings give. home is the actor's org, with the rights that the actor
// had before.
func (c *change) boundaryChange(home, before, later *view, roles []string) error {
	var both *view
	for _, role := range roles {
		shrinks, compared := false, false
		for account := range later.rules.BoundedBy(role) {
			if both == nil {
				var err error
				if both, err = before.beside(later, roles); err != nil {
					return err
				}
			}
			if !compared {
				shrinks, compared = both.within(role+beside, role), true
			}
			if shrinks {
				if err := c.contains(Account{ID: AccountID(account), Org: later.org.ID}); err != nil {
					return err
				}
				continue
			}
			for b := range later.bindingsAbove(account) {
				if err := c.judged.look(); err != nil {
					return err
				}
				if b.Effect != policy.Allow {
					continue
				}
				if err := c.holdsAt(home, later.org.ID, b, nil); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
