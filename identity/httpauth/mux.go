package httpauth

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// Options are what a host may change about [NewMux] and [Authenticate].
type Options struct {
	// Realm is the protection space that challenges name (RFC 9110 section
	// 11.5), in printable ASCII; default "api".
	Realm string
	// Attrs says what conditions may read of a request, such as its address. It is
	// called at most once for a request, when something first asks for its attributes,
	// and what it returns must not change while the request is served. A nil Attrs, or
	// a nil result, is a request without any: then no allow with a condition that
	// reads one counts, and every deny with such a condition does.
	Attrs func(*http.Request) *policy.Attrs
	// ExternalTarget says what the request target was where a request came from, for
	// [RequireAction] and [RequireSigned] behind a proxy that rewrites it: from a field that the proxy sets
	// and no caller can, byte for byte. Nil is [http.Request.RequestURI], as received.
	ExternalTarget func(*http.Request) string
	// ExternalHost says likewise to which host a request was sent, behind a proxy that
	// replaces the Host field. Nil is [http.Request.Host], as received.
	ExternalHost func(*http.Request) string
	// Address is where a request came from, which a token with networks needs. Nil is
	// the peer of the connection; a host behind a proxy takes it from a field that the
	// proxy sets and no caller can. The zero Addr is nowhere.
	Address func(*http.Request) netip.Addr
	// Logger receives failures that a caller is not told about, and answers that
	// passed no guard; default [slog.Default].
	Logger *slog.Logger
}

// Mux is an [http.ServeMux] in which every route has a guard. Patterns,
// precedence, path cleaning, and the answers 404 and 405 are those of
// http.ServeMux; the pattern that it matched is what the guard belongs to.
type Mux struct {
	front front
	mux   *http.ServeMux
}

// NewMux makes a Mux without routes. It panics when id is nil. At most one
// Options may be given.
func NewMux(id *identity.Authority, opts ...Options) *Mux {
	return &Mux{front: newFront(id, opts), mux: http.NewServeMux()}
}

// Handle registers a handler for a pattern. It panics when the pattern is bad
// or taken, and when the guard cannot work: when it is the zero Guard, when it
// requires a permission that the Authority's catalog does not have, or when
// its target, or the handler, is nil.
func (m *Mux) Handle(pattern string, guard Guard, handler http.Handler) {
	if f, ok := handler.(http.HandlerFunc); handler == nil || ok && f == nil {
		panic(fmt.Sprintf("httpauth: %s: the handler is nil", pattern))
	}
	m.mux.Handle(pattern, m.front.wrap(pattern, guard, handler))
}

// HandleFunc is Handle with a function.
func (m *Mux) HandleFunc(pattern string, guard Guard, handler func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, guard, http.HandlerFunc(handler))
}

// ServeHTTP serves a request with the handler whose pattern matches it best.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// front is what stands before handlers.
type front struct {
	id    *identity.Authority
	realm string // quoted
	attrs func(*http.Request) *policy.Attrs
	log   *slog.Logger

	scheme         string // that challenges name
	externalTarget func(*http.Request) string
	externalHost   func(*http.Request) string
	address        func(*http.Request) netip.Addr
}

func newFront(id *identity.Authority, opts []Options) front {
	if id == nil {
		panic("httpauth: the Authority is nil")
	}
	if len(opts) > 1 {
		panic("httpauth: more than one Options")
	}
	f := front{id: id, scheme: schemeBearer}
	realm := ""
	for _, o := range opts {
		realm, f.attrs, f.log, f.address = o.Realm, o.Attrs, o.Logger, o.Address
		f.externalTarget, f.externalHost = o.ExternalTarget, o.ExternalHost
	}
	if f.realm = quote(cmp.Or(realm, defaultRealm)); f.realm == "" {
		panic("httpauth: the realm is not printable ASCII")
	}
	if f.log == nil {
		f.log = slog.Default()
	}
	if f.address == nil {
		f.address = peer
	}
	return f
}

// wrap puts a guard before a handler.
func (f front) wrap(pattern string, guard Guard, next http.Handler) http.Handler {
	if guard.public {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = f.begin(r, identity.Principal{})
			settle(r, passed)
			next.ServeHTTP(w, r)
		})
	}
	permission, known := f.id.Permission(guard.permission)
	switch {
	case guard.permission == "" && guard.target == nil:
		panic(fmt.Sprintf("httpauth: %s: the guard is neither Require nor Public", pattern))
	case !known:
		panic(fmt.Sprintf("httpauth: %s: the catalog has no permission %q", pattern, guard.permission))
	case guard.target == nil:
		panic(fmt.Sprintf("httpauth: %s: the target is nil", pattern))
	}
	question := identity.Request{Permission: permission}
	if guard.signed != "" {
		return f.wrapAction(guard, question, next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := f.authenticate(r)
		if err == nil && p.IsZero() {
			err = errNoToken
		}
		r = f.begin(r, p)
		if err == nil {
			err = f.ask(r, p, question, guard.target)
		}
		if err != nil {
			Write(w, r, err)
			return
		}
		settle(r, passed)
		next.ServeHTTP(w, r)
	})
}

// ask finds out what a request is about and whether the principal may do it.
func (f front) ask(r *http.Request, p identity.Principal, question identity.Request, target func(*http.Request) (identity.Target, error)) error {
	t, err := target(r)
	switch {
	case err == nil:
		question.Principal, question.Org, question.Path, question.Attrs = p, t.Org, t.Path, attrsOf(r)
		return f.id.Check(r.Context(), question)
	case errors.Is(err, identity.ErrNotFound):
		return &identity.Error{Kind: identity.ErrNotFound}
	case unavailable(err):
		return err
	}
	f.log.WarnContext(r.Context(), "no target", "pattern", r.Pattern, "err", err)
	return &identity.Error{Kind: identity.ErrDenied, Entity: entityPermission, ID: question.Permission.String()}
}

// authenticate returns who presents the credential of a request; the zero
// Principal if it presents none.
func (f front) authenticate(r *http.Request) (identity.Principal, error) {
	token, err := bearer(r)
	if err != nil {
		f.log.WarnContext(r.Context(), "credential refused", "method", r.Method, "pattern", r.Pattern, "err", err)
		return identity.Principal{}, err
	}
	if token == "" {
		return identity.Principal{}, nil
	}
	return f.id.AuthenticateFrom(r.Context(), token, f.address(r))
}

// peer is where the connection of a request comes from.
func peer(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr()
}
