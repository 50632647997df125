package identity

import (
	"iter"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/policy"
)

// This file is where it is judged whether a call would give somebody a right
// that the actor does not hold. Every refusal is ErrEscalation; the actor that
// holds identity:escalate at the place concerned is let through, and System is
// never asked.

// holds refuses unless the actor surely may do, at a scope and below it and for
// a whole span of time, everything that a role gives.
func (c *change) holds(in OrgID, b policy.Binding) error {
	if c.who.system {
		return nil
	}
	home, err := c.view(c.who.principal.org)
	if err != nil {
		return err
	}
	return c.holdsAt(home, in, b, nil)
}

// holdsAt is holds with the rights that the actor has in a given view of its
// org, of a part of the role if that is not nil. A binding whose time is over
// gives nothing.
func (c *change) holdsAt(home *view, in OrgID, b policy.Binding, of *policy.Role) error {
	if ended(b.End, c.now) {
		return nil
	}
	missing, err := c.lacks(home, in, b, of)
	if err != nil || missing == "" {
		return err
	}
	return &Error{Kind: ErrEscalation, Entity: nounRole, ID: strings.TrimSuffix(b.Role, beside), Err: errText("the actor does not hold " + missing + " at " + b.Scope.String())}
}

// lacks names something that the actor does not hold; "" if it holds all. Of a
// delegation everybody must hold it, or everybody be one who may escalate: what
// one only holds and another could only escalate to, the two cannot do.
func (c *change) lacks(home *view, in OrgID, b policy.Binding, of *policy.Role) (missing string, err error) {
	var claims []policy.Claim
	for _, p := range c.who.principal.all() {
		account, ok := home.rules.Account(string(p.account))
		if !ok {
			return "", &Error{Kind: ErrDenied, Entity: nounAccount, ID: string(p.account)}
		}
		org := in
		if b.Reach != "" {
			org = OrgID(b.Reach) // it takes effect there; "*" is held by who reaches every org
		}
		claim := c.claim(account, p.limits, org, b)
		claim.Definition = of
		claims = append(claims, claim)
	}
	covered := true
	for i := 0; i < len(claims) && covered; i++ {
		missing, covered = c.covers(home, claims[i], in)
	}
	if !covered {
		covered = !slices.ContainsFunc(claims, func(claim policy.Claim) bool { return !c.mayEscalate(home, claim) })
	}
	if covered {
		missing = ""
	}
	return missing, c.judged.spent()
}

// mayEscalate reports whether the actor may give away what it does not hold,
// wherever and whenever the binding applies.
func (c *change) mayEscalate(home *view, claim policy.Claim) bool {
	claim.Definition = &c.judged.escalate
	_, ok := c.judged.covers(home.rules, claim)
	return ok
}

// covers asks the actor's own org; the role may be a stored one of another org.
func (c *change) covers(home *view, claim policy.Claim, in OrgID) (missing string, ok bool) {
	if _, code := c.a.model.Roles.Lookup(claim.Role); code || in == home.org.ID || claim.Definition != nil {
		return c.judged.covers(home.rules, claim)
	}
	target, err := c.view(in)
	if err != nil {
		return claim.Role, false
	}
	role := c.judged.role(target.rules, claim.Role)
	if role == nil || len(role.Includes) > 0 {
		return claim.Role, false // includes are resolved in the org of the role: only an actor of that org can be compared
	}
	claim.Definition = role
	return c.judged.covers(home.rules, claim)
}

// claim asks whether an account holds what a binding gives in an org, or what
// somebody is given by its going. A deny goes where its condition is unknown,
// too, and there an allow with the same condition gives nothing.
func (c *change) claim(account policy.Handle, limits *policy.Limits, org OrgID, b policy.Binding) policy.Claim {
	claim := policy.Claim{
		Account: account, Limits: limits, Org: string(org), Role: b.Role, Scope: b.Scope, Start: b.Start, End: b.End, Now: c.now,
	}
	if b.Effect == policy.Allow {
		claim.Condition = b.Condition
	}
	return claim
}

// mayBind judges a new binding: giving a role needs the role; denying one needs
// to be strong enough to narrow its subject.
func (c *change) mayBind(b Binding) error {
	if c.who.system {
		return nil
	}
	if b.Effect == policy.Allow {
		return c.holds(b.Org, b.compile())
	}
	return c.containsAll(b.Org, ruleID(b.Subject))
}

// mayUnbind judges the removal of a binding: without a deny somebody may do
// more, without an allow somebody less.
func (c *change) mayUnbind(b Binding) error {
	switch {
	case b.Effect == policy.Deny:
		return c.holds(b.Org, b.compile())
	case ended(micros(b.End), c.now):
		return nil
	}
	return c.containsSubject(b.Org, ruleID(b.Subject))
}

// bindingsAbove are the bindings of a subject and of every group it is in.
func (v *view) bindingsAbove(subject string) iter.Seq[policy.Binding] {
	subject = ruleID(SubjectID(subject))
	return func(yield func(policy.Binding) bool) {
		for b := range v.rules.BindingsOf(subject) {
			if !yield(b) {
				return
			}
		}
		for group := range v.rules.GroupsOf(subject) {
			for b := range v.rules.BindingsOf(group) {
				if !yield(b) {
					return
				}
			}
		}
	}
}

// carries judges joining a group: whoever joins gets what the group has been
// given, directly or through the groups it is in.
func (c *change) carries(org OrgID, group string) error {
	return c.eachBinding(org, group, func(b policy.Binding) bool { return b.Effect == policy.Allow })
}

// burdens judges joining a group from the other side: whoever joins is denied
// what the group is denied.
func (c *change) burdens(org OrgID, group GroupID, member SubjectID) error {
	if c.who.system {
		return nil
	}
	v, err := c.view(org)
	if err != nil {
		return err
	}
	for b := range v.bindingsAbove(string(group)) {
		if b.Effect == policy.Deny {
			return c.containsAll(org, ruleID(member))
		}
	}
	return nil
}

// keepReach refuses a group with reach that accounts join by themselves: the
// system groups and the default groups of the system org, and whatever holds
// one of them.
func (c *change) keepReach(org OrgID) error {
	v, err := c.view(org)
	if err != nil || !v.org.IsSystem() {
		return err
	}
	for _, group := range append(v.joined(User), v.joined(ServiceAccount)...) {
		for b := range v.bindingsAbove(string(group)) {
			if b.Reach != "" {
				return invalid(nounBinding, "Reach", "accounts join %s by themselves: neither it nor a group that holds it can have reach", group)
			}
		}
	}
	return nil
}

// frees judges leaving a group: whoever leaves is rid of what the group was denied.
func (c *change) frees(org OrgID, group string) error {
	return c.eachBinding(org, group, func(b policy.Binding) bool { return b.Effect == policy.Deny })
}

func (c *change) eachBinding(org OrgID, subject string, concerns func(policy.Binding) bool) error {
	if c.who.system {
		return nil
	}
	v, err := c.view(org)
	if err != nil {
		return err
	}
	for b := range v.bindingsAbove(subject) {
		if err := c.judged.look(); err != nil {
			return err
		}
		if concerns(b) {
			if err := c.holds(org, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// controls judges calls that could let the actor become an account, or give it
// back what it had: it must hold everything that the account may have, whatever
// is denied to it.
func (c *change) controls(a Account) error {
	if err := c.mayMint(); err != nil {
		return err
	}
	return c.mayHave(a)
}
