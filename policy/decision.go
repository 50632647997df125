package policy

// Handle finds an account in a [Snapshot] without a look-up. It stays valid in every snapshot edited from the one that gave it,
// and dies when the account is removed; it is never reused. It means nothing in the snapshot of another organisation. The zero
// value is no account.
type Handle struct{ slot, life uint32 }

// IsZero reports whether the handle is absent.
func (h Handle) IsZero() bool { return h == Handle{} }

// Query is one question to a [Snapshot].
type Query struct {
	Account    Handle
	Org        string // organisation of the resource; "" means the snapshot's own
	Permission Permission
	Path       Path
	Now        int64 // Unix microseconds
}

// Decision is the answer. The zero value denies.
type Decision struct {
	Allowed  bool
	Reason   Reason // why, as a stable code
	Binding  string // id of the deny, or of one sufficient allow, that decided
	Revision uint64 // the revision the answer was taken at; Decide leaves it to its caller
}

// Decide answers a query. It allocates nothing, reads no clock and has an answer for every input.
//
// It refuses, in this order: a nil snapshot (unavailable), an absent permission (missing_permission), one outside the catalog
// (unknown_permission), an absent path (missing_path), an account that is not there (unknown_account), a foreign organisation
// that no allow binding of the account reaches now (other_org), a deny that applies (denied), no allow that applies
// (no_binding). A binding applies if its subject is the account or a group it is in, its scope contains the path, its role
// contains the permission, it counts for the organisation and now is in its dates. Whether an account may be asked about
// foreign organisations at all is for the caller to say.
func (s *Snapshot) Decide(q Query) Decision {
	if s == nil {
		return Decision{Reason: ReasonUnavailable}
	}
	if q.Permission.name == "" {
		return Decision{Reason: ReasonMissingPermission}
	}
	perm, ok := s.cat.find(&q.Permission)
	if !ok {
		return Decision{Reason: ReasonUnknownPermission}
	}
	if q.Path.text == "" {
		return Decision{Reason: ReasonMissingPath}
	}
	own := s.grantsOf(q.Account)
	if own == nil {
		return Decision{Reason: ReasonUnknownAccount}
	}
	system := s.system[own.kind()]
	foreign := q.Org != "" && q.Org != s.org

	w := walk{s: s, q: &q, perm: perm, foreign: foreign}
	w.along(own)
	if len(system) > 0 {
		w.along(system)
	}
	switch {
	case foreign && w.allow == 0 && !s.reaches(own, system, q.Org, q.Now):
		return Decision{Reason: ReasonOtherOrg}
	case w.deny != 0:
		return Decision{Reason: ReasonDenied, Binding: s.bindings.name(w.deny)}
	case w.allow != 0:
		return Decision{Allowed: true, Reason: ReasonAllowed, Binding: s.bindings.name(w.allow)}
	}
	return Decision{Reason: ReasonNoBinding}
}

// walk collects the bindings that apply to a question.
type walk struct {
	s           *Snapshot
	q           *Query
	perm        uint32
	foreign     bool
	allow, deny uint32 // slots, 0 for none
}

// along looks in a subject's entries for those at the path and its ancestors.
func (w *walk) along(g grants) {
	p := &w.q.Path
	if uint32(g[1]) <= few && p.pairs <= tagCount {
		t0, t1, t2, t3 := p.tags[0], p.tags[1], p.tags[2], p.tags[3]
		for _, e := range g[2:][:uint32(g[1])] {
			switch uint32(e >> 32) {
			case rootTag, t0, t1, t2, t3:
				w.apply(uint32(e))
			}
		}
		return
	}
	f := g.finder()
	w.at(&f, rootTag)
	for _, tag := range p.tags[:min(p.pairs, tagCount)] {
		w.at(&f, tag)
	}
	if p.pairs > tagCount {
		c := climber{}
		for n := 0; c.next(p.text); n++ {
			if n >= tagCount {
				w.at(&f, c.tag())
			}
		}
	}
}

// at looks up the entries that bear a tag.
func (w *walk) at(f *finder, tag uint32) {
	i := 0
	if len(f.starts) > 0 {
		i = f.first(tag)
	}
	for ; i < len(f.entries); i++ {
		if t := uint32(f.entries[i] >> 32); t == tag {
			w.apply(uint32(f.entries[i]))
		} else if t > tag {
			return
		}
	}
}

// apply notes the binding of an entry if it applies.
func (w *walk) apply(e uint32) {
	s, slot := w.s, e&^viaGroup
	b := s.bindings.row(slot)
	role := s.roles.row(b.role >> 2)
	held := role.least
	if b.deny() {
		held = role.most
	}
	if !held.has(w.perm) || !s.counts(slot, b, w.foreign, w.q.Org, w.q.Now) {
		return
	}
	// Scopes may share a tag: the text decides.
	if b.scope != slotRoot && !within(s.scopes.name(b.scope), w.q.Path.text) {
		return
	}
	if b.deny() {
		w.deny = slot
	} else {
		w.allow = slot
	}
}

// counts reports whether a binding counts for an organisation at an instant.
func (s *Snapshot) counts(slot uint32, b *bindingRow, foreign bool, org string, now int64) bool {
	if b.role&flagLimited == 0 {
		return !foreign
	}
	l := s.limits.at(slot)
	return l.holds(now) && s.within(l.reach, foreign, org)
}

// within reports whether a reach holds the organisation of a question.
func (s *Snapshot) within(reach string, foreign bool, org string) bool {
	if foreign {
		return reach == "*" || reach == org
	}
	return reach == "" || reach == "*" || reach == s.org
}

// reaches reports whether some allow binding of the account counts for a foreign organisation at an instant.
func (s *Snapshot) reaches(own, system grants, org string, now int64) bool {
	for _, g := range [2]grants{own, system} {
		for _, e := range g.entries() {
			slot := uint32(e) &^ viaGroup
			if b := s.bindings.row(slot); !b.deny() && s.counts(slot, b, true, org, now) {
				return true
			}
		}
	}
	return false
}
