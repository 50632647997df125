package paged

import (
	"hash/maphash"
	"slices"
)

const (
	firstBucket = 8  // entries of the first bucket
	fullBucket  = 64 // entries at which a bucket is split rather than doubled
	maxDepth    = 20 // bits of the hash that choose a bucket; when they are used up, buckets grow

	chunkBits = 5
	chunkLen  = 1 << chunkBits
	chunkMask = chunkLen - 1
)

// index finds the slot of a key by extendible hashing: the top bits of the hash choose one of many small buckets, and a change copies one
// bucket, one chunk of the directory of buckets, and the list of chunks. Compared with a Go map and a chain of small maps over it, no change ever has to
// rebuild the whole; compared with a trie, a look-up takes the same few steps whatever the size.
//
// Seeding by hash/maphash keeps strangers who choose keys from choosing collisions.
type index struct {
	seed  maphash.Seed
	depth uint8    // the directory has 1<<depth entries, in chunks
	dir   []*chunk // a bucket of depth d stands in 1<<(depth-d) entries side by side
	owner *owner
}

type chunk struct {
	b     [chunkLen]*bucket
	owner *owner
}

// bucket is an open-addressed table with linear probing, never full.
type bucket struct {
	e     []entry // length a power of two
	used  int
	depth uint8
	owner *owner
}

// entry is one key. The zero entry is empty.
type entry struct {
	key  string
	hash uint32
	at   uint32 // slot plus one
}

func newIndex(o *owner) *index {
	c := &chunk{owner: o}
	c.b[0] = &bucket{e: make([]entry, firstBucket), owner: o}
	return &index{seed: maphash.MakeSeed(), dir: []*chunk{c}, owner: o}
}

// owned returns x if it is o's, and a copy that shares all buckets otherwise.
func (x *index) owned(o *owner) *index {
	if x.owner == o {
		return x
	}
	return &index{seed: x.seed, depth: x.depth, dir: slices.Clone(x.dir), owner: o}
}

func (x *index) hash(key string) uint32 { return uint32(maphash.String(x.seed, key) >> 32) }

// place returns the directory entry for h.
func (x *index) place(h uint32) uint32 {
	return uint32(uint64(h) >> (32 - x.depth)) // in 64 bits because the depth may be 0
}

// find returns the slot of key, whose hash is h.
func (x *index) find(h uint32, key string) (slot uint32, ok bool) {
	i := x.place(h)
	e := x.dir[i>>chunkBits].b[i&chunkMask].e
	mask := uint32(len(e) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch c := &e[i]; {
		case c.at == 0:
			return 0, false
		case c.hash == h && c.key == key:
			return c.at - 1, true
		}
	}
}

// insert adds an entry for a key that is not there.
func (x *index) insert(h uint32, key string, slot uint32, o *owner) {
	b := x.bucket(h, o)
	for (b.used+1)*4 > len(b.e)*3 {
		if len(b.e) < fullBucket || b.depth == maxDepth {
			b.resize(2 * len(b.e))
		} else {
			x.split(h, b, o)
			b = x.bucket(h, o)
		}
	}
	b.add(entry{key: key, hash: h, at: slot + 1})
}

// remove takes out the entry of a key that is there.
func (x *index) remove(h, slot uint32, o *owner) {
	b := x.bucket(h, o)
	mask := uint32(len(b.e) - 1)
	i := h & mask
	for b.e[i].at != slot+1 {
		i = (i + 1) & mask
	}
	// Close the gap: move back every later entry of the run that may stand at i without hiding from its own first place.
	for j := (i + 1) & mask; b.e[j].at != 0; j = (j + 1) & mask {
		if home := b.e[j].hash & mask; (j-home)&mask >= (j-i)&mask {
			b.e[i] = b.e[j]
			i = j
		}
	}
	b.e[i] = entry{}
	b.used--
}

// bucket returns the bucket of h, copied first if it belongs to another version.
func (x *index) bucket(h uint32, o *owner) *bucket {
	i := x.place(h)
	b := x.dir[i>>chunkBits].b[i&chunkMask]
	if b.owner == o {
		return b
	}
	b = &bucket{e: slices.Clone(b.e), used: b.used, depth: b.depth, owner: o}
	x.set(h, b, o)
	return b
}

// set puts b into every directory entry that stands for it; h is the hash of one of its keys.
func (x *index) set(h uint32, b *bucket, o *owner) {
	wide := x.depth - b.depth
	first := x.place(h) >> wide << wide
	for i := first; i < first+1<<wide; i++ {
		c := x.dir[i>>chunkBits]
		if c.owner != o {
			c = &chunk{b: c.b, owner: o}
			x.dir[i>>chunkBits] = c
		}
		c.b[i&chunkMask] = b
	}
}

// split replaces the bucket of h, which is full, by two of one bit more.
func (x *index) split(h uint32, b *bucket, o *owner) {
	if b.depth == x.depth {
		x.double(o)
	}
	depth := b.depth + 1
	bit := uint32(1) << (32 - depth)
	low := &bucket{e: make([]entry, len(b.e)), depth: depth, owner: o}
	high := &bucket{e: make([]entry, len(b.e)), depth: depth, owner: o}
	for _, e := range b.e {
		switch {
		case e.at == 0:
		case e.hash&bit == 0:
			low.add(e)
		default:
			high.add(e)
		}
	}
	x.set(h&^bit, low, o)
	x.set(h|bit, high, o)
}

// double gives the directory one bit more.
func (x *index) double(o *owner) {
	old, n := x.dir, uint32(1)<<x.depth
	x.dir = make([]*chunk, (2*n+chunkMask)>>chunkBits)
	for i := range x.dir {
		x.dir[i] = &chunk{owner: o}
	}
	for i := range n {
		b := old[i>>chunkBits].b[i&chunkMask]
		c := x.dir[2*i>>chunkBits]
		c.b[2*i&chunkMask], c.b[(2*i+1)&chunkMask] = b, b
	}
	x.depth++
}

// resize gives the bucket n entries.
func (b *bucket) resize(n int) {
	old := b.e
	b.e, b.used = make([]entry, n), 0
	for _, e := range old {
		if e.at != 0 {
			b.add(e)
		}
	}
}

// add puts e in the first free place. There is one.
func (b *bucket) add(e entry) {
	mask := uint32(len(b.e) - 1)
	i := e.hash & mask
	for b.e[i].at != 0 {
		i = (i + 1) & mask
	}
	b.e[i] = e
	b.used++
}
