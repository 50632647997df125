package httpauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
)

// behind serves a route of signed requests behind something that changes them.
func (s signer) behind(opts httpauth.Options, change func(http.Handler) http.Handler) *httptest.Server {
	s.t.Helper()
	server := httptest.NewServer(change(s.payments(httpauth.RequireAction, opts, echo).Config.Handler))
	s.t.Cleanup(server.Close)
	return server
}

// TestActionTarget: what is signed is the request target that was sent, whatever
// routers and proxies make of it.
func TestActionTarget(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	under := payment()
	under.RequestURI = "/api" + paymentTarget
	send := func(server *httptest.Server, line string, a identity.Action, fields ...string) string {
		q := paid(s.token(a)).with(fields...)
		q.line = "POST " + line
		return q.send(t, server)
	}

	stripped := s.behind(httpauth.Options{}, func(next http.Handler) http.Handler { return http.StripPrefix("/api", next) })
	wantStatus(t, "under a prefix", send(stripped, under.RequestURI, under), 200)
	wantStatus(t, "signed without the prefix", send(stripped, under.RequestURI, payment()), 401)

	rewrite := func(next http.Handler) http.Handler { // as a proxy in front would
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Original-Uri", r.RequestURI)
			r.RequestURI = strings.TrimPrefix(r.RequestURI, "/api")
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api")
			next.ServeHTTP(w, r)
		})
	}
	wantStatus(t, "behind a proxy, as it arrives", send(s.behind(httpauth.Options{}, rewrite), under.RequestURI, payment()), 200)
	wantStatus(t, "behind a proxy, as it was sent", send(s.behind(httpauth.Options{}, rewrite), under.RequestURI, under), 401)
	told := s.behind(httpauth.Options{ExternalTarget: func(r *http.Request) string { return r.Header.Get("X-Original-Uri") }}, rewrite)
	wantStatus(t, "told what was sent", send(told, under.RequestURI, under), 200)
	wantStatus(t, "told what was sent, as it arrives", send(told, under.RequestURI, payment()), 401)
	silent := s.behind(httpauth.Options{ExternalTarget: func(*http.Request) string { return "" }}, rewrite)
	wantStatus(t, "told nothing", send(silent, under.RequestURI, under), 401)
	wantStatus(t, "a field that nobody asked for", send(s.behind(httpauth.Options{}, func(next http.Handler) http.Handler { return next }),
		paymentTarget, under, "X-Original-Uri: "+under.RequestURI, "X-Forwarded-Prefix: /api"), 401)
}

// TestActionHost: what is signed is the host that the request was sent to, also where
// a proxy has put another one in its place.
func TestActionHost(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	inside := func(next http.Handler) http.Handler { // as a proxy in front would
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Original-Host", r.Host)
			r.Host = "backend:8080"
			next.ServeHTTP(w, r)
		})
	}
	arrived := payment()
	arrived.Host = "backend:8080"
	wantStatus(t, "behind a proxy, as it was sent", paid(s.token(payment())).send(t, s.behind(httpauth.Options{}, inside)), 401)
	wantStatus(t, "behind a proxy, as it arrives", paid(s.token(arrived)).send(t, s.behind(httpauth.Options{}, inside)), 200)
	told := s.behind(httpauth.Options{ExternalHost: func(r *http.Request) string { return r.Header.Get("X-Original-Host") }}, inside)
	wantStatus(t, "told what was sent", paid(s.token(payment())).send(t, told), 200)
	wantStatus(t, "told what was sent, as it arrives", paid(s.token(arrived)).send(t, told), 401)
	silent := s.behind(httpauth.Options{ExternalHost: func(*http.Request) string { return "" }}, inside)
	wantStatus(t, "told nothing", paid(s.token(payment())).send(t, silent), 401)
}

