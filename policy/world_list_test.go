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

// compareLists compares everything but decisions and Covers.
func (w *world) compareLists(s *Snapshot) {
	same := func(what, of string, got, want []string) {
		if !slices.Equal(got, want) {
			w.fail("%s(%s) = %v, want %v", what, of, got, want)
		}
	}
	where := func(keep func(Binding) bool) []string {
		var out []string
		for id, b := range w.bindings {
			if keep(b) {
				out = append(out, id)
			}
		}
		slices.Sort(out)
		return out
	}
	same("Bindings", "", sorted(ids(s.Bindings())), where(func(Binding) bool { return true }))
	for id, b := range w.bindings {
		if got, ok := s.Binding(id); !ok || got != b {
			w.fail("Binding(%s) = %v, want %v", id, got, b)
		}
	}
	subjects := slices.Concat(worldAccounts, worldGroups, []string{"users", "service-accounts"})
	for _, id := range subjects {
		same("BindingsOf", id, sorted(ids(s.BindingsOf(id))), where(func(b Binding) bool { return b.Subject == id }))
		exists := w.accounts[id] != 0 || w.groups[id]
		if s.IsGroup(id) != w.groups[id] {
			w.fail("IsGroup(%s)", id)
		}
		var in, members, accounts []string
		if exists {
			in = slices.DeleteFunc(slices.Sorted(maps.Keys(w.subjects(id))), func(g string) bool { return g == id })
		}
		for _, m := range subjects {
			direct := w.members[[2]string{id, m}] && (w.accounts[m] != 0 || w.groups[m]) ||
				id == "users" && w.accounts[m] == User || id == "service-accounts" && w.accounts[m] == ServiceAccount
			if w.groups[id] && direct {
				members = append(members, m)
			}
			if exists && w.accounts[m] != 0 && w.subjects(m)[id] {
				accounts = append(accounts, m)
			}
		}
		slices.Sort(members)
		slices.Sort(accounts)
		same("GroupsOf", id, sorted(s.GroupsOf(id)), in)
		same("Members", id, sorted(s.Members(id)), members)
		same("Accounts", id, sorted(s.Accounts(id)), accounts)
	}
	for _, id := range append([]string{"code:reader", "code:gone"}, worldRoles...) {
		same("BindingsOfRole", id, sorted(ids(s.BindingsOfRole(id))), where(func(b Binding) bool { return b.Role == id }))
		var by []string
		for other, r := range w.roles {
			if !strings.HasPrefix(other, "code:") && w.cyclic(id, r.Includes, 0) {
				by = append(by, other)
			}
		}
		slices.Sort(by)
		same("IncludedBy", id, sorted(s.IncludedBy(id)), by)
		if _, ok := s.Role(id); ok != (w.roles[id].ID != "") {
			w.fail("Role(%s) = %v", id, ok)
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
		var owners []string
		for _, a := range worldAccounts {
			holds := func(name string) bool { return w.holds(a, "", name, "/", now, 0, false, "") }
			if w.accounts[a] == User && w.gives(Role{Permissions: []string{"*", "identity:*"}}, holds) {
				owners = append(owners, a)
			}
		}
		same("Owners", "", sorted(s.Owners(now)), owners)
	}
}

// gives says whether everything a role may give is held, over all names that matter in these worlds.
func (w *world) gives(r Role, held func(name string) bool) bool {
	var names []string
	for _, s := range worldSpecs {
		names = append(names, s.Name)
	}
	for _, p := range slices.Concat(worldPatterns, worldForeign) {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			names = append(names, prefix+"\x00")
		} else if naiveReadable(p) {
			names = append(names, p)
		}
	}
	for _, name := range names {
		if w.defines(r, name, true) && !held(name) {
			return false
		}
	}
	return true
}

// compareCovers compares Covers with the reference, and with what the account can really do.
func (w *world) compareCovers(s *Snapshot) {
	for range 10 {
		rnd := w.rnd
		a, org := pick(rnd, append([]string{"g1"}, worldAccounts...)), pick(rnd, worldOrgs)
		id := pick(rnd, append([]string{"code:reader", "code:writer", "code:gone"}, worldRoles...))
		scope, now := pick(rnd, worldPaths), int64(rnd.IntN(30))
		start, end := int64(rnd.IntN(4)*10), int64(rnd.IntN(4)*10)
		condition := pick(rnd, worldConditions)
		h, _ := s.Account(a)
		missing, got := s.Covers(Claim{Account: h, Org: org, Role: id, Scope: path(w.t, scope), Start: start, End: end, Now: now, Condition: condition})
		from, to := now, end
		if start > now {
			from = start
		}
		if to <= from {
			to = 0
		}
		r, exists := w.roles[id]
		want := exists && w.accounts[a] != 0 && w.gives(r, func(name string) bool { return w.holds(a, org, name, scope, from, to, true, condition) })
		if got != want || got != (missing == "") {
			w.fail("%s covers %v for %q at %s in %d..%d from %d: %v, missing %q, want %v", a, r, org, scope, start, end, now, got, missing, want)
		}
		for _, x := range w.questions {
			q := x.q
			if !got || x.account != a || q.Limits != nil || naiveTruth(condition, a, x.attrs) != True || q.Org != org || !naiveWithin(scope, q.Path.text) || q.Now < from || to != 0 && q.Now >= to {
				continue
			}
			q.Account = h
			if w.defines(r, q.Permission.name, true) && !s.Decide(q).Allowed && q.Permission.name != "w:none" {
				w.fail("%s covers %v for %q at %s in %d..%d, yet may not %s", a, r, org, scope, from, to, q.Permission)
			}
		}
	}
}
