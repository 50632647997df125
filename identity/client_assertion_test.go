package identity_test

import (
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestClientAssertion: an assertion gives a principal that is as good as one of an
// access token, and lasts as long.
func TestClientAssertion(t *testing.T) {
	w := open(t)
	c := w.caller()
	p := must(w.id.AuthenticateClientAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key)))(t)
	if p.Account() != c.sa.ID || p.Credential() != c.sa.Key.ID || p.Way() != identity.WayClientAssertion || p.TokenID() != "" {
		t.Errorf("%s by %s, %s", p, p.Credential(), p.Way())
	}
	if want := w.clock.Now().Add(10 * time.Minute); !p.Expires().Equal(want) {
		t.Errorf("ends at %s, want %s", p.Expires(), want)
	}
	if d := w.may(p, c.org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("%+v", d)
	}
	issued := must(w.id.IssueToken(w.ctx, p, identity.TokenRequest{}))(t)
	must(w.id.Authenticate(w.ctx, issued.Token.Reveal()))(t)
	w.clock.advance(10 * time.Minute)
	if d := w.may(p, c.org, "wallets:read", policy.Root); d.Reason != policy.ReasonTokenExpired {
		t.Errorf("ten minutes later: %+v", d)
	}
}

// TestClientToken: a request that makes no sense leaves the assertion unused, and
// one that does cuts the token down.
func TestClientToken(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	for _, bad := range [][]string{{"wallets:none"}, {""}, {"w*"}} {
		_, err := w.id.ExchangeClientAssertion(w.ctx, raw, identity.TokenRequest{Permissions: bad})
		wantKind(t, err, identity.ErrInvalid)
	}
	access := must(w.id.ExchangeClientAssertion(w.ctx, raw, identity.TokenRequest{Permissions: []string{"wallets:read"}}))(t)
	p := must(w.id.Authenticate(w.ctx, access.Token.Reveal()))(t)
	if got := p.Limits().Permissions; len(got) != 1 || got[0] != "wallets:read" || access.Account != c.sa.ID {
		t.Errorf("%v of %s", got, access.Account)
	}
	if life := access.ExpiresAt.Sub(access.IssuedAt); life != 10*time.Minute {
		t.Errorf("lives for %s", life)
	}
}

