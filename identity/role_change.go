package identity

import (
	"slices"

	"github.com/claviger-go/claviger/policy"
)

// This file is where a changed role is judged by whom it reaches.

// roleChange judges a changed role by what it now gives and what it gave,
// wherever it or a role that includes it is bound. The draft holds the new
// definition already.
func (c *change) roleChange(org OrgID, role string) error {
	if c.who.system {
		return nil
	}
	v, err := c.view(org)
	if err != nil {
		return err
	}
	before, err := c.before(org)
	if err != nil {
		return err
	}
	concerned := []string{role}
	for id := range v.rules.IncludedBy(role) {
		concerned = append(concerned, id)
	}
	both, err := before.beside(v, concerned)
	if err != nil {
		return err
	}
	for _, id := range concerned {
		grows, shrinks := !both.within(id+beside, id), !both.within(id, id+beside)
		for b := range v.rules.BindingsOfRole(id) {
			if err := c.judged.look(); err != nil {
				return err
			}
			if err := c.boundChange(before, both, b, grows, shrinks); err != nil {
				return err
			}
		}
	}
	home := before
	if c.who.principal.org != org {
		if home, err = c.view(c.who.principal.org); err != nil {
			return err
		}
	}
	return c.boundaryChange(home, before, v, concerned)
}

// boundChange judges a changed role by one binding of it: where it is given, who
// grows gains and who shrinks loses; where it is denied, the other way round.
func (c *change) boundChange(before, both *view, b policy.Binding, grows, shrinks bool) error {
	org := before.org.ID
	if ended(b.End, c.now) {
		return nil
	}
	if b.Effect == policy.Deny {
		if shrinks {
			if err := c.heldBefore(before, b); err != nil {
				return err
			}
		}
		if grows {
			return c.containsAll(org, b.Subject)
		}
		return nil
	}
	if shrinks {
		if err := c.containsSubject(org, b.Subject); err != nil {
			return err
		}
	}
	if !grows {
		return nil
	}
	if c.who.principal.org != org {
		return c.holds(org, b)
	}
	b.Role += beside
	return c.holdsAt(both, org, b, nil)
}

// beside is a view in which some roles stand beside themselves as they are in
// a later view, under names that nobody is bound to: the actor must hold what
// a changed role gives by what it could do before, or it could give itself
// anything by changing a role of its own.
func (v *view) beside(later *view, roles []string) (*view, error) {
	rules := v.rules.Edit()
	for _, id := range roles {
		role, ok := later.rules.Role(id)
		if !ok {
			continue
		}
		role.ID = id + beside
		role.Includes = slices.Clone(role.Includes)
		for i, included := range role.Includes {
			if slices.Contains(roles, included) {
				role.Includes[i] = included + beside
			}
		}
		if err := rules.LoadRole(role); err != nil {
			return nil, err
		}
	}
	both := *v
	both.rules = rules.Snapshot()
	return &both, nil
}

// beside ends the name of a role as it is to be. No id ends like this.
const beside = "'"

// heldBefore is holds with the role as it was before the change.
func (c *change) heldBefore(before *view, b policy.Binding) error {
	if c.who.principal.org != before.org.ID {
		return &Error{Kind: ErrEscalation, Entity: nounRole, ID: b.Role, Err: errText("the role denies, and only an actor of its org can be compared with it")}
	}
	return c.holdsAt(before, before.org.ID, b, nil)
}
