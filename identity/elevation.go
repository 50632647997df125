package identity

import (
	"context"
	"strings"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// An eligible binding gives nothing by itself: it says that an account may give
// itself the role, for a while and for a reason. Whoever makes one is judged as if
// it were in force (see escalation.go: the bindings of an account are what it can
// have), so that switching it on gains nobody anything that was not given before.

// maxElevation is the longest that a binding can be switched on for at once.
const maxElevation = 24 * time.Hour

// checkEligible refuses what cannot be switched on by somebody.
func checkEligible(spec BindingSpec) error {
	switch {
	case spec.Eligible == 0:
		return nil
	case spec.Eligible < time.Second || spec.Eligible > maxElevation:
		return invalid(nounBinding, "Eligible", "%s is not between 1s and %s", spec.Eligible, maxElevation)
	case spec.Deny:
		return invalid(nounBinding, "Eligible", "nobody switches on what is denied to it")
	case !AccountID(spec.Subject).valid():
		return invalid(nounBinding, "Subject", "only an account is eligible, no group")
	}
	return nil
}

// Elevate switches an eligible binding of the actor's own on, see [BindingSpec.Eligible]:
// it makes a binding of the same role, scope, reach and condition that ends after a
// duration of at most Eligible, and no later than the eligible one. The reason goes
// into it and into the audit. What was switched on of the same binding before is
// replaced, and goes with the binding when that is deleted.
//
// Only the account of the eligible binding does this, and needs no permission for it: a
// service account too, since whoever made the binding has said so, and nothing is
// minted by it. The host does not: what it wants in force it binds, and System gets
// ErrDenied. The account must be alive, and act with all of itself: a token that has
// limits or actors gets ErrDenied. An id that is of no eligible binding of its own gets
// ErrNotFound, a duration or a reason that cannot be ErrInvalid; a binding whose dates
// have not begun ErrDenied, one whose dates are over ErrExpired, and one whose role is
// locked for its members ErrImmutable. Like every right,
// what is switched on is cut down by boundaries, and does not lift denies.
func (o *OrgAdmin) Elevate(ctx context.Context, binding BindingID, duration time.Duration, reason string) (out Binding, err error) {
	const op = "Elevate"
	if strings.TrimSpace(reason) == "" {
		return out, wrap(op, invalid(nounBinding, "Reason", "is required"))
	}
	if err := checkText(nounBinding, "Reason", reason, maxText); err != nil {
		return out, wrap(op, err)
	}
	with := *o
	if !with.who.system { // which has a reason of its own
		with.who.reason = reason
	}
	err = with.elevating(ctx, op, binding, func(c *change, from Binding) error {
		switch {
		case duration < time.Second || duration > from.Eligible:
			return invalid(nounBinding, "duration", "%s is not between 1s and %s", duration, from.Eligible)
		case from.Start.After(c.at):
			return &Error{Kind: ErrDenied, Entity: nounBinding, ID: string(from.ID), Err: errText("has not begun")}
		case !from.End.IsZero() && !from.End.After(c.at):
			return &Error{Kind: ErrExpired, Entity: nounBinding, ID: string(from.ID)}
		}
		if err := c.unlockedMembers(from); err != nil {
			return err
		}
		if _, err := c.endElevations(from); err != nil {
			return err
		}
		out, err = c.elevate(from, instant(c.at.Add(duration)), reason)
		return err
	})
	if err != nil {
		return Binding{}, err
	}
	return out, nil
}

// EndElevation switches off what [OrgAdmin.Elevate] has switched on of an eligible
// binding, before its end, and reports whether that was any. It is for whom Elevate is
// for, and fails like it.
func (o *OrgAdmin) EndElevation(ctx context.Context, binding BindingID) (ended bool, err error) {
	err = o.elevating(ctx, "EndElevation", binding, func(c *change, from Binding) error {
		n, err := c.endElevations(from)
		ended = n > 0
		return err
	})
	return ended && err == nil, err
}

// elevating runs a call about an eligible binding of the actor's own.
func (o *OrgAdmin) elevating(ctx context.Context, op string, id BindingID, fn func(*change, Binding) error) error {
	if err := id.check(); err != nil {
		return wrap(op, err)
	}
	return o.write(ctx, op, o.org, func(c *change) error {
		if err := c.actsForItself(); err != nil {
			return err
		}
		from, err := c.tx.Bindings().Find(c.ctx, o.org, id)
		if err != nil {
			return err
		}
		if from.Eligible == 0 || !c.who.is(AccountID(from.Subject)) {
			return notFound(nounBinding, string(id)) // whether there is one is not for it to learn
		}
		return fn(c, from)
	})
}

// actsForItself refuses all but an account that acts with all of itself.
func (c *change) actsForItself() error {
	if c.who.system {
		if err := c.permit(policy.Root); err != nil { // there is no such org
			return err
		}
		return &Error{Kind: ErrDenied, Entity: nounBinding, Err: errText("only the account of an eligible binding switches it on or off")}
	}
	if err := c.alive(); err != nil {
		return err
	}
	if c.who.principal.limited() {
		return &Error{Kind: ErrDenied, Entity: nounBinding, Err: errText("a token with limits or actors switches nothing on or off")}
	}
	return nil
}

// elevate makes the binding that is in force until an end.
func (c *change) elevate(from Binding, end time.Time, reason string) (Binding, error) {
	if !from.End.IsZero() && from.End.Before(end) {
		end = from.End
	}
	return c.insertBinding(Binding{
		Org: from.Org, Subject: from.Subject, Role: from.Role, Scope: from.Scope, Effect: policy.Allow, Start: from.Start, End: end,
		Reach: from.Reach, Condition: from.Condition, Reason: reason, Elevates: from.ID, Meta: c.created(),
	})
}

// endElevations deletes what was switched on of an eligible binding, ended or not.
func (c *change) endElevations(from Binding) (n int, err error) {
	if from.Eligible == 0 {
		return 0, nil
	}
	q := Query{Org: from.Org, Where: where(Cond{Field: FieldElevates, Value: string(from.ID)})}
	for row, err := range selected(c.ctx, c.tx.Bindings(), q) {
		if err == nil {
			err = c.deleteBinding(row)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
