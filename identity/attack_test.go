package identity_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// The tests of this file play attacks, each by its steps.

// Default groups are a way to give rights to accounts that are yet to be made.
func TestSec48_DefaultGroupsAreJudged(t *testing.T) {
	w := open(t)
	acme, system := w.org("acme"), w.id.SystemOrg()
	admins := must(w.in(acme).CreateGroup(w.ctx, identity.GroupSpec{Name: "admins"}))(t).ID
	harmless := must(w.in(acme).CreateGroup(w.ctx, identity.GroupSpec{Name: "harmless"}))(t).ID
	w.bind(acme, identity.BindingSpec{Subject: identity.SubjectID(admins), Role: "owner", Scope: policy.Root})
	clerk := w.id.As(w.login(system, w.user(system, "clerk", "identity:orgs.update")))
	become := func(who *identity.Admin, org identity.OrgID, groups ...identity.GroupID) error {
		return last(who.UpdateOrg(w.ctx, org, identity.OrgPatch{Settings: &identity.OrgSettings{DefaultUserGroups: groups}}))
	}
	same := w.unchanged()
	wantKind(t, become(clerk, acme, admins), identity.ErrEscalation)
	wantKind(t, become(clerk, acme, harmless, admins), identity.ErrEscalation)
	same()
	if err := become(clerk, acme, harmless); err != nil {
		t.Errorf("a group without rights: %v", err)
	}
	if err := become(w.sys(), acme, admins); err != nil {
		t.Fatal(err)
	}
	if err := become(clerk, acme, admins); err != nil { // it is one already
		t.Errorf("what is so already: %v", err)
	}
}

// Nobody joins a group with reach by being made, however the pieces are put
// together.
func TestSec48_NoReachByJoining(t *testing.T) {
	w := open(t)
	system := w.id.SystemOrg()
	in := w.in(system)
	ops := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "ops"}))(t).ID
	inner := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "inner"}))(t).ID
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(ops), Role: "wallet-reader", Scope: policy.Root, Reach: identity.ReachAll})
	join := func(g identity.GroupID) error {
		return last(w.sys().UpdateOrg(w.ctx, system, identity.OrgPatch{Settings: &identity.OrgSettings{DefaultUserGroups: []identity.GroupID{g}}}))
	}
	same := w.unchanged()
	wantKind(t, join(ops), identity.ErrInvalid)
	wantKind(t, last(in.AddMember(w.ctx, ops, identity.SubjectID(identity.GroupUsers))), identity.ErrInvalid)
	wantKind(t, last(in.AddMember(w.ctx, ops, identity.SubjectID(identity.GroupServiceAccounts))), identity.ErrInvalid)
	same()
	if err := join(inner); err != nil {
		t.Fatal(err)
	}
	same = w.unchanged()
	wantKind(t, last(in.AddMember(w.ctx, ops, identity.SubjectID(inner))), identity.ErrInvalid)
	wantKind(t, last(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(inner), Role: "wallet-reader", Scope: policy.Root, Reach: identity.ReachAll})), identity.ErrInvalid)
	same()
}

// An operator that is denied something in one org cannot give it for all of them.
func TestSec48_ReachAllHasEveryDeny(t *testing.T) {
	w := open(t)
	system, acme := w.id.SystemOrg(), w.org("acme")
	for name, reach := range map[string]identity.Reach{"in one org": identity.ReachOrg(acme), "at home": ""} {
		t.Run(name, func(t *testing.T) {
			w := w.on(t)
			mallory := w.user(system, "mallory"+fmt.Sprint(len(reach)))
			puppet := w.user(system, "puppet"+fmt.Sprint(len(reach)))
			w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(mallory), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
			w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(mallory), Role: "wallet-admin", Scope: policy.Root, Deny: true, Reach: reach})
			same := w.unchanged()
			wantKind(t, last(w.as(system, mallory).CreateBinding(w.ctx, identity.BindingSpec{
				Subject: identity.SubjectID(puppet), Role: "wallet-admin", Scope: policy.Root, Reach: identity.ReachAll,
			})), identity.ErrEscalation)
			same()
		})
	}
}

// A role that denies far away cannot be emptied by who holds it at home only.
func TestSec48_DenyWithReachIsNotEmptied(t *testing.T) {
	w := open(t)
	system := w.id.SystemOrg()
	w.org("acme")
	role := w.role(system, "wallets:delete")
	operator := w.user(system, "operator")
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(operator), Role: "wallet-admin", Scope: policy.Root, Reach: identity.ReachAll})
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(operator), Role: string(role), Scope: policy.Root, Deny: true, Reach: identity.ReachAll})
	mallory := w.as(system, w.user(system, "mallory", "wallets:delete", "identity:roles.update"))
	same := w.unchanged()
	wantKind(t, last(mallory.UpdateRole(w.ctx, role, identity.RolePatch{Permissions: &[]string{}})), identity.ErrEscalation)
	same()
}

