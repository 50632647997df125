package paged

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"testing"
	"time"
)

// naive drives an index with hashes of the test's choice.
type naive struct {
	x    *index
	next uint32
	slot map[string]uint32
	hash func(string) uint32
}

func newNaive(o *owner, hash func(string) uint32) *naive {
	return &naive{x: newIndex(o), slot: map[string]uint32{}, hash: hash}
}

func (n *naive) put(key string, o *owner) {
	n.slot[key] = n.next
	n.x.insert(n.hash(key), key, n.next, o)
	n.next++
}

func (n *naive) check(t *testing.T, absent ...string) {
	t.Helper()
	for k, want := range n.slot {
		if got, ok := n.x.find(n.hash(k), k); !ok || got != want {
			t.Fatalf("find(%q) = %d, %v, want %d", k, got, ok, want)
		}
	}
	for _, k := range absent {
		if _, ok := n.x.find(n.hash(k), k); ok {
			t.Fatalf("find(%q) finds what is not there", k)
		}
	}
	used := 0
	at := func(i int) *bucket { return n.x.dir[i>>chunkBits].b[i&chunkMask] }
	for i := 0; i < 1<<n.x.depth; {
		b := at(i)
		wide := 1 << (n.x.depth - b.depth)
		if b.depth > n.x.depth || i%wide != 0 {
			t.Fatalf("directory entry %d of depth %d holds a bucket of depth %d", i, n.x.depth, b.depth)
		}
		for j := range wide {
			if at(i+j) != b {
				t.Fatalf("a bucket of depth %d does not stand in all its %d entries from %d", b.depth, wide, i)
			}
		}
		used += b.used
		i += wide
	}
	if used != len(n.slot) {
		t.Fatalf("%d entries for %d keys", used, len(n.slot))
	}
}

// Hashes that collide wholly or in part: whatever maphash returns, the index stays right and does not grow its directory for ever.
func TestIndexUnderBadHashes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	good := maphash.MakeSeed()
	for name, hash := range map[string]func(string) uint32{
		"all equal":     func(string) uint32 { return 0xffffffff },
		"one low bit":   func(k string) uint32 { return uint32(maphash.String(good, k)) & 1 },
		"one high bit":  func(k string) uint32 { return uint32(maphash.String(good, k)) &^ (1<<31 - 1) },
		"top byte":      func(k string) uint32 { return uint32(maphash.String(good, k)) &^ (1<<24 - 1) },
		"wraps around":  func(k string) uint32 { return uint32(maphash.String(good, k)) | 0xfe },
		"a common half": func(k string) uint32 { return uint32(maphash.String(good, k)) | 0xffff0000 },
		"good":          func(k string) uint32 { return uint32(maphash.String(good, k)) },
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			size := 3000
			if name == "all equal" || name == "one low bit" {
				size = 600 // quadratic, and the directory is at its limit
			}
			o := new(owner)
			n := newNaive(o, hash)
			var gone []string
			for i := range size {
				n.put(fmt.Sprint(i), o)
				if rnd.IntN(3) == 0 {
					k := fmt.Sprint(rnd.IntN(i + 1))
					if slot, ok := n.slot[k]; ok {
						n.x.remove(hash(k), slot, o)
						delete(n.slot, k)
						gone = append(gone, k)
					}
				}
			}
			n.check(t, gone...)
			if n.x.depth > maxDepth {
				t.Errorf("depth %d", n.x.depth)
			}
			for k, slot := range n.slot {
				n.x.remove(hash(k), slot, o)
				delete(n.slot, k)
				gone = append(gone, k)
			}
			n.check(t, gone...)
		})
	}
}

// An index and its clone share buckets until one of them changes.
func TestIndexCloneIsIndependent(t *testing.T) {
	seed := maphash.MakeSeed()
	hash := func(k string) uint32 { return uint32(maphash.String(seed, k)) }
	o := new(owner)
	n := newNaive(o, hash)
	for i := range 2000 {
		n.put(fmt.Sprint(i), o)
	}
	before := naive{x: n.x, slot: maps.Clone(n.slot), hash: hash}
	o = new(owner)
	n.x = n.x.owned(o)
	var fresh []string
	for i := range 3000 {
		fresh = append(fresh, fmt.Sprint("x", i))
		n.put(fresh[i], o)
	}
	var gone []string
	for i := 0; i < 2000; i += 2 {
		k := fmt.Sprint(i)
		n.x.remove(hash(k), n.slot[k], o)
		delete(n.slot, k)
		gone = append(gone, k)
	}
	n.check(t, gone...)
	before.check(t, fresh...)
}
