package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/claviger-go/claviger/identity"
)

const (
	formType = "application/x-www-form-urlencoded"
	maxForm  = 64 << 10 // bytes of a request body; an assertion has at most 8 KiB
)

// form is an endpoint that is sent forms. What serve returns is the body of a 200,
// nil for none.
func form(id *identity.Authority, serve func(*http.Request, url.Values) (any, *refusal)) http.Handler {
	if id == nil {
		panic("httpapi: the Authority is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values, refused := readForm(w, r)
		var v any
		if refused == nil {
			v, refused = serve(r, values)
		}
		if refused != nil {
			refuse(w, r, refused)
			return
		}
		answer(w, http.StatusOK, v)
	})
}

// readForm reads a body in which no parameter is repeated (RFC 6749 section 3.2).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &refusal{status: http.StatusMethodNotAllowed, Code: "invalid_request", Description: "only POST is served"}
	}
	if r.URL.RawQuery != "" { // URLs end up in logs
		return nil, misplaced("parameters belong in the body")
	}
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
			return nil, &refusal{status: http.StatusRequestEntityTooLarge, Code: "invalid_request", Description: "the body is larger than 64 KiB"}
		}
		return nil, invalidRequest("the body cannot be read")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("the body is malformed")
	}
	for _, of := range values {
		if len(of) > 1 {
			return nil, invalidRequest("a parameter is repeated")
		}
	}
	return values, nil
}