// Who may not narrow an owner directly cannot do it through a group or a role
// that denies.
func TestSec48_StrongerAccountsAreNotNarrowed(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	owners := []identity.AccountID{w.user(acme, "one"), w.user(acme, "two")}
	for _, o := range owners {
		must(w.in(acme).GrantOwner(w.ctx, o))(t)
	}
	denied := w.role(acme, "wallets:read")
	w.bind(acme, identity.BindingSpec{Subject: identity.SubjectID(owners[1]), Role: string(denied), Scope: policy.Root, Deny: true})
	mallory := w.as(acme, w.user(acme, "mallory", "identity:bindings.create", "identity:groups.create", "identity:members.add",
		"identity:roles.update", "wallets:*"))
	group := must(mallory.CreateGroup(w.ctx, identity.GroupSpec{Name: "trap"}))(t).ID
	trap := identity.BindingSpec{Subject: identity.SubjectID(group), Role: "wallet-admin", Scope: policy.Root, Deny: true}
	must(mallory.CreateBinding(w.ctx, trap))(t)
	trap.Immutable = true
	same := w.unchanged()
	wantKind(t, last(mallory.CreateBinding(w.ctx, trap)), identity.ErrDenied)
	wantKind(t, last(mallory.AddMember(w.ctx, group, identity.SubjectID(owners[0]))), identity.ErrEscalation)
	wantKind(t, last(mallory.UpdateRole(w.ctx, denied, identity.RolePatch{Permissions: &[]string{"wallets:read", "wallets:create"}})), identity.ErrEscalation)
	same()
	if _, err := mallory.AddMember(w.ctx, group, identity.SubjectID(w.user(acme, "weak"))); err != nil {
		t.Errorf("a weaker account: %v", err)
	}
}

// To give away what one does not hold needs the power to wherever it arrives.
func TestSec48_EscalateBelow(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	secret := path(t, "projects/secret")
	who := w.user(acme, "who", "identity:bindings.create", identity.PermEscalate)
	w.bind(acme, identity.BindingSpec{Subject: identity.SubjectID(who), Role: string(w.role(acme, identity.PermEscalate)), Scope: secret, Deny: true})
	to := identity.SubjectID(w.user(acme, "to"))
	give := func(scope policy.Path) error {
		return last(w.as(acme, who).CreateBinding(w.ctx, identity.BindingSpec{Subject: to, Role: "wallet-admin", Scope: scope}))
	}
	same := w.unchanged()
	wantKind(t, give(secret), identity.ErrEscalation)
	wantKind(t, give(policy.Root), identity.ErrEscalation)
	same()
	if err := give(path(t, "projects/open")); err != nil {
		t.Errorf("elsewhere: %v", err)
	}
}

// A key that an account registers with another ends no later than that one.
func TestSec40_KeysDoNotOutliveTheOneUsed(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	sa, _ := w.service(acme, "sa", "identity:credentials.create")
	short, public := newKey(t)
	used := must(w.in(acme).AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public, Validity: time.Hour}))(t)
	p := must(w.id.Authenticate(w.ctx, must(w.id.ExchangeAssertion(w.ctx, w.assertion(used.ID, sa.ID, short), identity.TokenRequest{}))(t).Token.Reveal()))(t)
	for _, validity := range []time.Duration{0, time.Minute, 100 * 24 * time.Hour} {
		_, next := newKey(t)
		got := must(w.id.As(p).In(acme).AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: next, Validity: validity}))(t)
		if got.ValidUntil.IsZero() || got.ValidUntil.After(used.ValidUntil) {
			t.Errorf("validity %s: until %s, the key used ends %s", validity, got.ValidUntil, used.ValidUntil)
		}
	}
}

// Zero is a time too: a session whose end was never written is over.
func TestSec39_SessionOfTheEpoch(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	u := w.user(acme, "u")
	for _, end := range []time.Time{time.Unix(0, 0), time.Unix(0, 1), w.clock.Now(), w.clock.Now().Add(-time.Second)} {
		_, err := w.in(acme).Vouch(w.ctx, u, identity.Login{AuthTime: w.clock.Now().Add(-time.Hour), NotAfter: end})
		wantKind(t, err, identity.ErrExpired)
	}
	_, err := w.in(acme).Vouch(w.ctx, u, identity.Login{AuthTime: w.clock.Now(), NotAfter: time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC)})
	wantKind(t, err, identity.ErrInvalid)
}

