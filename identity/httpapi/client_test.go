package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/token"
)

// endpoint is one that authenticates its client, and what it is asked.
type endpoint struct {
	name    string
	handler http.Handler
	asked   []string // names and values
}

func endpoints(id *identitytest.Env) []endpoint {
	return []endpoint{
		{"token", httpapi.Token(id.Authority), []string{"grant_type", "client_credentials"}},
		{"introspection", httpapi.Introspection(id.Authority), []string{"token", "abc"}},
		{"revocation", httpapi.Revocation(id.Authority), []string{"token", "abc"}},
	}
}

// introspector is a role that may introspect.
func introspector(cfg *identity.Config) {
	cfg.Roles = append(cfg.Roles, identity.CodeRole{Name: "introspector", Permissions: []string{"identity:tokens.introspect"}})
}

// TestClientCredentials is RFC 6749 section 4.4 with a key: an answer as for every
// grant, and nothing but an access token in it.
func TestClientCredentials(t *testing.T) {
	id := identitytest.New(t)
	w := newWorkload(t, id)
	h := httpapi.Token(id.Authority)
	for name, f := range map[string]url.Values{
		"plain":     clientForm(w.assertion(t, id)),
		"client id": clientForm(w.assertion(t, id), "client_id", string(w.account.ID)),
		"empty":     clientForm(w.assertion(t, id), "client_id", "", "client_secret", "", "scope", ""),
		"unknown":   clientForm(w.assertion(t, id), "redirect_uri", "https://other.example"),
		"audience":  clientForm(w.assertion(t, id), "audience", identitytest.Issuer, "resource", identitytest.Issuer),
		"scope":     clientForm(w.assertion(t, id), "scope", "identity:orgs.read identity:groups.*"),
	} {
		f.Set("grant_type", "client_credentials")
		got := serve(h, post(f.Encode()))
		body, ok := strings.CutPrefix(got, "200\n"+jsonHeaders)
		if !ok {
			t.Errorf("%s: %s", name, got)
			continue
		}
		var answer map[string]any
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		raw, _ := answer["access_token"].(string)
		delete(answer, "access_token")
		want := map[string]any{"token_type": "Bearer", "expires_in": 600.0}
		if f.Get("scope") != "" {
			want["scope"] = f.Get("scope")
		}
		if len(answer) != len(want) || answer["token_type"] != want["token_type"] || answer["expires_in"] != want["expires_in"] || answer["scope"] != want["scope"] {
			t.Errorf("%s: %v", name, answer)
		}
		p, err := id.Authenticate(context.Background(), raw)
		if err != nil || p.Account() != w.account.ID || p.Credential() != w.key {
			t.Errorf("%s: the token speaks for %s: %v", name, p, err)
		}
		if limits := p.Limits().Permissions; !slices.Equal(limits, strings.Fields(f.Get("scope"))) {
			t.Errorf("%s: the token is cut down to %v", name, limits)
		}
	}
	f := clientForm(w.assertion(t, id), "grant_type", "client_credentials", "scope", "wallets:read")
	if got := serve(h, post(f.Encode())); got != refusal("invalid_scope", "the scope is not a list of permissions") {
		t.Errorf("unknown scope: %s", got)
	}
	// The life of a token never passes that of the account.
	until := id.Clock.Now().Add(5 * time.Minute)
	if _, err := id.System("test").In(w.account.Org).ExtendAccount(context.Background(), w.account.ID, until); err != nil {
		t.Fatal(err)
	}
	f = clientForm(w.assertion(t, id), "grant_type", "client_credentials")
	if got := serve(h, post(f.Encode())); !strings.Contains(got, `"expires_in":300}`) {
		t.Errorf("with five minutes left: %s", got)
	}
}

