package identity_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// eligible lets an account switch permissions on, for an hour at a scope.
func (w *world) eligible(org identity.OrgID, account identity.AccountID, scope policy.Path, permissions ...string) identity.BindingID {
	w.t.Helper()
	return w.bind(org, identity.BindingSpec{
		Subject: identity.SubjectID(account), Role: string(w.role(org, permissions...)), Scope: scope, Eligible: time.Hour,
	})
}

// TestElevate: what is eligible gives nothing until it is switched on, and then until
// its end; the audit says who, when, and why.
func TestElevate(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u", "wallets:read")
	id := w.eligible(org, u, path(t, "projects/1"), "wallets:delete")
	p := w.login(org, u)
	may := func() bool { return w.may(p, org, "wallets:delete", path(t, "projects/1/wallets/1")).Allowed }
	for range 2 {
		if may() {
			t.Error("what is eligible is in force")
		}
		w.reopen()
		p = w.login(org, u)
	}
	on := must(w.id.As(p).In(org).WithRequestID("r1").Elevate(w.ctx, id, 20*time.Minute, "ticket 7"))(t)
	if on.Elevates != id || on.Eligible != 0 || on.Reason != "ticket 7" || !on.End.Equal(w.clock.Now().Add(20*time.Minute)) || on.Scope != path(t, "projects/1") {
		t.Errorf("%+v", on)
	}
	if !may() || w.may(p, org, "wallets:delete", path(t, "projects/2")).Allowed {
		t.Error("it is not in force, or everywhere")
	}
	events := w.checkChain(org)
	if e := events[len(events)-1]; e.Verb != "elevate" || e.ID != string(on.ID) || e.Actor != string(u) || e.Reason != "ticket 7" || e.RequestID != "r1" {
		t.Errorf("%+v", e)
	}
	w.reopen()
	p = w.login(org, u)
	w.clock.advance(20*time.Minute - time.Microsecond)
	if !may() {
		t.Error("it ended early")
	}
	w.clock.advance(time.Microsecond)
	if may() {
		t.Error("it goes on")
	}

	// Switched on again it takes the place of what was before.
	again := must(w.id.As(p).In(org).Elevate(w.ctx, id, time.Hour, "ticket 8"))(t)
	if rows := must(w.in(org).Bindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(u)}, identity.Page{}))(t).Items; len(rows) != 3 ||
		!slices.ContainsFunc(rows, func(b identity.Binding) bool { return b.ID == again.ID && b.Elevates == id }) {
		t.Errorf("%+v", rows)
	}
	for _, want := range []bool{true, false} {
		if ended := must(w.id.As(p).In(org).EndElevation(w.ctx, id))(t); ended != want || may() {
			t.Errorf("ended %t, want %t", ended, want)
		}
	}
	must(w.id.As(p).In(org).Elevate(w.ctx, id, time.Hour, "ticket 9"))(t)
	if err := w.in(org).DeleteBinding(w.ctx, id); err != nil || may() {
		t.Errorf("what was switched on outlives what it came of: %v", err)
	}
	wantKind(t, last(w.id.As(p).In(org).Elevate(w.ctx, id, time.Hour, "more")), identity.ErrNotFound)
}

// TestElevationKeepsTerms: what is switched on ends with its binding, has its
// condition, and neither lifts a deny nor leaves a boundary.
func TestElevationKeepsTerms(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	u := w.user(org, "u")
	subject := identity.SubjectID(u)
	id := w.bind(org, identity.BindingSpec{
		Subject: subject, Role: "wallet-admin", Scope: policy.Root, Eligible: time.Hour, Condition: "attr:office", End: w.clock.Now().Add(30 * time.Minute),
	})
	p := w.login(org, u)
	on := must(w.id.As(p).In(org).Elevate(w.ctx, id, time.Hour, "why"))(t)
	if !on.End.Equal(w.clock.Now().Add(30*time.Minute)) || on.Condition != "attr:office" {
		t.Errorf("%+v", on)
	}
	ask := func(in bool) policy.Reason {
		return w.id.Authorize(w.ctx, identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root, Attrs: office(in)}).Reason
	}
	if ask(true) != policy.ReasonAllowed || ask(false) != policy.ReasonNoBinding {
		t.Errorf("%s inside, %s outside", ask(true), ask(false))
	}
	must(w.in(org).SetBoundary(w.ctx, u, string(w.role(org, "keys:use"))))(t)
	if ask(true) != policy.ReasonBoundary {
		t.Error(ask(true))
	}
	must(w.in(org).SetBoundary(w.ctx, u, ""))(t)
	w.bind(org, identity.BindingSpec{Subject: subject, Role: "wallet-reader", Scope: policy.Root, Deny: true})
	if ask(true) != policy.ReasonDenied {
		t.Error(ask(true))
	}
	w.clock.advance(30 * time.Minute)
	wantKind(t, last(w.as(org, u).Elevate(w.ctx, id, time.Minute, "late")), identity.ErrExpired)
	early := w.bind(org, identity.BindingSpec{Subject: subject, Role: "wallet-admin", Scope: policy.Root, Eligible: time.Hour, Start: w.clock.Now().Add(time.Hour)})
	wantKind(t, last(w.as(org, u).Elevate(w.ctx, early, time.Minute, "early")), identity.ErrDenied)
}

