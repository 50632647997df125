package identity_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func TestSec52_GroupDepth(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	groups := make([]identity.GroupID, 0, 258)
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("depth").In(org)
		for i := range 257 {
			g := must(in.CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprint("g", i)}))(t)
			if i > 0 && i < 256 {
				must(in.AddMember(ctx, groups[i-1], identity.SubjectID(g.ID)))(t)
			}
			groups = append(groups, g.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same := w.unchanged()
	e := wantKind(t, last(w.in(org).AddMember(w.ctx, groups[255], identity.SubjectID(groups[256]))), identity.ErrLimit)
	if e.Entity != "group" || e.Field != "Member" {
		t.Errorf("%v: entity %q, field %q", e, e.Entity, e.Field)
	}
	wantKind(t, last(w.in(org).AddMember(w.ctx, groups[256], identity.SubjectID(groups[0]))), identity.ErrLimit)
	same()
	u := w.user(org, "deep")
	must(w.in(org).AddMember(w.ctx, groups[255], identity.SubjectID(u)))(t)
	w.grant(org, identity.SubjectID(groups[0]), policy.Root, "wallets:read")
	if d := w.may(w.login(org, u), org, "wallets:read", policy.Root); !d.Allowed {
		t.Errorf("256 groups up: %+v", d)
	}
}

// TestWhatIsStoredComesBack: what is given comes back, also from the database and

// after it was opened again.
