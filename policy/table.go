package policy

// table is a persistent table: names to slots, and slots to names and rows. Slot 0 is never used, so a zero slot means none.
// Copying the struct forks the table; only a draft writes, with its stamp.
type table[T any] struct {
	dir   directory[page[T]]
	index index
	top   uint32 // slots from here on were never used
	free  *freed
	dirty []*page[T] // pages whose names the draft has unsealed
	text  int        // bytes of all names
}

// freed is a stack of slots that may be used again. It is a list because snapshots and drafts share its tail.
type freed struct {
	slot uint32
	next *freed
}

// row returns the row of a slot in use.
func (t *table[T]) row(slot uint32) *T {
	return &t.dir.at(slot / pageSize).cell[slot%pageSize].row
}

func (t *table[T]) name(slot uint32) string {
	return t.dir.at(slot / pageSize).name(slot % pageSize)
}

// find returns the slot of a name, whose hash is h.
func (t *table[T]) find(h uint64, name string) (uint32, bool) {
	ix := &t.index
	if ix.size() == 0 {
		return 0, false
	}
	for i := uint32(h) & ix.mask; ; i = (i + 1) & ix.mask {
		switch slot := ix.at(i); {
		case slot == 0:
			return 0, false
		case slot != grave && t.name(slot) == name:
			return slot, true
		}
	}
}

// edit returns the row of a slot for writing.
func (t *table[T]) edit(own *stamp, slot uint32) *T {
	return &t.writable(own, slot/pageSize).cell[slot%pageSize].row
}

func (t *table[T]) writable(own *stamp, n uint32) *page[T] {
	for t.dir.len() <= n {
		t.dir.set(own, t.dir.len(), &page[T]{owner: own})
	}
	p := t.dir.at(n)
	if p.owner != own {
		fork := *p
		fork.owner = own
		p = &fork
		t.dir.set(own, n, p)
	}
	return p
}

func (t *table[T]) rename(own *stamp, slot uint32, name string) {
	n := slot / pageSize
	first := t.dir.len() <= n || t.dir.at(n).owner != own
	p := t.writable(own, n)
	if first && p.extend(slot%pageSize, name) {
		t.text += len(name)
		return
	}
	if p.names == nil {
		p.unseal()
		t.dirty = append(t.dirty, p)
	}
	t.text += len(name) - len(p.names[slot%pageSize])
	p.names[slot%pageSize] = name
}

// add takes a slot for a name that the table does not have.
func (t *table[T]) add(own *stamp, h uint64, name string) uint32 {
	slot := max(t.top, 1)
	if f := t.free; f != nil {
		slot, t.free = f.slot, f.next
	} else {
		t.top = slot + 1
	}
	t.rename(own, slot, name)
	t.index.add(own, h, slot, func(slot uint32) uint64 { return hashName(t.name(slot)) })
	return slot
}

// drop forgets a name and clears its row. The slot is not used again before release.
func (t *table[T]) drop(own *stamp, h uint64, slot uint32) {
	t.index.drop(own, h, slot)
	t.rename(own, slot, "")
	var zero T
	*t.edit(own, slot) = zero
}

func (t *table[T]) release(slot uint32) { t.free = &freed{slot: slot, next: t.free} }

// seal ends the writing of names. The caller must take a new stamp afterwards.
func (t *table[T]) seal() {
	for _, p := range t.dirty {
		p.seal()
	}
	t.dirty = nil
}
