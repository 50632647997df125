package httpauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/claviger-go/claviger/identity"
)

const (
	defaultRealm     = "api"
	entityPermission = "permission" // what identity calls the subject of a denial
	retryAfter       = "1"          // seconds; a process that is stale or busy recovers within that, or it is down
)

// errNoToken means that a request presents no credential at all.
var errNoToken = errors.New("no access token")

// Status is the HTTP status code that an error of this library answers with:
// 200 for nil, 400, 401, 403, 404, 409, 413, 503 for what may go away by itself
// ([identity.ErrStale], ErrBusy, ErrStorage), and 500 for everything else.
// Servers of other protocols translate it.
func Status(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, errLongBody):
		return http.StatusRequestEntityTooLarge
	case malformed(err):
		return http.StatusBadRequest
	case errors.Is(err, identity.ErrUnauthenticated), errors.Is(err, errNoToken):
		return http.StatusUnauthorized
	case unavailable(err):
		return http.StatusServiceUnavailable
	case errors.Is(err, identity.ErrDenied), errors.Is(err, identity.ErrEscalation):
		return http.StatusForbidden
	case errors.Is(err, identity.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, identity.ErrInvalid):
		return http.StatusBadRequest
	}
	for _, state := range []error{
		identity.ErrConflict, identity.ErrInUse, identity.ErrImmutable, identity.ErrLimit, identity.ErrDisabled, identity.ErrExpired, identity.ErrRevoked,
	} {
		if errors.Is(err, state) { // of what the call is about: a caller in that state is ErrUnauthenticated
			return http.StatusConflict
		}
	}
	return http.StatusInternalServerError
}

// unavailable reports whether an error says nothing about the request.
func unavailable(err error) bool {
	return errors.Is(err, identity.ErrStale) || errors.Is(err, identity.ErrBusy) || errors.Is(err, identity.ErrStorage)
}

// problem is an answer of application/problem+json (RFC 9457). Its type is
// about:blank, which is left out: the status says it all.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// Write answers a request with an error: the status is [Status], the body is
// constant for the kind of error, and 401, 403 and 503 carry the headers that
// RFC 6750 section 3 and RFC 9110 section 10.2.3 ask for. What went wrong
// inside is logged and not told. It counts as a refusal to [Authenticate].
func Write(w http.ResponseWriter, r *http.Request, err error) {
	settle(r, refused)
	realm, scheme := quote(defaultRealm), schemeBearer
	if q := requestOf(r); q != nil {
		realm, scheme = q.realm, q.scheme
	}
	if err == nil {
		err = errors.New("an answer to no error")
	}
	status := Status(err)
	if status >= http.StatusInternalServerError {
		Logger(r).ErrorContext(r.Context(), "request failed", "method", r.Method, "pattern", r.Pattern, "status", status, "err", err)
	}
	if c := challenge(status, scheme, realm, err); c != "" {
		w.Header().Set("WWW-Authenticate", c)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	writeProblem(w, problem{Title: http.StatusText(status), Status: status, Detail: detail(status, scheme, err)})
}

func writeProblem(w http.ResponseWriter, p problem) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // two strings and a number
	}
	h := w.Header()
	for _, of := range []string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(of) // of an answer that the handler had begun
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the caller is gone
}

// detail is what a stranger may be told beyond the status.
func detail(status int, scheme string, err error) string {
	switch status {
	case http.StatusUnauthorized:
		switch scheme {
		case schemeAction:
			return "a valid action token for this request is required"
		case schemeRequest:
			return "a valid signature of this request is required"
		}
		return "a valid access token is required"
	case http.StatusServiceUnavailable:
		return "no answer can be given at the moment"
	}
	switch {
	case errors.Is(err, errQueryToken):
		return "an access token belongs in the Authorization header"
	case errors.Is(err, errCredential):
		return "the Authorization header is malformed, or not the only one"
	case errors.Is(err, errLongBody):
		return "the body is too long for a signed request"
	case errors.Is(err, errUnsigned):
		return "a part of the request cannot be signed"
	}
	return identity.PublicText(err)
}

// challenge is the WWW-Authenticate header of a refusal (RFC 6750 section 3.1),
// or "". A request without a credential is not told of an error.
func challenge(status int, scheme, realm string, err error) string {
	head := scheme + " realm=" + realm
	switch {
	case errors.Is(err, errNoToken):
		return head
	case malformed(err):
		return head + `, error="invalid_request"`
	case status == http.StatusUnauthorized:
		return head + `, error="invalid_token"`
	case status == http.StatusForbidden:
		head += `, error="insufficient_scope"`
		var e *identity.Error
		if errors.As(err, &e) && e.Entity == entityPermission && e.ID != "" {
			if scope := quote(e.ID); scope != "" {
				head += ", scope=" + scope
			}
		}
		return head
	}
	return ""
}

// quote makes a quoted-string (RFC 9110 section 5.6.4) of printable ASCII, and
// "" of anything else.
func quote(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return ""
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
