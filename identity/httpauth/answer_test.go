package httpauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
)

// TestSec55_Answers holds every answer of a guard to its bytes (RFC 6750
// section 3, RFC 9457 section 3).
func TestSec55_Answers(t *testing.T) {
	w := newWorld(t)
	mux := w.mux()
	reader, nobody := identitytest.Bearer(t, w.Env, w.reader), identitytest.Bearer(t, w.Env, w.nobody)
	const api = `Bearer realm="api"`
	var (
		noToken    = problem(401, "Unauthorized", "a valid access token is required", api)
		badToken   = problem(401, "Unauthorized", "a valid access token is required", api+`, error="invalid_token"`)
		badHeader  = problem(400, "Bad Request", "the Authorization header is malformed, or not the only one", api+`, error="invalid_request"`)
		queryToken = problem(400, "Bad Request", "an access token belongs in the Authorization header", api+`, error="invalid_request"`)
		denied     = problem(403, "Forbidden", "denied", api+`, error="insufficient_scope", scope="wallets:read"`)
		notFound   = problem(404, "Not Found", "not found", "")
		down       = strings.Replace(problem(503, "Service Unavailable", "no answer can be given at the moment", ""), "X-Content", "Retry-After: 1\nX-Content", 1)
	)
	for _, c := range []struct {
		name, url, authorization, want string
	}{
		{"allowed", "/wallets/mine", reader, "200\nContent-Type: text/plain; charset=utf-8\n\n" + string(w.reader.ID) + " true"},
		{"no token", "/wallets/mine", "", noToken},
		{"no token, absent row", "/wallets/absent", "", noToken},
		{"another scheme", "/wallets/mine", "Basic YTpi", noToken},
		{"bad token", "/wallets/mine", "Bearer abc", badToken},
		{"bad token, absent row", "/wallets/absent", "Bearer abc", badToken},
		{"malformed", "/wallets/mine", "Bearer", badHeader},
		{"token in the URL", "/wallets/mine?access_token=abc", "", queryToken},
		{"denied", "/wallets/mine", nobody, denied},
		{"the target fails", "/wallets/broken", reader, denied},
		{"the target names no org", "/wallets/orgless", reader, denied},
		{"the target names no path", "/wallets/pathless", reader, denied},
		{"absent row", "/wallets/absent", reader, notFound},
		{"row of another org", "/wallets/foreign", reader, notFound},
		{"absent row, no role", "/wallets/absent", nobody, notFound},
		{"row of another org, no role", "/wallets/foreign", nobody, notFound},
		{"the host's database is down", "/wallets/down", reader, down},
	} {
		var headers []string
		if c.authorization != "" {
			headers = []string{c.authorization}
		}
		if got := serve(mux, request(c.url, headers...)); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if log := w.log.take(); !strings.Contains(log, errHost.Error()) || !strings.Contains(log, "an access token in the URL") {
		t.Errorf("the operator was not told: %s", log)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := serve(mux, request("/wallets/mine", reader)); got != down {
		t.Errorf("closed:\n%s\nwant\n%s", got, down)
	}
	if log := w.log.take(); !strings.Contains(log, "is closed") {
		t.Errorf("the operator was not told: %s", log)
	}
}

// problem is a refusal as dump prints it.
func problem(status int, title, detail, challenge string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\nCache-Control: no-store\nContent-Type: application/problem+json\n", status)
	if challenge != "" {
		fmt.Fprintf(&b, "Www-Authenticate: %s\n", challenge)
	}
	fmt.Fprintf(&b, "X-Content-Type-Options: nosniff\n\n{\"title\":%q,\"status\":%d,\"detail\":%q}\n", title, status, detail)
	return b.String()
}

// TestSec14_OneAnswerForEveryBadToken compares bytes: why a token is refused is
// not for whoever sent it.
func TestSec14_OneAnswerForEveryBadToken(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	mux, ctx := w.mux(), context.Background()
	acme := w.System("test").In(w.acme.ID)
	bearer := func(ruin func(identity.Account) error) string {
		t.Helper()
		a := identitytest.Account(t, w.Env, "reader")
		header := identitytest.Bearer(t, w.Env, a)
		if err := ruin(a); err != nil {
			t.Fatal(err)
		}
		return header
	}
	good := identitytest.Bearer(t, w.Env, w.reader)
	tokens := map[string]string{
		"no JWT":         "Bearer abc",
		"three dots":     "Bearer a.b.c",
		"long":           "Bearer " + strings.Repeat("a", 100_000),
		"of another one": identitytest.Bearer(t, other.Env, other.reader), // same issuer
		"cut":            good[:len(good)-1],
		"extended":       good + "A",
		"two segments":   good[:strings.LastIndexByte(good, '.')],
		"alg none":       "Bearer eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".",
		"deactivated":    bearer(func(a identity.Account) error { _, err := acme.DeactivateAccount(ctx, a.ID); return err }),
		"archived":       bearer(func(a identity.Account) error { _, err := acme.ArchiveAccount(ctx, a.ID); return err }),
		"deleted":        bearer(func(a identity.Account) error { _, err := acme.DeleteAccount(ctx, a.ID); return err }),
		"signed out":     bearer(func(a identity.Account) error { _, err := acme.SignOutAccount(ctx, a.ID); return err }),
		"key revoked": bearer(func(a identity.Account) error {
			keys, err := acme.Credentials(ctx, identity.CredentialFilter{Account: a.ID}, identity.Page{})
			if err == nil {
				_, err = acme.RevokeCredential(ctx, keys.Items[0].ID)
			}
			return err
		}),
	}
	hooli := identitytest.Org(t, w.Env, "hooli")
	tokens["org suspended"] = identitytest.Bearer(t, w.Env, identitytest.AccountIn(t, w.Env, hooli.ID, "reader"))
	if _, err := w.System("test").SuspendOrg(ctx, hooli.ID); err != nil {
		t.Fatal(err)
	}
	if got := serve(mux, request("/wallets/mine", good)); status(got) != "200" {
		t.Fatalf("the good token: %s", got)
	}
	tokens["expired"] = good // by then
	w.Clock.Advance(time.Hour)

	want := serve(mux, request("/wallets/mine", "Bearer abc"))
	for name, header := range tokens {
		for _, url := range []string{"/wallets/mine", "/wallets/absent", "/wallets/foreign"} {
			got := serve(mux, request(url, header))
			if got != want || status(got) != "401" {
				t.Errorf("%s, %s:\n%s\nwant\n%s", name, url, got, want)
			}
			if strings.Contains(got, strings.TrimPrefix(header, "Bearer ")) {
				t.Errorf("%s, %s: the answer repeats the token", name, url)
			}
		}
	}
}

// TestSec34_OneCredential: a request that presents its credential in the URL,
// twice, or half is malformed (RFC 6750 section 2, RFC 9700 section 4.3.2).
func TestSec34_OneCredential(t *testing.T) {
	w := newWorld(t)
	mux := w.mux()
	good := identitytest.Bearer(t, w.Env, w.reader)
	raw := strings.TrimPrefix(good, "Bearer ")
	for _, c := range []struct {
		name, query   string
		authorization []string
		want          string
	}{
		{"one header", "", []string{good}, "200"},
		{"lower case", "", []string{"bearer " + raw}, "200"},
		{"upper case", "", []string{"BEARER " + raw}, "200"},
		{"two spaces", "", []string{"Bearer  " + raw}, "200"},
		{"other query", "?token=abc", []string{good}, "200"},
		{"twice the same", "", []string{good, good}, "400"},
		{"with Basic", "", []string{good, "Basic YTpi"}, "400"},
		{"with an empty one", "", []string{"", good}, "400"},
		{"in the URL too", "?access_token=" + raw, []string{good}, "400"},
		{"in the URL", "?access_token=" + raw, nil, "400"},
		{"in the URL, escaped", "?a=1&access%5Ftoken=" + raw, nil, "400"},
		{"in the URL, empty", "?access_token", []string{good}, "400"},
		{"in the URL, beside what does not parse", "?%zz&access_token=" + raw, nil, "400"},
		{"list", "", []string{good + ", " + good}, "400"},
		{"two tokens", "", []string{good + " " + raw}, "400"},
		{"quoted", "", []string{`Bearer "` + raw + `"`}, "400"},
		{"trailing space", "", []string{good + " "}, "400"},
		{"tab", "", []string{"Bearer\t" + raw}, "401"},
		{"empty", "", []string{"Bearer "}, "400"},
		{"only padding", "", []string{"Bearer =="}, "400"},
		{"inner padding", "", []string{"Bearer a=b"}, "400"},
		{"NUL", "", []string{good + "\x00"}, "400"},
		{"not ASCII", "", []string{good + "\u00e9"}, "400"},
		{"no scheme", "", []string{raw}, "401"},
		{"empty header", "", []string{""}, "401"},
	} {
		got := serve(mux, request("/wallets/mine"+c.query, c.authorization...))
		if status(got) != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		if c.want == "400" && (!strings.Contains(got, `error="invalid_request"`) || strings.Contains(got, raw)) {
			t.Errorf("%s: %s", c.name, got)
		}
		if log := w.log.take(); strings.Contains(log, raw) || strings.Contains(log, "credential refused") != (c.want == "400") {
			t.Errorf("%s: logged %q", c.name, log)
		}
	}
}

// TestSec10_Sec57_ForwardedHeaders: what a request says of itself changes no answer.
func TestSec10_Sec57_ForwardedHeaders(t *testing.T) {
	w := newWorld(t)
	mux := w.mux()
	for _, header := range []string{identitytest.Bearer(t, w.Env, w.reader), identitytest.Bearer(t, w.Env, w.nobody), "Bearer abc"} {
		want := serve(mux, request("/wallets/mine", header))
		r := request("/wallets/mine", header)
		r.Host = "evil.example"
		for _, name := range []string{
			"X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "X-HTTP-Method-Override",
		} {
			r.Header.Set(name, "/wallets/foreign")
		}
		if got := serve(mux, r); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

func TestRealm(t *testing.T) {
	w := newWorld(t)
	options := w.options()
	options.Realm = `a "b" \c`
	mux := httpauth.NewMux(w.Authority, options)
	mux.HandleFunc("GET /wallets/{id}", httpauth.Require("wallets:read", w.target), whoami)
	if got := serve(mux, request("/wallets/mine")); !strings.Contains(got, `Www-Authenticate: Bearer realm="a \"b\" \\c"`+"\n") {
		t.Error(got)
	}
	for _, realm := range []string{"a\nb", "\u00e9", "\x7f"} {
		if !panics(func() { httpauth.NewMux(w.Authority, httpauth.Options{Realm: realm}) }) {
			t.Errorf("%q was taken", realm)
		}
	}
}

// TestStatus gives every kind of error its status; a kind that is new is
// missing here, and 500.
func TestStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 200},
		{identity.ErrInvalid, 400},
		{identity.ErrUnauthenticated, 401},
		{identity.ErrDenied, 403}, {identity.ErrEscalation, 403},
		{identity.ErrNotFound, 404},
		{identity.ErrConflict, 409}, {identity.ErrInUse, 409}, {identity.ErrLimit, 409},
		{identity.ErrExpired, 409}, {identity.ErrRevoked, 409}, {identity.ErrDisabled, 409},
		{identity.ErrStale, 503}, {identity.ErrBusy, 503}, {identity.ErrStorage, 503},
		{identity.ErrKey, 500}, {identity.ErrNested, 500}, {identity.ErrLocked, 500}, {identity.ErrNewerSchema, 500},
		{errHost, 500}, {context.Canceled, 500},
		{&identity.Error{Kind: identity.ErrUnauthenticated, Err: &identity.Error{Kind: identity.ErrExpired}}, 401},
		{&identity.Error{Kind: identity.ErrStorage, Err: identity.ErrDenied}, 503},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			if c.err == nil && err != nil {
				continue
			}
			if got := httpauth.Status(err); got != c.want {
				t.Errorf("%v: %d, want %d", err, got, c.want)
			}
		}
	}
}

// TestWriteTellsNothing: no text of an error, and no header of a begun answer,
// leaves with a refusal.
func TestWriteTellsNothing(t *testing.T) {
	secret := errors.New("secret")
	for _, kind := range []error{nil, identity.ErrInvalid, identity.ErrConflict, identity.ErrDenied, identity.ErrUnauthenticated, identity.ErrNotFound, identity.ErrStorage, identity.ErrKey} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Length", "6")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Etag", `"secret"`)
		httpauth.Write(w, request("/"), &identity.Error{Kind: kind, Entity: "secret", ID: "secret", Field: "secret", Err: secret})
		got := dump(w.Result())
		if strings.Contains(got, "secret") || strings.Contains(got, "Content-Length") || strings.Contains(got, "gzip") {
			t.Errorf("%v: %s", kind, got)
		}
	}
	w := httptest.NewRecorder()
	httpauth.Write(w, request("/"), nil)
	if w.Code != 500 {
		t.Errorf("no error: %d", w.Code)
	}
}
