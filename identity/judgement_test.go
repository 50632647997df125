package identity_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// outsider is a language that writes while it compiles, as somebody else would.
type outsider struct {
	toy
	write func() error
	count int
	err   error
}

func (o *outsider) Compile(source string, schema *policy.Schema) (policy.Condition, error) {
	o.count++
	if o.write != nil {
		o.err = o.write()
	}
	return o.toy.Compile(source, schema)
}

// TestConditionsOutsideTheDoor: nobody waits for another's conditions to be
// compiled, they are compiled once, and not for who may not make the call.
func TestConditionsOutsideTheDoor(t *testing.T) {
	language := &outsider{}
	w := open(t, conditions(), func(w *world) { w.cfg.MaxWrite = 2 * time.Second }, with(func(c *identity.Config) { c.Conditions = language }))
	acme, elsewhere := w.org("acme"), w.org("elsewhere")
	boss := w.as(acme, w.user(acme, "boss", "*", "identity:*"))
	clerk := w.as(acme, w.user(acme, "clerk", "identity:accounts.create", "identity:bindings.create"))
	nobody := w.as(acme, w.user(acme, "nobody"))
	to := identity.SubjectID(w.user(acme, "to"))
	n := 0
	spec := func() identity.BindingSpec {
		n++
		return identity.BindingSpec{Role: "wallet-reader", Scope: policy.Root, Condition: fmt.Sprintf("is:%d", n)}
	}
	expect := func(what string, compiled int, err, want error) {
		t.Helper()
		if want != nil {
			wantKind(t, err, want)
		} else if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if language.count != compiled || language.err != nil {
			t.Errorf("%s: %d sources compiled, want %d; another's call: %v", what, language.count, compiled, language.err)
		}
		language.count = 0
	}
	others := 0
	language.write = func() error {
		others++
		return last(w.in(elsewhere).CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprintf("g%d", others)}))
	}
	one := spec()
	one.Subject = to
	expect("a binding", 1, last(boss.CreateBinding(w.ctx, one)), nil)
	expect("the same again", 0, last(boss.EnsureBinding(w.ctx, one)), nil)
	account := func(name string) identity.ServiceAccountSpec {
		return identity.ServiceAccountSpec{Name: name, Bindings: []identity.BindingSpec{spec(), spec(), spec()}}
	}
	expect("a service account", 3, last(boss.CreateServiceAccount(w.ctx, account("robot"))), nil)
	bad := account("bad")
	bad.Bindings[1].Condition = "nonsense"
	expect("an error", 2, last(boss.CreateServiceAccount(w.ctx, bad)), identity.ErrInvalid)
	expect("who may not make accounts", 0, last(nobody.CreateServiceAccount(w.ctx, account("none"))), identity.ErrDenied)
	expect("who may not give the role", 3, last(clerk.CreateServiceAccount(w.ctx, account("none"))), identity.ErrEscalation)

	language.write = nil
	weak := w.login(acme, w.user(acme, "weak", "identity:bindings.create"))
	given := spec()
	given.Subject = to
	expect("rights come first in a transaction", 0, w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		return last(tx.As(weak).In(acme).CreateBinding(ctx, given))
	}), identity.ErrEscalation)
}

// TestAccountLists: what an account is made of is bounded.
func TestAccountLists(t *testing.T) {
	w := open(t)
	acme := w.org("acme")
	roles, names := make([]string, 257), make([]string, 257)
	for i := range roles {
		roles[i], names[i] = "wallet-reader", fmt.Sprintf("a:b%d", i)
	}
	for field, spec := range map[string]identity.ServiceAccountSpec{
		"Roles": {Roles: roles}, "Permissions": {Permissions: names}, "Groups": {Groups: make([]identity.GroupID, 257)},
		"Bindings": {Bindings: make([]identity.BindingSpec, 257)},
	} {
		spec.Name = "robot"
		e := wantKind(t, last(w.in(acme).CreateServiceAccount(w.ctx, spec)), identity.ErrLimit)
		if e.Field != field {
			t.Errorf("%s: %v", field, e)
		}
	}
	for range 2 {
		wantKind(t, last(w.in(acme).EnsureUser(w.ctx, identity.UserSpec{Email: "a@example.com", Roles: roles})), identity.ErrLimit)
	}
	if _, err := w.in(acme).CreateUser(w.ctx, identity.UserSpec{Email: "a@example.com", Roles: roles[:256]}); err != nil {
		t.Errorf("256 roles: %v", err)
	}
}

// TestJudgementLimit: a call through As that concerns more bindings than may be
// judged at once is refused, and the host may make it.
func TestJudgementLimit(t *testing.T) {
	onOneGoroutine(t)
	w := open(t)
	acme := w.org("acme")
	boss := w.as(acme, w.user(acme, "boss", "*", "identity:bindings.create"))
	group := must(w.in(acme).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
	var users []identity.AccountID
	for i := range 144 {
		users = append(users, w.user(acme, fmt.Sprintf("u%d", i)))
	}
	if err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("test").In(acme)
		for i, u := range users {
			if _, err := in.AddMember(ctx, group, identity.SubjectID(u)); err != nil {
				return err
			}
			if i >= 140 {
				continue
			}
			if _, err := in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(group), Role: "wallet-reader", Scope: path(t, fmt.Sprintf("p/%d", i))}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	deny := identity.BindingSpec{Subject: identity.SubjectID(group), Role: "wallet-reader", Scope: policy.Root, Deny: true}
	same := w.unchanged()
	wantKind(t, last(boss.CreateBinding(w.ctx, deny)), identity.ErrLimit) // 144 accounts, 140 bindings and more
	same()
	deny.Subject = identity.SubjectID(users[0])
	if _, err := boss.CreateBinding(w.ctx, deny); err != nil {
		t.Errorf("a smaller step: %v", err)
	}
	deny.Subject = identity.SubjectID(group)
	if _, err := w.in(acme).CreateBinding(w.ctx, deny); err != nil {
		t.Errorf("System: %v", err)
	}
}
