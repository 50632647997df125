package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/policy"
)

// system is one of the four: its calls, and the permissions and roles that it knows.
type system struct {
	name        string
	prefix      string // of all its paths
	calls       []call // the first that matches a request serves it
	permissions []string
	roles       []identity.CodeRole
	org         func(*host, *http.Request) (identity.Org, error) // that a request is about
	container   func(any) any                                    // of what its calls answer
	refusal     func(status int, text string) object
}

func systems() []system { return []system{dfns(), wavefront(), versori(), applivery()} }

// call is one call of a system.
type call struct {
	name       string // in the system's own documentation
	pattern    string // as of net/http
	permission string // that the caller needs; the library asks for what it needs besides
	status     int    // of the answer
	do         func(*request) (any, error)
}

// request is one call being served.
type request struct {
	*http.Request
	*host
	me  identity.Principal
	org identity.Org
	in  *identity.OrgAdmin // what the caller may do in the org, checked at every call
}

// routes are the calls of all four systems, and the token endpoint where a client secret is good for an access token.
func (h *host) routes() http.Handler {
	mux := http.NewServeMux()
	for _, s := range systems() {
		mux.Handle(s.prefix, h.serve(s))
	}
	mux.Handle("POST /oauth2/token", httpapi.Token(h.id))
	return mux
}

// serve serves each call from a mux of its own: a mux of them all would refuse paths such as /account/user/{id} and
// /account/{id}/businessFunctions, of which neither is the more special.
func (h *host) serve(s system) http.Handler {
	var muxes []*http.ServeMux
	target := func(r *http.Request) (identity.Target, error) { // what the row says, whatever the caller claims
		org, err := s.org(h, r)
		return identity.Target{Org: org.ID, Path: policy.Root}, err
	}
	for _, c := range s.calls {
		guarded, mux := httpauth.NewMux(h.id), http.NewServeMux()
		guarded.Handle(c.pattern, httpauth.Require(c.permission, target), h.handle(s, c))
		mux.Handle(c.pattern, guarded)
		muxes = append(muxes, mux)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w = &shaper{ResponseWriter: w, refusal: s.refusal}
		for _, mux := range muxes {
			if _, pattern := mux.Handler(r); pattern != "" {
				mux.ServeHTTP(w, r)
				return
			}
		}
		http.NotFound(w, r)
	})
}

// handle serves a call, once its guard has let a caller pass. A failure gets the status and the constant text of its kind,
// and its body from the shaper.
func (h *host) handle(s system, c call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{Request: r, host: h}
		var out any
		var err error
		if q.org, err = s.org(h, r); err == nil {
			q.me, _ = httpauth.Principal(r)
			q.in = httpauth.Actor(r).In(q.org.ID)
			out, err = c.do(q)
		}
		if err != nil {
			httpauth.Write(w, r, err)
			return
		}
		if s.container != nil {
			out = s.container(out)
		}
		h.log(s.name + " " + c.name)
		answer(w, c.status, out)
	})
}

// write makes several management calls of the caller together, or none.
func (q *request) write(calls func(context.Context, *identity.OrgAdmin) error) error {
	return q.id.Write(q.Context(), func(ctx context.Context, tx *identity.Tx) error {
		return calls(ctx, tx.As(q.me).In(q.org.ID))
	})
}

// orgOfCaller is for systems whose paths do not name the org. An org's own row is read by the host: what concerns orgs is
// a matter of the system org.
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

// serviceAccount makes a call of what is to be done with the service account whose id its path names, behind a prefix.
func serviceAccount(prefix string, do func(*request, identity.Account) (any, error)) func(*request) (any, error) {
	return func(q *request) (any, error) {
		a, err := q.in.Account(q.Context(), identity.AccountID(prefix+q.PathValue("id")))
		if err == nil && (a.Kind != identity.ServiceAccount || a.State == identity.AccountDeleted) {
			err = identity.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		return do(q, a)
	}
}

// serviceAccounts reads a page of them; its parameters are named differently everywhere.
func (q *request) serviceAccounts(limit, cursor string, f identity.AccountFilter, show func(identity.Account) (object, error)) ([]object, string, error) {
	f.Kind = identity.ServiceAccount
	accounts, err := q.in.Accounts(q.Context(), f, identity.Page{Limit: q.count(limit), Cursor: q.URL.Query().Get(cursor)})
	if err != nil {
		return nil, "", err
	}
	items, err := each(accounts.Items, show)
	return items, accounts.Next, err
}

// external is what somebody else calls an account; "" is nothing.
func external(issuer, id string) identity.ExternalID {
	if id == "" {
		return identity.ExternalID{}
	}
	return identity.ExternalID{Issuer: issuer, Subject: id}
}

// grant is a role that somebody was given, and the role.
type grant struct {
	identity.Binding
	role identity.Role
}

// grants are the roles that an account or a group was given itself, and beside them the permissions that it has directly.
func (q *request) grants(ctx context.Context, in *identity.OrgAdmin, id identity.SubjectID) (given []grant, direct []string, err error) {
	direct = []string{}
	for b, err := range in.AllBindings(ctx, identity.BindingFilter{Subject: id}) {
		if err != nil {
			return nil, nil, err
		}
		role, err := roleOf(ctx, in, b.Role)
		switch {
		case err != nil:
			return nil, nil, err
		case b.Effect != policy.Allow:
		case role.Anonymous:
			direct = append(direct, role.Permissions...)
		default:
			given = append(given, grant{b, role})
		}
	}
	return given, direct, nil
}

// roleOf reads a role of the org. One that is declared in code has no row: it is what this program says.
func roleOf(ctx context.Context, in *identity.OrgAdmin, ref identity.RoleRef) (identity.Role, error) {
	for _, s := range append(systems(), system{roles: []identity.CodeRole{{Name: "owner", Permissions: []string{"*"}}}}) {
		for _, r := range s.roles {
			if r.Ref() == ref {
				return identity.Role{ID: identity.RoleID(ref), Name: r.Name, Description: r.Description, Permissions: r.Permissions}, nil
			}
		}
	}
	return in.Role(ctx, identity.RoleID(ref))
}

// operations are the permissions that a role lists, without those of the library's own management.
func operations(role identity.Role) []string {
	return slices.DeleteFunc(append([]string{}, role.Permissions...), func(name string) bool {
		return strings.HasPrefix(name, policy.ManagementPrefix)
	})
}
