package identity_test

import (
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestRefusedChangesNothing has calls refused at their very end, by what they would come to: none of them says beside its
// error that it changed something.
func TestRefusedChangesNothing(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	owner := w.user(org, "owner")
	group := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "owners"}))(t).ID
	must(in.AddMember(w.ctx, group, identity.SubjectID(owner)))(t)
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(group), Role: "owner", Scope: policy.Root})

	changed, err := w.as(org, owner).RemoveMember(w.ctx, group, identity.SubjectID(owner))
	if changed || err == nil {
		t.Errorf("the last owner leaves: %v, %v", changed, err)
	}
	for _, r := range must(w.as(org, owner).RemoveMembers(w.ctx, group, []identity.SubjectID{identity.SubjectID(owner)}))(t) {
		if r.Changed || r.Err == nil {
			t.Errorf("RemoveMembers: %+v", r)
		}
	}
	for _, r := range must(in.AddPermissions(w.ctx, []identity.AccountID{owner}, []string{"wallets:read", "absent"}))(t) {
		if r.Changed {
			t.Errorf("AddPermissions: %+v", r)
		}
		wantKind(t, r.Err, identity.ErrInvalid)
	}
}
