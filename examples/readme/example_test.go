// Package readme holds the first block of the README as a program that runs.
package readme_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// Example is what the README promises: a workload that signs with its own key is let in where it may, and its token is refused the
// moment its account is disabled. What stands between the README marks is the README's text, which TestBlock compares.
func Example() {
	ctx := context.Background()
	leave := enterTemporaryFolder()
	defer leave()
	private, pem := newKey()

	// README
	st, err := sqlite.Open(ctx, "app.db") // creates, migrates, safe pragmas
	check(err)
	id, err := identity.New(ctx, st, identity.Config{
		Issuer:      "https://app.example",
		Seal:        token.SealFile("app.key"), // seals the signing keys; made with the database, 0600
		Permissions: []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:create"}},
		Roles:       []identity.CodeRole{{Name: "wallet-reader", Permissions: []string{"wallets:read"}}},
	})
	check(err)
	defer id.Close() // flushes, and closes the store

	sys := id.System("setup") // the host itself, audited as such
	acme, err := sys.EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})
	check(err)
	ci, err := sys.In(acme.ID).EnsureServiceAccount(ctx, identity.ServiceAccountSpec{
		Name: "ci", UnprovenPublicKey: pem, Roles: []string{"wallet-reader"}, // valid for 365 days unless Validity says otherwise
	})
	check(err)

	mux := httpauth.NewMux(id)
	mux.Handle("POST /oauth2/token", httpauth.Public, httpapi.Token(id))
	mux.Handle("GET /.well-known/jwks.json", httpauth.Public, httpapi.JWKS(id))
	mux.HandleFunc("GET /wallets/{id}", httpauth.Require("wallets:read", wallet), showWallet)
	// README

	store(acme.ID)
	assertion, err := token.SignAssertion(ctx, private, token.AssertionSpec{
		KeyID: ci.Key.ID.String(), Account: ci.ID.String(), Audience: "https://app.example", Life: time.Minute,
	})
	check(err)
	access, err := id.ExchangeAssertion(ctx, assertion, identity.TokenRequest{})
	check(err)
	get := func(path string) {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+access.Token.Reveal())
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(path, w.Code)
	}
	get("/wallets/w1")
	get("/wallets/w2")
	_, err = sys.In(acme.ID).DeactivateAccount(ctx, ci.ID)
	check(err)
	get("/wallets/w1")

	// Output:
	// /wallets/w1 200
	// /wallets/w2 404
	// /wallets/w1 401
}

// README
func wallet(r *http.Request) (identity.Target, error) { // the org and path of the row being served
	row, err := loadWallet(r.Context(), r.PathValue("id"))
	return identity.Target{Org: row.Org, Path: row.Path}, err
}

// README

func showWallet(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "wallet", r.PathValue("id")) }

// rows stands for the host's own table: wallet w1 of acme.
var rows = map[string]row{}

type row struct {
	Org  identity.OrgID
	Path policy.Path
}

func store(org identity.OrgID) {
	path, err := policy.NewPath("wallets", "w1")
	check(err)
	rows["w1"] = row{Org: org, Path: path}
}

func loadWallet(_ context.Context, id string) (row, error) {
	found, ok := rows[id]
	if !ok {
		return row{}, fmt.Errorf("wallet %q: %w", id, identity.ErrNotFound)
	}
	return found, nil
}

// newKey is what the workload does once, where it runs.
func newKey() (ed25519.PrivateKey, []byte) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	der, err := x509.MarshalPKIXPublicKey(public)
	check(err)
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// enterTemporaryFolder keeps the files that the block names out of the source tree.
func enterTemporaryFolder() (leave func()) {
	back, err := os.Getwd()
	check(err)
	dir, err := os.MkdirTemp("", "readme-")
	check(err)
	check(os.Chdir(dir))
	return func() { check(errors.Join(os.Chdir(back), os.RemoveAll(dir))) }
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
