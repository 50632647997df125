package policy

import "iter"

// Owners yields the ids of the effective owners: users that hold * and identity:* at [Root] without end, from now (Unix
// microseconds) on. The allows must be made at Root, count for the home organisation, have begun and have neither end nor
// condition, and a boundary must contain all of it; a deny counts if it is made at Root, may still apply and may contain any
// of it. Denies made under Root do not count. Patterns are compared as by [Snapshot.Covers]. The cost depends on the bindings
// at Root and on the accounts they apply to; an owner is yielded as soon as it is found.
func (s *Snapshot) Owners(now int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		if s == nil {
			return
		}
		h := s.holding()
		seen := map[uint32]bool{}
		whole := map[uint32]bool{}
		for _, slot := range s.root {
			b := s.bindings.row(slot)
			if b.deny() || !s.forEver(slot, b, now) {
				continue
			}
			// An owner holds the witness of *, so one of its allows does.
			role := b.role >> 2
			if _, known := whole[role]; !known {
				whole[role] = h.holds(role, fresh)
			}
			if !whole[role] {
				continue
			}
			for a := range s.accounts(b.subject) {
				if seen[a] {
					continue
				}
				seen[a] = true
				if s.owner(a, now) && !yield(s.subjects.name(a)) {
					return
				}
			}
		}
	}
}

// Owner reports whether an account is one of [Snapshot.Owners]. The cost depends on the bindings that concern it.
func (s *Snapshot) Owner(account string, now int64) bool {
	slot, g := s.subject(account)
	return g.kind() == User && s.owner(slot, now)
}

// forEver reports whether a binding counts at home from now on without end.
func (s *Snapshot) forEver(slot uint32, b *bindingRow, now int64) bool {
	if b.role&flagTerms == 0 {
		return true
	}
	l := s.terms.at(slot)
	return !l.eligible && span{l.start, l.end}.contains(span{from: now}) && s.within(l.reach, false, "") && l.condition == nil
}

// mayCount reports whether a binding may count at home at some time from now on.
func (s *Snapshot) mayCount(slot uint32, b *bindingRow, now int64) bool {
	if b.role&flagTerms == 0 {
		return true
	}
	l := s.terms.at(slot)
	return span{l.start, l.end}.overlaps(span{from: now}) && s.within(l.reach, false, "")
}

func (s *Snapshot) owner(account uint32, now int64) bool {
	own := *s.subjects.row(account)
	if own.kind() != User {
		return false
	}
	h := s.holding()
	h.cut(own, nil)
	for _, g := range [2]grants{own, s.system[User]} {
		for _, e := range g.entries() {
			if uint32(e>>32) != rootTag {
				continue
			}
			slot := uint32(e) & slotBits
			b := s.bindings.row(slot)
			if b.scope != slotRoot {
				continue
			}
			if b.deny() && s.mayCount(slot, b, now) || !b.deny() && s.forEver(slot, b, now) {
				h.use(b.role>>2, b.deny())
			}
		}
	}
	_, ok := h.lacks(&Role{Permissions: []string{"*", ManagementPrefix + "*"}})
	return ok
}

// holds reports whether a role surely contains a name, which may be a witness.
func (h *holding) holds(slot uint32, name string) bool {
	one := universe{spellings: [][]string{{name}}, index: map[string]uint32{name: 0}}
	in, ok := h.over(&one)(h.s.roles.name(slot))
	return ok && in.least.has(0)
}
