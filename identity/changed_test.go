package identity_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

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

// TestMadeIsStored: the end of what is made with a validity is the one that is stored, which has microseconds.
func TestMadeIsStored(t *testing.T) {
	w := open(t)
	in := w.in(w.org("acme"))
	const odd = time.Hour + time.Nanosecond
	made := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "odd", Validity: odd}))(t)
	if found := must(in.Account(w.ctx, made.ID))(t); !found.ValidUntil.Equal(made.ValidUntil) {
		t.Errorf("the account ends %v, stored is %v", made.ValidUntil, found.ValidUntil)
	}
	sa := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "bot"}))(t)
	_, key := newKey(t)
	code := must(in.NewEnrollCode(w.ctx, sa.ID, identity.EnrollCodeSpec{Validity: odd, KeyValidity: odd}))(t)
	for _, c := range []identity.Credential{
		must(in.AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: key, Validity: odd}))(t),
		must(in.CreateAPIToken(w.ctx, sa.ID, identity.APITokenSpec{Name: "odd", Validity: odd}))(t).Credential,
		must(in.CreateClientSecret(w.ctx, sa.ID, identity.ClientSecretSpec{Validity: odd}))(t).Credential,
		code.Credential,
	} {
		found := must(in.Credential(w.ctx, c.ID))(t)
		if !found.ValidUntil.Equal(c.ValidUntil) || !found.KeyUntil.Equal(c.KeyUntil) {
			t.Errorf("%s ends %v and its key %v, stored are %v and %v", c.Type, c.ValidUntil, c.KeyUntil, found.ValidUntil, found.KeyUntil)
		}
	}
	old := must(in.CreateAPIToken(w.ctx, sa.ID, identity.APITokenSpec{Name: "old"}))(t)
	must(in.RotateSecret(w.ctx, old.ID, odd))(t)
	for e, err := range in.AllEvents(w.ctx, identity.EventFilter{ID: old.ID.String(), Verb: "rotate"}) {
		var row identity.Credential
		if err := errors.Join(err, json.Unmarshal(e.After, &row)); err != nil {
			t.Fatal(err)
		}
		if found := must(in.Credential(w.ctx, old.ID))(t); !found.EndsAt.Equal(row.EndsAt) || row.EndsAt.IsZero() {
			t.Errorf("the log says that it ends %v, stored is %v", row.EndsAt, found.EndsAt)
		}
	}
	if _, err := in.CreateAPIToken(w.ctx, sa.ID, identity.APITokenSpec{Name: "none", Validity: time.Nanosecond}); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("a token that has ended when it is made: %v", err)
	}
}
