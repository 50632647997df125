package httpauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// Every route of a Mux says what it takes. A stranger learns nothing of why, and of the rows of another org not even whether
// they are there.
func ExampleMux() {
	ctx := context.Background()
	id, done := openExample(ctx)
	defer done()
	acme, bearer := workload(ctx, id, "acme")
	globex, _ := workload(ctx, id, "globex")

	documents := map[string]identity.Target{ // the host's own rows: the org and path of each
		"plan": {Org: acme, Path: pathOf("projects", "apollo", "documents", "plan")},
		"ipo":  {Org: globex, Path: pathOf("projects", "ipo", "documents", "ipo")},
	}
	ofRow := func(r *http.Request) (identity.Target, error) {
		row, found := documents[r.PathValue("id")]
		if !found {
			return identity.Target{}, identity.ErrNotFound
		}
		return row, nil
	}
	mux := httpauth.NewMux(id)
	mux.HandleFunc("GET /healthz", httpauth.Public, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /documents/{id}", httpauth.Require("documents:read", ofRow), func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "document", r.PathValue("id"))
	})
	mux.HandleFunc("DELETE /documents/{id}", httpauth.Require("documents:delete", ofRow), func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})

	ask := func(method, path, bearer string) {
		r := httptest.NewRequest(method, path, nil)
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(method, path, w.Code)
	}
	ask("GET", "/healthz", "")
	ask("GET", "/documents/plan", "")
	ask("GET", "/documents/plan", bearer)
	ask("DELETE", "/documents/plan", bearer)
	ask("GET", "/documents/ipo", bearer)
	ask("GET", "/documents/none", bearer)

	// Output:
	// GET /healthz 200
	// GET /documents/plan 401
	// GET /documents/plan 200
	// DELETE /documents/plan 403
	// GET /documents/ipo 404
	// GET /documents/none 404
}

// openExample opens a host in a temporary folder.
func openExample(ctx context.Context) (id *identity.Authority, done func()) {
	dir, err := os.MkdirTemp("", "example-")
	check(err)
	st, err := sqlite.Open(ctx, filepath.Join(dir, "app.db"))
	check(err)
	id, err = identity.New(ctx, st, identity.Config{
		Issuer:      "https://app.example",
		Seal:        token.SealFile(filepath.Join(dir, "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "documents:read"}, {Name: "documents:delete"}},
		Roles:       []identity.CodeRole{{Name: "reader", Permissions: []string{"documents:read"}}},
	})
	check(err)
	return id, func() { check(errors.Join(id.Close(), os.RemoveAll(dir))) }
}

// workload makes an org with a service account that may read in it, and an API token for that.
func workload(ctx context.Context, id *identity.Authority, slug string) (org identity.OrgID, bearer string) {
	made, err := id.System("example").EnsureOrg(ctx, identity.OrgSpec{Slug: slug})
	check(err)
	in := id.System("example").In(made.ID)
	ci, err := in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: "ci", Roles: []string{"reader"}})
	check(err)
	secret, err := in.CreateAPIToken(ctx, ci.ID, identity.APITokenSpec{Name: "ci"})
	check(err)
	return made.ID, secret.Secret.Reveal()
}

func pathOf(pairs ...string) policy.Path {
	path, err := policy.NewPath(pairs...)
	check(err)
	return path
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