// TestElevateInWrite: what is switched on in a transaction is part of the whole, and
// goes with it.
func TestElevateInWrite(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u")
	id := w.eligible(org, u, policy.Root, "wallets:delete")
	p := w.login(org, u)
	undo := errors.New("undo")
	for _, want := range []error{undo, nil} {
		same := w.unchanged()
		err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
			must(tx.As(p).In(org).Elevate(ctx, id, time.Minute, "why"))(t)
			return want
		})
		if !errors.Is(err, want) || w.may(p, org, "wallets:delete", policy.Root).Allowed != (want == nil) {
			t.Errorf("%v, want %v", err, want)
		}
		if want != nil {
			same()
		}
	}
}

// TestElevateRefuses: nobody switches on what is not its own, for longer than it may,
// or without saying why; and nothing is stored.
func TestElevateRefuses(t *testing.T) {
	w := open(t)
	org, elsewhere := w.org("acme"), w.org("other")
	sa, key := w.service(org, "robot", "wallets:read")
	id := w.eligible(org, sa.ID, policy.Root, "wallets:delete")
	inForce := w.grant(org, identity.SubjectID(sa.ID), policy.Root, "keys:use")
	other := w.login(org, w.user(org, "other", allManagement()...))
	foreign := w.login(elsewhere, w.user(elsewhere, "foreign"))
	p := must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t)
	narrow := must(w.id.Authenticate(w.ctx, must(w.id.IssueToken(w.ctx, p, identity.TokenRequest{Path: path(t, "projects/1")}))(t).Token.Reveal()))(t)
	both := w.delegated(w.principal(org, "actor"), p, identity.TokenRequest{})
	operator := w.principal(w.id.SystemOrg(), "operator", allManagement()...)
	same := w.unchanged()
	for name, c := range map[string]struct {
		p        identity.Principal
		id       identity.BindingID
		duration time.Duration
		why      string
		kind     error
	}{
		"for too long": {p, id, time.Hour + 1, "why", identity.ErrInvalid}, "for no time": {p, id, 0, "why", identity.ErrInvalid},
		"backwards": {p, id, -time.Minute, "why", identity.ErrInvalid}, "without a reason": {p, id, time.Minute, " ", identity.ErrInvalid},
		"a long reason": {p, id, time.Minute, long(1025), identity.ErrInvalid}, "in force already": {p, inForce, time.Minute, "why", identity.ErrNotFound},
		"of another": {other, id, time.Minute, "why", identity.ErrNotFound}, "of another org": {foreign, id, time.Minute, "why", identity.ErrNotFound},
		"of nobody": {p, "bi_none", time.Minute, "why", identity.ErrNotFound}, "no id": {p, "x", time.Minute, "why", identity.ErrInvalid},
		"with limits": {narrow, id, time.Minute, "why", identity.ErrDenied}, "for somebody": {both, id, time.Minute, "why", identity.ErrDenied},
		"by an operator": {operator, id, time.Minute, "why", identity.ErrNotFound},
		"nobody":         {identity.Principal{}, id, time.Minute, "why", identity.ErrUnauthenticated},
	} {
		if err := last(w.id.As(c.p).In(org).Elevate(w.ctx, c.id, c.duration, c.why)); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
		if c.duration == time.Minute && c.why == "why" {
			if err := last(w.id.As(c.p).In(org).EndElevation(w.ctx, c.id)); !errors.Is(err, c.kind) {
				t.Errorf("to end, %s: %v, want %v", name, err, c.kind)
			}
		}
	}
	wantKind(t, last(w.in(org).Elevate(w.ctx, id, time.Minute, "why")), identity.ErrDenied)
	wantKind(t, last(w.in(org).EndElevation(w.ctx, id)), identity.ErrDenied)
	if e := wantKind(t, last(w.id.As(p).In(org).Elevate(w.ctx, id, 0, "why")), identity.ErrInvalid); e.Field != "duration" {
		t.Errorf("%+v", e)
	}
	same()
	group := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
	same = w.unchanged()
	subject := identity.SubjectID(sa.ID)
	for name, spec := range map[string]identity.BindingSpec{
		"a group": {Subject: identity.SubjectID(group), Eligible: time.Hour}, "a deny": {Subject: subject, Deny: true, Eligible: time.Hour},
		"too long": {Subject: subject, Eligible: 24*time.Hour + 1}, "too short": {Subject: subject, Eligible: time.Second - 1}, "negative": {Subject: subject, Eligible: -time.Hour},
	} {
		spec.Role, spec.Scope = "wallet-admin", policy.Root
		if err := last(w.in(org).CreateBinding(w.ctx, spec)); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same()
	must(w.in(org).DeactivateAccount(w.ctx, sa.ID))(t)
	wantKind(t, last(w.id.As(p).In(org).Elevate(w.ctx, id, time.Minute, "why")), identity.ErrUnauthenticated)
}