// Forgetting whom a binding is for does not find somebody else's.
func TestEnsureBindingNeedsItsSubject(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	w.grant(acme, identity.SubjectID(w.user(acme, "u")), policy.Root, "wallets:read")
	w.bind(acme, identity.BindingSpec{Subject: identity.SubjectID(w.user(acme, "v")), Role: "wallet-reader", Scope: policy.Root})
	same := w.unchanged()
	wantKind(t, last(w.in(acme).EnsureBinding(w.ctx, identity.BindingSpec{Role: "wallet-reader", Scope: policy.Root})), identity.ErrInvalid)
	same()
}

// A service account that may not mint cannot take over an account by its login.
func TestSec48_NoMintingByLogin(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	victim := w.user(acme, "victim", "wallets:read")
	sa, key := w.service(acme, "sa", "identity:accounts.update", "identity:accounts.activate", "wallets:read")
	p := must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t)
	in := w.id.As(p).In(acme)
	same := w.unchanged()
	wantKind(t, last(in.UpdateAccount(w.ctx, victim, identity.AccountPatch{External: &identity.ExternalID{Issuer: "idp", Subject: "mallory"}})), identity.ErrDenied)
	wantKind(t, last(in.ExtendAccount(w.ctx, sa.ID, w.clock.Now().Add(700*24*time.Hour))), identity.ErrDenied)
	same()
}

// Roles of many patterns neither hold the door nor get in: each list has a limit.
func TestSec52_RoleLimits(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	patterns := make([]string, 300)
	for i := range patterns {
		patterns[i] = fmt.Sprintf("a%d:*", i)
	}
	same := w.unchanged()
	for name, spec := range map[string]identity.RoleSpec{
		"patterns":   {Name: "r", Permissions: patterns},
		"exclusions": {Name: "r", Permissions: []string{"*"}, Exclusions: patterns},
		"both":       {Name: "r", Permissions: patterns[:200], Exclusions: patterns[:100]},
		"names":      {Name: "r", Permissions: slices.Repeat([]string{"wallets:read"}, 70000)},
		"includes":   {Name: "r", Includes: slices.Repeat([]string{"wallet-reader"}, 300)},
		"types":      {Name: "r", ResourceTypes: slices.Repeat([]string{"projects"}, 300)},
	} {
		e := wantKind(t, last(w.in(acme).CreateRole(w.ctx, spec)), identity.ErrLimit)
		if e.Entity != "role" || e.Field == "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	same()
}

// Another process cannot be wedged by changes that, one by one, pass through a
// state that never was.
func TestSharedCyclesOnTheWay(t *testing.T) {
	w := open(t, func(w *world) { w.opts.Shared = true })
	other := must(w.another())(t)
	defer other.Close()
	acme := w.org("acme")
	in := w.in(acme)
	var g [3]identity.SubjectID
	for i := range g {
		g[i] = identity.SubjectID(must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprint("g", i)}))(t).ID)
	}
	group := func(i int) identity.GroupID { return identity.GroupID(g[i]) }
	u := w.user(acme, "u")
	must(in.AddMember(w.ctx, group(0), g[1]))(t)
	must(in.AddMember(w.ctx, group(1), g[2]))(t)
	w.bind(acme, identity.BindingSpec{Subject: g[1], Role: "wallet-reader", Scope: policy.Root})
	if err := other.Poll(w.ctx); err != nil {
		t.Fatal(err)
	}
	p := must(other.System("test").In(acme).Vouch(w.ctx, u, w.session(0)))(t) // loads the org there
	for _, step := range []func() (bool, error){
		func() (bool, error) { return in.RemoveMember(w.ctx, group(1), g[2]) },
		func() (bool, error) { return in.AddMember(w.ctx, group(2), g[0]) },
		func() (bool, error) { return in.RemoveMember(w.ctx, group(0), g[1]) },
		func() (bool, error) { return in.AddMember(w.ctx, group(1), g[2]) },
		func() (bool, error) { return in.AddMember(w.ctx, group(0), identity.SubjectID(u)) },
	} {
		if !must(step())(t) {
			t.Fatal("a step changed nothing")
		}
	}
	if err := other.Poll(w.ctx); err != nil {
		t.Fatal(err)
	}
	if got, want := other.Revision(), w.id.Revision(); got != want {
		t.Fatalf("revision %d, want %d", got, want)
	}
	// u is in g0, which is in g2, which is in g1, which may read.
	ask := identity.Request{Principal: p, Org: acme, Permission: perm(t, "wallets:read"), Path: policy.Root}
	if d := other.Authorize(w.ctx, ask); !d.Allowed {
		t.Errorf("%+v", d)
	}
	must(other.System("test").In(acme).RemoveMember(context.Background(), group(1), g[2]))(t)
	if d := other.Authorize(w.ctx, ask); d.Allowed {
		t.Errorf("%+v", d)
	}
}
