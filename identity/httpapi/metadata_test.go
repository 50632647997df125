package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
)

var everywhere = httpapi.Endpoints{Token: "/oauth2/token", JWKS: "/.well-known/jwks.json", Introspection: "/oauth2/introspect", Revocation: "/oauth2/revoke"}

const (
	methodsJSON    = `["private_key_jwt","client_secret_basic","client_secret_post"]`
	algorithmsJSON = `["EdDSA","Ed25519","ES256","ES384","ES512","RS256","RS384","RS512","PS256","PS384","PS512"]`
	grantsJSON     = `["urn:ietf:params:oauth:grant-type:jwt-bearer","client_credentials","urn:ietf:params:oauth:grant-type:token-exchange"]`
)

// TestMetadata holds the document to its bytes (RFC 8414 section 2).
func TestMetadata(t *testing.T) {
	id := identitytest.New(t)
	for name, c := range map[string]struct {
		at   httpapi.Endpoints
		want string
	}{
		"all": {everywhere, `{"issuer":"https://identity.test","token_endpoint":"https://identity.test/oauth2/token","jwks_uri":"https://identity.test/.well-known/jwks.json",` +
			`"response_types_supported":[],"grant_types_supported":` + grantsJSON + `,` +
			`"token_endpoint_auth_methods_supported":` + methodsJSON + `,"token_endpoint_auth_signing_alg_values_supported":` + algorithmsJSON + `,` +
			`"introspection_endpoint":"https://identity.test/oauth2/introspect",` +
			`"introspection_endpoint_auth_methods_supported":` + methodsJSON + `,"introspection_endpoint_auth_signing_alg_values_supported":` + algorithmsJSON + `,` +
			`"revocation_endpoint":"https://identity.test/oauth2/revoke",` +
			`"revocation_endpoint_auth_methods_supported":` + methodsJSON + `,"revocation_endpoint_auth_signing_alg_values_supported":` + algorithmsJSON + `}`},
		"token alone": {httpapi.Endpoints{Token: "https://tokens.test/a?b=c"}, `{"issuer":"https://identity.test","token_endpoint":"https://tokens.test/a?b=c",` +
			`"response_types_supported":[],"grant_types_supported":` + grantsJSON + `,` +
			`"token_endpoint_auth_methods_supported":` + methodsJSON + `,"token_endpoint_auth_signing_alg_values_supported":` + algorithmsJSON + `}`},
	} {
		got := serve(httpapi.Metadata(id.Authority, c.at), httptest.NewRequest("GET", "/", nil))
		head, body, _ := strings.Cut(got, "\n\n")
		if body != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, body, c.want)
		}
		for _, line := range []string{"200\n", "\nCache-Control: public, max-age=300\n", "\nContent-Type: application/json\n", "\nEtag: \"", "\nX-Content-Type-Options: nosniff"} {
			if !strings.Contains(head, line) {
				t.Errorf("%s: no %q in %s", name, line, head)
			}
		}
	}
	h := httpapi.Metadata(id.Authority, everywhere)
	if got := serve(h, httptest.NewRequest("POST", "/", nil)); !strings.HasPrefix(got, "405\nAllow: GET, HEAD\n") {
		t.Errorf("POST: %s", got)
	}
	if got := serve(h, httptest.NewRequest("HEAD", "/", nil)); !strings.HasPrefix(got, "200\n") || !strings.HasSuffix(got, "\n\n") {
		t.Errorf("HEAD: %s", got)
	}
}

