// Command openssl is the server of run.sh, whose workload is nothing but openssl and curl. It registers the public key of a PEM file
// for the service account "ci" of the org "acme", which may read wallets, and prints one line: its address, which is also its
// issuer id, the account's id, and the key's id.
//
// Standard input is the operator's console: the line "disable" disables the account, and the end of it stops the server.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

func main() {
	key := flag.String("key", "", "PEM file of the workload's public key")
	dir := flag.String("dir", ".", "folder of the database")
	flag.Parse()
	if err := run(context.Background(), *key, *dir, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "openssl:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, key, dir string, console io.Reader, out io.Writer) (err error) {
	public, err := os.ReadFile(key)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server closes it as well
	issuer := "http://" + listener.Addr().String()
	st, err := sqlite.Open(ctx, filepath.Join(dir, "app.db"))
	if err != nil {
		return err
	}
	id, err := identity.New(ctx, st, identity.Config{
		Issuer:      issuer,
		Seal:        token.SealFile(filepath.Join(dir, "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "wallets:read"}},
		Roles:       []identity.CodeRole{{Name: "wallet-reader", Permissions: []string{"wallets:read"}}},
	})
	if err != nil {
		return errors.Join(err, st.Close())
	}
	defer func() { err = errors.Join(err, id.Close()) }()

	sys := id.System("openssl example")
	acme, err := sys.EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})
	if err != nil {
		return err
	}
	ci, err := sys.In(acme.ID).CreateServiceAccount(ctx, identity.ServiceAccountSpec{
		Name: "ci", UnprovenPublicKey: public, Roles: []string{"wallet-reader"},
	})
	if err != nil {
		return err
	}

	server := &http.Server{Handler: routes(id, acme.ID), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintln(out, issuer, ci.ID, ci.Key.ID)
	lines := bufio.NewScanner(console)
	for lines.Scan() {
		switch lines.Text() {
		case "disable":
			if _, err := sys.In(acme.ID).DeactivateAccount(ctx, ci.ID); err != nil {
				return errors.Join(err, server.Close())
			}
			fmt.Fprintln(out, "disabled")
		default:
			fmt.Fprintln(out, "the only command is disable")
		}
	}
	err = errors.Join(lines.Err(), server.Close())
	if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

func routes(id *identity.Authority, org identity.OrgID) http.Handler {
	mux := httpauth.NewMux(id)
	mux.Handle("POST /oauth2/token", httpauth.Public, httpapi.Token(id))
	mux.Handle("GET /.well-known/jwks.json", httpauth.Public, httpapi.JWKS(id))
	wallet := func(r *http.Request) (identity.Target, error) {
		path, err := policy.NewPath("wallets", r.PathValue("id"))
		return identity.Target{Org: org, Path: path}, err
	}
	mux.HandleFunc("GET /wallets/{id}", httpauth.Require("wallets:read", wallet), func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "wallet %q\n", r.PathValue("id"))
	})
	return mux
}
