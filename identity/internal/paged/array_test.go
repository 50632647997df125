package paged

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"
)

// TestArray edits an array at random beside a map, keeps versions, and checks all of them at the end.
func TestArray(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 1))
	type version struct {
		a    Array[int]
		want map[uint32]int
	}
	var kept []version
	const slots = 5000
	check := func(n int, v version) {
		t.Helper()
		if v.a.Len() != len(v.want) {
			t.Fatalf("seed %d: version %d has %d slots, want %d", seed, n, v.a.Len(), len(v.want))
		}
		for slot := range uint32(slots + 100) {
			got := v.a.At(slot)
			want, ok := v.want[slot]
			if (got != nil) != ok || ok && *got != want {
				t.Fatalf("seed %d: version %d, slot %d: %v, want %v %v", seed, n, slot, got, want, ok)
			}
		}
	}
	now := version{want: map[uint32]int{}}
	e := now.a.Edit()
	for n := range 60 {
		for range rnd.IntN(200) {
			slot := rnd.Uint32N(slots)
			if rnd.IntN(3) == 0 {
				e.Delete(slot)
				delete(now.want, slot)
			} else {
				v := rnd.Int()
				e.Put(slot, v)
				now.want[slot] = v
			}
		}
		now.a = e.Array()
		check(n, now)
		kept = append(kept, version{now.a, maps.Clone(now.want)})
		if rnd.IntN(3) == 0 { // go on from an older version
			old := kept[rnd.IntN(len(kept))]
			now = version{old.a, maps.Clone(old.want)}
			e = now.a.Edit()
		}
	}
	for n, v := range kept {
		check(n, v)
	}
}

func TestArrayIsGivenBackEmpty(t *testing.T) {
	var none Array[string]
	e := none.Edit()
	e.Delete(7)
	e.Put(7, "x")
	e.Delete(7)
	e.Delete(7)
	if a := e.Array(); a.Len() != 0 || a.At(7) != nil || a.leaves[0].pages[0] != nil {
		t.Errorf("a page without values stays: %+v", a)
	}
}

func TestArraySame(t *testing.T) {
	var none Array[int]
	e := none.Edit()
	e.Put(1, 1)
	one := e.Array()
	other := one.Edit()
	if !one.Same(other.Array()) || one.Same(none) {
		t.Error("an array is not the same as itself, or as nothing")
	}
	other.Put(1, 1)
	if one.Same(other.Array()) {
		t.Error("an array that was written to is the same")
	}
	if size := one.Size(); size <= 0 {
		t.Errorf("size %d", size)
	}
}

func BenchmarkArrayAt(b *testing.B) {
	var none Array[[3]uint64]
	e := none.Edit()
	for i := range uint32(100_000) {
		e.Put(i, [3]uint64{uint64(i)})
	}
	a := e.Array()
	rnd := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		_ = a.At(rnd.Uint32N(100_000))
	}
}
