package httpapi_test

import (
	"context"
	"crypto/ed25519"
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

const (
	grantType     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// workload is a service account and its private key.
type workload struct {
	account identity.Account
	key     identity.CredentialID
	private ed25519.PrivateKey
}

func newWorkload(t testing.TB, id *identitytest.Env, grants ...string) workload {
	t.Helper()
	return workloadOf(t, id, identitytest.Account(t, id, grants...))
}

// workloadOf gives an account a key.
func workloadOf(t testing.TB, id *identitytest.Env, account identity.Account) workload {
	t.Helper()
	private := newKey(t, "EdDSA").(ed25519.PrivateKey)
	return workload{account, register(t, id, account, private), private}
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

// secret gives the account another client secret.
func (w workload) secret(t testing.TB, id *identitytest.Env) identity.CredentialSecret {
	t.Helper()
	secret, err := id.System("test").In(w.account.Org).CreateClientSecret(context.Background(), w.account.ID, identity.ClientSecretSpec{})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func form(assertion string) url.Values {
	return url.Values{"grant_type": {grantType}, "assertion": {assertion}}
}

// clientForm authenticates a client by an assertion; more are pairs of names and values.
func clientForm(assertion string, more ...string) url.Values {
	f := url.Values{"client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	for i := 0; i < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	return f
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

// badClient is the answer to every client that is not accepted.
const badClient = "401\nCache-Control: no-store\nContent-Type: application/json\nPragma: no-cache\n" +
	"Www-Authenticate: Basic realm=\"identity\"\nX-Content-Type-Options: nosniff\n\n" +
	`{"error":"invalid_client","error_description":"the client is not authenticated"}` + "\n"

// refusal is an error answer as serve prints it.
func refusal(code, description string) string {
	return fmt.Sprintf("400\n%s{\"error\":%q,\"error_description\":%q}\n", jsonHeaders, code, description)
}
