package policy

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Holder is an account that may do something.
type Holder struct {
	Account string
	Kind    Kind
	Binding string // id of an allow that gives it: of several, one of its own before one of a group, then the first id
	// Via are the ids of the groups that lead from the account to the subject of Binding, which comes last; none if the binding
	// is the account's own.
	Via []string
	// Conditional: it may or may not, depending on a condition that is unknown here. Missing is an attribute that this condition
	// lacked, if it named one.
	Conditional bool
	Missing     string
}

// WhoCan yields the accounts that have a permission at a path, in the order of their ids: those for which [Snapshot.Decide]
// allows, and those for which it denies only because a condition is unknown, marked as Conditional. Account, Found and Limits of
// the query are ignored: nobody's token is in question. Its attributes are those of a request that any of them might make. What
// is named principal.* says something of whoever asks and nothing of others, so it counts as missing, the id, the kind
// and the labels of each account excepted.
//
// Asked about a foreign organisation, it yields the accounts of its own that reach that one. It looks at every binding once, and
// then only at the accounts that an allow concerns, which it collects before it yields the first.
func (s *Snapshot) WhoCan(q Query) iter.Seq[Holder] {
	return func(yield func(Holder) bool) {
		if s == nil || q.Permission.IsZero() || q.Path.text == "" {
			return
		}
		perm, ok := s.cat.find(&q.Permission)
		if !ok {
			return
		}
		q := q // the caller may range twice
		q.Attrs, q.Found, q.Limits = q.Attrs.OfRequest(), nil, nil
		found := slices.SortedFunc(s.accounts(s.givers(&q, perm)...), func(a, b uint32) int {
			return cmp.Compare(s.subjects.name(a), s.subjects.name(b))
		})
		for _, account := range found {
			if h, ok := s.holder(q, perm, account); ok && !yield(h) {
				return
			}
		}
	}
}

// OfRequest returns the attributes that say nothing of the caller, for questions about other accounts than the caller: their
// principal.* attributes count as not set.
func (a *Attrs) OfRequest() *Attrs {
	if a == nil {
		return nil
	}
	return &Attrs{list: slices.DeleteFunc(slices.Clone(a.list), func(x attr) bool { return strings.HasPrefix(x.name, principalPrefix) })}
}

// givers returns the subjects of the allows that may apply, each once.
func (s *Snapshot) givers(q *Query, perm uint32) []uint32 {
	at := []uint32{slotRoot}
	for c := (climber{}); c.next(q.Path.text); {
		text := q.Path.text[:c.end]
		if slot, ok := s.scopes.find(hashName(text), text); ok {
			at = append(at, slot)
		}
	}
	foreign := s.foreign(q.Org)
	subjects := map[uint32]bool{}
	for n, p := range s.bindings.dir.all() {
		for i := range p.cell {
			b := &p.cell[i].row
			if b.subject != 0 && !b.deny() && slices.Contains(at, b.scope) && s.concerns(b).has(perm) &&
				s.counts(n*pageSize+uint32(i), b, foreign, q.Org, q.Now) {
				subjects[b.subject] = true
			}
		}
	}
	return slices.Collect(maps.Keys(subjects))
}

// holder answers for one account.
func (s *Snapshot) holder(q Query, perm, account uint32) (Holder, bool) {
	own := *s.subjects.row(account)
	if s.outOfBounds(own, perm) {
		return Holder{}, false
	}
	q.Account = Handle{slot: account, life: own.life()}
	q.Found = &Subject{of: s.id, account: q.Account, g: own}
	foreign := s.foreign(q.Org)
	var allow, may, deny choice
	for i, g := range [2]grants{own, s.system[own.kind()]} {
		for e := range s.covering(g, q.Path) {
			w := walk{s: s, q: &q, perm: perm, foreign: foreign}
			w.apply(e)
			if w.sure {
				return Holder{}, false
			}
			direct := i == 0 && e&viaGroup == 0
			allow.offer(s, w.allow, direct)
			may.offer(s, w.doubtful, direct)
			deny.offer(s, w.deny, direct)
		}
	}
	given := allow
	if given.slot == 0 {
		given = may
	}
	if given.slot == 0 {
		return Holder{}, false
	}
	h := Holder{Account: s.subjects.name(account), Kind: own.kind(), Binding: s.bindings.name(given.slot)}
	if !given.direct {
		h.Via = s.via(s.lineage(account), s.bindings.row(given.slot).subject)
	}
	switch {
	case deny.slot != 0:
		h.Conditional, h.Missing = true, s.missing(&q, deny.slot)
	case allow.slot == 0:
		h.Conditional, h.Missing = true, s.missing(&q, may.slot)
	}
	return h, true
}

// choice is the binding that is named, of several that would do.
type choice struct {
	slot   uint32
	direct bool
}

func (c *choice) offer(s *Snapshot, slot uint32, direct bool) {
	if slot == 0 || c.slot != 0 && (c.direct && !direct || c.direct == direct && s.bindings.name(c.slot) <= s.bindings.name(slot)) {
		return
	}
	*c = choice{slot, direct}
}
