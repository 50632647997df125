package identity

import (
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// Principal is the verified answer to "who is calling". It is opaque and bound
// to the Authority that made it; it holds ids and never rights, which are
// looked up at every decision. The zero value is nobody, and is refused.
//
// A Principal may be held for as long as the work lasts: every decision asks
// again whether what it stands on is still alive.
type Principal struct{ p *principal }

// principal is what a Principal holds. It never changes once it is handed out.
type principal struct {
	// What nearly every decision reads lies side by side.
	a      *Authority
	cell   *cell
	org    OrgID
	limits *policy.Limits // of the token; nil takes nothing away
	chain  []*principal   // who acts for the account, the current actor first; nil for nearly all
	handle policy.Handle  // in views of this line
	glance
	credential CredentialID  // empty for a vouched login
	noted      *atomic.Int64 // when its use was last noted, in spans of useGrain
	atNetworks bool          // the credential is for some networks only

	// Where the other rows are in views of this line.
	line           uint64
	accountSlot    uint32
	credentialSlot uint32

	account  AccountID
	kind     AccountKind
	way      Way
	tokenID  string
	tokenKey TokenKey // how the token is known if it is revoked alone; empty if there is none, and of who acts
	method   string
	authTime int64
	issued   uint64        // the revision that the proof was made at
	expires  int64         // Unix microseconds, 0 = with the credential and the account
	asked    *TokenRequest // what limits was made of, nil with it
	audience string        // of the token that is being made; empty for Config.Audience
	retrying bool          // makes a call again that could not be stored: bars do not hold it up
}

// glance is what a look at a principal found in one view: while that one is
// published, it need not be looked at again before the instant until.
type glance struct {
	number uint64    // of the view, 0 for none
	inst   *instance // the instance it was looked at in
	until  int64     // Unix microseconds
	found  policy.Subject
}

// fact is what the Principal holds; that of the zero Principal is empty.
func (p Principal) fact() principal {
	if p.p == nil {
		return principal{}
	}
	return *p.p
}

// Account is who is calling.
func (p Principal) Account() AccountID { return p.fact().account }

// Org is the org that the account belongs to.
func (p Principal) Org() OrgID { return p.fact().org }

// Kind tells users from service accounts.
func (p Principal) Kind() AccountKind { return p.fact().kind }

// Way is how the account came in.
func (p Principal) Way() Way { return p.fact().way }

// Credential is what the account proved itself with; empty for a login that the
// host vouched for.
func (p Principal) Credential() CredentialID { return p.fact().credential }

// TokenID is the "jti" of the access token, if there was one.
func (p Principal) TokenID() string { return p.fact().tokenID }

// Method is how the host said that the person logged in, for a vouched login.
func (p Principal) Method() string { return p.fact().method }

// AuthTime is when the person logged in, for a vouched login.
func (p Principal) AuthTime() time.Time { return timeOf(p.fact().authTime) }

// Revision is the one that the proof was made at. A host keeps that of a
// vouched login in its session; see [Login].
func (p Principal) Revision() uint64 { return p.fact().issued }

// Expires is when the proof ends; the zero time means with the credential and the
// account, as that of an API token does. An end of those is not in it.
func (p Principal) Expires() time.Time { return timeOf(p.fact().expires) }

// Limits are what the access token was cut down to; the zero value if it was not.
func (p Principal) Limits() TokenRequest {
	if asked := p.fact().asked; asked != nil {
		return TokenRequest{Permissions: slices.Clone(asked.Permissions), Path: asked.Path}
	}
	return TokenRequest{}
}

// Actors are the accounts that act for the account, the current one first; none
// if it acts for itself. See [Authority.Delegate].
func (p Principal) Actors() []AccountID {
	var ids []AccountID
	for _, actor := range p.fact().chain {
		ids = append(ids, actor.account)
	}
	return ids
}

// IsZero reports whether this is nobody.
func (p Principal) IsZero() bool { return p.p == nil }

// String names the account, for logs.
func (p Principal) String() string {
	if p.IsZero() {
		return "nobody"
	}
	return string(p.p.account)
}

// timeOf is the inverse of micros.
func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// MarshalText fails: a Principal is a fact of this process and this moment, not
// something to be stored or sent.
func (p Principal) MarshalText() ([]byte, error) {
	return nil, errors.New("identity: a Principal cannot be serialised")
}

// locate finds the rows of a principal in a view.
func (p *principal) locate(v *view) bool {
	slot, life := v.accountLife(p.account)
	if life == nil {
		return false
	}
	p.accountSlot, p.credentialSlot = slot, 0
	if p.credential != "" {
		var ok bool
		if p.credentialSlot, ok = v.credentials.Lookup(string(p.credential)); !ok {
			return false
		}
		less := v.credentials.At(p.credentialSlot).restriction
		p.atNetworks = less != nil && len(less.networks) > 0
	}
	p.handle, _ = v.rules.Account(string(p.account))
	p.line = v.line
	return p.locateChain(v)
}

// live answers rule 1 for every way in and every decision: is all that this
// principal stands on still alive? It is the only place that knows.
func (v *view) live(inst *instance, p *principal, now int64) policy.Reason {
	account := v.accounts.At(p.accountSlot)
	switch {
	case account == nil:
		return policy.ReasonUnknownAccount
	case v.org.State == OrgDeleted:
		return policy.ReasonOrgDeleted
	case v.org.State != OrgActive:
		return policy.ReasonOrgSuspended
	case account.state() != p.way.wants():
		return policy.ReasonAccountInactive
	case ended(account.until, now):
		return policy.ReasonAccountExpired
	case inst.outdated(p), p.issued < v.org.MinRevision, p.issued < account.minRevision:
		return policy.ReasonTokenRevoked
	}
	if p.credential != "" {
		credential := v.credentials.At(p.credentialSlot)
		switch {
		case credential == nil || credential.account != p.account:
			return policy.ReasonCredentialInactive
		case credential.state != CredentialActive && credential.state != CredentialRetiring:
			return policy.ReasonCredentialInactive
		case ended(credential.until, now), ended(credential.ends, now):
			return policy.ReasonCredentialExpired
		case p.issued < credential.minRevision:
			return policy.ReasonTokenRevoked
		}
	}
	if ended(p.expires, now) {
		return policy.ReasonTokenExpired
	}
	if v.revoked.has(p) {
		return policy.ReasonTokenRevoked
	}
	if barred := p.a.barred(p); barred != policy.ReasonUnspecified || p.chain == nil {
		return barred
	}
	return v.liveChain(inst, p, now)
}

// stillLive is live for a principal that was found alive in this very view.
// It reports false if that has to be looked at.
func (v *view) stillLive(inst *instance, p *principal, now int64) bool {
	return p.number == v.number && p.number != 0 && p.inst == inst && now < p.until && p.a.bars.count.Load() == 0
}

// see notes that a principal is alive in a published view. One that others act
// for is looked at every time.
func (p *principal) see(v *view, inst *instance) {
	if p.chain != nil {
		return
	}
	until, _ := v.expiry(p)
	p.glance = glance{number: v.number, inst: inst, until: until, found: v.rules.Find(p.handle)}
}

// ended reports whether an instant is reached; 0 is never.
func ended(end, now int64) bool { return end != 0 && now >= end }

// ends is the second in which the account or the credential of a principal, or
// of one that acts for it, ends, whichever is first.
func (v *view) ends(p *principal) int64 {
	first := int64(math.MaxInt64)
	q := p.moved(v)
	if q == nil {
		return 0
	}
	ends := []int64{v.accounts.At(q.accountSlot).until}
	if q.credential != "" {
		c := v.credentials.At(q.credentialSlot)
		ends = append(ends, c.until, c.ends)
	}
	for _, actor := range q.chain {
		first = min(first, v.ends(actor))
	}
	for _, end := range ends {
		if end != 0 {
			first = min(first, time.UnixMicro(end).Unix())
		}
	}
	return first
}