// TestSec10_MetadataOfNoRequest: no header moves an endpoint.
func TestSec10_MetadataOfNoRequest(t *testing.T) {
	id := identitytest.New(t)
	h := httpapi.Metadata(id.Authority, everywhere)
	want := serve(h, httptest.NewRequest("GET", "/", nil))
	r := httptest.NewRequest("GET", "https://evil.example/?issuer=https://evil.example", nil)
	for _, name := range []string{"Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "X-Original-URL", "Origin", "Referer"} {
		r.Header.Set(name, "host=evil.example")
	}
	if got := serve(h, r); got != want || strings.Contains(got, "evil") {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestMetadataPath inserts the well-known path between host and path (RFC 8414
// section 3.1), where a Mux serves it.
func TestMetadataPath(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://identity.test":              "/.well-known/oauth-authorization-server",
		"https://identity.test/":             "/.well-known/oauth-authorization-server",
		"https://identity.test/tenant":       "/.well-known/oauth-authorization-server/tenant",
		"https://identity.test/tenant/":      "/.well-known/oauth-authorization-server/tenant",
		"https://identity.test/a/b":          "/.well-known/oauth-authorization-server/a/b",
		"https://identity.test:8443/%7Ba%7D": "/.well-known/oauth-authorization-server/%7Ba%7D",
		"https://identity.test/a%2Fb":        "/.well-known/oauth-authorization-server/a%2Fb",
		"http://127.0.0.1:8080/a":            "/.well-known/oauth-authorization-server/a",
	} {
		id := identitytest.New(t, func(cfg *identity.Config) { cfg.Issuer = issuer })
		got := httpapi.MetadataPath(id.Authority)
		if got != want {
			t.Errorf("%s: %s, want %s", issuer, got, want)
		}
		mux := httpauth.NewMux(id.Authority)
		mux.Handle("GET "+got, httpauth.Public, httpapi.Metadata(id.Authority, everywhere))
		if got := serve(mux, httptest.NewRequest("GET", want, nil)); !strings.Contains(got, `{"issuer":"`+issuer+`",`) {
			t.Errorf("%s: %s", issuer, got)
		}
	}
}

// TestBadEndpoints: metadata never names what clients must not send secrets to.
func TestBadEndpoints(t *testing.T) {
	local := identitytest.New(t, func(cfg *identity.Config) { cfg.Issuer = "http://localhost:1" })
	id := identitytest.New(t)
	takes := func(id *identity.Authority, at httpapi.Endpoints) (taken bool) {
		defer func() { taken = recover() == nil }()
		httpapi.Metadata(id, at)
		return
	}
	for _, text := range []string{
		"http://identity.test/token", "token", "//other.test/token", "https:/token", "https:token", "https://a:b@identity.test/token", "/token#a", "/token#",
		"javascript:alert(1)", "ftp://identity.test/token", "\x00", "/%zz", " /token",
	} {
		for name, at := range map[string]httpapi.Endpoints{
			"Token": {Token: text}, "JWKS": {Token: "/t", JWKS: text}, "Introspection": {Token: "/t", Introspection: text}, "Revocation": {Token: "/t", Revocation: text},
		} {
			if takes(id.Authority, at) {
				t.Errorf("%s: %q was taken", name, text)
			}
		}
	}
	if takes(id.Authority, httpapi.Endpoints{JWKS: "/keys"}) {
		t.Error("no token endpoint was taken")
	}
	if !takes(local.Authority, httpapi.Endpoints{Token: "http://localhost:1/token"}) {
		t.Error("an issuer of this machine cannot name its endpoint")
	}
}

// TestSec62_NoURLIsFetched: whatever a caller names, nothing is asked for it.
func TestSec62_NoURLIsFetched(t *testing.T) {
	asked := make(chan string, 100)
	trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.String() }))
	defer trap.Close()
	id := identitytest.New(t, introspector)
	w := newWorkload(t, id, "introspector")
	for _, e := range endpoints(id) {
		for _, header := range []string{"jku", "x5u"} {
			text := w.sign(t, id, "EdDSA", w.private, map[string]any{header: trap.URL})
			f := clientForm(text, e.asked...)
			if got := serve(e.handler, post(f.Encode())); got != badClient {
				t.Errorf("%s, %s: %s", e.name, header, got)
			}
		}
		f := clientForm(w.assertion(t, id), append([]string{
			"request_uri", trap.URL, "redirect_uri", trap.URL, "jwks_uri", trap.URL, "issuer", trap.URL,
		}, e.asked...)...)
		r := post(f.Encode())
		r.Header.Set("Origin", trap.URL)
		r.Header.Set("Referer", trap.URL)
		if got := serve(e.handler, r); !strings.HasPrefix(got, "200\n") {
			t.Errorf("%s: %s", e.name, got)
		}
	}
	for _, name := range []string{"resource", "audience"} {
		f := clientForm(w.assertion(t, id), "grant_type", "client_credentials", name, trap.URL)
		if got := serve(httpapi.Token(id.Authority), post(f.Encode())); got != refusal("invalid_target", "no token is made for this audience") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := id.Authenticate(context.Background(), trap.URL); err == nil {
		t.Error("a URL is a token")
	}
	select {
	case url := <-asked:
		t.Errorf("somebody asked for %s", url)
	default:
	}
}
