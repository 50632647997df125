package identity_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/token"
)

// TestSec41_OnceOnly: an assertion is used once, also by fifty at a time, after
// a restart, and until it has expired by every clock that may be off.
func TestSec41_OnceOnly(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	must(w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{}))(t)
	replay := func() {
		t.Helper()
		_, err := w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{})
		if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
			t.Errorf("a second use: %v", err)
		}
	}
	replay()
	w.reopen()
	replay()
	// Others sweep what is forgotten; this one is not, as long as it could pass.
	for range 6 {
		w.clock.advance(15 * time.Second)
		must(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}))(t)
		replay()
	}

	raw = w.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	var won atomic.Int32
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 50 {
		all.Go(func() {
			<-start
			_, err := w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrRevoked):
				t.Errorf("one of fifty: %v", err)
			}
		})
	}
	close(start)
	all.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d of fifty won", n)
	}
}

// TestSec41_PerCredential: the id of an assertion is used up for one credential
// only, so that nobody can spoil another's.
func TestSec41_PerCredential(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	a, keyA := w.service(org, "a")
	b, keyB := w.service(org, "b")
	same := func(sa identity.ServiceAccountResult, key ed25519.PrivateKey) string {
		return must(token.SignAssertion(w.ctx, key, token.AssertionSpec{
			KeyID: string(sa.Key.ID), Account: string(sa.ID), Audience: issuer, Now: w.clock.Now(), Rand: newSeeded(1),
		}))(t)
	}
	must(w.id.ExchangeAssertion(w.ctx, same(a, keyA), identity.TokenRequest{}))(t)
	must(w.id.ExchangeAssertion(w.ctx, same(b, keyB), identity.TokenRequest{}))(t)
	if _, err := w.id.ExchangeAssertion(w.ctx, same(a, keyA), identity.TokenRequest{}); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("the same id again: %v", err)
	}
}

// TestSec13_NothingMixed: key, account and audience must be each other's.
func TestSec13_NothingMixed(t *testing.T) {
	w := open(t)
	org, other := w.org("acme"), w.org("other")
	a, keyA := w.service(org, "a")
	b, keyB := w.service(org, "b")
	c, keyC := w.service(other, "a")
	now := w.clock.Now()
	spec := func(kid identity.CredentialID, account identity.AccountID) token.AssertionSpec {
		return token.AssertionSpec{KeyID: string(kid), Account: string(account), Audience: issuer, Now: now, Life: time.Minute}
	}
	aud := func(audience string) token.AssertionSpec {
		s := spec(a.Key.ID, a.ID)
		s.Audience = audience
		return s
	}
	at := func(t time.Time, life time.Duration) token.AssertionSpec {
		s := spec(a.Key.ID, a.ID)
		s.Now, s.Life = t, life
		return s
	}
	refused := map[string]struct {
		spec token.AssertionSpec
		key  ed25519.PrivateKey
	}{
		"key of another account":              {spec(a.Key.ID, a.ID), keyB},
		"kid of another account":              {spec(b.Key.ID, a.ID), keyA},
		"kid and key of another account":      {spec(b.Key.ID, a.ID), keyB},
		"kid and key of another org":          {spec(c.Key.ID, a.ID), keyC},
		"account of another org":              {spec(a.Key.ID, c.ID), keyA},
		"no such kid":                         {spec("cr_absent", a.ID), keyA},
		"malformed kid":                       {spec("cr_'OR''='", a.ID), keyA},
		"an account as kid":                   {spec(identity.CredentialID(a.ID), a.ID), keyA},
		"no such account":                     {spec(a.Key.ID, "sa_absent"), keyA},
		"another audience":                    {aud("https://other.example"), keyA},
		"audience with a slash":               {aud(issuer + "/"), keyA},
		"audience in capitals":                {aud("https://APP.example"), keyA},
		"audience longer":                     {aud(issuer + ".evil.example"), keyA},
		"the endpoint, which is not accepted": {aud(issuer + "/oauth2/token"), keyA},
		"expired":                             {at(now.Add(-2*time.Minute), time.Minute), keyA},
		"expired at this instant, with skew":  {at(now.Add(-90*time.Second), time.Minute), keyA},
		"issued ahead":                        {at(now.Add(31*time.Second), time.Minute), keyA},
		"too long a life":                     {at(now, 5*time.Minute+time.Second), keyA},
	}
	same := w.unchanged()
	texts := map[string]bool{}
	for name, r := range refused {
		raw := must(token.SignAssertion(w.ctx, r.key, r.spec))(t)
		_, err := w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{})
		if !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		texts[identity.PublicText(err)] = true
	}
	for _, raw := range []string{"", "a.b.c", "a.b.c.d.e", string(make([]byte, 1<<16))} {
		if _, err := w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{}); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%.20q: %v", raw, err)
		}
	}
	same() // none of them was used up
	if len(texts) != 1 {
		t.Errorf("strangers can tell refusals apart: %v", texts)
	}
	for name, s := range map[string]token.AssertionSpec{
		"at the last moment, with skew": at(now.Add(-90*time.Second+time.Second), time.Minute),
		"from a clock ahead":            at(now.Add(30*time.Second), time.Minute),
		"of the longest life":           at(now, 5*time.Minute),
	} {
		if _, err := w.id.ExchangeAssertion(w.ctx, must(token.SignAssertion(w.ctx, keyA, s))(t), identity.TokenRequest{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSec09_EndpointAudience: the endpoint's URL is an audience only where the
// host said so, and of assertions only.
func TestSec09_EndpointAudience(t *testing.T) {
	endpoint := issuer + "/oauth2/token"
	w := open(t, with(func(c *identity.Config) { c.InsecureAcceptEndpointAudience = endpoint }))
	org := w.org("acme")
	sa, key := w.service(org, "ci")
	sign := func(audience string) string {
		return must(token.SignAssertion(w.ctx, key, token.AssertionSpec{KeyID: string(sa.Key.ID), Account: string(sa.ID), Audience: audience, Now: w.clock.Now()}))(t)
	}
	must(w.id.ExchangeAssertion(w.ctx, sign(endpoint), identity.TokenRequest{}))(t)
	must(w.id.ExchangeAssertion(w.ctx, sign(issuer), identity.TokenRequest{}))(t)
	if _, err := w.id.ExchangeAssertion(w.ctx, sign(endpoint+"/"), identity.TokenRequest{}); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("another: %v", err)
	}
	now := w.clock.Now().Unix()
	raw := must(w.id.SignClaims(w.ctx, token.Claims{
		Issuer: issuer, Subject: string(sa.ID), Audience: []string{endpoint}, Expiry: now + 60, IssuedAt: now, ID: "j", ClientID: string(sa.ID), Org: string(org),
		Credential: string(sa.Key.ID), Incarnation: w.id.Incarnation(), Revision: w.id.Revision(),
	}))(t)
	if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("an access token for the endpoint: %v", err)
	}
}

// TestSec06_KindsOfToken: an access token is no assertion, an assertion no
// access token.
func TestSec06_KindsOfToken(t *testing.T) {
	w := open(t)
	c := w.caller()
	if _, err := w.id.ExchangeAssertion(w.ctx, c.bearer, identity.TokenRequest{}); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("an access token as assertion: %v", err)
	}
	raw := w.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("an assertion as access token: %v", err)
	}
	must(w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{}))(t) // it is still good for what it is
}

// TestExchangeWithACancelledContext fails before anything is used up.
func TestExchangeWithACancelledContext(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.id.ExchangeAssertion(ctx, raw, identity.TokenRequest{}); err == nil || errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("%v blames the caller", err)
	}
	must(w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{}))(t)
}
