package identity_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// principal is that of a new service account, by way of a token.
func (w *world) principal(org identity.OrgID, name string, permissions ...string) identity.Principal {
	w.t.Helper()
	sa, key := w.service(org, name, permissions...)
	return must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(w.t)
}

// delegated is what comes of a delegation.
func (w *world) delegated(actor, subject identity.Principal, req identity.TokenRequest) identity.Principal {
	w.t.Helper()
	return must(w.id.Authenticate(w.ctx, must(w.id.Delegate(w.ctx, actor, subject, req))(w.t).Token.Reveal()))(w.t)
}

// TestSec47_Delegation: a delegation does what the subject and every actor may,
// at the moment of use.
func TestSec47_Delegation(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	subject := w.principal(org, "subject", "wallets:*")
	actor := w.principal(org, "actor", "wallets:read", "wallets:create", "keys:use")
	second := w.principal(org, "second", "wallets:read", "wallets:delete", "keys:use")
	one := w.delegated(actor, subject, identity.TokenRequest{})
	two := w.delegated(second, one, identity.TokenRequest{})
	if one.Account() != subject.Account() || !slices.Equal(one.Actors(), []identity.AccountID{actor.Account()}) {
		t.Errorf("%s acted for by %v", one.Account(), one.Actors())
	}
	if two.Account() != subject.Account() || !slices.Equal(two.Actors(), []identity.AccountID{second.Account(), actor.Account()}) {
		t.Errorf("%s acted for by %v", two.Account(), two.Actors())
	}
	if subject.Actors() != nil {
		t.Errorf("%v act for the subject itself", subject.Actors())
	}
	check := func(when string, p identity.Principal, want map[string]policy.Reason) {
		t.Helper()
		for name, reason := range want {
			if d := w.may(p, org, name, policy.Root); d.Reason != reason || d.Allowed != (reason == policy.ReasonAllowed) || d.Revision != w.id.Revision() {
				t.Errorf("%s: %s: %+v, want %s", when, name, d, reason)
			}
		}
	}
	check("one", one, map[string]policy.Reason{
		"wallets:read": policy.ReasonAllowed, "wallets:create": policy.ReasonAllowed, "wallets:delete": policy.ReasonDelegation, "keys:use": policy.ReasonNoBinding,
	})
	check("two", two, map[string]policy.Reason{
		"wallets:read": policy.ReasonAllowed, "wallets:create": policy.ReasonDelegation, "wallets:delete": policy.ReasonDelegation, "keys:use": policy.ReasonNoBinding,
	})
	deny := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(actor.Account()), Role: "wallet-reader", Scope: policy.Root, Deny: true})
	for when, p := range map[string]identity.Principal{"one, denied": one, "two, denied": two} {
		check(when, p, map[string]policy.Reason{"wallets:read": policy.ReasonDelegation})
	}
	if d := w.may(one, org, "wallets:read", policy.Root); d.Binding != string(deny) {
		t.Errorf("%+v does not name the deny %s", d, deny)
	}
	if err := w.in(org).DeleteBinding(w.ctx, deny); err != nil {
		t.Fatal(err)
	}
	must(w.in(org).SetBoundary(w.ctx, second.Account(), "wallet-admin"))(t)
	check("bounded", two, map[string]policy.Reason{"wallets:read": policy.ReasonAllowed})
	must(w.in(org).SetBoundary(w.ctx, second.Account(), string(w.role(org, "keys:use"))))(t)
	check("bounded by another", two, map[string]policy.Reason{"wallets:read": policy.ReasonDelegation})
}

