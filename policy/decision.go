package policy

import "math/bits"

// Handle finds an account in a [Snapshot] without a look-up. It stays valid in every snapshot edited from the one that gave it,
// and dies when the account is removed; it is never reused. It means nothing in the snapshot of another organisation. The zero
// value is no account.
type Handle struct{ slot, life uint32 }

// IsZero reports whether the handle is absent.
func (h Handle) IsZero() bool { return h == Handle{} }

// Subject is an account as one snapshot has it. Finding it once saves every later question to that snapshot the look-up; in
// another snapshot it is ignored. The zero value is no account.
type Subject struct {
	of      *stamp
	account Handle
	g       grants
}

// Find looks an account up. It gives the zero Subject if the account is not there.
func (s *Snapshot) Find(a Handle) Subject {
	if s == nil {
		return Subject{}
	}
	if g := s.grantsOf(a); g != nil {
		return Subject{of: s.id, account: a, g: g}
	}
	return Subject{}
}

// Query is one question to a [Snapshot].
type Query struct {
	Account    Handle
	Found      *Subject // optional: what [Snapshot.Find] gave for Account
	Org        string   // organisation of the resource; "" means the snapshot's own
	Permission Permission
	Path       Path
	Now        int64   // Unix microseconds
	Attrs      *Attrs  // what conditions read; may be nil
	Limits     *Limits // of the token; nil takes nothing away
}

// Decision is the answer. The zero value denies.
type Decision struct {
	Allowed  bool
	Reason   Reason // why, as a stable code
	Binding  string // id of the deny, or of one sufficient allow, that decided
	Missing  string // an attribute that a condition lacked, where that may have made the difference
	Revision uint64 // the revision the answer was taken at; Decide leaves it to its caller
}

// Decide answers a query, which it neither keeps nor changes. Unless it meets a condition it allocates nothing; it reads no clock and has an answer for every input.
//
// It refuses, in this order: a nil snapshot (unavailable), an absent permission (missing_permission), one outside the catalog
// (unknown_permission), an absent path (missing_path), an account that is not there (unknown_account), a foreign organisation
// that no allow binding of the account reaches now (other_org), a deny that applies (denied), no allow that applies
// (no_binding), what the boundary of the account does not contain (boundary) and what the limits do not leave (token_limits).
//
// A binding applies if its subject is the account or a group it is in, its scope contains the path, its role contains the
// permission, it counts for the organisation, now is in its dates, and its condition is true, or for a deny not false. Whether
// an account may be asked about foreign organisations at all is for the caller to say.
func (s *Snapshot) Decide(q *Query) Decision {
	if s == nil {
		return Decision{Reason: ReasonUnavailable}
	}
	if q.Permission.IsZero() {
		return Decision{Reason: ReasonMissingPermission}
	}
	perm, ok := s.cat.find(&q.Permission)
	if !ok {
		return Decision{Reason: ReasonUnknownPermission}
	}
	if q.Path.text == "" {
		return Decision{Reason: ReasonMissingPath}
	}
	own := s.found(q)
	if own == nil {
		return Decision{Reason: ReasonUnknownAccount}
	}
	system := s.system[own.kind()]

	w := walk{s: s, q: q, perm: perm, foreign: s.foreign(q.Org)}
	w.along(own)
	if len(system) > 0 {
		w.along(system)
	}
	switch {
	case w.foreign && w.allow == 0 && !s.reaches(own, system, q.Org, q.Now):
		return Decision{Reason: ReasonOtherOrg}
	case w.sure:
		return Decision{Reason: ReasonDenied, Binding: s.bindings.name(w.deny)}
	case w.deny != 0:
		return Decision{Reason: ReasonDenied, Binding: s.bindings.name(w.deny), Missing: s.missing(q, w.deny)}
	case w.allow == 0 && w.doubtful != 0:
		return Decision{Reason: ReasonNoBinding, Missing: s.missing(q, w.doubtful)}
	case w.allow == 0:
		return Decision{Reason: ReasonNoBinding}
	case s.outOfBounds(own, perm):
		return Decision{Reason: ReasonBoundary}
	case q.Limits != nil && !(q.Limits.leavesPermission(perm) && q.Limits.leavesPath(q.Path)):
		return Decision{Reason: ReasonTokenLimits}
	}
	return Decision{Allowed: true, Reason: ReasonAllowed, Binding: s.bindings.name(w.allow)}
}

// found returns the packed form of the account of a query, nil if it is not there.
func (s *Snapshot) found(q *Query) grants {
	if q.Found != nil && q.Found.of == s.id && q.Found.account == q.Account {
		return q.Found.g
	}
	return s.grantsOf(q.Account)
}

