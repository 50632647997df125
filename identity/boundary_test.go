package identity_test

import (
	"context"
	"errors"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestBoundary: a boundary takes away what it does not contain and gives
// nothing, follows its role, lasts over a restart, and goes.
func TestBoundary(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	u := w.user(org, "u", "wallets:*", "keys:use")
	limit := w.role(org, "wallets:read", "wallets:delete")
	check := func(when string, want map[string]policy.Reason) {
		t.Helper()
		for name, reason := range want {
			if d := w.may(w.login(org, u), org, name, policy.Root); d.Reason != reason {
				t.Errorf("%s: %s: %+v, want %s", when, name, d, reason)
			}
		}
	}
	free := map[string]policy.Reason{"wallets:read": policy.ReasonAllowed, "wallets:create": policy.ReasonAllowed, "keys:use": policy.ReasonAllowed}
	bound := map[string]policy.Reason{
		"wallets:read": policy.ReasonAllowed, "wallets:create": policy.ReasonBoundary, "keys:use": policy.ReasonBoundary,
		"identity:orgs.read": policy.ReasonNoBinding,
	}
	held := w.login(org, u)
	check("before", free)
	if !must(in.SetBoundary(w.ctx, u, string(limit)))(t) {
		t.Error("nothing changed")
	}
	if d := w.may(held, org, "wallets:create", policy.Root); d.Allowed {
		t.Errorf("a principal held from before: %+v", d)
	}
	check("bound", bound)
	same := w.unchanged()
	if must(in.SetBoundary(w.ctx, u, string(limit)))(t) {
		t.Error("the same boundary changed something")
	}
	same()
	w.reopen()
	in = w.in(org)
	check("after a restart", bound)
	must(in.UpdateRole(w.ctx, limit, identity.RolePatch{Permissions: &[]string{"wallets:create"}}))(t)
	check("its role is changed", map[string]policy.Reason{
		"wallets:read": policy.ReasonBoundary, "wallets:create": policy.ReasonAllowed, "keys:use": policy.ReasonBoundary,
	})
	if !must(in.SetBoundary(w.ctx, u, "wallet-admin"))(t) {
		t.Error("another boundary changed nothing")
	}
	if a := must(in.Account(w.ctx, u))(t); a.Boundary != "code:wallet-admin" {
		t.Errorf("%+v", a)
	}
	check("a role in code", map[string]policy.Reason{
		"wallets:read": policy.ReasonAllowed, "wallets:create": policy.ReasonAllowed, "keys:use": policy.ReasonBoundary,
	})
	if !must(in.SetBoundary(w.ctx, u, ""))(t) {
		t.Error("removing it changed nothing")
	}
	check("without", free)
}

// TestBoundarySpecs: accounts are made with a boundary, but no owner is.
func TestBoundarySpecs(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	archived := w.role(org, "wallets:read")
	must(in.ArchiveRole(w.ctx, archived))(t)
	other := w.role(w.org("other"), "wallets:read")
	sa := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "sa", Roles: []string{"wallet-admin"}, Boundary: "wallet-reader"}))(t)
	u := must(in.CreateUser(w.ctx, identity.UserSpec{Email: "u@e.com", Roles: []string{"wallet-admin"}, Boundary: "wallet-reader"}))(t)
	for _, a := range []identity.AccountID{sa.ID, u.ID} {
		p := w.login(org, a)
		if !w.may(p, org, "wallets:read", policy.Root).Allowed || w.may(p, org, "wallets:create", policy.Root).Reason != policy.ReasonBoundary {
			t.Errorf("%s is not bounded", a)
		}
	}
	w.user(org, "free")
	if found := must(in.Accounts(w.ctx, identity.AccountFilter{Boundary: "code:wallet-reader"}, identity.Page{}))(t).Items; len(found) != 2 {
		t.Errorf("%d accounts are found by their boundary", len(found))
	}
	same := w.unchanged()
	for role, kind := range map[string]error{
		"absent": identity.ErrNotFound, "ro_absent": identity.ErrNotFound, "a b": identity.ErrNotFound, string(archived): identity.ErrInvalid,
		string(other): identity.ErrNotFound, "code:absent": identity.ErrNotFound,
	} {
		for _, err := range []error{
			last(in.SetBoundary(w.ctx, u.ID, role)),
			last(in.CreateUser(w.ctx, identity.UserSpec{Email: "n@e.com", Boundary: role})),
			last(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "n", Boundary: role})),
		} {
			if e := wantKind(t, err, kind); e.Field != "Boundary" {
				t.Errorf("%q: %+v", role, e)
			}
		}
	}
	_, err := w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: "owned", Owner: &identity.UserSpec{Email: "o@e.com", Boundary: "owner"}})
	wantKind(t, err, identity.ErrInvalid)
	same()
}

