package paged

import (
	"math"
	"slices"
)

// maxSlots bounds the slots of one table, because an index entry holds a slot plus one.
const maxSlots = math.MaxUint32 - 1

// Editor makes a new version of a table. It is used by one goroutine at a time. What it has copied once since the last call of Table it
// changes in place, so that building a large table from nothing copies next to nothing.
type Editor[V any] struct {
	t     Table[V]
	owner *owner
	mine  bool // t.nodes is this editor's own
}

// Lookup is Table.Lookup on the state so far.
func (e *Editor[V]) Lookup(key string) (slot uint32, ok bool) { return e.t.Lookup(key) }

// At is Table.At on the state so far. The pointer is good until the next Put or Delete, and must not be written through.
func (e *Editor[V]) At(slot uint32) *V { return e.t.At(slot) }

// Get is Table.Get on the state so far, with the limits of At.
func (e *Editor[V]) Get(key string) *V { return e.t.Get(key) }

// Len is Table.Len of the state so far.
func (e *Editor[V]) Len() int { return e.t.live }

// Put stores v under key and returns its slot: the one it has, or for a new key the next one. A key that was deleted is a new key. The
// table keeps key, so a caller whose key is part of a large string clones it first. Put panics after 2³²−2 slots, counting deleted keys; a
// table that comes near it must be rebuilt.
func (e *Editor[V]) Put(key string, v V) uint32 {
	if e.t.index == nil {
		e.t.index = newIndex(e.owner)
	}
	h := e.t.index.hash(key)
	slot, ok := e.t.index.find(h, key)
	if !ok {
		slot = e.add(h, key)
	}
	n, i := e.page(slot)
	n.v[i][slot&pageMask] = v
	return slot
}

// add gives key, whose hash is h, the next slot.
func (e *Editor[V]) add(h uint32, key string) uint32 {
	slot := e.t.next
	if slot >= maxSlots {
		panic("paged: out of slots")
	}
	n, i := e.keyPage(slot)
	n.k[i][slot&pageMask] = key
	n.live[i] |= 1 << (slot & pageMask)
	e.t.index = e.t.index.owned(e.owner)
	e.t.index.insert(h, key, slot, e.owner)
	e.t.next++
	e.t.live++
	return slot
}

// Delete removes key and reports whether it was there. Its slot stays dead in all later versions.
func (e *Editor[V]) Delete(key string) bool {
	if e.t.index == nil {
		return false
	}
	h := e.t.index.hash(key)
	slot, ok := e.t.index.find(h, key)
	if !ok {
		return false
	}
	e.t.index = e.t.index.owned(e.owner)
	e.t.index.remove(h, slot, e.owner)
	e.t.live--
	n, i := e.node(slot), slot>>pageBits&nodeMask
	n.live[i] &^= 1 << (slot & pageMask)
	if n.live[i] == 0 { // a page of dead slots keeps no memory
		n.v[i], n.k[i] = nil, nil
		return true
	}
	var zero V
	e.page(slot)
	n.v[i][slot&pageMask] = zero
	e.keyPage(slot)
	n.k[i][slot&pageMask] = ""
	return true
}

// Table returns the state so far as a Table, which later edits do not touch. The editor can go on.
func (e *Editor[V]) Table() Table[V] {
	e.owner, e.mine = new(owner), false
	return e.t
}

// node returns the node of slot, copied first if it belongs to another version and made if there is none.
func (e *Editor[V]) node(slot uint32) *node[V] {
	if !e.mine {
		e.t.nodes = slices.Clone(e.t.nodes)
		e.mine = true
	}
	at := int(slot >> (pageBits + nodeBits))
	if at == len(e.t.nodes) {
		e.t.nodes = append(e.t.nodes, &node[V]{owner: e.owner})
	}
	n := e.t.nodes[at]
	if n.owner != e.owner {
		c := *n
		c.owner, c.ownV, c.ownK = e.owner, 0, 0
		n = &c
		e.t.nodes[at] = n
	}
	return n
}

// page returns the node of slot and the number of its page in it, whose values may then be written to.
func (e *Editor[V]) page(slot uint32) (n *node[V], i uint32) {
	n, i = e.node(slot), slot>>pageBits&nodeMask
	n.v[i] = own(n.v[i], n.ownV>>i&1 == 1)
	n.ownV |= 1 << i
	return n, i
}

// keyPage is page for the keys.
func (e *Editor[V]) keyPage(slot uint32) (n *node[V], i uint32) {
	n, i = e.node(slot), slot>>pageBits&nodeMask
	n.k[i] = own(n.k[i], n.ownK>>i&1 == 1)
	n.ownK |= 1 << i
	return n, i
}

// own returns a page that may be written to: p itself, a copy, or a new one.
func own[E any](p *[pageLen]E, mine bool) *[pageLen]E {
	switch {
	case p == nil:
		return new([pageLen]E)
	case mine:
		return p
	}
	c := *p
	return &c
}
