package policy

import "iter"

// Snapshot is the compiled form of one organisation. It never changes, is safe for concurrent use, and shares most of its memory
// with the snapshots it was edited from. A nil snapshot denies everything with [ReasonUnavailable] and lists nothing.
type Snapshot struct {
	id         *stamp // what a [Subject] was found in
	cat        *Catalog
	code       *Roles
	conditions *Conditions
	org        string

	subjects table[grants]
	scopes   table[scopeRow]
	roles    table[roleRow]
	bindings table[bindingRow]
	terms    sparse[terms] // by the slots of bindings
	labels   labelsTable   // by the slots of subjects

	// system holds the entries of the system groups and of the groups these are in, by the kind of account they apply to:
	// keeping them out of every account's own entries makes a change of them independent of the number of accounts.
	system [3]grants
	// root lists the bindings made at Root; including lists the roles, stored and in code, that include others.
	root, including []uint32

	words, defined int // see Size
}

type scopeRow struct {
	tag  uint32 // see Path.tag
	refs uint32 // bindings made there
}

// bindingRow is a binding but for its name and its terms.
type bindingRow struct {
	subject, scope uint32
	role           uint32 // slot<<2, and the two flags below
}

const (
	flagTerms = 1 << 0 // has dates, a reach or a condition, or is not in force
	flagDeny  = 1 << 1
)

func (b bindingRow) deny() bool { return b.role&flagDeny != 0 }

// The slots that every organisation has.
const (
	slotRoot            = 1 // of the scopes
	slotUsers           = 1 // of the subjects
	slotServiceAccounts = 2 // of the subjects
)

// Model is what the organisations of one program have in common.
type Model struct {
	Catalog    *Catalog    // required
	Roles      *Roles      // declared in code and compiled for the catalog; nil if there are none
	Conditions *Conditions // nil: every condition is Unknown
}

// New returns the snapshot of an organisation that has nothing but the two system groups. It panics if the model has no catalog,
// or roles that were compiled for another: that is a mistake in the program.
func New(m Model, org string) *Snapshot {
	if m.Catalog == nil {
		panic("policy: New without a catalog")
	}
	s := &Snapshot{id: new(stamp), cat: m.Catalog, code: m.Roles, conditions: m.Conditions, org: org}
	if m.Roles != nil {
		if m.Roles.cat != m.Catalog {
			panic("policy: New with the roles of another catalog")
		}
		s.roles, s.including = m.Roles.table, m.Roles.including
	}
	own := new(stamp)
	s.scopes.add(own, hashName(rootText), rootText)
	*s.scopes.edit(own, slotRoot) = scopeRow{tag: rootTag, refs: 1}
	for _, id := range []string{GroupUsers, GroupServiceAccounts} {
		slot := s.subjects.add(own, hashName(id), id)
		*s.subjects.edit(own, slot) = packGrants(packed{kind: group, life: 1}, nil)
		s.words += len(*s.subjects.row(slot))
	}
	s.scopes.seal()
	s.subjects.seal()
	return s
}

// Org is the id of the organisation, "" for a nil snapshot.
func (s *Snapshot) Org() string {
	if s == nil {
		return ""
	}
	return s.org
}

// Account finds an account by its id.
func (s *Snapshot) Account(id string) (Handle, bool) {
	slot, g := s.subject(id)
	if k := g.kind(); k != User && k != ServiceAccount {
		return Handle{}, false
	}
	return Handle{slot: slot, life: g.life()}, true
}

// Slot returns the number of an account's or a group's id: small, the same in every snapshot edited from this one, and never given
// to another id. A program may keep facts of its own under it. An id that is gone keeps its number; false means that nothing ever
// named it.
func (s *Snapshot) Slot(id string) (uint32, bool) {
	if s == nil {
		return 0, false
	}
	return s.subjects.find(hashName(id), id)
}

// AccountOf returns the account that a handle stands for, false once it is removed.
func (s *Snapshot) AccountOf(h Handle) (Account, bool) {
	if s == nil {
		return Account{}, false
	}
	g := s.grantsOf(h)
	if g == nil {
		return Account{}, false
	}
	return s.account(h.slot, g), true
}

func (s *Snapshot) account(slot uint32, g grants) Account {
	a := Account{ID: s.subjects.name(slot), Kind: g.kind(), Labels: s.labels.at(slot)}
	if role := g.boundary(); role != 0 {
		a.Boundary = s.roles.name(role)
	}
	return a
}

