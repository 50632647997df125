package identity_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestExplain: an explanation is of the very decision that Authorize takes, and
// what it lists is the account's.
func TestExplain(t *testing.T) {
	w := openAsked(t)
	w.disturb()
	w.machines()
	refused, allowed := map[policy.Reason]bool{}, 0
	for i := range 400 {
		req := w.request()
		if i == 0 { // of an account that is in use
			req.Principal, req.Org = w.login(w.orgs[0], w.accounts[w.orgs[0]][4]), ""
		}
		e, d := w.id.Explain(w.ctx, req), w.id.Authorize(w.ctx, req)
		if req.Principal.IsZero() {
			e.Decision.Revision = d.Revision // nothing is looked at
		}
		if e.Account != req.Principal.Account() || e.Org != req.Org || e.Decision.Reason != d.Reason || e.Decision.Allowed != d.Allowed ||
			e.Decision.Binding != d.Binding || e.Decision.Missing != d.Missing {
			t.Errorf("%+v: explained as %+v, decided as %+v", req, e, d)
		}
		if e.Decision.Allowed {
			allowed++
		}
		switch {
		case e.Refused != policy.ReasonUnspecified:
			refused[e.Refused] = true
			if e.Refused != d.Reason || e.Because == "" || !strings.Contains(e.String(), e.Because) {
				t.Errorf("%+v is refused: %v because %q", req, d.Reason, e.Because)
			}
		case d.Reason == policy.ReasonDelegation:
			if e.Rules == nil || !e.Rules.Decision.Allowed || len(e.Actors) != 1 || e.Actors[0].Decision.Allowed {
				t.Errorf("%+v: an actor is refused: %+v", req, e)
			}
		case e.Rules == nil || e.Rules.Decision.Reason != d.Reason || (len(e.Rules.Needed) == 0) != d.Allowed:
			t.Errorf("%+v: the rules say %+v, decided as %+v", req, e.Rules, d)
		}
		if e.Rules != nil && e.Rules.Account.ID != "" {
			for _, x := range e.Rules.Bindings {
				b := must(w.in(req.Principal.Org()).Binding(w.ctx, identity.BindingID(x.Binding.ID)))(t)
				if string(b.Subject) != x.Binding.Subject || len(x.Via) == 0 && b.Subject != identity.SubjectID(e.Account) ||
					len(x.Via) > 0 && x.Via[len(x.Via)-1] != string(b.Subject) {
					t.Errorf("%+v is not %+v", x, b)
				}
			}
		}
	}
	for _, r := range []policy.Reason{
		policy.ReasonUnauthenticated, policy.ReasonMissingOrg, policy.ReasonOtherOrg, policy.ReasonAccountInactive, policy.ReasonTokenRevoked,
	} {
		if !refused[r] {
			t.Errorf("nothing was refused as %v: %v", r, refused)
		}
	}
	if allowed < 10 {
		t.Errorf("%d are allowed: this test compares little", allowed)
	}
}

// TestExplainSaysWhyDead names what is not alive.
func TestExplainSaysWhyDead(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	sa, key := w.service(org, "ci", "wallets:read")
	agent, agentKey := w.service(org, "agent", "wallets:read")
	login := func() identity.Principal { return must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t) }
	p := login()
	acting := must(w.id.Authenticate(w.ctx, w.bearer(agent, agentKey)))(t)
	both := must(w.id.Authenticate(w.ctx, must(w.id.Delegate(w.ctx, acting, p, identity.TokenRequest{}))(t).Token.Reveal()))(t)
	explain := func(p identity.Principal) identity.Explanation {
		return w.id.Explain(w.ctx, identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root})
	}
	says := func(p identity.Principal, want policy.Reason, text string) {
		t.Helper()
		e := explain(p)
		if e.Decision.Reason != want || e.Refused != want || !strings.Contains(e.Because, text) || text == "" {
			t.Errorf("%v because %q, want %v because %q", e.Decision.Reason, e.Because, want, text)
		}
		if e.Rules == nil || e.Decision.Allowed {
			t.Errorf("%v: the rules say nothing: %+v", want, e)
		}
	}
	if e := explain(both); !e.Decision.Allowed || len(e.Actors) != 1 || e.Actors[0].Account.ID != string(agent.ID) || !strings.Contains(e.String(), "acting for it:\n"+string(agent.ID)) {
		t.Errorf("a delegation: %+v\n%s", e, e)
	}
	bindings := must(w.in(org).Bindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(agent.ID)}, identity.Page{}))(t)
	if err := w.in(org).DeleteBinding(w.ctx, bindings.Items[0].ID); err != nil {
		t.Fatal(err)
	}
	if e := explain(both); e.Decision.Reason != policy.ReasonDelegation || e.Refused != policy.ReasonUnspecified || len(e.Actors[0].Needed) == 0 ||
		!e.Rules.Decision.Allowed || !strings.HasPrefix(e.String(), "refused: delegation\n") {
		t.Errorf("an actor without the right: %+v\n%s", e, e)
	}

	must(w.in(org).DisableCredential(w.ctx, agent.Key.ID))(t)
	says(both, policy.ReasonCredentialInactive, "credential "+string(agent.Key.ID)+" is disabled")
	if text := explain(both).Text(func(id string) string {
		return map[string]string{string(agent.Key.ID): "the\x1b key", string(sa.ID): "ci"}[id]
	}); !strings.HasPrefix(text, `refused: credential_inactive, since the credential "the\x1b key" is disabled`+"\nthe rules alone:\nci may use") {
		t.Errorf("with names:\n%s", text)
	}
	must(w.in(org).DeactivateAccount(w.ctx, agent.ID))(t)
	says(both, policy.ReasonAccountInactive, "account "+string(agent.ID)+" is inactive")

	must(w.in(org).SignOutAccount(w.ctx, sa.ID))(t)
	says(p, policy.ReasonTokenRevoked, "account "+string(sa.ID))
	p = login()
	must(w.sys().SuspendOrg(w.ctx, org))(t)
	says(p, policy.ReasonOrgSuspended, "the org "+string(org)+" is suspended")
	must(w.sys().ResumeOrg(w.ctx, org))(t)
	p = login()
	w.clock.advance(11 * time.Minute)
	says(p, policy.ReasonTokenExpired, "ended at 2030-01-01T00:10:00Z")
	p = login()
	must(w.in(org).DisableCredential(w.ctx, sa.Key.ID))(t)
	says(p, policy.ReasonCredentialInactive, string(sa.Key.ID)+" is disabled")
	must(w.in(org).DeactivateAccount(w.ctx, sa.ID))(t)
	says(p, policy.ReasonAccountInactive, string(sa.ID)+" is inactive")
	must(w.in(org).ArchiveAccount(w.ctx, sa.ID))(t)
	says(p, policy.ReasonAccountInactive, string(sa.ID)+" is archived")

	u := w.user(org, "u")
	until := w.clock.Now().Add(time.Hour)
	must(w.in(org).ExtendAccount(w.ctx, u, until))(t)
	p = w.login(org, u)
	w.clock.advance(2 * time.Hour)
	says(p, policy.ReasonAccountExpired, string(u)+" ended at "+until.Format(time.RFC3339))
}

