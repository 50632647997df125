package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// A client gets an access token with its secret, asks whether the token is alive, as a gateway does, and ends it.
func Example() {
	ctx := context.Background()
	id, done := openExample(ctx)
	defer done()

	at := httpapi.Endpoints{
		Token: "/oauth2/token", JWKS: "/oauth2/jwks",
		Introspection: "/oauth2/introspect", Revocation: "/oauth2/revoke",
	}
	mux := httpauth.NewMux(id)
	mux.Handle("POST /oauth2/token", httpauth.Public, httpapi.Token(id))
	mux.Handle("GET /oauth2/jwks", httpauth.Public, httpapi.JWKS(id))
	mux.Handle("POST /oauth2/introspect", httpauth.Public, httpapi.Introspection(id))
	mux.Handle("POST /oauth2/revoke", httpauth.Public, httpapi.Revocation(id))
	mux.Handle("GET "+httpapi.MetadataPath(id), httpauth.Public, httpapi.Metadata(id, at))

	client, secret := newClient(ctx, id)
	post := func(path string, form url.Values) (answer map[string]any) {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		_ = json.Unmarshal(w.Body.Bytes(), &answer) // the answer to a revocation is empty
		return answer
	}
	granted := post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"documents:read"}})
	fmt.Println(granted["token_type"], granted["scope"], granted["expires_in"])

	access := url.Values{"token": {fmt.Sprint(granted["access_token"])}}
	fmt.Println("active", post("/oauth2/introspect", access)["active"])
	post("/oauth2/revoke", access)
	fmt.Println("active", post("/oauth2/introspect", access)["active"])

	// Output:
	// Bearer documents:read 600
	// active true
	// active false
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
		Permissions: []policy.PermissionSpec{{Name: "documents:read"}, {Name: "documents:write"}},
		Roles: []identity.CodeRole{
			{Name: "editor", Permissions: []string{"documents:*"}},
			{Name: "gateway", Permissions: []string{"identity:tokens.introspect"}},
		},
	})
	check(err)
	return id, func() { check(errors.Join(id.Close(), os.RemoveAll(dir))) }
}

// newClient makes a service account with a client secret.
func newClient(ctx context.Context, id *identity.Authority) (client, secret string) {
	acme, err := id.System("example").EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})
	check(err)
	in := id.System("example").In(acme.ID)
	ci, err := in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: "ci", Roles: []string{"editor", "gateway"}})
	check(err)
	made, err := in.CreateClientSecret(ctx, ci.ID, identity.ClientSecretSpec{Name: "ci"})
	check(err)
	return ci.ID.String(), made.Secret.Reveal()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
