package policy

import (
	"runtime"
	"testing"
	"time"
)

// TestSizeCountsAsItGoes compares what the size is worked out from with a count of everything, through random edits.
func TestSizeCountsAsItGoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	w := newWorld(t, seed)
	for range 300 {
		for range 1 + w.rnd.IntN(5) {
			w.edit()
		}
		s := w.draft.Snapshot()
		words, text, defined, limited := 0, 0, 0, 0
		for _, p := range s.subjects.dir.all() {
			for i := range p.cell {
				words += len(p.cell[i].row)
				text += len(p.name(uint32(i)))
			}
		}
		for _, p := range s.roles.dir.all() {
			for i := range p.cell {
				defined += p.cell[i].row.def.size()
			}
		}
		for _, r := range worldCode { // counted by nobody: every organisation has the same
			defined -= r.size()
		}
		for _, p := range s.terms.dir.all() {
			limited += len(p.list)
		}
		labelled, labels, labelText := 0, 0, 0
		for _, p := range s.labels.dir.all() {
			for _, l := range p.list {
				labelled, labels, labelText = labelled+1, labels+len(l.value), labelText+textOf(l.value)
			}
		}
		if labelled != s.labels.used || labels != s.labels.each || labelText != s.labels.text {
			w.fail("counted %d accounts with %d labels of %d bytes; there are %d, %d, %d", s.labels.used, s.labels.each, s.labels.text, labelled, labels, labelText)
		}
		if words != s.words || text != s.subjects.text || defined != s.defined || limited != s.terms.used {
			w.fail("counted words, text, defined, limited: %d %d %d %d; there are %d %d %d %d",
				s.words, s.subjects.text, s.defined, s.terms.used, words, text, defined, limited)
		}
	}
}

// TestSizeIsNear compares the estimate with what the heap has grown by.
func TestSizeIsNear(t *testing.T) {
	for name, shape := range map[string]load{
		"many small": {orgs: 100, accounts: 100, groups: 20, roles: 4, bindings: 500},
		"one large":  {orgs: 1, accounts: 4000, groups: 800, roles: 100, bindings: 60_000},
	} {
		t.Run(name, func(t *testing.T) {
			built := shape.build(t)
			all := make([]*Snapshot, len(built.orgs))
			var before, after runtime.MemStats
			live := func(m *runtime.MemStats) {
				runtime.GC()
				runtime.GC()
				runtime.ReadMemStats(m)
			}
			// The names of what is built first are shared with the test's own lists; rebuilt from their parts they are not.
			live(&before)
			estimate := int64(0)
			for i, s := range built.orgs {
				all[i] = copyOf(t, s)
				estimate += all[i].Size()
			}
			live(&after)
			real := float64(after.HeapAlloc) - float64(before.HeapAlloc)
			if ratio := float64(estimate) / real; ratio < 0.75 || ratio > 1.25 {
				t.Errorf("estimated %d bytes, really %.0f: ratio %.2f", estimate, real, ratio)
			} else {
				t.Logf("estimated %d bytes, really %.0f: ratio %.2f", estimate, real, ratio)
			}
			runtime.KeepAlive(all)
			runtime.KeepAlive(built)
		})
	}
	var none *Snapshot
	if none.Size() != 0 {
		t.Error("nothing has a size")
	}
}

// copyOf builds a snapshot again from what it lists.
func copyOf(t *testing.T, s *Snapshot) *Snapshot {
	t.Helper()
	d := New(Model{Catalog: s.cat, Roles: s.code}, s.org).Edit()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range s.roles.dir.all() {
		for i := range p.cell {
			if def := p.cell[i].row.def; def != nil && !validCodeRole(def.ID) {
				must(d.LoadRole(*def))
			}
		}
	}
	for slot := uint32(1); slot < s.subjects.top; slot++ {
		g := *s.subjects.row(slot)
		switch g.kind() {
		case User, ServiceAccount:
			d.PutAccount(Account{ID: s.subjects.name(slot), Kind: g.kind()})
			for _, up := range g.ups() {
				must(d.AddMember(s.subjects.name(up), s.subjects.name(slot)))
			}
		case group:
			d.PutGroup(s.subjects.name(slot))
		}
	}
	for b := range s.Bindings() {
		must(d.PutBinding(b))
	}
	return d.Snapshot()
}
