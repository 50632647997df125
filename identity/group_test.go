package identity_test

import (
	"context"
	"fmt"
	"strings"
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

// TestGroupNameTaken: who has a name is said to whom wants it too, also when its
// group was deleted, and the rest of the transaction stands.
func TestGroupNameTaken(t *testing.T) {
	w := open(t)
	org, other := w.org("acme"), w.org("other")
	in := w.in(org)
	gone := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "gone"}))(t).ID
	if err := in.DeleteGroup(w.ctx, gone, identity.IfUnused); err != nil {
		t.Fatal(err)
	}
	has := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "ops"}))(t).ID
	mine := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "mine"}))(t)
	must(w.in(other).CreateGroup(w.ctx, identity.GroupSpec{Name: "ops"}))(t) // another org has names of its own
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("names").In(org)
		for name, by := range map[string]identity.GroupID{"gone": gone, "ops": has} {
			for op, err := range map[string]error{
				"CreateGroup": last(in.CreateGroup(ctx, identity.GroupSpec{Name: name})),
				"UpdateGroup": last(in.UpdateGroup(ctx, mine.ID, identity.GroupPatch{Name: &name, Description: &name})),
			} {
				e := wantKind(t, err, identity.ErrConflict)
				if e.Op != op || e.Field != "Name" || e.ID != name || !strings.Contains(e.Error(), string(by)) {
					t.Errorf("%s %q: %v, which does not name %s", op, name, e, by)
				}
			}
		}
		return last(in.CreateGroup(ctx, identity.GroupSpec{Name: "new"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if g := must(in.Group(w.ctx, mine.ID))(t); g != mine.Group {
		t.Errorf("the group is %+v, it was %+v", g, mine.Group)
	}
	if g := must(in.EnsureGroup(w.ctx, identity.GroupSpec{Name: "new"}))(t); g.Created {
		t.Error("what was made behind the refusals is not there")
	}
}

// TestWhatIsStoredComesBack: what is given comes back, also from the database and

// after it was opened again.
