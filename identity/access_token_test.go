package identity_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// narrowed exchanges an assertion for a token that is cut down, and uses it.
func (w *world) narrowed(sa identity.ServiceAccountResult, key ed25519.PrivateKey, req identity.TokenRequest) identity.Principal {
	w.t.Helper()
	t := must(w.id.ExchangeAssertion(w.ctx, w.assertion(sa.Key.ID, sa.ID, key), req))(w.t)
	return must(w.id.Authenticate(w.ctx, t.Token.Reveal()))(w.t)
}

// TestTokenLimits: a token does what its account may do and it was issued for,
// and what that means is worked out at every use.
func TestTokenLimits(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	sa, key := w.service(org, "sa", "wallets:*", "keys:use")
	here := path(t, "projects/1")
	p := w.narrowed(sa, key, identity.TokenRequest{Permissions: []string{"wallets:read", "keys:*", "wallets:delete"}, Path: here})
	if got := p.Limits(); !slices.Equal(got.Permissions, []string{"wallets:read", "keys:*", "wallets:delete"}) || got.Path != here {
		t.Errorf("%+v", got)
	}
	check := func(permission, at string, want policy.Reason) {
		t.Helper()
		if d := w.may(p, org, permission, path(t, at)); d.Reason != want || d.Allowed != (want == policy.ReasonAllowed) {
			t.Errorf("%s at %s: %+v, want %s", permission, at, d, want)
		}
	}
	check("wallets:read", "projects/1", policy.ReasonAllowed)
	check("keys:use", "projects/1/wallets/w", policy.ReasonAllowed)
	check("wallets:create", "projects/1", policy.ReasonTokenLimits)
	check("wallets:read", "/", policy.ReasonTokenLimits)
	check("wallets:read", "projects/10", policy.ReasonTokenLimits)
	check("identity:orgs.read", "projects/1", policy.ReasonNoBinding) // limits give nothing
	deny := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(sa.ID), Role: "wallet-reader", Scope: policy.Root, Deny: true})
	check("wallets:read", "projects/1", policy.ReasonDenied)
	if err := w.in(org).DeleteBinding(w.ctx, deny); err != nil {
		t.Fatal(err)
	}
	check("wallets:read", "projects/1", policy.ReasonAllowed)
	if got := (identity.Principal{}).Limits(); got.Permissions != nil || !got.Path.IsZero() {
		t.Errorf("nobody has the limits %+v", got)
	}
	p = w.narrowed(sa, key, identity.TokenRequest{Permissions: []string{}})
	check("wallets:read", "projects/1", policy.ReasonTokenLimits)
	if got := p.Limits(); got.Permissions == nil || len(got.Permissions) != 0 {
		t.Errorf("no permission became %v", got.Permissions)
	}
	p = w.narrowed(sa, key, identity.TokenRequest{})
	check("wallets:create", "/", policy.ReasonAllowed)
}

// TestSec40_TokensOnlyNarrow makes tokens from tokens: none is wider than the one
// before, none lives longer, and what ends the first ends them all.
func TestSec40_TokensOnlyNarrow(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	sa, key := w.service(org, "sa", "wallets:*", "keys:use", "identity:*")
	here := path(t, "projects/1")
	first := w.narrowed(sa, key, identity.TokenRequest{Permissions: []string{"wallets:*"}, Path: here})
	ends := first.Expires()
	w.clock.advance(time.Minute)
	w.user(org, "somebody") // the revision moves on; that of the proof does not
	use := func(tok identity.AccessToken) identity.Principal {
		return must(w.id.Authenticate(w.ctx, tok.Token.Reveal()))(t)
	}
	for i, c := range []struct {
		req  identity.TokenRequest
		kind error
	}{
		{identity.TokenRequest{}, nil},
		{identity.TokenRequest{Permissions: []string{"wallets:*"}}, nil},
		{identity.TokenRequest{Permissions: []string{"wallets:read", "wallets:create"}}, nil},
		{identity.TokenRequest{Permissions: []string{}}, nil},
		{identity.TokenRequest{Path: here}, nil},
		{identity.TokenRequest{Path: path(t, "projects/1/wallets/w")}, nil},
		{identity.TokenRequest{Permissions: []string{"*"}}, identity.ErrEscalation},
		{identity.TokenRequest{Permissions: []string{"wallets:read", "keys:use"}}, identity.ErrEscalation},
		{identity.TokenRequest{Permissions: []string{"identity:*"}}, identity.ErrEscalation},
		{identity.TokenRequest{Path: policy.Root}, identity.ErrEscalation},
		{identity.TokenRequest{Path: path(t, "projects/10")}, identity.ErrEscalation},
	} {
		tok, err := w.id.IssueToken(w.ctx, first, c.req)
		if c.kind != nil {
			wantKind(t, err, c.kind)
			continue
		}
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		if tok.ExpiresAt.After(ends) || tok.Account != sa.ID {
			t.Errorf("case %d: %+v, the first ends %s", i, tok, ends)
		}
		p := use(tok)
		if p.Revision() != first.Revision() || p.Credential() != first.Credential() || p.TokenID() == first.TokenID() {
			t.Errorf("case %d: revision %d, credential %s", i, p.Revision(), p.Credential())
		}
		for _, name := range []string{"wallets:read", "wallets:create", "keys:use", "identity:groups.create"} {
			for _, at := range []policy.Path{policy.Root, here, path(t, "projects/1/wallets/w"), path(t, "projects/10")} {
				if w.may(p, org, name, at).Allowed && !w.may(first, org, name, at).Allowed {
					t.Errorf("case %d: may %s at %s, which the first may not", i, name, at)
				}
			}
		}
		if again, err := w.id.IssueToken(w.ctx, p, identity.TokenRequest{}); err != nil || !slices.Equal(use(again).Limits().Permissions, p.Limits().Permissions) {
			t.Errorf("case %d: once more: %v", i, err)
		}
	}
	tok := must(w.id.IssueToken(w.ctx, first, identity.TokenRequest{}))(t)
	must(w.in(org).SignOutAccount(w.ctx, sa.ID))(t)
	wantKind(t, last(w.id.IssueToken(w.ctx, first, identity.TokenRequest{})), identity.ErrRevoked)
	wantKind(t, last(w.id.Authenticate(w.ctx, tok.Token.Reveal())), identity.ErrRevoked)
	// One of after that does not bring it back.
	w.narrowed(sa, key, identity.TokenRequest{})
	wantKind(t, last(w.id.Authenticate(w.ctx, tok.Token.Reveal())), identity.ErrRevoked)
}

