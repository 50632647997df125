package policy

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// bitset is a set of positions in a universe.
type bitset []uint64

func (b bitset) set(i uint32)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) add(o bitset) {
	for i := range b {
		b[i] |= o[i]
	}
}

func (b bitset) keep(o bitset) {
	for i := range b {
		b[i] &= o[i]
	}
}

func (b bitset) remove(o bitset) {
	for i := range b {
		b[i] &^= o[i]
	}
}

func (b bitset) empty() bool { return !slices.ContainsFunc(b, func(w uint64) bool { return w != 0 }) }

// meets reports whether the two have a member in common.
func (b bitset) meets(o bitset) bool {
	for i := range b {
		if b[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// lacking returns a member of b that o does not have.
func (b bitset) lacking(o bitset) (uint32, bool) {
	for i := range b {
		if rest := b[i] &^ o[i]; rest != 0 {
			return uint32(i*64 + bits.TrailingZeros64(rest)), true
		}
	}
	return 0, false
}

func (b bitset) equal(o bitset) bool { return slices.Equal(b, o) }

// universe numbers the names that roles are worked out over: those of a catalog, or the witnesses of one comparison.
type universe struct {
	spellings [][]string        // by position: the name, then its aliases
	index     map[string]uint32 // every spelling to its position
	sorted    []string          // the spellings in order; made when it is first needed and there are more than before
}

// startingWith yields the spellings that begin with a prefix: a role may hold many patterns, and going through everything for
// each would cost their product.
func (u *universe) startingWith(prefix string) iter.Seq[string] {
	if len(u.sorted) != len(u.index) {
		u.sorted = slices.Sorted(maps.Keys(u.index))
	}
	first, _ := slices.BinarySearch(u.sorted, prefix)
	return func(yield func(string) bool) {
		for _, s := range u.sorted[first:] {
			if !strings.HasPrefix(s, prefix) || !yield(s) {
				return
			}
		}
	}
}

func (u *universe) words() int { return (len(u.spellings) + 63) / 64 }

func (u *universe) all() bitset {
	b := make(bitset, u.words())
	for i := range u.spellings {
		b.set(uint32(i))
	}
	return b
}

// cover enters into b what a pattern covers. A pattern covers a permission if it covers its name or one of its aliases, so that
// renaming a permission changes nobody's rights. It reports false for a text that is no pattern.
func (u *universe) cover(b bitset, pattern string) bool {
	p, err := ParsePattern(pattern)
	if err != nil {
		return false
	}
	if p.IsExact() {
		if i, ok := u.index[p.text]; ok {
			b.set(i)
		}
		return true
	}
	if prefix := strings.TrimSuffix(p.text, "*"); prefix != "" {
		for s := range u.startingWith(prefix) {
			if i := u.index[s]; !exactOnly(u.spellings[i][0]) && p.Match(s) {
				b.set(i)
			}
		}
		return true
	}
	for i, names := range u.spellings {
		if !exactOnly(names[0]) && slices.ContainsFunc(names, p.Match) {
			b.set(uint32(i))
		}
	}
	return true
}

// contents is what a role contains. Where part of a definition cannot be read, or includes a role that does not exist, the
// least it may contain counts for allows and the most for denies; otherwise the two are the same.
type contents struct{ least, most bitset }

func (u *universe) nothing() contents { return contents{make(bitset, u.words()), u.all()} }

// contents works out a role. included gives the contents of a role it includes, false if there is none.
func (u *universe) contents(r Role, included func(id string) (contents, bool)) contents {
	c := contents{make(bitset, u.words()), make(bitset, u.words())}
	for _, p := range r.Permissions {
		if !u.cover(c.least, p) || !u.cover(c.most, p) {
			c.most = u.all()
		}
	}
	for _, id := range r.Includes {
		if in, ok := included(id); ok {
			c.least.add(in.least)
			c.most.add(in.most)
		} else {
			c.most = u.all()
		}
	}
	if len(r.Exclusions) > 0 {
		out, readable := make(bitset, u.words()), true
		for _, p := range r.Exclusions {
			readable = u.cover(out, p) && readable
		}
		c.least.remove(out)
		c.most.remove(out)
		if !readable {
			clear(c.least)
		}
	}
	if c.least.equal(c.most) {
		c.most = c.least
	}
	return c
}