// TestClientRequests holds every way of not authenticating properly to its answer,
// at every endpoint.
func TestClientRequests(t *testing.T) {
	id := identitytest.New(t, introspector)
	w := newWorkload(t, id, "introspector")
	const (
		twice     = "more than one client authentication"
		badType   = "client_assertion_type must be " + assertionType
		malformed = "the Authorization header is malformed"
	)
	for _, e := range endpoints(id) {
		good := w.assertion(t, id)
		base := clientForm(good, e.asked...)
		bare := url.Values{}
		for i := 0; i < len(e.asked); i += 2 {
			bare.Set(e.asked[i], e.asked[i+1])
		}
		with := func(f url.Values, more ...string) *http.Request {
			body := f.Encode()
			for i := 0; i < len(more); i += 2 {
				body += "&" + url.QueryEscape(more[i]) + "=" + url.QueryEscape(more[i+1])
			}
			return post(body)
		}
		header := func(f url.Values, values ...string) *http.Request {
			r := post(f.Encode())
			r.Header["Authorization"] = values
			return r
		}
		without := func(name string) *http.Request {
			f := clientForm(good, e.asked...)
			f.Del(name)
			return post(f.Encode())
		}
		for _, c := range []struct {
			name string
			r    *http.Request
			want string
		}{
			{"no client", with(bare), badClient},
			{"client id alone", with(bare, "client_id", string(w.account.ID)), badClient},
			{"assertion and secret", with(base, "client_secret", "s"), refusal("invalid_request", twice)},
			{"assertion and Basic", header(base, "Basic YTpi"), refusal("invalid_request", twice)},
			{"assertion and Bearer", header(base, "Bearer abc"), refusal("invalid_request", twice)},
			{"assertion and empty header", header(base, ""), refusal("invalid_request", twice)},
			{"secret and Basic", header(clientForm("", append([]string{"client_secret", "s", "client_assertion_type", ""}, e.asked...)...), "Basic YTpi"), refusal("invalid_request", twice)},
			{"no assertion type", without("client_assertion_type"), refusal("invalid_request", badType)},
			{"no assertion", without("client_assertion"), refusal("invalid_request", "client_assertion is required")},
			{"SAML", with(bare, "client_assertion", good, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), refusal("invalid_request", badType)},
			{"assertion twice", with(base, "client_assertion", good), refusal("invalid_request", "a parameter is repeated")},
			{"client id twice", with(base, "client_id", "a", "client_id", "a"), refusal("invalid_request", "a parameter is repeated")},
			{"secret without id", with(bare, "client_secret", "s"), refusal("invalid_request", "client_id is required")},
			{"Bearer", header(bare, "Bearer abc"), badClient},
			{"no scheme", header(bare, ""), badClient},
			{"two headers", header(bare, "Basic YTpi", "Basic YTpi"), refusal("invalid_request", "more than one Authorization header")},
			{"Basic without credentials", header(bare, "Basic"), refusal("invalid_request", malformed)},
			{"Basic of no base64", header(bare, "Basic ?"), refusal("invalid_request", malformed)},
			{"Basic without padding", header(bare, "Basic YTo"), refusal("invalid_request", malformed)},
			{"Basic with spare bits", header(bare, "Basic YTpiYW=="), refusal("invalid_request", malformed)},
			{"Basic without a colon", header(bare, "Basic YWI="), refusal("invalid_request", malformed)},
			{"Basic without an id", header(bare, "Basic OmI="), refusal("invalid_request", malformed)},
			{"Basic without a secret", header(bare, "Basic YTo="), refusal("invalid_request", malformed)},
			{"Basic with a bad escape", header(bare, "Basic YTolenI="), refusal("invalid_request", malformed)},
			{"Basic and another client id", header(url.Values{"client_id": {"b"}, e.asked[0]: {e.asked[1]}}, "Basic YTpi"), refusal("invalid_request", "client_id is not that of the Authorization header")},
		} {
			if got := serve(e.handler, c.r); got != c.want {
				t.Errorf("%s, %s:\n%s\nwant\n%s", e.name, c.name, got, c.want)
			}
		}
		if got := serve(e.handler, post(base.Encode())); !strings.HasPrefix(got, "200\n") {
			t.Errorf("%s: the assertion was used up: %s", e.name, got)
		}
	}
}

