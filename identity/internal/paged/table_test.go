package paged

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestZeroTableIsEmpty(t *testing.T) {
	var z Table[int]
	if _, ok := z.Lookup("a"); ok || z.Len() != 0 || z.Slots() != 0 || z.Get("a") != nil || z.Key(0) != "" {
		t.Error("the zero table holds something")
	}
	for _, slot := range []uint32{0, 1, pageLen, 1<<32 - 1} {
		if z.At(slot) != nil {
			t.Errorf("At(%d) is not nil", slot)
		}
	}
	for k := range z.All() {
		t.Errorf("All yields %q", k)
	}
	e := z.Edit()
	if e.Delete("a") {
		t.Error("Delete found something")
	}
	if s := e.Put("", 1); s != 0 || *e.Table().Get("") != 1 {
		t.Error("the empty key is a key like any other")
	}
	if z.Len() != 0 {
		t.Error("the zero table has changed")
	}
}

func TestSlots(t *testing.T) {
	var z Table[string]
	e := z.Edit()
	for i, k := range []string{"a", "b", "c"} {
		if s := e.Put(k, k); s != uint32(i) {
			t.Errorf("%q has slot %d", k, s)
		}
	}
	if s := e.Put("b", "B"); s != 1 {
		t.Errorf("a known key moved to slot %d", s)
	}
	old := e.Table()
	if !e.Delete("b") || e.Delete("b") {
		t.Error("Delete must find b once")
	}
	if s := e.Put("b", "again"); s != 3 {
		t.Errorf("a deleted key came back at slot %d", s)
	}
	now := e.Table()
	if now.At(1) != nil || now.Key(1) != "" || now.Len() != 3 || now.Slots() != 4 {
		t.Error("slot 1 must be dead")
	}
	if now.At(4) != nil || now.At(pageLen-1) != nil || now.At(pageLen) != nil {
		t.Error("slots that were never given out hold something")
	}
	if *old.At(1) != "B" || old.Key(1) != "b" || old.Len() != 3 || old.Slots() != 3 {
		t.Error("the old version has changed")
	}
	var order []string
	for k, v := range now.All() {
		order = append(order, k+"="+*v)
	}
	if want := []string{"a=a", "c=c", "b=again"}; !slices.Equal(order, want) {
		t.Errorf("All gives %v, want %v", order, want)
	}
	for range now.All() {
		break // must not panic
	}
}

// snapshot is a version and what an ordinary map said at the time.
type snapshot struct {
	table Table[int]
	want  map[string]int
	slots map[string]uint32
	next  uint32
}

func (s snapshot) check(t *testing.T, universe []string) {
	t.Helper()
	if s.table.Len() != len(s.want) || s.table.Slots() != int(s.next) {
		t.Fatalf("%d keys in %d slots, want %d in %d", s.table.Len(), s.table.Slots(), len(s.want), s.next)
	}
	for _, k := range universe {
		v, ok := s.want[k]
		slot, found := s.table.Lookup(k)
		switch {
		case found != ok:
			t.Fatalf("Lookup(%q) finds %v, want %v", k, found, ok)
		case !ok:
			if s.table.Get(k) != nil {
				t.Fatalf("Get(%q) of an absent key", k)
			}
		case slot != s.slots[k] || *s.table.At(slot) != v || *s.table.Get(k) != v || s.table.Key(slot) != k:
			t.Fatalf("%q: slot %d value %v, want slot %d value %d", k, slot, *s.table.At(slot), s.slots[k], v)
		}
	}
	got, last := map[string]int{}, -1
	for k, v := range s.table.All() {
		got[k] = *v
		if slot := int(s.slots[k]); slot <= last {
			t.Fatalf("All is out of order at %q", k)
		} else {
			last = slot
		}
	}
	if !maps.Equal(got, s.want) {
		t.Fatal("All and the map differ")
	}
	live := 0
	for slot := range s.next + 2*pageLen {
		if s.table.At(slot) != nil {
			live++
		}
	}
	if live != len(s.want) {
		t.Fatalf("%d live slots for %d keys", live, len(s.want))
	}
}

