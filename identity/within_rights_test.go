package identity_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func TestEscalationWithinOnesRights(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	weak := identity.SubjectID(w.user(org, "weak"))
	boss := w.user(org, "boss", bossRights()...)
	now := w.clock.Now()
	until := now.Add(10 * 24 * time.Hour)
	here := path(t, "projects/1")
	w.grant(org, identity.SubjectID(boss), here, "wallets:*")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(boss), Role: string(w.role(org, "wallets:create")), Scope: policy.Root, End: until})
	w.bind(org, identity.BindingSpec{
		Subject: identity.SubjectID(boss), Role: string(w.role(org, "keys:use")), Scope: policy.Root, Start: now.Add(time.Hour), End: until,
	})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(boss), Role: string(w.role(org, "wallets:delete")), Scope: path(t, "projects/1/wallets/no"), Deny: true})
	read, create, del, all, use := w.role(org, "wallets:read"), w.role(org, "wallets:create"), w.role(org, "wallets:delete"), w.role(org, "wallets:*"), w.role(org, "keys:use")
	reader := must(w.in(org).CreateRole(w.ctx, identity.RoleSpec{Name: "reader", Permissions: []string{"wallets:*"}, Exclusions: []string{"wallets:create", "wallets:delete"}}))(t).ID
	o := w.as(org, boss)
	for i, c := range []struct {
		role       identity.RoleID
		scope      string
		start, end time.Time
		ok         bool
	}{
		{read, "/", time.Time{}, time.Time{}, true},
		{read, "projects/7", now, until.Add(time.Hour), true},
		{del, "projects/1/wallets/yes", time.Time{}, time.Time{}, true},
		{del, "projects/1", time.Time{}, time.Time{}, false}, // there is a deny below
		{del, "projects/1/wallets/no", time.Time{}, time.Time{}, false},
		{del, "projects/1/wallets/no/keys/k", time.Time{}, time.Time{}, false},
		{del, "projects/10", time.Time{}, time.Time{}, false},
		{del, "/", time.Time{}, time.Time{}, false},
		{all, "projects/1/keys/k", time.Time{}, time.Time{}, true},
		{all, "/", time.Time{}, time.Time{}, false},
		{reader, "/", time.Time{}, time.Time{}, false}, // a name of tomorrow would be in it
		{create, "/", time.Time{}, time.Time{}, false},
		{create, "/", time.Time{}, until, true},
		{create, "/", time.Time{}, until.Add(time.Microsecond), false},
		{create, "/", until, until.Add(time.Hour), false},
		{create, "projects/1/wallets/w", time.Time{}, time.Time{}, true},
		{use, "/", time.Time{}, until, false},
		{use, "/", now.Add(time.Hour), until, true},
		{use, "/", now.Add(time.Hour - time.Microsecond), until, false},
	} {
		err := last(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: weak, Role: string(c.role), Scope: path(t, c.scope), Start: c.start, End: c.end}))
		if c.ok && err != nil || !c.ok && !errors.Is(err, identity.ErrEscalation) {
			t.Errorf("case %d at %s: %v, want ok %t", i, c.scope, err, c.ok)
		}
	}
}

// TestContain: narrowing an account that manages more than the actor needs

// identity:contain; narrowing one that only does more of the host's does not.

func TestContain(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	rights := []string{"identity:accounts.*", "identity:credentials.*", "identity:bindings.*"}
	boss := w.user(org, "boss", rights...)
	container := w.user(org, "container", append(rights, identity.PermContain)...)
	role := string(w.role(org))
	n := 0
	fresh := func(permissions ...string) identity.ServiceAccountResult {
		n++
		sa, _ := w.service(org, fmt.Sprintf("sa-%d", n), permissions...)
		return sa
	}
	ways := map[string]func(o *identity.OrgAdmin, sa identity.ServiceAccountResult) error{
		"deactivate": func(o *identity.OrgAdmin, sa identity.ServiceAccountResult) error {
			return last(o.DeactivateAccount(w.ctx, sa.ID))
		},
		"archive": func(o *identity.OrgAdmin, sa identity.ServiceAccountResult) error {
			return last(o.ArchiveAccount(w.ctx, sa.ID))
		},
		"delete": func(o *identity.OrgAdmin, sa identity.ServiceAccountResult) error {
			return last(o.DeleteAccount(w.ctx, sa.ID))
		},
		"sign out": func(o *identity.OrgAdmin, sa identity.ServiceAccountResult) error {
			return last(o.SignOutAccount(w.ctx, sa.ID))
		},
		"disable": func(o *identity.OrgAdmin, sa identity.ServiceAccountResult) error {
			return last(o.DisableCredential(w.ctx, sa.Key.ID))
		},
		"revoke": func(o *identity.OrgAdmin, sa identity.ServiceAccountResult) error {
			return last(o.RevokeCredential(w.ctx, sa.Key.ID))
		},
		"deny": func(o *identity.OrgAdmin, sa identity.ServiceAccountResult) error {
			return last(o.CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(sa.ID), Role: role, Scope: policy.Root, Deny: true}))
		},
	}
	o, c := w.as(org, boss), w.as(org, container)
	for name, way := range ways {
		manager, worker := fresh("identity:groups.create"), fresh("wallets:delete", "wallets:create")
		same := w.unchanged()
		wantKind(t, way(o, manager), identity.ErrEscalation)
		same()
		if err := way(c, manager); err != nil {
			t.Errorf("%s a manager with identity:contain: %v", name, err)
		}
		if err := way(o, worker); err != nil {
			t.Errorf("%s a worker: %v", name, err)
		}
	}
}

// TestSec48_NoSequenceOfCallsGainsRights lets accounts that may all manage make

// random calls, and compares what everybody can do before and after each one

// with what its actor could do, by asking: nobody gains what the actor lacked.
