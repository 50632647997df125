package client

import (
	"fmt"
	"net/http"
)

// Transport returns a RoundTripper that sends the token with every request (RFC 6750 section 2.1); a nil base is
// http.DefaultTransport. Requests must be https, or http to a loopback address, unless Config.InsecureHTTP is set. A request that an http.Client
// makes because it was redirected to another host goes without the token. After a 401 the token is dropped, so that the next
// request gets a new one; the request itself is not repeated.
func (s *Source) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{source: s, base: base}
}

type transport struct {
	source *Source
	base   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if redirectedAway(req) {
		return t.base.RoundTrip(req)
	}
	tok, err := t.authorize(req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper closes the body, also on errors
		}
		return nil, err
	}
	// A RoundTripper may not change the request it was given.
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+tok)
	resp, err := t.base.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		t.source.drop(tok)
	}
	return resp, err
}

// authorize gets the token for a request that may carry it.
func (t *transport) authorize(req *http.Request) (string, error) {
	if u := req.URL; u == nil || u.Scheme != "https" && !t.source.config.InsecureHTTP && !loopback(u) {
		return "", fmt.Errorf("token/client: the token is not sent over plain http")
	}
	return t.source.Token(req.Context())
}

// redirectedAway reports whether req follows redirects that left the host, or the scheme, of the request they began with.
func redirectedAway(req *http.Request) bool {
	for r := req; r.Response != nil && r.Response.Request != nil; {
		r = r.Response.Request
		if r.URL.Host != req.URL.Host || r.URL.Scheme != req.URL.Scheme {
			return true
		}
	}
	return false
}
