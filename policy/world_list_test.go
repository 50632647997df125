package policy

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

func sorted(seq iter.Seq[string]) []string { return slices.Sorted(seq) }

func ids(seq iter.Seq[Binding]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for b := range seq {
			if !yield(b.ID) {
				return
			}
		}
	}
}

// same compares a list with that of the reference.
func (w *world) same(what, of string, got, want []string) {
	if !slices.Equal(got, want) {
		w.fail("%s(%s) = %v, want %v", what, of, got, want)
	}
}

// where returns the ids of the bindings that are so.
func (w *world) where(keep func(Binding) bool) []string {
	var out []string
	for id, b := range w.bindings {
		if keep(b) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// compareLists compares everything but decisions and Covers.
func (w *world) compareLists(s *Snapshot) {
	w.same("Bindings", "", sorted(ids(s.Bindings())), w.where(func(Binding) bool { return true }))
	for id, b := range w.bindings {
		if got, ok := s.Binding(id); !ok || got != b {
			w.fail("Binding(%s) = %s, want %s", id, show(got), show(b))
		}
	}
	w.compareGroups(s)
	for _, id := range append([]string{"code:reader", "code:writer", "code:gone"}, w.names.roles...) {
		w.same("BindingsOfRole", id, sorted(ids(s.BindingsOfRole(id))), w.where(func(b Binding) bool { return b.Role == id }))
		var by []string
		for other, r := range w.roles {
			if !strings.HasPrefix(other, CodePrefix) && w.includes(r.Includes)[id] {
				by = append(by, other)
			}
		}
		slices.Sort(by)
		w.same("IncludedBy", id, sorted(s.IncludedBy(id)), by)
		got, ok := s.Role(id)
		want, exists := w.roles[id]
		if ok != exists || !slices.Equal(got.Permissions, want.Permissions) || !slices.Equal(got.Exclusions, want.Exclusions) || !slices.Equal(got.Includes, want.Includes) {
			w.fail("Role(%s) = %s, %v, want %s", id, show(got), ok, show(want))
		}
	}
	for _, now := range []int64{0, 9, 10, 20, 30} {
		next := int64(1 << 40)
		for _, b := range w.bindings {
			for _, at := range []int64{b.Start, b.End} {
				if at > now {
					next = min(next, at)
				}
			}
		}
		if got, ok := s.NextBoundary(now); ok != (next < 1<<40) || ok && got != next {
			w.fail("NextBoundary(%d) = %d, %v, want %d", now, got, ok, next)
		}
	}
	w.compareOwners(s)
}

// compareGroups compares what is said of accounts and groups.
func (w *world) compareGroups(s *Snapshot) {
	for _, id := range w.names.subjects {
		w.same("BindingsOf", id, sorted(ids(s.BindingsOf(id))), w.where(func(b Binding) bool { return b.Subject == id }))
		if s.IsGroup(id) != w.groups[id] {
			w.fail("IsGroup(%s)", id)
		}
		exists := w.accounts[id] != 0 || w.groups[id]
		var groups, members, accounts []string
		if exists {
			groups = slices.DeleteFunc(slices.Sorted(maps.Keys(w.in(id))), func(g string) bool { return g == id })
		}
		for _, m := range w.names.subjects {
			direct := w.members[[2]string{id, m}] && (w.accounts[m] != 0 || w.groups[m]) ||
				id == GroupUsers && w.accounts[m] == User || id == GroupServiceAccounts && w.accounts[m] == ServiceAccount
			if w.groups[id] && direct {
				members = append(members, m)
			}
			if exists && w.accounts[m] != 0 && w.in(m)[id] {
				accounts = append(accounts, m)
			}
		}
		slices.Sort(members)
		slices.Sort(accounts)
		w.same("GroupsOf", id, sorted(s.GroupsOf(id)), groups)
		w.same("Members", id, sorted(s.Members(id)), members)
		w.same("Accounts", id, sorted(s.Accounts(id)), accounts)
	}
}

// compareOwners compares who the owners are at one instant.
func (w *world) compareOwners(s *Snapshot) {
	now := pick(w.rnd, []int64{0, 9, 10, 20, 30})
	var owners []string
	for _, a := range w.names.accounts {
		if w.accounts[a] == User {
			held := w.holds(a, "", "/", now, 0, false, "")
			if w.gives(Role{Permissions: []string{"*", ManagementPrefix + "*"}}, held) {
				owners = append(owners, a)
			}
		}
	}
	slices.Sort(owners)
	w.same("Owners", "", sorted(s.Owners(now)), owners)
}
