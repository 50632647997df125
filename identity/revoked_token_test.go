package identity_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// tokenOf is an access token of an account, made by hand.
func (w *world) tokenOf(org identity.OrgID, account identity.AccountID, credential identity.CredentialID, id string) string {
	w.t.Helper()
	now := w.clock.Now().Unix()
	return must(w.id.SignClaims(w.ctx, token.Claims{
		Issuer: issuer, Subject: string(account), Audience: []string{issuer}, Expiry: now + 600, IssuedAt: now, NotBefore: now, ID: id, ClientID: string(account),
		Org: string(org), Credential: string(credential), Incarnation: w.id.Incarnation(), Revision: w.id.Revision(),
	}))(w.t)
}

// TestSec36_OneToken ends one token: nothing else of its account ends with it, and
// nothing brings it back.
func TestSec36_OneToken(t *testing.T) {
	for name, revoke := range map[string]func(w *world, c caller) (bool, error){
		"by its text": func(w *world, c caller) (bool, error) { return w.in(c.org).RevokeToken(w.ctx, c.bearer) },
		"by its id": func(w *world, c caller) (bool, error) {
			return w.in(c.org).RevokeTokenID(w.ctx, c.sa.ID, c.held.TokenID())
		},
		"by itself": func(w *world, c caller) (bool, error) { return w.id.As(c.held).In(c.org).RevokeToken(w.ctx, c.bearer) },
		"by another of the account": func(w *world, c caller) (bool, error) {
			return w.id.As(c.vouched).In(c.org).RevokeToken(w.ctx, c.bearer)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			c := w.caller()
			second := must(w.id.Authenticate(w.ctx, w.bearer(c.sa, c.key)))(t)
			watched, done := w.id.Watch(w.ctx, c.held)
			defer done()
			if !must(revoke(w, c))(t) {
				t.Fatal("nothing changed")
			}
			dead := func(when string) {
				t.Helper()
				for range 2 { // a second time it may be remembered
					err := last(w.id.Authenticate(w.ctx, c.bearer))
					if !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrRevoked) {
						t.Errorf("%s: %v", when, err)
					}
				}
			}
			dead("at once")
			if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonTokenRevoked {
				t.Errorf("the principal that is held: %+v", d)
			}
			if !over(watched) {
				t.Error("a watch goes on")
			}
			if d := w.may(second, c.org, "wallets:read", policy.Root); !d.Allowed {
				t.Errorf("another token: %+v", d)
			}
			same := w.unchanged()
			for what, again := range map[string]func() (bool, error){
				"text": func() (bool, error) { return w.in(c.org).RevokeToken(w.ctx, c.bearer) },
				"id":   func() (bool, error) { return w.in(c.org).RevokeTokenID(w.ctx, c.sa.ID, c.held.TokenID()) },
			} {
				if must(again())(t) {
					t.Errorf("%s: again, and something changed", what)
				}
			}
			same()
			must(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID))(t)
			must(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID))(t)
			dead("after the account was active again")
			w.reopen()
			dead("after a restart")
		})
	}
}

// TestRevokeTokenNeedsTheRight: who may revoke whose.
func TestRevokeTokenNeedsTheRight(t *testing.T) {
	w := open(t)
	c := w.caller()
	strong, strongKey := w.service(c.org, "strong", "identity:*")
	plain, plainKey := w.service(c.org, "plain")
	stranger := w.org("stranger")
	by := func(org identity.OrgID, permissions ...string) *identity.OrgAdmin {
		return w.as(org, w.user(org, fmt.Sprint("u", w.id.Revision()), permissions...))
	}
	ofStrong, ofPlain := w.bearer(strong, strongKey), w.bearer(plain, plainKey)
	for name, r := range map[string]struct {
		in   *identity.OrgAdmin
		raw  string
		want error
	}{
		"without permission":              {by(c.org), ofPlain, identity.ErrDenied},
		"without permission, no token":    {by(c.org), "x.y.z", identity.ErrDenied},
		"no token":                        {by(c.org, "identity:tokens.revoke"), "x.y.z", identity.ErrNotFound},
		"with permission":                 {by(c.org, "identity:tokens.revoke"), ofPlain, nil},
		"of who is stronger":              {by(c.org, "identity:tokens.revoke"), ofStrong, identity.ErrEscalation},
		"of who is stronger, contained":   {by(c.org, "identity:tokens.revoke", identity.PermContain), ofStrong, nil},
		"of another org":                  {by(stranger, "identity:tokens.revoke"), w.bearer(plain, plainKey), identity.ErrNotFound},
		"in another org":                  {w.as(stranger, w.user(stranger, "v", "identity:tokens.revoke")).Admin.In(c.org), w.bearer(plain, plainKey), identity.ErrNotFound},
		"of another org, as the host":     {w.in(stranger), w.bearer(plain, plainKey), identity.ErrNotFound},
		"of another with a limited token": {w.id.As(must(w.id.Authenticate(w.ctx, c.narrow))(t)).In(c.org), w.bearer(plain, plainKey), identity.ErrDenied},
	} {
		changed, err := r.in.RevokeToken(w.ctx, r.raw)
		if !errors.Is(err, r.want) || changed != (err == nil) {
			t.Errorf("%s: %v, %v, want %v", name, changed, err, r.want)
		}
	}
	if last(w.id.Authenticate(w.ctx, ofPlain)) == nil || last(w.id.Authenticate(w.ctx, ofStrong)) == nil {
		t.Error("what was revoked is alive")
	}
	// Its own a token can end with whatever it was cut down to.
	narrow := must(w.id.Authenticate(w.ctx, c.narrow))(t)
	if !must(w.id.As(narrow).In(c.org).RevokeToken(w.ctx, c.narrow))(t) || last(w.id.Authenticate(w.ctx, c.narrow)) == nil {
		t.Error("a token with limits could not end itself")
	}
	for _, id := range []string{"", "../x", "a/b", long(65), "ABC"} {
		wantKind(t, last(w.in(c.org).RevokeTokenID(w.ctx, c.sa.ID, id)), identity.ErrInvalid)
	}
	wantKind(t, last(w.in(c.org).RevokeTokenID(w.ctx, "us_absent", "a")), identity.ErrNotFound)
	wantKind(t, last(w.in(c.org).RevokeTokenID(w.ctx, "x", "a")), identity.ErrInvalid)
}

