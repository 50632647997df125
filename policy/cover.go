package policy

import "strings"

// Covers reports whether an account surely holds everything that a role gives, at a scope and everywhere under it, during all of
// [start, end) that lies at or after now. It serves to refuse a binding, a role edit or a membership that would carry rights
// which the actor lacks. All times are Unix microseconds; a start or end of 0 is open.
//
// The answer is conservative. A permission is held if one allow binding, at the scope or above, counts for the organisation,
// applies throughout the dates and contains it, and if no deny that may apply during the dates, above, at or under the scope,
// may contain it. Patterns are compared as patterns, so that holding every permission of today is not holding wallets:*. Where a
// role cannot be read entirely, the actor's allows count for the least it may contain, and the wanted role and denies for the
// most.
// Asked about every organisation, "*", an allow must reach them all, and a deny counts that reaches any.
// If the window is empty it is taken to be open. A role that does not exist and an account that does not are not covered.
//
// missing names a permission or pattern that is not held; for a role that does not exist it is the role's id.
func (s *Snapshot) Covers(a Handle, org, role string, scope Path, start, end, now int64) (missing string, ok bool) {
	r, exists := s.Role(role)
	if !exists {
		return role, false
	}
	return s.CoversRole(a, org, r, scope, start, end, now)
}

// CoversRole is [Snapshot.Covers] for a definition that need not be stored. Its includes are looked up in the snapshot.
func (s *Snapshot) CoversRole(a Handle, org string, role Role, scope Path, start, end, now int64) (missing string, ok bool) {
	if s == nil {
		return "*", false
	}
	own := s.grantsOf(a)
	if own == nil || scope.IsZero() {
		return "*", false
	}
	want := span{from: now, end: end}
	if start != 0 {
		want.from = max(start, now)
	}
	if end != 0 && end <= want.from {
		want.end = 0
	}
	foreign := org != "" && org != s.org
	h := s.holding()
	h.note(&role)
	for _, g := range [2]grants{own, s.system[own.kind()]} {
		for _, e := range g.entries() {
			slot := uint32(e) &^ viaGroup
			b := s.bindings.row(slot)
			dates, reach := s.limitOf(slot, b)
			at := marked(s.scopes.name(b.scope))
			switch {
			case !s.within(reach, foreign, org) && !(b.deny() && org == "*"): // every org has the denies of each
			case b.deny():
				if dates.overlaps(want) && (at.Contains(scope) || scope.Contains(at)) {
					h.use(b)
				}
			case dates.contains(want) && at.Contains(scope):
				h.use(b)
			}
		}
	}
	return h.lacks(&role)
}

// span is the time from an instant to another, in Unix microseconds. An end of 0 is open; so is a from of 0, in a binding.
type span struct{ from, end int64 }

// contains and overlaps are methods of a binding's dates, asked about a wanted span, whose from is always an instant.
func (d span) contains(want span) bool {
	return (d.from == 0 || d.from <= want.from) && (d.end == 0 || want.end != 0 && want.end <= d.end)
}

func (d span) overlaps(want span) bool {
	return (d.end == 0 || want.from < d.end) && (d.from == 0 || want.end == 0 || d.from < want.end)
}

func (s *Snapshot) limitOf(slot uint32, b *bindingRow) (dates span, reach string) {
	if b.role&flagLimited == 0 {
		return span{}, ""
	}
	l := s.limits.at(slot)
	return span{l.start, l.end}, l.reach
}

// holding compares what bindings give with what a role gives, as patterns. Beside the catalog's permissions it looks at
// witnesses: for each pattern that occurs in one of the roles a name which no permission can have, so that only that pattern and
// wider ones cover it, and each name that occurs and is not in the catalog. Two sets made of these patterns and names are
// contained in one another exactly if they are on catalog and witnesses.
type holding struct {
	s       *Snapshot
	witness universe
	noted   map[string]bool // roles whose patterns are witnesses
	allows  []uint32        // role slots
	denies  []uint32
}

