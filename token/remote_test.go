package token

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// issuer publishes keys, to whoever asks it through its RoundTrip, and counts how often that is.
type issuer struct {
	t     testing.TB
	clock time.Time
	v     *Verifier

	mu     sync.Mutex
	asked  int
	answer func(*http.Request) (*http.Response, error)
}

const keysURL = "https://app.example/.well-known/jwks.json"

func newIssuer(t testing.TB, keys ...*SigningKey) *issuer {
	t.Helper()
	i := &issuer{t: t, clock: testNow}
	i.v = must(NewVerifier(VerifierConfig{Issuer: "https://app.example", Audience: "https://app.example"}))
	i.publish(keys...)
	return i
}

// publish changes the answer to a set of keys.
func (i *issuer) publish(keys ...*SigningKey) {
	var public []VerifyKey
	for _, k := range keys {
		public = append(public, k.VerifyKey())
	}
	i.respond(200, "application/jwk-set+json", string(must(NewKeySet(public...)).JWKS()), "Cache-Control", "public, max-age=300")
}

// respond changes the answer.
func (i *issuer) respond(status int, media, body string, header ...string) {
	i.do(func(*http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {media}}
		for n := 0; n < len(header); n += 2 {
			h.Add(header[n], header[n+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	})
}

var errOffline = errors.New("no route to host")

func (i *issuer) offline() {
	i.do(func(*http.Request) (*http.Response, error) { return nil, errOffline })
}

func (i *issuer) do(answer func(*http.Request) (*http.Response, error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() != keysURL || r.Method != "GET" || r.Header.Get("Authorization") != "" {
		i.t.Errorf("asked with %s %s %v", r.Method, r.URL, r.Header)
	}
	i.mu.Lock()
	i.asked++
	answer := i.answer
	i.mu.Unlock()
	return answer(r)
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

func (i *issuer) now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.clock
}

func (i *issuer) advance(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clock = i.clock.Add(d)
}

// remote is a service that knows only the URL.
func (i *issuer) remote(c RemoteConfig) *RemoteKeys {
	i.t.Helper()
	c.URL, c.Client, c.Now = keysURL, &http.Client{Transport: i}, i.now
	r, err := NewRemoteKeys(c)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = r.Close() })
	return r
}

// token is one that is good at any time of the test.
func (i *issuer) token(k *SigningKey) string {
	c := tenClaims()
	c.IssuedAt, c.Expiry = i.now().Unix(), i.now().Unix()+3600
	return must(k.Sign(i.t.Context(), c))
}

// want verifies a token, and says how many requests that may have cost since the last time.
func (i *issuer) want(r *RemoteKeys, raw string, kind error, requests int) {
	i.t.Helper()
	before := i.count()
	c, err := r.Verify(i.t.Context(), i.v, raw)
	if !errors.Is(err, kind) || (err == nil) != (c.Subject == tenClaims().Subject) || err != nil && !zeroClaims(c) {
		i.t.Errorf("got %v, %v; want %v", c, err, kind)
	}
	if n := i.count() - before; n != requests {
		i.t.Errorf("%d requests, want %d", n, requests)
	}
}

func TestRemoteKeys(t *testing.T) {
	for _, alg := range []Algorithm{AlgEdDSA, AlgES256} {
		first, second := mustKey(t, alg, 1), mustKey(t, alg, 2)
		i := newIssuer(t, first)
		r := i.remote(RemoteConfig{})
		i.want(r, i.token(first), nil, 1) // at the first need
		i.want(r, i.token(first), nil, 0)
		i.advance(299 * time.Second)
		i.want(r, i.token(first), nil, 0)

		// A key that is published before it signs is known by age, and one that is not, by its first token.
		i.publish(first, second)
		i.want(r, i.token(second), nil, 1)
		i.publish(second)
		i.advance(300 * time.Second)
		i.want(r, i.token(first), ErrUnknownKey, 1)
		i.want(r, i.token(second), nil, 0)
		if set, err := r.Keys(t.Context()); err != nil || string(set.JWKS()) != string(must(NewKeySet(second.VerifyKey())).JWKS()) {
			t.Errorf("the keys are %s, %v", set.JWKS(), err)
		}

		// What is wrong with a token of a known key costs nothing, and neither does what is of no form of ours.
		good := i.token(second)
		i.advance(time.Minute)
		i.want(r, good[:len(good)-1]+"!", ErrFormat, 0)
		i.want(r, good[:len(good)-44]+strings.Repeat("A", 44), ErrSignature, 0)
		i.want(r, "", ErrFormat, 0)
		other := must(second.Sign(t.Context(), func() Claims { c := tenClaims(); c.Audience = []string{"https://x.example"}; return c }()))
		i.want(r, other, ErrClaim, 0)
		_, rest, _ := strings.Cut(good, ".")
		for _, header := range []string{
			"x", `{}`, `{"alg":"none"}`, `{"alg":"RS256","kid":"k","typ":"at+jwt"}`, `{"alg":"EdDSA","kid":"k","typ":"JWT"}`,
			`{"alg":"EdDSA","kid":"","typ":"at+jwt"}`, `{"alg":"EdDSA","kid":"a b","typ":"at+jwt"}`, `{"alg":"EdDSA", "kid":"k","typ":"at+jwt"}`,
			`{"alg":"EdDSA","kid":"` + strings.Repeat("k", 129) + `","typ":"at+jwt"}`, `{"kid":"k","alg":"EdDSA","typ":"at+jwt"}`,
		} {
			i.want(r, b64(header)+"."+rest, ErrUnknownKey, 0)
		}
		i.want(r, b64(`{"alg":"EdDSA","kid":"k\"\\","typ":"at+jwt"}`)+"."+rest, ErrUnknownKey, 1) // a kid may be so
	}
}

// A thousand tokens with a thousand kids are at most one request in MinInterval, one after the other or all at once.
func TestUnknownKeyStorm(t *testing.T) {
	key := mustKey(t, AlgEdDSA, 1)
	i := newIssuer(t, key)
	r := i.remote(RemoteConfig{MinInterval: 30 * time.Second})
	good := i.token(key)
	i.want(r, good, nil, 1)
	_, rest, _ := strings.Cut(good, ".")
	random := mathrand.NewChaCha8([32]byte{9})
	storm := func() string {
		return headerSegment(AlgEdDSA, fmt.Sprintf("%x", random.Uint64())) + "." + rest
	}
	for n := range 1000 { // over a hundred seconds
		i.want(r, storm(), ErrUnknownKey, map[bool]int{true: 1}[n == 300 || n == 600 || n == 900])
		i.advance(100 * time.Millisecond)
	}
	i.want(r, good, nil, 0)
	i.advance(30 * time.Second)
	before := i.count()
	var all sync.WaitGroup
	for range 200 {
		raw := storm()
		all.Go(func() {
			if _, err := r.Verify(t.Context(), i.v, raw); !errors.Is(err, ErrUnknownKey) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := i.count() - before; n != 1 {
		t.Errorf("%d requests for 200 at once", n)
	}
	// The real one is found at the next request, at the latest.
	late := mustKey(t, AlgEdDSA, 3)
	i.publish(key, late)
	i.want(r, i.token(late), ErrUnknownKey, 0)
	i.advance(30 * time.Second)
	i.want(r, i.token(late), nil, 1)
}

// Keys outlive the issuer by MaxStale and no more, and it is asked again every MinInterval.
func TestStaleKeys(t *testing.T) {
	key := mustKey(t, AlgEdDSA, 1)
	for _, tt := range []struct {
		stale time.Duration // configured
		life  time.Duration // how long the keys are good
	}{{0, 15 * time.Minute}, {time.Minute, 6 * time.Minute}, {-1, 5 * time.Minute}, {time.Hour, 65 * time.Minute}} {
		i := newIssuer(t, key)
		r := i.remote(RemoteConfig{MaxStale: tt.stale})
		i.want(r, i.token(key), nil, 1)
		i.offline()
		for age := time.Duration(0); age < tt.life+time.Minute; age += 10 * time.Second {
			asks := map[bool]int{true: 1}[age >= 5*time.Minute]
			if age < tt.life {
				i.want(r, i.token(key), nil, asks)
			} else {
				i.want(r, i.token(key), ErrUnavailable, asks)
			}
			i.advance(5 * time.Second)
			if age+5*time.Second >= tt.life {
				i.want(r, i.token(key), errOffline, 0) // the reason is told from memory
			}
			i.advance(5 * time.Second)
		}
		i.publish(key)
		i.want(r, i.token(key), nil, 1)
	}
	// Never reached at all.
	i := newIssuer(t, key)
	i.offline()
	r := i.remote(RemoteConfig{})
	i.want(r, i.token(key), ErrUnavailable, 1)
	i.want(r, i.token(key), ErrUnavailable, 0)
	i.advance(10 * time.Second)
	i.publish()
	i.want(r, i.token(key), ErrUnknownKey, 1) // no key is an answer too
}

// An issuer that hangs holds up nobody who has keys, and those who have none for as long as they like.
func TestHangingIssuer(t *testing.T) {
	key := mustKey(t, AlgEdDSA, 1)
	i := newIssuer(t, key)
	good := i.token(key)
	reached, release := make(chan struct{}), make(chan struct{})
	hang := func(then func(*http.Request) (*http.Response, error)) {
		i.do(func(q *http.Request) (*http.Response, error) {
			reached <- struct{}{}
			select {
			case <-release:
				return then(q)
			case <-q.Context().Done():
				return nil, q.Context().Err()
			}
		})
	}
	published := i.answer
	hang(published)
	r := i.remote(RemoteConfig{})

	// The first one leaves; the request goes on for the second.
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := r.Verify(ctx, i.v, good)
		left <- err
	}()
	<-reached
	second := make(chan error)
	go func() {
		_, err := r.Verify(t.Context(), i.v, good)
		second <- err
	}()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	release <- struct{}{}
	if err := <-second; err != nil || i.count() != 1 {
		t.Errorf("who stayed got %v after %d requests", err, i.count())
	}

	// While one has old keys renewed, the others use them.
	i.advance(5 * time.Minute)
	first := make(chan error)
	go func() {
		_, err := r.Verify(t.Context(), i.v, good)
		first <- err
	}()
	<-reached
	i.want(r, good, nil, 0)
	i.advance(time.Minute) // nor is another request made beside that one, however long it takes
	i.want(r, good, nil, 0)
	release <- struct{}{}
	if err := <-first; err != nil {
		t.Error(err)
	}

	// Close ends the request under way, and whoever waits for it.
	i.advance(time.Hour)
	go func() {
		_, err := r.Verify(t.Context(), i.v, good)
		first <- err
	}()
	<-reached
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := <-first; !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("who waited got %v", err)
	}
	i.advance(time.Hour)
	if _, err := r.Keys(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	// A context that has ended asks nothing.
	other := i.remote(RemoteConfig{})
	if _, err := other.Keys(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}

func TestRemoteAnswers(t *testing.T) {
	key := mustKey(t, AlgEdDSA, 1)
	set := string(must(NewKeySet(key.VerifyKey())).JWKS())
	const media = "application/jwk-set+json"
	i := newIssuer(t, key)
	for name, tt := range map[string]struct {
		status      int
		media, body string
		kind        error
	}{
		"as published":      {200, media, set, nil},
		"plain JSON":        {200, "application/json; charset=utf-8", set, nil},
		"longest":           {200, media, set + strings.Repeat(" ", maxKeySet-len(set)), nil},
		"too long":          {200, media, set + strings.Repeat(" ", maxKeySet-len(set)+1), ErrFormat},
		"HTML":              {200, "text/html", set, ErrUnavailable},
		"no type":           {200, "", set, ErrUnavailable},
		"not found":         {404, media, set, ErrUnavailable},
		"no content":        {204, media, set, ErrUnavailable},
		"broken":            {503, media, set, ErrUnavailable},
		"moved":             {307, media, set, ErrUnavailable},
		"cut":               {200, media, set[:len(set)-1], ErrFormat},
		"two":               {200, media, set + set, ErrFormat},
		"a private key":     {200, media, strings.Replace(set, `"x":`, `"d":"AA","x":`, 1), ErrPrivateKey},
		"a symmetric key":   {200, media, `{"keys":[{"kty":"oct","kid":"s","k":"AAAA"}]}`, ErrPrivateKey},
		"keys of one kid":   {200, media, strings.Replace(set, `[`, `[{"kid":"`+key.ID()+`"},`, 1), ErrFormat},
		"not even an array": {200, media, `{"keys":{}}`, ErrFormat},
	} {
		i.respond(tt.status, tt.media, tt.body, "Location", keysURL)
		r := i.remote(RemoteConfig{})
		_, err := r.Verify(t.Context(), i.v, i.token(key))
		if !errors.Is(err, tt.kind) || err != nil && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: got %v, want %v", name, err, tt.kind)
		}
	}
}

// No more of an answer is read than a set may have, and one byte.
func TestEndlessAnswer(t *testing.T) {
	i := newIssuer(t)
	body := &counter{most: maxKeySet + 1, t: t}
	i.do(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(body)}, nil
	})
	if _, err := i.remote(RemoteConfig{}).Keys(t.Context()); !errors.Is(err, ErrFormat) || body.n != body.most {
		t.Errorf("%v after %d bytes", err, body.n)
	}
}

// counter is spaces, of which only so many may be read.
type counter struct {
	n, most int
	t       *testing.T
}

func (c *counter) Read(b []byte) (int, error) {
	if c.n > c.most {
		c.t.Fatalf("%d bytes were read", c.n)
	}
	n, err := spaces{}.Read(b)
	c.n += n
	return n, err
}

// Who has seen a set without the key gets the one that came meanwhile, and costs no request.
func TestSetCameMeanwhile(t *testing.T) {
	first, second := mustKey(t, AlgEdDSA, 1), mustKey(t, AlgEdDSA, 2)
	i := newIssuer(t, first)
	r := i.remote(RemoteConfig{})
	old := must(r.Keys(t.Context()))
	i.publish(first, second)
	i.advance(10 * time.Second)
	i.want(r, i.token(second), nil, 1)
	for range 2 { // before and after the next request may be made
		if got, err := r.keys(t.Context(), old); err != nil || got == old || i.count() != 2 {
			t.Errorf("%v, the old set: %v, after %d requests", err, got == old, i.count())
		}
		i.advance(10 * time.Second)
	}
}

// Over a real connection: a redirect is not followed, and what is packed is measured unpacked.
func TestRemoteServer(t *testing.T) {
	key := mustKey(t, AlgEdDSA, 1)
	set := must(NewKeySet(key.VerifyKey())).JWKS()
	visits := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits++
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(set)
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(set)
		if r.URL.Path == "/bomb" {
			_, _ = io.CopyN(z, spaces{}, 64<<20)
		}
		_ = z.Close()
	}))
	defer server.Close()
	for path, kind := range map[string]error{"/": nil, "/moved": ErrUnavailable, "/bomb": ErrFormat} {
		r := must(NewRemoteKeys(RemoteConfig{URL: server.URL + path, Client: server.Client()}))
		got, err := r.Keys(t.Context())
		if !errors.Is(err, kind) || err == nil && !bytes.Equal(got.JWKS(), set) {
			t.Errorf("%s: %v", path, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if visits != 0 {
		t.Errorf("a redirect was followed")
	}
}

// spaces never ends.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestFreshness(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                                                    time.Hour,
		"Cache-Control: max-age=300":                          5 * time.Minute,
		"Cache-Control: public, Max-Age=300":                  5 * time.Minute,
		`Cache-Control: max-age="300"`:                        5 * time.Minute,
		"Cache-Control: max-age=0":                            0,
		"Cache-Control: max-age=86400":                        time.Hour,
		"Cache-Control: max-age=99999999999999999999":         time.Hour,
		"Cache-Control: max-age=-1":                           0,
		"Cache-Control: max-age=1.5":                          0,
		"Cache-Control: max-age":                              0,
		"Cache-Control: max-age=9, max-age=300":               0,
		"Cache-Control: public|Cache-Control: max-age=300":    5 * time.Minute,
		"Cache-Control: max-age=300|Cache-Control: no-store":  0,
		"Cache-Control: no-cache":                             0,
		"Cache-Control: private, immutable":                   time.Hour,
		"Cache-Control: s-maxage=5":                           time.Hour,
		"Cache-Control: max-age=300|Age: 100":                 200 * time.Second,
		"Cache-Control: max-age=300|Age: 400":                 0,
		"Cache-Control: max-age=300|Age: x":                   0,
		"Cache-Control: max-age=300|Age: 9999999999999999999": 0,
		"Age: 600": 50 * time.Minute,
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(header, "|") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				h.Add(name, value)
			}
		}
		if got := freshness(h, time.Hour); got != want {
			t.Errorf("%s: %v, want %v", header, got, want)
		}
	}
	// However short the answer says, keys are used until the issuer may be asked again.
	key := mustKey(t, AlgEdDSA, 1)
	i := newIssuer(t, key)
	i.respond(200, "application/json", string(must(NewKeySet(key.VerifyKey())).JWKS()), "Cache-Control", "no-store")
	r := i.remote(RemoteConfig{MaxStale: -1})
	for range 5 {
		i.want(r, i.token(key), nil, 1)
		i.advance(9 * time.Second)
		i.want(r, i.token(key), nil, 0)
		i.advance(time.Second)
	}
}

