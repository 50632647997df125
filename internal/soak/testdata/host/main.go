// Command host is command plain with the library in it.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"strings"

	_ "modernc.org/sqlite"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

func main() {
	db, err := sql.Open("sqlite", "app.db")
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	st, err := sqlite.Open(ctx, "identity.db")
	if err != nil {
		log.Fatal(err)
	}
	id, err := identity.New(ctx, st, identity.Config{
		Issuer:      "https://app.example",
		Seal:        token.SealFile("app.key"),
		Permissions: []policy.PermissionSpec{{Name: "wallets:read"}},
		Roles:       []identity.CodeRole{{Name: "wallet-reader", Permissions: []string{"wallets:read"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	acme, err := id.System("setup").EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := id.System("setup").In(acme.ID).EnsureServiceAccount(ctx, identity.ServiceAccountSpec{Name: "ci", Roles: []string{"wallet-reader"}}); err != nil {
		log.Fatal(err)
	}
	read, err := policy.ParsePermission("wallets:read")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		got, err := id.ExchangeAssertion(r.Context(), r.FormValue("assertion"), identity.TokenRequest{})
		if err != nil {
			http.Error(w, identity.PublicText(err), http.StatusBadRequest)
			return
		}
		fmt.Fprintln(w, got.Token.Reveal())
	})
	http.HandleFunc("GET /wallets/{id}", func(w http.ResponseWriter, r *http.Request) {
		p, err := id.Authenticate(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			http.Error(w, identity.PublicText(err), http.StatusUnauthorized)
			return
		}
		path, err := policy.NewPath("wallets", r.PathValue("id"))
		if err != nil || !id.Authorize(r.Context(), identity.Request{Principal: p, Org: acme.ID, Permission: read, Path: path}).Allowed {
			http.Error(w, "denied", http.StatusForbidden)
			return
		}
		var n int
		if err := db.QueryRowContext(r.Context(), "SELECT count(*) FROM wallet WHERE id = ?", r.PathValue("id")).Scan(&n); err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, n)
	})
	log.Fatal(http.ListenAndServeTLS("127.0.0.1:8443", "app.crt", "app.pem", nil))
}
