package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/claviger-go/claviger/policy"
)

// everything is what moving a subtree takes: all that patterns give.
func everything() *policy.Role { return &policy.Role{Permissions: []string{"*", "identity:*"}} }

// MoveSubtree has the rights follow a resource that has moved: every binding at
// from and under it is from then on at to and under it, with its id, dates and
// all. It returns how many they are, at most MaxBulk, or fails with ErrLimit.
// What is bound above from no longer concerns the resource, what is bound above
// to does: that is what moving means, and why it takes so much.
//
// Neither path is Root, and neither contains the other. Nothing may be bound at to
// or under it, or it fails with ErrConflict: nobody prepares rights for what
// others will move there.
//
// Through As it needs identity:bindings.move, and everything that "*" and
// "identity:*" give, at the nearest path that contains both; it fails with
// ErrEscalation without. Beyond that each binding is judged as if it were deleted
// where it was and made where it will be: an immutable one fails with ErrImmutable, and powers that
// are held by name only are given away by who holds them. A role can be kept from
// a place by its resource types; locked members (RoleLocks) may move, since they
// stay the same.
//
// What else names a path is not rewritten. A token limited to the old path is
// left with what is there, so with less. A condition that reads the path goes on
// speaking of the old one: an allow then gives less; a deny would deny less, so
// that such a deny is refused with ErrInUse. Bindings of the system org that reach
// into an org say where in every such org, and stay.
//
// Each binding has an event "move", with the scope before and after.
func (o *OrgAdmin) MoveSubtree(ctx context.Context, from, to policy.Path) (moved int, err error) {
	const op = "MoveSubtree"
	if err := checkMove(from, to); err != nil {
		return 0, wrap(op, err)
	}
	err = o.write(ctx, op, o.org, func(c *change) error {
		moved, err = c.moveSubtree(o.org, from, to)
		return err
	})
	if err != nil {
		return 0, err
	}
	return moved, nil
}

func checkMove(from, to policy.Path) error {
	for _, p := range []struct {
		field string
		path  policy.Path
	}{{"from", from}, {"to", to}} {
		if p.path.IsZero() || p.path.IsRoot() {
			return invalid(nounBinding, p.field, "is the path of one resource, not of the whole org")
		}
	}
	if from.Contains(to) || to.Contains(from) {
		return invalid(nounBinding, "to", "%s and %s contain one another", clip(from.String()), clip(to.String()))
	}
	return nil
}

// meeting is the nearest path that contains two.
func meeting(a, b policy.Path) policy.Path {
	for !a.Contains(b) {
		parent, ok := a.Parent()
		if !ok {
			return policy.Root
		}
		a = parent
	}
	return a
}

func (c *change) moveSubtree(org OrgID, from, to policy.Path) (int, error) {
	at := meeting(from, to)
	if err := c.permit(at); err != nil {
		return 0, err
	}
	if err := c.holdsEverything(org, at); err != nil {
		return 0, err
	}
	there, err := c.boundUnder(org, to)
	if err != nil {
		return 0, err
	}
	if len(there) > 0 {
		return 0, conflict(nounBinding, string(there[0].ID), "to", "is there already")
	}
	bindings, err := c.boundUnder(org, from)
	if err != nil {
		return 0, err
	}
	if len(bindings) > MaxBulk {
		return 0, &Error{Kind: ErrLimit, Entity: nounBinding, Field: "from", Err: fmt.Errorf("more than %d bindings: move what is under it first", MaxBulk)}
	}
	moved := make([]Binding, len(bindings))
	for i, b := range bindings { // all are judged before the first is moved
		if moved[i], err = c.mayMove(b, from, to); err != nil {
			return 0, err
		}
	}
	for i, before := range bindings {
		if err := c.moveBinding(before, moved[i]); err != nil {
			return 0, err
		}
	}
	return len(moved), nil
}

// holdsEverything refuses unless the actor, and everybody it acts for, surely has
// everything at a path.
func (c *change) holdsEverything(org OrgID, at policy.Path) error {
	if c.who.system {
		return nil
	}
	home, err := c.view(c.who.principal.org)
	if err != nil {
		return err
	}
	for _, p := range c.who.principal.all() {
		account, ok := home.rules.Account(string(p.account))
		if !ok {
			return &Error{Kind: ErrDenied, Entity: nounAccount, ID: string(p.account)}
		}
		claim := c.claim(account, p.limits, org, policy.Binding{Scope: at})
		claim.Definition = everything()
		missing, held := c.judged.covers(home.rules, claim)
		if err := c.judged.spent(); err != nil {
			return err
		}
		if !held {
			return &Error{Kind: ErrEscalation, Entity: nounBinding, Field: "from", Err: errText("the actor does not hold " + missing + " at " + at.String())}
		}
	}
	return nil
}

// boundUnder are the bindings at a path and under it, but for those whose paths
// are of other orgs: all, or more than MaxBulk.
func (c *change) boundUnder(org OrgID, path policy.Path) ([]Binding, error) {
	var all []Binding
	for _, where := range []Cond{
		{Field: FieldScope, Value: path.String()}, {Field: FieldScope, Prefix: true, Value: path.String() + "/"},
	} {
		for b, err := range selected(c.ctx, c.tx.Bindings(), Query{Org: org, Where: []Cond{where}}) {
			if err != nil {
				return nil, err
			}
			if len(all) > MaxBulk {
				return all, nil
			}
			if b.Reach == "" {
				all = append(all, b)
			}
		}
	}
	return all, nil
}

// mayMove returns a binding as it will be, or why it stays.
func (c *change) mayMove(b Binding, from, to policy.Path) (Binding, error) {
	if err := c.judged.look(); err != nil && !c.who.system {
		return b, err
	}
	after := b
	scope, err := policy.ParsePath(to.String() + b.Scope.String()[len(from.String()):])
	if err != nil {
		return b, &Error{Kind: ErrInvalid, Entity: nounBinding, ID: string(b.ID), Field: "to", Err: err}
	}
	after.Scope = scope
	switch {
	case b.Immutable && !c.who.system:
		return b, b.immutable()
	case b.Effect == policy.Deny && b.Condition != "" && c.a.model.Conditions.ReadsPath(b.Condition):
		return b, &Error{Kind: ErrInUse, Entity: nounBinding, ID: string(b.ID), Field: "Condition", Err: errText("it denies by what the path is: make it anew where it is to be")}
	}
	if b.Scope == from && RoleID(b.Role).valid() { // under it the types stay what they were
		row, err := c.tx.Roles().Find(c.ctx, b.Org, RoleID(b.Role))
		if err == nil {
			err = checkResourceType(row, after.Scope)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return b, err
		}
	}
	if err := c.mayUnbind(b); err != nil {
		return b, err
	}
	return after, c.mayBind(after)
}

func (c *change) moveBinding(before, after Binding) error {
	after.Meta = c.updated(after.Meta)
	if err := c.tx.Bindings().Update(c.ctx, after); err != nil {
		return err
	}
	d, err := c.draft(after.Org)
	if err != nil {
		return err
	}
	if err := d.putBinding(after); err != nil {
		return &Error{Kind: ErrInvalid, Entity: nounBinding, ID: string(after.ID), Err: err}
	}
	return c.record(after.Org, nounBinding, string(after.ID), "move", before, after)
}
