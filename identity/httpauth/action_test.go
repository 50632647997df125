package httpauth_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/identity/httpauth"
	"github.com/claviger-go/claviger/identity/identitytest"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token/client"
)

// signer is an account with a key that signs actions.
type signer struct {
	*world
	t   testing.TB
	who identity.Principal
	id  identity.CredentialID
	key ed25519.PrivateKey
}

func (w *world) signer(t testing.TB, account identity.Account) signer {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	credential, err := w.System("test").In(account.Org).AddPublicKey(context.Background(), account.ID, identity.PublicKeySpec{
		UnprovenPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return signer{world: w, t: t, who: identitytest.Principal(t, w.Env, account), id: credential.ID, key: private}
}

// token is an action token for an action.
func (s signer) token(a identity.Action) string {
	s.t.Helper()
	ctx := context.Background()
	challenge, err := s.NewActionChallenge(ctx, s.who, a)
	if err != nil {
		s.t.Fatal(err)
	}
	signature, err := client.SignAction(s.key, identitytest.Issuer, challenge.Text, a)
	if err != nil {
		s.t.Fatal(err)
	}
	made, err := s.ExchangeAction(ctx, identity.ActionResponse{
		Challenge: challenge.Text, Credential: s.id, Signature: signature.Text, Algorithm: "EdDSA",
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.Token.Reveal()
}

const (
	paymentTarget = "/wallets/mine/payments?dry=0"
	paymentBody   = `{"amount":1}`
)

func payment() identity.Action {
	return identity.Action{
		Method: "POST", Host: "app.example", RequestURI: paymentTarget, ContentType: "application/json", BodySHA256: sha256.Sum256([]byte(paymentBody)),
	}
}

// wire is a request as it goes over the wire.
type wire struct {
	line   string // method and target
	fields []string
	body   string
	host   string
}

// paid is the payment, as it was signed.
func paid(token string) wire {
	return wire{"POST " + paymentTarget, []string{
		"Authorization: Claviger-Action " + token, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(paymentBody)),
	}, paymentBody, "app.example"}
}

// without leaves a field out.
func (q wire) without(name string) wire {
	var kept []string
	for _, f := range q.fields {
		if !strings.HasPrefix(f, name+":") {
			kept = append(kept, f)
		}
	}
	q.fields = kept
	return q
}

func (q wire) with(fields ...string) wire {
	q.fields = append(append([]string(nil), q.fields...), fields...)
	return q
}

// content has another body.
func (q wire) content(body string) wire {
	q = q.without("Content-Length").with(fmt.Sprintf("Content-Length: %d", len(body)))
	q.body = body
	return q
}

// chunked sends the body in chunks of one byte, and trailers.
func (q wire) chunked(trailers ...string) wire {
	q = q.without("Content-Length").with("Transfer-Encoding: chunked")
	var b strings.Builder
	for i := range len(q.body) {
		fmt.Fprintf(&b, "1\r\n%c\r\n", q.body[i])
	}
	b.WriteString("0\r\n")
	for _, t := range trailers {
		b.WriteString(t + "\r\n")
	}
	b.WriteString("\r\n")
	q.body = b.String()
	return q
}

// send returns an answer as text, as dump does.
func (q wire) send(t testing.TB, server *httptest.Server) string {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // the server may answer before it has read everything
		_, _ = io.WriteString(conn, q.line+" HTTP/1.1\r\nHost: "+q.host+"\r\nConnection: close\r\n"+strings.Join(q.fields, "\r\n")+"\r\n\r\n"+q.body)
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return dump(resp)
}

// payments serves a route of signed requests; its handler tells what it sees.
func (s signer) payments(guard func(string, func(*http.Request) (identity.Target, error)) httpauth.Guard, opts httpauth.Options, handler http.HandlerFunc) *httptest.Server {
	s.t.Helper()
	opts.Logger = s.options().Logger
	mux := httpauth.NewMux(s.Authority, opts)
	mux.Handle("/wallets/{id}/payments", guard("wallets:read", s.target), handler)
	mux.HandleFunc("GET /wallets/{id}", httpauth.Require("wallets:read", s.target), func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%v", httpauth.Action(r).Consume(r.Context()))
	})
	server := httptest.NewServer(mux)
	s.t.Cleanup(server.Close)
	return server
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	p, ok := httpauth.Principal(r)
	fmt.Fprintf(w, "%s %t %s %s %v %d %v", p, ok, p.Way(), body, err, r.ContentLength, httpauth.Action(r).Consumed())
}

func wantStatus(t testing.TB, what, answer string, want int) {
	t.Helper()
	if status(answer) != fmt.Sprint(want) {
		t.Errorf("%s: %s, want %d", what, answer, want)
	}
}

// TestSec60_SignedRequests changes each part of a signed request on the wire, and
// then sends it as it was signed.
func TestSec60_SignedRequests(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	server := s.payments(httpauth.RequireAction, httpauth.Options{}, echo)
	token := s.token(payment())
	good := paid(token)
	long := strings.Repeat("x", identity.MaxActionBody+1)
	host := func(host string) wire { q := good; q.host = host; return q }
	line := func(line string) wire { q := good; q.line = line; return q }
	var refusal string
	for what, q := range map[string]wire{
		"host":               host("other.example"),
		"host, with a port":  host("app.example:443"),
		"host, case":         host("App.example"),
		"forwarded host":     host("other.example").with("X-Forwarded-Host: app.example", "Forwarded: host=app.example"),
		"method":             line("PUT " + paymentTarget),
		"another resource":   line("POST /wallets/foreign/payments?dry=0"),
		"escaped":            line("POST /wallets/%6dine/payments?dry=0"),
		"absolute":           line("POST http://app.example" + paymentTarget),
		"query":              line("POST /wallets/mine/payments?dry=1"),
		"query, more":        line("POST " + paymentTarget + "&x"),
		"query, none":        line("POST /wallets/mine/payments"),
		"content type":       good.without("Content-Type").with("Content-Type: text/plain"),
		"content type, case": good.without("Content-Type").with("Content-Type: Application/json"),
		"content type, none": good.without("Content-Type"),
		"encoding":           good.with("Content-Encoding: gzip"),
		"body":               good.content(`{"amount":2}`),
		"body, longer":       good.content(paymentBody + " "),
		"body, none":         good.content(""),
		"body, chunked":      good.content(`{"amount":2}`).chunked(),
		"token":              paid(token + "A"),
		"token of nobody":    paid("abc"),
		"token of something else": paid(s.token(identity.Action{
			Method: "DELETE", Host: "app.example", RequestURI: paymentTarget, ContentType: "application/json", BodySHA256: payment().BodySHA256,
		})),
	} {
		answer := q.send(t, server)
		wantStatus(t, what, answer, 401)
		if refusal == "" {
			refusal = answer
			if !strings.Contains(answer, `Www-Authenticate: Claviger-Action realm="api", error="invalid_token"`) || !strings.Contains(answer, "a valid action token for this request is required") {
				t.Error(answer)
			}
		}
		if answer != refusal {
			t.Errorf("%s: %s\nwhere others are told\n%s", what, answer, refusal)
		}
	}
	for what, q := range map[string]wire{
		"nothing":                 good.without("Authorization"),
		"an access token instead": good.without("Authorization").with("Authorization: " + identitytest.Bearer(t, w.Env, w.reader)),
	} {
		answer := q.send(t, server)
		wantStatus(t, what, answer, 401)
		if !strings.Contains(answer, "Www-Authenticate: Claviger-Action realm=\"api\"\n") {
			t.Errorf("%s: %s", what, answer)
		}
	}
	for what, c := range map[string]struct {
		wire
		want int
	}{
		"two tokens":             {good.with("Authorization: Claviger-Action " + token), 400},
		"a token of each scheme": {good.with("Authorization: " + identitytest.Bearer(t, w.Env, w.reader)), 400},
		"a token in the URL":     {line("POST " + paymentTarget + "&access_token=x"), 400},
		"a broken token":         {paid("a b"), 400},
		"two content types":      {good.with("Content-Type: application/json"), 400},
		"two encodings":          {good.with("Content-Encoding: a", "Content-Encoding: b"), 400},
		"announced trailers":     {good.chunked("X-Amount: 2").with("Trailer: X-Amount"), 400},
		"trailers that are not":  {good.chunked("X-Amount: 2"), 400},
		"announced, not sent":    {good.chunked().with("Trailer: X-Amount"), 400},
		"a long body":            {good.content(long), 413},
		"a long body, announced": {good.without("Content-Length").with("Content-Length: 9999999999"), 413},
		"a long body, chunked": {wire{good.line, good.without("Content-Length").with("Transfer-Encoding: chunked").fields,
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long), good.host}, 413},
	} {
		answer := c.send(t, server)
		wantStatus(t, what, answer, c.want)
		if strings.Contains(answer, "X-Amount") || strings.Contains(answer, token) {
			t.Errorf("%s repeats what was sent: %s", what, answer)
		}
	}

	if got := good.chunked().send(t, server); !strings.HasSuffix(got, string(w.reader.ID)+" true action "+paymentBody+" <nil> 12 true") {
		t.Error(got)
	}
	if got := good.send(t, server); got != refusal {
		t.Errorf("the second use: %s", got)
	}
	if log := w.log.take(); strings.Contains(log, token) {
		t.Errorf("the token is in the log: %s", log)
	}
}

// TestActionBodies: the whole of the longest body that can be signed comes
// through, and so does none.
func TestActionBodies(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	server := s.payments(httpauth.RequireAction, httpauth.Options{}, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, len(body), err)
	})
	for _, n := range []int{0, 1, identity.MaxActionBody} {
		req, err := http.NewRequest("POST", server.URL+paymentTarget, strings.NewReader(strings.Repeat("x", n)))
		if err != nil {
			t.Fatal(err)
		}
		a, err := client.ActionOf(req)
		if err != nil {
			t.Fatal(err)
		}
		client.AuthorizeAction(req, s.token(a))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := dump(resp); !strings.HasSuffix(got, fmt.Sprint("\n", n, " <nil>")) {
			t.Errorf("%d bytes: %s", n, got)
		}
	}
}

