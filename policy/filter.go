package policy

import "slices"

// Filter is a decision for every path at once: it matches what lies at or under an allowed scope and neither at nor under a
// denied one. [Snapshot.Filter] makes it; it speaks of the snapshot and of the instant that it was made for. It never changes
// and is safe for concurrent use. The zero value matches nothing.
type Filter struct {
	// No allowed scope lies under a denied one, and every denied scope lies under an allowed one.
	allowed, denied antichain
	missing         []string // sorted
	partial         bool
	reason          Reason
}

// RefuseAll returns the filter that matches nothing, for a reason.
func RefuseAll(r Reason) Filter { return Filter{reason: r} }

// newFilter brings the scopes into the form that a filter keeps.
func newFilter(allowed, denied antichain, reason Reason) Filter {
	allowed = allowed.outside(denied)
	return Filter{allowed: allowed, denied: denied.inside(allowed), reason: reason}
}

// Match reports whether the filter matches a path. It allocates nothing; the cost grows with the logarithm of the number of
// scopes. The zero Path is never matched.
func (f Filter) Match(p Path) bool {
	return p.text != "" && f.allowed.covers(p.text) && !f.denied.covers(p.text)
}

// Allowed returns the scopes at and under which the filter matches, but for what [Filter.Denied] takes away. None lies under
// another or under a denied one. They are ordered by their texts, a slash before every other byte, so that what lies under a
// scope would follow it.
func (f Filter) Allowed() []Path { return f.allowed.paths() }

// Denied returns the scopes at and under which the filter does not match. None lies under another, and each lies under an
// allowed one. They are ordered like those of [Filter.Allowed].
func (f Filter) Denied() []Path { return f.denied.paths() }

// Everything reports whether the filter matches every path.
func (f Filter) Everything() bool { return f.allowed.covers(rootText) && len(f.denied) == 0 }

// Nothing reports whether the filter matches no path.
func (f Filter) Nothing() bool { return len(f.allowed) == 0 }

// Reason says why the filter matches nothing; it is [ReasonAllowed] for a filter that matches something.
func (f Filter) Reason() Reason { return f.reason }

// Because returns the filter with another reason for matching nothing. A filter that matches something stays what it is.
func (f Filter) Because(r Reason) Filter {
	if f.Nothing() {
		f.reason = r
	}
	return f
}

// Partial reports whether a condition could not be decided for all paths at once, where its outcome may matter: it reads the
// path, or lacks the attributes that are returned, or failed. There may then be paths that the filter does not match although
// [Snapshot.Decide] allows them; there are none that it matches and Decide does not allow.
func (f Filter) Partial() (missing []string, partial bool) { return slices.Clone(f.missing), f.partial }

// And returns the filter that matches what both match. It is partial if one of them is and the other does not refuse
// everything.
func (f Filter) And(other Filter) Filter {
	switch {
	case f.Nothing() && !f.partial:
		return f
	case other.Nothing() && !other.partial:
		return other
	}
	denied := antichainOf(slices.Concat(f.denied, other.denied))
	both := newFilter(f.allowed.meet(other.allowed), denied, ReasonAllowed)
	both.partial = f.partial || other.partial
	both.missing = slices.Compact(slices.Sorted(slices.Values(slices.Concat(f.missing, other.missing))))
	switch {
	case !both.Nothing():
	case f.Nothing():
		both.reason = f.reason
	case other.Nothing():
		both.reason = other.reason
	default:
		both.reason = ReasonNoBinding
	}
	return both
}

// Filter answers on which paths a query is allowed. The path of the query is ignored.
//
// Unless the filter is partial, it matches a path exactly if [Snapshot.Decide] allows the query there. The outcome of a
// condition may depend on the path, so conditions are asked without one; where one is then Unknown, an allow gives nothing and a
// deny denies its whole scope.
//
// The cost grows with the number of bindings of the account and its groups. Each condition is asked once.
func (s *Snapshot) Filter(q Query) Filter {
	if s == nil {
		return RefuseAll(ReasonUnavailable)
	}
	if q.Permission.IsZero() {
		return RefuseAll(ReasonMissingPermission)
	}
	perm, ok := s.cat.find(&q.Permission)
	if !ok {
		return RefuseAll(ReasonUnknownPermission)
	}
	own := s.found(&q)
	if own == nil {
		return RefuseAll(ReasonUnknownAccount)
	}
	q.Path = Path{}
	h := harvest{s: s, q: &q, perm: perm, foreign: s.foreign(q.Org)}
	system := s.system[own.kind()]
	if h.foreign && !s.reaches(own, system, q.Org, q.Now) {
		return RefuseAll(ReasonOtherOrg)
	}
	h.gather(own)
	h.gather(system)
	return h.filter(own)
}