// TestDelegationLimits: what a token was cut down to cuts the delegation, the
// actor's for the actor, the subject's and what is asked for the whole.
func TestDelegationLimits(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	a, aKey := w.service(org, "actor", "wallets:*")
	b, bKey := w.service(org, "subject", "wallets:*")
	here := path(t, "projects/1")
	actor := w.narrowed(a, aKey, identity.TokenRequest{Permissions: []string{"wallets:read", "wallets:create"}, Path: here})
	subject := w.narrowed(b, bKey, identity.TokenRequest{Permissions: []string{"wallets:read", "wallets:delete"}})
	p := w.delegated(actor, subject, identity.TokenRequest{})
	for _, c := range []struct {
		name string
		at   policy.Path
		want policy.Reason
	}{
		{"wallets:read", here, policy.ReasonAllowed}, {"wallets:read", policy.Root, policy.ReasonDelegation},
		{"wallets:delete", here, policy.ReasonDelegation}, {"wallets:create", here, policy.ReasonTokenLimits},
	} {
		if d := w.may(p, org, c.name, c.at); d.Reason != c.want {
			t.Errorf("%s at %s: %+v, want %s", c.name, c.at, d, c.want)
		}
	}
	p = w.delegated(actor, subject, identity.TokenRequest{Permissions: []string{"wallets:delete"}, Path: path(t, "projects/2")})
	if d := w.may(p, org, "wallets:read", path(t, "projects/2")); d.Reason != policy.ReasonTokenLimits {
		t.Errorf("%+v", d)
	}
	wantKind(t, last(w.id.Delegate(w.ctx, actor, subject, identity.TokenRequest{Permissions: []string{"wallets:create"}})), identity.ErrEscalation)
}

// TestDelegationRefuses: both must be proven, alive and of one org, nobody acts
// for itself, and a chain has an end.
func TestDelegationRefuses(t *testing.T) {
	w, elsewhere := open(t), open(t)
	org, other := w.org("acme"), w.org("other")
	actor, subject := w.principal(org, "actor"), w.principal(org, "subject")
	foreigner := w.principal(other, "actor")
	strangerOrg := elsewhere.org("acme")
	stranger := elsewhere.principal(strangerOrg, "actor")
	user := w.login(org, w.user(org, "u"))
	for name, c := range map[string]struct {
		actor, subject identity.Principal
		kind           error
	}{
		"nobody":             {identity.Principal{}, subject, identity.ErrUnauthenticated},
		"for nobody":         {actor, identity.Principal{}, identity.ErrUnauthenticated},
		"another authority":  {stranger, subject, identity.ErrUnauthenticated},
		"another org":        {foreigner, subject, identity.ErrInvalid},
		"for another org":    {actor, foreigner, identity.ErrInvalid},
		"for itself":         {actor, actor, identity.ErrInvalid},
		"a login":            {user, subject, identity.ErrInvalid},
		"for a login":        {actor, user, identity.ErrInvalid},
		"for what it is for": {actor, w.delegated(subject, actor, identity.TokenRequest{}), identity.ErrInvalid},
	} {
		if err := last(w.id.Delegate(w.ctx, c.actor, c.subject, identity.TokenRequest{})); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
	}
	p := subject
	for range 2 {
		p = w.delegated(actor, p, identity.TokenRequest{})
	}
	through := w.delegated(w.principal(org, "third"), actor, identity.TokenRequest{})
	four := w.delegated(through, p, identity.TokenRequest{}) // the third acts through the actor
	if len(four.Actors()) != 4 {
		t.Errorf("%v", four.Actors())
	}
	wantKind(t, last(w.id.Delegate(w.ctx, actor, four, identity.TokenRequest{})), identity.ErrLimit)
	must(w.in(org).DeactivateAccount(w.ctx, actor.Account()))(t)
	wantKind(t, last(w.id.Delegate(w.ctx, actor, subject, identity.TokenRequest{})), identity.ErrDisabled)
	wantKind(t, last(w.id.IssueToken(w.ctx, four, identity.TokenRequest{})), identity.ErrDisabled)
}

// TestSec40_DelegationEndsFirst: a delegation ends with the first of all that it
// stands on.
func TestSec40_DelegationEndsFirst(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	early := w.principal(org, "early")
	w.clock.advance(4 * time.Minute)
	late := w.principal(org, "late")
	w.clock.advance(time.Minute)
	for _, p := range []identity.Principal{w.delegated(early, late, identity.TokenRequest{}), w.delegated(late, early, identity.TokenRequest{})} {
		if p.Expires() != early.Expires() {
			t.Errorf("ends %s, the earlier %s", p.Expires(), early.Expires())
		}
	}
	sa, key := w.service(org, "short")
	until := w.clock.Now().Add(2 * time.Minute)
	short := must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t)
	must(w.in(org).ExtendAccount(w.ctx, sa.ID, until))(t) // after its token was issued
	for _, p := range []identity.Principal{w.delegated(short, late, identity.TokenRequest{}), w.delegated(late, short, identity.TokenRequest{})} {
		if p.Expires().After(until) {
			t.Errorf("ends %s, one of them %s", p.Expires(), until)
		}
	}
}