// TestRevokeAnothersID: the id of a token under another account than its own ends
// nothing, and brings nothing back. By id nobody without the permission names even
// a token of its own: there might be none, and something would be kept of it.
func TestRevokeAnothersID(t *testing.T) {
	w := open(t)
	c := w.caller()
	id := c.held.TokenID()
	same := w.unchanged()
	wantKind(t, last(w.as(c.org, c.other.ID).RevokeTokenID(w.ctx, c.other.ID, id)), identity.ErrDenied)
	same()
	other := w.in(c.org)
	must(other.RevokeTokenID(w.ctx, c.other.ID, id))(t)
	must(w.id.Authenticate(w.ctx, c.bearer))(t)
	must(w.in(c.org).RevokeToken(w.ctx, c.bearer))(t)
	must(other.RevokeTokenID(w.ctx, c.other.ID, id))(t)
	if err := last(w.id.Authenticate(w.ctx, c.bearer)); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("it was brought back: %v", err)
	}
}

// TestRevokeDeadToken: one that is dead already needs no end, and nothing is kept
// of it.
func TestRevokeDeadToken(t *testing.T) {
	w := open(t)
	c := w.caller()
	w.clock.advance(11 * time.Minute)
	same := w.unchanged()
	if must(w.in(c.org).RevokeToken(w.ctx, c.bearer))(t) {
		t.Error("an expired token was revoked")
	}
	vouched := must(w.in(c.org).Vouch(w.ctx, c.sa.ID, w.session(0)))(t)
	if must(w.id.As(vouched).In(c.org).RevokeToken(w.ctx, c.bearer))(t) {
		t.Error("an account revoked an expired token of its own")
	}
	same()
	operator, clerk := w.operator(), w.user(w.id.SystemOrg(), "clerk")
	w.bind(w.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(clerk), Role: "wallet-reader", Scope: policy.Root, Reach: identity.ReachAll})
	same = w.unchanged()
	if must(operator.In(c.org).RevokeToken(w.ctx, c.bearer))(t) {
		t.Error("an operator revoked an expired token")
	}
	wantKind(t, last(w.id.As(w.login(w.id.SystemOrg(), clerk)).In(c.org).RevokeToken(w.ctx, c.bearer)), identity.ErrDenied)
	same()
}

// TestRevokedTokensAreForgotten: what is kept of revoked tokens is no more than what
// could still be alive, in memory and in the database.
func TestRevokedTokensAreForgotten(t *testing.T) {
	w := open(t)
	c := w.caller()
	rows := func() (n int) {
		t.Helper()
		if err := w.db.QueryRowContext(w.ctx, `SELECT count(*) FROM identity_revoked_token`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const perHour, hours = 20, 5
	for i := range perHour * hours {
		must(w.in(c.org).RevokeTokenID(w.ctx, c.sa.ID, fmt.Sprint("id", i)))(t)
		w.clock.advance(time.Hour / perHour)
		if i%37 == 0 {
			w.reopen()
		}
		held := must(w.id.RevokedTokensHeld(w.ctx, c.org))(t)
		if held == 0 || held > perHour+3 || rows() > perHour+3 {
			t.Fatalf("after %d, %d are held and %d stored", i, held, rows())
		}
	}
}

// TestSec37_RevokedTokenElsewhere: another process learns of it with the log, also
// of a principal that it holds.
func TestSec37_RevokedTokenElsewhere(t *testing.T) {
	w, second := share(t)
	c := w.caller()
	second.poll()
	held := must(second.id.Authenticate(w.ctx, c.bearer))(t)
	must(w.in(c.org).RevokeToken(w.ctx, c.bearer))(t)
	if last(second.id.Authenticate(w.ctx, c.bearer)) != nil {
		t.Error("it knew before it looked: the test shows nothing")
	}
	second.poll()
	if err := last(second.id.Authenticate(w.ctx, c.bearer)); !errors.Is(err, identity.ErrRevoked) {
		t.Errorf("after it looked: %v", err)
	}
	if d := second.may(held, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonTokenRevoked {
		t.Errorf("the principal that it holds: %+v", d)
	}
}
