package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
)

const (
	retryAfter = "1"                      // seconds, as in httpauth
	challenge  = `Basic realm="identity"` // of every 401 (RFC 9110 section 15.5.2)
)

// refusal is an error answer (RFC 6749 section 5.2). All of them are constants,
// so that none repeats what was sent.
type refusal struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
	cause       error  // for the operator
}

func invalidRequest(why string) *refusal {
	return &refusal{status: http.StatusBadRequest, Code: "invalid_request", Description: why}
}

// misplaced is the refusal of a request that shows a credential where none
// belongs, or more than one. The operator is told: what is logged on the way, or
// sent to the wrong place, has leaked.
func misplaced(why string) *refusal {
	r := invalidRequest(why)
	r.cause = errors.New(why)
	return r
}

// invalidClient is the one answer to a client that is unknown, not active, or
// does not prove itself.
func invalidClient() *refusal {
	return &refusal{status: http.StatusUnauthorized, Code: "invalid_client", Description: "the client is not authenticated"}
}

// refusalOf is what the caller may know of a failure, which is unproven if
// somebody did not prove who they are.
func refusalOf(err error, unproven *refusal) *refusal {
	switch {
	case errors.Is(err, identity.ErrUnauthenticated):
		return unproven
	case errors.Is(err, identity.ErrDenied):
		return &refusal{status: http.StatusForbidden, Code: "unauthorized_client", Description: "the client may not do this"}
	case httpauth.Status(err) == http.StatusServiceUnavailable:
		return &refusal{status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", cause: err}
	}
	return &refusal{status: http.StatusInternalServerError, Code: "server_error", cause: err}
}

// refuse answers with a refusal, and logs what the operator should know of it.
func refuse(w http.ResponseWriter, r *http.Request, refused *refusal) {
	switch log := httpauth.Logger(r); {
	case refused.status >= http.StatusInternalServerError:
		log.ErrorContext(r.Context(), "request failed", "pattern", r.Pattern, "status", refused.status, "err", refused.cause)
	case refused.cause != nil:
		log.WarnContext(r.Context(), "credential refused", "pattern", r.Pattern, "err", refused.cause)
	}
	answer(w, refused.status, refused)
}

// answer writes JSON that nobody may keep (RFC 6749 section 5.1), or nothing if v
// is nil.
func answer(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter)
	}
	if v == nil {
		w.WriteHeader(status)
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers and lists of texts
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller is gone
}
