package httpauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// The two ways of not presenting one credential properly. Their text is for the
// log.
var (
	errQueryToken = errors.New("an access token in the URL") // RFC 9700 section 4.3.2: URLs end up in logs
	errCredential = errors.New("an Authorization header that is malformed, or not the only one")
)

// The authentication schemes (RFC 9110 section 11.1) of access tokens, of action
// tokens, and of requests that are signed in one step.
const (
	schemeBearer  = "Bearer"
	schemeAction  = "Claviger-Action"
	schemeRequest = "Claviger-Request"
)

// bearer returns the access token of a request (RFC 6750 section 2.1), or ""
// if it presents none. An error means a malformed request.
func bearer(r *http.Request) (string, error) { return credentials(r, schemeBearer) }

// credentials returns the token that a request presents by a scheme.
func credentials(r *http.Request, of string) (string, error) {
	if r.URL.RawQuery != "" {
		// What does not parse is dropped, here as in the handler: nobody takes it for a token.
		if query, _ := url.ParseQuery(r.URL.RawQuery); query.Has("access_token") {
			return "", errQueryToken
		}
	}
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", errCredential
	}
	if len(headers) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, of) {
		return "", nil
	}
	if token = strings.TrimLeft(token, " "); !b64token(token) {
		return "", errCredential
	}
	return token, nil
}

// b64token reports whether s is what RFC 6750 section 2.1 lets a token be: one
// or more of the alphabet, then any number of "=".
func b64token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
