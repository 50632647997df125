package httpauth

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// request is what Mux and Authenticate remember about one request, in its
// context.
type request struct {
	front
	principal identity.Principal
	attrs     func() *policy.Attrs // what conditions may read of it
	verdict   atomic.Uint32
	outer     *request // of an Authenticate further out
	signed    *identity.SignedAction
}

// What became of the guards of a request, in rising order.
const (
	unguarded uint32 = iota
	refused          // one of them refused: the answer must be a refusal
	passed
)

type requestKey struct{}

// begin remembers who makes a request.
func (f front) begin(r *http.Request, p identity.Principal) *http.Request {
	q := &request{front: f, principal: p, outer: requestOf(r)}
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, q))
	if f.attrs != nil {
		q.attrs = sync.OnceValue(func() *policy.Attrs { return f.attrs(r) })
	}
	return r
}

// attrsOf is what conditions may read of a request, nil if nobody says.
func attrsOf(r *http.Request) *policy.Attrs {
	if q := requestOf(r); q != nil && q.attrs != nil {
		return q.attrs()
	}
	return nil
}

func requestOf(r *http.Request) *request {
	q, _ := r.Context().Value(requestKey{}).(*request)
	return q
}

// settle notes what a guard said, here and further out. A guard that let the
// request pass is not taken back by another that refuses: a handler may ask
// what else its caller could do.
func settle(r *http.Request, verdict uint32) {
	for q := requestOf(r); q != nil; q = q.outer {
		for {
			old := q.verdict.Load()
			if old >= verdict || q.verdict.CompareAndSwap(old, verdict) {
				break
			}
		}
	}
}

// Principal returns who makes a request, and false if nobody has proved who
// they are: the request presents no credential, its route is [Public], or it
// came through neither [Mux] nor [Authenticate].
func Principal(r *http.Request) (identity.Principal, bool) {
	q := requestOf(r)
	if q == nil || q.principal.IsZero() {
		return identity.Principal{}, false
	}
	return q.principal, true
}

// Actor makes management calls in the name of who makes a request, each checked
// against that principal's rights, and with the attributes of the request
// ([Options]); if nobody has proved who they are, every
// call fails with [identity.ErrUnauthenticated]. It panics for a request that
// came through neither [Mux] nor [Authenticate]: there is no Authority to call.
func Actor(r *http.Request) *identity.Admin {
	q := requestOf(r)
	if q == nil {
		panic("httpauth: Actor: the request came through neither Mux nor Authenticate")
	}
	return q.id.As(q.principal).With(attrsOf(r))
}

// Check asks whether who makes a request holds a permission on a target, for
// handlers behind [Authenticate] and for second questions of handlers in a
// [Mux]. It fails like [identity.Authority.Check]; [Write] answers its error,
// and [Status] gives the code for other transports. A permission that is not in
// the catalog is denied, and logged. A request that came through neither Mux
// nor Authenticate is nobody's.
func Check(r *http.Request, permission string, target identity.Target) (identity.Principal, error) {
	p, err := check(r, permission, target)
	if err != nil {
		settle(r, refused)
		return identity.Principal{}, err
	}
	settle(r, passed)
	return p, nil
}

func check(r *http.Request, permission string, target identity.Target) (identity.Principal, error) {
	p, ok := Principal(r)
	if !ok {
		return p, &identity.Error{Kind: identity.ErrUnauthenticated, Op: "Check", Err: errNoToken}
	}
	q := requestOf(r)
	name, known := q.id.Permission(permission)
	if !known {
		q.log.ErrorContext(r.Context(), "check: the catalog has no such permission", slog.String("permission", permission))
		return p, &identity.Error{Kind: identity.ErrDenied, Op: "Check", Entity: entityPermission}
	}
	return p, q.id.Check(r.Context(), identity.Request{
		Principal: p, Org: target.Org, Permission: name, Path: target.Path, Attrs: attrsOf(r),
	})
}

// Logger is where the [Mux] or [Authenticate] that a request came through logs,
// and [slog.Default] if it came through neither.
func Logger(r *http.Request) *slog.Logger {
	if q := requestOf(r); q != nil {
		return q.log
	}
	return slog.Default()
}