// harvest gathers the scopes at which bindings apply to a query.
type harvest struct {
	s       *Snapshot
	q       *Query
	perm    uint32
	foreign bool

	allowed, denied []string // without doubt
	open            []undecided
	asked           map[*condition]answer
}

// undecided is a binding whose condition is Unknown, though with another path it may not be.
type undecided struct {
	scope   string
	deny    bool
	missing string
}

// answer is what a condition says.
type answer struct {
	truth   Truth
	missing string
}

// gather looks at every entry of a subject.
func (h *harvest) gather(g grants) {
	s := h.s
	for _, e := range g.entries() {
		slot := uint32(e) & slotBits
		b := s.bindings.row(slot)
		if !s.concerns(b).has(h.perm) || !s.counts(slot, b, h.foreign, h.q.Org, h.q.Now) {
			continue
		}
		scope := s.scopes.name(b.scope)
		a := answer{truth: True}
		if b.role&flagTerms != 0 {
			c := s.terms.at(slot).condition
			if a = h.ask(c, slot); a.truth == Unknown && c.means != nil {
				h.open = append(h.open, undecided{scope, b.deny(), a.missing})
				continue
			}
		}
		switch {
		case b.deny() && a.truth != False:
			h.denied = append(h.denied, scope)
		case !b.deny() && a.truth == True:
			h.allowed = append(h.allowed, scope)
		}
	}
}

// ask is the answer of the condition c, which may be nil, of a binding. It is the same for every binding that has it.
func (h *harvest) ask(c *condition, slot uint32) answer {
	if c == nil {
		return answer{truth: True}
	}
	a, known := h.asked[c]
	if !known {
		a.truth, a.missing = h.s.outcome(slot, h.q)
		if h.asked == nil {
			h.asked = map[*condition]answer{}
		}
		h.asked[c] = a
	}
	return a
}

// filter weighs what was gathered for an account, in the order in which a decision does.
func (h *harvest) filter(own grants) Filter {
	denied := antichainOf(h.denied)
	allowed := antichainOf(h.allowed).outside(denied)
	all := slices.Clone(denied)
	for _, d := range h.open {
		if d.deny {
			all = append(all, d.scope)
		}
	}
	all = antichainOf(all)

	beyond := ReasonUnspecified // why the permission is held nowhere, whatever the bindings give
	left := antichain{rootText}
	switch l := h.q.Limits; {
	case h.s.outOfBounds(own, h.perm):
		beyond = ReasonBoundary
	case !l.leavesPermission(h.perm):
		beyond = ReasonTokenLimits
	case l != nil && !l.path.IsZero():
		left = antichain{l.path.text}
	}
	here := allowed.meet(left)
	reason := ReasonAllowed
	switch {
	case all.covers(rootText), len(allowed) == 0 && len(h.allowed) > 0:
		reason = ReasonDenied
	case len(allowed) == 0:
		reason = ReasonNoBinding
	case beyond != ReasonUnspecified:
		reason = beyond
	case len(here) == 0:
		reason = ReasonTokenLimits
	}
	if beyond != ReasonUnspecified {
		return RefuseAll(reason)
	}
	f := newFilter(here, all, reason)
	if f.Nothing() && reason == ReasonAllowed {
		f.reason = ReasonDenied
	}
	for _, d := range h.matter(here, denied, left) {
		f.partial = true
		if d.missing != "" {
			f.missing = append(f.missing, d.missing)
		}
	}
	slices.Sort(f.missing)
	f.missing = slices.Compact(f.missing)
	return f
}

// matter returns the undecided bindings that may make a difference somewhere: an allow that would add to what is allowed, a deny that would
// take from that or from what may be added. What is denied without doubt, or lies outside of what is left, stays refused.
func (h *harvest) matter(allowed, denied, left antichain) []undecided {
	var matter []undecided
	may := slices.Clone(allowed)
	for _, deny := range [2]bool{false, true} {
		may = antichainOf(may)
		for _, d := range h.open {
			if d.deny != deny {
				continue
			}
			for _, at := range left.meet(antichain{d.scope}) {
				switch {
				case denied.covers(at):
				case !deny && !allowed.covers(at):
					may = append(may, at)
					matter = append(matter, d)
				case deny && may.touches(at):
					matter = append(matter, d)
				}
			}
		}
	}
	return matter
}
