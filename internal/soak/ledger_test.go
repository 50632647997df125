package soak

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// unit is one write of a door test, as its caller saw it end, and as later
// writes of the same caller changed it. All of its rows carry its name.
type unit struct {
	Name    string
	Crew    bool // a group of its own, through which the user gets its role
	Stored  bool // acknowledged
	Account identity.AccountID
	Group   identity.GroupID
	Binding identity.BindingID
	Off     bool // the user was deactivated
	Unbound bool // the binding was deleted
}

// expected is what a decision about the user of the unit must be.
func (u unit) expected() policy.Reason {
	switch {
	case u.Off:
		return policy.ReasonAccountInactive
	case u.Unbound:
		return policy.ReasonNoBinding
	}
	return policy.ReasonAllowed
}

// collect reads a whole list.
func collect[T any](all iter.Seq2[T, error]) ([]T, error) {
	var out []T
	for item, err := range all {
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

// contents is what an org holds, by the names of units.
type contents struct {
	users    map[string]identity.Account
	groups   map[string]identity.Group
	bindings map[identity.SubjectID][]identity.Binding
	members  map[identity.SubjectID][]identity.GroupID
}

func read(ctx context.Context, id *identity.Authority, org identity.OrgID) (contents, error) {
	o := id.System("audit").In(org)
	c := contents{
		users: map[string]identity.Account{}, groups: map[string]identity.Group{},
		bindings: map[identity.SubjectID][]identity.Binding{}, members: map[identity.SubjectID][]identity.GroupID{},
	}
	users, err := collect(o.AllAccounts(ctx, identity.AccountFilter{Kind: identity.User}))
	if err != nil {
		return c, err
	}
	for _, u := range users {
		c.users[strings.TrimSuffix(u.Name, "@example.org")] = u
	}
	groups, err := collect(o.AllGroups(ctx, identity.GroupFilter{}))
	if err != nil {
		return c, err
	}
	for _, g := range groups {
		if g.System {
			continue
		}
		c.groups[g.Name] = g
		members, err := collect(o.AllMembers(ctx, g.ID))
		if err != nil {
			return c, err
		}
		for _, m := range members {
			c.members[m.Member] = append(c.members[m.Member], g.ID)
		}
	}
	bindings, err := collect(o.AllBindings(ctx, identity.BindingFilter{}))
	for _, b := range bindings {
		c.bindings[b.Subject] = append(c.bindings[b.Subject], b)
	}
	return c, err
}

// audit compares what is stored and what is decided with the ledger, both ways.
// The names that are spared belong to no unit.
func audit(ctx context.Context, id *identity.Authority, org identity.OrgID, units []unit, spared map[string]bool) error {
	c, err := read(ctx, id, org)
	if err != nil {
		return err
	}
	var wrong []error
	known := map[string]unit{}
	for _, u := range units {
		if u.Stored {
			known[u.Name] = u
			wrong = append(wrong, c.whole(u), agrees(ctx, id, org, u))
		}
	}
	for name := range c.users {
		if u, ok := known[name]; !spared[name] && (!ok || u.Account != c.users[name].ID) {
			wrong = append(wrong, fmt.Errorf("user %s is stored and was refused", name))
		}
	}
	for name := range c.groups {
		if u, ok := known[name]; !spared[name] && (!ok || !u.Crew) {
			wrong = append(wrong, fmt.Errorf("group %s is stored and was refused", name))
		}
	}
	subjects := map[identity.SubjectID]bool{}
	for _, u := range known {
		subjects[identity.SubjectID(u.Account)], subjects[identity.SubjectID(u.Group)] = true, true
	}
	for name := range spared {
		subjects[identity.SubjectID(c.users[name].ID)] = true
	}
	for subject := range c.bindings {
		if !subjects[subject] {
			wrong = append(wrong, fmt.Errorf("a binding of %s is stored and was refused", subject))
		}
	}
	if _, err := gapless(ctx, id, org); err != nil {
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// whole checks that every row of an acknowledged unit is there.
func (c contents) whole(u unit) error {
	a, ok := c.users[u.Name]
	if !ok || a.ID != u.Account {
		return fmt.Errorf("user %s was acknowledged and is not stored", u.Name)
	}
	if (a.State == identity.AccountInactive) != u.Off {
		return fmt.Errorf("user %s is %s", u.Name, a.State)
	}
	subject := identity.SubjectID(u.Account)
	if n := len(c.members[subject]); n != 1 {
		return fmt.Errorf("user %s is in %d groups", u.Name, n)
	}
	if u.Crew {
		subject = identity.SubjectID(u.Group)
		if g, ok := c.groups[u.Name]; !ok || g.ID != u.Group || c.members[identity.SubjectID(u.Account)][0] != g.ID {
			return fmt.Errorf("group %s was acknowledged and is not stored with its member", u.Name)
		}
	}
	bindings := c.bindings[subject]
	if u.Unbound != (len(bindings) == 0) || len(bindings) > 1 || len(bindings) == 1 && bindings[0].ID != u.Binding {
		return fmt.Errorf("%s has the bindings %v, not %s", u.Name, bindings, u.Binding)
	}
	return nil
}

// agrees checks the decision about a stored unit.
func agrees(ctx context.Context, id *identity.Authority, org identity.OrgID, u unit) error {
	p, err := login(ctx, id, org, u.Account, 0)
	if u.Off {
		if !errors.Is(err, identity.ErrDisabled) {
			return fmt.Errorf("login of %s, which is inactive: %v", u.Name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("login of %s: %w", u.Name, err)
	}
	if d := may(ctx, id, p, org, "wallets:read"); d.Reason != u.expected() || d.Allowed != (u.expected() == policy.ReasonAllowed) {
		return fmt.Errorf("%s: %+v, expected %v", u.Name, d, u.expected())
	}
	return nil
}
