package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// system is one of the four: its calls, and the permissions and roles that it knows.
type system struct {
	name        string
	prefix      string // of all its paths
	calls       []call // the first that matches a request serves it
	permissions []string
	roles       []identity.CodeRole
	org         func(*host, *http.Request) (identity.Org, error) // that a request is about
	account     func(*request, string) (identity.Account, error) // that a name in a path or a body is of
	show        func(*request, identity.Account) object          // what its answers say of an account
	container   func(any) any                                    // of what its calls answer
	refusal     func(status int, text string) object
}

func systems() []system { return []system{dfns(), wavefront(), versori(), applivery()} }

// call is one call of a system.
type call struct {
	name       string // in the system's own documentation
	pattern    string // as of net/http; for what {user}, {service} and {any} stand, see named
	permission string // that the caller needs; the library asks for what it needs besides
	status     int    // of the answer
	do         handler
}

// handler does what a call is for, and returns the body of its answer.
type handler = func(*request) any

// routes are the calls of all four systems, and the token endpoint where a client secret is good for an access token.
func (h *host) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, s := range systems() {
		mux.Handle(s.prefix, h.serve(s))
	}
	mux.Handle("POST /oauth2/token", httpapi.Token(h.id))
	return mux
}

// serve serves each call from a mux of its own, which leaves to the next what it has no pattern for: a mux of them all would
// refuse paths such as /account/user/{user} and /account/{any}/businessFunctions, of which neither is the more special.
func (h *host) serve(s system) http.Handler {
	target := func(r *http.Request) (identity.Target, error) { // what the row says, whatever the caller claims
		org, err := s.org(h, r)
		return identity.Target{Org: org.ID, Path: policy.Root}, err
	}
	next := http.NotFoundHandler()
	for _, c := range slices.Backward(s.calls) {
		mux := httpauth.NewMux(h.id)
		mux.HandleFunc(c.pattern, httpauth.Require(c.permission, target), func(w http.ResponseWriter, r *http.Request) {
			q := &request{Request: r, host: h, system: s, made: map[identity.CredentialID]token.Secret{}}
			out, err := q.run(c.do)
			if err != nil { // which gets the status and the constant text of its kind, and its body from the shaper
				httpauth.Write(w, r, err)
				return
			}
			h.log(s.name + " " + c.name)
			if s.container != nil {
				out = s.container(out)
			}
			answer(w, c.status, out)
		})
		mux.Handle("/", httpauth.Public, next) // which has its own guard
		next = mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&shaper{ResponseWriter: w, refusal: s.refusal}, r)
	})
}

// orgOfCaller is for systems whose paths name no org. The host reads its row: what concerns orgs is a matter of the system org.
func orgOfCaller(h *host, r *http.Request) (identity.Org, error) {
	me, _ := httpauth.Principal(r)
	return h.id.System("whose request it is").Org(r.Context(), me.Org())
}

// orgInPath reads the org that a path names by its id or its slug.
func orgInPath(h *host, r *http.Request) (identity.Org, error) {
	sys, name := h.id.System("what a request is about"), r.PathValue("org")
	org, err := sys.Org(r.Context(), identity.OrgID(name))
	if err != nil {
		org, err = sys.OrgBySlug(r.Context(), name)
	}
	if errors.Is(err, identity.ErrInvalid) {
		err = identity.ErrNotFound // no org has such a name
	}
	return org, err
}

// answer writes a body, which may hold a secret.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone, or the status has no body
}

// shaper gives every refusal the body that a system's clients expect, whoever refused: a guard, the mux, or a call.
type shaper struct {
	http.ResponseWriter
	refusal func(status int, text string) object
	status  int
}

func (s *shaper) WriteHeader(status int) {
	if s.status = status; status < http.StatusBadRequest {
		s.ResponseWriter.WriteHeader(status)
	}
}

func (s *shaper) Write(body []byte) (int, error) {
	if s.status < http.StatusBadRequest {
		return s.ResponseWriter.Write(body)
	}
	var problem struct{ Detail string }
	_ = json.Unmarshal(body, &problem) // RFC 9457, as httpauth writes it; others write something else
	answer(s.ResponseWriter, s.status, s.refusal(s.status, cmp.Or(problem.Detail, http.StatusText(s.status))))
	return len(body), nil
}