// TestSec48_DelegatedManagement: management by way of a delegation needs that
// all may and all hold what they give; who acts is in the log.
func TestSec48_DelegatedManagement(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.ServiceAccountsMayMint = true }))
	org := w.org("acme")
	boss := w.principal(org, "boss", "identity:*", "wallets:*", "keys:use")
	clerk := w.principal(org, "clerk", "identity:bindings.create", "identity:groups.create", "identity:credentials.*", "identity:accounts.*", "wallets:read")
	weak := identity.SubjectID(w.user(org, "weak"))
	reader, creator := w.role(org, "wallets:read"), w.role(org, "wallets:create")
	for name, p := range map[string]identity.Principal{
		"clerk for boss": w.delegated(clerk, boss, identity.TokenRequest{}), "boss for clerk": w.delegated(boss, clerk, identity.TokenRequest{}),
	} {
		o := w.id.As(p).In(org)
		_, public := newKey(t)
		same := w.unchanged()
		for what, c := range map[string]struct{ err, kind error }{
			"give what one lacks": {last(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: weak, Role: string(creator), Scope: policy.Root})), identity.ErrEscalation},
			"do what one may not": {last(o.CreateRole(w.ctx, identity.RoleSpec{Name: "r"})), identity.ErrDenied},
			"copy rights":         {last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "copy", CopyCallerRights: true})), identity.ErrDenied},
			"end the boss":        {last(o.DeactivateAccount(w.ctx, boss.Account())), identity.ErrDenied},
			"end the clerk":       {last(o.DeleteAccount(w.ctx, clerk.Account())), identity.ErrDenied},
			"a key for the boss":  {last(o.AddPublicKey(w.ctx, boss.Account(), identity.PublicKeySpec{UnprovenPublicKey: public})), identity.ErrEscalation},
			"sign the boss out":   {last(o.SignOutAccount(w.ctx, boss.Account())), identity.ErrEscalation},
		} {
			if !errors.Is(c.err, c.kind) {
				t.Errorf("%s: %s: %v, want %v", name, what, c.err, c.kind)
			}
		}
		same()
		must(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: weak, Role: string(reader), Scope: policy.Root}))(t)
		g := must(o.CreateGroup(w.ctx, identity.GroupSpec{Name: name}))(t)
		actor := p.Actors()[0]
		if g.CreatedBy != string(actor) {
			t.Errorf("%s: made by %s", name, g.CreatedBy)
		}
		events := w.events(org)
		if e := events[len(events)-1]; e.Actor != string(actor) || e.OnBehalfOf != string(p.Account()) || e.Credential == string(p.Credential()) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	// A service account in the chain is one that mints.
	w = open(t)
	org = w.org("acme")
	p := w.delegated(w.principal(org, "a", "identity:*"), w.principal(org, "b", "identity:*"), identity.TokenRequest{})
	wantKind(t, last(w.id.As(p).In(org).CreateUser(w.ctx, identity.UserSpec{Email: "n@e.com"})), identity.ErrDenied)
}

// TestDelegationConditions: what the host knows of the subject says nothing of
// an actor.
func TestDelegationConditions(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	subject, actor := w.principal(org, "subject"), w.principal(org, "actor")
	p := w.delegated(actor, subject, identity.TokenRequest{})
	attrs := office(true).SetBool("principal.mfa", true)
	ask := func() policy.Decision {
		return w.id.Authorize(w.ctx, identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root, Attrs: attrs})
	}
	for _, a := range []identity.Principal{subject, actor} {
		w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(a.Account()), Role: "wallet-reader", Scope: policy.Root, Condition: "attr:principal.mfa"})
	}
	if d := ask(); d.Reason != policy.ReasonDelegation || d.Missing != "principal.mfa" {
		t.Errorf("%+v", d)
	}
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(actor.Account()), Role: "wallet-reader", Scope: policy.Root, Condition: "attr:office"})
	if d := ask(); !d.Allowed {
		t.Errorf("%+v", d)
	}
}
