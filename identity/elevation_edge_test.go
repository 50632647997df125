package identity_test

import (
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestElevationIsNotCopied: what somebody has switched on ends with the binding it is
// of. Whoever copies the caller's rights does not get it to keep.
func TestElevationIsNotCopied(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u", "identity:accounts.create", "wallets:read")
	id := w.eligible(org, u, policy.Root, "wallets:delete")
	as := w.as(org, u)
	must(as.Elevate(w.ctx, id, time.Hour, "why"))(t)
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(w.role(org, "wallets:create")), Scope: policy.Root, End: w.clock.Now().Add(time.Hour)})
	made := must(as.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "robot", CopyCallerRights: true, APIToken: &identity.APITokenSpec{Name: "t"}}))(t)
	p := must(w.id.Authenticate(w.ctx, made.APIToken.Secret.Reveal()))(t)
	for permission, want := range map[string]bool{"wallets:read": true, "wallets:create": true, "wallets:delete": false} {
		if got := w.may(p, org, permission, policy.Root).Allowed; got != want {
			t.Errorf("%s: %t, want %t", permission, got, want)
		}
	}
}

// TestElevationOfALockedRole: while nobody may become a member of a role, nobody
// switches it on; what is on can be ended.
func TestElevationOfALockedRole(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u")
	role := w.role(org, "wallets:delete")
	id := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(role), Scope: policy.Root, Eligible: time.Hour})
	as := w.as(org, u)
	must(as.Elevate(w.ctx, id, time.Minute, "why"))(t)
	must(w.in(org).UpdateRole(w.ctx, role, identity.RolePatch{Locks: &identity.RoleLocks{Members: true}}))(t)
	same := w.unchanged()
	wantKind(t, last(as.Elevate(w.ctx, id, time.Minute, "why")), identity.ErrImmutable)
	same()
	if ended := must(as.EndElevation(w.ctx, id))(t); !ended {
		t.Error("nothing was on")
	}
}
