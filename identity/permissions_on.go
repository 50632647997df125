package identity

import (
	"context"

	"github.com/claviger-go/claviger/policy"
)

// PermissionsOn answers what a principal may do at a path, all at once: exactly
// the permissions that Authorize allows it there, with the limits of its token
// and every actor of a delegation taken into account. The permission of the
// request is ignored. Where nothing is held the reason says why.
func (a *Authority) PermissionsOn(ctx context.Context, req Request) policy.Permissions {
	var s standpoint
	if reason := a.stand(ctx, &s, req.Principal.p, req.Org, req.AtLeast); reason != policy.ReasonUnspecified {
		return policy.Permissions{Reason: reason, Revision: s.revision}
	}
	return s.permissionsOn(req.Path, req.Attrs)
}

// PermissionsOn answers what an account may do at a path, if it logged in now;
// the permission of the request is ignored. It answers from what is published,
// inside Write from what the transaction has made so far. It fails with
// ErrNotFound when the org has no such account.
func (o *OrgAdmin) PermissionsOn(ctx context.Context, req AccountRequest) (held policy.Permissions, err error) {
	err = o.aboutAccount(ctx, "PermissionsOn", req, func(s *standpoint) { held = s.permissionsOn(req.Path, req.Attrs) })
	return held, err
}

func (s *standpoint) permissionsOn(path policy.Path, attrs *policy.Attrs) policy.Permissions {
	held := s.permissionsOf(s.p, policy.Query{Path: path, Attrs: attrs})
	for _, actor := range s.p.chain {
		// What the host knows of the subject says nothing of the actors.
		held = held.And(s.permissionsOf(actor, policy.Query{Path: path, Attrs: attrs.OfRequest()}))
	}
	held.Revision = s.revision
	return held
}

func (s *standpoint) permissionsOf(p *principal, q policy.Query) policy.Permissions {
	if reason := s.prepare(p, &q); reason != policy.ReasonUnspecified {
		return policy.Permissions{Reason: reason}
	}
	return s.home.rules.PermissionsOn(q)
}
