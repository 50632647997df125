package identity_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestSec48_TakingIsNarrowing: who takes a binding, a membership or a permission from an account or a group needs what it manages, or
// identity:contain; of what it does of the host's nothing, even in the same role. What is over is nobody's loss, and everybody may give
// up what is its own.
func TestSec48_TakingIsNarrowing(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	sys := w.in(org)
	rights := []string{"identity:bindings.*", "identity:members.*", "identity:roles.*"}
	boss, container := w.user(org, "boss", rights...), w.user(org, "container", append(rights, identity.PermContain)...)
	type target struct {
		subject identity.SubjectID
		account identity.AccountID // the subject, or in it
		group   identity.GroupID   // that the subject is in
		role    identity.RoleID
		binding identity.BindingID
		over    identity.BindingID
	}
	n := 0
	fresh := func(asGroup bool, permissions ...string) (x target) {
		n++
		x.account = w.user(org, fmt.Sprint("u", n))
		x.subject = identity.SubjectID(x.account)
		must(sys.AddPermissions(w.ctx, []identity.AccountID{x.account}, append(permissions, "wallets:create")))(t)
		if asGroup {
			g := must(sys.CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprint("subject ", n)}))(t).ID
			must(sys.AddMember(w.ctx, g, x.subject))(t)
			x.subject = identity.SubjectID(g)
		}
		x.role = w.role(org, append(permissions, "wallets:create")...)
		x.binding = w.bind(org, identity.BindingSpec{Subject: x.subject, Role: string(x.role), Scope: policy.Root})
		x.over = w.bind(org, identity.BindingSpec{Subject: x.subject, Role: "owner", Scope: policy.Root, End: w.clock.Now().Add(time.Minute)})
		x.group = must(sys.CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprint("group ", n)}))(t).ID
		must(sys.AddMember(w.ctx, x.group, x.subject))(t)
		w.clock.advance(time.Hour)
		return x
	}
	none := []string{}
	ways := map[string]func(o *identity.OrgAdmin, x target) error{
		"delete a binding": func(o *identity.OrgAdmin, x target) error { return o.DeleteBinding(w.ctx, x.binding) },
		"delete bindings": func(o *identity.OrgAdmin, x target) error {
			return firstFailure(o.DeleteBindings(w.ctx, []identity.BindingID{x.binding}))
		},
		"remove a member": func(o *identity.OrgAdmin, x target) error { return last(o.RemoveMember(w.ctx, x.group, x.subject)) },
		"remove members": func(o *identity.OrgAdmin, x target) error {
			return firstFailure(o.RemoveMembers(w.ctx, x.group, []identity.SubjectID{x.subject}))
		},
		"empty its role": func(o *identity.OrgAdmin, x target) error {
			return last(o.UpdateRole(w.ctx, x.role, identity.RolePatch{Permissions: &none}))
		},
		"shrink its role": func(o *identity.OrgAdmin, x target) error {
			return firstFailure(o.RemoveRolePermissions(w.ctx, []identity.RoleID{x.role}, []string{"wallets:create"}))
		},
		"exclude from it": func(o *identity.OrgAdmin, x target) error {
			return last(o.UpdateRole(w.ctx, x.role, identity.RolePatch{Exclusions: &[]string{"wallets:*"}}))
		},
		"take a permission": func(o *identity.OrgAdmin, x target) error {
			return firstFailure(o.RemovePermissions(w.ctx, []identity.AccountID{x.account}, []string{"wallets:create"}))
		},
	}
	for name, way := range ways {
		for _, asGroup := range []bool{false, true} {
			manager, worker := fresh(asGroup, "identity:groups.create"), fresh(asGroup, "wallets:delete")
			same, o := w.unchanged(), w.as(org, boss)
			if err := way(o, manager); !errors.Is(err, identity.ErrEscalation) {
				t.Errorf("%s of a manager (group: %v): %v", name, asGroup, err)
			}
			same()
			for _, err := range []error{way(o, worker), way(w.as(org, container), manager), o.DeleteBinding(w.ctx, worker.over)} {
				if err != nil {
					t.Errorf("%s (group: %v): %v", name, asGroup, err)
				}
			}
		}
	}
	peer := fresh(false, "identity:bindings.create") // as the boss, and wallets:create, which does not matter
	if err := w.as(org, boss).DeleteBinding(w.ctx, peer.binding); err != nil {
		t.Errorf("of a peer: %v", err)
	}
	own := fresh(false, "identity:bindings.delete")
	w.bind(org, identity.BindingSpec{Subject: own.subject, Role: "owner", Scope: policy.Root, Start: w.clock.Now().Add(time.Hour)})
	if err := w.as(org, own.account).DeleteBinding(w.ctx, own.binding); err != nil {
		t.Errorf("of one's own: %v", err)
	}
}

