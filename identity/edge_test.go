package identity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func TestSec39_Edges(t *testing.T) {
	type edge struct {
		name   string
		reason string
		set    func(w *world, c caller) (identity.Principal, time.Time) // who, and when it ends
	}
	for _, e := range []edge{
		{"account", "account_expired", func(w *world, c caller) (identity.Principal, time.Time) {
			end := w.clock.Now().Add(time.Minute)
			must(w.in(c.org).ExtendAccount(w.ctx, c.sa.ID, end))(t)
			return c.held, end
		}},
		{"credential", "credential_expired", func(w *world, c caller) (identity.Principal, time.Time) {
			w.clock.advance(credentialLife - 5*time.Minute)
			token := must(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}))(t)
			end := c.sa.Key.ValidUntil
			if !token.ExpiresAt.Equal(end) {
				t.Errorf("the token ends %s, its credential %s", token.ExpiresAt, end)
			}
			return must(w.id.Authenticate(w.ctx, token.Token.Reveal()))(t), end
		}},
		{"token", "token_expired", func(w *world, c caller) (identity.Principal, time.Time) {
			return c.held, w.clock.Now().Add(10 * time.Minute)
		}},
		{"session", "token_expired", func(w *world, c caller) (identity.Principal, time.Time) {
			end := w.clock.Now().Add(time.Minute + time.Microsecond)
			return must(w.in(c.org).Vouch(w.ctx, c.sa.ID, identity.Login{AuthTime: w.clock.Now(), NotAfter: end}))(t), end
		}},
		{"binding", "no_binding", func(w *world, c caller) (identity.Principal, time.Time) {
			u := w.user(c.org, "u")
			end := w.clock.Now().Add(time.Minute)
			w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root, End: end})
			return w.login(c.org, u), end
		}},
	} {
		t.Run(e.name, func(t *testing.T) {
			w := open(t)
			c := w.caller()
			p, end := e.set(w, c)
			w.clock.advance(end.Sub(w.clock.Now()) - time.Microsecond)
			if d := w.may(p, c.org, "wallets:read", policy.Root); !d.Allowed {
				t.Errorf("a microsecond before: %+v", d)
			}
			w.clock.advance(time.Microsecond)
			if d := w.may(p, c.org, "wallets:read", policy.Root); d.Allowed || d.Reason.String() != e.reason {
				t.Errorf("at the end: %+v, want %s", d, e.reason)
			}
			w.clock.advance(-time.Hour) // what has ended does not live again when the clock is set back
			if d := w.may(p, c.org, "wallets:read", policy.Root); d.Allowed {
				t.Errorf("with the clock set back: %+v", d)
			}
		})
	}
}

// TestSec39_ZeroIsTheDefault: what is made without saying how long it is good has an end.
func TestSec39_ZeroIsTheDefault(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	in, now := w.in(x.Org), w.clock.Now()
	api := must(in.CreateAPIToken(w.ctx, x.User, identity.APITokenSpec{Name: "api"}))(t)
	client := must(in.CreateClientSecret(w.ctx, x.User, identity.ClientSecretSpec{}))(t)
	code := must(in.NewEnrollCode(w.ctx, x.User, identity.EnrollCodeSpec{}))(t)
	invited := must(in.Invite(w.ctx, identity.InvitationSpec{User: identity.UserSpec{Email: "new@example.com"}}))(t)
	service := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "service"}))(t)
	rotated := must(in.RotateSecret(w.ctx, api.ID, time.Hour))(t)
	for name, c := range map[string]struct {
		until time.Time
		want  time.Duration
	}{
		"API token": {api.ValidUntil, 365 * day}, "client secret": {client.ValidUntil, 365 * day}, "enroll code": {code.ValidUntil, time.Hour},
		"invitation": {invited.Credential.ValidUntil, 7 * day}, "service account": {service.ValidUntil, 365 * day}, "rotated": {rotated.ValidUntil, 365 * day},
	} {
		if !c.until.Equal(now.Add(c.want)) {
			t.Errorf("%s: until %s, want %s from now", name, c.until, c.want)
		}
	}
}

func TestStartOfABinding(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root, Start: w.clock.Now().Add(time.Minute)})
	p := w.login(org, u)
	w.clock.advance(time.Minute - time.Microsecond)
	if d := w.may(p, org, "wallets:read", policy.Root); d.Allowed {
		t.Errorf("before: %+v", d)
	}
	w.clock.advance(time.Microsecond)
	if d := w.may(p, org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("at the start: %+v", d)
	}
}

func TestSec40_NeverLonger(t *testing.T) {
	w := open(t)
	c := w.caller()
	got := must(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}))(t)
	if want := w.clock.Now().Add(10 * time.Minute); !got.ExpiresAt.Equal(want) || got.Account != c.sa.ID {
		t.Errorf("expires %s, want %s", got.ExpiresAt, want)
	}
	must(w.in(c.org).ExtendAccount(w.ctx, c.sa.ID, w.clock.Now().Add(90*time.Second+time.Millisecond)))(t)
	got = must(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}))(t)
	if want := w.clock.Now().Add(90 * time.Second); !got.ExpiresAt.Equal(want) {
		t.Errorf("expires %s, want the second %s in which the account ends", got.ExpiresAt, want)
	}
	w.clock.advance(89*time.Second + 500*time.Millisecond)
	if _, err := w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}); err != nil {
		t.Errorf("in the last whole second: %v", err)
	}
	w.clock.advance(500 * time.Millisecond)
	if _, err := w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("with less than a second left: %v", err)
	}
}
