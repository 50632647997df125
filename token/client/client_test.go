package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/token"
)

const issuer = "https://app.example"

var key = ed25519.NewKeyFromSeed(make([]byte, 32))

// clock is a clock that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// endpoint is a token endpoint that verifies assertions and counts its answers.
type endpoint struct {
	*httptest.Server
	clock *clock
	t     *testing.T

	mu     sync.Mutex
	calls  int
	ids    map[string]bool
	answer func(w http.ResponseWriter, n int) // n counts from 1
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{t: t, clock: &clock{now: time.Unix(1_800_000_000, 0)}, ids: map[string]bool{}}
	e.grant(600)
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	public, err := token.NewPublicKey(key.Public())
	if err != nil {
		e.t.Error(err)
	}
	if r.Method != "POST" || r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || r.URL.RawQuery != "" {
		e.t.Errorf("asked with %s %s %v", r.Method, r.URL, r.PostForm)
	}
	a, err := token.AssertionPolicy{Audience: issuer}.Verify(r.PostFormValue("assertion"), func(kid string) (token.PublicKey, error) {
		if kid != "cr_1" {
			e.t.Errorf("kid %q", kid)
		}
		return public, nil
	}, e.clock.Now())
	if err != nil || a.Subject != "sa_ci" {
		e.t.Errorf("assertion %+v, %v", a, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ids[a.ID] {
		e.t.Error("an assertion was sent twice")
	}
	e.ids[a.ID] = true
	e.calls++
	e.answer(w, e.calls)
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls
}

func (e *endpoint) set(answer func(w http.ResponseWriter, n int)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

// grant makes the endpoint answer with tokens t1, t2, …
func (e *endpoint) grant(expiresIn int) {
	e.set(func(w http.ResponseWriter, n int) {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":%d}`, n, expiresIn)
	})
}

func (e *endpoint) refuse(status int, body string) {
	e.set(func(w http.ResponseWriter, _ int) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func (e *endpoint) config() Config {
	return Config{TokenURL: e.URL + "/oauth2/token", Audience: issuer, Account: "sa_ci", KeyID: "cr_1", Key: key, Now: e.clock.Now}
}

func (e *endpoint) source() *Source {
	e.t.Helper()
	s, err := New(e.config())
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func want(t *testing.T, s *Source, tok string) {
	t.Helper()
	if got, err := s.Token(t.Context()); err != nil || got != tok {
		t.Errorf("got %q, %v; want %q", got, err, tok)
	}
}

func TestTokenIsKeptAndRenewed(t *testing.T) {
	for life, renew := range map[int]time.Duration{600: 570 * time.Second, 60: 48 * time.Second, 3600: 3570 * time.Second} {
		e := newEndpoint(t)
		e.grant(life)
		s := e.source()
		if e.count() != 0 {
			t.Error("New made a request")
		}
		want(t, s, "t1")
		want(t, s, "t1")
		e.clock.advance(renew - 1)
		want(t, s, "t1")
		e.clock.advance(1)
		want(t, s, "t2")
		want(t, s, "t2")
		if e.count() != 2 {
			t.Errorf("%d requests", e.count())
		}
	}
}

// A token that is still good bridges an outage; one that has expired never comes back.
func TestOutage(t *testing.T) {
	for name, outage := range map[string]func(*endpoint){
		"503":     func(e *endpoint) { e.refuse(503, `{"error":"temporarily_unavailable"}`) },
		"429":     func(e *endpoint) { e.refuse(429, ``) },
		"garbage": func(e *endpoint) { e.refuse(200, `{"access_token":`) },
		"closed":  func(e *endpoint) { e.CloseClientConnections(); e.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t)
			s := e.source()
			want(t, s, "t1")
			outage(e)
			e.clock.advance(570 * time.Second)
			want(t, s, "t1")
			calls := e.count()
			e.clock.advance(retryPause - 1)
			want(t, s, "t1")
			if e.count() != calls {
				t.Error("the endpoint in trouble was asked again at once")
			}
			e.clock.advance(1)
			want(t, s, "t1")
			if name != "closed" && e.count() != calls+1 {
				t.Error("the renewal was not tried again")
			}
			e.clock.advance(600*time.Second - 570*time.Second - retryPause)
			if got, err := s.Token(t.Context()); err == nil || got != "" {
				t.Errorf("an expired token was given out: %q", got)
			}
			if name == "closed" {
				return
			}
			e.grant(600)
			want(t, s, fmt.Sprintf("t%d", e.count()+1))
		})
	}
}

// A refusal is final though the token would still be good: the account is not welcome any more.
func TestRefusal(t *testing.T) {
	e := newEndpoint(t)
	s := e.source()
	want(t, s, "t1")
	e.clock.advance(590 * time.Second)
	e.refuse(400, `{"error":"invalid_grant","error_description":"no\n such key\u0007é"}`)
	_, err := s.Token(t.Context())
	var refused *Error
	if !errors.As(err, &refused) || *refused != (Error{"invalid_grant", "no such key", 400}) {
		t.Fatalf("%+v", err)
	}
	if got := err.Error(); got != "token/client: token endpoint answered 400 invalid_grant: no such key" {
		t.Error(got)
	}
	e.refuse(401, `{"error":"invalid_client","error_description":"`+strings.Repeat("a", 10_000)+`"}`)
	if _, err := s.Token(t.Context()); !errors.As(err, &refused) || refused.Code != "invalid_client" || len(refused.Description) != maxText {
		t.Errorf("%+v", err)
	}
	e.set(func(w http.ResponseWriter, _ int) { http.Error(w, `{"error":"x"}`, http.StatusForbidden) })
	if _, err := s.Token(t.Context()); !errors.As(err, &refused) || *refused != (Error{"", "", 403}) {
		t.Errorf("%+v", err)
	}
}

func TestBadAnswers(t *testing.T) {
	e := newEndpoint(t)
	s := e.source()
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `{"access_token":"a","token_type":"Bearer"}`, `{"access_token":"a","token_type":"Bearer","expires_in":0}`,
		`{"access_token":"a","token_type":"Bearer","expires_in":-5}`, `{"access_token":"a","token_type":"Bearer","expires_in":86401}`,
		`{"access_token":"a","token_type":"Bearer","expires_in":9223372036854775807}`, `{"access_token":"a","token_type":"DPoP","expires_in":60}`,
		`{"access_token":"","token_type":"Bearer","expires_in":60}`, `{"access_token":"a\r\nX: y","token_type":"Bearer","expires_in":60}`,
		`{"access_token":"a b","token_type":"Bearer","expires_in":60}`, `{"access_token":1,"token_type":"Bearer","expires_in":60}`,
		`{"access_token":"a","token_type":"Bearer","expires_in":60}` + strings.Repeat(" ", maxAnswer),
	} {
		e.refuse(200, body)
		if got, err := s.Token(t.Context()); err == nil || got != "" {
			t.Errorf("%.80s: %q", body, got)
		}
	}
	e.refuse(200, `{"access_token":"a","token_type":"bearer","expires_in":60}`)
	want(t, s, "a")
	e.clock.advance(time.Hour)
	e.set(func(w http.ResponseWriter, _ int) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `{"access_token":"a","token_type":"bearer","expires_in":60}`)
	})
	if got, err := s.Token(t.Context()); err == nil {
		t.Errorf("HTML was read as %q", got)
	}
}

// A redirect is an error: the assertion goes nowhere else.
func TestRedirect(t *testing.T) {
	var strayed bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed = true }))
	defer other.Close()
	e := newEndpoint(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		e.set(func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		var refused *Error
		if _, err := e.source().Token(t.Context()); !errors.As(err, &refused) || refused.Status != status {
			t.Errorf("%d: %v", status, err)
		}
	}
	c := e.config()
	c.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Token(t.Context()); err == nil || strayed {
		t.Errorf("%v; followed: %v", err, strayed)
	}
}

