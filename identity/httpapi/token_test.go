package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity/httpapi"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/token"
)

// TestGrant is the way it is meant: an assertion, a token, and who it speaks for.
func TestGrant(t *testing.T) {
	id := identitytest.New(t)
	w := newWorkload(t, id)
	h := httpapi.Token(id.Authority)
	got := serve(h, post(form(w.assertion(t, id)).Encode()))
	body, ok := strings.CutPrefix(got, "200\n"+jsonHeaders)
	if !ok {
		t.Fatal(got)
	}
	var answer map[string]any
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer) != 3 || answer["token_type"] != "Bearer" || answer["expires_in"] != 600.0 {
		t.Errorf("%v", answer)
	}
	raw, _ := answer["access_token"].(string)
	p, err := id.Authenticate(context.Background(), raw)
	if err != nil || p.Account() != w.account.ID {
		t.Errorf("the token speaks for %s: %v", p, err)
	}
	if want := id.Clock.Now().Add(600 * time.Second); !p.Expires().Equal(want) {
		t.Errorf("ends at %s, want %s", p.Expires(), want)
	}

	// Ways of asking that are as good.
	for name, change := range map[string]func(url.Values, *http.Request){
		"charset": func(_ url.Values, r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		},
		"case of the type":  func(_ url.Values, r *http.Request) { r.Header.Set("Content-Type", "Application/X-WWW-Form-Urlencoded") },
		"empty scope":       func(f url.Values, _ *http.Request) { f.Set("scope", "") },
		"empty secret":      func(f url.Values, _ *http.Request) { f.Set("client_secret", "") },
		"unknown parameter": func(f url.Values, _ *http.Request) { f.Set("x", "y") },
		"forwarded": func(_ url.Values, r *http.Request) {
			r.Host = "evil.example"
			r.Header.Set("X-Forwarded-Host", "evil.example")
		},
	} {
		f, r := form(w.assertion(t, id)), post("")
		change(f, r)
		r.Body = io.NopCloser(strings.NewReader(f.Encode()))
		if got := serve(h, r); !strings.HasPrefix(got, "200\n") {
			t.Errorf("%s: %s", name, got)
		}
	}

	// The life of a token never passes that of the account.
	until := id.Clock.Now().Add(5 * time.Minute)
	if _, err := id.System("test").In(w.account.Org).ExtendAccount(context.Background(), w.account.ID, until); err != nil {
		t.Fatal(err)
	}
	if got := serve(h, post(form(w.assertion(t, id)).Encode())); !strings.Contains(got, `"expires_in":300}`) {
		t.Errorf("with five minutes left: %s", got)
	}
}

// TestScope: a scope cuts the token down, and is told back (RFC 6749 sections
// 3.3 and 5.1).
func TestScope(t *testing.T) {
	id := identitytest.New(t)
	w := newWorkload(t, id)
	h := httpapi.Token(id.Authority)
	for scope, want := range map[string][]string{
		"":                                    nil,
		"identity:orgs.read":                  {"identity:orgs.read"},
		"identity:* identity:escalate host:*": {"identity:*", "identity:escalate", "host:*"},
	} {
		f := form(w.assertion(t, id))
		f.Set("scope", scope)
		r := httptest.NewRecorder()
		h.ServeHTTP(r, post(f.Encode()))
		var got struct {
			AccessToken string  `json:"access_token"`
			Scope       *string `json:"scope"`
		}
		if err := json.Unmarshal(r.Body.Bytes(), &got); err != nil || r.Code != http.StatusOK {
			t.Fatalf("%q: %d %s", scope, r.Code, r.Body)
		}
		if (got.Scope == nil) != (scope == "") || got.Scope != nil && *got.Scope != scope {
			t.Errorf("%q came back as %s", scope, r.Body)
		}
		p, err := id.Authenticate(context.Background(), got.AccessToken)
		if err != nil || !slices.Equal(p.Limits().Permissions, want) || (p.Limits().Permissions == nil) != (want == nil) {
			t.Errorf("%q: the token is cut down to %v, %v", scope, p.Limits(), err)
		}
	}
}