// TestSec61_OneAnswerForEveryBadClient compares bytes: which clients there are, and
// what is wrong with one, is not for a stranger.
func TestSec61_OneAnswerForEveryBadClient(t *testing.T) {
	id, other := identitytest.New(t, introspector), identitytest.New(t)
	ctx := context.Background()
	for _, e := range endpoints(id) {
		w, second, stranger := newWorkload(t, id), newWorkload(t, id), newWorkload(t, other)
		spec := func(f func(*token.AssertionSpec)) url.Values { return clientForm(w.assertion(t, id, f)) }
		bad := map[string]url.Values{
			"no JWT":              clientForm("abc"),
			"unknown key":         spec(func(s *token.AssertionSpec) { s.KeyID = "cr_0000000000000000000000000a" }),
			"wrong key":           spec(func(s *token.AssertionSpec) { s.KeyID = string(second.key) }),
			"wrong account":       spec(func(s *token.AssertionSpec) { s.Account = string(second.account.ID) }),
			"unknown account":     spec(func(s *token.AssertionSpec) { s.Account = "sa_0000000000000000000000000a" }),
			"wrong audience":      spec(func(s *token.AssertionSpec) { s.Audience = identitytest.Issuer + "/oauth2/token" }),
			"too late":            spec(func(s *token.AssertionSpec) { s.Now = s.Now.Add(-time.Hour) }),
			"of another instance": clientForm(stranger.assertion(t, other)),
			"access token":        clientForm(strings.TrimPrefix(identitytest.Bearer(t, id, w.account), "Bearer ")),
			"other client id":     clientForm(w.assertion(t, id), "client_id", string(second.account.ID)),
			"client id of nobody": clientForm(w.assertion(t, id), "client_id", "x"),
		}
		used := clientForm(w.assertion(t, id))
		if got := serve(httpapi.Token(id.Authority), post(form(used.Get("client_assertion")).Encode())); !strings.HasPrefix(got, "200\n") {
			t.Fatal(got)
		}
		bad["used as a grant"] = used
		acme := id.System("test").In(w.account.Org)
		for name, ruin := range map[string]func(workload) error{
			"deactivated": func(v workload) error { _, err := acme.DeactivateAccount(ctx, v.account.ID); return err },
			"archived":    func(v workload) error { _, err := acme.ArchiveAccount(ctx, v.account.ID); return err },
			"deleted":     func(v workload) error { _, err := acme.DeleteAccount(ctx, v.account.ID); return err },
			"key revoked": func(v workload) error { _, err := acme.RevokeCredential(ctx, v.key); return err },
			"key paused":  func(v workload) error { _, err := acme.DisableCredential(ctx, v.key); return err },
		} {
			v := newWorkload(t, id)
			bad[name] = clientForm(v.assertion(t, id))
			if err := ruin(v); err != nil {
				t.Fatal(err)
			}
		}
		for name, f := range bad {
			for i := 0; i < len(e.asked); i += 2 {
				f.Set(e.asked[i], e.asked[i+1])
			}
			if got := serve(e.handler, post(f.Encode())); got != badClient {
				t.Errorf("%s, %s:\n%s\nwant\n%s", e.name, name, got, badClient)
			}
		}
	}
}

// TestSec41_ClientAssertionIsUsedOnce: at one endpoint or at two, as authentication
// or as a grant, an assertion is good for one request.
func TestSec41_ClientAssertionIsUsedOnce(t *testing.T) {
	id := identitytest.New(t, introspector)
	w := newWorkload(t, id, "introspector")
	for _, first := range endpoints(id) {
		for _, second := range endpoints(id) {
			assertion := w.assertion(t, id)
			if got := serve(first.handler, post(clientForm(assertion, first.asked...).Encode())); !strings.HasPrefix(got, "200\n") {
				t.Fatalf("%s: %s", first.name, got)
			}
			if got := serve(second.handler, post(clientForm(assertion, second.asked...).Encode())); got != badClient {
				t.Errorf("%s, then %s: %s", first.name, second.name, got)
			}
			if got := serve(httpapi.Token(id.Authority), post(form(assertion).Encode())); got != refusal("invalid_grant", "the assertion is not accepted") {
				t.Errorf("%s, then as a grant: %s", first.name, got)
			}
		}
	}
}

