package httpapi

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// The values of grant_type that are served.
const (
	grantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1
	grantClientCredentials = "client_credentials"                          // RFC 6749 section 4.4
)

// Token serves the token endpoint (RFC 6749 section 3.2): a POST of a form gives an
// access token (section 5.1). There are three grant types.
//
// urn:ietf:params:oauth:grant-type:jwt-bearer takes an assertion (RFC 7523 section
// 2.1), which is the only authentication: a client secret, a client assertion or an
// Authorization header beside it is refused. Every assertion that is not accepted
// gets the same invalid_grant.
//
// client_credentials takes a client that authenticates itself (RFC 6749 section
// 4.4), with a key or a secret, as at every endpoint of this package:
//   - private_key_jwt: client_assertion and client_assertion_type (RFC 7523 section 2.2),
//   - client_secret_basic: the id of the account and a client secret, each in form
//     encoding, in the Authorization header (RFC 6749 section 2.3.1),
//   - client_secret_post: client_id and client_secret in the form.
//
// A client that is not accepted gets the same invalid_client, whatever the cause,
// with 401.
//
// urn:ietf:params:oauth:grant-type:token-exchange (RFC 8693) makes a narrower access
// token of the client's own, or one with which the client acts for somebody else:
// subject_token, actor_token, and their types, which are those of access tokens and
// nothing else; path is one under which the token is good. The client authenticates
// as for client_credentials, and is who the actor token speaks for, or without one the
// subject token; see [identity.Authority.ExchangeToken]. A token that is not accepted
// gets the same invalid_request, whatever the cause.
//
// A scope, names and patterns of permissions with single spaces between them (RFC
// 6749 section 3.3), cuts the token down to these; one that is malformed, or names
// a permission that is not in the catalog, gets invalid_scope, once it is known who
// asks. An audience (RFC 8693 section 2.1) or a resource (RFC 8707 section 2) is in every
// grant the one service that the token is for, of [identity.Config.Audiences] or this one;
// another one gets invalid_target. A path is for an exchange alone, and refused elsewhere:
// who asks for less is not given all. Parameters that are not known are ignored. What
// cannot be answered at the moment gets 503 with Retry-After.
func Token(id *identity.Authority) http.Handler {
	return form(id, func(r *http.Request, values url.Values) (any, *refusal) {
		switch values.Get("grant_type") {
		case "":
			return nil, invalidRequest("grant_type is required")
		case grantJWTBearer:
			return grantAssertion(id, r, values)
		case grantClientCredentials:
			return grantClient(id, r, values)
		case grantExchange:
			return grantExchanged(id, r, values)
		}
		return nil, &refusal{status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "this grant type is not served"}
	})
}

func grantAssertion(id *identity.Authority, r *http.Request, values url.Values) (any, *refusal) {
	if shown := methodsOf(r, values); len(shown) > 0 {
		return nil, misplaced("the assertion is the only authentication")
	}
	assertion := values.Get("assertion")
	if assertion == "" {
		return nil, invalidRequest("assertion is required")
	}
	req, refused := request(values)
	if refused != nil {
		return nil, refused
	}
	t, err := id.ExchangeAssertion(r.Context(), assertion, req)
	if err != nil {
		return nil, notGranted(err, invalidGrant())
	}
	return granted(t, values), nil
}

func grantClient(id *identity.Authority, r *http.Request, values url.Values) (any, *refusal) {
	c, refused := readClient(r, values)
	if refused != nil {
		return nil, refused
	}
	req, refused := request(values)
	if refused != nil {
		return nil, refused
	}
	t, err := c.token(r.Context(), id, req)
	switch {
	case err != nil:
		return nil, notGranted(err, invalidClient())
	case c.other(t.Account): // the token is forgotten
		return nil, invalidClient()
	}
	return granted(t, values), nil
}

// request is what a token is asked to be cut down to, but for an exchange.
func request(values url.Values) (req identity.TokenRequest, refused *refusal) {
	if values.Get("path") != "" {
		return req, invalidRequest("a path is for " + grantExchange)
	}
	req.Permissions = permissions(values)
	req.Audience, refused = audience(values)
	return req, refused
}

// permissions are those of the scope (RFC 6749 section 3.3). Where two spaces meet, one of
// its parts is empty, which is no permission.
func permissions(values url.Values) []string {
	if scope := values.Get("scope"); scope != "" {
		return strings.Split(scope, " ")
	}
	return nil
}

// audience is the service that a token is for, whichever of the two names it has.
func audience(values url.Values) (string, *refusal) {
	audience, resource := values.Get("audience"), values.Get("resource")
	if audience != "" && resource != "" && audience != resource {
		return "", invalidTarget() // one token for two
	}
	return cmp.Or(audience, resource), nil
}

// grant is a successful answer (RFC 6749 section 5.1).
type grant struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Scope       string `json:"scope,omitempty"`
}

func granted(t identity.AccessToken, values url.Values) grant {
	return grant{
		AccessToken: t.Token.Reveal(), TokenType: "Bearer", ExpiresIn: int64(t.ExpiresAt.Sub(t.IssuedAt) / time.Second),
		Scope: values.Get("scope"),
	}
}

func invalidGrant() *refusal {
	return &refusal{status: http.StatusBadRequest, Code: "invalid_grant", Description: "the assertion is not accepted"}
}

func invalidTarget() *refusal {
	return &refusal{status: http.StatusBadRequest, Code: "invalid_target", Description: "no token is made for this audience"}
}

// notGranted is the refusal of a request for what no token can be cut down to, or of who did
// not prove itself.
func notGranted(err error, unproven *refusal) *refusal {
	var e *identity.Error
	if errors.Is(err, identity.ErrInvalid) && errors.As(err, &e) {
		switch e.Field {
		case "Audience":
			return invalidTarget()
		case "Path":
			return invalidRequest("the path is malformed")
		}
	}
	if errors.Is(err, identity.ErrInvalid) || errors.Is(err, identity.ErrLimit) || errors.Is(err, identity.ErrEscalation) {
		return &refusal{status: http.StatusBadRequest, Code: "invalid_scope", Description: "the scope is not a list of permissions"}
	}
	return refusalOf(err, unproven)
}