// TestRequests holds every malformed request to its answer (RFC 6749 section
// 5.2). None of them uses the assertion up.
func TestRequests(t *testing.T) {
	id := identitytest.New(t)
	w := newWorkload(t, id)
	h := httpapi.Token(id.Authority)
	good := w.assertion(t, id)
	encoded := form(good).Encode()
	const (
		onlyOne   = "the assertion is the only authentication"
		notServed = "this grant type is not served"
		badScope  = "the scope is not a list of permissions"
		typeText  = "the content type must be application/x-www-form-urlencoded"
	)
	with := func(more string) *http.Request { return post(encoded + more) }
	header := func(name string, values ...string) *http.Request {
		r := post(encoded)
		r.Header[name] = values
		return r
	}
	inURL := func(query string) *http.Request {
		r := post(encoded)
		r.URL.RawQuery = query
		return r
	}
	method := func(m string) *http.Request {
		r := post(encoded)
		r.Method = m
		return r
	}
	for _, c := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"empty", post(""), refusal("invalid_request", "grant_type is required")},
		{"no grant type", post("assertion=" + good), refusal("invalid_request", "grant_type is required")},
		{"no assertion", post("grant_type=" + grantType), refusal("invalid_request", "assertion is required")},
		{"empty assertion", post("grant_type=" + grantType + "&assertion="), refusal("invalid_request", "assertion is required")},
		{"password", post("grant_type=password&username=a&password=b"), refusal("unsupported_grant_type", notServed)},
		{"authorization code", post("grant_type=authorization_code&code=a"), refusal("unsupported_grant_type", notServed)},
		{"refresh token", post("grant_type=refresh_token&refresh_token=a"), refusal("unsupported_grant_type", notServed)},
		{"case of the grant type", post("grant_type=" + strings.ToUpper(grantType) + "&assertion=" + good), refusal("unsupported_grant_type", notServed)},
		{"unknown scope", with("&scope=wallets:read"), refusal("invalid_scope", badScope)},
		{"malformed scope", with("&scope=identity:orgs.read+w*"), refusal("invalid_scope", badScope)},
		{"two spaces in a scope", with("&scope=identity:orgs.read++identity:orgs.update"), refusal("invalid_scope", badScope)},
		{"a space before a scope", with("&scope=+identity:orgs.read"), refusal("invalid_scope", badScope)},
		{"a scope of spaces", with("&scope=+"), refusal("invalid_scope", badScope)},
		{"a scope with tabs", with("&scope=identity:orgs.read%09identity:orgs.update"), refusal("invalid_scope", badScope)},
		{"a long scope", with("&scope=" + strings.TrimSuffix(strings.Repeat("identity:orgs.read+", 65), "+")), refusal("invalid_scope", badScope)},
		{"grant type twice", with("&grant_type=" + grantType), refusal("invalid_request", "a parameter is repeated")},
		{"assertion twice", with("&assertion=" + good), refusal("invalid_request", "a parameter is repeated")},
		{"escaped name twice", with("&%61ssertion=" + good), refusal("invalid_request", "a parameter is repeated")},
		{"unknown twice", with("&x=1&x=1"), refusal("invalid_request", "a parameter is repeated")},
		{"empty ones twice", with("&scope=&scope="), refusal("invalid_request", "a parameter is repeated")},
		{"bad escape", with("&x=%zz"), refusal("invalid_request", "the body is malformed")},
		{"semicolon", with(";x=1"), refusal("invalid_request", "the body is malformed")},
		{"parameters in the URL", inURL("x=1"), refusal("invalid_request", "parameters belong in the body")},
		{"assertion in the URL", inURL("assertion=" + good), refusal("invalid_request", "parameters belong in the body")},
		{"Basic", header("Authorization", "Basic YTpi"), refusal("invalid_request", onlyOne)},
		{"Bearer", header("Authorization", "Bearer abc"), refusal("invalid_request", onlyOne)},
		{"empty Authorization", header("Authorization", ""), refusal("invalid_request", onlyOne)},
		{"client secret", with("&client_secret=s"), refusal("invalid_request", onlyOne)},
		{"client assertion", with("&client_assertion=" + good), refusal("invalid_request", onlyOne)},
		{"client assertion type", with("&client_assertion_type=urn"), refusal("invalid_request", onlyOne)},
		{"no type", header("Content-Type"), refusal("invalid_request", typeText)},
		{"JSON", header("Content-Type", "application/json"), refusal("invalid_request", typeText)},
		{"multipart", header("Content-Type", "multipart/form-data; boundary=a"), refusal("invalid_request", typeText)},
		{"prefix of a type", header("Content-Type", "application/x-www-form-urlencodedx"), refusal("invalid_request", typeText)},
		{"malformed type", header("Content-Type", "application/x-www-form-urlencoded; charset"), refusal("invalid_request", typeText)},
		{"two types", header("Content-Type", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded"), refusal("invalid_request", typeText)},
		{"GET", method("GET"), notPost},
		{"HEAD", method("HEAD"), notPost},
		{"PUT", method("PUT"), notPost},
		{"lower case", method("post"), notPost},
	} {
		got := serve(h, c.r)
		if got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if got := serve(h, post(encoded)); !strings.HasPrefix(got, "200\n") {
		t.Errorf("the assertion was used up: %s", got)
	}
}

const notPost = "405\nAllow: POST\n" + jsonHeaders + `{"error":"invalid_request","error_description":"only POST is served"}` + "\n"

// endless is a body that counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.read += len(p)
	return len(p), nil
}