// TestSec41_OneUseWhateverFor: fifty callers show one assertion for different ends;
// one of them gets something.
func TestSec41_OneUseWhateverFor(t *testing.T) {
	w := open(t)
	c := w.caller()
	raw := w.assertion(c.sa.Key.ID, c.sa.ID, c.key)
	uses := []func() error{
		func() error { return last(w.id.AuthenticateClientAssertion(w.ctx, raw)) },
		func() error { return last(w.id.ExchangeClientAssertion(w.ctx, raw, identity.TokenRequest{})) },
		func() error { return last(w.id.ExchangeAssertion(w.ctx, raw, identity.TokenRequest{})) },
	}
	var won atomic.Int32
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range 50 {
		all.Go(func() {
			<-start
			switch err := uses[i%len(uses)](); {
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
	w.reopen()
	for i, use := range uses {
		if err := use(); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("%d, after a restart: %v", i, err)
		}
	}
}

// TestSec49_IntrospectToken: an org learns of its own tokens only, whoever asks in
// it, and of a dead one nothing.
func TestSec49_IntrospectToken(t *testing.T) {
	w := open(t)
	c := w.caller()
	hooli := w.org("hooli")
	said := must(w.in(c.org).IntrospectToken(w.ctx, c.narrow))(t)
	want := identity.Introspection{
		Active: true, Account: c.sa.ID, Org: c.org, Credential: c.sa.Key.ID, Issuer: w.id.Issuer(), Audience: w.id.Issuer(),
		IssuedAt: w.clock.Now().UTC().Truncate(time.Second), ExpiresAt: w.clock.Now().UTC().Truncate(time.Second).Add(10 * time.Minute),
		TokenID: said.TokenID, Limits: identity.TokenRequest{Path: path(t, "projects/1")},
	}
	if !same(said, want) || said.TokenID == "" {
		t.Errorf("%+v\nwant\n%+v", said, want)
	}
	if said := must(w.in(c.org).IntrospectToken(w.ctx, c.acting))(t); len(said.Actors) != 1 || said.Actors[0] != c.sa.ID || said.Account != c.other.ID {
		t.Errorf("acting: %+v", said)
	}
	for name, ask := range map[string]*identity.OrgAdmin{
		"the host, elsewhere":                w.in(hooli),
		"the host, for the system org":       w.in(w.id.SystemOrg()),
		"somebody of another org":            w.as(hooli, w.user(hooli, "asker", "identity:tokens.introspect")),
		"an operator, in the org of its own": w.as(w.id.SystemOrg(), w.user(w.id.SystemOrg(), "asker", "identity:tokens.introspect")),
	} {
		if said := must(ask.IntrospectToken(w.ctx, c.bearer))(t); !same(said, identity.Introspection{}) {
			t.Errorf("%s: %+v", name, said)
		}
	}
	// The token of an account that has ended earlier than the token says.
	must(w.in(c.org).ExtendAccount(w.ctx, c.sa.ID, w.clock.Now().Add(5*time.Minute)))(t)
	if said := must(w.in(c.org).IntrospectToken(w.ctx, c.bearer))(t); !said.ExpiresAt.Equal(w.clock.Now().Truncate(time.Second).Add(5 * time.Minute)) {
		t.Errorf("ends at %s", said.ExpiresAt)
	}
	must(w.in(c.org).DeactivateAccount(w.ctx, c.sa.ID))(t)
	for _, raw := range []string{c.bearer, c.narrow, c.acting, c.acted, "", "x", "a.b.c"} {
		if said := must(w.in(c.org).IntrospectToken(w.ctx, raw))(t); !same(said, identity.Introspection{}) {
			t.Errorf("dead: %+v", said)
		}
	}
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := w.in(c.org).IntrospectToken(w.ctx, c.bearer)
	wantKind(t, err, identity.ErrStorage)
}

func same(a, b identity.Introspection) bool { return reflect.DeepEqual(a, b) }

// TestRevokeOwnToken ends what is the caller's and nothing else; which of the other
// cases it was is not told.
func TestRevokeOwnToken(t *testing.T) {
	w := open(t)
	c := w.caller()
	must(w.in(c.org).ExtendAccount(w.ctx, c.sa.ID, w.clock.Now().Add(time.Hour)))(t)
	for name, raw := range map[string]string{"of the peer": c.acting, "no token": "x", "empty": "", "assertion": w.assertion(c.sa.Key.ID, c.sa.ID, c.key)} {
		if changed := must(w.id.RevokeOwnToken(w.ctx, c.held, raw))(t); changed {
			t.Errorf("%s: revoked", name)
		}
	}
	must(w.id.Authenticate(w.ctx, c.acting))(t)
	for _, raw := range []string{c.narrow, c.acted} {
		for _, want := range []bool{true, false} {
			if changed := must(w.id.RevokeOwnToken(w.ctx, c.held, raw))(t); changed != want {
				t.Errorf("changed %v, want %v", changed, want)
			}
		}
		if _, err := w.id.Authenticate(w.ctx, raw); !errors.Is(err, identity.ErrRevoked) {
			t.Errorf("%v", err)
		}
	}
	_, err := w.id.RevokeOwnToken(w.ctx, identity.Principal{}, c.bearer)
	wantKind(t, err, identity.ErrUnauthenticated)
	must(w.id.Authenticate(w.ctx, c.bearer))(t)
	if changed := must(w.id.RevokeOwnToken(w.ctx, c.held, c.bearer))(t); !changed {
		t.Error("the token that the caller came with cannot be revoked")
	}
	_, err = w.id.RevokeOwnToken(w.ctx, c.held, c.bearer)
	wantKind(t, err, identity.ErrUnauthenticated)
}
