package httpauth_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
)

// journal is a log that tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// take returns what was logged since the last call.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.text.Reset()
	return j.text.String()
}

// world is two orgs and the accounts that the tests speak for.
type world struct {
	*identitytest.Env
	log    *journal
	acme   identity.Org
	globex identity.Org
	reader identity.Account // may read everything in acme
	nobody identity.Account // of acme, without a role
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{log: &journal{}, Env: identitytest.New(t, func(c *identity.Config) {
		c.Permissions = []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:create"}}
		c.Roles = []identity.CodeRole{{Name: "reader", Permissions: []string{"wallets:read"}}}
	})}
	w.acme, w.globex = identitytest.Org(t, w.Env, "acme"), identitytest.Org(t, w.Env, "globex")
	w.reader, w.nobody = identitytest.Account(t, w.Env, "reader"), identitytest.Account(t, w.Env)
	return w
}

func (w *world) options() httpauth.Options {
	return httpauth.Options{Logger: slog.New(slog.NewTextHandler(w.log, nil))}
}

var errHost = errors.New("the host's own failure, with a secret")

// target is the target function of all tests: it has one row per case.
func (w *world) target(r *http.Request) (identity.Target, error) {
	path, _ := policy.NewPath("wallets", "w1")
	switch r.PathValue("id") {
	case "mine":
		return identity.Target{Org: w.acme.ID, Path: path}, nil
	case "foreign":
		return identity.Target{Org: w.globex.ID, Path: path}, nil
	case "absent":
		return identity.Target{}, fmt.Errorf("load wallet: %w", identity.ErrNotFound)
	case "orgless":
		return identity.Target{Path: path}, nil
	case "pathless":
		return identity.Target{Org: w.acme.ID}, nil
	case "down":
		return identity.Target{}, fmt.Errorf("load wallet: %w", identity.ErrStorage)
	case "panics":
		panic("target")
	}
	return identity.Target{}, errHost
}

// mux serves one guarded route, GET /wallets/{id}, whose handler names its caller.
func (w *world) mux() *httpauth.Mux {
	mux := httpauth.NewMux(w.Authority, w.options())
	mux.HandleFunc("GET /wallets/{id}", httpauth.Require("wallets:read", w.target), whoami)
	return mux
}

func whoami(w http.ResponseWriter, r *http.Request) {
	p, ok := httpauth.Principal(r)
	fmt.Fprintf(w, "%s %t", p, ok)
}

// request is a GET with these Authorization headers.
func request(url string, authorization ...string) *http.Request {
	r := httptest.NewRequest("GET", url, nil)
	r.Header["Authorization"] = authorization
	return r
}

// serve returns an answer as text: the status line, the headers in order and
// the body.
func serve(h http.Handler, r *http.Request) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return dump(w.Result())
}

func dump(resp *http.Response) string {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintln(&b, resp.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		if name == "Date" {
			continue
		}
		for _, v := range resp.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	return b.String() + "\n" + string(body)
}

// status is the first line of a dump.
func status(answer string) string {
	s, _, _ := strings.Cut(answer, "\n")
	return s
}
