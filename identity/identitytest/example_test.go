package identitytest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
)

// newApp is the program under test: one route.
func newApp(id *identity.Authority) http.Handler {
	target := func(r *http.Request) (identity.Target, error) {
		org, err := id.System("routing").OrgBySlug(r.Context(), r.PathValue("org"))
		if err != nil {
			return identity.Target{}, err
		}
		path, err := policy.NewPath("projects", r.PathValue("project"))
		return identity.Target{Org: org.ID, Path: path}, err
	}
	mux := httpauth.NewMux(id)
	mux.HandleFunc("GET /{org}/{project}", httpauth.Require("projects:read", target), func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "a project")
	})
	return mux
}

// testApp is what a host writes as TestApp.
func testApp(t *testing.T) {
	id := identitytest.New(t, func(c *identity.Config) {
		c.Permissions = []policy.PermissionSpec{{Name: "projects:read"}}
		c.Roles = []identity.CodeRole{{Name: "reader", Permissions: []string{"projects:read"}}}
	})
	app := newApp(id.Authority)

	reader := identitytest.Account(t, id, "reader@projects/p1")
	header := identitytest.Bearer(t, id, reader)
	get := func(url string) int {
		r := httptest.NewRequest("GET", url, nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		return w.Code
	}
	if got := get("/acme/p1"); got != http.StatusOK {
		t.Errorf("its own project: %d", got)
	}
	if got := get("/acme/p2"); got != http.StatusForbidden {
		t.Errorf("another project: %d", got)
	}
	identitytest.Org(t, id, "globex")
	if got := get("/globex/p1"); got != http.StatusNotFound {
		t.Errorf("another org: %d", got)
	}
	id.Clock.Advance(time.Hour)
	if got := get("/acme/p1"); got != http.StatusUnauthorized {
		t.Errorf("an hour later: %d", got)
	}
}

// In a test of a host, testApp is TestApp.
func Example() {
	_ = testApp
}