// gate holds requests back until it is opened, and tells when one arrives and when its connection is given up.
type gate struct {
	arrived, abandoned chan struct{}
	open               chan struct{}
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.arrived <- struct{}{}
	select {
	case <-g.open:
		return http.DefaultTransport.RoundTrip(r)
	case <-r.Context().Done():
		close(g.abandoned)
		return nil, r.Context().Err()
	}
}

func gated(t *testing.T, e *endpoint) (*Source, *gate) {
	t.Helper()
	g := &gate{make(chan struct{}, 8), make(chan struct{}), make(chan struct{})}
	c := e.config()
	c.HTTPClient = &http.Client{Transport: g}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, g
}

// waiters returns when n callers wait for an exchange.
func waiters(s *Source, n int) {
	for {
		s.mu.Lock()
		x := s.exchange
		there := x != nil && x.waiting == n || x == nil && n == 0
		s.mu.Unlock()
		if there {
			return
		}
		runtime.Gosched()
	}
}

func TestSingleFlight(t *testing.T) {
	e := newEndpoint(t)
	s, g := gated(t, e)
	first, leave := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := s.Token(first); gone <- err }()
	<-g.arrived
	got := make(chan string, 20)
	for range cap(got) {
		go func() {
			tok, err := s.Token(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- tok
		}()
	}
	waiters(s, cap(got)+1)
	// The one who began it leaves at once, and the others keep their exchange.
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("left with %v", err)
	}
	close(g.open)
	for range cap(got) {
		if tok := <-got; tok != "t1" {
			t.Errorf("got %q", tok)
		}
	}
	if e.count() != 1 {
		t.Errorf("%d requests", e.count())
	}
}

// When all have left, the exchange ends, and the next caller begins another.
func TestAllLeave(t *testing.T) {
	e := newEndpoint(t)
	s, g := gated(t, e)
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error)
	for range 3 {
		go func() { _, err := s.Token(ctx); gone <- err }()
	}
	waiters(s, 3)
	<-g.arrived
	leave()
	for range 3 {
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("left with %v", err)
		}
	}
	<-g.abandoned
	close(g.open)
	want(t, s, "t1")
	if _, err := s.Token(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller got %v", err)
	}
}

