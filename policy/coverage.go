package policy

import (
	"encoding/binary"
	"slices"
)

// Coverage answers the claims of one account; what an answer means, [Snapshot.Covers] says. It looks, for each, only at the
// bindings that are made at the claim's scope or above and at the denies, and it compares the same roles once. It is not safe for
// concurrent use.
type Coverage struct {
	s      *Snapshot
	own    grants
	about  Claim    // account and limits
	denies []uint32 // slots of bindings
	known  map[comparison]covered
	effort int
}

// comparison is what an answer depends on: the wanted role, and the roles that count for and against it.
type comparison struct {
	role, counted string
	definition    *Role
}

type covered struct {
	missing string
	ok      bool
}

// patternEffort is what it takes to compare a pattern of a role, in bindings looked at.
const patternEffort = 64

// Coverage prepares to answer claims of an account whose token has limits; nil takes nothing away.
func (s *Snapshot) Coverage(account Handle, limits *Limits) *Coverage {
	k := &Coverage{s: s, about: Claim{Account: account, Limits: limits}, known: map[comparison]covered{}}
	if s == nil {
		return k
	}
	if k.own = s.grantsOf(account); k.own == nil {
		return k
	}
	for _, g := range k.bound() {
		for _, e := range g.entries() {
			if uint32(e)&denies != 0 {
				k.denies = append(k.denies, uint32(e)&slotBits)
			}
		}
		k.effort += len(g.entries())
	}
	return k
}

// bound is where the account's bindings are.
func (k *Coverage) bound() [2]grants { return [2]grants{k.own, k.s.system[k.own.kind()]} }

// Effort is how much this coverage has looked at so far: a binding counts 1, a pattern that was compared counts 64. A unit is some
// tens of nanoseconds.
func (k *Coverage) Effort() int { return k.effort }

// Covers is [Snapshot.Covers] for the account and the limits of the coverage; those of the claim are not looked at. A definition
// that occurs in several claims must be the same pointer, and must not change, to be compared once.
func (k *Coverage) Covers(c Claim) (missing string, ok bool) {
	s := k.s
	c.Account, c.Limits = k.about.Account, k.about.Limits
	if s == nil {
		return "*", false
	}
	role := c.Definition
	if role == nil {
		r, exists := s.Role(c.Role)
		if !exists {
			return c.Role, false
		}
		role = &r
	}
	if k.own == nil || c.Scope.IsZero() || !c.Limits.leavesPath(c.Scope) {
		return "*", false
	}
	asked := comparison{role: c.Role, definition: c.Definition}
	allowed, denied := k.counted(&c)
	asked.counted = keyOf(allowed, denied)
	if was, known := k.known[asked]; known {
		return was.missing, was.ok
	}
	h := s.holding()
	h.note(role)
	h.cut(k.own, c.Limits)
	for _, slot := range allowed {
		h.use(slot, false)
	}
	for _, slot := range denied {
		h.use(slot, true)
	}
	missing, ok = h.lacks(role)
	k.effort += patternEffort * h.patterns(role)
	k.known[asked] = covered{missing, ok}
	return missing, ok
}

// counted gives the roles whose bindings count for and against a claim, each once.
func (k *Coverage) counted(c *Claim) (allowed, denied []uint32) {
	look := func(slot uint32) {
		k.effort++
		if !k.s.weighs(c, slot) {
			return
		}
		if b := k.s.bindings.row(slot); b.deny() {
			denied = append(denied, b.role>>2)
		} else {
			allowed = append(allowed, b.role>>2)
		}
	}
	for _, g := range k.bound() {
		for e := range k.s.covering(g, c.Scope) {
			if e&denies == 0 {
				look(e & slotBits)
			}
		}
	}
	for _, slot := range k.denies {
		look(slot)
	}
	slices.Sort(allowed)
	slices.Sort(denied)
	return slices.Compact(allowed), slices.Compact(denied)
}

func keyOf(allowed, denied []uint32) string {
	key := binary.LittleEndian.AppendUint32(make([]byte, 0, 4*(len(allowed)+len(denied)+1)), uint32(len(allowed)))
	for _, list := range [2][]uint32{allowed, denied} {
		for _, slot := range list {
			key = binary.LittleEndian.AppendUint32(key, slot)
		}
	}
	return string(key)
}

// patterns is how many texts were compared: those of the role, of what bounds it, of the roles that count, and of all that these
// include.
func (h *holding) patterns(role *Role) int {
	of := func(r *Role) int { return 1 + len(r.Permissions) + len(r.Exclusions) }
	n := of(role)
	for _, def := range h.bounds {
		n += of(def)
	}
	for id := range h.noted {
		if def := h.def(id); def != nil {
			n += of(def)
		}
	}
	return n
}
