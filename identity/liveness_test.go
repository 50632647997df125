package identity_test

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// caller is a service account with everything it can be known by.

type caller struct {
	w       *world
	org     identity.OrgID
	sa      identity.ServiceAccountResult
	key     ed25519.PrivateKey
	bearer  string
	held    identity.Principal // from the bearer token
	vouched identity.Principal
	other   identity.ServiceAccountResult // which nothing but its org ends
	lent    ed25519.PrivateKey
	peer    identity.Principal // of other
	narrow  string             // access tokens made from the held principal: with limits,
	acting  string             // for the peer,
	acted   string             // by the peer
	// heldActing is the principal of acting.
	heldActing identity.Principal
	actions    *actions // that the held principal is about to do
}

const (
	accountLife    = 3 * time.Hour
	credentialLife = 2 * time.Hour
)

// caller makes one that may read wallets and accounts.

func (w *world) caller() caller {
	w.t.Helper()
	c := caller{w: w, org: w.org("acme")}
	in := w.in(c.org)
	sa := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{
		Name: "ci", Validity: accountLife, Permissions: []string{"wallets:read", "identity:accounts.read", "identity:groups.create"},
	}))(w.t)
	private, public := newKey(w.t)
	sa.Key = must(in.AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public, Validity: credentialLife}))(w.t)
	c.sa, c.key = sa, private
	c.other, c.lent = w.service(c.org, "peer", "wallets:read", "identity:accounts.read", "identity:groups.create")
	c.prove()
	return c
}

// prove gets everything anew.

func (c *caller) prove() {
	c.w.t.Helper()
	c.bearer = c.w.bearer(c.sa, c.key)
	c.held = must(c.w.id.Authenticate(c.w.ctx, c.bearer))(c.w.t)
	c.vouched = c.w.login(c.org, c.sa.ID)
	c.peer = must(c.w.id.Authenticate(c.w.ctx, c.w.bearer(c.other, c.lent)))(c.w.t)
	c.narrow = must(c.w.id.IssueToken(c.w.ctx, c.held, identity.TokenRequest{Path: path(c.w.t, "projects/1")}))(c.w.t).Token.Reveal()
	c.acting = must(c.w.id.Delegate(c.w.ctx, c.held, c.peer, identity.TokenRequest{}))(c.w.t).Token.Reveal()
	c.acted = must(c.w.id.Delegate(c.w.ctx, c.peer, c.held, identity.TokenRequest{}))(c.w.t).Token.Reveal()
	c.heldActing = must(c.w.id.Authenticate(c.w.ctx, c.acting))(c.w.t)
	c.actions = c.w.actions(c.held, c.sa.Key.ID, c.key)
}

// way is one way in: nil means that it let the caller in.

type way string

const (
	wayAuthenticate way = "access token"
	wayHeld         way = "held principal"
	wayVouched      way = "vouched principal"
	waySession      way = "vouching again with the session's revision"
	wayExchange     way = "assertion"
	wayManageRead   way = "management read"
	wayManageWrite  way = "management write"
	wayNarrowed     way = "access token with limits"
	wayIssue        way = "access token from the held principal"
	wayActing       way = "access token to act for another"
	wayHeldActing   way = "held principal that acts for another"
	wayActed        way = "access token for another to act"
	wayDelegate     way = "delegation from the held principal"
	wayActingWrite  way = "management write for another"
	wayClient       way = "assertion of a client"
	wayClientToken  way = "assertion of a client, for a token"
	wayChallenge    way = "challenge"
	waySignature    way = "signature for the host"
	wayAction       way = "action token"
	wayActionHeld   way = "verified action"
	wayActionSigned way = "signed action"
	wayActionAsked  way = "challenge for an action"
)

var errRefused = errors.New("refused")

// ways tries all of them.