// TestActionOnceOnTheWire: of 20 requests with one token, one is served.
func TestActionOnceOnTheWire(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	served := make(chan bool, 20)
	server := s.payments(httpauth.RequireAction, httpauth.Options{}, func(http.ResponseWriter, *http.Request) { served <- true })
	good := paid(s.token(payment()))
	var all sync.WaitGroup
	for range cap(served) {
		all.Go(func() { good.send(t, server) })
	}
	all.Wait()
	if len(served) != 1 {
		t.Errorf("%d were served", len(served))
	}
}

// TestActionDies: what ends the key or the token ends it here, and a handler
// that fails has used it up.
func TestActionDies(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.reader)
	server := s.payments(httpauth.RequireAction, httpauth.Options{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	used, old, revoked := paid(s.token(payment())), paid(s.token(payment())), paid(s.token(payment()))
	wantStatus(t, "a handler that fails", used.send(t, server), 418)
	wantStatus(t, "again", used.send(t, server), 401)
	if _, err := w.System("test").In(w.acme.ID).RevokeCredential(context.Background(), s.id); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, "revoked", revoked.send(t, server), 401)
	s = w.signer(t, w.reader)
	late := paid(s.token(payment()))
	w.Clock.Advance(5 * time.Minute)
	wantStatus(t, "late", late.send(t, server), 401)
	wantStatus(t, "late, and revoked", old.send(t, server), 401)
}

