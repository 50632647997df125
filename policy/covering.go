package policy

import (
	"cmp"
	"iter"
	"slices"
)

// covering yields those of a subject's entries whose bindings are made at a path or at one of its ancestors, without their tags.
// Whoever asks many things about one path goes through them; a decision has a walk of its own.
func (s *Snapshot) covering(g grants, path Path) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if len(g) == 0 {
			return
		}
		f := g.finder()
		at := func(tag uint32) bool {
			i := 0
			if len(f.starts) > 0 {
				i = f.first(tag)
			}
			for ; i < len(f.entries) && uint32(f.entries[i]>>32) <= tag; i++ {
				e := uint32(f.entries[i])
				if uint32(f.entries[i]>>32) == tag && s.scopeCovers(s.bindings.row(e&slotBits).scope, path) && !yield(e) {
					return false
				}
			}
			return true
		}
		if !at(rootTag) {
			return
		}
		for c := (climber{}); c.next(path.text); {
			if !at(c.tag()) {
				return
			}
		}
	}
}

// scopeCovers reports whether a scope, by its slot, is a path or one of its ancestors.
func (s *Snapshot) scopeCovers(scope uint32, path Path) bool {
	return scope == slotRoot || within(s.scopes.name(scope), path.text)
}

// lineage says how an account comes to be in its groups: for each of them, the group before it on a shortest way there, or the
// account itself. Of several shortest ways it is the one whose ids come first, counted from the account.
type lineage map[uint32]uint32

func (s *Snapshot) lineage(account uint32) lineage {
	l := lineage{}
	up := func(slot uint32) []uint32 {
		g := *s.subjects.row(slot)
		ups := g.ups()
		if slot == account {
			ups = append(ups, systemSlot(g.kind()))
		}
		slices.SortFunc(ups, func(a, b uint32) int { return cmp.Compare(s.subjects.name(a), s.subjects.name(b)) })
		return ups
	}
	for todo := []uint32{account}; len(todo) > 0; todo = todo[1:] {
		for _, g := range up(todo[0]) {
			if _, known := l[g]; !known && s.subjects.row(g).kind() == group {
				l[g] = todo[0]
				todo = append(todo, g)
			}
		}
	}
	return l
}

// via returns the ids of the groups that lead from the account to a subject, which comes last; none if it is the account itself.
func (s *Snapshot) via(l lineage, subject uint32) []string {
	var ids []string
	for {
		before, ok := l[subject]
		if !ok {
			slices.Reverse(ids)
			return ids
		}
		ids = append(ids, s.subjects.name(subject))
		subject = before
	}
}
