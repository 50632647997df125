package policy

import "slices"

// sparse is kept beside a table, page by page, for what few of its slots have. A value is never changed once it is here.
type sparse[V any] struct {
	dir  directory[sparsePage[V]]
	used int // slots that have a value
}

type sparsePage[V any] struct {
	list  []placed[V] // ascending by pos
	owner *stamp
}

type placed[V any] struct {
	pos   uint32 // of the slot in its page
	value V
}

// at returns the value of a slot, nil if it has none.
func (t *sparse[V]) at(slot uint32) *V {
	n := slot / pageSize
	if n >= t.dir.len() {
		return nil
	}
	list := t.dir.at(n).list
	for i := range list {
		if list[i].pos == slot%pageSize {
			return &list[i].value
		}
	}
	return nil
}

// set replaces the value of a slot; nil takes it away.
func (t *sparse[V]) set(own *stamp, slot uint32, to *V) {
	if to == nil && t.at(slot) == nil {
		return
	}
	n, pos := slot/pageSize, slot%pageSize
	for t.dir.len() <= n {
		t.dir.set(own, t.dir.len(), &sparsePage[V]{owner: own})
	}
	p := t.dir.at(n)
	if p.owner != own {
		p = &sparsePage[V]{list: slices.Clone(p.list), owner: own}
		t.dir.set(own, n, p)
	}
	i, found := slices.BinarySearchFunc(p.list, pos, func(x placed[V], pos uint32) int { return int(x.pos) - int(pos) })
	switch {
	case to == nil:
		p.list = slices.Delete(p.list, i, i+1)
		t.used--
	case found:
		p.list[i].value = *to
	default:
		p.list = slices.Insert(p.list, i, placed[V]{pos, *to})
		t.used++
	}
}
