package identity_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// holder is an account with an API token and a client secret, and what came of them.
type holder struct {
	w       *world
	org     identity.OrgID
	account identity.AccountID
	at, cs  identity.CredentialSecret
	held    identity.Principal // of the API token
	client  identity.Principal // of the client secret
	derived []string           // access tokens of both
}

func (w *world) holder() holder {
	w.t.Helper()
	h := holder{w: w, org: w.org("acme")}
	sa := must(w.in(h.org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{
		Name: "ci", Validity: accountLife, Permissions: []string{"wallets:read", "identity:groups.create"},
		APIToken: &identity.APITokenSpec{Name: "token", Validity: credentialLife}, ClientSecret: &identity.ClientSecretSpec{Validity: credentialLife},
	}))(w.t)
	h.account, h.at, h.cs = sa.ID, sa.APIToken, sa.ClientSecret
	h.prove()
	return h
}

// prove gets everything anew that comes of the two.
func (h *holder) prove() {
	h.w.t.Helper()
	w := h.w
	h.held = must(w.id.Authenticate(w.ctx, h.at.Secret.Reveal()))(w.t)
	h.client = must(w.id.AuthenticateClientSecret(w.ctx, string(h.account), h.cs.Secret.Reveal()))(w.t)
	h.derived = []string{
		must(w.id.IssueToken(w.ctx, h.held, identity.TokenRequest{}))(w.t).Token.Reveal(),
		must(w.id.ExchangeClientSecret(w.ctx, string(h.cs.ID), h.cs.Secret.Reveal(), identity.TokenRequest{}))(w.t).Token.Reveal(),
	}
}

// direct are the ways of the two secrets themselves.
func (h *holder) direct() map[string]error {
	w, at, cs := h.w, h.at.Secret.Reveal(), h.cs.Secret.Reveal()
	return map[string]error{
		"API token":                     last(w.id.Authenticate(w.ctx, at)),
		"API token again":               last(w.id.Authenticate(w.ctx, at)),
		"client secret":                 last(w.id.AuthenticateClientSecret(w.ctx, string(h.account), cs)),
		"client secret of a credential": last(w.id.AuthenticateClientSecret(w.ctx, string(h.cs.ID), cs)),
		"client credentials":            last(w.id.ExchangeClientSecret(w.ctx, string(h.account), cs, identity.TokenRequest{})),
	}
}

// indirect is what stands on them.
func (h *holder) indirect() map[string]error {
	w := h.w
	ask := func(p identity.Principal) error {
		if d := w.may(p, h.org, "wallets:read", policy.Root); !d.Allowed {
			return errors.New(d.Reason.String())
		}
		return nil
	}
	return map[string]error{
		"held principal":            ask(h.held),
		"held principal, to manage": last(w.id.As(h.held).In(h.org).EnsureGroup(w.ctx, identity.GroupSpec{Name: "g"})),
		"held principal, for more":  last(w.id.IssueToken(w.ctx, h.held, identity.TokenRequest{})),
		"held client":               ask(h.client),
		"held client, for more":     last(w.id.IssueToken(w.ctx, h.client, identity.TokenRequest{})),
		"access token of the first": last(w.id.Authenticate(w.ctx, h.derived[0])),
		"access token of the other": last(w.id.Authenticate(w.ctx, h.derived[1])),
	}
}

