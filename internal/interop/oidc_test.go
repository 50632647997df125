package interop

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/token"
)

// TestOIDCVerifies: a service that knows nothing but the issuer verifies our access
// tokens with coreos/go-oidc, by the metadata and the keys that it finds.
func TestOIDCVerifies(t *testing.T) {
	for _, algorithm := range []token.Algorithm{token.AlgEdDSA, token.AlgES256} {
		t.Run(string(algorithm), func(t *testing.T) {
			s := open(t, algorithm)
			account := identitytest.Account(t, s.id)
			raw := strings.TrimPrefix(identitytest.Bearer(t, s.id, account), "Bearer ")
			for name, provider := range map[string]*oidc.Provider{"discovered": s.discover(), "RFC 8414": s.configure()} {
				verify := func(raw string, change func(*oidc.Config)) (*oidc.IDToken, error) {
					c := &oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{string(algorithm)}}
					change(c)
					return provider.VerifierContext(t.Context(), c).Verify(t.Context(), raw)
				}
				same := func(*oidc.Config) {}
				got, err := verify(raw, same)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				var claims struct {
					ID       string `json:"jti"`
					ClientID string `json:"client_id"`
					Org      string `json:"org"`
				}
				if err := got.Claims(&claims); err != nil {
					t.Fatal(err)
				}
				if got.Issuer != s.issuer || got.Subject != string(account.ID) || claims.ClientID != string(account.ID) || claims.Org != string(account.Org) || claims.ID == "" {
					t.Errorf("%s: %+v %+v", name, got, claims)
				}
				head, rest, _ := strings.Cut(raw, ".")
				body, signature, _ := strings.Cut(rest, ".")
				for wrong, ask := range map[string]func() (*oidc.IDToken, error){
					"audience": func() (*oidc.IDToken, error) { return verify(raw, func(c *oidc.Config) { c.ClientID = s.issuer }) },
					"algorithm": func() (*oidc.IDToken, error) {
						return verify(raw, func(c *oidc.Config) { c.SupportedSigningAlgs = []string{"RS256"} })
					},
					"expiry": func() (*oidc.IDToken, error) {
						return verify(raw, func(c *oidc.Config) { c.Now = func() time.Time { return time.Now().Add(time.Hour) } })
					},
					"signature": func() (*oidc.IDToken, error) { return verify(head+"."+body+"."+flip(signature), same) },
					"body":      func() (*oidc.IDToken, error) { return verify(head+"."+flip(body)+"."+signature, same) },
				} {
					if got, err := ask(); err == nil {
						t.Errorf("%s: a wrong %s was taken: %+v", name, wrong, got)
					}
				}
			}
		})
	}
}

// flip changes a character in the middle.
func flip(segment string) string {
	i, c := len(segment)/2, "A"
	if segment[i] == 'A' {
		c = "B"
	}
	return segment[:i] + c + segment[i+1:]
}

// discover follows OpenID Connect Discovery, whose place may hold the same document
// (RFC 8414 section 5).
func (s *site) discover() *oidc.Provider {
	s.t.Helper()
	provider, err := oidc.NewProvider(context.Background(), s.issuer)
	if err != nil {
		s.t.Fatal(err)
	}
	return provider
}

// configure reads the metadata where RFC 8414 has it.
func (s *site) configure() *oidc.Provider {
	s.t.Helper()
	resp, err := http.Get(s.url(httpapi.MetadataPath(s.id.Authority)))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var config oidc.ProviderConfig
	if err := json.NewDecoder(resp.Body).Decode(&config); err != nil {
		s.t.Fatal(err)
	}
	if config.IssuerURL != s.issuer || config.TokenURL != s.url(places.Token) || config.JWKSURL != s.url(places.JWKS) {
		s.t.Fatalf("%+v", config)
	}
	return config.NewProvider(context.Background())
}
