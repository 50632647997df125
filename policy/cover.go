package policy

import "strings"

// Claim is a question about everything that a role gives, at a scope and everywhere under it, during a span of time.
type Claim struct {
	Account    Handle
	Limits     *Limits // of the account's token; nil takes nothing away
	Org        string  // organisation of the resources; "" means the snapshot's own, "*" every one
	Role       string  // id of the role
	Definition *Role   // instead of Role: a definition that need not be stored; its includes are looked up
	Scope      Path
	Start, End int64 // Unix microseconds; 0 is open. An empty span is taken to be open
	Now        int64 // what lies before it does not matter
	// Condition is the source of the condition under which the role would be given, "" for none.
	Condition string
}

// Covers reports whether an account surely holds all that is claimed. It serves to refuse a binding, a role edit or a
// membership that would carry rights which the actor lacks.
//
// The answer is conservative. A permission is held if one allow binding, at the scope or above, counts for the organisation,
// applies throughout the span and contains it, if the account's boundary and the limits contain it, and if no deny that may
// apply during the span, above, at or under the scope, may contain it. Patterns are compared as patterns, so that holding
// every permission of today is not holding wallets:*. Where a role cannot be read entirely, the actor's allows count for the
// least it may contain, and the wanted role and denies for the most. What is only eligible is not held. An allow with a condition counts only for a claim with the
// same condition, and only if its outcome does not depend on who asks; a deny counts whatever its condition. Claimed for every
// organisation, an allow must reach them all, and a deny counts that reaches any. A role that does not exist and an account that
// does not are not covered.
//
// missing names a permission or pattern that is not held; for a role that does not exist it is the role's id. Whoever claims much
// of one account asks a [Coverage].
func (s *Snapshot) Covers(c Claim) (missing string, ok bool) {
	return s.Coverage(c.Account, c.Limits).Covers(c)
}

// weighs reports whether a binding of the account counts for or against a claim.
func (s *Snapshot) weighs(c *Claim, slot uint32) bool {
	b := s.bindings.row(slot)
	var l terms
	if b.role&flagTerms != 0 {
		l = *s.terms.at(slot)
	}
	dates, want := span{l.start, l.end}, c.span()
	at := Path{text: s.scopes.name(b.scope)} // only to be compared
	switch {
	case !s.within(l.reach, s.foreign(c.Org), c.Org) && !(b.deny() && c.Org == "*"): // every org has the denies of each
		return false
	case b.deny():
		return dates.overlaps(want) && (at.Contains(c.Scope) || c.Scope.Contains(at))
	case l.eligible, l.condition != nil && (l.condition.source != c.Condition || l.condition.ofPrincipal()):
		return false
	}
	return dates.contains(want) && at.Contains(c.Scope)
}

func (c *Claim) span() span {
	want := span{from: c.Now, end: c.End}
	if c.Start != 0 {
		want.from = max(c.Start, c.Now)
	}
	if c.End != 0 && c.End <= want.from {
		want.end = 0
	}
	return want
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
	bounds  []*Role // everything held is in each of them
}

// fresh ends the witness of a pattern. Names never contain it.
const fresh = "\x00"

// called is the name of a position, or the pattern that it is the witness of.
func (u *universe) called(i uint32) string {
	name := u.spellings[i][0]
	if prefix, ok := strings.CutSuffix(name, fresh); ok {
		name = prefix + "*"
	}
	return name
}

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

// use counts a role that is bound.
func (h *holding) use(slot uint32, deny bool) {
	if def := h.s.roles.row(slot).def; def != nil && !h.noted[def.ID] {
		h.noted[def.ID] = true
		h.note(def)
	}
	if deny {
		h.denies = append(h.denies, slot)
	} else {
		h.allows = append(h.allows, slot)
	}
}

// cut takes away what the account's boundary and the limits do not contain.
func (h *holding) cut(own grants, l *Limits) {
	if slot := own.boundary(); slot != 0 {
		def := h.s.roles.row(slot).def
		if def == nil {
			def = &Role{}
		}
		h.bounds = append(h.bounds, def)
	}
	if l != nil && l.permissions != nil {
		h.bounds = append(h.bounds, &Role{Permissions: l.texts})
	}
	for _, def := range h.bounds {
		h.note(def)
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
	stored := func(id string) (contents, bool) {
		slot, ok := h.s.roles.find(hashName(id), id)
		if !ok || h.s.roles.row(slot).def == nil {
			return contents{}, false
		}
		return h.s.roles.row(slot).contents, true
	}
	for _, def := range h.bounds {
		held.keep(c.contents(*def, stored).least)
	}
	want := c.contents(*role, stored)
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
	for _, def := range h.bounds {
		held.keep(w.contents(*def, of).least)
	}
	if i, ok := w.contents(*role, of).most.lacking(held); ok {
		return w.called(i), false
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