// TestSec09_ClientNamesTheIssuer: the endpoint's URL as audience is a relaxation
// for grants alone.
func TestSec09_ClientNamesTheIssuer(t *testing.T) {
	const url = identitytest.Issuer + "/oauth2/token"
	id := identitytest.New(t, func(cfg *identity.Config) { cfg.InsecureAcceptEndpointAudience = url })
	w := newWorkload(t, id)
	h := httpapi.Token(id.Authority)
	named := func() string { return w.assertion(t, id, func(s *token.AssertionSpec) { s.Audience = url }) }
	if got := serve(h, post(form(named()).Encode())); !strings.HasPrefix(got, "200\n") {
		t.Errorf("grant: %s", got)
	}
	if got := serve(h, post(clientForm(named(), "grant_type", "client_credentials").Encode())); got != badClient {
		t.Errorf("client: %s", got)
	}
}

// TestSec34_OneClient: a credential in the URL, and more than one of them, are
// refused, and the operator learns of it without the credential.
func TestSec34_OneClient(t *testing.T) {
	id := identitytest.New(t, introspector)
	w := newWorkload(t, id, "introspector")
	for _, e := range endpoints(id) {
		var log bytes.Buffer
		mux := httpauth.NewMux(id.Authority, httpauth.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		mux.Handle("/", httpauth.Public, e.handler)
		good := w.assertion(t, id)
		inURL := func(query string) *http.Request {
			r := post(clientForm(good, e.asked...).Encode())
			r.URL.RawQuery = query
			return r
		}
		both := post(clientForm(good, e.asked...).Encode())
		both.Header.Set("Authorization", "Basic YTpzZWNyZXQ=")
		asked := clientForm("", e.asked...)
		asked.Del("client_assertion_type")
		headers := post(asked.Encode())
		headers.Header["Authorization"] = []string{"Basic YTpzZWNyZXQ=", "Basic YTpzZWNyZXQ="}
		for name, r := range map[string]*http.Request{
			"assertion in the URL": inURL("client_assertion=" + good), "secret in the URL": inURL("client_secret=secret"),
			"token in the URL": inURL("token=secret"), "anything in the URL": inURL("x"), "two methods": both, "two headers": headers,
		} {
			log.Reset()
			if got := serve(mux, r); !strings.HasPrefix(got, "400\n") || !strings.Contains(got, `"invalid_request"`) {
				t.Errorf("%s, %s: %s", e.name, name, got)
			}
			if text := log.String(); !strings.Contains(text, "credential refused") || strings.Contains(text, good) || strings.Contains(text, "secret") {
				t.Errorf("%s, %s: logged %q", e.name, name, text)
			}
		}
	}
}

// TestSec10_ClientOfAnyHost: what a request says of the host changes nothing.
func TestSec10_ClientOfAnyHost(t *testing.T) {
	id := identitytest.New(t)
	w := newWorkload(t, id)
	h := httpapi.Token(id.Authority)
	for _, audience := range []string{"https://evil.example", "https://evil.example/oauth2/token"} {
		assertion := w.assertion(t, id, func(s *token.AssertionSpec) { s.Audience = audience })
		r := httptest.NewRequest("POST", "https://evil.example/oauth2/token", strings.NewReader(clientForm(assertion, "grant_type", "client_credentials").Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, name := range []string{"X-Forwarded-Host", "Forwarded", "X-Original-Host"} {
			r.Header.Set(name, "host=evil.example")
		}
		if got := serve(h, r); got != badClient {
			t.Errorf("%s: %s", audience, got)
		}
	}
}
