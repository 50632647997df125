package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/claviger-go/claviger/identity"
)

// method is a way for a client to authenticate, by its name in metadata (RFC 7591
// section 2, OpenID Connect Core section 9).
type method string

const (
	methodPrivateKey  method = "private_key_jwt"
	methodSecretBasic method = "client_secret_basic"
	methodSecretPost  method = "client_secret_post"
)

func methods() []method { return []method{methodPrivateKey, methodSecretBasic, methodSecretPost} }

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 section 2.2

// methodsOf are the ways in which a request tries to authenticate a client. A
// parameter without a value is as good as absent (RFC 6749 section 3.2).
func methodsOf(r *http.Request, values url.Values) (shown []method) {
	if values.Get("client_assertion") != "" || values.Get("client_assertion_type") != "" {
		shown = append(shown, methodPrivateKey)
	}
	if len(r.Header.Values("Authorization")) > 0 {
		shown = append(shown, methodSecretBasic)
	}
	if values.Get("client_secret") != "" {
		shown = append(shown, methodSecretPost)
	}
	return shown
}

// client is how a request authenticates its client: by an assertion, or else by a
// secret.
type client struct {
	id        string // "" if the assertion alone says it
	secret    string
	assertion string
}

// readClient reads the one method that a request uses (RFC 6749 section 2.3).
func readClient(r *http.Request, values url.Values) (client, *refusal) {
	shown := methodsOf(r, values)
	switch len(shown) {
	case 0:
		return client{}, invalidClient()
	case 1:
	default:
		return client{}, misplaced("more than one client authentication")
	}
	c := client{id: values.Get("client_id"), secret: values.Get("client_secret"), assertion: values.Get("client_assertion")}
	switch {
	case shown[0] == methodSecretBasic:
		return readBasic(r.Header.Values("Authorization"), c.id)
	case shown[0] == methodSecretPost && c.id == "":
		return client{}, invalidRequest("client_id is required")
	case shown[0] == methodPrivateKey && values.Get("client_assertion_type") != assertionType:
		return client{}, invalidRequest("client_assertion_type must be " + assertionType)
	case shown[0] == methodPrivateKey && c.assertion == "":
		return client{}, invalidRequest("client_assertion is required")
	}
	return c, nil
}

// readBasic reads the Authorization headers of a request whose body may name the
// client too.
func readBasic(headers []string, named string) (client, *refusal) {
	if len(headers) > 1 {
		return client{}, misplaced("more than one Authorization header")
	}
	scheme, encoded, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return client{}, invalidClient() // an unsupported method (RFC 6749 section 5.2)
	}
	id, secret, err := basic(encoded)
	if err != nil {
		return client{}, invalidRequest("the Authorization header is malformed")
	}
	if named != "" && named != id {
		return client{}, invalidRequest("client_id is not that of the Authorization header")
	}
	return client{id: id, secret: secret}, nil
}

var errBasic = errors.New("not an id and a secret")

// basic reads the credentials of RFC 6749 section 2.3.1: id and secret, each in
// form encoding, inside the base64 of RFC 7617 section 2.
func basic(encoded string) (client, secret string, err error) {
	text, err := base64.StdEncoding.Strict().DecodeString(strings.TrimLeft(encoded, " "))
	if err != nil {
		return "", "", err
	}
	client, secret, ok := strings.Cut(string(text), ":")
	if !ok {
		return "", "", errBasic
	}
	if client, err = url.QueryUnescape(client); err != nil {
		return "", "", err
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return "", "", err
	}
	if client == "" || secret == "" {
		return "", "", errBasic
	}
	return client, secret, nil
}

// authenticateClient returns who makes a request.
func authenticateClient(id *identity.Authority, r *http.Request, values url.Values) (identity.Principal, *refusal) {
	c, refused := readClient(r, values)
	if refused != nil {
		return identity.Principal{}, refused
	}
	p, err := c.authenticate(r.Context(), id)
	if err != nil {
		return identity.Principal{}, refusalOf(err, invalidClient())
	}
	if c.other(p.Account()) {
		return identity.Principal{}, invalidClient()
	}
	return p, nil
}

// presented is an endpoint at which a client, once authenticated, presents a token.
func presented(id *identity.Authority, serve func(ctx context.Context, client identity.Principal, token string) (any, *refusal)) http.Handler {
	return form(id, func(r *http.Request, values url.Values) (any, *refusal) {
		client, refused := authenticateClient(id, r, values)
		if refused != nil {
			return nil, refused
		}
		token := values.Get("token")
		if token == "" {
			return nil, invalidRequest("token is required")
		}
		return serve(r.Context(), client, token)
	})
}

func (c client) authenticate(ctx context.Context, id *identity.Authority) (identity.Principal, error) {
	if c.assertion != "" {
		return id.AuthenticateClientAssertion(ctx, c.assertion)
	}
	return id.AuthenticateClientSecret(ctx, c.id, c.secret)
}

func (c client) token(ctx context.Context, id *identity.Authority, req identity.TokenRequest) (identity.AccessToken, error) {
	if c.assertion != "" {
		return id.ExchangeClientAssertion(ctx, c.assertion, req)
	}
	return id.ExchangeClientSecret(ctx, c.id, c.secret, req)
}

// other reports whether the request names another client than the one that its
// assertion is of (RFC 7521 section 4.2). That of a secret was looked at with it.
func (c client) other(account identity.AccountID) bool {
	return c.assertion != "" && c.id != "" && c.id != string(account)
}
