package identity_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestManyAtOnce makes calls for many items, good and bad ones mixed: each has
// its result, in the order in which they were given, and the bad ones keep
// nobody. Inside Write the same, and all of it is undone together.
func TestManyAtOnce(t *testing.T) {
	w := open(t)
	org, other := w.org("acme"), w.org("other")
	in := w.in(org)
	group := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t)
	stranger := w.user(other, "stranger")
	var users []identity.AccountID
	for i := range 150 {
		users = append(users, w.user(org, fmt.Sprint("u", i)))
	}
	// Every third item is bad, in one of these ways.
	bad := []identity.AccountID{stranger, "us_absent", "", "no id"}
	var mixed []identity.AccountID
	for i, u := range users {
		mixed = append(mixed, u)
		if i%2 == 0 {
			mixed = append(mixed, bad[i/2%len(bad)])
		}
	}
	good := func(id identity.AccountID) bool { return slices.Contains(users, id) }
	ids := func(results []identity.Result[identity.AccountID]) (out []identity.AccountID) {
		for _, r := range results {
			out = append(out, r.Item)
			if (r.Err == nil) != good(r.Item) || r.Changed != good(r.Item) {
				t.Errorf("%+v", r)
			}
		}
		return out
	}
	subjects := make([]identity.SubjectID, len(mixed))
	specs := make([]identity.BindingSpec, len(mixed))
	for i, id := range mixed {
		subjects[i] = identity.SubjectID(id)
		specs[i] = identity.BindingSpec{Subject: subjects[i], Role: "wallet-reader", Scope: policy.Root}
	}

	for i, r := range must(in.AddMembers(w.ctx, group.ID, subjects))(t) {
		if r.Item != subjects[i] || (r.Err == nil) != good(mixed[i]) || r.Changed != good(mixed[i]) {
			t.Errorf("AddMembers, item %d: %+v", i, r)
		}
	}
	if size := must(in.GroupSize(w.ctx, group.ID))(t); size != (identity.GroupSize{Members: 150, Accounts: 150}) {
		t.Errorf("%+v", size)
	}
	for _, r := range must(in.AddMembers(w.ctx, group.ID, subjects))(t) {
		if r.Changed {
			t.Errorf("AddMembers again: %+v", r)
		}
	}
	var bindings []identity.BindingID
	for i, r := range must(in.EnsureBindings(w.ctx, specs))(t) {
		if (r.Err == nil) != good(mixed[i]) || r.Changed != good(mixed[i]) || r.Err == nil && r.Item.Subject != subjects[i] {
			t.Errorf("EnsureBindings, item %d: %+v", i, r)
		}
		if r.Err == nil {
			bindings = append(bindings, r.Item.ID)
		}
	}
	for _, r := range must(in.EnsureBindings(w.ctx, specs))(t) {
		if r.Changed {
			t.Errorf("EnsureBindings again: %+v", r)
		}
	}
	for i, r := range must(in.AccountsByID(w.ctx, mixed))(t) {
		if (r.Err == nil) != good(mixed[i]) || r.Err == nil && r.Item.ID != mixed[i] {
			t.Errorf("AccountsByID, item %d: %+v", i, r)
		}
	}

	// Undone together.
	before, revision := len(w.events(org)), w.id.Revision()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		if got := ids(must(tx.System("x").In(org).DeactivateAccounts(ctx, mixed))(t)); !slices.Equal(got, mixed) {
			t.Error("in another order")
		}
		return context.Canceled
	})
	if err == nil || len(w.events(org)) != before || w.id.Revision() != revision {
		t.Errorf("something is left of it: %v", err)
	}
	if got := ids(must(in.DeactivateAccounts(w.ctx, mixed))(t)); !slices.Equal(got, mixed) {
		t.Error("in another order")
	}
	ids(must(in.ActivateAccounts(w.ctx, mixed))(t))
	for _, r := range must(in.DeleteBindings(w.ctx, bindings))(t) {
		if r.Err != nil || !r.Changed {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range must(in.DeleteBindings(w.ctx, bindings[:3]))(t) {
		wantKind(t, r.Err, identity.ErrNotFound)
	}
	for i, r := range must(in.RemoveMembers(w.ctx, group.ID, subjects))(t) {
		if r.Changed != good(mixed[i]) {
			t.Errorf("RemoveMembers, item %d: %+v", i, r)
		}
	}
	ids(must(in.DeleteAccounts(w.ctx, mixed))(t))
	w.checkChain(org)

	same := w.unchanged()
	wantKind(t, last(in.DeleteAccounts(w.ctx, make([]identity.AccountID, identity.MaxBulk+1))), identity.ErrLimit)
	if results := must(in.DeleteAccounts(w.ctx, nil))(t); len(results) != 0 {
		t.Errorf("%v", results)
	}
	ended, cancel := context.WithCancel(w.ctx)
	cancel()
	for _, r := range must(in.ActivateAccounts(ended, users))(t) {
		if r.Err == nil {
			t.Error("a call after the end of its context")
		}
	}
	same()
}

// TestPermissionsOfRolesAndAccounts gives and takes permissions in roles, and on
// accounts directly.
func TestPermissionsOfRolesAndAccounts(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	reader := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "r", Permissions: []string{"wallets:read"}}))(t)
	empty := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "e"}))(t)
	roles := []identity.RoleID{reader.ID, empty.ID, "ro_absent"}
	changed := func(results []identity.Result[identity.RoleID]) (out [3]bool) {
		for i, r := range results {
			out[i] = r.Changed
		}
		wantKind(t, results[2].Err, identity.ErrNotFound)
		return out
	}
	if got := changed(must(in.AddRolePermissions(w.ctx, roles, []string{"wallets:read"}))(t)); got != [3]bool{false, true, false} {
		t.Errorf("%v", got)
	}
	if got := changed(must(in.RemoveRolePermissions(w.ctx, roles, []string{"wallets:read", "keys:use"}))(t)); got != [3]bool{true, true, false} {
		t.Errorf("%v", got)
	}
	wantKind(t, must(in.AddRolePermissions(w.ctx, roles, []string{"no:such"}))(t)[0].Err, identity.ErrInvalid)

	a, b := w.user(org, "a"), w.user(org, "b")
	can := func(id identity.AccountID, name string) bool {
		return w.may(w.login(org, id), org, name, policy.Root).Allowed
	}
	for _, step := range []struct {
		give, take []string
		read, use  bool
	}{
		{give: []string{"wallets:read"}, read: true},
		{give: []string{"wallets:read", "keys:use"}, read: true, use: true},
		{take: []string{"wallets:read"}, use: true},
		{take: []string{"wallets:read", "keys:use"}},
		{take: []string{"wallets:read"}},
		{give: []string{"wallets:*"}, read: true},
		{take: []string{"wallets:read"}, read: true}, // the pattern still gives it
		{take: []string{"wallets:*"}},
	} {
		both := []identity.AccountID{a, b}
		for _, r := range append(must(in.AddPermissions(w.ctx, both, step.give))(t), must(in.RemovePermissions(w.ctx, both, step.take))(t)...) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		for _, id := range both {
			if can(id, "wallets:read") != step.read || can(id, "keys:use") != step.use {
				t.Errorf("after %+v: %v, %v", step, can(id, "wallets:read"), can(id, "keys:use"))
			}
		}
	}
	n := 0
	for _, err := range in.AllBindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(a)}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d bindings for what one has directly", n)
	}

	// Nobody gives what it does not have.
	clerk := w.user(org, "clerk", "identity:bindings.create", "identity:bindings.delete", "identity:roles.update", "keys:use")
	as := w.id.As(w.login(org, clerk)).In(org)
	same := w.unchanged()
	wantKind(t, must(as.AddPermissions(w.ctx, []identity.AccountID{a}, []string{"wallets:read"}))(t)[0].Err, identity.ErrEscalation)
	wantKind(t, must(as.AddPermissions(w.ctx, []identity.AccountID{clerk}, []string{"wallets:read"}))(t)[0].Err, identity.ErrEscalation)
	same()
	if r := must(as.AddPermissions(w.ctx, []identity.AccountID{a}, []string{"keys:use"}))(t)[0]; r.Err != nil || !r.Changed {
		t.Errorf("%+v", r)
	}
}

