package policy

import "iter"

// BoundedBy yields the ids of the accounts whose boundary is this role, whether or not it exists. It looks at every account.
func (s *Snapshot) BoundedBy(role string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if s == nil {
			return
		}
		slot, ok := s.roles.find(hashName(role), role)
		if !ok {
			return
		}
		for n, p := range s.subjects.dir.all() {
			for i := range p.cell {
				if p.cell[i].row.boundary() == slot && !yield(s.subjects.name(n*pageSize+uint32(i))) {
					return
				}
			}
		}
	}
}

// Within reports whether everything that one definition may contain surely is in another. Neither needs to be stored; the roles
// that they include are looked up. Patterns are compared as patterns: every permission of today is not wallets:*. missing names
// a permission or pattern that outer lacks.
func (s *Snapshot) Within(inner, outer Role) (missing string, ok bool) {
	if s == nil {
		return "*", false
	}
	h := s.holding()
	h.note(&inner)
	h.note(&outer)
	for _, u := range [2]*universe{&s.cat.universe, &h.witness} {
		of := h.over(u)
		if i, lacks := u.contents(inner, of).most.lacking(u.contents(outer, of).least); lacks {
			return u.called(i), false
		}
	}
	return "", true
}
