package policy

import "slices"

// compileSubjects packs the subjects touched and every account that has something from them.
func (d *Draft) compileSubjects() {
	if len(d.work) == 0 {
		return
	}
	var entries []uint64
	accounts := map[uint32]bool{}
	seen := map[uint32]bool{}
	var changed []uint32
	for slot, w := range d.work {
		if w.kind == User || w.kind == ServiceAccount {
			accounts[slot] = true
			continue
		}
		// Groups first: what accounts get from them is read from their packed form.
		entries = d.ownEntries(slot, entries[:0])
		d.pack(slot, w.packed, entries)
		if w.wide {
			seen[slot] = true
			changed = append(changed, slot)
		}
	}
	for len(changed) > 0 {
		slot := changed[len(changed)-1]
		changed = changed[:len(changed)-1]
		switch d.kind(slot) {
		case User, ServiceAccount:
			accounts[slot] = true
		default:
			for _, m := range d.members(slot) {
				if !seen[m] {
					seen[m] = true
					changed = append(changed, m)
				}
			}
		}
	}
	var in slotSet
	for slot := range accounts {
		entries = d.ownEntries(slot, entries[:0])
		entries = d.groupEntries(slot, entries, &in)
		p := unpack(*d.s.subjects.row(slot))
		if w := d.work[slot]; w != nil {
			p = w.packed
		}
		d.pack(slot, p, entries)
	}
	for _, k := range []Kind{User, ServiceAccount} {
		if slot := systemSlot(k); seen[slot] {
			entries = append(entries[:0], d.s.subjects.row(slot).entries()...)
			d.s.system[k] = packGrants(packed{kind: k}, d.groupEntries(slot, entries, &in))
		}
	}
}

// ownEntries appends the entries of a subject's own bindings: those it had and those put since, less those removed since.
func (d *Draft) ownEntries(slot uint32, entries []uint64) []uint64 {
	for b := range d.s.subjects.row(slot).own() {
		entries = d.appendEntry(entries, slot, b)
	}
	if w := d.work[slot]; w != nil {
		for _, b := range w.added {
			entries = d.appendEntry(entries, slot, b)
		}
	}
	return entries
}

func (d *Draft) appendEntry(entries []uint64, subject, b uint32) []uint64 {
	row := d.s.bindings.row(b)
	if row.subject != subject {
		return entries
	}
	return append(entries, entry(d.s.scopes.row(row.scope).tag, b, row.deny()))
}

// groupEntries appends the entries of every group that a subject is in, once each.
func (d *Draft) groupEntries(slot uint32, entries []uint64, in *slotSet) []uint64 {
	in.clear()
	d.walkUp(slot, in, func(g uint32) {
		for _, e := range d.s.subjects.row(g).entries() {
			entries = append(entries, e|viaGroup)
		}
	})
	return entries
}

func (d *Draft) walkUp(slot uint32, in *slotSet, visit func(uint32)) {
	for _, g := range d.ups(slot) {
		if d.kind(g) == group && in.add(g) {
			visit(g)
			d.walkUp(g, in, visit)
		}
	}
}

// compileRoot brings the list of bindings at Root up to date.
func (d *Draft) compileRoot() {
	if len(d.rootAdded)+len(d.rootGone) == 0 {
		return
	}
	slices.Sort(d.rootGone)
	root := make([]uint32, 0, len(d.s.root)+len(d.rootAdded))
	for _, list := range [2][]uint32{d.s.root, d.rootAdded} {
		for _, b := range list {
			if _, gone := slices.BinarySearch(d.rootGone, b); !gone {
				root = append(root, b)
			}
		}
	}
	d.s.root = root
}
