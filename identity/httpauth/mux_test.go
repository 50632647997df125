package httpauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
)

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

// TestRegistration: what cannot work does not start.
func TestRegistration(t *testing.T) {
	w := newWorld(t)
	good := httpauth.Require("wallets:read", w.target)
	for _, c := range []struct {
		name    string
		guard   httpauth.Guard
		pattern string
		handler http.Handler
		refused bool
	}{
		{"required", good, "GET /d", http.HandlerFunc(whoami), false},
		{"management permission", httpauth.Require("identity:groups.read", w.target), "GET /b", http.HandlerFunc(whoami), false},
		{"public", httpauth.Public, "GET /c", http.HandlerFunc(whoami), false},
		{"action", httpauth.RequireAction("wallets:read", w.target), "POST /d", http.HandlerFunc(whoami), false},
		{"action, unknown permission", httpauth.RequireAction("wallets:raed", w.target), "POST /d", http.HandlerFunc(whoami), true},
		{"action, nothing required", httpauth.RequireActionTx("", nil), "POST /d", http.HandlerFunc(whoami), true},
		{"action, no target", httpauth.RequireActionTx("wallets:read", nil), "POST /d", http.HandlerFunc(whoami), true},
		{"zero guard", httpauth.Guard{}, "GET /d", http.HandlerFunc(whoami), true},
		{"unknown permission", httpauth.Require("wallets:raed", w.target), "GET /d", http.HandlerFunc(whoami), true},
		{"pattern of permissions", httpauth.Require("wallets:*", w.target), "GET /d", http.HandlerFunc(whoami), true},
		{"no permission", httpauth.Require("", w.target), "GET /d", http.HandlerFunc(whoami), true},
		{"no target", httpauth.Require("wallets:read", nil), "GET /d", http.HandlerFunc(whoami), true},
		{"nothing required", httpauth.Require("", nil), "GET /d", http.HandlerFunc(whoami), true},
		{"no handler", good, "GET /d", nil, true},
		{"no public handler", httpauth.Public, "GET /d", nil, true},
		{"nil function", good, "GET /d", http.HandlerFunc(nil), true},
		{"bad pattern", good, "GET d", http.HandlerFunc(whoami), true},
		{"taken pattern", good, "GET /a", http.HandlerFunc(whoami), true},
	} {
		mux := httpauth.NewMux(w.Authority)
		mux.HandleFunc("GET /a", good, whoami)
		if got := panics(func() { mux.Handle(c.pattern, c.guard, c.handler) }); got != c.refused {
			t.Errorf("%s: refused %t", c.name, got)
		}
	}
	if !panics(func() { httpauth.NewMux(w.Authority).HandleFunc("GET /a", good, nil) }) {
		t.Error("HandleFunc takes nil")
	}
	if !panics(func() { httpauth.NewMux(nil) }) || !panics(func() { httpauth.Authenticate(nil) }) {
		t.Error("a nil Authority is taken")
	}
	if !panics(func() { httpauth.NewMux(w.Authority, httpauth.Options{}, httpauth.Options{}) }) {
		t.Error("two Options are taken")
	}
}

// TestRouting: what http.ServeMux answers is what Mux answers.
func TestRouting(t *testing.T) {
	w := newWorld(t)
	mux := w.mux()
	plain := http.NewServeMux()
	plain.HandleFunc("GET /wallets/{id}", whoami)
	good := identitytest.Bearer(t, w.Env, w.reader)
	for _, c := range []struct{ method, url, want string }{
		{"GET", "/wallets/mine", "200"}, {"HEAD", "/wallets/mine", "200"},
		{"POST", "/wallets/mine", "405"}, {"OPTIONS", "/wallets/mine", "405"}, {"DELETE", "/wallets/mine", "405"},
		{"GET", "/", "404"}, {"GET", "/wallets", "404"}, {"GET", "/Wallets/mine", "404"}, {"GET", "/wallets/mine/", "404"},
		{"OPTIONS", "*", "400"},
	} {
		r := httptest.NewRequest(c.method, c.url, nil)
		got, want := serve(mux, r), serve(plain, r)
		if c.want == "200" {
			if status(got) != "401" {
				t.Errorf("%s %s without a token: %s", c.method, c.url, got)
			}
			r.Header.Set("Authorization", good)
			got = serve(mux, r)
			want = strings.Replace(want, "nobody false", string(w.reader.ID)+" true", 1)
		}
		if got != want || status(got) != c.want {
			t.Errorf("%s %s:\n%s\nwant\n%s", c.method, c.url, got, want)
		}
	}
}

