package identity

import (
	"slices"

	"github.com/claviger-go/claviger/policy"
)

// This file is where it is judged whether a call may narrow somebody: stop,
// sign out, deny, or take away. It takes the powers over management that whoever
// is narrowed has, or identity:contain: so nobody takes the keys from those who
// could stop it. What else they can do does not matter.

// contains judges calls that narrow an account.
func (c *change) contains(a Account) error { return c.containsSubject(a.Org, string(a.ID)) }

// containsSubject judges calls that narrow an account, or a group in what it has
// been given, directly or through the groups it is in. It looks at rights as they
// were before the change, which may be what takes them away. Everybody may narrow
// itself.
func (c *change) containsSubject(org OrgID, subject string) error {
	if c.who.system || c.who.is(AccountID(subject)) {
		return nil
	}
	v, err := c.before(org)
	if err != nil {
		return err
	}
	home, err := c.before(c.who.principal.org)
	if err != nil {
		return err
	}
	if c.permitName(PermContain, policy.Root) == nil {
		return nil
	}
	for b := range v.bindingsAbove(subject) {
		if err := c.judged.look(); err != nil {
			return err
		}
		if b.Effect != policy.Allow {
			continue
		}
		manages := c.judged.managing(v.rules, b.Role)
		if manages == nil {
			continue
		}
		if err := c.holdsAt(home, org, b, manages); err != nil {
			return err
		}
	}
	return nil
}

// containsAll is contains for every account that is a subject or in it, and for
// those to come that will be: whoever joins by itself is narrowed as well.
func (c *change) containsAll(org OrgID, subject string) error {
	if c.who.system {
		return nil
	}
	v, err := c.view(org)
	if err != nil {
		return err
	}
	if c.permitName(PermContain, policy.Root) == nil {
		return nil
	}
	for id := range v.rules.Accounts(subject) {
		if err := c.judged.look(); err != nil {
			return err
		}
		if err := c.containsSubject(org, id); err != nil {
			return err
		}
	}
	for _, kind := range []AccountKind{User, ServiceAccount} {
		joined := v.joined(kind)
		if !slices.ContainsFunc(joined, func(g GroupID) bool { return v.isIn(ruleID(SubjectID(g)), subject) }) {
			continue
		}
		for _, g := range joined {
			if err := c.containsSubject(org, string(g)); err != nil {
				return err
			}
		}
	}
	return nil
}

// joined are the groups that a new account joins by itself: the system group of its
// kind, and the default groups.
func (v *view) joined(kind AccountKind) []GroupID {
	if kind == User {
		return append([]GroupID{GroupUsers}, v.org.Settings.DefaultUserGroups...)
	}
	return append([]GroupID{GroupServiceAccounts}, v.org.Settings.DefaultServiceAccountGroups...)
}

// isIn reports whether a group, as the rules name it, is another one or in it.
func (v *view) isIn(group, other string) bool {
	if group == other {
		return true
	}
	for above := range v.rules.GroupsOf(group) {
		if above == other {
			return true
		}
	}
	return false
}
