package httpauth_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
)

// mine and foreign are the targets of handlers behind Authenticate.
func (w *world) mine() identity.Target {
	return identity.Target{Org: w.acme.ID, Path: policy.Root}
}

func (w *world) foreign() identity.Target {
	return identity.Target{Org: w.globex.ID, Path: policy.Root}
}

// plain is a handler behind Authenticate alone.
func (w *world) plain(h http.HandlerFunc) http.Handler {
	return httpauth.Authenticate(w.Authority, w.options())(h)
}

const detected = "answered without passing a guard"

// TestDetection is the table of what a handler may answer, by what its guards
// have said.
func TestDetection(t *testing.T) {
	w := newWorld(t)
	check := func(r *http.Request, permission string) error {
		_, err := httpauth.Check(r, permission, w.mine())
		return err
	}
	leak := func(rw http.ResponseWriter) {
		rw.Header().Set("X-Secret", "secret")
		_, _ = io.WriteString(rw, "secret")
	}
	var wrote error
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string // as the reader
		nobody  string // as an account without a role
	}{
		{"writes", func(rw http.ResponseWriter, _ *http.Request) { leak(rw) }, "500", "500"},
		{"writes nothing", func(http.ResponseWriter, *http.Request) {}, "500", "500"},
		{"sets headers", func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("Location", "secret") }, "500", "500"},
		{"204", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(204) }, "500", "500"},
		{"302", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/secret", http.StatusFound) }, "500", "500"},
		{"403", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(403); leak(rw) }, "500", "500"},
		{"404", func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "", http.StatusNotFound) }, "404", "404"},
		{"405", func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "", http.StatusMethodNotAllowed) }, "405", "405"},
		{"200 after 404", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(404); rw.WriteHeader(200) }, "404", "404"},
		{"early hints", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Link", "secret")
			rw.WriteHeader(103)
		}, "500", "500"},
		{"switching protocols", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(101) }, "500", "500"},
		{"flushes", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Secret", "secret")
			if err := http.NewResponseController(rw).Flush(); err == nil {
				t.Error("flushes: no error")
			}
		}, "500", "500"},
		{"flushes as http.Flusher", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Secret", "secret")
			rw.(http.Flusher).Flush()
		}, "500", "500"},
		{"writes on", func(rw http.ResponseWriter, r *http.Request) {
			leak(rw)
			_, _ = httpauth.Check(r, "wallets:read", w.mine()) // too late
			_, wrote = io.WriteString(rw, "secret")
			if wrote == nil {
				t.Error("writes on: no error")
			}
		}, "500", "500"},
		{"asks who", func(rw http.ResponseWriter, r *http.Request) {
			if _, ok := httpauth.Principal(r); ok {
				leak(rw)
			}
		}, "500", "500"},
		{"checks", func(rw http.ResponseWriter, r *http.Request) {
			if err := check(r, "wallets:read"); err != nil {
				httpauth.Write(rw, r, err)
				return
			}
			fmt.Fprint(rw, "for you")
		}, "200", "403"},
		{"checks, writes nothing", func(rw http.ResponseWriter, r *http.Request) {
			if err := check(r, "wallets:read"); err != nil {
				httpauth.Write(rw, r, err)
			}
		}, "200", "403"},
		{"checks, ignores the answer", func(rw http.ResponseWriter, r *http.Request) {
			_ = check(r, "wallets:create")
			leak(rw)
		}, "500", "500"},
		{"checks, refuses in its own words", func(rw http.ResponseWriter, r *http.Request) {
			if err := check(r, "wallets:create"); err != nil {
				http.Error(rw, "no", httpauth.Status(err))
			}
		}, "403", "403"},
		{"checks twice", func(rw http.ResponseWriter, r *http.Request) {
			if err := check(r, "wallets:read"); err != nil {
				httpauth.Write(rw, r, err)
				return
			}
			fmt.Fprint(rw, check(r, "wallets:create") == nil)
		}, "200", "403"},
		{"refuses bad input first", func(rw http.ResponseWriter, r *http.Request) { httpauth.Write(rw, r, identity.ErrInvalid) }, "400", "400"},
		{"another org", func(rw http.ResponseWriter, r *http.Request) {
			_, err := httpauth.Check(r, "wallets:read", w.foreign())
			httpauth.Write(rw, r, err)
		}, "404", "404"},
		{"permission that does not exist", func(rw http.ResponseWriter, r *http.Request) { httpauth.Write(rw, r, check(r, "wallets:raed")) }, "403", "403"},
		{"public", httpauth.PublicHandler(http.HandlerFunc(whoami)).ServeHTTP, "200", "200"},
		{"a Mux inside", w.mux().ServeHTTP, "200", "403"},
		{"Authenticate inside", func(rw http.ResponseWriter, r *http.Request) { // settles both
			w.plain(func(rw http.ResponseWriter, r *http.Request) {
				if err := check(r, "wallets:read"); err != nil {
					httpauth.Write(rw, r, err)
				}
			}).ServeHTTP(rw, r)
		}, "200", "403"},
	} {
		for account, want := range map[*identity.Account]string{&w.reader: c.want, &w.nobody: c.nobody} {
			w.log.take()
			got := serve(w.plain(c.handler), request("/wallets/mine", identitytest.Bearer(t, w.Env, *account)))
			log := w.log.take()
			if status(got) != want || strings.Contains(strings.ToLower(got), "secret") {
				t.Errorf("%s: want %s:\n%s", c.name, want, got)
			}
			if (want == "500") != strings.Contains(log, detected) {
				t.Errorf("%s: logged %q", c.name, log)
			}
		}
	}
}