// foreign reports whether an organisation is another than the snapshot's own.
func (s *Snapshot) foreign(org string) bool { return org != "" && org != s.org }

// walk collects the bindings that apply to a question.
type walk struct {
	s           *Snapshot
	q           *Query
	perm        uint32
	foreign     bool
	allow, deny uint32 // slots, 0 for none
	sure        bool   // some deny counts without doubt
	doubtful    uint32 // slot of an allow whose condition is unknown
}

// along looks in a subject's entries for those at the path and its ancestors.
func (w *walk) along(g grants) {
	p := &w.q.Path
	if uint32(g[1]) <= few && p.pairs <= tagCount {
		t0, t1, t2, t3 := p.tags[0], p.tags[1], p.tags[2], p.tags[3]
		// Six bits of each tag say which entries are worth a look; that they are found without a branch saves more than it costs.
		sought := uint64(1)<<(rootTag>>26) | 1<<(t0>>26) | 1<<(t1>>26) | 1<<(t2>>26) | 1<<(t3>>26)
		entries, found := g[2:][:uint32(g[1])], uint32(0)
		for i, e := range entries {
			found |= uint32(sought>>(e>>58)&1) << i
		}
		for ; found != 0; found &= found - 1 {
			e := entries[bits.TrailingZeros32(found)]
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
	if w.sure || w.allow != 0 && e&denies == 0 {
		return // it could change nothing
	}
	s, slot := w.s, e&slotBits
	b := s.bindings.row(slot)
	if !s.concerns(b).has(w.perm) || !s.counts(slot, b, w.foreign, w.q.Org, w.q.Now) {
		return
	}
	// Scopes may share a tag: the text decides.
	if b.scope != slotRoot && !within(s.scopes.name(b.scope), w.q.Path.text) {
		return
	}
	t := True
	if b.role&flagTerms != 0 {
		t, _ = s.outcome(slot, w.q)
	}
	switch {
	case b.deny() && t == True:
		w.deny, w.sure = slot, true
	case b.deny() && t == Unknown && !w.sure:
		w.deny = slot
	case b.deny():
	case t == True:
		w.allow = slot
	case t == Unknown:
		w.doubtful = slot
	}
}

// missing is what the condition of a binding lacks.
func (s *Snapshot) missing(q *Query, slot uint32) string {
	_, missing := s.outcome(slot, q)
	return missing
}

// concerns is what a binding gives, or denies: of its role, an allow counts for the least that it may contain and a deny for the
// most.
func (s *Snapshot) concerns(b *bindingRow) bitset {
	role := s.roles.row(b.role >> 2)
	if b.deny() {
		return role.most
	}
	return role.least
}

// outOfBounds reports whether the boundary of an account, if it has one, lacks a permission.
func (s *Snapshot) outOfBounds(own grants, perm uint32) bool {
	return own[0]&bounded != 0 && !s.roles.row(own.boundary()).least.has(perm)
}

// outcome asks the condition of a binding that has terms.
func (s *Snapshot) outcome(slot uint32, q *Query) (Truth, string) {
	c := s.terms.at(slot).condition
	if c == nil {
		return True, ""
	}
	org := q.Org
	if org == "" {
		org = s.org
	}
	return c.eval(&Env{
		account: s.subjects.name(q.Account.slot), kind: s.found(q).kind(), labels: s.labels.at(q.Account.slot), org: org, path: q.Path, now: q.Now, attrs: q.Attrs,
		schema: s.conditions.Schema(),
	})
}

// counts reports whether a binding counts for an organisation at an instant, its condition apart.
func (s *Snapshot) counts(slot uint32, b *bindingRow, foreign bool, org string, now int64) bool {
	if b.role&flagTerms == 0 {
		return !foreign
	}
	l := s.terms.at(slot)
	return !l.eligible && l.holds(now) && s.within(l.reach, foreign, org)
}

// within reports whether a reach holds the organisation of a question.
func (s *Snapshot) within(reach string, foreign bool, org string) bool {
	if foreign {
		return reach == "*" || reach == org
	}
	return reach == "" || reach == "*" || reach == s.org
}

// reaches reports whether some allow binding of the account counts for a foreign organisation at an instant, its condition
// apart.
func (s *Snapshot) reaches(own, system grants, org string, now int64) bool {
	for _, g := range [2]grants{own, system} {
		for _, e := range g.entries() {
			slot := uint32(e) & slotBits
			if b := s.bindings.row(slot); !b.deny() && s.counts(slot, b, true, org, now) {
				return true
			}
		}
	}
	return false
}