func (c caller) ways() map[way]error {
	w := c.w
	ask := func(p identity.Principal) error {
		if d := w.may(p, c.org, "wallets:read", policy.Root); !d.Allowed {
			return &identity.Error{Kind: errRefused, ID: d.Reason.String()}
		}
		return nil
	}
	// A login of a day ago would have ended with it; the session began when the caller was made.
	session := identity.Login{Method: "test", AuthTime: w.clock.Now(), NotAfter: w.clock.Now().Add(time.Hour), Revision: c.vouched.Revision()}
	return map[way]error{
		wayAuthenticate: last(w.id.Authenticate(w.ctx, c.bearer)),
		wayHeld:         ask(c.held),
		wayVouched:      ask(c.vouched),
		waySession:      last(w.in(c.org).Vouch(w.ctx, c.sa.ID, session)),
		wayExchange:     last(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{})),
		wayClient:       last(w.id.AuthenticateClientAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key))),
		wayClientToken:  last(w.id.ExchangeClientAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{})),
		wayChallenge:    w.answer(w.signChallenge(c.sa.Key.ID, c.key)),
		waySignature:    w.verifySigned(c.sa.Key.ID, c.key),
		wayAction:       c.actions.present(w),
		wayActionHeld:   c.actions.consume(w),
		wayActionSigned: c.actions.exchange(w),
		wayActionAsked:  last(w.id.NewActionChallenge(w.ctx, c.held, payment())),
		wayManageRead:   last(w.id.As(c.held).In(c.org).Accounts(w.ctx, identity.AccountFilter{}, identity.Page{})),
		wayManageWrite:  last(w.id.As(c.held).In(c.org).EnsureGroup(w.ctx, identity.GroupSpec{Name: "g"})),
		wayNarrowed:     last(w.id.Authenticate(w.ctx, c.narrow)),
		wayIssue:        last(w.id.IssueToken(w.ctx, c.held, identity.TokenRequest{})),
		wayActing:       last(w.id.Authenticate(w.ctx, c.acting)),
		wayHeldActing:   ask(c.heldActing),
		wayActed:        last(w.id.Authenticate(w.ctx, c.acted)),
		wayDelegate:     last(w.id.Delegate(w.ctx, c.held, c.peer, identity.TokenRequest{})),
		wayActingWrite:  last(w.id.As(c.heldActing).In(c.org).EnsureGroup(w.ctx, identity.GroupSpec{Name: "g"})),
	}
}

// provenAnew are the ways in for which the caller signs something each time.
func provenAnew() []way {
	return []way{wayExchange, wayClient, wayClientToken, wayChallenge, waySignature}
}

// ending is one way for a caller to die.

type ending struct {
	name   string
	end    func(c caller)
	alive  []way          // the ways in that it does not concern
	reason string         // of the decision for the held principal
	kind   error          // beside ErrUnauthenticated, of the access token
	revive func(c caller) // undoes it, where that is possible
}

func endings() []ending {
	vouched := []way{wayVouched, waySession}
	return []ending{
		{"org suspended", func(c caller) { must(c.w.sys().SuspendOrg(c.w.ctx, c.org))(c.w.t) }, nil, "org_suspended", identity.ErrDisabled,
			func(c caller) { must(c.w.sys().ResumeOrg(c.w.ctx, c.org))(c.w.t) }},
		{"org deleted", func(c caller) { must(c.w.sys().DeleteOrg(c.w.ctx, c.org))(c.w.t) }, nil, "org_deleted", identity.ErrDisabled, nil},
		{"org signed out", func(c caller) { must(c.w.sys().SignOutOrg(c.w.ctx, c.org))(c.w.t) }, provenAnew(), "token_revoked", identity.ErrRevoked, nil},
		{"account inactive", func(c caller) { must(c.w.in(c.org).DeactivateAccount(c.w.ctx, c.sa.ID))(c.w.t) }, nil, "account_inactive", identity.ErrDisabled,
			func(c caller) { must(c.w.in(c.org).ActivateAccount(c.w.ctx, c.sa.ID))(c.w.t) }},
		{"account archived", func(c caller) { must(c.w.in(c.org).ArchiveAccount(c.w.ctx, c.sa.ID))(c.w.t) }, nil, "account_inactive", identity.ErrDisabled, nil},
		{"account deleted", func(c caller) { must(c.w.in(c.org).DeleteAccount(c.w.ctx, c.sa.ID))(c.w.t) }, nil, "account_inactive", identity.ErrDisabled, nil},
		{"account signed out", func(c caller) { must(c.w.in(c.org).SignOutAccount(c.w.ctx, c.sa.ID))(c.w.t) }, provenAnew(), "token_revoked", identity.ErrRevoked, nil},
		{"account expired", func(c caller) {
			until := c.w.clock.Now().Add(time.Second)
			must(c.w.in(c.org).ExtendAccount(c.w.ctx, c.sa.ID, until))(c.w.t)
			c.w.clock.advance(time.Second)
		}, nil, "account_expired", identity.ErrExpired, nil},
		{"credential disabled", func(c caller) { must(c.w.in(c.org).DisableCredential(c.w.ctx, c.sa.Key.ID))(c.w.t) }, vouched, "credential_inactive", identity.ErrDisabled,
			func(c caller) { must(c.w.in(c.org).EnableCredential(c.w.ctx, c.sa.Key.ID))(c.w.t) }},
		{"credential revoked", func(c caller) { must(c.w.in(c.org).RevokeCredential(c.w.ctx, c.sa.Key.ID))(c.w.t) }, vouched, "credential_inactive", identity.ErrDisabled, nil},
		{"credential replaced", func(c caller) { c.rotate(0) }, vouched, "credential_inactive", identity.ErrDisabled, nil},
		{"grace over", func(c caller) { c.rotate(time.Minute); c.w.clock.advance(time.Minute) }, vouched, "credential_expired", identity.ErrExpired, nil},
		{"credential expired", func(c caller) { c.w.clock.advance(credentialLife) }, vouched, "credential_expired", identity.ErrExpired, nil},
		{"token expired", func(c caller) { c.w.clock.advance(10 * time.Minute) }, append(provenAnew(), vouched...), "token_expired", identity.ErrExpired, nil},
	}
}

