package identity

import (
	"context"
	"errors"

	"github.com/claviger-go/claviger/policy"
)

// Request is one question: may this principal do this, there?
type Request struct {
	Principal Principal
	// Org is the org of the resource, taken from the row that the host loaded,
	// never from the caller. It is required.
	Org        OrgID
	Permission policy.Permission
	Path       policy.Path
	// Attrs are what conditions may read of this request; nil is fine. What is
	// named principal.* says something of Principal's account. They must not change
	// before the answer is there.
	Attrs *policy.Attrs
	// AtLeast is a revision that the caller has seen, such as that of a row or of
	// an earlier decision: the answer is not taken from an older state. A process
	// that shares its database and is behind looks once, for at most 250 ms; what
	// then is still not reached is denied as stale. Zero asks for nothing.
	AtLeast uint64
}

// Target is what a request is about: the org and the path of the row being
// served.
type Target struct {
	Org  OrgID
	Path policy.Path
}

// Authorize decides. It takes no lock, reads no database and allocates nothing,
// but for the first use of an org, conditions, and delegated tokens. Everything that is absent, unknown or
// failing denies; the reason says which.
func (a *Authority) Authorize(ctx context.Context, req Request) (d policy.Decision) {
	var s standpoint
	if reason := a.stand(ctx, &s, req.Principal.p, req.Org, req.AtLeast); reason != policy.ReasonUnspecified {
		d = policy.Decision{Reason: reason, Revision: s.revision}
	} else {
		q := policy.Query{Permission: req.Permission, Path: req.Path, Attrs: req.Attrs}
		s.judge(&q, &d)
	}
	if !d.Allowed && a != nil && a.observer != nil {
		a.denied(&req, &d)
	}
	return d
}

// standpoint is all that an answer needs but what is asked: who asks, the views
// that are looked at, and when. It is taken once, so that everything answered
// from it is of one moment.
type standpoint struct {
	home     *view // of the principal's org
	inst     *instance
	p        *principal
	org      OrgID    // of the resource
	target   OrgState // of org if that is a foreign one, for operators only; "" if there is none
	now      int64
	revision uint64
}

// stand looks at the present. A reason other than the unspecified one refuses
// everything that is asked.
func (a *Authority) stand(ctx context.Context, s *standpoint, p *principal, org OrgID, atLeast uint64) policy.Reason {
	if p == nil || p.a != a {
		return policy.ReasonUnauthenticated
	}
	s.p, s.org, s.now, s.revision = p, org, a.clock.Now(), a.revision.Load()
	if a.lost.Load() || a.closed.Load() {
		return policy.ReasonUnavailable
	}
	if !a.fresh(ctx, s.now) || atLeast != 0 && !a.reached(ctx, atLeast) {
		return policy.ReasonStale
	}
	s.revision = a.revision.Load() // first, so that the views are at least as new
	s.inst = a.instance.Load()
	p.cell.touch(s.now)
	if s.home = p.cell.view.Load(); s.home == nil {
		var err error
		if s.home, err = a.viewOf(ctx, p.org); err != nil {
			a.log.Error("authorize: load org", "org", p.org, "err", err)
			return policy.ReasonUnavailable
		}
	}
	if org == p.org {
		s.org = p.org // the same text: to compare it again costs nothing
	} else if org != "" && p.org == s.inst.row.SystemOrg {
		target, err := a.viewOf(ctx, org)
		switch {
		case err == nil:
			s.target = target.org.State
		case !errors.Is(err, ErrNotFound):
			a.log.Error("authorize: load org", "org", org, "err", err)
			return policy.ReasonUnavailable
		}
	}
	return policy.ReasonUnspecified
}

// prepare is the part of every answer that comes before the rules: liveness,
// then the org of the resource. If it does not refuse, it has filled in who asks
// the rules of home, about which org, when, and with what limits.
func (s *standpoint) prepare(p *principal, q *policy.Query) policy.Reason {
	if s.home.stillLive(s.inst, p, s.now) {
		q.Found = &p.found
	} else {
		if p.line != s.home.line {
			if p = p.moved(s.home); p == nil {
				return policy.ReasonUnknownAccount
			}
		}
		if dead := s.home.live(s.inst, p, s.now); dead != policy.ReasonUnspecified {
			return dead
		}
	}
	switch {
	case s.org == "":
		return policy.ReasonMissingOrg
	case s.org == p.org:
	case p.org != s.inst.row.SystemOrg || s.target == "":
		return policy.ReasonOtherOrg
	case s.target == OrgDeleted:
		return policy.ReasonOrgDeleted
	default:
		q.Org = string(s.org)
	}
	q.Account, q.Limits, q.Now = p.handle, p.limits, s.now
	return policy.ReasonUnspecified
}

// judge is the decision itself, on a query that says what is asked. It writes
// the answer where the caller wants it: copying one costs a tenth of taking it.
func (s *standpoint) judge(q *policy.Query, d *policy.Decision) {
	if reason := s.prepare(s.p, q); reason == policy.ReasonUnspecified {
		*d = s.home.rules.Decide(q)
	} else {
		*d = policy.Decision{Reason: reason}
	}
	if d.Allowed && s.p.chain != nil {
		s.judgeChain(q, d)
	}
	d.Revision = s.revision
}

// moved is the principal in a view that was loaded anew, or nil.
func (p *principal) moved(v *view) *principal {
	q := *p
	if !q.locate(v) {
		return nil
	}
	return &q
}

// Permission returns a permission of the catalog by its name or one of its
// aliases, and false if the catalog has none such: a question about it would
// always be refused.
func (a *Authority) Permission(name string) (policy.Permission, bool) {
	if _, known := a.model.Catalog.Lookup(name); !known {
		return policy.Permission{}, false
	}
	permission, err := policy.ParsePermission(name)
	return permission, err == nil
}

// Check is Authorize with the refusal as an error, for callers that answer a
// stranger: ErrDenied; ErrNotFound when the resource is of an org that the
// principal cannot know of; ErrUnauthenticated when the principal is nobody, or
// what it stands on is no longer alive; ErrStale and ErrStorage when nothing
// could be decided.
func (a *Authority) Check(ctx context.Context, req Request) error {
	d := a.Authorize(ctx, req)
	switch {
	case d.Allowed:
		return nil
	case d.Reason == policy.ReasonOtherOrg,
		d.Reason == policy.ReasonOrgDeleted && req.Org != req.Principal.Org() && req.Principal.Org() == a.SystemOrg():
		return &Error{Kind: ErrNotFound, Op: "Check", Entity: nounOrg, ID: clip(string(req.Org))}
	}
	return wrap("Check", refusal(d.Reason, req.Permission.String()))
}

// refusal is the error of a decision that denies. A principal that is no longer
// alive is nobody.
func refusal(r policy.Reason, permission string) error {
	kind := reasonKind(r)
	for _, dead := range []error{ErrUnauthenticated, ErrDisabled, ErrExpired, ErrRevoked} {
		if errors.Is(kind, dead) {
			return refuse(kind, errText(r.String()))
		}
	}
	return &Error{Kind: kind, Entity: "permission", ID: permission, Err: errText(r.String())}
}