// A renewal that hangs holds up one caller, not those for whom the old token is still good.
func TestRenewalHangs(t *testing.T) {
	e := newEndpoint(t)
	s, g := gated(t, e)
	renewed := make(chan string)
	ask := func() {
		tok, err := s.Token(t.Context())
		if err != nil {
			t.Error(err)
		}
		renewed <- tok
	}
	go ask()
	<-g.arrived
	g.open <- struct{}{}
	if tok := <-renewed; tok != "t1" {
		t.Fatalf("got %q", tok)
	}
	e.clock.advance(570 * time.Second)
	go ask()
	<-g.arrived
	want(t, s, "t1")
	e.clock.advance(30 * time.Second) // now it has expired, and everybody has to wait
	go ask()
	waiters(s, 2)
	close(g.open)
	for range 2 {
		if tok := <-renewed; tok != "t2" {
			t.Errorf("got %q", tok)
		}
	}
}

func TestTransport(t *testing.T) {
	e := newEndpoint(t)
	s := e.source()
	var got []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") == "Bearer t1" && r.URL.Path == "/refuse" {
			w.WriteHeader(401)
		}
	}))
	defer api.Close()
	req, err := http.NewRequestWithContext(t.Context(), "GET", api.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Basic mine")
	send := func(r *http.Request) *http.Response {
		t.Helper()
		resp, err := (&http.Client{Transport: s.Transport(nil)}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	send(req)
	send(req)
	if req.Header.Get("Authorization") != "Basic mine" {
		t.Error("the caller's request was changed")
	}
	// After a 401 the next request has another token; the first is not repeated.
	req.URL.Path = "/refuse"
	if send(req).StatusCode != 401 || send(req).StatusCode != 200 {
		t.Error("401 not passed on")
	}
	if want := "Bearer t1 Bearer t1 Bearer t1 Bearer t2"; strings.Join(got, " ") != want {
		t.Errorf("sent %q", got)
	}
}

// The token does not follow a redirect to another host, and never travels in the clear.
func TestTransportKeepsTheToken(t *testing.T) {
	e := newEndpoint(t)
	s := e.source()
	var stolen string
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen = r.Header.Get("Authorization") }))
	defer evil.Close()
	var second string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, evil.URL, http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/there":
			second = r.Header.Get("Authorization")
		}
	}))
	defer api.Close()
	client := &http.Client{Transport: s.Transport(nil)}
	for _, path := range []string{"/away", "/here"} {
		resp, err := client.Get(api.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if stolen != "" || second != "Bearer t1" {
		t.Errorf("the other host got %q, the same host %q", stolen, second)
	}
	body := &closer{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://api.example/", body)
	if err != nil {
		t.Fatal(err)
	}
	asked := false
	base := roundTrip(func(*http.Request) (*http.Response, error) { asked = true; return nil, errors.New("reached") })
	if _, err := s.Transport(base).RoundTrip(req); err == nil || asked || !body.closed {
		t.Errorf("plain http: %v, sent %v, closed %v", err, asked, body.closed)
	}
	s.config.InsecureHTTP = true
	if _, err := s.Transport(base).RoundTrip(req); err == nil || !asked {
		t.Errorf("InsecureHTTP: %v, sent %v", err, asked)
	}
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNew(t *testing.T) {
	good := Config{TokenURL: "https://app.example/oauth2/token", Audience: issuer, Account: "sa_ci", KeyID: "cr_1", Key: key}
	for u, ok := range map[string]bool{
		"https://app.example/t": true, "https://app.example:8443/t?x=y": true, "http://127.0.0.1:80/t": true, "http://[::1]/t": true,
		"http://localhost/t": true, "http://app.example/t": false, "http://127.0.0.1.evil.example/t": false, "http://localhost.evil.example": false,
		"http://10.0.0.1/t": false, "": false, "/t": false, "https:///t": false, "ftp://127.0.0.1/t": false, "https://u:p@app.example/t": false,
		"https://app.example/#x": false, "%": false, "HTTPS://app.example/t": true,
	} {
		c := good
		c.TokenURL = u
		if s, err := New(c); (err == nil) != ok || (s != nil) != ok {
			t.Errorf("%q: %v", u, err)
		}
		if c.InsecureHTTP = true; strings.HasPrefix(u, "http://") {
			if _, err := New(c); err != nil {
				t.Errorf("%q with InsecureHTTP: %v", u, err)
			}
		}
	}
	for name, change := range map[string]func(*Config){
		"Audience": func(c *Config) { c.Audience = "" }, "Account": func(c *Config) { c.Account = "" }, "KeyID": func(c *Config) { c.KeyID = "" },
		"Key": func(c *Config) { c.Key = nil },
	} {
		c := good
		change(&c)
		if s, err := New(c); s != nil || !errors.Is(err, token.ErrConfig) {
			t.Errorf("no %s: %v", name, err)
		}
	}
	client := &http.Client{}
	good.HTTPClient = client
	if _, err := New(good); err != nil || client.CheckRedirect != nil {
		t.Errorf("the host's http.Client was changed, %v", err)
	}
}