// TestOrder: a stranger makes the host load nothing, and who may not do it does
// not reach the handler.
func TestOrder(t *testing.T) {
	w := newWorld(t)
	var steps []string
	mux := httpauth.NewMux(w.Authority, w.options())
	mux.HandleFunc("GET /wallets/{id}", httpauth.Require("wallets:read", func(r *http.Request) (identity.Target, error) {
		steps = append(steps, "target")
		if p, ok := httpauth.Principal(r); !ok || p.Org() != w.acme.ID {
			t.Errorf("the target function sees %s", p)
		}
		return w.target(r)
	}), func(http.ResponseWriter, *http.Request) { steps = append(steps, "handler") })
	mux.HandleFunc("GET /public", httpauth.Public, whoami)
	reader, nobody := identitytest.Bearer(t, w.Env, w.reader), identitytest.Bearer(t, w.Env, w.nobody)
	for _, c := range []struct{ id, header, want string }{
		{"mine", "", "[]"}, {"mine", "Bearer abc", "[]"}, {"mine", "Bearer", "[]"},
		{"mine", nobody, "[target]"}, {"absent", reader, "[target]"}, {"foreign", reader, "[target]"}, {"broken", reader, "[target]"},
		{"mine", reader, "[target handler]"},
	} {
		steps = nil
		serve(mux, request("/wallets/"+c.id, c.header))
		if got := fmt.Sprint(steps); got != c.want {
			t.Errorf("%s %.20q: %s, want %s", c.id, c.header, got, c.want)
		}
	}
	if !panics(func() { serve(mux, request("/wallets/panics", reader)) }) {
		t.Error("a panic in the target was swallowed")
	}
	for _, header := range []string{"", reader, "Bearer abc", "Bearer"} {
		if got := serve(mux, request("/public", header)); status(got) != "200" || !strings.HasSuffix(got, "nobody false") {
			t.Errorf("public with %.20q: %s", header, got)
		}
	}
}