func TestRemoteConfig(t *testing.T) {
	good := RemoteConfig{URL: keysURL}
	for name, change := range map[string]func(*RemoteConfig){
		"URL": func(c *RemoteConfig) { c.URL = "" }, "URL ": func(c *RemoteConfig) { c.URL = "/jwks" }, "URL  ": func(c *RemoteConfig) { c.URL = "https://" },
		"URL 1": func(c *RemoteConfig) { c.URL = "http://app.example/" }, "URL 2": func(c *RemoteConfig) { c.URL = "https://a:b@app.example/" },
		"URL 3": func(c *RemoteConfig) { c.URL = "file:///etc/passwd" }, "URL 4": func(c *RemoteConfig) { c.URL = "https://app.example/#x" },
		"URL 5": func(c *RemoteConfig) { c.URL = "http://127.0.0.1.example/" }, "URL 6": func(c *RemoteConfig) { c.URL = "\x00" },
		"URL 7":        func(c *RemoteConfig) { c.URL, c.InsecureHTTP = "ftp://app.example/", true },
		"MaxAge":       func(c *RemoteConfig) { c.MaxAge = 25 * time.Hour },
		"MaxAge ":      func(c *RemoteConfig) { c.MaxAge = -1 },
		"MaxStale":     func(c *RemoteConfig) { c.MaxStale = time.Hour + 1 },
		"MinInterval":  func(c *RemoteConfig) { c.MinInterval = time.Millisecond },
		"MinInterval ": func(c *RemoteConfig) { c.MinInterval = 6 * time.Minute },
	} {
		c := good
		change(&c)
		r, err := NewRemoteKeys(c)
		field, _, _ := strings.Cut(name, " ")
		if e := new(Error); r != nil || !errors.As(err, &e) || e.Kind != ErrConfig || e.Field != field {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, c := range []RemoteConfig{
		good, {URL: "http://127.0.0.1:1/"}, {URL: "http://[::1]/x?y"}, {URL: "http://localhost/"}, {URL: "http://app.example/", InsecureHTTP: true},
		{URL: keysURL, MaxAge: time.Second},
	} {
		r, err := NewRemoteKeys(c)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	var zero RemoteKeys
	for _, r := range []*RemoteKeys{nil, &zero} {
		if _, err := r.Verify(t.Context(), nil, "a.b.c"); !errors.Is(err, ErrConfig) {
			t.Errorf("the zero value: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Nothing in a token chooses where its keys are asked for: not a header, not a kid, not iss. RoundTrip fails the test at any other URL, and
// the default transport, which a forgetful use would take, is not there.
func TestSec62_NoTokenChoosesTheURL(t *testing.T) {
	key := mustKey(t, AlgEdDSA, 1)
	i := newIssuer(t, key)
	r := i.remote(RemoteConfig{})
	standard := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = standard })
	http.DefaultTransport = refuser{t}

	const elsewhere = "https://attacker.example/keys"
	_, rest, _ := strings.Cut(i.token(key), ".")
	var tokens []string
	for _, header := range []string{
		`{"alg":"EdDSA","kid":"` + elsewhere + `","typ":"at+jwt"}`,
		`{"alg":"EdDSA","kid":"k","typ":"at+jwt","jku":"` + elsewhere + `"}`,
		`{"alg":"EdDSA","kid":"k","typ":"at+jwt","x5u":"` + elsewhere + `"}`,
		`{"jku":"` + elsewhere + `","alg":"EdDSA","kid":"` + key.ID() + `","typ":"at+jwt"}`,
		`{"alg":"EdDSA","kid":"` + key.ID() + `","typ":"at+jwt","jwk":` + string(key.Public().JWK()) + `}`,
		`{"alg":"EdDSA","kid":"../../` + elsewhere + `","typ":"at+jwt"}`,
	} {
		tokens = append(tokens, b64(header)+"."+rest)
	}
	c := tenClaims()
	c.Issuer = elsewhere
	tokens = append(tokens, must(key.Sign(t.Context(), c)))
	must(r.Keys(t.Context()))
	for _, raw := range tokens {
		i.advance(defaultMinInterval) // so that an unknown key is asked for
		if _, err := r.Verify(t.Context(), i.v, raw); !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrClaim) {
			t.Errorf("%.60s…: %v", raw, err)
		}
		// Nor does one that is verified otherwise.
		if _, err := (AssertionPolicy{Audience: testIssuer}).Verify(raw, func(string) (PublicKey, error) { return key.Public(), nil }, testNow); err == nil {
			t.Errorf("%.60s… is an assertion", raw)
		}
	}
	if n := i.count(); n != 3 {
		t.Errorf("%d requests to the one URL, want the first and one for each key that is not known", n)
	}
}

type refuser struct{ t *testing.T }

func (d refuser) RoundTrip(r *http.Request) (*http.Response, error) {
	d.t.Errorf("dialled %s", r.URL)
	return nil, errOffline
}

// Many verify while keys come and go; each token is judged by a set that was published.
func TestRemoteKeysRace(t *testing.T) {
	keys := []*SigningKey{mustKey(t, AlgEdDSA, 1), mustKey(t, AlgEdDSA, 2), mustKey(t, AlgEdDSA, 3)}
	i := newIssuer(t, keys...)
	r := i.remote(RemoteConfig{MinInterval: time.Second})
	tokens := []string{i.token(keys[0]), i.token(keys[1]), i.token(keys[2])}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for n := range 100 {
				if g == 0 {
					i.publish(keys[0], keys[1+n%2])
					i.advance(time.Second)
					continue
				}
				which := (g + n) % 3
				if _, err := r.Verify(t.Context(), i.v, tokens[which]); err != nil && (which == 0 || !errors.Is(err, ErrUnknownKey)) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if i.count() > 102 {
		t.Errorf("%d requests in 100 intervals", i.count())
	}
}
