package policy

import (
	"slices"
	"strings"
)

// holds returns a function that says whether an account surely has a name throughout a window, by one allow at the scope or above
// that counts for the organisation and has the condition, with no deny that may touch it; below says whether denies under the
// scope count. For "*" an allow must count for every organisation, and a deny counts that does for any.
func (w *world) holds(account, org, scope string, start, end int64, below bool, condition string) func(name string) bool {
	var allows, denies []string // roles
	subjects := w.in(account)
	for _, b := range w.bindings {
		if !subjects[b.Subject] || !w.reaches(b, org) && !(org == "*" && b.Effect == Deny) || w.accounts[account] == 0 {
			continue
		}
		at := b.Scope.String()
		over := naiveWithin(at, scope)
		touches := (b.End == 0 || start < b.End) && (b.Start == 0 || end == 0 || b.Start < end)
		throughout := (b.Start == 0 || b.Start <= start) && (b.End == 0 || end != 0 && end <= b.End)
		switch {
		case b.Effect == Deny && touches && (over || below && naiveWithin(scope, at)):
			denies = append(denies, b.Role)
		case b.Effect == Allow && !b.Eligible && throughout && over && (b.Condition == "" || b.Condition == condition && !ofWhoAsks(condition)):
			allows = append(allows, b.Role)
		}
	}
	bound := w.bounds[account]
	return func(name string) bool {
		in := func(doubt bool) func(role string) bool {
			return func(role string) bool { return w.contains(role, name, doubt) }
		}
		return (bound == "" || in(false)(bound)) && !slices.ContainsFunc(denies, in(true)) && slices.ContainsFunc(allows, in(false))
	}
}

// ofWhoAsks says whether the outcome of a condition may depend on who asks.
func ofWhoAsks(condition string) bool {
	kind, _, _ := strings.Cut(condition, ":")
	return slices.Contains([]string{"is", "kind", "team", "what?", "unknown", "panic"}, kind) || strings.Contains(condition, "principal.")
}

// gives says whether everything a role may give is held, over all names that matter in these worlds.
func (w *world) gives(r Role, held func(name string) bool) bool {
	names := []string{"b0:\x00", "b1:\x00", "b2:\x00"} // of patterns that only some worlds have
	for _, s := range w.specs {
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
	rnd := w.rnd
	coverages := map[Handle]*Coverage{} // asked again and again
	for range 10 {
		a, org := pick(rnd, append([]string{"g1"}, w.names.accounts...)), pick(rnd, append([]string{"*"}, worldOrgs...))
		id := pick(rnd, append([]string{"code:reader", "code:writer", "code:gone"}, w.names.roles...))
		scope, now := pick(rnd, w.names.scopes), int64(rnd.IntN(30))
		start, end := int64(rnd.IntN(4)*10), int64(rnd.IntN(4)*10)
		condition := pick(rnd, worldConditions)
		h, _ := s.Account(a)
		c := Claim{Account: h, Org: org, Role: id, Scope: path(w.t, scope), Start: start, End: end, Now: now, Condition: condition}
		var limited []string
		if rnd.IntN(4) == 0 {
			limited = append([]string{}, some(rnd, worldPatterns, 4)...)
			c.Limits = NewLimits(w.model.Catalog, limited, Path{})
		}
		missing, got := s.Covers(c)
		again := coverages[h]
		if again == nil || c.Limits != nil {
			again = s.Coverage(h, c.Limits)
		}
		if c.Limits == nil {
			coverages[h] = again
		}
		for range 2 {
			if _, ok := again.Covers(c); ok != got {
				w.fail("%s covers %s for %s: %v, but %v among other claims", a, c.Role, show(c), got, ok)
			}
		}
		from, to := now, end
		if start > now {
			from = start
		}
		if to <= from {
			to = 0
		}
		r, exists := w.roles[id]
		held := w.holds(a, org, scope, from, to, true, condition)
		want := exists && w.accounts[a] != 0 && w.gives(r, func(name string) bool {
			return held(name) && (limited == nil || w.defines(Role{Permissions: limited}, name, false))
		})
		if got != want || got != (missing == "") {
			w.fail("%s covers %s for %s: %v, missing %q, want %v", a, show(r), show(c), got, missing, want)
		}
		for _, x := range w.questions {
			q := x.q
			if !got || x.account != a || q.Limits != nil || w.truth(condition, x.naiveQuestion) != True || org != "*" && q.Org != org || !naiveWithin(scope, x.path) || q.Now < from || to != 0 && q.Now >= to {
				continue
			}
			q.Account = h
			if _, known := w.model.Catalog.Lookup(x.perm); known && w.defines(r, x.perm, true) && !s.Decide(&q).Allowed {
				w.fail("%s covers %s for %s, yet: %s is answered %s", a, show(r), show(c), show(x.naiveQuestion), show(s.Decide(&q)))
			}
		}
	}
}