// TestCredentialAtTheDoor: what is presented must hold, whatever is behind; who
// presents nothing is nobody, whom every check refuses with a challenge.
func TestCredentialAtTheDoor(t *testing.T) {
	w := newWorld(t)
	reached := false
	h := w.plain(func(rw http.ResponseWriter, r *http.Request) {
		reached = true
		if p, ok := httpauth.Principal(r); ok != !p.IsZero() {
			t.Errorf("%s, %t", p, ok)
		}
		if _, err := httpauth.Check(r, "wallets:read", w.mine()); err != nil {
			httpauth.Write(rw, r, err)
			return
		}
		whoami(rw, r)
	})
	good := identitytest.Bearer(t, w.Env, w.reader)
	for _, c := range []struct {
		header  []string
		reached bool
		want    string
	}{
		{[]string{good}, true, "200\nContent-Type: text/plain; charset=utf-8\n\n" + string(w.reader.ID) + " true"},
		{nil, true, problem(401, "Unauthorized", "a valid access token is required", `Bearer realm="api"`)},
		{[]string{"Bearer abc"}, false, problem(401, "Unauthorized", "a valid access token is required", `Bearer realm="api", error="invalid_token"`)},
		{[]string{good, good}, false, problem(400, "Bad Request", "the Authorization header is malformed, or not the only one", `Bearer realm="api", error="invalid_request"`)},
	} {
		reached = false
		if got := serve(h, request("/", c.header...)); got != c.want || reached != c.reached {
			t.Errorf("%.40q: reached %t:\n%s\nwant\n%s", c.header, reached, got, c.want)
		}
	}
}

// TestOuterHeadersSurvive: an answer that is replaced keeps what middleware
// further out has set.
func TestOuterHeadersSurvive(t *testing.T) {
	w := newWorld(t)
	inner := w.plain(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Strict-Transport-Security", "secret")
		rw.Header().Add("Set-Cookie", "secret")
		rw.Header().Set("Content-Length", "6")
		fmt.Fprint(rw, "secret")
	})
	got := serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Strict-Transport-Security", "max-age=1")
		inner.ServeHTTP(rw, r)
	}), request("/"))
	if !strings.HasPrefix(got, "500\n") || !strings.Contains(got, "Strict-Transport-Security: max-age=1\n") || strings.Contains(got, "secret") || strings.Contains(got, "Content-Length") {
		t.Error(got)
	}
}

// TestActor makes management calls in the name of a caller.
func TestActor(t *testing.T) {
	w := newWorld(t)
	var err error
	h := w.plain(httpauth.PublicHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err = httpauth.Actor(r).In(w.acme.ID).CreateGroup(r.Context(), identity.GroupSpec{Name: "ops"})
	})).ServeHTTP)
	serve(h, request("/"))
	if !errors.Is(err, identity.ErrUnauthenticated) || httpauth.Status(err) != 401 {
		t.Errorf("nobody: %v", err)
	}
	serve(h, request("/", identitytest.Bearer(t, w.Env, w.reader)))
	if !errors.Is(err, identity.ErrDenied) || httpauth.Status(err) != 403 {
		t.Errorf("the reader: %v", err)
	}
	owner := identitytest.Account(t, w.Env, "owner")
	serve(h, request("/", identitytest.Bearer(t, w.Env, owner)))
	if err != nil {
		t.Errorf("an account with the role owner: %v", err)
	}
}

