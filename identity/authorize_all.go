package identity

import (
	"context"
	"errors"

	"github.com/claviger-go/claviger/policy"
)

// AuthorizeAll answers many requests at one moment: the answers belong to the
// requests in order, carry the same revision, and are what Authorize would have
// said of each then. The requests may be of any principals and orgs; every org
// is looked at once, and all of them together. A request whose AtLeast is not
// reached is denied as stale, alone.
//
// It takes a lock where several orgs are concerned, and reads the database for
// those that are not loaded.
func (a *Authority) AuthorizeAll(ctx context.Context, requests []Request) []policy.Decision {
	out := make([]policy.Decision, len(requests))
	now, whole := a.clock.Now(), policy.ReasonUnspecified
	switch {
	case a.lost.Load() || a.closed.Load():
		whole = policy.ReasonUnavailable
	case !a.fresh(ctx, now):
		whole = policy.ReasonStale
	}
	if whole != policy.ReasonUnspecified {
		for i := range out {
			out[i].Reason = whole
			if p := requests[i].Principal.p; p == nil || p.a != a {
				out[i].Reason = policy.ReasonUnauthenticated
			}
		}
		return out
	}
	newest := uint64(0)
	for i := range requests {
		newest = max(newest, requests[i].AtLeast)
	}
	if newest != 0 {
		a.reached(ctx, newest)
	}
	at := a.together(ctx, requests)
	for i := range requests {
		r := &requests[i]
		s := standpoint{p: r.Principal.p, org: r.Org, now: now, inst: at.inst, revision: at.revision}
		switch reason := at.place(&s, a); {
		case reason != policy.ReasonUnspecified:
			out[i] = policy.Decision{Reason: reason, Revision: at.revision}
		case r.AtLeast > at.revision:
			out[i] = policy.Decision{Reason: policy.ReasonStale, Revision: at.revision}
		default:
			q := policy.Query{Permission: r.Permission, Path: r.Path, Attrs: r.Attrs}
			s.judge(&q, &out[i])
		}
	}
	return out
}

// sight is several orgs as they were at one moment.
type sight struct {
	inst     *instance
	revision uint64
	views    map[OrgID]seen
}

type seen struct {
	view *view
	err  error
}

// together looks at all the orgs that requests concern.
func (a *Authority) together(ctx context.Context, requests []Request) sight {
	at := sight{revision: a.revision.Load(), inst: a.instance.Load(), views: map[OrgID]seen{}}
	look := func(id OrgID) {
		if _, done := at.views[id]; done {
			return
		}
		v, err := a.viewOf(ctx, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			a.log.Error("authorize: load org", "org", id, "err", err)
		}
		at.views[id] = seen{v, err}
	}
	for i := range requests {
		r := &requests[i]
		if p := r.Principal.p; p != nil && p.a == a {
			look(p.org)
			if at.foreign(p, r.Org) {
				look(r.Org)
			}
		}
	}
	if len(at.views) < 2 {
		return at
	}
	a.publishing.Lock() // nothing is published between one look and the next
	defer a.publishing.Unlock()
	for id := range at.views {
		if c, ok := a.cellOf(id); ok {
			if v := c.view.Load(); v != nil {
				at.views[id] = seen{view: v}
			}
		}
	}
	at.revision, at.inst = a.revision.Load(), a.instance.Load()
	return at
}

// foreign reports whether a principal operates the instance and asks about
// another org than its own.
func (at *sight) foreign(p *principal, org OrgID) bool {
	return org != p.org && org != "" && p.org == at.inst.row.SystemOrg
}

// place is stand with what was seen.
func (at *sight) place(s *standpoint, a *Authority) policy.Reason {
	if s.p == nil || s.p.a != a {
		return policy.ReasonUnauthenticated
	}
	if s.home = at.views[s.p.org].view; s.home == nil {
		return policy.ReasonUnavailable
	}
	if at.foreign(s.p, s.org) {
		switch target := at.views[s.org]; {
		case target.err == nil:
			s.target = target.view.org.State
		case !errors.Is(target.err, ErrNotFound):
			return policy.ReasonUnavailable
		}
	}
	return policy.ReasonUnspecified
}