// TestSec35_LivenessMatrix tries every way in after everything that can end:

// each is refused at once, but for what the ending does not concern, and what

// is undone never revives a token.

func TestSec35_LivenessMatrix(t *testing.T) {
	onOneGoroutine(t)
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			w := open(t)
			c := w.caller()
			for in, err := range c.ways() {
				if err != nil {
					t.Fatalf("%s: before: %v", in, err)
				}
			}
			e.end(c)
			same := w.unchanged()
			alive := map[way]bool{}
			for _, in := range e.alive {
				alive[in] = true
			}
			got := c.ways()
			for in, err := range got {
				switch {
				case alive[in] && err != nil:
					t.Errorf("%s: %v", in, err)
				case !alive[in] && err == nil:
					t.Errorf("%s: was let in", in)
				}
			}
			if !alive[wayExchange] {
				same() // refused without using the assertion up
			}
			for _, in := range append(actionWays(), wayAuthenticate, wayNarrowed, wayActing, wayActed, wayIssue, wayDelegate) {
				if err := got[in]; !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, e.kind) {
					t.Errorf("%s: %v, want unauthenticated and %q", in, err, e.kind)
				}
			}
			for _, in := range append(actionWays(), wayAuthenticate, wayNarrowed, wayActing, wayActed, wayExchange, wayClient, wayClientToken, wayChallenge, waySignature, waySession) {
				if err := got[in]; err != nil && identity.PublicText(err) != "unauthenticated" {
					t.Errorf("%s: strangers are told %q", in, identity.PublicText(err))
				}
			}
			var refused *identity.Error
			for _, in := range []way{wayHeld, wayHeldActing} {
				want := e.reason
				if in == wayHeldActing && e.name == "credential expired" {
					want = "token_expired" // that of the peer, who is asked first
				}
				if !errors.As(got[in], &refused) || refused.ID != want {
					t.Errorf("%s: %v, want %s", in, got[in], want)
				}
			}
			for _, in := range []way{wayManageRead, wayManageWrite, wayActingWrite} {
				if kind := identity.PublicText(got[in]); got[in] != nil && kind == "internal error" {
					t.Errorf("%s: %v", in, got[in])
				}
			}
			w.reopen() // what is dead stays dead; principals do not outlive their Authority
			for _, raw := range []string{c.bearer, c.narrow, c.acting, c.acted} {
				if err := last(w.id.Authenticate(w.ctx, raw)); !errors.Is(err, identity.ErrUnauthenticated) {
					t.Errorf("after a restart: %v", err)
				}
			}
			if e.revive == nil {
				return
			}
			e.revive(c)
			for _, raw := range []string{c.bearer, c.narrow, c.acting, c.acted} {
				if err := last(w.id.Authenticate(w.ctx, raw)); !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrRevoked) {
					t.Errorf("an old token after it was undone: %v", err)
				}
			}
			c.prove()
			for in, err := range c.ways() {
				if err != nil {
					t.Errorf("%s: anew: %v", in, err)
				}
			}
		})
	}
}

// TestRevivalInPlace: principals that were held through a deactivation stay

// dead after it was undone.

func TestRevivalInPlace(t *testing.T) {
	for _, e := range endings() {
		if e.revive == nil {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			w := open(t)
			c := w.caller()
			e.end(c)
			e.revive(c)
			got := c.ways()
			for _, in := range append(actionWays(),
				wayAuthenticate, wayHeld, wayManageRead, wayManageWrite, wayNarrowed, wayIssue, wayActing, wayHeldActing, wayActed, wayDelegate, wayActingWrite,
			) {
				if got[in] == nil {
					t.Errorf("%s was revived", in)
				}
			}
			for _, in := range provenAnew() {
				if got[in] != nil {
					t.Errorf("%s, made anew: %v", in, got[in])
				}
			}
		})
	}
}