// TestAgainstMaps makes random versions from random earlier versions and compares every one of them with a map, at once and again at the end, when later
// versions have been made from its pages. CLAVIGER_SEED repeats a run.
func TestAgainstMaps(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CLAVIGER_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", seed)
	for _, size := range []int{5, 300, 5000} {
		rnd := rand.New(rand.NewPCG(seed, uint64(size)))
		universe := make([]string, size)
		for i := range universe {
			universe[i] = fmt.Sprintf("ac_%d", i)
		}
		versions := []snapshot{{want: map[string]int{}, slots: map[string]uint32{}}}
		for range 60 {
			// Mostly the newest, sometimes an old one: versions form a tree.
			from := versions[len(versions)-1]
			if rnd.IntN(5) == 0 {
				from = versions[rnd.IntN(len(versions))]
			}
			e := from.table.Edit()
			now := snapshot{want: maps.Clone(from.want), slots: maps.Clone(from.slots), next: from.next}
			deletes := []int{2, 5, 9}[rnd.IntN(3)] // of ten
			for range rnd.IntN(3) {                // one editor makes several versions
				for range rnd.IntN(size) {
					k := universe[rnd.IntN(size)]
					if rnd.IntN(10) < deletes {
						_, had := now.want[k]
						if e.Delete(k) != had {
							t.Fatalf("Delete(%q), want %v", k, had)
						}
						delete(now.want, k)
						delete(now.slots, k)
						continue
					}
					v := rnd.Int()
					if _, had := now.want[k]; !had {
						now.slots[k] = now.next
						now.next++
					}
					now.want[k] = v
					if slot := e.Put(k, v); slot != now.slots[k] {
						t.Fatalf("Put(%q) in slot %d, want %d", k, slot, now.slots[k])
					}
					if slot, ok := e.Lookup(k); !ok || slot != now.slots[k] || *e.At(slot) != v || *e.Get(k) != v || e.Len() != len(now.want) {
						t.Fatalf("the editor does not see its own Put(%q)", k)
					}
				}
				v := snapshot{table: e.Table(), want: maps.Clone(now.want), slots: maps.Clone(now.slots), next: now.next}
				v.check(t, universe)
				versions = append(versions, v)
			}
		}
		for _, v := range versions {
			v.check(t, universe)
		}
	}
}

// Readers of a published version need no lock while an editor makes the next ones: the race detector is the judge.
func TestReadersBesideAnEditor(t *testing.T) {
	table := build(2000)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := 0
				for k, v := range table.All() {
					if got := table.Get(k); got != v {
						t.Errorf("Get(%q) and All differ", k)
						return
					}
					n++
				}
				if n != 2000 {
					t.Errorf("%d keys", n)
					return
				}
			}
		})
	}
	e := table.Edit()
	for i := range 5000 {
		e.Put(key(i), value{})
		e.Delete(key(i / 2))
		if i%50 == 0 {
			e.Table()
		}
	}
	close(stop)
	readers.Wait()
}

// Values keep what they point to alive only as long as they are in the table.
func TestDeleteLetsGo(t *testing.T) {
	var z Table[*[1 << 12]byte]
	e := z.Edit()
	const n = 2*pageLen + 10
	freed := make(chan int, n)
	for i := range n {
		v := new([1 << 12]byte)
		runtime.AddCleanup(v, func(i int) { freed <- i }, i)
		e.Put(key(i), v)
	}
	for i := range n {
		if i != 3 {
			e.Delete(key(i))
		}
	}
	table := e.Table()
	for len(freed) < n-1 { // until the test's own deadline
		runtime.GC()
	}
	if table.Len() != 1 || table.Get(key(3)) == nil {
		t.Error("the one that stays is gone")
	}
	if n := table.nodes[0]; n.v[1] != nil || n.k[1] != nil || n.v[0] == nil {
		t.Error("a page of dead slots keeps its memory")
	}
}

// value is as large as a small compiled record.
type value struct {
	a uint64
	_ [7]uint64
}

func key(i int) string { return fmt.Sprintf("sa_01hzy0000000000000%011d", i) } // 32 bytes

func build(n int) Table[value] {
	var z Table[value]
	e := z.Edit()
	for i := range n {
		e.Put(key(i), value{a: uint64(i)})
	}
	return e.Table()
}

func TestReadsDoNotAllocate(t *testing.T) {
	table := build(1000)
	k := key(500)
	if n := testing.AllocsPerRun(100, func() {
		slot, ok := table.Lookup(k)
		if !ok || table.At(slot).a != 500 || table.Get(k) == nil || table.At(1<<31) != nil {
			t.Fatal("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
