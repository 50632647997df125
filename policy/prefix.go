package policy

import (
	"hash/maphash"
	"math/bits"
	"strings"
)

// seed keys every hash of this package, so that nobody outside the process can look for collisions. It never changes.
var seed = maphash.MakeSeed()

func hashName(name string) uint64 { return maphash.String(seed, name) }

// The prefixes of a path are its ancestors and itself. Each has a tag, half of a keyed hash, under which bindings are found.
const rootTag uint32 = 0x9E3779B9

// tagCount is how many prefixes under Root have their tags in the [Path]; a decision works out the others.
const tagCount = 4

// marked completes a path from its canonical text.
func marked(text string) Path {
	p := Path{text: text}
	for c := (climber{}); c.next(text); p.pairs++ {
		if p.pairs < tagCount {
			p.tags[p.pairs] = c.tag()
		}
	}
	return p
}

// climber goes through the prefixes of a path, beginning with the first pair. Hashing pair by pair, it passes over the text once.
type climber struct {
	end  int // of the prefix it stands at; 0 is Root
	hash uint64
}

// next goes to the next prefix of a canonical text, if there is one.
func (c *climber) next(text string) bool {
	if c.end >= len(text) || text == rootText {
		return false
	}
	// A slash separates a pair from its predecessor, the next one follows the type, which is not empty.
	begin := c.end
	id := begin + 1
	id += strings.IndexByte(text[id:], '/') + 1
	c.end = len(text)
	if i := strings.IndexByte(text[id:], '/'); i >= 0 {
		c.end = id + i
	}
	// What an attacker can choose goes through the seed before anything else.
	hi, lo := bits.Mul64(c.hash+uint64(rootTag), 0xD6E8FEB86659FD93)
	c.hash = hi ^ lo ^ maphash.String(seed, text[begin:c.end])
	return true
}

func (c *climber) tag() uint32 { return uint32(c.hash >> 32) }

// tag is what the entries of [grants] bear for a scope.
func (p Path) tag() uint32 {
	if p.IsRoot() {
		return rootTag
	}
	c := climber{}
	for c.next(p.text) {
	}
	return c.tag()
}