// fresh ends the witness of a pattern. Names never contain it.
const fresh = "\x00"

func (s *Snapshot) holding() *holding {
	h := &holding{s: s, noted: map[string]bool{}}
	h.witness.index = map[string]uint32{}
	h.enter("*")
	h.enter(ManagementPrefix + "*")
	return h
}

// enter makes a witness of a pattern's text. What cannot be read needs none: it counts as nothing or as everything.
func (h *holding) enter(text string) {
	p, err := ParsePattern(text)
	if err != nil {
		return
	}
	name := text
	if !p.IsExact() {
		name = strings.TrimSuffix(text, "*") + fresh
	} else if _, known := h.s.cat.index[name]; known {
		return
	}
	if _, known := h.witness.index[name]; !known {
		h.witness.index[name] = uint32(len(h.witness.spellings))
		h.witness.spellings = append(h.witness.spellings, []string{name})
	}
}

// note makes witnesses of everything a role says, and of what the roles say that it includes.
func (h *holding) note(r *Role) {
	for _, list := range [2][]string{r.Permissions, r.Exclusions} {
		for _, text := range list {
			h.enter(text)
		}
	}
	for _, id := range r.Includes {
		if def := h.def(id); def != nil && !h.noted[id] {
			h.noted[id] = true
			h.note(def)
		}
	}
}

func (h *holding) def(id string) *Role {
	slot, ok := h.s.roles.find(hashName(id), id)
	if !ok {
		return nil
	}
	return h.s.roles.row(slot).def
}

// use counts a binding.
func (h *holding) use(b *bindingRow) {
	slot := b.role >> 2
	if def := h.s.roles.row(slot).def; def != nil && !h.noted[def.ID] {
		h.noted[def.ID] = true
		h.note(def)
	}
	if b.deny() {
		h.denies = append(h.denies, slot)
	} else {
		h.allows = append(h.allows, slot)
	}
}

// lacks compares the bindings used with a role.
func (h *holding) lacks(role *Role) (missing string, ok bool) {
	c := h.s.cat
	held, touched := make(bitset, c.words()), make(bitset, c.words())
	for _, slot := range h.allows {
		held.add(h.s.roles.row(slot).least)
	}
	for _, slot := range h.denies {
		touched.add(h.s.roles.row(slot).most)
	}
	held.remove(touched)
	want := c.contents(*role, func(id string) (contents, bool) {
		slot, ok := h.s.roles.find(hashName(id), id)
		if !ok || h.s.roles.row(slot).def == nil {
			return contents{}, false
		}
		return h.s.roles.row(slot).contents, true
	})
	if i, ok := want.most.lacking(held); ok {
		return c.spellings[i][0], false
	}

	w := &h.witness
	of := h.over(w)
	held, touched = make(bitset, w.words()), make(bitset, w.words())
	for _, slot := range h.allows {
		if in, ok := of(h.s.roles.name(slot)); ok {
			held.add(in.least)
		}
	}
	for _, slot := range h.denies {
		if in, ok := of(h.s.roles.name(slot)); ok {
			touched.add(in.most)
		} else {
			touched.add(w.all())
		}
	}
	held.remove(touched)
	if i, ok := w.contents(*role, of).most.lacking(held); ok {
		name := w.spellings[i][0]
		if prefix, ok := strings.CutSuffix(name, fresh); ok {
			name = prefix + "*"
		}
		return name, false
	}
	return "", true
}

// over returns a function that works out roles over a universe, each once.
func (h *holding) over(u *universe) func(id string) (contents, bool) {
	memo := map[string]contents{}
	var of func(id string) (contents, bool)
	of = func(id string) (contents, bool) {
		def := h.def(id)
		if def == nil {
			return contents{}, false
		}
		in, done := memo[id]
		if !done {
			in = u.contents(*def, of)
			memo[id] = in
		}
		return in, true
	}
	return of
}
