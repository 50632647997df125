package identity

import (
	"context"

	"github.com/claviger-go/claviger/policy"
)

// Filter answers where a principal may use a permission, for every path at once:
// what Authorize says of each. A host lists rows of its own tables with it, see
// [policy.Filter.SQL].
type Filter struct {
	policy.Filter
	// Revision is the one that the answer was taken at.
	Revision uint64
}

// Filter returns the paths on which Authorize allows a request, whose own path is
// ignored. It is of this moment: what is revoked afterwards is refused by the
// next Filter, not by one that is held. Everything that the decision would refuse
// wherever it is asked, such as a principal that is no longer alive, gives a
// filter that matches nothing and says why.
//
// The rows must be of the org of the request: a filter knows paths and no orgs,
// so a table with rows of several orgs needs the org in its condition too. For
// the same reason Request.Attrs must not hold attributes of one row.
func (a *Authority) Filter(ctx context.Context, req Request) Filter {
	var s standpoint
	if reason := a.stand(ctx, &s, req.Principal.p, req.Org, req.AtLeast); reason != policy.ReasonUnspecified {
		return Filter{policy.RefuseAll(reason), s.revision}
	}
	f, _ := s.filterOf(s.p, policy.Query{Permission: req.Permission, Attrs: req.Attrs})
	for _, actor := range s.p.chain {
		refused := f.Nothing()
		// What the host knows of the subject says nothing of the actors.
		own, alive := s.filterOf(actor, policy.Query{Permission: req.Permission, Attrs: req.Attrs.OfRequest()})
		if f = f.And(own); alive && !refused {
			f = f.Because(policy.ReasonDelegation)
		}
	}
	return Filter{f, s.revision}
}

// filterOf is the filter of one who is concerned, false if it was refused before
// the rules were asked.
func (s *standpoint) filterOf(p *principal, q policy.Query) (policy.Filter, bool) {
	if reason := s.prepare(p, &q); reason != policy.ReasonUnspecified {
		return policy.RefuseAll(reason), false
	}
	return s.home.rules.Filter(q), true
}
