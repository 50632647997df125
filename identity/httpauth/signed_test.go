package httpauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/token/client"
)

// signed is the payment, signed in one step for a server; change is made after that.
func (s signer) signed(server *httptest.Server, change func(*http.Request)) *http.Request {
	s.t.Helper()
	req, err := http.NewRequest("POST", server.URL+paymentTarget, strings.NewReader(paymentBody))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := client.SignRequest(req, s.key, identitytest.Issuer, string(s.id), s.Clock.Now()); err != nil {
		s.t.Fatal(err)
	}
	change(req)
	return req
}

func do(t testing.TB, req *http.Request) string {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return dump(resp)
}

// TestSec60_RequireSigned: what a workload signs in one step is served once, as it was
// signed, and everything else gets the same refusal.
func TestSec60_RequireSigned(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	server := s.payments(httpauth.RequireSigned, httpauth.Options{}, echo)
	refusal := ""
	for what, change := range map[string]func(*http.Request){
		"host":         func(r *http.Request) { r.Host = "other.example" },
		"query":        func(r *http.Request) { r.URL.RawQuery = "dry=1" },
		"content type": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"encoding":     func(r *http.Request) { r.Header.Set("Content-Encoding", "br") },
		"body": func(r *http.Request) {
			r.Body = http.NoBody
			r.ContentLength = 0
		},
		"signature":       func(r *http.Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")+"A") },
		"an action token": func(r *http.Request) { r.Header.Set("Authorization", "Claviger-Request "+s.token(payment())) },
		"later":           func(*http.Request) {},
	} {
		req := s.signed(server, change)
		if what == "later" {
			w.Clock.Advance(time.Minute + 30*time.Second)
		}
		got := do(t, req)
		if refusal == "" {
			refusal = got
			wantStatus(t, what, got, 401)
			if !strings.Contains(got, `Www-Authenticate: Claviger-Request realm="api", error="invalid_token"`) || !strings.Contains(got, "a valid signature of this request is required") {
				t.Error(got)
			}
		}
		if stripDate(got) != stripDate(refusal) {
			t.Errorf("%s: %s\nwhere others are told\n%s", what, got, refusal)
		}
	}
	wantStatus(t, "an action token by its own scheme", do(t, s.signed(server, func(r *http.Request) { client.AuthorizeAction(r, s.token(payment())) })), 401)
	wantStatus(t, "twice the field", do(t, s.signed(server, func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) })), 400)

	good := s.signed(server, func(*http.Request) {})
	again := good.Clone(context.Background())
	again.Body, _ = good.GetBody()
	if got := do(t, good); !strings.HasSuffix(got, string(w.reader.ID)+" true signed-request "+paymentBody+" <nil> 12 true") {
		t.Error(got)
	}
	wantStatus(t, "the second use", do(t, again), 401)

	elsewhere := s.payments(httpauth.RequireAction, httpauth.Options{}, echo)
	wantStatus(t, "where a challenge is wanted", do(t, s.signed(elsewhere, func(*http.Request) {})), 401)
	if _, err := w.System("test").In(w.acme.ID).RevokeCredential(context.Background(), s.id); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, "with a key that was revoked", do(t, s.signed(server, func(*http.Request) {})), 401)
}

func stripDate(answer string) string {
	var kept []string
	for _, line := range strings.Split(answer, "\n") {
		if !strings.HasPrefix(line, "Date: ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// TestRequireSignedTx: the handler uses the signature up with its effect.
func TestRequireSignedTx(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	consumes := s.payments(httpauth.RequireSignedTx, httpauth.Options{}, func(w http.ResponseWriter, r *http.Request) {
		err := s.Write(r.Context(), func(ctx context.Context, tx *identity.Tx) error { return httpauth.Action(r).ConsumeTx(ctx, tx) })
		if err != nil {
			httpauth.Write(w, r, err)
		}
	})
	forgets := s.payments(httpauth.RequireSignedTx, httpauth.Options{}, func(http.ResponseWriter, *http.Request) {})
	good := s.signed(consumes, func(*http.Request) {})
	again := good.Clone(context.Background())
	again.Body, _ = good.GetBody()
	wantStatus(t, "used up", do(t, good), 200)
	wantStatus(t, "again", do(t, again), 401)
	wantStatus(t, "forgotten", do(t, s.signed(forgets, func(*http.Request) {})), 500)
	nobody := w.signer(t, w.nobody)
	wantStatus(t, "without the permission", do(t, nobody.signed(consumes, func(*http.Request) {})), 403)
}
