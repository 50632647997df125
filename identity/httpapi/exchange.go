package httpapi

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/claviger-go/claviger/identity"
)

const (
	grantExchange   = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 section 2.1
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"   // RFC 8693 section 3
)

// exchanged is a successful answer (RFC 8693 section 2.2.1).
type exchanged struct {
	grant
	IssuedType string `json:"issued_token_type"`
}

func grantExchanged(id *identity.Authority, r *http.Request, values url.Values) (any, *refusal) {
	client, refused := authenticateClient(id, r, values)
	if refused != nil {
		return nil, refused
	}
	x, refused := readExchange(values)
	if refused != nil {
		return nil, refused
	}
	t, err := id.ExchangeToken(r.Context(), client, x)
	if err != nil {
		return nil, notExchanged(err)
	}
	return exchanged{grant: granted(t, values), IssuedType: typeAccessToken}, nil
}

// readExchange reads what a client wants of which tokens. Only access tokens are
// taken, and given.
func readExchange(values url.Values) (x identity.TokenExchange, refused *refusal) {
	x = identity.TokenExchange{
		Subject: values.Get("subject_token"), Actor: values.Get("actor_token"), Permissions: permissions(values), Path: values.Get("path"),
	}
	actorType, wanted := values.Get("actor_token_type"), values.Get("requested_token_type")
	switch {
	case x.Subject == "":
		return x, invalidRequest("subject_token is required")
	case values.Get("subject_token_type") == "":
		return x, invalidRequest("subject_token_type is required")
	case (x.Actor == "") != (actorType == ""): // RFC 8693 section 2.1
		return x, invalidRequest("actor_token and actor_token_type come together")
	case values.Get("subject_token_type") != typeAccessToken, actorType != "" && actorType != typeAccessToken, wanted != "" && wanted != typeAccessToken:
		return x, invalidRequest("only access tokens are exchanged, and given: " + typeAccessToken)
	}
	x.Audience, refused = audience(values)
	return x, refused
}

// notExchanged is the refusal of an exchange. That of a token that is not accepted is
// the same for every cause (RFC 8693 section 2.2.2).
func notExchanged(err error) *refusal {
	if errors.Is(err, identity.ErrUnauthenticated) {
		return invalidRequest("a token is not accepted")
	}
	return notGranted(err, invalidClient())
}
