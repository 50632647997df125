package paged

import (
	"reflect"
	"slices"
)

// Array is one version of an array with gaps, of values of type V: a Table whose keys are the slots of another. The zero Array is empty. It is
// copied like any value, and may be read from any number of goroutines.
type Array[V any] struct {
	leaves []*leaf[V]
	live   int
}

// leaf holds the cells of 1,024 slots.
type leaf[V any] struct {
	pages [nodeLen]*cells[V] // nil where no slot is used
	owner *owner
}

type cells[V any] struct {
	live  uint32 // bit j: cell j is used
	owner *owner
	v     [pageLen]V
}

// At returns the value in a slot, or nil where there is none. The value belongs to every version that shares it: the caller must not write to it.
// At neither locks nor allocates, and any slot may be asked for.
func (a Array[V]) At(slot uint32) *V {
	i := int(slot >> (pageBits + nodeBits))
	if i >= len(a.leaves) {
		return nil
	}
	p := a.leaves[i].pages[slot>>pageBits&nodeMask]
	if p == nil || p.live>>(slot&pageMask)&1 == 0 {
		return nil
	}
	return &p.v[slot&pageMask]
}

// Len returns the number of slots used.
func (a Array[V]) Len() int { return a.live }

// Size estimates the bytes that the array keeps in memory if it has few gaps, what its values point to left out. It costs the same whatever the
// size.
func (a Array[V]) Size() int64 {
	return int64(len(a.leaves))*nodeLen*8 + int64(a.live)*int64(reflect.TypeFor[V]().Size()+1)
}

// Same reports whether nothing was put into or deleted from either array since they were one. It may report false for equal arrays.
func (a Array[V]) Same(o Array[V]) bool {
	return len(a.leaves) == len(o.leaves) && (len(a.leaves) == 0 || &a.leaves[0] == &o.leaves[0])
}

// Edit returns an editor that starts from a. It costs nothing until the first change.
func (a Array[V]) Edit() *ArrayEditor[V] { return &ArrayEditor[V]{a: a, owner: new(owner)} }

// ArrayEditor makes a new version of an array, as Editor makes one of a table.
type ArrayEditor[V any] struct {
	a     Array[V]
	owner *owner
	mine  bool // a.leaves is this editor's own
}

// At is Array.At on the state so far. The pointer is good until the next Put or Delete, and must not be written through.
func (e *ArrayEditor[V]) At(slot uint32) *V { return e.a.At(slot) }

// Put stores v in a slot.
func (e *ArrayEditor[V]) Put(slot uint32, v V) {
	p := e.page(slot)
	if bit := uint32(1) << (slot & pageMask); p.live&bit == 0 {
		p.live |= bit
		e.a.live++
	}
	p.v[slot&pageMask] = v
}

// Delete empties a slot.
func (e *ArrayEditor[V]) Delete(slot uint32) {
	if e.a.At(slot) == nil {
		return
	}
	p := e.page(slot)
	p.live &^= 1 << (slot & pageMask)
	e.a.live--
	var zero V
	p.v[slot&pageMask] = zero
	if p.live == 0 {
		e.leaf(slot).pages[slot>>pageBits&nodeMask] = nil
	}
}

// Array returns the state so far, which later edits do not touch. The editor can go on.
func (e *ArrayEditor[V]) Array() Array[V] {
	e.owner, e.mine = new(owner), false
	return e.a
}

// leaf returns the leaf of a slot, which may then be written to.
func (e *ArrayEditor[V]) leaf(slot uint32) *leaf[V] {
	if !e.mine {
		e.a.leaves = slices.Clone(e.a.leaves)
		e.mine = true
	}
	at := int(slot >> (pageBits + nodeBits))
	for len(e.a.leaves) <= at {
		e.a.leaves = append(e.a.leaves, &leaf[V]{owner: e.owner})
	}
	l := e.a.leaves[at]
	if l.owner != e.owner {
		c := *l
		c.owner = e.owner
		l = &c
		e.a.leaves[at] = l
	}
	return l
}

// page returns the cells of a slot, which may then be written to.
func (e *ArrayEditor[V]) page(slot uint32) *cells[V] {
	l, i := e.leaf(slot), slot>>pageBits&nodeMask
	switch p := l.pages[i]; {
	case p == nil:
		l.pages[i] = &cells[V]{owner: e.owner}
	case p.owner != e.owner:
		c := *p
		c.owner = e.owner
		l.pages[i] = &c
	}
	return l.pages[i]
}