// TestActionPermission: who may not do it has not used the token up.
func TestActionPermission(t *testing.T) {
	w := newWorld(t)
	s := w.signer(t, w.nobody)
	server := s.payments(httpauth.RequireAction, httpauth.Options{}, echo)
	for id, want := range map[string]int{"mine": 403, "foreign": 404, "absent": 404, "down": 503, "else": 403} {
		a := payment()
		a.RequestURI = "/wallets/" + id + "/payments"
		token := s.token(a)
		q := paid(token)
		q.line = "POST " + a.RequestURI
		answer := q.send(t, server)
		wantStatus(t, id, answer, want)
		if want == 403 && !strings.Contains(answer, `Claviger-Action realm="api", error="insufficient_scope"`) {
			t.Errorf("%s: %s", id, answer)
		}
		if id == "mine" {
			if _, err := w.System("test").In(w.acme.ID).CreateBinding(context.Background(), identity.BindingSpec{
				Subject: identity.SubjectID(w.nobody.ID), Role: "reader", Scope: policy.Root,
			}); err != nil {
				t.Fatal(err)
			}
			wantStatus(t, "with the permission", q.send(t, server), 200)
		}
	}
	if got := serve(w.mux(), request("/wallets/mine", identitytest.Bearer(t, w.Env, w.reader))); status(got) != "200" {
		t.Error(got)
	}
	r := httptest.NewRequest("GET", "/wallets/mine", nil)
	r.Header.Set("Authorization", identitytest.Bearer(t, w.Env, w.reader))
	answer := serve(server.Config.Handler, r)
	if !strings.HasSuffix(answer, identity.ErrUnauthenticated.Error()+": nothing was signed") {
		t.Errorf("an action on a route that has none: %s", answer)
	}
	if !errors.Is(httpauth.Action(r).Consume(context.Background()), identity.ErrUnauthenticated) {
		t.Error("a request without a route has an action")
	}
}
