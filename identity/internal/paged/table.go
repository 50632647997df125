// Package paged holds a persistent table: a map from string keys to values whose versions share what they have in common.
//
// A Table never changes. An Editor makes the next version by copying only the pages it touches, so the readers of the old version
// need no lock and one edit of a large table costs microseconds. Each key has a slot, a small dense number under which its value is found by
// array indexing; slots stay the same from version to version and are never given to another key.
package paged

import "iter"

const (
	pageBits = 5
	pageLen  = 1 << pageBits // slots per page: a copied page of 64-byte values is 2 KiB
	pageMask = pageLen - 1

	nodeBits = 5
	nodeLen  = 1 << nodeBits // pages per node
	nodeMask = nodeLen - 1
)

// Table is one version of a table from string keys to values of type V. The zero Table is empty. A Table is a few words, is copied like any value,
// and may be read from any number of goroutines.
type Table[V any] struct {
	nodes []*node[V]
	index *index // nil when no key has ever been put
	next  uint32 // slots given out so far
	live  int
}

// node holds the pages of 1,024 slots. Keys have pages of their own because most edits replace a value under an existing key.
type node[V any] struct {
	live  [nodeLen]uint32 // bit j of live[i]: slot j of page i is present
	v     [nodeLen]*[pageLen]V
	k     [nodeLen]*[pageLen]string
	ownV  uint32 // bit i: page i of v was made by owner, who may write to it
	ownK  uint32 // the same for k
	owner *owner
}

// owner marks what one Editor has made since it last gave out a Table, and may therefore write to.
type owner struct{ _ byte } // not empty: distinct owners need distinct addresses

// Lookup returns the slot of key. It does not allocate.
func (t Table[V]) Lookup(key string) (slot uint32, ok bool) {
	if t.index == nil {
		return 0, false
	}
	return t.index.find(t.index.hash(key), key)
}

// At returns the value in slot, or nil when the slot was never given out or its key has been deleted. The value belongs to every version that
// shares it: the caller must not write to it. At neither locks nor allocates, and any slot may be asked for.
func (t Table[V]) At(slot uint32) *V {
	i := int(slot >> (pageBits + nodeBits))
	if i >= len(t.nodes) {
		return nil
	}
	return t.nodes[i].at(slot)
}

func (n *node[V]) at(slot uint32) *V {
	i, j := slot>>pageBits&nodeMask, slot&pageMask
	if n.live[i]>>j&1 == 0 {
		return nil
	}
	return &n.v[i][j]
}

// Get returns the value under key, or nil: Lookup and At in one call.
func (t Table[V]) Get(key string) *V {
	slot, ok := t.Lookup(key)
	if !ok {
		return nil
	}
	return t.At(slot)
}

// Key returns the key in slot, or "" when the slot is absent (which At tells from a key that is empty).
func (t Table[V]) Key(slot uint32) string {
	if t.At(slot) == nil {
		return ""
	}
	return t.nodes[slot>>(pageBits+nodeBits)].k[slot>>pageBits&nodeMask][slot&pageMask]
}

// Len returns the number of keys.
func (t Table[V]) Len() int { return t.live }

// Slots returns the number of slots given out so far, dead ones included: every slot is below it.
func (t Table[V]) Slots() int { return int(t.next) }

// All goes through the table in the order of slots, which is the order in which the keys were put. The values must not be written to.
func (t Table[V]) All() iter.Seq2[string, *V] {
	return func(yield func(string, *V) bool) {
		for _, n := range t.nodes {
			for i, live := range n.live {
				for j := range uint32(pageLen) {
					if live>>j&1 == 1 && !yield(n.k[i][j], &n.v[i][j]) {
						return
					}
				}
			}
		}
	}
}

// Edit returns an editor that starts from t. It costs nothing until the first change.
func (t Table[V]) Edit() *Editor[V] {
	return &Editor[V]{t: t, owner: new(owner)}
}
