package identity_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestCascadeOfElevations deletes a role that some are eligible for and some have
// switched on: each binding goes once, with one event, whichever of the two is
// found first; and nobody who is not asked for loses anything.
func TestCascadeOfElevations(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	role, other := w.role(org, "wallets:delete"), w.role(org, "wallets:delete")
	group := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "group"}))(t).ID
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(group), Role: string(role), Scope: path(t, "projects/2")})
	manager := w.user(org, "manager", "wallets:*", "identity:roles.delete", "identity:groups.delete", "identity:members.remove", "identity:bindings.delete", identity.PermContain)
	want := []string{}
	users := map[string]identity.AccountID{}
	for i := range 6 {
		name := fmt.Sprint("u", i)
		u := w.user(org, name)
		users[name] = u
		must(in.AddMember(w.ctx, group, identity.SubjectID(u)))(t)
		id := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(role), Scope: path(t, "projects/1"), Eligible: time.Hour})
		want = append(want, "binding delete")
		if i%3 > 0 {
			must(w.as(org, u).Elevate(w.ctx, id, time.Hour, "why"))(t)
			want = append(want, "binding delete")
		}
	}
	stays := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(users["u1"]), Role: string(other), Scope: path(t, "projects/3"), Eligible: time.Hour})
	must(w.as(org, users["u1"]).Elevate(w.ctx, stays, time.Hour, "why"))(t)
	check := func(when string, on bool) {
		t.Helper()
		for name, u := range users {
			for where, want := range map[string]bool{"projects/1": on && name != "u0" && name != "u3", "projects/3": name == "u1"} {
				if d := w.may(w.login(org, u), org, "wallets:delete", path(t, where)); d.Allowed != want {
					t.Errorf("%s, %s at %s: %+v", when, name, where, d)
				}
			}
		}
	}
	verbs := func(since uint64) (out []string) {
		for _, e := range w.checkChain(org) {
			if e.Revision > since {
				out = append(out, e.Noun+" "+e.Verb)
			}
		}
		return out
	}
	check("before", true)

	// A group is nobody's elevation: its members keep theirs.
	before := w.id.Revision()
	if err := w.as(org, manager).DeleteGroup(w.ctx, group, identity.Cascade); err != nil {
		t.Fatal(err)
	}
	if got := verbs(before); len(got) != 1+len(users)+1 || got[0] != "binding delete" {
		t.Errorf("events %q", got)
	}
	check("without the group", true)

	before = w.id.Revision()
	same := w.unchanged()
	wantKind(t, w.as(org, manager).DeleteRole(w.ctx, role, identity.IfUnused), identity.ErrInUse)
	same()
	if err := w.as(org, manager).DeleteRole(w.ctx, role, identity.Cascade); err != nil {
		t.Fatal(err)
	}
	if got := verbs(before); !slices.Equal(got, append(want, "role delete")) {
		t.Errorf("events %q", got)
	}
	for range 2 {
		check("without the role", false)
		for _, u := range users {
			rows := must(w.in(org).Bindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(u), Role: identity.RoleRef(role)}, identity.Page{}))(t).Items
			if len(rows) > 0 {
				t.Errorf("left: %+v", rows)
			}
		}
		w.reopen()
	}
}

// TestMoveElevation: what is eligible and what was switched on of it move together,
// and belong together as before.
func TestMoveElevation(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u")
	from, to := path(t, "projects/1"), path(t, "projects/2")
	id := w.eligible(org, u, path(t, "projects/1/wallets/w"), "wallets:delete")
	end := must(w.as(org, u).Elevate(w.ctx, id, time.Hour, "why"))(t).End
	may := func(at policy.Path) bool {
		return w.may(w.login(org, u), org, "wallets:delete", path(t, at.String()+"/wallets/w")).Allowed
	}
	if n := must(w.in(org).MoveSubtree(w.ctx, from, to))(t); n != 2 || may(from) || !may(to) {
		t.Errorf("%d moved: %v at the old place, %v at the new", n, may(from), may(to))
	}
	w.reopen()
	elevated := func() (out []identity.Binding) {
		for _, b := range must(w.in(org).Bindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(u)}, identity.Page{}))(t).Items {
			if b.Elevates == id {
				out = append(out, b)
			}
		}
		return out
	}
	if on := elevated(); len(on) != 1 || !on[0].End.Equal(end) || on[0].Scope != path(t, "projects/2/wallets/w") {
		t.Errorf("%+v", on)
	}
	again := must(w.as(org, u).Elevate(w.ctx, id, time.Minute, "again"))(t)
	if on := elevated(); len(on) != 1 || on[0].ID != again.ID || on[0].Scope != path(t, "projects/2/wallets/w") {
		t.Errorf("switched on again: %+v", on)
	}
	if n := must(w.in(org).MoveSubtree(w.ctx, to, from))(t); n != 2 || !may(from) || may(to) {
		t.Errorf("%d moved back", n)
	}
	if err := w.in(org).DeleteBinding(w.ctx, id); err != nil || may(from) || len(elevated()) > 0 {
		t.Errorf("what was switched on outlives what it came of: %v", err)
	}
}