// TestSec48_Elevation: making somebody eligible takes what giving it takes, and who is
// eligible counts as holding it for whoever would control it; what one may switch on
// is not what one holds, and what is switched on is given to nobody for longer.
func TestSec48_Elevation(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	manage := []string{"identity:bindings.create", "identity:accounts.create", "identity:credentials.create", "identity:members.add"}
	weak := w.user(org, "weak")
	role := string(w.role(org, "wallets:delete"))
	clerk := w.user(org, "clerk", manage...)
	eligible := w.user(org, "eligible", manage...)
	id := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(eligible), Role: role, Scope: policy.Root, Eligible: time.Hour})
	give := func(o *identity.OrgAdmin, to identity.AccountID, spec identity.BindingSpec) error {
		spec.Subject, spec.Role, spec.Scope = identity.SubjectID(to), role, policy.Root
		return last(o.CreateBinding(w.ctx, spec))
	}
	refused := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, identity.ErrEscalation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := w.as(org, eligible)
	same := w.unchanged()
	refused("eligible without holding it", give(w.as(org, clerk), weak, identity.BindingSpec{Eligible: time.Hour}))
	refused("itself eligible", give(w.as(org, clerk), clerk, identity.BindingSpec{Eligible: time.Hour}))
	refused("passed on before", give(o, weak, identity.BindingSpec{}))
	refused("eligible by who is only eligible", give(o, weak, identity.BindingSpec{Eligible: time.Hour}))
	refused("a key of who is eligible", last(w.as(org, clerk).NewEnrollCode(w.ctx, eligible, identity.EnrollCodeSpec{})))
	same()

	// A copy has what the caller has, and nothing that it may switch on.
	copied := must(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "copy", CopyCallerRights: true}))(t)
	if w.may(w.login(org, copied.ID), org, "wallets:delete", policy.Root).Allowed {
		t.Error("the copy has what was eligible in force")
	}
	for b, err := range w.in(org).AllBindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(copied.ID)}) {
		if err != nil || b.Eligible != 0 || b.Role == identity.RoleRef(role) {
			t.Errorf("%+v, %v", b, err)
		}
	}

	must(w.as(org, eligible).Elevate(w.ctx, id, time.Hour, "why"))(t)
	soon := w.clock.Now().Add(time.Hour)
	same = w.unchanged()
	refused("for ever", give(o, weak, identity.BindingSpec{}))
	refused("for ever, to itself", give(o, eligible, identity.BindingSpec{}))
	refused("a little longer", give(o, weak, identity.BindingSpec{End: soon.Add(time.Second)}))
	refused("eligible for ever", give(o, weak, identity.BindingSpec{Eligible: time.Hour}))
	same()
	if err := give(o, weak, identity.BindingSpec{End: soon}); err != nil {
		t.Error(err)
	}

	// Ensuring finds neither what is eligible nor what was switched on for what is in force.
	made := must(w.in(org).EnsureBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(eligible), Role: role, Scope: policy.Root}))(t)
	kept := must(w.in(org).EnsureBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(eligible), Role: role, Scope: policy.Root, Eligible: time.Minute}))(t)
	if !made.Created || kept.Created || kept.ID != id || kept.Eligible != time.Hour {
		t.Errorf("%+v, %+v", made, kept)
	}
}

// TestEligibleOwner: who may make itself an owner does not keep the org from losing
// its last one.
func TestEligibleOwner(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	owner, deputy := w.user(org, "owner"), w.user(org, "deputy")
	last := must(w.in(org).GrantOwner(w.ctx, owner))(t)
	id := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(deputy), Role: string(identity.RoleOwner), Scope: policy.Root, Eligible: time.Hour})
	o := w.as(org, owner)
	wantKind(t, o.DeleteBinding(w.ctx, last.ID), identity.ErrInUse)
	must(w.as(org, deputy).Elevate(w.ctx, id, time.Hour, "why"))(t)
	wantKind(t, o.DeleteBinding(w.ctx, last.ID), identity.ErrInUse) // it ends
}
