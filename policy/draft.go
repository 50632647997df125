package policy

import "maps"

// Draft is an editable fork of a [Snapshot]. Forking costs nothing; the first write to a page copies that page, and the work of
// compiling waits for [Draft.Snapshot], which does it once for each account concerned. A draft is not safe for concurrent use.
type Draft struct {
	s   Snapshot // the state being edited; what it shares with frozen snapshots is only ever replaced
	own *stamp

	work      map[uint32]*work // subjects touched, by slot; nil: none
	recompile map[string]bool  // ids of roles touched; nil: none
	released  []uint32         // slots of bindings removed: old entries still name them, so they are free only after freezing
	rootAdded []uint32         // bindings made at Root
	rootGone  []uint32         // bindings at Root removed
}

// work is a subject taken apart for editing.
type work struct {
	packed
	added []uint32 // its own bindings put by this draft; some may be gone again
	wide  bool     // what it passes on to its members changed
}

// Edit forks a draft. It may be called any number of times on one snapshot, also concurrently. It panics on a nil snapshot,
// which has nothing to edit.
func (s *Snapshot) Edit() *Draft {
	if s == nil {
		panic("policy: Edit of a nil snapshot")
	}
	d := &Draft{s: *s}
	d.reset()
	return d
}

func (d *Draft) reset() {
	d.own = new(stamp)
	d.work, d.recompile = nil, nil
	d.released, d.rootAdded, d.rootGone = nil, nil, nil
}

// name returns the slot of a subject's id, which need not be that of anything yet.
func (d *Draft) name(id string) uint32 {
	h := hashName(id)
	slot, ok := d.s.subjects.find(h, id)
	if !ok {
		slot = d.s.subjects.add(d.own, h, id)
	}
	return slot
}

// Slot is [Snapshot.Slot], and gives an id that nothing has named yet its number.
func (d *Draft) Slot(id string) uint32 { return d.name(id) }

// touch takes a subject apart.
func (d *Draft) touch(slot uint32) *work {
	w := d.work[slot]
	if w == nil {
		w = &work{packed: unpack(*d.s.subjects.row(slot))}
		if d.work == nil {
			d.work = map[uint32]*work{}
		}
		d.work[slot] = w
	}
	return w
}

// kind tells what a subject is now, without taking it apart.
func (d *Draft) kind(slot uint32) Kind {
	if w := d.work[slot]; w != nil {
		return w.kind
	}
	return d.s.subjects.row(slot).kind()
}

func (d *Draft) ups(slot uint32) []uint32 {
	if w := d.work[slot]; w != nil {
		return w.ups
	}
	return d.s.subjects.row(slot).ups()
}

func (d *Draft) members(slot uint32) []uint32 {
	if w := d.work[slot]; w != nil {
		return w.members
	}
	return d.s.subjects.row(slot).members()
}

// PutAccount adds an account or changes the kind, the boundary or the labels of one. Bindings and memberships put earlier under its id take effect. A group
// of this id is removed first. An account without an id, with that of a system group, or whose kind is neither of the two does
// not exist: the call then acts as [Draft.RemoveAccount].
func (d *Draft) PutAccount(a Account) {
	if a.Kind != User && a.Kind != ServiceAccount {
		d.RemoveAccount(a.ID)
		return
	}
	if a.ID == "" || systemGroup(a.ID) {
		return
	}
	d.RemoveGroup(a.ID)
	slot := d.name(a.ID)
	if !maps.Equal(d.s.labels.at(slot), a.Labels) {
		d.s.labels.set(d.own, slot, a.Labels)
	}
	if d.kind(slot) == a.Kind && d.boundary(slot) == a.Boundary {
		return
	}
	w := d.touch(slot)
	if w.kind == nobody {
		w.life++
	}
	w.kind = a.Kind
	d.bound(w, a.Boundary)
}

// boundary is the id of an account's boundary role.
func (d *Draft) boundary(slot uint32) string {
	role := d.s.subjects.row(slot).boundary()
	if w := d.work[slot]; w != nil {
		role = w.boundary
	}
	if role == 0 {
		return ""
	}
	return d.s.roles.name(role)
}

func (d *Draft) bound(w *work, role string) {
	old := w.boundary
	if w.boundary = 0; role != "" {
		w.boundary = d.useRole(role)
	}
	if old != 0 {
		d.releaseRole(old)
	}
}

// RemoveAccount removes an account and its memberships. Its bindings stay until they are removed, without effect. Its handle
// dies, also if an account of this id is put again.
func (d *Draft) RemoveAccount(id string) {
	slot, ok := d.s.subjects.find(hashName(id), id)
	if !ok {
		return
	}
	if k := d.kind(slot); k == User || k == ServiceAccount {
		d.leaveAll(slot)
		w := d.touch(slot)
		w.kind = nobody
		d.bound(w, "")
		d.s.labels.set(d.own, slot, nil)
	}
}

// leaveAll ends the memberships of a subject and, if it is a group, in it.
func (d *Draft) leaveAll(slot uint32) {
	w := d.touch(slot)
	for _, up := range w.ups {
		u := d.touch(up)
		u.members = without(u.members, slot)
	}
	for _, m := range w.members {
		u := d.touch(m)
		u.ups, u.wide = without(u.ups, slot), true
	}
	w.ups, w.members, w.wide = nil, nil, true
}

// Snapshot freezes the draft. The draft may go on being edited, from this state, and be frozen again.
func (d *Draft) Snapshot() *Snapshot {
	d.compileRoles()
	d.compileSubjects()
	d.compileRoot()
	for _, slot := range d.released {
		d.s.bindings.release(slot)
	}
	d.s.subjects.seal()
	d.s.scopes.seal()
	d.s.roles.seal()
	d.s.bindings.seal()
	id := d.own // no two snapshots have the same: a draft takes a new stamp after each
	d.reset()
	s := d.s
	s.id = id
	return &s
}

func systemGroup(id string) bool { return id == GroupUsers || id == GroupServiceAccounts }

// without removes one occurrence of a slot from a list that has it once, not keeping the order.
func without(list []uint32, slot uint32) []uint32 {
	for i, s := range list {
		if s == slot {
			list[i] = list[len(list)-1]
			return list[:len(list)-1]
		}
	}
	return list
}
