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

// Elevate switches an eligible binding of the caller on, see [BindingSpec.Eligible]:
// it makes a binding of the same role, scope, reach and condition that ends after a
// while of at most Eligible, and no later than the eligible one. The reason goes
// into it and into the audit. What was switched on of the same binding before is
// replaced, and goes with the binding when that is deleted.
//
// It needs no permission, and is judged at this moment: the eligible binding must be
// within its dates, and the caller alive and with all of itself. A token that has
// limits or actors gets ErrDenied; an id that is of no eligible binding of the
// caller's own ErrNotFound; a while or a reason that cannot be ErrInvalid; dates
// that have not begun ErrDenied, or are over ErrExpired. Like every right, what is
// switched on is cut down by boundaries, and does not lift denies.
func (a *Authority) Elevate(ctx context.Context, p Principal, binding BindingID, while time.Duration, reason string) (out Binding, err error) {
	const op = "Elevate"
	if strings.TrimSpace(reason) == "" {
		return out, wrap(op, invalid(nounBinding, "Reason", "is required"))
	}
	if err := checkText(nounBinding, "Reason", reason, maxText); err != nil {
		return out, wrap(op, err)
	}
	err = a.elevating(ctx, p, op, reason, binding, func(c *change, from Binding) error {
		switch {
		case while < time.Second || while > from.Eligible:
			return invalid(nounBinding, "while", "%s is not between 1s and %s", while, from.Eligible)
		case from.Start.After(c.at):
			return &Error{Kind: ErrDenied, Entity: nounBinding, ID: string(from.ID), Err: errText("has not begun")}
		case !from.End.IsZero() && !from.End.After(c.at):
			return &Error{Kind: ErrExpired, Entity: nounBinding, ID: string(from.ID)}
		}
		if _, err := c.endElevations(from); err != nil {
			return err
		}
		out, err = c.elevate(from, instant(c.at.Add(while)), reason)
		return err
	})
	if err != nil {
		return Binding{}, err
	}
	return out, nil
}

// EndElevation switches off what [Authority.Elevate] has switched on of an eligible
// binding, before its end, and reports whether that was any. It fails like Elevate.
func (a *Authority) EndElevation(ctx context.Context, p Principal, binding BindingID) (ended bool, err error) {
	err = a.elevating(ctx, p, "EndElevation", "", binding, func(c *change, from Binding) error {
		n, err := c.endElevations(from)
		ended = n > 0
		return err
	})
	return ended && err == nil, err
}

// elevating runs a call about an eligible binding of the caller's own.
func (a *Authority) elevating(ctx context.Context, p Principal, op, reason string, id BindingID, fn func(*change, Binding) error) error {
	who := actor{principal: p.p, reason: reason}
	if err := (&Admin{a: a, who: who}).checkActor(); err != nil {
		return wrap(op, err)
	}
	if !id.valid() {
		return wrap(op, &Error{Kind: ErrInvalid, Entity: nounBinding, ID: clip(string(id)), Field: "ID"})
	}
	return wrap(op, a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		c := a.newChange(ctx, tx, cand, who, op, p.p.org)
		if err := c.alive(); err != nil {
			return cand, err
		}
		if p.p.limited() {
			return cand, &Error{Kind: ErrDenied, Entity: nounBinding, Err: errText("a token with limits or actors switches nothing on or off")}
		}
		from, err := tx.Bindings().Find(c.ctx, p.p.org, id)
		if err != nil {
			return cand, err
		}
		if from.Eligible == 0 || from.Subject != SubjectID(p.p.account) {
			return cand, notFound(nounBinding, string(id)) // whether there is one is not for it to learn
		}
		if err := fn(c, from); err != nil {
			return cand, err
		}
		next, err := c.finish()
		if err != nil {
			return cand, err
		}
		return next.complete(), nil
	}))
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
	q := Query{Org: from.Org, Limit: 1000, Where: where(
		Cond{Field: FieldSubject, Value: string(from.Subject)}, Cond{Field: FieldScope, Value: from.Scope.String()},
	)}
	for {
		rows, err := c.tx.Bindings().Page(c.ctx, q)
		if err != nil {
			return n, err
		}
		for _, row := range rows {
			if row.Elevates != from.ID {
				continue
			}
			if err := c.deleteBinding(row); err != nil {
				return n, err
			}
			n++
		}
		if len(rows) < q.Limit {
			return n, nil
		}
		q.After = string(rows[len(rows)-1].ID)
	}
}