// TestOutside: a request that nobody vouches for is nobody's.
func TestOutside(t *testing.T) {
	r := request("/", "Bearer abc")
	if p, ok := httpauth.Principal(r); ok || !p.IsZero() {
		t.Errorf("principal %s", p)
	}
	if p, err := httpauth.Check(r, "wallets:read", identity.Target{}); httpauth.Status(err) != 401 || !p.IsZero() {
		t.Errorf("check: %s, %v", p, err)
	}
	if !panics(func() { httpauth.Actor(r) }) {
		t.Error("there is an actor")
	}
}

// TestDeadCaller: a caller that is disabled between the door and a check is
// refused as nobody.
func TestDeadCaller(t *testing.T) {
	w := newWorld(t)
	h := w.plain(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := w.System("test").In(w.acme.ID).DeactivateAccount(r.Context(), w.reader.ID); err != nil {
			t.Error(err)
		}
		for _, target := range []identity.Target{w.mine(), w.foreign()} {
			if _, err := httpauth.Check(r, "wallets:read", target); httpauth.Status(err) != 401 || !errors.Is(err, identity.ErrDisabled) {
				t.Errorf("check: %v", err)
			}
		}
		_, err := httpauth.Actor(r).In(w.acme.ID).Groups(r.Context(), identity.GroupFilter{}, identity.Page{})
		httpauth.Write(rw, r, err)
	})
	got := serve(h, request("/", identitytest.Bearer(t, w.Env, w.reader)))
	if want := problem(401, "Unauthorized", "a valid access token is required", `Bearer realm="api", error="invalid_token"`); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestResponseController: flushing, deadlines and hijacking work through
// Authenticate once a guard was passed, over a real connection.
func TestResponseController(t *testing.T) {
	w := newWorld(t)
	flushed := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/flush", func(rw http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(rw)
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		rw.WriteHeader(http.StatusEarlyHints)
		fmt.Fprintln(rw, "first")
		if err := rc.Flush(); err != nil {
			t.Error(err)
		}
		select {
		case <-flushed: // the client has it before the handler ends
		case <-r.Context().Done():
		}
		fmt.Fprintln(rw, "second")
	})
	hijack := func(rw http.ResponseWriter) error {
		conn, buffer, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Fprint(buffer, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello")
		return buffer.Flush()
	}
	mux.HandleFunc("/hijack", func(rw http.ResponseWriter, _ *http.Request) {
		if err := hijack(rw); err != nil {
			t.Error(err)
		}
	})
	unguarded := w.plain(func(rw http.ResponseWriter, _ *http.Request) {
		if err := hijack(rw); err == nil {
			t.Error("an unguarded handler took the connection over")
		}
	})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unguarded" {
			unguarded.ServeHTTP(rw, r)
			return
		}
		w.plain(httpauth.PublicHandler(mux).ServeHTTP).ServeHTTP(rw, r)
	}))
	defer server.Close()

	resp, err := server.Client().Get(server.URL + "/flush")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); line != "first\n" {
		t.Fatalf("%q, %v", line, err)
	}
	close(flushed)
	if line, err := lines.ReadString('\n'); line != "second\n" {
		t.Fatalf("%q, %v", line, err)
	}

	raw := func(path string) string {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n", path)
		all, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	if got := raw("/hijack"); !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.HasSuffix(got, "hello") {
		t.Errorf("hijacked: %q", got)
	}
	if got := raw("/unguarded"); !strings.HasPrefix(got, "HTTP/1.1 500 ") {
		t.Errorf("unguarded: %q", got)
	}

	// A writer that cannot be hijacked says so, and the answer is still the handler's.
	h := w.plain(httpauth.PublicHandler(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if err := hijack(rw); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("hijack of a recorder: %v", err)
		}
		rw.WriteHeader(http.StatusTeapot)
	})).ServeHTTP)
	if got := serve(h, request("/")); status(got) != "418" {
		t.Error(got)
	}
}
