package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/identitytest"
)

// TestKeys: the set verifies tokens, may be kept for five minutes, and is not
// sent again to who has it.
func TestKeys(t *testing.T) {
	id := identitytest.New(t)
	h := httpapi.JWKS(id.Authority)
	get := func(method, tag string) string {
		r := httptest.NewRequest(method, "/.well-known/jwks.json", nil)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		return serve(h, r)
	}
	keys, err := id.JWKS(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got := get("GET", "")
	_, tag, _ := strings.Cut(got, "Etag: ")
	tag, _, _ = strings.Cut(tag, "\n")
	want := fmt.Sprintf("200\nAccept-Ranges: bytes\nCache-Control: public, max-age=300\nContent-Length: %d\nContent-Type: application/jwk-set+json\nEtag: %s\nX-Content-Type-Options: nosniff\n\n", len(keys), tag)
	if got != want+string(keys) || len(tag) < 20 {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := get("HEAD", ""); got != want {
		t.Errorf("HEAD: %s", got)
	}
	for _, name := range []string{tag, "*", "W/" + tag, `"x", ` + tag} {
		if got := get("GET", name); !strings.HasPrefix(got, "304\n") || !strings.HasSuffix(got, "\n\n") || !strings.Contains(got, tag) {
			t.Errorf("If-None-Match %s: %s", name, got)
		}
	}
	if got := get("GET", `"x"`); got != want+string(keys) {
		t.Errorf("another tag: %s", got)
	}
	if got := get("POST", ""); !strings.HasPrefix(got, "405\nAllow: GET, HEAD\n") {
		t.Errorf("POST: %s", got)
	}

	// Public members only, and the key that signs is among them.
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(keys, &set); err != nil {
		t.Fatal(err)
	}
	access := strings.TrimPrefix(identitytest.Bearer(t, id, identitytest.Account(t, id)), "Bearer ")
	head, err := base64.RawURLEncoding.DecodeString(strings.Split(access, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	signs := false
	for _, k := range set.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "priv"} {
			if _, leaked := k[private]; leaked {
				t.Errorf("the set holds %q", private)
			}
		}
		if kid, _ := k["kid"].(string); kid != "" && bytes.Contains(head, []byte(`"`+kid+`"`)) {
			signs = true
		}
	}
	if !signs {
		t.Errorf("no key of %s signs under %s", keys, head)
	}

	// The schedule turns, and the tag with it.
	id.Clock.Advance(45 * 24 * time.Hour)
	if got := get("GET", tag); !strings.HasPrefix(got, "200\n") || strings.Contains(got, tag) {
		t.Errorf("after the keys turned: %s", got)
	}
}

func TestNilAuthority(t *testing.T) {
	for name, make := range map[string]func(*identity.Authority) http.Handler{
		"Token": httpapi.Token, "JWKS": httpapi.JWKS, "Introspection": httpapi.Introspection, "Revocation": httpapi.Revocation,
		"Metadata": func(id *identity.Authority) http.Handler {
			return httpapi.Metadata(id, httpapi.Endpoints{Token: "/token"})
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes nil", name)
				}
			}()
			make(nil)
		}()
	}
}