// TestSec36_AtOnce: what is allowed and what is revoked alternate, call by call.

func TestSec36_AtOnce(t *testing.T) {
	w := open(t)
	c := w.caller()
	for range 20 {
		if d := w.may(c.held, c.org, "wallets:read", policy.Root); !d.Allowed {
			t.Fatalf("alive: %+v", d)
		}
		must(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID))(t)
		if d := w.may(c.held, c.org, "wallets:read", policy.Root); d.Allowed {
			t.Fatalf("dead: %+v", d)
		}
		must(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID))(t)
		c.prove()
	}
	// Rights, too, and for a principal that is held.
	for range 20 {
		b := w.bind(c.org, identity.BindingSpec{Subject: identity.SubjectID(c.sa.ID), Role: "wallet-admin", Scope: policy.Root})
		if d := w.may(c.held, c.org, "wallets:delete", policy.Root); !d.Allowed {
			t.Fatalf("bound: %+v", d)
		}
		if err := w.in(c.org).DeleteBinding(w.ctx, b); err != nil {
			t.Fatal(err)
		}
		if d := w.may(c.held, c.org, "wallets:delete", policy.Root); d.Allowed {
			t.Fatalf("unbound: %+v", d)
		}
	}
}

// TestSec38_Derived: what was issued through one credential dies with it, and

// what came through another of the same account does not.

func TestSec38_Derived(t *testing.T) {
	w := open(t)
	c := w.caller()
	private, public := newKey(t)
	second := must(w.in(c.org).AddPublicKey(w.ctx, c.sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public}))(t)
	other := must(w.id.ExchangeAssertion(w.ctx, w.assertion(second.ID, c.sa.ID, private), identity.TokenRequest{}))(t).Token.Reveal()
	must(w.in(c.org).RevokeCredential(w.ctx, c.sa.Key.ID))(t)
	if _, err := w.id.Authenticate(w.ctx, c.bearer); !errors.Is(err, identity.ErrDisabled) {
		t.Errorf("through the revoked key: %v", err)
	}
	p := must(w.id.Authenticate(w.ctx, other))(t)
	if p.Credential() != second.ID || p.Account() != c.sa.ID || p.Kind() != identity.ServiceAccount || p.Org() != c.org {
		t.Errorf("%+v", p)
	}
	wantKind(t, last(w.in(c.org).EnableCredential(w.ctx, c.sa.Key.ID)), identity.ErrRevoked)
	if must(w.in(c.org).DisableCredential(w.ctx, c.sa.Key.ID))(t) {
		t.Error("disabling a revoked credential changed it")
	}
	for name, end := range map[string]func(w *world, c caller){
		"revoked": func(w *world, c caller) { must(w.in(c.org).RevokeCredential(w.ctx, c.sa.Key.ID))(t) },
		"disabled and enabled": func(w *world, c caller) {
			must(w.in(c.org).DisableCredential(w.ctx, c.sa.Key.ID))(t)
			must(w.in(c.org).EnableCredential(w.ctx, c.sa.Key.ID))(t)
			c.prove()
		},
		"deactivated and activated": func(w *world, c caller) {
			must(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID))(t)
			must(w.in(c.org).ActivateAccount(w.ctx, c.sa.ID))(t)
			c.prove()
		},
		"signed out":                func(w *world, c caller) { must(w.in(c.org).SignOutAccount(w.ctx, c.sa.ID))(t); c.prove() },
		"all of the org signed out": func(w *world, c caller) { must(w.sys().SignOutOrg(w.ctx, c.org))(t); c.prove() },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			c := w.caller()
			end(w, c)
			for what, raw := range map[string]string{"token": c.bearer, "narrower token": c.narrow, "token to act for another": c.acting, "token of another that acts for it": c.acted} {
				if err := last(w.id.Authenticate(w.ctx, raw)); !errors.Is(err, identity.ErrUnauthenticated) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// TestSec39_Edges asks at the last microsecond before an end and at the end.

// TestStartOfABinding is the other edge.

// TestSec40_NeverLonger: no token outlives the account behind it, and a zero

// life is the default and not for ever.

// TestForgedTokens signs with the right key what was never issued: each claim

// that names something is checked against what is stored.