// TestActionBodyOfSomebodyElse: what was read before cannot be checked, though
// the handler would find it as a form.
func TestActionBodyOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	nothing := identity.Action{Method: "POST", Host: "app.example", RequestURI: paymentTarget, ContentType: "application/x-www-form-urlencoded"}
	nothing.BodySHA256 = [32]byte{ // SHA-256 of no bytes
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
		0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
	}
	reads := func(read func(*http.Request) error) *httptest.Server {
		return s.behind(httpauth.Options{}, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := read(r); err != nil {
					t.Error(err)
				}
				next.ServeHTTP(w, r)
			})
		})
	}
	form := reads(func(r *http.Request) error { return r.ParseForm() })
	drained := reads(func(r *http.Request) error { _, err := io.Copy(io.Discard, r.Body); return err })
	q := paid(s.token(nothing)).without("Content-Type").with("Content-Type: application/x-www-form-urlencoded").content("amount=2")
	wantStatus(t, "a form", q.send(t, form), 400)
	wantStatus(t, "a form in chunks", q.chunked().send(t, form), 400)
	wantStatus(t, "a body", q.send(t, drained), 400)
	wantStatus(t, "nothing, and nothing was sent", q.content("").send(t, form), 200)
}

// TestRequireActionTx: the handler uses the token up with its effect, and cannot
// answer as if it had.
func TestRequireActionTx(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	errHost := errors.New("the host changes its mind")
	effect := func(r *http.Request, own error) error {
		return w.Write(r.Context(), func(ctx context.Context, tx *identity.Tx) error {
			if err := httpauth.Action(r).ConsumeTx(ctx, tx); err != nil {
				return err
			}
			return own
		})
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    int
		used    bool
	}{
		{"consumes", func(w http.ResponseWriter, r *http.Request) {
			if err := effect(r, nil); err != nil {
				httpauth.Write(w, r, err)
				return
			}
			echo(w, r)
		}, 200, true},
		{"consumes without a transaction", func(w http.ResponseWriter, r *http.Request) {
			if err := httpauth.Action(r).Consume(r.Context()); err != nil {
				httpauth.Write(w, r, err)
			}
		}, 200, true},
		{"forgets", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "done") }, 500, false},
		{"forgets to answer, too", func(http.ResponseWriter, *http.Request) {}, 500, false},
		{"answers too early", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			_ = effect(r, nil)
		}, 500, true},
		{"undoes it and says otherwise", func(w http.ResponseWriter, r *http.Request) {
			_ = effect(r, errHost)
			fmt.Fprint(w, "done")
		}, 500, false},
		{"undoes it and says so", func(w http.ResponseWriter, r *http.Request) {
			if err := effect(r, errHost); errors.Is(err, errHost) {
				w.WriteHeader(http.StatusConflict)
			}
		}, 409, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := s.payments(httpauth.RequireActionTx, httpauth.Options{}, c.handler)
			token := s.token(payment())
			w.log.take()
			answer := paid(token).send(t, server)
			wantStatus(t, c.name, answer, c.want)
			if log := w.log.take(); (c.want == 500) != strings.Contains(log, "without using up the action token") {
				t.Errorf("logged %q", log)
			}
			if strings.Contains(answer, "done") {
				t.Errorf("the handler's words got out: %s", answer)
			}
			again := s.payments(httpauth.RequireAction, httpauth.Options{}, echo)
			want := 200
			if c.used {
				want = 401
			}
			wantStatus(t, "the token, again", paid(token).send(t, again), want)
		})
	}
}

// TestActionBehindAuthenticate: a Mux inside another router's middleware.
func TestActionBehindAuthenticate(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	for name, guard := range map[string]func(string, func(*http.Request) (identity.Target, error)) httpauth.Guard{
		"RequireAction": httpauth.RequireAction, "RequireActionTx": httpauth.RequireActionTx,
	} {
		inner := s.payments(guard, httpauth.Options{}, func(w http.ResponseWriter, r *http.Request) {
			if !httpauth.Action(r).Consumed() {
				if err := httpauth.Action(r).Consume(r.Context()); err != nil {
					httpauth.Write(w, r, err)
					return
				}
			}
			echo(w, r)
		})
		outer := httptest.NewServer(httpauth.Authenticate(w.Authority, w.options())(inner.Config.Handler))
		t.Cleanup(outer.Close)
		good := paid(s.token(payment()))
		wantStatus(t, name, good.send(t, outer), 200)
		wantStatus(t, name+", again", good.send(t, outer), 401)
	}
}