// TestExplainIsAsked: who may ask about whom; the answer is about the account and
// not about one of its tokens.
func TestExplainIsAsked(t *testing.T) {
	w := open(t, conditions())
	system, org, other := w.id.SystemOrg(), w.org("acme"), w.org("other")
	reader, u, foreign := w.user(org, "reader", "identity:bindings.read"), w.user(org, "u"), w.user(other, "foreign", "*")
	operator := w.user(system, "operator")
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "owner", Scope: policy.Root, Reach: identity.ReachOrg(org)})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupUsers), Role: "wallet-reader", Scope: policy.Root, Condition: "attr:office"})
	req := identity.AccountRequest{Account: u, Permission: perm(t, "wallets:read"), Path: path(t, "projects/p1")}

	e := must(w.as(org, reader).Explain(w.ctx, req))(t)
	if e.Decision.Allowed || e.Decision.Missing != "office" || len(e.Rules.Bindings) != 1 || e.Rules.Bindings[0].Via[0] != string(identity.GroupUsers) {
		t.Errorf("%+v", e)
	}
	if w := e.Rules.Needed[0].Ways[0]; w.Kind != policy.WayAttribute || w.Attribute != "office" {
		t.Errorf("needed %v", e.Rules.Needed)
	}
	req.Attrs = office(true)
	if e := must(w.as(org, reader).Explain(w.ctx, req))(t); !e.Decision.Allowed || e.Decision.Revision != w.id.Revision() || e.Org != org {
		t.Errorf("%+v", e)
	}
	if held := must(w.as(org, reader).PermissionsOn(w.ctx, req))(t); !held.Has("wallets:read") || len(held.Names()) != 1 {
		t.Errorf("held %v", held.Names())
	}
	wantKind(t, last(w.as(org, u).PermissionsOn(w.ctx, req)), identity.ErrDenied)
	wantKind(t, last(w.in(other).PermissionsOn(w.ctx, req)), identity.ErrNotFound)
	// Signing out ends tokens, not the account.
	must(w.in(org).SignOutAccount(w.ctx, u))(t)
	if e := must(w.in(org).Explain(w.ctx, req))(t); !e.Decision.Allowed {
		t.Errorf("%+v", e)
	}
	wantKind(t, last(w.as(org, u).Explain(w.ctx, req)), identity.ErrDenied) // not even of itself
	for _, absent := range []identity.AccountID{foreign, operator, "us_absent"} {
		wantKind(t, last(w.in(org).Explain(w.ctx, identity.AccountRequest{Account: absent, Permission: req.Permission, Path: policy.Root})), identity.ErrNotFound)
	}
	wantKind(t, last(w.in(org).Explain(w.ctx, identity.AccountRequest{Account: "what"})), identity.ErrInvalid)
	wantKind(t, last(w.id.As(w.login(org, reader)).In(other).Explain(w.ctx, req)), identity.ErrNotFound)

	// An operator is explained in its own org.
	req.Account, req.Org = operator, org
	if e := must(w.in(system).Explain(w.ctx, req))(t); !e.Decision.Allowed || e.Org != org {
		t.Errorf("%+v", e)
	}
	req.Org = other
	if e := must(w.in(system).Explain(w.ctx, req))(t); e.Decision.Reason != policy.ReasonOtherOrg || len(e.Rules.Needed) == 0 ||
		e.Rules.Needed[0].Ways[0].Org != string(other) {
		t.Errorf("%+v", e)
	}
	req.Account = u
	if e := must(w.in(org).Explain(w.ctx, req))(t); e.Refused != policy.ReasonOtherOrg || e.Rules != nil {
		t.Errorf("%+v", e)
	}
	req.Org = ""
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("test").In(org)
		must(in.DeleteAccount(ctx, u))(t)
		if e := must(in.Explain(ctx, req))(t); e.Refused != policy.ReasonAccountInactive || !strings.Contains(e.Because, "is deleted") {
			t.Errorf("inside: %+v", e)
		}
		return errors.New("enough")
	})
	if err == nil {
		t.Error("the transaction was kept")
	}
	if e := must(w.in(org).Explain(w.ctx, req))(t); !e.Decision.Allowed {
		t.Errorf("outside: %+v", e)
	}
}
