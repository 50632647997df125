// Command seeds serves the service-account calls of four systems on one library: Dfns, Wavefront, Versori and Applivery, each
// with its own paths, bodies and refusals. The accounts behind them are the same, and nothing is stored but by the library.
//
//	seeds -db FILE [-addr ADDRESS] [-callers-rights=false]
//	seeds -selftest
//
// At its first start it makes the org "acme" with an owner, and prints an API token of his to call it with. With -selftest it
// makes every call over HTTP to itself, and exits 1 if an answer is not the expected one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

func main() {
	db := flag.String("db", "", "database file; its sealing key is kept beside it")
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	rights := flag.Bool("callers-rights", true, "a Dfns account that is given no permission gets those of its maker")
	test := flag.Bool("selftest", false, "make every call to itself, in a temporary folder")
	flag.Parse()
	err := errors.New("say -db FILE or -selftest")
	switch {
	case *test:
		_, err = selftest(context.Background(), os.Stdout)
	case *db != "":
		err = serve(context.Background(), *db, *addr, *rights)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "seeds:", err)
		os.Exit(1)
	}
}

// host is the program around the library: it declares what may be done, and keeps nothing.
type host struct {
	id           *identity.Authority
	callersRight bool                             // see dfnsCreate
	mail         func(to string, of token.Secret) // takes an invitation to whom it is for
	log          func(call string)                // of the calls that were served
}

// open opens the library on a database file. The catalog has the permissions of all four systems.
func open(ctx context.Context, db, issuer string) (*identity.Authority, error) {
	st, err := sqlite.Open(ctx, db)
	if err != nil {
		return nil, err
	}
	config := identity.Config{Issuer: issuer, Seal: token.SealFile(db + ".key")}
	for _, s := range systems() {
		for _, name := range s.permissions {
			config.Permissions = append(config.Permissions, policy.PermissionSpec{Name: name, Description: s.name + ": " + name})
		}
		config.Roles = append(config.Roles, s.roles...)
	}
	id, err := identity.New(ctx, st, config)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return id, nil
}

// found makes an org with an owner and an API token of his, unless it is there. Everybody who can log in may find out whom to ask.
func found(ctx context.Context, id *identity.Authority, slug string) (org identity.Org, bearer token.Secret, err error) {
	err = id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
		sys := tx.System("first start")
		made, err := sys.EnsureOrg(ctx, identity.OrgSpec{Slug: slug, Owner: &identity.UserSpec{Email: "owner@" + slug + ".example"}})
		if org = made.Org; err != nil || !made.Created {
			return err
		}
		everybody := identity.BindingSpec{Subject: identity.SubjectID(identity.GroupUsers), Role: "wavefront/user", Scope: policy.Root}
		_, err1 := sys.In(org.ID).CreateBinding(ctx, everybody)
		t, err2 := sys.In(org.ID).CreateAPIToken(ctx, made.Owner.ID, identity.APITokenSpec{Name: "first"})
		bearer = t.Secret
		return errors.Join(err1, err2)
	})
	return org, bearer, err
}

func serve(ctx context.Context, db, addr string, rights bool) (err error) {
	id, err := open(ctx, db, "http://"+addr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, id.Close()) }()
	org, bearer, err := found(ctx, id, "acme")
	if err != nil {
		return err
	}
	fmt.Printf("org %s on http://%s; API token of its owner, at the first start: %s\n", org.ID, addr, bearer.Reveal())
	h := &host{id: id, callersRight: rights}
	h.log = func(call string) { fmt.Println(call) }
	h.mail = func(to string, of token.Secret) { fmt.Printf("mail to %s: accept with %s\n", to, of.Reveal()) }
	return http.ListenAndServe(addr, h.routes())
}