// TestRoleUse counts what a role is linked to, and lists the bindings over a path.
func TestRoleUse(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	r := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "r", Permissions: []string{"wallets:read"}}))(t)
	if use := must(in.RoleUse(w.ctx, r.ID))(t); use != (identity.RoleUse{}) {
		t.Errorf("%+v", use)
	}
	must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "includes", Includes: []string{"r"}}))(t)
	g := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t)
	a, b, c := w.user(org, "a"), w.user(org, "b"), w.user(org, "c")
	for _, u := range []identity.AccountID{a, b} {
		must(in.AddMember(w.ctx, g.ID, identity.SubjectID(u)))(t)
	}
	must(in.SetBoundary(w.ctx, c, string(r.ID)))(t)
	wallet, project := must(policy.NewPath("projects", "p", "wallets", "1"))(t), must(policy.NewPath("projects", "p"))(t)
	bind := func(subject identity.SubjectID, at policy.Path, deny bool) identity.BindingID {
		return must(in.CreateBinding(w.ctx, identity.BindingSpec{Subject: subject, Role: string(r.ID), Scope: at, Deny: deny}))(t).ID
	}
	atRoot := bind(identity.SubjectID(g.ID), policy.Root, false)
	atWallet := bind(identity.SubjectID(a), wallet, true)
	atProject := bind(identity.SubjectID(c), project, false)
	bind(identity.SubjectID(c), must(policy.NewPath("projects", "p2"))(t), false)
	if use := must(in.RoleUse(w.ctx, r.ID))(t); use != (identity.RoleUse{Bindings: 4, Accounts: 3, Groups: 1, IncludedBy: 1, Boundaries: 1}) {
		t.Errorf("%+v", use)
	}
	wantKind(t, last(in.RoleUse(w.ctx, "ro_absent")), identity.ErrNotFound)

	for _, tt := range []struct {
		path policy.Path
		want []identity.BindingID
	}{
		{wallet, []identity.BindingID{atWallet, atProject, atRoot}},
		{must(policy.NewPath("projects", "p", "wallets", "2"))(t), []identity.BindingID{atProject, atRoot}},
		{project, []identity.BindingID{atProject, atRoot}}, {policy.Root, []identity.BindingID{atRoot}},
	} {
		var got []identity.BindingID
		for b, err := range in.BindingsOver(w.ctx, tt.path) {
			if err != nil {
				t.Fatal(err)
			}
			if b.Role == identity.RoleRef(r.ID) {
				got = append(got, b.ID)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("over %s: %v, want %v", tt.path, got, tt.want)
		}
	}
	wantKind(t, drain(in.BindingsOver(w.ctx, policy.Path{})), identity.ErrInvalid)
}