// TestBoundaryKeepsItsRole: a role that bounds an account cannot go.
func TestBoundaryKeepsItsRole(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	u, r := w.user(org, "u"), w.role(org, "wallets:read")
	must(in.SetBoundary(w.ctx, u, string(r)))(t)
	must(in.DeactivateAccount(w.ctx, u))(t) // it could come back
	same := w.unchanged()
	wantKind(t, in.DeleteRole(w.ctx, r, identity.IfUnused), identity.ErrInUse)
	wantKind(t, last(in.ArchiveRole(w.ctx, r)), identity.ErrInUse)
	same()
	must(in.DeleteAccount(w.ctx, u))(t) // it cannot
	if err := in.DeleteRole(w.ctx, r, identity.IfUnused); err != nil {
		t.Error(err)
	}
}

// TestSec48_Boundaries: who may not give an account what it has cannot widen its
// boundary, in whatever way; who may not narrow it cannot set one.
func TestSec48_Boundaries(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	must(in.GrantOwner(w.ctx, w.user(org, "owner")))(t)
	strong := w.user(org, "strong", "wallets:*") // more than the boss, but for management
	manager := w.user(org, "manager", "identity:*", identity.PermImpersonate)
	weak := w.user(org, "weak", "wallets:read")
	boss := w.user(org, "boss", bossRights()...)
	chief := w.user(org, "chief", "identity:*", "wallets:*", "keys:use", "wallets:read")
	inner := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "inner", Permissions: []string{"wallets:read", "wallets:create"}}))(t).ID
	outer := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "outer", Includes: []string{"inner"}, Permissions: []string{"keys:use"}}))(t).ID
	must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "everything", Permissions: []string{"*", "identity:*"}}))(t)
	// Each call is refused to the boss, or let through, and for the chief the other way around or the same; all is undone.
	undo := errors.New("undo")
	type step func(o *identity.OrgAdmin) error
	set := func(a identity.AccountID, role string) step {
		return func(o *identity.OrgAdmin) error { return last(o.SetBoundary(w.ctx, a, role)) }
	}
	grow := func(r identity.RoleID, names ...string) step {
		return func(o *identity.OrgAdmin) error {
			return last(o.UpdateRole(w.ctx, r, identity.RolePatch{Permissions: &names}))
		}
	}
	for name, c := range map[string]struct {
		before      map[identity.AccountID]string // boundaries
		call        step
		boss, chief error
	}{
		"a first one":                        {nil, set(strong, "inner"), nil, nil},
		"a first one for a manager":          {nil, set(manager, "inner"), identity.ErrEscalation, identity.ErrEscalation},
		"one within the old one":             {map[identity.AccountID]string{strong: "outer"}, set(strong, "inner"), nil, nil},
		"a wider one":                        {map[identity.AccountID]string{strong: "inner"}, set(strong, "outer"), identity.ErrEscalation, nil},
		"one beside the old one":             {map[identity.AccountID]string{strong: "inner"}, set(strong, "wallet-admin"), identity.ErrEscalation, nil},
		"none":                               {map[identity.AccountID]string{strong: "inner"}, set(strong, ""), identity.ErrEscalation, nil},
		"none for who has little":            {map[identity.AccountID]string{weak: "inner"}, set(weak, ""), nil, nil},
		"its role grows":                     {map[identity.AccountID]string{strong: "inner"}, grow(inner, "wallets:read", "wallets:create", "wallets:delete"), identity.ErrEscalation, nil},
		"its role shrinks":                   {map[identity.AccountID]string{strong: "inner"}, grow(inner, "wallets:read"), nil, nil},
		"its role shrinks, of a manager":     {map[identity.AccountID]string{manager: "inner"}, grow(inner, "wallets:read"), identity.ErrEscalation, identity.ErrEscalation},
		"what its role includes grows":       {map[identity.AccountID]string{strong: "outer"}, grow(inner, "wallets:*"), identity.ErrEscalation, nil},
		"its role changes to something else": {map[identity.AccountID]string{strong: "inner"}, grow(inner, "wallets:delete"), identity.ErrEscalation, nil},
		"a role that bounds nobody grows":    {map[identity.AccountID]string{strong: "inner"}, grow(outer, "*"), nil, nil},
		"one's own, wider":                   {map[identity.AccountID]string{boss: "everything", chief: "outer"}, set(chief, "everything"), identity.ErrEscalation, identity.ErrDenied},
	} {
		for who, want := range map[identity.AccountID]error{boss: c.boss, chief: c.chief} {
			t.Run(name, func(t *testing.T) {
				w := w.on(t)
				done := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
					for a, role := range c.before {
						must(tx.System("before").In(org).SetBoundary(ctx, a, role))(t)
					}
					o := tx.As(w.login(org, who)).In(org)
					err := c.call(o)
					if want == nil && err != nil || want != nil && !errors.Is(err, want) {
						t.Errorf("%s: %v, want %v", who, err, want)
					}
					return undo
				})
				if !errors.Is(done, undo) {
					t.Fatal(done)
				}
			})
		}
	}
}