// broken is a body that ends in the middle.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestSec58_BodyIsCapped(t *testing.T) {
	id := identitytest.New(t)
	h := httpapi.Token(id.Authority)
	body := &endless{}
	r := post("")
	r.Body, r.ContentLength = io.NopCloser(body), -1
	want := strings.Replace(refusal("invalid_request", "the body is larger than 64 KiB"), "400", "413", 1)
	if got := serve(h, r); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if body.read > 256<<10 {
		t.Errorf("%d bytes were read", body.read)
	}
	padded := func(n int) string {
		f := form("abc").Encode() + "&x="
		return f + strings.Repeat("a", n-len(f))
	}
	if got := serve(h, post(padded(64<<10))); got != refusal("invalid_grant", "the assertion is not accepted") {
		t.Errorf("64 KiB: %s", got)
	}
	if got := serve(h, post(padded(64<<10+1))); got != want {
		t.Errorf("one byte more: %s", got)
	}
	r = post("")
	r.Body = io.NopCloser(broken{})
	if got := serve(h, r); got != refusal("invalid_request", "the body cannot be read") {
		t.Errorf("broken: %s", got)
	}
}

// TestSec61_OneAnswerForEveryBadAssertion compares bytes: which accounts and
// keys there are is not for a stranger.
func TestSec61_OneAnswerForEveryBadAssertion(t *testing.T) {
	id, other := identitytest.New(t), identitytest.New(t)
	h := httpapi.Token(id.Authority)
	ctx := context.Background()
	w, second, stranger := newWorkload(t, id), newWorkload(t, id), newWorkload(t, other)
	used := w.assertion(t, id)
	if got := serve(h, post(form(used).Encode())); !strings.HasPrefix(got, "200\n") {
		t.Fatal(got)
	}
	spec := func(f func(*token.AssertionSpec)) string { return w.assertion(t, id, f) }
	access := strings.TrimPrefix(identitytest.Bearer(t, id, w.account), "Bearer ")
	bad := map[string]string{
		"no JWT":         "abc",
		"too long":       strings.Repeat("a", 20_000),
		"used":           used,
		"unknown key":    spec(func(s *token.AssertionSpec) { s.KeyID = "cr_0000000000000000000000000a" }),
		"injection":      spec(func(s *token.AssertionSpec) { s.KeyID = "'OR/**/1=1--" }),
		"wrong key":      spec(func(s *token.AssertionSpec) { s.KeyID = string(second.key) }),
		"wrong account":  spec(func(s *token.AssertionSpec) { s.Account = string(second.account.ID) }),
		"no account":     spec(func(s *token.AssertionSpec) { s.Account = "sa_0000000000000000000000000a" }),
		"wrong audience": spec(func(s *token.AssertionSpec) { s.Audience = identitytest.Issuer + "/" }),
		"endpoint":       spec(func(s *token.AssertionSpec) { s.Audience = identitytest.Issuer + "/oauth2/token" }),
		"too early":      spec(func(s *token.AssertionSpec) { s.Now = s.Now.Add(time.Hour) }),
		"too late":       spec(func(s *token.AssertionSpec) { s.Now = s.Now.Add(-time.Hour) }),
		"too long a life": spec(func(s *token.AssertionSpec) {
			s.Life = time.Hour
		}),
		"of another instance": stranger.assertion(t, other),
		"access token":        access,
		"cut":                 w.assertion(t, id)[:100],
	}
	acme := id.System("test").In(w.account.Org)
	for name, ruin := range map[string]func(workload) error{
		"deactivated": func(v workload) error { _, err := acme.DeactivateAccount(ctx, v.account.ID); return err },
		"archived":    func(v workload) error { _, err := acme.ArchiveAccount(ctx, v.account.ID); return err },
		"deleted":     func(v workload) error { _, err := acme.DeleteAccount(ctx, v.account.ID); return err },
		"key revoked": func(v workload) error { _, err := acme.RevokeCredential(ctx, v.key); return err },
		"key paused":  func(v workload) error { _, err := acme.DisableCredential(ctx, v.key); return err },
	} {
		v := newWorkload(t, id)
		bad[name] = v.assertion(t, id)
		if err := ruin(v); err != nil {
			t.Fatal(err)
		}
	}
	want := refusal("invalid_grant", "the assertion is not accepted")
	for name, assertion := range bad {
		if got := serve(h, post(form(assertion).Encode())); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestUnavailable: what cannot be answered is no refusal, and the operator is
// told why.
func TestUnavailable(t *testing.T) {
	id := identitytest.New(t)
	w := newWorkload(t, id)
	var log bytes.Buffer
	mux := httpauth.NewMux(id.Authority, httpauth.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	mux.Handle("POST /oauth2/token", httpauth.Public, httpapi.Token(id.Authority))
	assertion := w.assertion(t, id)
	if err := id.Close(); err != nil {
		t.Fatal(err)
	}
	want := "503\n" + strings.Replace(jsonHeaders, "X-Content", "Retry-After: 1\nX-Content", 1) + `{"error":"temporarily_unavailable"}` + "\n"
	if got := serve(mux, post(form(assertion).Encode())); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if text := log.String(); !strings.Contains(text, "is closed") || strings.Contains(text, assertion) {
		t.Errorf("logged %q", text)
	}
}
