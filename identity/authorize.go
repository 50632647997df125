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
}

// Target is what a request is about: the org and the path of the row being
// served.
type Target struct {
	Org  OrgID
	Path policy.Path
}

// Authorize decides. It takes no lock, reads no database and allocates nothing,
// but for the first use of an org. Everything that is absent, unknown or
// failing denies; the reason says which.
func (a *Authority) Authorize(ctx context.Context, req Request) policy.Decision {
	p := req.Principal.p
	if p == nil || p.a != a {
		return policy.Decision{Reason: policy.ReasonUnauthenticated}
	}
	now := a.clock.Now()
	if a.lost.Load() || a.closed.Load() {
		return policy.Decision{Reason: policy.ReasonUnavailable}
	}
	if !a.fresh(ctx, now) {
		return policy.Decision{Reason: policy.ReasonStale}
	}
	revision := a.revision.Load()
	inst := a.instance.Load()
	v := p.cell.view.Load()
	if v == nil {
		var err error
		if v, err = a.viewOf(ctx, p.org); err != nil {
			a.log.Error("authorize: load org", "org", p.org, "err", err)
			return policy.Decision{Reason: policy.ReasonUnavailable, Revision: revision}
		}
	}
	var targetState OrgState
	if req.Org != p.org && req.Org != "" && p.org == inst.row.SystemOrg {
		target, err := a.viewOf(ctx, req.Org)
		switch {
		case err == nil:
			targetState = target.org.State
		case !errors.Is(err, ErrNotFound):
			a.log.Error("authorize: load org", "org", req.Org, "err", err)
			return policy.Decision{Reason: policy.ReasonUnavailable, Revision: revision}
		}
	}
	d := a.judge(v, inst, p, req.Org, targetState, req.Permission, req.Path, now)
	d.Revision = revision
	return d
}

// judge is the decision itself: liveness, then the org of the resource, then
// the rules. The state of a foreign target counts for operators only; an org
// that is not there has none.
func (a *Authority) judge(v *view, inst *instance, p *principal, org OrgID, target OrgState, permission policy.Permission, path policy.Path, now int64) policy.Decision {
	if p.line != v.line {
		if p = p.moved(v); p == nil {
			return policy.Decision{Reason: policy.ReasonUnknownAccount}
		}
	}
	if dead := v.live(inst, p, now); dead != policy.ReasonUnspecified {
		return policy.Decision{Reason: dead}
	}
	q := policy.Query{Account: p.handle, Permission: permission, Path: path, Now: now}
	switch {
	case org == "":
		return policy.Decision{Reason: policy.ReasonMissingOrg}
	case org == p.org:
	case p.org != inst.row.SystemOrg || target == "":
		return policy.Decision{Reason: policy.ReasonOtherOrg}
	case target == OrgDeleted:
		return policy.Decision{Reason: policy.ReasonOrgDeleted}
	default:
		q.Org = string(org)
	}
	return v.rules.Decide(q)
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
