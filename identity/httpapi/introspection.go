package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/claviger-go/claviger/identity"
)

// Introspection serves the introspection endpoint (RFC 7662): a POST of a form with
// a token says whether that is alive, and whose it is. The caller authenticates as a
// client does at [Token], and needs the permission identity:tokens.introspect at the
// root of its org; without it it gets unauthorized_client with 403. A token that is
// not alive, and one of another org, get exactly {"active":false}.
//
// Beside the members of RFC 7662 section 2.2 the answer has those of the access
// token: org, perm, path, and act (RFC 8693 section 4.1). The scope is perm in one
// line, and is left out where the token has all that its account has.
// token_type_hint is ignored: a token says itself of what type it is.
func Introspection(id *identity.Authority) http.Handler {
	return presented(id, func(ctx context.Context, client identity.Principal, token string) (any, *refusal) {
		said, err := id.As(client).In(client.Org()).IntrospectToken(ctx, token)
		if err != nil {
			return nil, refusalOf(err, invalidClient())
		}
		return introspected(said), nil
	})
}

// introspection is the answer of RFC 7662 section 2.2.
type introspection struct {
	Active      bool     `json:"active"`
	Scope       string   `json:"scope,omitempty"`
	ClientID    string   `json:"client_id,omitempty"`
	TokenType   string   `json:"token_type,omitempty"`
	Expiry      int64    `json:"exp,omitempty"` // seconds since 1970
	IssuedAt    int64    `json:"iat,omitempty"` // seconds since 1970
	Subject     string   `json:"sub,omitempty"`
	Audience    string   `json:"aud,omitempty"`
	Issuer      string   `json:"iss,omitempty"`
	TokenID     string   `json:"jti,omitempty"`
	Org         string   `json:"org,omitempty"`
	Permissions []string `json:"perm,omitzero"` // an empty list leaves nothing
	Path        string   `json:"path,omitempty"`
	Actor       *actor   `json:"act,omitempty"`
}

// actor is who acts for the subject; in it is whom that acts through.
type actor struct {
	Subject string `json:"sub"`
	Actor   *actor `json:"act,omitempty"`
}

func introspected(t identity.Introspection) introspection {
	if !t.Active {
		return introspection{}
	}
	out := introspection{
		Active: true, Scope: strings.Join(t.Limits.Permissions, " "), ClientID: string(t.Account), TokenType: "Bearer",
		Subject: string(t.Account), Audience: t.Audience, Issuer: t.Issuer, TokenID: t.TokenID, Org: string(t.Org),
		Permissions: t.Limits.Permissions, Path: t.Limits.Path.String(),
	}
	if !t.ExpiresAt.IsZero() {
		out.Expiry = t.ExpiresAt.Unix()
	}
	if !t.IssuedAt.IsZero() {
		out.IssuedAt = t.IssuedAt.Unix()
	}
	at := &out.Actor
	for _, id := range t.Actors {
		next := &actor{Subject: string(id)}
		*at, at = next, &next.Actor
	}
	return out
}
