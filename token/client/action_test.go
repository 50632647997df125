package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/token"
)

// closing is a body that cannot be read again, and says whether it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

// What ActionOf says is what a server sees, over the wire.
func TestActionOfIsWhatServersSee(t *testing.T) {
	var seen token.Action
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seen = token.Action{
			Method: r.Method, Host: r.Host, RequestURI: r.RequestURI, ContentType: r.Header.Get("Content-Type"),
			ContentEncoding: r.Header.Get("Content-Encoding"), BodySHA256: sha256.Sum256(body),
		}
	}))
	defer server.Close()
	for _, c := range []struct {
		method, target, media, coding string
		body                          io.Reader
	}{
		{"GET", "", "", "", nil},
		{"", "/", "", "", nil},
		{"GET", "?", "", "", nil},
		{"GET", "/a?", "", "", nil},
		{"GET", "/a?b=c&b=d#fragment", "", "", http.NoBody},
		{"DELETE", "/a%2Fb//c/../%C3%A9é;x=%20?q=%zz+&&", "", "", nil},
		{"POST", "/a", "application/json", "", strings.NewReader(`{"a":1}`)},
		{"POST", "/a", "text/plain; charset=utf-8", "gzip", bytes.NewReader([]byte{0, 1, 2})},
		{"POST", "/a", "", "", strings.NewReader("")},
		{"PATCH", "/a", "a/b", "", &closing{Reader: strings.NewReader("of unknown length")}},
		{"POST", "/a", "a/b", "", &closing{Reader: strings.NewReader("")}},
		{"PUT", "/a", "a/b", "", bytes.NewReader(make([]byte, token.MaxActionBody))},
	} {
		req, err := http.NewRequest(c.method, server.URL+c.target, c.body)
		if err != nil {
			t.Fatal(err)
		}
		if c.media != "" {
			req.Header.Set("Content-Type", c.media)
		}
		if c.coding != "" {
			req.Header.Set("Content-Encoding", c.coding)
		}
		a, err := ActionOf(req)
		if err != nil {
			t.Fatalf("%s %s: %v", c.method, c.target, err)
		}
		if again, err := ActionOf(req); err != nil || again != a {
			t.Errorf("%s %s: again %+v, %v", c.method, c.target, again, err)
		}
		if body, ok := c.body.(*closing); ok && !body.closed {
			t.Errorf("%s %s: the body was not closed", c.method, c.target)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if seen != a {
			t.Errorf("%s %s:\nsigned %+v\n  seen %+v", c.method, c.target, a, seen)
		}
	}
}

func TestActionOfRefuses(t *testing.T) {
	failing := errors.New("the disk is gone")
	for name, spoil := range map[string]func(*http.Request){
		"no URL":          func(r *http.Request) { r.URL = nil },
		"trailers":        func(r *http.Request) { r.Trailer = http.Header{"X": nil} },
		"two media types": func(r *http.Request) { r.Header["Content-Type"] = []string{"a/b", "a/b"} },
		"two codings":     func(r *http.Request) { r.Header["Content-Encoding"] = []string{"gzip", "br"} },
		"a long body":     func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader(make([]byte, token.MaxActionBody+1))) },
		"a short body":    func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 2 },
		"a body that fails": func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), failingReader{failing}))
		},
		"a host with a zone":  func(r *http.Request) { r.URL.Host = "[fe80::1%25en0]" },
		"a host beyond ASCII": func(r *http.Request) { r.Host = "bücher.example" },
		"no host":             func(r *http.Request) { r.Host, r.URL.Host = "", "" },
		"a method that none":  func(r *http.Request) { r.Method = "PO ST" },
		"a media type broken": func(r *http.Request) { r.Header.Set("Content-Type", "a/b\r\nX: y") },
	} {
		req, err := http.NewRequest("POST", "https://api.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		spoil(req)
		if a, err := ActionOf(req); err == nil || a != (token.Action{}) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestSignAction(t *testing.T) {
	req, err := http.NewRequest("POST", "https://api.example/a", strings.NewReader("b"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := ActionOf(req)
	if err != nil {
		t.Fatal(err)
	}
	public, err := token.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s, err := SignAction(key, issuer, "challenge", a)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(s.Text)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(issuer, challenge string, a token.Action) error {
		digest, err := a.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return public.Verify(token.PurposeAction, token.Algorithm(s.Algorithm), token.ActionMessage(issuer, challenge, digest), raw)
	}
	if err := verify(issuer, "challenge", a); err != nil {
		t.Error(err)
	}
	other := a
	other.RequestURI = "/b"
	for what, err := range map[string]error{
		"another issuer": verify("https://b.example", "challenge", a), "another challenge": verify(issuer, "x", a), "another action": verify(issuer, "challenge", other),
	} {
		if !errors.Is(err, token.ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if s, err := SignAction(key, issuer, "challenge", token.Action{}); !errors.Is(err, token.ErrFormat) || s != (Signature{}) {
		t.Errorf("nothing: %+v, %v", s, err)
	}

	req.Header.Set("Authorization", "Bearer of before")
	AuthorizeAction(req, "abc")
	if got := req.Header.Values("Authorization"); len(got) != 1 || got[0] != "Claviger-Action abc" {
		t.Errorf("%q", got)
	}
}
