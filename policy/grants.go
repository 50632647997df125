package policy

import (
	"iter"
	"slices"
)

// grants is the packed form of a subject: one block of words, so that a decision touches one stretch of memory.
//
//	word 0   life<<32 | bounded<<24 | width<<16 | bits<<8 | kind
//	word 1   number of memberships<<32 | number of entries
//	starts   only if there are more than few entries: for each of 1<<bits buckets the first entry of it or of a later bucket, in
//	         fields of 1<<width bits
//	entries  scope tag<<32 | binding slot, ascending
//	ups      slots of the groups it is directly in, two to a word
//	members  slots of its direct members, two to a word; none for an account
//	boundary slot of its boundary role, only if it is bounded
//
// A tag is half of the keyed hash of a scope, and a bucket the upper bits of a tag. For an account the entries are its own
// bindings and those of its groups, the latter marked viaGroup; for a group only its own. Those of denies are marked denies.
type grants []uint64

// group and nobody continue the kinds of account: nobody is an id that something names and that does not exist.
const (
	nobody Kind = 0
	group  Kind = 3
)

const (
	viaGroup = 1 << 31
	denies   = 1 << 30
	slotBits = denies - 1 // of a binding
)

// few entries are looked at one by one, since that is faster than looking them up.
const few = 32

func entry(tag, binding uint32, deny bool) uint64 {
	e := uint64(tag)<<32 | uint64(binding)
	if deny {
		e |= denies
	}
	return e
}

// bounded marks an account that has a boundary.
const bounded = 1 << 24

// packed is what a subject is, but for its entries.
type packed struct {
	kind         Kind
	life         uint32
	boundary     uint32 // slot of a role, 0 for none
	ups, members []uint32
}

// packGrants sorts the entries in place and packs them.
func packGrants(p packed, entries []uint64) grants {
	if p.kind == nobody && p.life == 0 && len(entries)+len(p.ups)+len(p.members) == 0 {
		return nil
	}
	slices.Sort(entries)
	bits, width := uint64(0), uint64(0)
	if len(entries) > few {
		width = 3
		for uint64(len(entries)) >= 1<<(1<<width) {
			width++
		}
		for len(entries) >= 2<<bits {
			bits++
		}
	}
	n := len(entries) + (len(p.ups)+1)/2 + (len(p.members)+1)/2
	size := 2 + startWords(bits, width) + uint64(n)
	if p.boundary != 0 {
		size++
	}
	g := make(grants, size)
	g[0] = uint64(p.life)<<32 | width<<16 | bits<<8 | uint64(p.kind)
	g[1] = uint64(len(p.ups))<<32 | uint64(len(entries))
	if p.boundary != 0 {
		g[0] |= bounded
		g[size-1] = uint64(p.boundary)
	}
	for b, at := uint64(0), 0; width > 0 && b < 1<<bits; b++ {
		for at < len(entries) && entries[at]>>(64-bits) < b {
			at++
		}
		pos := b << width
		g[2+pos/64] |= uint64(at) << (pos % 64)
	}
	rest := g[g.first():]
	rest = rest[copy(rest, entries):]
	rest = packSlots(rest, p.ups)
	packSlots(rest, p.members)
	return g
}

func packSlots(to []uint64, slots []uint32) []uint64 {
	for i, s := range slots {
		to[i/2] |= uint64(s) << (i % 2 * 32)
	}
	return to[(len(slots)+1)/2:]
}

func (g grants) kind() Kind {
	if len(g) == 0 {
		return nobody
	}
	return Kind(g[0])
}

func (g grants) life() uint32 {
	if len(g) == 0 {
		return 0
	}
	return uint32(g[0] >> 32)
}

// entries returns every entry.
func (g grants) entries() []uint64 {
	if len(g) == 0 {
		return nil
	}
	return g[g.first():][:uint32(g[1])]
}

// first is the index of the first entry.
func (g grants) first() uint64 { return 2 + startWords(g[0]>>8&0xFF, g[0]>>16&0xFF) }

func startWords(bits, width uint64) uint64 {
	if width == 0 {
		return 0
	}
	return (1<<(bits+width) + 63) / 64
}

// finder looks up entries by their tag.
type finder struct {
	starts      []uint64
	entries     []uint64
	bits, width uint8
}

func (g grants) finder() finder {
	first := g.first()
	return finder{starts: g[2:first], entries: g[first:][:uint32(g[1])], bits: uint8(g[0]>>8) & 31, width: uint8(g[0]>>16) & 7}
}

// first returns the index of the first entry in the tag's bucket, or behind it if the bucket is empty. The reader skips smaller
// tags and stops at a greater one.
func (f *finder) first(tag uint32) int {
	pos := uint64(tag) << f.bits >> 32 << f.width
	return int(f.starts[pos/64] >> (pos % 64) & (1<<(1<<f.width) - 1))
}

// own yields the slots of the subject's own bindings.
func (g grants) own() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, e := range g.entries() {
			if b := uint32(e); b&viaGroup == 0 && !yield(b&slotBits) {
				return
			}
		}
	}
}

// ups returns the slots of the groups the subject is directly in.
func (g grants) ups() []uint32 {
	if len(g) == 0 {
		return nil
	}
	n := int(g[1] >> 32)
	rest := g[g.first()+uint64(uint32(g[1])):]
	return unpackSlots(rest[:(n+1)/2])
}

// members returns the slots of the subject's direct members.
func (g grants) members() []uint32 {
	if len(g) == 0 {
		return nil
	}
	if g[0]&bounded != 0 {
		g = g[:len(g)-1]
	}
	n := (g[1]>>32 + 1) / 2
	return unpackSlots(g[g.first()+uint64(uint32(g[1]))+n:])
}

// unpack is what packGrants was given, but for the entries.
func unpack(g grants) packed {
	return packed{kind: g.kind(), life: g.life(), boundary: g.boundary(), ups: g.ups(), members: g.members()}
}

// boundary returns the slot of the boundary role, 0 for none.
func (g grants) boundary() uint32 {
	if len(g) == 0 || g[0]&bounded == 0 {
		return 0
	}
	return uint32(g[len(g)-1])
}

// unpackSlots reads two slots from each word; an odd number of them left the last half empty.
func unpackSlots(words []uint64) []uint32 {
	if len(words) == 0 {
		return nil
	}
	slots := make([]uint32, 0, 2*len(words))
	for _, w := range words {
		slots = append(slots, uint32(w))
		if s := uint32(w >> 32); s != 0 {
			slots = append(slots, s)
		}
	}
	return slots
}
