package paged

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

var sizes = []int{1_000, 100_000, 1_000_000}

// questions are clones of existing keys in random order, as requests carry them.
func questions(n int) []string {
	rnd := rand.New(rand.NewPCG(1, 2))
	q := make([]string, 1<<16)
	for i := range q {
		q[i] = strings.Clone(key(rnd.IntN(n)))
	}
	return q
}

func each(b *testing.B, f func(b *testing.B, n int)) {
	for _, n := range sizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) { f(b, n) })
	}
}

var sink uint64

// BenchmarkMap is the yardstick: one look-up in a Go map of the same keys.
func BenchmarkMap(b *testing.B) {
	each(b, func(b *testing.B, n int) {
		m := make(map[string]int32, n)
		for i := range n {
			m[key(i)] = int32(i)
		}
		q := questions(n)
		for i := 0; b.Loop(); i++ {
			sink += uint64(m[q[i&(1<<16-1)]])
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	each(b, func(b *testing.B, n int) {
		table, q := build(n), questions(n)
		for i := 0; b.Loop(); i++ {
			slot, _ := table.Lookup(q[i&(1<<16-1)])
			sink += uint64(slot)
		}
	})
}

func BenchmarkAt(b *testing.B) {
	each(b, func(b *testing.B, n int) {
		table := build(n)
		rnd := rand.New(rand.NewPCG(1, 2))
		slots := make([]uint32, 1<<16)
		for i := range slots {
			slots[i] = uint32(rnd.IntN(n))
		}
		for i := 0; b.Loop(); i++ {
			sink += table.At(slots[i&(1<<16-1)]).a
		}
	})
}

// BenchmarkReplace edits one value under an existing key and makes the next version.
func BenchmarkReplace(b *testing.B) {
	each(b, func(b *testing.B, n int) {
		table, q := build(n), questions(n)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			e := table.Edit()
			e.Put(q[i&(1<<16-1)], value{})
			table = e.Table()
		}
	})
}

// BenchmarkInsert puts one new key and makes the next version.
func BenchmarkInsert(b *testing.B) {
	each(b, func(b *testing.B, n int) {
		base := build(n)
		keys := make([]string, 1<<12)
		for i := range keys {
			keys[i] = key(n + i)
		}
		b.ReportAllocs()
		table := base
		for i := 0; b.Loop(); i++ {
			if i&(1<<12-1) == 0 {
				table = base
			}
			e := table.Edit()
			e.Put(keys[i&(1<<12-1)], value{})
			table = e.Table()
		}
	})
}

// BenchmarkBuild is the cost per key of building a table from nothing.
func BenchmarkBuild(b *testing.B) {
	each(b, func(b *testing.B, n int) {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = key(i)
		}
		b.ReportAllocs()
		for b.Loop() {
			var z Table[value]
			e := z.Edit()
			for i, k := range keys {
				e.Put(k, value{a: uint64(i)})
			}
			if e.Table().Len() != n {
				b.Fatal("lost keys")
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/key")
	})
}
