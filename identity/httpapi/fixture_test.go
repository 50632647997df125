package httpapi_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/token"
)

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// workload is a service account and its private key.
type workload struct {
	account identity.Account
	key     identity.CredentialID
	private ed25519.PrivateKey
}

func newWorkload(t testing.TB, id *identitytest.Env) workload {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	account := identitytest.Account(t, id)
	key, err := id.System("test").In(account.Org).AddPublicKey(context.Background(), account.ID, identity.PublicKeySpec{
		UnprovenPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return workload{account, key.ID, private}
}

// assertion is signed at this moment; change makes a wrong one.
func (w workload) assertion(t testing.TB, id *identitytest.Env, change ...func(*token.AssertionSpec)) string {
	t.Helper()
	spec := token.AssertionSpec{KeyID: string(w.key), Account: string(w.account.ID), Audience: identitytest.Issuer, Now: id.Clock.Now()}
	for _, f := range change {
		f(&spec)
	}
	text, err := token.SignAssertion(context.Background(), w.private, spec)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func form(assertion string) url.Values {
	return url.Values{"grant_type": {grantType}, "assertion": {assertion}}
}

func post(body string) *http.Request {
	r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// serve returns the status line, the headers in order and the body.
func serve(h http.Handler, r *http.Request) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintln(&b, resp.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, v := range resp.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	return b.String() + "\n" + string(body)
}

const jsonHeaders = "Cache-Control: no-store\nContent-Type: application/json\nPragma: no-cache\nX-Content-Type-Options: nosniff\n\n"

// refusal is an error answer as serve prints it.
func refusal(code, description string) string {
	return fmt.Sprintf("400\n%s{\"error\":%q,\"error_description\":%q}\n", jsonHeaders, code, description)
}