// TestSec35_Secrets tries everything that an opaque secret is good for after
// everything that can end. What is undone revives the secrets, and nothing that
// came of them; after signing out only they go on.
func TestSec35_Secrets(t *testing.T) {
	onOneGoroutine(t)
	both := func(f func(w *world, h holder, id identity.CredentialID)) func(w *world, h holder) {
		return func(w *world, h holder) { f(w, h, h.at.ID); f(w, h, h.cs.ID) }
	}
	for _, e := range []struct {
		name   string
		end    func(w *world, h holder)
		kind   error // of the secrets; nil if they go on
		revive func(w *world, h holder)
	}{
		{"org suspended", func(w *world, h holder) { must(w.sys().SuspendOrg(w.ctx, h.org))(w.t) }, identity.ErrDisabled,
			func(w *world, h holder) { must(w.sys().ResumeOrg(w.ctx, h.org))(w.t) }},
		{"org deleted", func(w *world, h holder) { must(w.sys().DeleteOrg(w.ctx, h.org))(w.t) }, identity.ErrDisabled, nil},
		{"org signed out", func(w *world, h holder) { must(w.sys().SignOutOrg(w.ctx, h.org))(w.t) }, nil, nil},
		{"account inactive", func(w *world, h holder) { must(w.in(h.org).DeactivateAccount(w.ctx, h.account))(w.t) }, identity.ErrDisabled,
			func(w *world, h holder) { must(w.in(h.org).ActivateAccount(w.ctx, h.account))(w.t) }},
		{"account archived", func(w *world, h holder) { must(w.in(h.org).ArchiveAccount(w.ctx, h.account))(w.t) }, identity.ErrDisabled, nil},
		{"account deleted", func(w *world, h holder) { must(w.in(h.org).DeleteAccount(w.ctx, h.account))(w.t) }, identity.ErrDisabled, nil},
		{"account signed out", func(w *world, h holder) { must(w.in(h.org).SignOutAccount(w.ctx, h.account))(w.t) }, nil, nil},
		{"account expired", func(w *world, h holder) {
			must(w.in(h.org).ExtendAccount(w.ctx, h.account, w.clock.Now().Add(time.Second)))(w.t)
			w.clock.advance(time.Second)
		}, identity.ErrExpired, nil},
		{"credential disabled", both(func(w *world, h holder, id identity.CredentialID) {
			must(w.in(h.org).DisableCredential(w.ctx, id))(w.t)
		}),
			identity.ErrDisabled, both(func(w *world, h holder, id identity.CredentialID) { must(w.in(h.org).EnableCredential(w.ctx, id))(w.t) })},
		{"credential revoked", both(func(w *world, h holder, id identity.CredentialID) { must(w.in(h.org).RevokeCredential(w.ctx, id))(w.t) }),
			identity.ErrUnauthenticated, nil},
		{"credential rotated", both(func(w *world, h holder, id identity.CredentialID) { must(w.in(h.org).RotateSecret(w.ctx, id, 0))(w.t) }),
			identity.ErrUnauthenticated, nil},
		{"credential expired", func(w *world, _ holder) { w.clock.advance(credentialLife) }, identity.ErrExpired, nil},
		{"grace over", func(w *world, h holder) {
			both(func(w *world, h holder, id identity.CredentialID) {
				must(w.in(h.org).RotateSecret(w.ctx, id, time.Minute))(w.t)
			})(w, h)
			w.clock.advance(time.Minute)
		}, identity.ErrExpired, nil},
	} {
		t.Run(e.name, func(t *testing.T) {
			w := open(t)
			h := w.holder()
			alive := func(when string, ways map[string]error) {
				t.Helper()
				for in, err := range ways {
					if err != nil {
						t.Errorf("%s, %s: %v", when, in, err)
					}
				}
			}
			dead := func(when string, ways map[string]error, kind error) {
				t.Helper()
				for in, err := range ways {
					if err == nil {
						t.Errorf("%s, %s: was let in", when, in)
					}
					if kind != nil && (!errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, kind) || identity.PublicText(err) != "unauthenticated") {
						t.Errorf("%s, %s: %v, want %v", when, in, err, kind)
					}
				}
			}
			alive("before", h.direct())
			alive("before", h.indirect())
			e.end(w, h)
			for _, when := range []string{"after", "after a restart"} {
				same := w.unchanged()
				if e.kind == nil {
					alive(when, h.direct())
				} else {
					dead(when, h.direct(), e.kind)
				}
				if when == "after" {
					dead(when, h.indirect(), nil)
					w.reopen()
					continue
				}
				same()
			}
			if e.revive == nil {
				return
			}
			e.revive(w, h)
			alive("undone", h.direct())
			for _, raw := range h.derived {
				if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrRevoked) {
					t.Errorf("an access token was revived: %v", err)
				}
			}
			h.prove()
			alive("anew", h.indirect())
		})
	}
}

