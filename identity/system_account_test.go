package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestSystemAccount: it is made with the org, without rights, can be stopped, and
// cannot be ended or called something else by anybody.
func TestSystemAccount(t *testing.T) {
	w := open(t)
	made := must(w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: "acme", WithSystemAccount: true, Owner: &identity.UserSpec{Email: "o@example.com"}}))(t)
	org, sa := made.ID, made.SystemAccount
	if sa == nil || !sa.System || sa.Kind != identity.ServiceAccount || sa.State != identity.AccountActive || !sa.ValidUntil.IsZero() || sa.Name != identity.SystemAccountName {
		t.Fatalf("%+v", sa)
	}
	if again := must(w.sys().EnsureOrg(w.ctx, identity.OrgSpec{Slug: "acme", WithSystemAccount: true}))(t); again.Created || again.SystemAccount != nil {
		t.Errorf("%+v", again)
	}
	if plain := must(w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: "plain"}))(t); plain.SystemAccount != nil {
		t.Errorf("%+v", plain.SystemAccount)
	}
	name, text := "name", "text"
	for range 2 {
		if d := w.may(w.login(org, sa.ID), org, "wallets:read", policy.Root); d.Allowed || d.Reason != policy.ReasonNoBinding {
			t.Errorf("%+v", d)
		}
		w.clock.advance(3 * 365 * 24 * time.Hour)
		later := w.clock.Now().Add(time.Hour)
		for who, o := range map[string]*identity.OrgAdmin{"the host": w.in(org), "the owner": w.as(org, made.Owner.ID)} {
			same := w.unchanged()
			for what, err := range map[string]error{
				"archive":       last(o.ArchiveAccount(w.ctx, sa.ID)),
				"delete":        last(o.DeleteAccount(w.ctx, sa.ID)),
				"delete many":   firstFailure(o.DeleteAccounts(w.ctx, []identity.AccountID{sa.ID})),
				"rename":        last(o.UpdateAccount(w.ctx, sa.ID, identity.AccountPatch{DisplayName: &name})),
				"let it expire": last(o.ExtendAccount(w.ctx, sa.ID, later)),
			} {
				if e := wantKind(t, err, identity.ErrImmutable); e.ID != string(sa.ID) {
					t.Errorf("%s by %s: %v", what, who, err)
				}
			}
			wantKind(t, last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: identity.SystemAccountName})), identity.ErrConflict)
			same()
			must(o.DeactivateAccount(w.ctx, sa.ID))(t)
			must(o.ActivateAccount(w.ctx, sa.ID))(t)
			must(o.UpdateAccount(w.ctx, sa.ID, identity.AccountPatch{Description: &text}))(t)
		}
		wantKind(t, last(w.in(org).PurgeAccount(w.ctx, sa.ID)), identity.ErrInUse)
		if found := must(w.in(org).Account(w.ctx, sa.ID))(t); !found.System {
			t.Errorf("%+v", found)
		}
		w.reopen()
		text += "."
	}
	// Only the org ends it.
	must(w.sys().DeleteOrg(w.ctx, org))(t)
	must(w.sys().PurgeOrg(w.ctx, org))(t)
}

// TestSystemAccountIsNotBarred: a call that could not end it, were the database
// there, does not stop it while the database is not.
func TestSystemAccountIsNotBarred(t *testing.T) {
	w, store := reluctant(t)
	org := must(w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: "acme", WithSystemAccount: true}))(t)
	p := w.login(org.ID, org.SystemAccount.ID)
	store.how.Store(failures()[0])
	if _, err := w.in(org.ID).DeleteAccount(context.Background(), org.SystemAccount.ID); err == nil {
		t.Error("done")
	}
	if d := w.may(p, org.ID, "wallets:read", policy.Root); d.Reason != policy.ReasonNoBinding {
		t.Errorf("%+v", d)
	}
	store.how.Store(nil)
}
