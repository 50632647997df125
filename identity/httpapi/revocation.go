package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/claviger-go/claviger/identity"
)

// Revocation serves the revocation endpoint (RFC 7009): a POST of a form with an
// access token ends that token, at once here and at its "exp" for who verifies it
// elsewhere. The caller authenticates as a client does at [Token], and ends its own
// tokens only: those whose subject it is. The answer is 200, and empty, also for a
// token that is unknown, ended already, or of another client, which stays as it is
// (section 2.2). A client's own API token is a credential and no access token: it
// gets unsupported_token_type, and is revoked where credentials are managed.
// token_type_hint is ignored: a token says itself of what type it is.
func Revocation(id *identity.Authority) http.Handler {
	return presented(id, func(ctx context.Context, client identity.Principal, token string) (any, *refusal) {
		_, err := id.RevokeOwnToken(ctx, client, token)
		switch {
		case errors.Is(err, identity.ErrInvalid):
			return nil, &refusal{status: http.StatusBadRequest, Code: "unsupported_token_type", Description: "only access tokens are revoked here"}
		case err != nil:
			return nil, refusalOf(err, invalidClient())
		}
		return nil, nil
	})
}
