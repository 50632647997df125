package identity

import (
	"context"
	"errors"

	"github.com/claviger-go/claviger/policy"
)

// TokenExchange asks for an access token to be made of another, or of two (RFC 8693
// section 2.1).
type TokenExchange struct {
	// Subject is an access token of ours: that of the account that the new token
	// speaks for.
	Subject string
	// Actor is an access token of who is to act for the subject, as with
	// [Authority.Delegate]. Empty means nobody: the new token is a narrower one of the
	// subject, as with [Authority.IssueToken].
	Actor string
	// Permissions, Path and Audience cut the new token down, see [TokenRequest]. An
	// empty Path is everywhere.
	Permissions []string
	Path        string
	Audience    string
}

// ExchangeToken makes an access token of others, for a client that has proven who
// it is. The client must be who presents the tokens: the actor, or without one the
// subject, or who acts for that already. So a token that was stolen is exchanged by
// nobody but its owner. The new token has no more rights than each of them, and ends
// no later. ExchangeToken writes nothing.
//
// It fails like Authenticate, with one text for strangers, when the client or a token
// is not alive, not an access token, or not the client's to exchange; with
// ErrInvalid, ErrLimit or ErrEscalation for limits that make no sense, or are not
// within those of the subject; the field of an ErrInvalid is "Audience" for one that
// is not in [Config.Audiences].
func (a *Authority) ExchangeToken(ctx context.Context, client Principal, x TokenExchange) (AccessToken, error) {
	t, err := a.exchangeToken(ctx, client, x)
	if err != nil {
		return AccessToken{}, wrap("ExchangeToken", err)
	}
	return t, nil
}

func (a *Authority) exchangeToken(ctx context.Context, client Principal, x TokenExchange) (AccessToken, error) {
	if err := a.proven(ctx, client, a.clock.Now()); err != nil {
		return AccessToken{}, unexchanged(err)
	}
	subject, err := a.presented(ctx, client, x.Subject)
	if err != nil {
		return AccessToken{}, err
	}
	shown := subject
	if x.Actor != "" {
		if shown, err = a.presented(ctx, client, x.Actor); err != nil {
			return AccessToken{}, err
		}
	}
	if by := shown.p.acting(); by.org != client.p.org || by.account != client.p.account {
		return AccessToken{}, refuse(nil, errText("the token is not of the client that presents it"))
	}
	req := TokenRequest{Permissions: x.Permissions, Audience: x.Audience}
	if x.Path != "" {
		if req.Path, err = policy.ParsePath(x.Path); err != nil {
			return AccessToken{}, &Error{Kind: ErrInvalid, Entity: nounToken, Field: "Path", Err: err}
		}
	}
	if err := a.checkRequest(req); err != nil {
		return AccessToken{}, err
	}
	var t AccessToken
	if x.Actor == "" {
		t, err = a.issueFrom(ctx, subject, req)
	} else {
		t, err = a.delegate(ctx, shown, subject, req)
	}
	return t, unexchanged(err)
}

// presented is who an access token speaks for that a client of its org presents.
// To have shown it in another org is no use of it.
func (a *Authority) presented(ctx context.Context, client Principal, raw string) (Principal, error) {
	if org := a.issuedIn(raw); org != "" && org != client.p.org {
		return Principal{}, refuse(nil, errText("the token is of another org"))
	}
	p, err := a.Authenticate(ctx, raw)
	if err == nil && p.Way() != WayAccessToken {
		err = refuse(nil, errText("is no access token"))
	}
	return p, err
}

// unexchanged is the error of an exchange: what is wrong with a principal is wrong
// with the token that it came with, and of the many that act with the last of them.
func unexchanged(err error) error {
	var e *Error
	if errors.As(err, &e) && (e.Entity == "principal" || e.Entity == nounToken && e.Field == "Actor") {
		return refuse(nil, err)
	}
	return err
}
