package policy

import (
	"cmp"
	"slices"
)

// Explain answers a query as [Snapshot.Decide] does, and says why, or why not. It tries every binding of the account, those that
// are out of the question included, and so is not for the path of requests.
func (s *Snapshot) Explain(q Query) Explanation {
	e := Explanation{Decision: s.Decide(&q), Org: q.Org, Permission: q.Permission.String(), Path: q.Path, Now: q.Now}
	if s == nil {
		return e
	}
	if e.Org == "" {
		e.Org = s.org
	}
	own := s.found(&q)
	if own != nil {
		e.Account = s.account(q.Account.slot, own)
	}
	perm, known := uint32(0), false
	if !q.Permission.IsZero() {
		if perm, known = s.cat.find(&q.Permission); !known {
			e.Near = s.cat.near(q.Permission.String())
		}
	}
	if own != nil && known && q.Path.text != "" {
		s.try(&e, &q, own, perm)
	}
	if !e.Decision.Allowed {
		e.Needed = s.needed(&e, known)
	}
	return e
}

// try fills in what the rules say of a question that is well put.
func (s *Snapshot) try(e *Explanation, q *Query, own grants, perm uint32) {
	l := s.lineage(q.Account.slot)
	seen := map[uint32]bool{} // what a system group gives may come a second time through a group
	for _, g := range [2]grants{own, s.system[own.kind()]} {
		for _, x := range g.entries() {
			if slot := uint32(x) & slotBits; !seen[slot] {
				seen[slot] = true
				e.Bindings = append(e.Bindings, s.tryBinding(q, l, slot, perm))
			}
		}
	}
	slices.SortFunc(e.Bindings, func(a, b Tried) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(len(a.Via), len(b.Via)), cmp.Compare(a.Binding.ID, b.Binding.ID))
	})
	if role := own.boundary(); role != 0 {
		in := s.contained(role, perm, false)
		e.Boundary = &in
	}
	if l := q.Limits; l != nil {
		e.Limits = &Limited{
			Permissions: slices.Clone(l.texts), Path: l.path,
			LeavesPermission: l.leavesPermission(perm), LeavesPath: l.leavesPath(q.Path),
		}
	}
}

func (s *Snapshot) tryBinding(q *Query, l lineage, slot, perm uint32) Tried {
	b := s.bindings.row(slot)
	t := Tried{
		Binding: s.binding(slot), Via: s.via(l, b.subject), Covers: s.scopeCovers(b.scope, q.Path),
		Role: s.contained(b.role>>2, perm, b.deny()), Dates: During, Condition: True,
	}
	switch t.Counts = s.within(t.Binding.Reach, s.foreign(q.Org), q.Org); {
	case t.Binding.Start != 0 && q.Now < t.Binding.Start:
		t.Dates = Before
	case t.Binding.End != 0 && q.Now >= t.Binding.End:
		t.Dates = After
	}
	if b.role&flagTerms != 0 {
		t.Condition, t.Missing = s.outcome(slot, q)
	}
	if t.Applies = t.Condition; t.obstacles() > 0 {
		t.Applies = False
	}
	return t
}

// obstacles counts what keeps a binding from applying; a condition that is unknown does not count.
func (t *Tried) obstacles() int {
	n := 0
	for _, held := range [6]bool{t.Covers, t.Role.Contains, t.Dates == During, t.Counts, t.Condition != False, !t.Binding.Eligible} {
		if !held {
			n++
		}
	}
	return n
}

// rank orders bindings by how much they have to do with the decision.
func (t *Tried) rank() int {
	switch {
	case t.Applies == False:
		return 2 + t.obstacles()
	case t.Binding.Effect == Deny:
		return 0
	case t.Applies == True:
		return 1
	}
	return 2
}
