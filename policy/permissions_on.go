package policy

import (
	"iter"
	"slices"
)

// Permissions is what an account may do at one path. The zero value holds nothing.
type Permissions struct {
	// Reason is [ReasonAllowed] if anything is held; otherwise it is the rule that left nothing, [ReasonDenied] if a deny applies.
	Reason Reason
	// Partial reports that there is more which hangs on conditions that are unknown. It is not among what is held.
	Partial bool
	// Missing names, in order and each once, the attributes that these conditions lacked; after And, those that either side's did.
	Missing  []string
	Revision uint64 // the revision the answer was taken at; PermissionsOn leaves it to its caller

	cat       *Catalog
	set, open bitset // held; not held, and would be if conditions came out well
}

// Has reports whether a permission is held, by its name or an alias.
func (p Permissions) Has(name string) bool {
	if p.cat == nil {
		return false
	}
	i, ok := p.cat.index[name]
	return ok && p.set.has(i)
}

// All yields the names of the permissions held, in the order of the catalog.
func (p Permissions) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		if p.cat == nil {
			return
		}
		for i := range p.cat.specs {
			if p.set.has(uint32(i)) && !yield(p.cat.specs[i].Name) {
				return
			}
		}
	}
}

// Names is All as a list.
func (p Permissions) Names() []string { return slices.Collect(p.All()) }

// And returns what is left of the permissions of an account when an actor uses them on its behalf: those that the actor holds
// too. If that leaves nothing the reason is [ReasonDelegation].
func (p Permissions) And(actor Permissions) Permissions {
	if p.cat == nil {
		return p
	}
	out := Permissions{Reason: p.Reason, Revision: min(p.Revision, actor.Revision), cat: p.cat, set: make(bitset, p.cat.words())}
	out.open = slices.Clone(out.set)
	if actor.cat == p.cat {
		out.set.add(p.set)
		out.set.keep(actor.set)
		most := slices.Clone(actor.set)
		most.add(actor.open)
		out.open.add(p.set)
		out.open.add(p.open)
		out.open.keep(most)
		out.open.remove(out.set)
	}
	if out.Partial = !out.open.empty(); out.Partial {
		out.Missing = slices.Concat(p.Missing, actor.Missing)
		slices.Sort(out.Missing)
		out.Missing = slices.Compact(out.Missing)
	}
	if p.Reason == ReasonAllowed && out.set.empty() {
		out.Reason = ReasonDelegation
	}
	return out
}

// PermissionsOn answers what an account may do at a path: exactly the permissions of the catalog that [Snapshot.Decide] allows
// there, whatever permission the query names. It goes once through the bindings that cover the path, and asks
// each condition once, since no condition can read the permission.
func (s *Snapshot) PermissionsOn(q Query) Permissions {
	if s == nil {
		return Permissions{Reason: ReasonUnavailable}
	}
	if q.Path.text == "" {
		return Permissions{Reason: ReasonMissingPath}
	}
	own := s.found(&q)
	if own == nil {
		return Permissions{Reason: ReasonUnknownAccount}
	}
	system := s.system[own.kind()]
	foreign := s.foreign(q.Org)
	if foreign && !s.reaches(own, system, q.Org, q.Now) {
		return Permissions{Reason: ReasonOtherOrg}
	}
	n := s.cat.words()
	words := make(bitset, 3*n)
	p := Permissions{Reason: ReasonAllowed, cat: s.cat, set: words[:n]} // what sure allows give, first of all
	may, denied := words[n:2*n], words[2*n:]                            // what unknown allows give; what sure denies take
	var doubts []doubt
	for _, g := range [2]grants{own, system} {
		for e := range s.covering(g, q.Path) {
			slot := e & slotBits
			b := s.bindings.row(slot)
			if !s.counts(slot, b, foreign, q.Org, q.Now) {
				continue
			}
			t, missing := True, ""
			if b.role&flagTerms != 0 {
				t, missing = s.outcome(slot, &q)
			}
			set := s.concerns(b)
			switch {
			case t == False:
			case b.deny() && t == True:
				denied.add(set)
			case t == True:
				p.set.add(set)
			default:
				if !b.deny() {
					may.add(set)
				}
				doubts = append(doubts, doubt{set: set, deny: b.deny(), missing: missing})
			}
		}
	}
	p.settle(s, &q, own, may, denied, doubts)
	return p
}

// doubt is a binding whose condition is unknown.
type doubt struct {
	set     bitset
	deny    bool
	missing string
}

// settle takes from what the allows give whatever the other rules take.
func (p *Permissions) settle(s *Snapshot, q *Query, own grants, may, denied bitset, doubts []doubt) {
	because := func(r Reason) {
		if p.Reason == ReasonAllowed && p.set.empty() {
			p.Reason = r
		}
	}
	if denied.empty() && !slices.ContainsFunc(doubts, func(d doubt) bool { return d.deny }) {
		because(ReasonNoBinding)
	}
	sure := slices.Clone(p.set)
	for _, b := range [3]bitset{p.set, sure, may} {
		b.remove(denied)
	}
	for _, d := range doubts {
		if d.deny {
			p.set.remove(d.set)
		}
	}
	because(ReasonDenied)
	if own[0]&bounded != 0 {
		bound := s.roles.row(own.boundary()).least
		for _, b := range [3]bitset{p.set, sure, may} {
			b.keep(bound)
		}
	}
	because(ReasonBoundary)
	if l := q.Limits; l != nil {
		for _, b := range [3]bitset{p.set, sure, may} {
			l.cut(b, q.Path)
		}
	}
	because(ReasonTokenLimits)

	p.open = may
	p.open.add(sure)
	p.open.remove(p.set)
	for _, d := range doubts {
		matters := d.set.meets(p.open)
		if !d.deny { // what is sure does not wait for it
			d.set = slices.Clone(d.set)
			d.set.remove(sure)
			matters = d.set.meets(p.open)
		}
		if matters && d.missing != "" {
			p.Missing = append(p.Missing, d.missing)
		}
	}
	p.Partial = !p.open.empty()
	slices.Sort(p.Missing)
	p.Missing = slices.Compact(p.Missing)
}