// IsGroup reports whether a group, which may be a system group, has this id.
func (s *Snapshot) IsGroup(id string) bool {
	_, g := s.subject(id)
	return g.kind() == group
}

// Role finds a role, stored or declared in code, by its id.
func (s *Snapshot) Role(id string) (Role, bool) {
	if s == nil {
		return Role{}, false
	}
	slot, ok := s.roles.find(hashName(id), id)
	if !ok {
		return Role{}, false
	}
	def := s.roles.row(slot).def
	if def == nil {
		return Role{}, false
	}
	return def.clone(), true
}

// Binding finds a binding by its id.
func (s *Snapshot) Binding(id string) (Binding, bool) {
	if s == nil {
		return Binding{}, false
	}
	slot, ok := s.bindings.find(hashName(id), id)
	if !ok {
		return Binding{}, false
	}
	return s.binding(slot), true
}

func (s *Snapshot) binding(slot uint32) Binding {
	row := *s.bindings.row(slot)
	b := Binding{
		ID:      s.bindings.name(slot),
		Subject: s.subjects.name(row.subject),
		Role:    s.roles.name(row.role >> 2),
		Scope:   marked(s.scopes.name(row.scope)),
		Effect:  Allow,
	}
	if row.deny() {
		b.Effect = Deny
	}
	if row.role&flagTerms != 0 {
		l := s.terms.at(slot)
		b.Start, b.End, b.Reach, b.Eligible = l.start, l.end, l.reach, l.eligible
		if l.condition != nil {
			b.Condition = l.condition.source
		}
	}
	return b
}

// subject returns the slot and the packed form of an account, a group or a name of neither.
func (s *Snapshot) subject(id string) (uint32, grants) {
	if s == nil {
		return 0, nil
	}
	slot, ok := s.subjects.find(hashName(id), id)
	if !ok {
		return 0, nil
	}
	return slot, *s.subjects.row(slot)
}

// grantsOf returns the packed form of an account that exists, nil for every other handle.
func (s *Snapshot) grantsOf(h Handle) grants {
	n := h.slot / pageSize
	if n >= s.subjects.dir.len() {
		return nil
	}
	g := s.subjects.dir.at(n).cell[h.slot%pageSize].row
	if len(g) < 2 || uint32(g[0]>>32) != h.life {
		return nil
	}
	if k := Kind(g[0]); k != User && k != ServiceAccount {
		return nil
	}
	return g
}

// BindingsOf yields the bindings whose subject is this account or group itself, also while there is no such subject.
func (s *Snapshot) BindingsOf(subject string) iter.Seq[Binding] {
	return func(yield func(Binding) bool) {
		_, g := s.subject(subject)
		for b := range g.own() {
			if !yield(s.binding(b)) {
				return
			}
		}
	}
}

// BindingsOfRole yields the bindings that name this role, whether or not it exists. It looks at every binding.
func (s *Snapshot) BindingsOfRole(role string) iter.Seq[Binding] {
	return s.bindingsWhere(func() func(bindingRow) bool {
		slot, ok := s.roles.find(hashName(role), role)
		return func(row bindingRow) bool { return ok && row.role>>2 == slot }
	})
}

// Bindings yields every binding.
func (s *Snapshot) Bindings() iter.Seq[Binding] {
	return s.bindingsWhere(func() func(bindingRow) bool { return func(bindingRow) bool { return true } })
}

func (s *Snapshot) bindingsWhere(prepare func() func(bindingRow) bool) iter.Seq[Binding] {
	return func(yield func(Binding) bool) {
		if s == nil {
			return
		}
		wanted := prepare()
		for n, p := range s.bindings.dir.all() {
			for i := range p.cell {
				if row := p.cell[i].row; row.subject != 0 && wanted(row) && !yield(s.binding(n*pageSize+uint32(i))) {
					return
				}
			}
		}
	}
}

// NextBoundary returns the earliest instant after now, in Unix microseconds, at which a binding begins or ceases to apply, and
// false if there is none: until then no answer changes but where a condition reads the time. It looks at every binding that has
// dates.
func (s *Snapshot) NextBoundary(now int64) (int64, bool) {
	next, found := int64(0), false
	if s == nil {
		return next, found
	}
	for _, p := range s.terms.dir.all() {
		for _, l := range p.list {
			for _, t := range [2]int64{l.value.start, l.value.end} {
				if t != 0 && t > now && (!found || t < next) {
					next, found = t, true
				}
			}
		}
	}
	return next, found
}
