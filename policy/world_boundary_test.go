package policy

import (
	"slices"
	"testing"
)

// compareBoundaries compares what is asked about roles as boundaries.
func (w *world) compareBoundaries(s *Snapshot) {
	roles := append([]string{"code:reader", "code:writer", "code:gone"}, worldRoles...)
	for _, id := range roles {
		var bounded []string
		for a, role := range w.bounds {
			if role == id {
				bounded = append(bounded, a)
			}
		}
		slices.Sort(bounded)
		if got := sorted(s.BoundedBy(id)); !slices.Equal(got, bounded) {
			w.fail("BoundedBy(%s) = %v, want %v", id, got, bounded)
		}
	}
	for range 10 {
		inner, outer := w.roles[pick(w.rnd, roles)], w.roles[pick(w.rnd, roles)]
		if w.rnd.IntN(3) == 0 {
			inner = Role{Permissions: some(w.rnd, worldPatterns, 3)} // as of a token
		}
		missing, got := s.Within(inner, outer)
		want := w.gives(inner, func(name string) bool { return w.defines(outer, name, false) })
		if got != want || got != (missing == "") {
			w.fail("%v within %v: %v, missing %q, want %v", inner, outer, got, missing, want)
		}
	}
}

func TestWithinAsksPatterns(t *testing.T) {
	s := office(t).Snapshot()
	for _, c := range []struct{ inner, outer, missing string }{
		{"w:read", "w:*", ""}, {"w:*", "w:*", ""}, {"w:*", "*", ""}, {"*", "w:*", "w.x:read"},
		{"identity:*", "*", "identity:accounts.read"}, {"identity:escalate", "identity:*", "identity:escalate"},
		{"w:open", "vault:open", ""}, {"new:*", "w:*", "new:*"}, {"w:none", "w:*", ""}, {"w:*", "w:none", "w:read"},
	} {
		missing, ok := s.Within(Role{Permissions: []string{c.inner}}, Role{Permissions: []string{c.outer}})
		if missing != c.missing || ok != (c.missing == "") {
			t.Errorf("%s within %s: missing %q, want %q", c.inner, c.outer, missing, c.missing)
		}
	}
	if _, ok := (*Snapshot)(nil).Within(Role{}, Role{}); ok {
		t.Error("nothing is known without a snapshot")
	}
}