// TestSec48_DelegationDoesNotMix: of a delegation one who holds a right but may not escalate, and one who may but does not hold it,
// give it away neither way; each alone does.
func TestSec48_DelegationDoesNotMix(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	holder := w.user(org, "holder", "identity:bindings.*", "wallets:delete")
	escalator := w.user(org, "escalator", "identity:bindings.*", identity.PermEscalate)
	both := w.user(org, "both", "identity:bindings.*", identity.PermEscalate)
	proof := func(id identity.AccountID) identity.Principal {
		made := must(w.in(org).CreateAPIToken(w.ctx, id, identity.APITokenSpec{Name: "t" + fmt.Sprint(w.id.Revision())}))(t)
		return must(w.id.Authenticate(w.ctx, made.Secret.Reveal()))(t)
	}
	through := func(actor, subject identity.AccountID) identity.Principal {
		made := must(w.id.Delegate(w.ctx, proof(actor), proof(subject), identity.TokenRequest{}))(t)
		return must(w.id.Authenticate(w.ctx, made.Token.Reveal()))(t)
	}
	role, weak := string(w.role(org, "wallets:delete")), identity.SubjectID(w.user(org, "weak"))
	bind := func(p identity.Principal) error {
		return last(w.id.As(p).In(org).CreateBinding(w.ctx, identity.BindingSpec{Subject: weak, Role: role, Scope: policy.Root}))
	}
	for name, p := range map[string]identity.Principal{"the holder": proof(holder), "the escalator": proof(escalator), "two escalators": through(both, escalator)} {
		if err := bind(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantKind(t, bind(through(holder, escalator)), identity.ErrEscalation)
	wantKind(t, bind(through(escalator, holder)), identity.ErrEscalation)
}

// TestSec48_DefaultGroupsOfEachKind: a group becomes a default of one kind of account, though it is one of the other, only if the actor holds what
// it was given; and stops being one only if it holds what it is denied.
func TestSec48_DefaultGroupsOfEachKind(t *testing.T) {
	w := open(t)
	org := w.id.SystemOrg()
	operator := w.user(org, "operator", "identity:*", "wallets:read")
	group := func(name string, deny bool, permission string) identity.GroupID {
		g := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: name}))(t).ID
		w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(g), Role: string(w.role(org, permission)), Scope: policy.Root, Deny: deny})
		return g
	}
	strong, denied, plain := group("strong", false, "wallets:delete"), group("denied", true, "wallets:delete"), group("plain", true, "wallets:read")
	set := func(s *identity.Admin, users, services []identity.GroupID) error {
		settings := identity.OrgSettings{DefaultUserGroups: users, DefaultServiceAccountGroups: services}
		return last(s.UpdateOrg(w.ctx, org, identity.OrgPatch{Settings: &settings}))
	}
	type groups = []identity.GroupID
	begin := func() {
		if err := set(w.sys(), groups{strong, denied, plain}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		users, services groups
		kind            error
	}{
		"nothing":            {groups{strong, denied, plain}, nil, nil},
		"without the strong": {groups{denied, plain}, nil, nil},
		"without the plain":  {groups{strong, denied}, nil, nil},
		"without the denied": {groups{strong, plain}, nil, identity.ErrEscalation},
		"strong for others":  {groups{strong, denied, plain}, groups{strong}, identity.ErrEscalation},
		"denied for others":  {groups{strong, denied, plain}, groups{denied}, nil},
	} {
		begin()
		if err := set(w.id.As(w.login(org, operator)), c.users, c.services); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
	}
}

// TestSec48_DenyForThoseToCome: a deny of a group that new accounts join by themselves, or of one that holds it, narrows accounts that are not there
// yet: it takes what they will manage, also while nobody is in the group.
func TestSec48_DenyForThoseToCome(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	sys := w.in(org)
	group := func(name string) identity.SubjectID {
		return identity.SubjectID(must(sys.CreateGroup(w.ctx, identity.GroupSpec{Name: name}))(t).ID)
	}
	joined, above, beside := group("joined"), group("above"), group("beside")
	must(sys.AddMember(w.ctx, identity.GroupID(above), joined))(t)
	must(w.sys().UpdateOrg(w.ctx, org, identity.OrgPatch{Settings: &identity.OrgSettings{DefaultServiceAccountGroups: []identity.GroupID{identity.GroupID(joined)}}}))(t)
	managers := w.role(org, "identity:groups.create")
	deny := func(subject identity.SubjectID, by identity.AccountID) error {
		return last(w.as(org, by).CreateBinding(w.ctx, identity.BindingSpec{Subject: subject, Role: "owner", Scope: policy.Root, Deny: true}))
	}
	binder := w.user(org, "binder", "identity:bindings.*")
	stronger := w.user(org, "stronger", "identity:bindings.*", "identity:groups.create")
	container := w.user(org, "container", "identity:bindings.*", identity.PermContain)
	if err := deny(above, binder); err != nil {
		t.Errorf("while those to come manage nothing: %v", err)
	}
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupServiceAccounts), Role: string(managers), Scope: policy.Root})
	for _, subject := range []identity.SubjectID{joined, above, identity.SubjectID(identity.GroupServiceAccounts)} {
		if err := deny(subject, binder); !errors.Is(err, identity.ErrEscalation) {
			t.Errorf("%s: %v", subject, err)
		}
		for _, by := range []identity.AccountID{stronger, container} {
			if err := deny(subject, by); err != nil {
				t.Errorf("%s by %s: %v", subject, by, err)
			}
		}
	}
	if err := deny(beside, binder); err != nil {
		t.Errorf("a group that nobody joins by itself: %v", err)
	}
}