// TestSecretsRevivedInPlace: a principal that was held, or kept to be given out
// again, does not live on after what it stood on was dead.
func TestSecretsRevivedInPlace(t *testing.T) {
	w := open(t)
	h := w.holder()
	must(w.in(h.org).DeactivateAccount(w.ctx, h.account))(t)
	must(w.in(h.org).ActivateAccount(w.ctx, h.account))(t)
	for in, err := range h.indirect() {
		if err == nil {
			t.Errorf("%s was revived", in)
		}
	}
	before := h.held.Revision()
	h.prove()
	if h.held.Revision() <= before {
		t.Error("the token proves what it proved before")
	}
	for in, err := range h.indirect() {
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// TestSec61_ClientSecrets: whatever is wrong with a client, strangers are told the
// same.
func TestSec61_ClientSecrets(t *testing.T) {
	w := open(t)
	h := w.holder()
	other, _ := w.service(h.org, "other")
	off := must(w.in(h.org).CreateClientSecret(w.ctx, other.ID, identity.ClientSecretSpec{}))(t)
	must(w.in(h.org).DeactivateAccount(w.ctx, other.ID))(t)
	secret := h.cs.Secret.Reveal()
	for name, c := range map[string][2]string{
		"unknown client":        {"sa_none", secret},
		"no client":             {"", secret},
		"another client":        {string(other.ID), secret},
		"another credential":    {string(h.at.ID), secret},
		"wrong secret":          {string(h.account), off.Secret.Reveal()},
		"no secret":             {string(h.account), ""},
		"an API token":          {string(h.account), h.at.Secret.Reveal()},
		"disabled client":       {string(other.ID), off.Secret.Reveal()},
		"no form":               {string(h.account), "hunter2"},
		"client of another org": {string(w.user(w.org("evil"), "u")), secret},
	} {
		_, err := w.id.ExchangeClientSecret(w.ctx, c[0], c[1], identity.TokenRequest{})
		if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantKind(t, last(w.id.ExchangeClientSecret(w.ctx, string(h.account), secret, identity.TokenRequest{Permissions: []string{"no:such"}})), identity.ErrInvalid)
	made := must(w.id.ExchangeClientSecret(w.ctx, string(h.account), secret, identity.TokenRequest{Path: path(t, "projects/1")}))(t)
	p := must(w.id.Authenticate(w.ctx, made.Token.Reveal()))(t)
	if p.Limits().Path != path(t, "projects/1") || p.Credential() != h.cs.ID || made.ExpiresAt.Sub(made.IssuedAt) != 10*time.Minute {
		t.Errorf("%+v, %s to %s", p.Limits(), made.IssuedAt, made.ExpiresAt)
	}
}

// TestSec44_RotateSecret: both live for the grace period, which ends by itself and
// lengthens nothing; the new one is no wider.
func TestSec44_RotateSecret(t *testing.T) {
	w := open(t)
	h := w.holder()
	spec := identity.APITokenSpec{Name: "narrow", Permissions: []string{"wallets:read"}, Path: path(t, "projects/1"), Validity: time.Hour}
	old, raw := w.apiToken(h.org, h.account, spec)
	w.clock.advance(30 * time.Minute)
	next := must(w.in(h.org).RotateSecret(w.ctx, old.ID, 10*time.Minute))(t)
	if next.Name != old.Name || next.Type != old.Type || fmt.Sprint(next.Permissions, next.Path) != fmt.Sprint(old.Permissions, old.Path) ||
		!next.ValidUntil.Equal(w.clock.Now().Add(time.Hour)) {
		t.Errorf("%+v became %+v", old, next.Credential)
	}
	for _, text := range []string{raw, next.Secret.Reveal()} {
		p := must(w.id.Authenticate(w.ctx, text))(t)
		if d := w.may(p, h.org, "wallets:read", policy.Root); d.Allowed {
			t.Error("it became wider")
		}
	}
	before := must(w.in(h.org).Credential(w.ctx, old.ID))(t)
	if before.State != identity.CredentialRetiring || before.Successor != next.ID || !before.EndsAt.Equal(w.clock.Now().Add(10*time.Minute)) {
		t.Errorf("the old one is %+v", before)
	}
	wantKind(t, last(w.in(h.org).RotateSecret(w.ctx, old.ID, 0)), identity.ErrConflict)
	w.clock.advance(10 * time.Minute)
	wantKind(t, last(w.id.Authenticate(w.ctx, raw)), identity.ErrExpired)
	must(w.id.Authenticate(w.ctx, next.Secret.Reveal()))(t)
	long := must(w.in(h.org).RotateSecret(w.ctx, next.ID, 24*time.Hour))(t)
	if row := must(w.in(h.org).Credential(w.ctx, next.ID))(t); row.EndsAt.After(next.ValidUntil) {
		t.Errorf("the grace goes on to %s, after %s", row.EndsAt, next.ValidUntil)
	}
	// A token that rotates itself does not outlive itself.
	whole, text := w.apiToken(h.org, h.account, identity.APITokenSpec{Name: "whole", Validity: time.Hour})
	w.clock.advance(10 * time.Minute)
	p := must(w.id.Authenticate(w.ctx, text))(t)
	if own := must(w.id.As(p).In(h.org).RotateSecret(w.ctx, whole.ID, 0))(t); own.ValidUntil.After(whole.ValidUntil) {
		t.Errorf("it lived to %s, and gave itself until %s", whole.ValidUntil, own.ValidUntil)
	}
	limited := must(w.id.Authenticate(w.ctx, long.Secret.Reveal()))(t)
	wantKind(t, last(w.id.As(limited).In(h.org).RotateSecret(w.ctx, long.ID, 0)), identity.ErrDenied)
	for _, grace := range []time.Duration{-1, 31 * 24 * time.Hour} {
		wantKind(t, last(w.in(h.org).RotateSecret(w.ctx, h.at.ID, grace)), identity.ErrInvalid)
	}
	key := must(w.in(h.org).AddPublicKey(w.ctx, h.account, identity.PublicKeySpec{UnprovenPublicKey: publicKey(t)}))(t)
	wantKind(t, last(w.in(h.org).RotateSecret(w.ctx, key.ID, 0)), identity.ErrInvalid)
}

func publicKey(t *testing.T) []byte {
	_, public := newKey(t)
	return public
}

// TestSec36_SecretsAtOnce: while others use a token, nobody is let in who begins
// after it was revoked, or disabled.
func TestSec36_SecretsAtOnce(t *testing.T) {
	w := open(t)
	h := w.holder()
	for round := range 6 {
		row, raw := w.apiToken(h.org, h.account, identity.APITokenSpec{})
		var revoked atomic.Bool
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					over := revoked.Load()
					p, err := w.id.Authenticate(w.ctx, raw)
					if err == nil && (p.Credential() != row.ID || over) {
						t.Errorf("%s was let in, over %t", p.Credential(), over)
					}
					if over {
						return
					}
				}
			})
		}
		for range 5 { // what changes in the org meanwhile does not matter
			w.user(h.org, fmt.Sprintf("u%d", w.id.Revision()))
		}
		if round%2 == 0 {
			must(w.in(h.org).RevokeCredential(w.ctx, row.ID))(t)
		} else {
			must(w.in(h.org).DisableCredential(w.ctx, row.ID))(t)
		}
		revoked.Store(true)
		wg.Wait()
	}
}
