package identity

import (
	"context"
	"errors"
	"math"
	"time"
)

// Introspection is what a token says, as of now (RFC 7662 section 2.2). The zero
// value is that of every token that is not alive, or not of the org that was asked
// in.
type Introspection struct {
	Active     bool
	Account    AccountID // the subject
	Org        OrgID
	Credential CredentialID // behind the token
	TokenID    string       // "jti"; "" if it has none
	Issuer     string
	Audience   string
	IssuedAt   time.Time    // zero if the token does not say
	ExpiresAt  time.Time    // with its account and its credential, if not before; zero if none of them ends
	Limits     TokenRequest // what it was cut down to; zero if it was not
	Actors     []AccountID  // who acts for the account, the current one first
}

// IntrospectToken says what a token is good for at this moment: it asks all that
// [Authority.Authenticate] asks, and counts as a use of the token. One that is not
// accepted, whatever the cause, and one of another org, give the zero Introspection
// and no error; so does one with networks, since nobody says from where it came. To
// have asked about one of another org is no use of it, and nothing there is told of
// it. It fails with ErrDenied without the permission identity:tokens.introspect, and when
// nothing can be found out. Rights are not told: they are looked up at use, with
// [Authority.Authorize].
func (o *OrgAdmin) IntrospectToken(ctx context.Context, raw string) (Introspection, error) {
	if err := o.read(ctx, "IntrospectToken", o.org, func(context.Context, Txn) error { return nil }); err != nil {
		return Introspection{}, err
	}
	if org := o.a.issuedIn(raw); org != "" && org != o.org {
		o.a.turnedAway(o.a.wayOf(raw), "", refuse(nil, errText("the token is of another org")))
		return Introspection{}, nil
	}
	p, err := o.a.Authenticate(ctx, raw)
	switch {
	case errors.Is(err, ErrUnauthenticated):
		return Introspection{}, nil
	case err != nil:
		return Introspection{}, err
	}
	ends, err := o.a.endOf(ctx, p.p)
	if err != nil {
		return Introspection{}, wrap("IntrospectToken", err)
	}
	return Introspection{
		Active: true, Account: p.Account(), Org: p.Org(), Credential: p.Credential(), TokenID: p.TokenID(),
		Issuer: o.a.cfg.Issuer, Audience: o.a.cfg.Audience, IssuedAt: o.a.issuedAt(raw), ExpiresAt: ends,
		Limits: p.Limits(), Actors: p.Actors(),
	}, nil
}

// issuedIn is the org that a token was issued in, or "" for a text that is no token
// of this instance, or too old to tell. Whether the token is alive is not looked at,
// and nothing is noted of it.
func (a *Authority) issuedIn(raw string) OrgID {
	if a.wayOf(raw) == WayAPIToken {
		entry, _, err := a.proveSecret(raw, a.apiTokens)
		if err != nil {
			return ""
		}
		return entry.org
	}
	inst := a.instance.Load()
	if known := a.verified.find(raw, inst); known != nil {
		return known.p.org
	}
	claims, err := a.verifier.Verify(inst.ring.keys, raw, time.UnixMicro(a.clock.Now()))
	if err != nil {
		return ""
	}
	return OrgID(claims.Org)
}

// endOf is when all that a principal stands on ends, in whole seconds.
func (a *Authority) endOf(ctx context.Context, p *principal) (time.Time, error) {
	v, err := a.viewOf(ctx, p.org)
	if err != nil {
		return time.Time{}, err
	}
	end := v.ends(p)
	if p.expires != 0 {
		end = min(end, time.UnixMicro(p.expires).Unix())
	}
	if end == math.MaxInt64 {
		return time.Time{}, nil
	}
	return time.Unix(end, 0).UTC(), nil
}

// issuedAt is the "iat" of an access token that was found good, and zero for what
// is no JWT.
func (a *Authority) issuedAt(raw string) time.Time {
	claims, err := a.verifier.Verify(a.instance.Load().ring.keys, raw, time.UnixMicro(a.clock.Now()))
	if err != nil {
		return time.Time{}
	}
	return time.Unix(claims.IssuedAt, 0).UTC()
}
