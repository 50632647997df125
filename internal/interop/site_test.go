package interop

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

const (
	audience   = "https://wallets.example"
	permission = "wallets:read"
)

var places = httpapi.Endpoints{Token: "/oauth2/token", JWKS: "/keys", Introspection: "/oauth2/introspect", Revocation: "/oauth2/revoke"}

// site is a host on loopback, by the clock of the machine: other people's clients
// have no other.
type site struct {
	t      testing.TB
	id     *identitytest.Env
	issuer string
	wallet string // the URL of what needs the permission
}

// open serves everything that there is, under an issuer with a path.
func open(t testing.TB, algorithm token.Algorithm) *site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	origin := "http://" + listener.Addr().String()
	s := &site{t: t, issuer: origin + "/tenant", wallet: origin + "/wallets/1"}
	s.id = identitytest.New(t, func(cfg *identity.Config) {
		cfg.Issuer, cfg.Audience, cfg.TokenAlgorithm, cfg.Now = s.issuer, audience, algorithm, time.Now
		cfg.Permissions = []policy.PermissionSpec{{Name: permission}, {Name: "wallets:create"}}
		cfg.Roles = []identity.CodeRole{
			{Name: "reader", Permissions: []string{permission}},
			{Name: "introspector", Permissions: []string{"identity:tokens.introspect"}},
		}
	})
	a := s.id.Authority
	mux := httpauth.NewMux(a)
	metadata := httpapi.Metadata(a, places)
	mux.Handle("GET "+httpapi.MetadataPath(a), httpauth.Public, metadata)
	mux.Handle("GET /tenant/.well-known/openid-configuration", httpauth.Public, metadata) // where go-oidc looks
	mux.Handle("POST "+places.Token, httpauth.Public, httpapi.Token(a))
	mux.Handle("GET "+places.JWKS, httpauth.Public, httpapi.JWKS(a))
	mux.Handle("POST "+places.Introspection, httpauth.Public, httpapi.Introspection(a))
	mux.Handle("POST "+places.Revocation, httpauth.Public, httpapi.Revocation(a))
	acme := identitytest.Org(t, s.id, "acme").ID
	wallet := func(*http.Request) (identity.Target, error) {
		return identity.Target{Org: acme, Path: policy.Root}, nil
	}
	mux.HandleFunc("GET /wallets/{id}", httpauth.Require(permission, wallet), func(w http.ResponseWriter, r *http.Request) {
		p, _ := httpauth.Principal(r)
		_, _ = w.Write([]byte(p.Account()))
	})
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// secret gives an account a client secret.
func (s *site) secret(account identity.Account) string {
	s.t.Helper()
	made, err := s.id.System("test").In(account.Org).CreateClientSecret(context.Background(), account.ID, identity.ClientSecretSpec{})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.Secret.Reveal()
}

// register gives an account a public key, and returns the private one in PKCS #8.
func (s *site) register(account identity.Account, key crypto.Signer) (identity.CredentialID, []byte) {
	s.t.Helper()
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	made, err := s.id.System("test").In(account.Org).AddPublicKey(context.Background(), account.ID, identity.PublicKeySpec{
		UnprovenPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.ID, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}
