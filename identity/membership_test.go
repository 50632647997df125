package identity_test

import (
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// TestMemberships: the groups of an account, of a group, of one that left, of nobody, and never those of another org.
func TestMemberships(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	in := w.in(x.Org)
	groups := func(o *identity.OrgAdmin, id identity.SubjectID) (out []identity.GroupID) {
		for m, err := range o.AllMemberships(w.ctx, id) {
			if err != nil || m.Member != id {
				t.Fatal(m, err)
			}
			out = append(out, m.Group)
		}
		return out
	}
	user, full := identity.SubjectID(x.User), identity.SubjectID(x.Full)
	must(in.AddMember(w.ctx, x.Group, full))(t)
	if got := groups(in, user); len(got) != 1 || got[0] != x.Full {
		t.Errorf("of an account: %v, want only the group that it was put into itself", got)
	}
	if got := groups(in, full); len(got) != 1 || got[0] != x.Group {
		t.Errorf("of a group: %v", got)
	}
	other := w.targets("other")
	if got := groups(w.in(other.Org), user); len(got) != 0 {
		t.Errorf("asked in another org: %v", got)
	}
	must(in.RemoveMember(w.ctx, x.Full, user))(t)
	if got := groups(in, user); len(got) != 0 {
		t.Errorf("after it left: %v", got)
	}
	for _, id := range []identity.SubjectID{"", "ro_1", identity.SubjectID(x.Role)} {
		_, err := in.Memberships(w.ctx, id, identity.Page{})
		wantKind(t, err, identity.ErrInvalid)
	}
}
