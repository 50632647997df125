package httpauth

import (
	"net/http"

	"github.com/claviger-go/claviger/identity"
)

// Authenticate returns middleware for routers other than [Mux]. A request that
// presents a credential is refused unless the credential holds; one that
// presents none passes on as nobody. Handlers then find [Principal], call
// [Check], or are wrapped in [PublicHandler].
//
// The middleware detects an answer that passed no guard. Unless Check has
// allowed something or the handler is public, the answer must be 404 or 405,
// or, after Check or [Write] refused, any status from 400 on. Every other one
// is replaced by a 500, and logged; so is the implicit 200 of a handler that
// wrote nothing. It cannot undo what the handler did besides, and a handler
// that takes the inner writer out with Unwrap is not seen.
//
// It panics when id is nil. At most one Options may be given.
func Authenticate(id *identity.Authority, opts ...Options) func(http.Handler) http.Handler {
	f := newFront(id, opts)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := f.authenticate(r)
			r = f.begin(r, p)
			if err != nil {
				Write(w, r, err)
				return
			}
			watch := &watcher{ResponseWriter: w, r: r, request: requestOf(r), before: w.Header().Clone()}
			next.ServeHTTP(watch, r)
			watch.admit(http.StatusOK)
		})
	}
}

// PublicHandler marks a handler behind [Authenticate] as one that everybody may
// use. A request that presents a bad credential is refused all the same.
func PublicHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		settle(r, passed)
		next.ServeHTTP(w, r)
	})
}
