// Package client gets access tokens for a workload: it signs an assertion with the workload's private key, exchanges it at the
// token endpoint (RFC 7523), and keeps the token until shortly before it expires.
package client

import (
	"context"
	"crypto"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/claviger-go/claviger/token"
)

// Config says whose tokens, and from where. TokenURL, Audience, Account, KeyID and Key are required.
type Config struct {
	TokenURL   string           // the token endpoint; https, or http to a loopback address
	Audience   string           // the issuer id of the server, the assertion's aud
	Account    string           // the service account's id
	KeyID      string           // the id the server gave the public key
	Key        crypto.Signer    // Ed25519, ECDSA or RSA
	HTTPClient *http.Client     // nil is one of its own; redirects are never followed
	Now        func() time.Time // nil is time.Now

	// InsecureHTTP lets TokenURL, and the requests of Transport, be plain http to any host, where anybody on the way can take
	// the token.
	InsecureHTTP bool
}

const (
	fetchTimeout = 30 * time.Second // of one exchange, whatever its callers wait
	retryPause   = 5 * time.Second  // between attempts to renew a token that is still good
)

// Source gives access tokens. It is safe for concurrent use. It has nothing to close: an exchange ends when nobody waits for it
// any more.
type Source struct {
	config Config
	client http.Client
	now    func() time.Time

	mu       sync.Mutex
	held     grant
	nextTry  time.Time // when a token that is still good may next be renewed
	exchange *exchange // the one under way, or nil
}

// grant is an access token and its times. The zero grant has expired.
type grant struct {
	token         string
	renew, expiry time.Time
}

// exchange is one request to the token endpoint, which any number of callers wait for.
type exchange struct {
	done    chan struct{} // closed when grant and err are set
	grant   grant
	err     error
	waiting int // guarded by Source.mu
	cancel  context.CancelFunc
}

// New checks the configuration and signs a first assertion, so that a key or name that cannot work fails here. No request is
// made. Errors: those of token.SignAssertion, and plain ones about TokenURL.
func New(c Config) (*Source, error) {
	u, err := url.Parse(c.TokenURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("token/client: TokenURL is not an absolute URL without user and fragment")
	case u.Scheme != "https" && !(u.Scheme == "http" && (c.InsecureHTTP || loopback(u))):
		return nil, fmt.Errorf("token/client: TokenURL must be https, or http to a loopback address")
	}
	s := &Source{config: c, now: c.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if c.HTTPClient != nil {
		s.client = *c.HTTPClient
	}
	// A redirect would carry the assertion to a place that nobody configured.
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if _, err := s.assertion(context.Background()); err != nil {
		return nil, fmt.Errorf("token/client: %w", err)
	}
	return s, nil
}

// loopback reports whether a URL's host is this machine.
func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *Source) assertion(ctx context.Context) (string, error) {
	return token.SignAssertion(ctx, s.config.Key, token.AssertionSpec{
		KeyID: s.config.KeyID, Account: s.config.Account, Audience: s.config.Audience, Now: s.now(),
	})
}

// Token returns an access token that has not expired. It is renewed when less than a fifth of its life, at most 30 seconds,
// remains; if the server cannot be reached then, it is given out until it expires, and renewal is tried again every 5 seconds.
// Callers who have to wait share one exchange, and each stops waiting when its own ctx ends. Errors: *Error if the server refused, ctx.Err(), or what
// went wrong on the way.
func (s *Source) Token(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.mu.Lock()
	now := s.now()
	// While one caller renews a token that is still good, the others go on with it.
	if now.Before(s.held.renew) || now.Before(s.held.expiry) && (s.exchange != nil || now.Before(s.nextTry)) {
		defer s.mu.Unlock()
		return s.held.token, nil
	}
	x := s.exchange
	if x == nil {
		x = &exchange{done: make(chan struct{})}
		// Not the caller's context: the others who wait must not lose their exchange when the first one leaves.
		var own context.Context
		own, x.cancel = context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		s.exchange = x
		go s.run(own, x)
	}
	x.waiting++
	s.mu.Unlock()

	select {
	case <-x.done:
		if x.err != nil {
			return "", x.err
		}
		return x.grant.token, nil
	case <-ctx.Done():
		s.leave(x)
		return "", ctx.Err()
	}
}

// leave counts a caller out, and ends the exchange with the last one.
func (s *Source) leave(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.waiting--; x.waiting == 0 {
		x.cancel()
		if s.exchange == x {
			s.exchange = nil
		}
	}
}

// run does one exchange and hands out what came of it.
func (s *Source) run(ctx context.Context, x *exchange) {
	defer x.cancel()
	g, err := s.fetch(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	switch {
	case err == nil && !now.Before(g.expiry):
		err = fmt.Errorf("token/client: the token had expired when it came")
	case err == nil:
		s.held = g
	case transient(err) && now.Before(s.held.expiry):
		g, err = s.held, nil
		s.nextTry = now.Add(retryPause)
	}
	x.grant, x.err = g, err
	if s.exchange == x {
		s.exchange = nil
	}
	close(x.done)
}

// drop forgets a token that a resource server refused, so that the next call gets another.
func (s *Source) drop(tok string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.token == tok {
		s.held = grant{}
	}
}