// TestIssueTokenRefuses: nobody, others' principals, logins, and the dead get no
// token.
func TestIssueTokenRefuses(t *testing.T) {
	w, elsewhere := open(t), open(t)
	c, foreign := w.caller(), elsewhere.caller()
	wantKind(t, last(w.id.IssueToken(w.ctx, identity.Principal{}, identity.TokenRequest{})), identity.ErrUnauthenticated)
	wantKind(t, last(w.id.IssueToken(w.ctx, foreign.held, identity.TokenRequest{})), identity.ErrUnauthenticated)
	wantKind(t, last(w.id.IssueToken(w.ctx, c.vouched, identity.TokenRequest{})), identity.ErrInvalid)
	must(w.id.IssueToken(w.ctx, c.held, identity.TokenRequest{}))(t)
	w.clock.advance(10 * time.Minute)
	wantKind(t, last(w.id.IssueToken(w.ctx, c.held, identity.TokenRequest{})), identity.ErrExpired)
}

// TestTokenRequests: what no token should say is refused, and does not use up an
// assertion.
func TestTokenRequests(t *testing.T) {
	w := open(t)
	c := w.caller()
	var many, big []string
	for i := range 65 {
		many = append(many, fmt.Sprintf("a%d:*", i))
	}
	for i := range 30 {
		big = append(big, fmt.Sprintf("a%d%s:*", i, long(100)))
	}
	deep := path(t, strings.TrimSuffix(strings.Repeat("a/"+long(200)+"/", 11), "/"))
	assertion := w.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	same := w.unchanged()
	for name, r := range map[string]struct {
		req  identity.TokenRequest
		kind error
	}{
		"unknown": {identity.TokenRequest{Permissions: []string{"wallets:read", "wallets:fly"}}, identity.ErrInvalid},
		"empty":   {identity.TokenRequest{Permissions: []string{""}}, identity.ErrInvalid},
		"pattern": {identity.TokenRequest{Permissions: []string{"wal*"}}, identity.ErrInvalid},
		"many":    {identity.TokenRequest{Permissions: many}, identity.ErrLimit},
		"big":     {identity.TokenRequest{Permissions: big}, identity.ErrLimit},
		"deep":    {identity.TokenRequest{Path: deep}, identity.ErrLimit},
	} {
		for _, err := range []error{
			last(w.id.ExchangeAssertion(w.ctx, assertion, r.req)),
			last(w.id.IssueToken(w.ctx, c.held, r.req)),
			last(w.id.Delegate(w.ctx, c.peer, c.held, r.req)),
		} {
			if e := wantKind(t, err, r.kind); e.Entity != "token" {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	same()
	must(w.id.ExchangeAssertion(w.ctx, assertion, identity.TokenRequest{Permissions: many[:64]}))(t)
}

// TestForgedLimits signs with the right key limits that were never issued.
func TestForgedLimits(t *testing.T) {
	w := open(t)
	c := w.caller()
	peer := c.peer
	now := w.clock.Now().Unix()
	actor := func(a token.Actor) func(*token.Claims) {
		return func(k *token.Claims) { k.Actor = &a }
	}
	good := token.Actor{Subject: string(peer.Account()), Credential: string(peer.Credential()), Revision: peer.Revision()}
	chain := func(n int) *token.Actor {
		var a *token.Actor
		for range n {
			next := good
			next.Actor = a
			a = &next
		}
		return a
	}
	foreign := w.targets("foreign")
	for name, f := range map[string]struct {
		set func(*token.Claims)
		ok  bool
	}{
		"nothing":                        {func(*token.Claims) {}, true},
		"limits":                         {func(k *token.Claims) { k.Permissions, k.Path = []string{"a:*", "unknown"}, "projects/1" }, true},
		"no permission":                  {func(k *token.Claims) { k.Permissions = []string{} }, true},
		"a bad pattern":                  {func(k *token.Claims) { k.Permissions = []string{"wallets:read", "w*"} }, false},
		"too many permissions":           {func(k *token.Claims) { k.Permissions = slices.Repeat([]string{"a"}, 65) }, false},
		"a path that is not canonical":   {func(k *token.Claims) { k.Path = "projects/1/" }, false},
		"half a path":                    {func(k *token.Claims) { k.Path = "projects" }, false},
		"an actor":                       {actor(good), true},
		"four actors":                    {func(k *token.Claims) { k.Actor = chain(4) }, true},
		"five actors":                    {func(k *token.Claims) { k.Actor = chain(5) }, false},
		"an actor without credential":    {actor(token.Actor{Subject: good.Subject, Revision: good.Revision}), false},
		"an actor with another's":        {actor(token.Actor{Subject: good.Subject, Credential: string(c.sa.Key.ID), Revision: good.Revision}), false},
		"an actor of another org":        {actor(token.Actor{Subject: string(foreign.User), Credential: string(foreign.Credential), Revision: good.Revision}), false},
		"an actor that is nobody":        {actor(token.Actor{Subject: "sa_absent", Credential: good.Credential, Revision: good.Revision}), false},
		"an actor's revision of old":     {actor(token.Actor{Subject: good.Subject, Credential: good.Credential}), true}, // nothing has ended it
		"an actor with a bad pattern":    {actor(token.Actor{Subject: good.Subject, Credential: good.Credential, Revision: good.Revision, Permissions: []string{"w*"}}), false},
		"an actor with a malformed path": {actor(token.Actor{Subject: good.Subject, Credential: good.Credential, Revision: good.Revision, Path: "/x"}), false},
	} {
		claims := token.Claims{ // not of a revision to come: that would raise the fence
			Issuer: issuer, Subject: string(c.sa.ID), Audience: []string{issuer}, Expiry: now + 60, IssuedAt: now, NotBefore: now, ID: "jti", ClientID: string(c.sa.ID),
			Org: string(c.org), Credential: string(c.sa.Key.ID), Incarnation: w.id.Incarnation(), Revision: w.id.Revision(),
		}
		f.set(&claims)
		_, err := w.id.Authenticate(w.ctx, must(w.id.SignClaims(w.ctx, claims))(t))
		if f.ok && err != nil || !f.ok && (!errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSec48_LimitedTokens: a token gives away no more than it can do itself, and
// makes nothing that could do more: neither keys for its account nor copies.
func TestSec48_LimitedTokens(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.ServiceAccountsMayMint = true }))
	org := w.org("acme")
	sa, key := w.service(org, "sa", "identity:*", "wallets:*", "keys:use")
	weak := identity.SubjectID(w.user(org, "weak"))
	here := path(t, "projects/1")
	reader, creator := w.role(org, "wallets:read"), w.role(org, "wallets:create")
	_, public := newKey(t)
	by := func(req identity.TokenRequest) *identity.OrgAdmin { return w.id.As(w.narrowed(sa, key, req)).In(org) }
	bind := func(o *identity.OrgAdmin, role identity.RoleID, at policy.Path) error {
		return last(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: weak, Role: string(role), Scope: at}))
	}
	names := by(identity.TokenRequest{Permissions: []string{"identity:*", "wallets:read"}})
	place := by(identity.TokenRequest{Path: here})
	whole := by(identity.TokenRequest{Permissions: []string{"*", "identity:*"}, Path: policy.Root})
	small := by(identity.TokenRequest{Permissions: []string{"wallets:read"}})
	strong := w.user(org, "strong", "wallets:create")
	same := w.unchanged()
	wantKind(t, bind(names, creator, policy.Root), identity.ErrEscalation)
	wantKind(t, bind(place, reader, policy.Root), identity.ErrDenied)
	wantKind(t, bind(place, reader, path(t, "projects/10")), identity.ErrDenied)
	for name, o := range map[string]*identity.OrgAdmin{"names": names, "place": place, "whole": whole} {
		if err := last(o.AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public})); !errors.Is(err, identity.ErrDenied) {
			t.Errorf("%s: its own key: %v", name, err)
		}
		if err := last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "copy", CopyCallerRights: true})); !errors.Is(err, identity.ErrDenied) {
			t.Errorf("%s: a copy: %v", name, err)
		}
	}
	wantKind(t, last(names.AddPublicKey(w.ctx, strong, identity.PublicKeySpec{UnprovenPublicKey: public})), identity.ErrEscalation)
	wantKind(t, last(small.Account(w.ctx, strong)), identity.ErrDenied)
	same()
	for what, err := range map[string]error{
		"a name that is left": bind(names, reader, policy.Root), "under the path": bind(place, creator, path(t, "projects/1/wallets/w")),
		"everything": bind(whole, creator, policy.Root),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	full := w.id.As(must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t)).In(org)
	must(full.AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public}))(t)
	must(full.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "copy", CopyCallerRights: true}))(t)
}
