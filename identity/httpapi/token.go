package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
)

const (
	grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1
	formType       = "application/x-www-form-urlencoded"
	maxForm        = 64 << 10 // bytes of a request body; an assertion has at most 8 KiB
	retryAfter     = "1"      // seconds, as in httpauth
)

// refusal is an error answer (RFC 6749 section 5.2). All of them are constants,
// so that none repeats what was sent.
type refusal struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func invalidRequest(why string) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_request", why}
}

// Token serves the token endpoint: a POST of a form with the grant type
// urn:ietf:params:oauth:grant-type:jwt-bearer and an assertion gives an access
// token (RFC 7523 section 2.1, RFC 6749 section 5.1). A scope, names and patterns
// of permissions with single spaces between them (RFC 6749 section 3.3), cuts the
// token down to these; one that is malformed, or names a permission that is not in
// the catalog, gets invalid_scope, once the assertion is accepted and without using
// it up.
//
// The assertion is the only authentication: an Authorization header, or a
// client secret or client assertion beside it, is refused. So are parameters in
// the URL and repeated parameters; parameters that are not known are ignored (RFC
// 6749 section 3.2). Every
// assertion that is not accepted gets the same invalid_grant, whatever the
// cause; what cannot be answered at the moment gets 503 with Retry-After. The
// body is limited to 64 KiB. Limiting the rate of requests is up to the host.
func Token(id *identity.Authority) http.Handler {
	if id == nil {
		panic("httpapi: the Authority is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, refused := readGrant(w, r)
		if refused != nil {
			answer(w, refused.status, refused)
			return
		}
		t, err := id.ExchangeAssertion(r.Context(), asked.assertion, identity.TokenRequest{Permissions: asked.permissions()})
		if err != nil {
			refused = refusalOf(err)
			if refused.status >= http.StatusInternalServerError {
				httpauth.Logger(r).ErrorContext(r.Context(), "token endpoint failed", "status", refused.status, "err", err)
			}
			answer(w, refused.status, refused)
			return
		}
		answer(w, http.StatusOK, grant{
			AccessToken: t.Token.Reveal(), TokenType: "Bearer", ExpiresIn: int64(t.ExpiresAt.Sub(t.IssuedAt) / time.Second),
			Scope: asked.scope,
		})
	})
}

// grant is a successful answer (RFC 6749 section 5.1).
type grant struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Scope       string `json:"scope,omitempty"`
}

// request is what a caller asks for.
type request struct {
	assertion string
	scope     string // "" asks for everything
}

// permissions are the tokens of the scope (RFC 6749 section 3.3). Where two
// spaces meet, one of them is empty, which is no permission.
func (q request) permissions() []string {
	if q.scope == "" {
		return nil
	}
	return strings.Split(q.scope, " ")
}

// refusalOf is what the caller may know of a failed exchange.
func refusalOf(err error) *refusal {
	switch {
	case errors.Is(err, identity.ErrUnauthenticated):
		return &refusal{http.StatusBadRequest, "invalid_grant", "the assertion is not accepted"}
	case errors.Is(err, identity.ErrInvalid), errors.Is(err, identity.ErrLimit):
		return &refusal{http.StatusBadRequest, "invalid_scope", "the scope is not a list of permissions"}
	case httpauth.Status(err) == http.StatusServiceUnavailable:
		return &refusal{http.StatusServiceUnavailable, "temporarily_unavailable", ""}
	}
	return &refusal{http.StatusInternalServerError, "server_error", ""}
}

// readGrant returns what a request asks for.
func readGrant(w http.ResponseWriter, r *http.Request) (request, *refusal) {
	var none request
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return none, &refusal{http.StatusMethodNotAllowed, "invalid_request", "only POST is served"}
	}
	if r.URL.RawQuery != "" { // URLs end up in logs
		return none, invalidRequest("parameters belong in the body")
	}
	if len(r.Header.Values("Authorization")) > 0 {
		return none, invalidRequest("the assertion is the only authentication")
	}
	form, refused := readForm(w, r)
	if refused != nil {
		return none, refused
	}
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		if form.Get(name) != "" {
			return none, invalidRequest("the assertion is the only authentication")
		}
	}
	switch assertion := form.Get("assertion"); {
	case form.Get("grant_type") == "":
		return none, invalidRequest("grant_type is required")
	case form.Get("grant_type") != grantJWTBearer:
		return none, &refusal{http.StatusBadRequest, "unsupported_grant_type", "only " + grantJWTBearer + " is served"}
	case assertion == "":
		return none, invalidRequest("assertion is required")
	default:
		return request{assertion: assertion, scope: form.Get("scope")}, nil
	}
}

// readForm reads a body in which no parameter is repeated (RFC 6749 section 3.2).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *refusal) {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return nil, invalidRequest("the content type must be " + formType)
	}
	if media, _, err := mime.ParseMediaType(types[0]); err != nil || media != formType {
		return nil, invalidRequest("the content type must be " + formType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, &refusal{http.StatusRequestEntityTooLarge, "invalid_request", "the body is larger than 64 KiB"}
		}
		return nil, invalidRequest("the body cannot be read")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("the body is malformed")
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, invalidRequest("a parameter is repeated")
		}
	}
	return form, nil
}

// answer writes JSON that nobody may keep (RFC 6749 section 5.1).
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and a number
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller is gone
}
