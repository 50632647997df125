package identity_test

import (
	"context"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestOwnersOfCredentials: a row of a credential tells whose it is, and how that
// account is, as of the call; the log does not hold it.
func TestOwnersOfCredentials(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	must(w.in(x.Org).CreateAPIToken(w.ctx, x.User, identity.APITokenSpec{Name: "second"}))(t)
	robot, _ := w.service(x.Org, "robot")
	check := func(when string, account identity.AccountID, kind identity.AccountKind, state identity.AccountState) {
		t.Helper()
		n := 0
		for c, err := range w.in(x.Org).AllCredentials(w.ctx, identity.CredentialFilter{Account: account}) {
			if err != nil || c.OwnerKind != kind || c.OwnerState != state {
				t.Errorf("%s: %s is of a %s that is %s, want %s, %s (%v)", when, c.ID, c.OwnerKind, c.OwnerState, kind, state, err)
			}
			if one := must(w.in(x.Org).Credential(w.ctx, c.ID))(t); one.OwnerKind != kind || one.OwnerState != state {
				t.Errorf("%s: alone, %s is of a %s that is %s", when, c.ID, one.OwnerKind, one.OwnerState)
			}
			n++
		}
		if n == 0 {
			t.Errorf("%s: %s has no credentials", when, account)
		}
	}
	check("made", x.User, identity.User, identity.AccountActive)
	check("made", x.Invited, identity.User, identity.AccountInvited)
	check("made", robot.ID, identity.ServiceAccount, identity.AccountActive)
	must(w.in(x.Org).DeactivateAccount(w.ctx, robot.ID))(t)
	must(w.in(x.Org).DeleteAccount(w.ctx, x.User))(t)
	check("ended", robot.ID, identity.ServiceAccount, identity.AccountInactive)
	check("ended", x.User, identity.User, identity.AccountDeleted)
	all := must(w.in(x.Org).Credentials(w.ctx, identity.CredentialFilter{}, identity.Page{Limit: 2}))(t)
	if len(all.Items) != 2 || all.Next == "" || all.Items[0].OwnerKind == "" {
		t.Errorf("%+v", all)
	}
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("test").In(x.Org)
		if _, err := in.ActivateAccount(ctx, robot.ID); err != nil {
			return err
		}
		if c := must(in.Credential(ctx, robot.Key.ID))(t); c.OwnerState != identity.AccountActive {
			t.Errorf("inside Write: %+v", c)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, e := range w.events(x.Org) {
		if containsText(string(e.After), "Owner") {
			t.Errorf("%s %s holds what is not stored: %s", e.Noun, e.Verb, e.After)
		}
	}
}

// TestAPITokenOfOneApp: a token that is bound to the path of one application can do
// what its account may there and below, and nothing else, management included.
func TestAPITokenOfOneApp(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u", "wallets:*", "identity:*")
	raw := must(w.in(org).CreateAPIToken(w.ctx, u, identity.APITokenSpec{Name: "app", Path: path(t, "apps/a")}))(t).Secret.Reveal()
	p := must(w.id.Authenticate(w.ctx, raw))(t)
	for at, want := range map[string]policy.Reason{
		"apps/a": policy.ReasonAllowed, "apps/a/wallets/1": policy.ReasonAllowed,
		"apps/ab": policy.ReasonTokenLimits, "apps/b": policy.ReasonTokenLimits, "/": policy.ReasonTokenLimits,
	} {
		if d := w.may(p, org, "wallets:create", path(t, at)); d.Reason != want {
			t.Errorf("at %s: %+v, want %s", at, d, want)
		}
	}
	f := w.id.Filter(w.ctx, identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:create")})
	if !f.Match(path(t, "apps/a/wallets/1")) || f.Match(path(t, "apps/b")) || f.Match(policy.Root) {
		t.Errorf("%+v", f)
	}
	wantKind(t, last(w.id.As(p).In(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"})), identity.ErrDenied)
	wantKind(t, last(w.id.As(p).In(org).CreateAPIToken(w.ctx, u, identity.APITokenSpec{Name: "whole"})), identity.ErrDenied)
}