// TestSec57_Paths: whatever spelling of a URL reaches a handler, the decision
// was about the resource that the host named for it. The reader holds
// documents/public only; the oracle is an http.ServeMux without guards.
func TestSec57_Paths(t *testing.T) {
	w := newWorld(t)
	header := identitytest.Bearer(t, w.Env, identitytest.Account(t, w.Env, "reader@documents/public"))
	var asked, served, would string
	document := func(to *string) func(http.ResponseWriter, *http.Request) {
		return func(_ http.ResponseWriter, r *http.Request) { *to = "document " + r.PathValue("id") }
	}
	raw := func(to *string) func(http.ResponseWriter, *http.Request) {
		return func(http.ResponseWriter, *http.Request) { *to = "raw" }
	}
	target := func(r *http.Request) (identity.Target, error) {
		asked = "document " + r.PathValue("id")
		path, err := policy.NewPath("documents", r.PathValue("id"))
		return identity.Target{Org: w.acme.ID, Path: path}, err
	}
	plain, mux := http.NewServeMux(), httpauth.NewMux(w.Authority, w.options())
	plain.HandleFunc("GET /documents/{id}", document(&would))
	plain.HandleFunc("GET /documents/{id}/raw/{rest...}", raw(&would))
	mux.HandleFunc("GET /documents/{id}", httpauth.Require("wallets:read", target), document(&served))
	mux.HandleFunc("GET /documents/{id}/raw/{rest...}", httpauth.Require("wallets:create", target), raw(&served))

	count := map[string]int{}
	for _, id := range []string{"public", "secret", "%70ublic", "public%2Fsecret", "public%2f..%2fsecret", "..", "%2e%2e", ".", "%2E", "public/", "public//", "public;secret",
		"PUBLIC", "public%00", "public%20", "public%252fsecret", "public?id=secret", "public\\secret", "*", "public%2F", "%2Fpublic", "public/raw/x", "public/raw/../../secret", ""} {
		for _, prefix := range []string{"/documents/", "//documents/", "/./documents/", "/x/../documents/", "/documents//", "/documents/./", "/documents/secret/../", "/%64ocuments/", "/documents%2F", "/Documents/", "/documents;/"} {
			r, err := http.NewRequest("GET", "http://app.example"+prefix+id, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", header)
			asked, served, would = "", "", ""
			unguarded, got := status(serve(plain, r)), status(serve(mux, r))
			switch {
			case asked != would && would != "raw":
				t.Errorf("%s: asked about %q, the route serves %q", r.URL, asked, would)
			case would == "document public" && (served != would || got != "200"):
				t.Errorf("%s: %q was not served: %s", r.URL, would, got)
			case would != "" && would != "document public" && (served != "" || got != "403"):
				t.Errorf("%s: %q was served for %q: %s", r.URL, served, would, got)
			case would == "" && (served != "" || got != unguarded):
				t.Errorf("%s: %q was served: %s, without guards %s", r.URL, served, got, unguarded)
			}
			count[got]++
		}
	}
	for _, code := range []string{"200", "403", "404", "307"} {
		if count[code] == 0 {
			t.Errorf("no URL of the corpus was answered %s: %v", code, count)
		}
	}
}

// TestStory is the life of a caller, over a real server.
func TestStory(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.mux())
	defer server.Close()
	header := identitytest.Bearer(t, w.Env, w.reader)
	get := func(id, header string) (int, string) {
		t.Helper()
		r, err := http.NewRequest("GET", server.URL+"/wallets/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, dump(resp)
	}
	if code, text := get("mine", header); code != 200 || !strings.Contains(text, string(w.reader.ID)) {
		t.Errorf("its own wallet: %s", text)
	}
	if code, text := get("mine", identitytest.Bearer(t, w.Env, w.nobody)); code != 403 {
		t.Errorf("without a role: %s", text)
	}
	code, foreign := get("foreign", header)
	if _, absent := get("absent", header); code != 404 || foreign != absent {
		t.Errorf("of another org:\n%s\nabsent:\n%s", foreign, absent)
	}
	if _, err := w.System("test").In(w.acme.ID).DeactivateAccount(context.Background(), w.reader.ID); err != nil {
		t.Fatal(err)
	}
	if code, text := get("mine", header); code != 401 || !strings.Contains(text, `error="invalid_token"`) {
		t.Errorf("after it was disabled: %s", text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if code, text := get("mine", header); code != 503 || strings.Contains(text, "Www-Authenticate") {
		t.Errorf("closed: %s", text)
	}
}

// TestSec36_NextRequestIsRefused runs requests while an account is disabled: the
// first that starts after the call returned is refused.
func TestSec36_NextRequestIsRefused(t *testing.T) {
	w := newWorld(t)
	mux := w.mux()
	acme, ctx := w.System("test").In(w.acme.ID), context.Background()
	for round := range 10 {
		header := identitytest.Bearer(t, w.Env, w.reader)
		stop := make(chan struct{})
		var started, others sync.WaitGroup
		for range 3 {
			started.Add(1)
			others.Go(func() {
				serve(mux, request("/wallets/mine", header))
				started.Done()
				for {
					select {
					case <-stop:
						return
					default:
						if got := status(serve(mux, request("/wallets/mine", header))); got != "200" && got != "401" {
							t.Errorf("round %d: %s", round, got)
						}
					}
				}
			})
		}
		started.Wait()
		if got := serve(mux, request("/wallets/mine", header)); status(got) != "200" {
			t.Errorf("round %d, before: %s", round, got)
		}
		if _, err := acme.DeactivateAccount(ctx, w.reader.ID); err != nil {
			t.Error(err)
		}
		if got := serve(mux, request("/wallets/mine", header)); status(got) != "401" {
			t.Errorf("round %d, after: %s", round, got)
		}
		close(stop)
		others.Wait()
		if _, err := acme.ActivateAccount(ctx, w.reader.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConcurrentCallers: 200 requests at a time, each handler sees its own
// caller, on both routers.
func TestConcurrentCallers(t *testing.T) {
	w := newWorld(t)
	const callers = 200
	accounts, headers := make([]identity.Account, callers), make([]string, callers)
	for i := range callers {
		accounts[i] = identitytest.Account(t, w.Env, "reader")
		headers[i] = identitytest.Bearer(t, w.Env, accounts[i])
	}
	plain := httpauth.Authenticate(w.Authority, w.options())(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path, _ := policy.NewPath("wallets", "w1")
		p, err := httpauth.Check(r, "wallets:read", identity.Target{Org: w.acme.ID, Path: path})
		if err != nil {
			httpauth.Write(rw, r, err)
			return
		}
		fmt.Fprintf(rw, "%s true", p)
	}))
	for _, h := range []http.Handler{w.mux(), plain} {
		var ready, done sync.WaitGroup
		ready.Add(callers)
		for i := range callers {
			done.Go(func() {
				ready.Done()
				ready.Wait()
				for range 5 {
					if got := serve(h, request("/wallets/mine", headers[i])); !strings.HasSuffix(got, "\n"+string(accounts[i].ID)+" true") {
						t.Errorf("%s: %s", accounts[i].ID, got)
					}
				}
			})
		}
		done.Wait()
	}
}
