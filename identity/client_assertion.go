package identity

import (
	"context"
	"errors"
	"time"
)

// AuthenticateClientAssertion verifies a signed assertion as the authentication of a
// client (RFC 7523 section 2.2, "private_key_jwt") and returns who signed it. It
// says the same as one for [Authority.ExchangeAssertion], but that its "aud" is
// always the issuer, whatever Config.InsecureAcceptEndpointAudience allows. It is
// used up by this call, and never gives two principals, or a principal and a
// token.
//
// The principal is as if the account had come with an access token made now: it
// ends after Config.TokenLife, and [Authority.IssueToken] makes a token of it. It
// fails like Authenticate.
func (a *Authority) AuthenticateClientAssertion(ctx context.Context, assertion string) (Principal, error) {
	p, err := a.authenticateAssertion(ctx, assertion)
	if err != nil {
		a.turnedAway(WayClientAssertion, "", err)
		return Principal{}, wrap("AuthenticateClientAssertion", err)
	}
	return p, nil
}

func (a *Authority) authenticateAssertion(ctx context.Context, raw string) (Principal, error) {
	p, proof, err := a.asserted(ctx, WayClientAssertion, raw, "", a.clock.Now())
	if err != nil {
		return Principal{}, err
	}
	if err := a.useUp(ctx, p.p, proof); err != nil {
		return Principal{}, err
	}
	return p, nil
}

// ExchangeClientAssertion is AuthenticateClientAssertion and a token made of it: the grant
// client_credentials (RFC 6749 section 4.4), cut down to what is asked for. A request
// that makes no sense fails with ErrInvalid or ErrLimit, once the assertion is
// accepted and without using it up.
func (a *Authority) ExchangeClientAssertion(ctx context.Context, assertion string, req TokenRequest) (AccessToken, error) {
	t, err := a.exchange(ctx, WayClientAssertion, assertion, "", req)
	if err != nil {
		a.turnedAway(WayClientAssertion, "", err)
		return AccessToken{}, wrap("ExchangeClientAssertion", err)
	}
	return t, nil
}

// RevokeOwnToken ends an access token of the account that is calling, as
// [OrgAdmin.RevokeToken] does, with the enroll codes that were made with it, and reports
// whether that changed anything. A text that is no access token, is dead already, as its
// codes are, or speaks for another account, changes nothing and is no error (RFC 7009
// section 2.2). An API token of the account fails with ErrInvalid: it is a credential,
// and revoked as one.
func (a *Authority) RevokeOwnToken(ctx context.Context, p Principal, raw string) (changed bool, err error) {
	own, err := a.ownToken(ctx, p, raw)
	if err != nil || !own {
		return false, wrap("RevokeOwnToken", err)
	}
	return a.As(p).In(p.p.org).RevokeToken(ctx, raw)
}

// ownToken reports whether a text is an access token of the account of a principal.
func (a *Authority) ownToken(ctx context.Context, p Principal, raw string) (bool, error) {
	if p.p == nil || p.p.a != a {
		return false, refuse(nil, errText("the principal is zero or of another authority"))
	}
	now := a.clock.Now()
	if a.wayOf(raw) != WayAPIToken {
		claims, _, err := a.saidBy(a.instance.Load(), raw, time.UnixMicro(now))
		return err == nil && claims.Org == string(p.p.org) && claims.Subject == string(p.p.account), nil
	}
	if a.issuedIn(raw) != p.p.org { // to have shown it here is no use of it
		return false, nil
	}
	owner, err := a.authenticateSecret(ctx, raw, now)
	switch {
	case errors.Is(err, ErrUnauthenticated):
		return false, nil
	case err != nil:
		return false, err
	case owner.p.account == p.p.account:
		return false, invalid(nounToken, "", "an API token is a credential")
	}
	return false, nil
}

// Issuer is Config.Issuer.
func (a *Authority) Issuer() string { return a.cfg.Issuer }
