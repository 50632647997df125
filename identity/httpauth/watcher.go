package httpauth

import (
	"bufio"
	"errors"
	"net"
	"net/http"
)

// errUnguarded is what a handler that passed no guard gets for writing.
var errUnguarded = errors.New("httpauth: the handler answered without passing a guard")

// watcher looks at the first thing that a handler writes. It holds nothing
// back: what was decided by then decides.
type watcher struct {
	http.ResponseWriter
	r       *http.Request
	request *request
	before  http.Header // as the handler found them
	begun   bool        // a final status was decided on
	blocked bool        // it was not the handler's
}

// admit decides about an answer when it begins, and reports whether the handler
// may write.
func (w *watcher) admit(status int) bool {
	if w.begun {
		return !w.blocked
	}
	w.begun = true
	if w.request.signed.Consumed() {
		settle(w.r, passed)
	}
	verdict := w.request.verdict.Load()
	switch {
	case verdict == passed,
		verdict == refused && status >= http.StatusBadRequest,
		status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return true
	}
	w.blocked = true
	what := "a handler answered without passing a guard: call httpauth.Check, or wrap it in httpauth.PublicHandler"
	if w.request.signed != nil {
		what = "a handler answered without using up the action token: call httpauth.Action(r).ConsumeTx in its identity.Authority.Write"
	}
	w.request.log.ErrorContext(w.r.Context(), what,
		"method", w.r.Method, "pattern", w.r.Pattern, "status", status)
	h := w.Header()
	clear(h) // of what the handler meant to tell
	for k, v := range w.before {
		h[k] = v
	}
	const status500 = http.StatusInternalServerError
	writeProblem(w.ResponseWriter, problem{Title: http.StatusText(status500), Status: status500, Detail: "internal error"})
	return false
}

// WriteHeader begins the answer. Informational ones (1xx) go out only once a
// guard was passed.
func (w *watcher) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols && !w.begun {
		if w.request.verdict.Load() == passed {
			w.ResponseWriter.WriteHeader(status)
		}
		return
	}
	if w.admit(status) {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write begins the answer with 200 if nothing has.
func (w *watcher) Write(b []byte) (int, error) {
	if !w.admit(http.StatusOK) {
		return 0, errUnguarded
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *watcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// FlushError sends what was written; it begins the answer.
func (w *watcher) FlushError() error {
	if !w.admit(http.StatusOK) {
		return errUnguarded
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is FlushError for those who ask for an [http.Flusher].
func (w *watcher) Flush() { _ = w.FlushError() }

// Hijack takes the connection over, which only a handler that passed a guard may.
func (w *watcher) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.admit(http.StatusSwitchingProtocols) {
		return nil, nil, errUnguarded
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
