// Command quickstart plays the whole story on the terminal: a server on a loopback address, an operator, and two workloads that
// prove themselves with their own private keys, are let in where they may, and are shut out the moment they are disabled.
// It exits 0 when every answer is the one that is told here, and 1 otherwise.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
	"github.com/claviger-go/claviger/token/client"
)

func main() { run(context.Background(), os.Stdout) }

// story is the host and the people in it.
type story struct {
	out     io.Writer
	id      *identity.Authority
	url     string
	ann     *identity.OrgAdmin         // the operator of acme, acting as herself
	targets map[string]identity.Target // the org and the path behind each URL: the host's own data
}

func run(ctx context.Context, out io.Writer) {
	dir := must(os.MkdirTemp("", "quickstart-"))
	defer func() { check(os.RemoveAll(dir)) }()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	url := "http://" + listener.Addr().String()
	id := must(identity.New(ctx, must(sqlite.Open(ctx, filepath.Join(dir, "app.db"))), identity.Config{
		Issuer:      url,
		Seal:        token.SealFile(filepath.Join(dir, "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:create"}},
		Roles:       []identity.CodeRole{{Name: "wallet-reader", Permissions: []string{"wallets:read"}}},
	}))
	defer func() { check(id.Close()) }()

	// Two orgs with a wallet each. The host has logged ann in by its own means, and vouches for her.
	sys := id.System("quickstart")
	acme := must(sys.EnsureOrg(ctx, identity.OrgSpec{Slug: "acme", Owner: &identity.UserSpec{Email: "ann@acme.example"}}))
	other := must(sys.EnsureOrg(ctx, identity.OrgSpec{Slug: "other"}))
	login := identity.Login{Method: "password", AuthTime: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	ann := must(sys.In(acme.ID).Vouch(ctx, acme.Owner.ID, login))
	s := &story{out: out, id: id, url: url, ann: id.As(ann).In(acme.ID), targets: map[string]identity.Target{
		"/wallets":    {Org: acme.ID, Path: policy.Root}, // where new ones are made
		"/wallets/w1": {Org: acme.ID, Path: must(policy.NewPath("wallets", "w1"))},
		"/wallets/w9": {Org: other.ID, Path: must(policy.NewPath("wallets", "w9"))},
	}}
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error)
	go func() { stopped <- server.Serve(listener) }()
	fmt.Fprintf(out, "One process, one file (%s/app.db), serving %s\n", dir, url)

	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	s.tell(ctx, "Build robot", "an Ed25519 key", edKey)
	s.tell(ctx, "Payments robot", "a P-256 key", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))

	check(server.Close())
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		check(err)
	}
}

func (s *story) routes() http.Handler {
	target := func(r *http.Request) (identity.Target, error) {
		t, ok := s.targets[r.URL.Path]
		if !ok {
			return t, identity.ErrNotFound
		}
		return t, nil
	}
	done := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.Method, r.URL.Path) }
	mux := httpauth.NewMux(s.id)
	mux.Handle("POST /oauth2/token", httpauth.Public, httpapi.Token(s.id))
	mux.HandleFunc("GET /wallets/{id}", httpauth.Require("wallets:read", target), done)
	mux.HandleFunc("POST /wallets", httpauth.Require("wallets:create", target), done)
	return mux
}

// tell plays the story of one workload. It made its key itself; the private half stays with it.
func (s *story) tell(ctx context.Context, name, kind string, key crypto.Signer) {
	fmt.Fprintf(s.out, "\n%-38s %-17s %s\n", name+", with "+kind, "answer", "why")
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key.Public()))})
	sa := s.register(ctx, must(json.Marshal(map[string]any{"name": name, "publicKey": string(public), "daysValid": 365})))
	s.line("ann registers its public key", "done", sa.Name+", until "+sa.ValidUntil.Format(time.DateOnly))

	source := must(client.New(client.Config{
		TokenURL: s.url + "/oauth2/token", Audience: s.url, Account: sa.ID.String(), KeyID: sa.Key.ID.String(), Key: key,
	}))
	access := must(source.Token(ctx))
	p := must(s.id.Authenticate(ctx, access))
	s.line("it signs an assertion, gets a token", "200 OK", fmt.Sprintf("a JWT of %d bytes", len(access)))
	s.call(ctx, source, p, "GET /wallets/w1", "wallets:read", http.StatusOK, policy.ReasonAllowed)
	s.call(ctx, source, p, "POST /wallets", "wallets:create", http.StatusForbidden, policy.ReasonNoBinding)
	s.call(ctx, source, p, "GET /wallets/w9", "wallets:read", http.StatusNotFound, policy.ReasonOtherOrg)

	must(s.ann.DeactivateAccount(ctx, sa.ID))
	s.line("ann disables the account", "done", "its token would last "+time.Until(p.Expires()).Round(time.Second).String())
	expect(must(source.Token(ctx)) == access, "the workload still has its token")
	s.call(ctx, source, p, "GET /wallets/w1", "wallets:read", http.StatusUnauthorized, policy.ReasonAccountInactive)
	var refused *client.Error
	_, err := source.Token(ctx)
	expect(errors.As(err, &refused) && refused.Code == "invalid_grant", "no new token")
	s.line("it asks for another token", fmt.Sprint(refused.Status, " ", http.StatusText(refused.Status)), refused.Code)
}

// register does what ann's screen asks for, in her name: she can give only what she holds.
func (s *story) register(ctx context.Context, body []byte) identity.ServiceAccountResult {
	var form struct {
		Name, PublicKey string
		DaysValid       int
	}
	check(json.Unmarshal(body, &form))
	return must(s.ann.CreateServiceAccount(ctx, identity.ServiceAccountSpec{
		Name:              strings.ReplaceAll(strings.ToLower(form.Name), " ", "-"),
		DisplayName:       form.Name,
		UnprovenPublicKey: []byte(form.PublicKey),
		Validity:          time.Duration(form.DaysValid) * 24 * time.Hour,
		Roles:             []string{"wallet-reader"},
	}))
}

// call makes one request with the workload's token, and asks in-process for the reason, which strangers are not told.
func (s *story) call(ctx context.Context, source *client.Source, p identity.Principal, ask, permission string, status int, why policy.Reason) {
	method, path, _ := strings.Cut(ask, " ")
	req := must(http.NewRequestWithContext(ctx, method, s.url+path, nil))
	resp, err := (&http.Client{Transport: source.Transport(nil)}).Do(req)
	check(err)
	check(resp.Body.Close())
	d := s.id.Authorize(ctx, identity.Request{Principal: p, Org: s.targets[path].Org, Permission: must(policy.ParsePermission(permission)), Path: s.targets[path].Path})
	s.line(ask, resp.Status, permission+": "+d.Reason.String())
	expect(resp.StatusCode == status, fmt.Sprint(ask, " answers ", status))
	expect(d.Reason == why && d.Allowed == (status == http.StatusOK), fmt.Sprint(ask, " because of ", why))
}

func (s *story) line(asked, answered, why string) {
	fmt.Fprintf(s.out, "  %-36s %-17s %s\n", asked, answered, why)
}

func expect(held bool, what string) {
	if !held {
		check(fmt.Errorf("it did not hold that %s", what))
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

// check ends the program on an error; a real host returns it.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}
