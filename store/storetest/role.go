package storetest

import (
	"context"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func roleLaws(t *testing.T, s identity.Store) {
	noun[identity.Role, identity.RoleID]{
		table:  identity.Txn.Roles,
		settle: settle,
		full:   role,
		bare: func(r identity.Role) identity.Role {
			return identity.Role{ID: r.ID, Org: r.Org, Name: r.Name, State: identity.RoleActive}
		},
		key: func(r identity.Role) (identity.OrgID, identity.RoleID) { return r.Org, r.ID },
	}.laws(t, s)
}

func roleKeys(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		named := identity.Role{ID: "ro_1", Org: home, Name: "reader", State: identity.RoleArchived}
		ok(t, tx.Roles().Insert(ctx, named))
		named.ID, named.State = "ro_2", identity.RoleActive
		is(t, tx.Roles().Insert(ctx, named), identity.ErrConflict)
		// The name of an anonymous role is a name.
		named.Anonymous = true
		is(t, tx.Roles().Insert(ctx, named), identity.ErrConflict)
		named.Name = "reader2"
		ok(t, tx.Roles().Insert(ctx, named))
		named.Name = "reader"
		is(t, tx.Roles().Update(ctx, named), identity.ErrConflict)
		named.Org = foreign
		ok(t, tx.Roles().Insert(ctx, named))
		for value, want := range map[string]int{"0": 1, "1": 1, "": 0, "x": 0} {
			n, err := tx.Roles().Count(ctx, identity.Query{Org: home, Where: []identity.Cond{{Field: identity.FieldAnonymous, Value: value}}})
			ok(t, err)
			if n != want {
				t.Errorf("anonymous = %q counts %d roles, it should be %d", value, n, want)
			}
		}
		// No list and an empty list are the same.
		empty := identity.Role{ID: "ro_4", Org: home, Name: "empty", State: identity.RoleActive, Permissions: []string{}}
		ok(t, tx.Roles().Insert(ctx, empty))
		got, err := tx.Roles().Find(ctx, home, "ro_4")
		ok(t, err)
		if got.Permissions != nil {
			t.Fatalf("an empty list came back as %#v", got.Permissions)
		}
	})
}

func bindingLaws(t *testing.T, s identity.Store) {
	noun[identity.Binding, identity.BindingID]{
		table:  identity.Txn.Bindings,
		settle: settle,
		full:   binding,
		bare: func(b identity.Binding) identity.Binding {
			return identity.Binding{ID: b.ID, Org: b.Org, Subject: b.Subject, Role: b.Role, Scope: policy.Root, Effect: policy.Allow}
		},
		key: func(b identity.Binding) (identity.OrgID, identity.BindingID) { return b.Org, b.ID },
	}.laws(t, s)
}

// bindingRefused: a zero value never reaches the table, where it could come
// back as a right.
func bindingRefused(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		for _, c := range []struct {
			spoil func(*identity.Binding)
			kind  error
		}{
			{func(b *identity.Binding) { b.Scope = policy.Path{} }, identity.ErrInvalid},
			{func(b *identity.Binding) { b.Effect = 0 }, identity.ErrInvalid},
			{func(b *identity.Binding) { b.Effect = 3 }, identity.ErrInvalid},
			{func(b *identity.Binding) { b.Subject = "" }, identity.ErrStorage},
			{func(b *identity.Binding) { b.Role = "" }, identity.ErrStorage},
			{func(b *identity.Binding) { b.Org = "" }, identity.ErrStorage},
			{func(b *identity.Binding) { b.ID = "" }, identity.ErrStorage},
		} {
			b := binding(home, 1)
			c.spoil(&b)
			is(t, tx.Bindings().Insert(ctx, b), c.kind)
		}
		n, err := tx.Bindings().Count(ctx, identity.Query{Everywhere: true})
		ok(t, err)
		if n != 0 {
			t.Fatalf("%d refused bindings are stored", n)
		}
	})
}
