package identity

import (
	"context"
	"strings"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// maxActors bounds how many act for one account.
const maxActors = 4

// Delegate makes an access token with which one principal, the actor, acts for
// another, the subject (RFC 8693 section 4.1): its "sub" is the subject, its
// "act" the actor, in it whoever the actor lets act through itself, then whoever
// acted for the subject before. Both have proven who they are, so it takes no
// permission; acting for somebody without their proof is not to be had. It
// writes nothing.
//
// The token can do what the subject and every actor may do at the moment of use:
// a decision that an actor is refused has the reason [policy.ReasonDelegation].
// It ends with the first of all that they stand on, and cannot manage its own
// keys. The request can cut it down further, as in [Authority.IssueToken].
//
// It fails with ErrInvalid when the two are one account or of different orgs, or
// when one is a login that the host vouched for, with ErrLimit when more than 4
// would act, and otherwise like IssueToken.
func (a *Authority) Delegate(ctx context.Context, actor, subject Principal, req TokenRequest) (AccessToken, error) {
	t, err := a.delegate(ctx, actor, subject, req)
	if err != nil {
		return AccessToken{}, wrap("Delegate", err)
	}
	return t, nil
}

func (a *Authority) delegate(ctx context.Context, actor, subject Principal, req TokenRequest) (AccessToken, error) {
	now := a.clock.Now()
	for _, p := range []Principal{actor, subject} {
		if err := a.proven(ctx, p, now); err != nil {
			return AccessToken{}, err
		}
	}
	switch {
	case actor.p.org != subject.p.org:
		return AccessToken{}, invalid("principal", "Org", "the actor is of another org than the subject")
	case actor.p.account == subject.p.account:
		return AccessToken{}, invalid("principal", "Account", "nobody acts for itself")
	}
	subject, err := a.narrow(subject, req)
	if err != nil {
		return AccessToken{}, err
	}
	p := *subject.p
	p.chain = append(actor.p.all(), subject.p.chain...)
	if len(p.chain) > maxActors {
		return AccessToken{}, &Error{Kind: ErrLimit, Entity: nounToken, Field: "Actor", Err: errText("more than 4 would act for the subject")}
	}
	for _, q := range p.chain {
		if q.expires != 0 && (p.expires == 0 || q.expires < p.expires) {
			p.expires = q.expires
		}
	}
	return a.sign(ctx, &p, now)
}

// all are the principal and who acts for it.
func (p *principal) all() []*principal { return append([]*principal{p}, p.chain...) }

// acting is who acts: the principal itself, or the current actor.
func (p *principal) acting() *principal {
	if p.chain != nil {
		return p.chain[0]
	}
	return p
}

// newest is the latest revision that a proof was made at.
func (p *principal) newest() uint64 {
	newest := p.issued
	for _, actor := range p.chain {
		newest = max(newest, actor.issued)
	}
	return newest
}

// readChain reads the actors of a token.
func (p *principal) readChain(a *Authority, act *token.Actor) error {
	for ; act != nil; act = act.Actor {
		if act.Credential == "" || len(p.chain) == maxActors {
			return errText("the token does not say who acts, or names too many")
		}
		actor := &principal{
			org: p.org, account: AccountID(strings.Clone(act.Subject)), credential: CredentialID(strings.Clone(act.Credential)),
			tokenID: p.tokenID, issued: act.Revision, expires: p.expires,
		}
		if err := actor.limit(a, act.Permissions, act.Path); err != nil {
			return err
		}
		p.chain = append(p.chain, actor)
	}
	return nil
}

// actors is the chain as a token says it.
func (p *principal) actors() (outermost *token.Actor) {
	at := &outermost
	for _, q := range p.chain {
		actor := &token.Actor{Subject: string(q.account), Credential: string(q.credential), Revision: q.issued}
		if q.asked != nil {
			actor.Permissions, actor.Path = q.asked.Permissions, q.asked.Path.String()
		}
		*at, at = actor, &actor.Actor
	}
	return outermost
}

// locateChain finds the rows of the actors in a view. A principal that was
// handed out never changes, so they are copied.
func (p *principal) locateChain(v *view) bool {
	if p.chain == nil {
		return true
	}
	chain := make([]*principal, len(p.chain))
	for i, actor := range p.chain {
		if chain[i] = actor.moved(v); chain[i] == nil {
			return false
		}
	}
	p.chain = chain
	return true
}

// liveChain asks of every actor whether it is alive: the reason is that of the
// actor, since the token is as dead as if the subject were.
func (v *view) liveChain(inst *instance, p *principal, now int64) policy.Reason {
	for _, actor := range p.chain {
		if dead := v.live(inst, actor, now); dead != policy.ReasonUnspecified {
			return dead
		}
	}
	return policy.ReasonUnspecified
}

// judgeChain asks every actor what the subject was allowed. What the host knows
// of the subject, its principal.* attributes, says nothing of the actors.
func (s *standpoint) judgeChain(asked *policy.Query, d *policy.Decision) {
	attrs := asked.Attrs.OfRequest()
	for _, actor := range s.p.chain {
		q := policy.Query{Permission: asked.Permission, Path: asked.Path, Attrs: attrs}
		reason := s.prepare(actor, &q)
		if reason != policy.ReasonUnspecified {
			*d = policy.Decision{Reason: reason}
			return
		}
		if own := s.home.rules.Decide(&q); !own.Allowed {
			*d = policy.Decision{Reason: policy.ReasonDelegation, Binding: own.Binding, Missing: own.Missing}
			return
		}
	}
}