// TestSec48_OwnBoundary: an account that is cut down cannot undo it by itself,
// neither by the boundary nor by the role, though it manages both; what does not
// cut anything it may remove.
func TestSec48_OwnBoundary(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	manage := []string{"identity:boundaries.set", "identity:roles.*", "identity:accounts.*", "identity:bindings.*", "identity:credentials.*"}
	u := w.user(org, "u", append([]string{"wallets:*"}, manage...)...)
	limit := w.role(org, append([]string{"wallets:read"}, manage...)...)
	wide := w.role(org, append([]string{"wallets:*"}, manage...)...)
	o := w.as(org, u)
	if !must(o.SetBoundary(w.ctx, u, string(limit)))(t) { // taking from oneself is everybody's
		t.Fatal("nothing changed")
	}
	same := w.unchanged()
	wantKind(t, last(o.SetBoundary(w.ctx, u, "")), identity.ErrEscalation)
	wantKind(t, last(o.SetBoundary(w.ctx, u, string(wide))), identity.ErrEscalation)
	wantKind(t, last(o.UpdateRole(w.ctx, limit, identity.RolePatch{Permissions: ptr(append([]string{"wallets:*"}, manage...))})), identity.ErrEscalation)
	wantKind(t, last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "n", Permissions: []string{"wallets:create"}})), identity.ErrEscalation)
	// Neither does it pass on what it does not have.
	wantKind(t, last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "n", CopyCallerRights: true, Boundary: string(wide)})), identity.ErrEscalation)
	same()
	copied := must(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "n", CopyCallerRights: true}))(t)
	if copied.Boundary != identity.RoleRef(limit) {
		t.Errorf("the copy has the boundary %q", copied.Boundary)
	}
	narrow := must(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "m", CopyCallerRights: true, Boundary: "wallet-reader"}))(t)
	if narrow.Boundary != "code:wallet-reader" {
		t.Errorf("the narrower copy has the boundary %q", narrow.Boundary)
	}
	must(in.SetBoundary(w.ctx, u, string(wide)))(t)
	if !must(o.SetBoundary(w.ctx, u, ""))(t) { // it cut nothing
		t.Error("nothing changed")
	}
}

func ptr[T any](v T) *T { return &v }

// TestLastOwnerHasNoBoundary: neither a boundary nor a change of its role ends
// the last owner; one that contains everything does not.
func TestLastOwnerHasNoBoundary(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	owner := w.user(org, "owner")
	must(in.GrantOwner(w.ctx, owner))(t)
	o := w.as(org, owner)
	whole := w.role(org, "*", "identity:*")
	same := w.unchanged()
	wantKind(t, last(o.SetBoundary(w.ctx, owner, "wallet-admin")), identity.ErrInUse)
	same()
	must(o.SetBoundary(w.ctx, owner, string(whole)))(t)
	same = w.unchanged()
	wantKind(t, last(o.UpdateRole(w.ctx, whole, identity.RolePatch{Exclusions: &[]string{"wallets:delete"}})), identity.ErrInUse)
	same()
	second := w.user(org, "second")
	must(in.GrantOwner(w.ctx, second))(t)
	must(o.UpdateRole(w.ctx, whole, identity.RolePatch{Exclusions: &[]string{"wallets:delete"}}))(t)
	same = w.unchanged()
	wantKind(t, last(w.as(org, second).SetBoundary(w.ctx, second, "wallet-admin")), identity.ErrInUse) // the first is an owner no more
	same()
}

// TestSharedBoundary: another process learns of boundaries and conditions.
func TestSharedBoundary(t *testing.T) {
	w := open(t, conditions(), func(w *world) { w.opts.Shared = true })
	other := must(w.another())(t)
	defer other.Close()
	org := w.org("acme")
	u := w.user(org, "u", "wallets:read")
	p := must(other.System("test").In(org).Vouch(w.ctx, u, w.session(0)))(t)
	ask := func(attrs *policy.Attrs) policy.Reason {
		t.Helper()
		if err := other.Poll(w.ctx); err != nil {
			t.Fatal(err)
		}
		return other.Authorize(w.ctx, identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root, Attrs: attrs}).Reason
	}
	if r := ask(nil); r != policy.ReasonAllowed {
		t.Fatal(r)
	}
	must(w.in(org).SetBoundary(w.ctx, u, string(w.role(org, "wallets:create"))))(t)
	if r := ask(nil); r != policy.ReasonBoundary {
		t.Error(r)
	}
	must(w.in(org).SetBoundary(w.ctx, u, ""))(t)
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root, Deny: true, Condition: "attr:office"})
	if r := ask(nil); r != policy.ReasonDenied {
		t.Error(r)
	}
	if r := ask(office(false)); r != policy.ReasonAllowed {
		t.Error(r)
	}
}
