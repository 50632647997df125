package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestTable compares a table with a map through random edits and forks, large enough for leaves and for several chunks.
func TestTable(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 2))
	type fork struct {
		t    table[int]
		want map[string]int
	}
	check := func(f fork) {
		t.Helper()
		for name, v := range f.want {
			slot, ok := f.t.find(hashName(name), name)
			if !ok || *f.t.row(slot) != v || f.t.name(slot) != name {
				t.Fatalf("seed %d: %s is at %d, %v", seed, name, slot, ok)
			}
		}
		for range 1000 {
			name := fmt.Sprint("n", rnd.IntN(100_000))
			if _, ok := f.t.find(hashName(name), name); ok != (f.want[name] != 0) {
				t.Fatalf("seed %d: %s found: %v", seed, name, ok)
			}
		}
	}
	now := fork{want: map[string]int{}}
	var old []fork
	for round := range 12 {
		own := new(stamp)
		edits, space := 200, 300
		if round == 5 {
			edits, space = 60_000, 100_000 // past the pages that are found directly
		}
		for range edits {
			name := fmt.Sprint("n", rnd.IntN(space))
			h := hashName(name)
			slot, ok := now.t.find(h, name)
			switch {
			case !ok:
				slot = now.t.add(own, h, name)
				fallthrough
			case rnd.IntN(2) == 0:
				v := 1 + rnd.IntN(1000)
				*now.t.edit(own, slot), now.want[name] = v, v
			default:
				now.t.drop(own, h, slot)
				now.t.release(slot)
				delete(now.want, name)
			}
		}
		now.t.seal()
		old = append(old, fork{now.t, maps.Clone(now.want)})
	}
	for _, f := range old {
		check(f)
	}
}

// TestGrants looks up every tag in packed entries of all widths.
func TestGrants(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 3))
	for _, n := range []int{0, 1, 2, few, few + 1, 255, 256, 257, 65535, 65536, 70_000} {
		var entries []uint64
		count := map[uint32]int{}
		for i := range n {
			tag := rnd.Uint32()
			switch rnd.IntN(4) {
			case 0:
				tag = uint32(i%7) << 29
			case 1:
				tag = ^uint32(0)
			}
			count[tag]++
			entries = append(entries, entry(tag, uint32(i+1), i%7 == 0))
		}
		ups, members := []uint32{7, 8, 9}[:n%4], []uint32{1, 2, 3, 4}[:n%5]
		role := uint32(n % 3)
		g := packGrants(packed{kind: group, life: 42, boundary: role, ups: ups, members: members}, entries)
		if g.kind() != group || g.life() != 42 || g.boundary() != role || len(g.entries()) != n || !slices.Equal(g.ups(), ups) || !slices.Equal(g.members(), members) {
			t.Fatalf("%d entries: kind %d, life %d, %d entries, ups %v, members %v", n, g.kind(), g.life(), len(g.entries()), g.ups(), g.members())
		}
		f := g.finder()
		tags := slices.Collect(maps.Keys(count))
		for range 1000 {
			tags = append(tags, rnd.Uint32())
		}
		for _, tag := range tags {
			got := 0
			i := 0
			if len(f.starts) > 0 {
				i = f.first(tag)
			}
			for ; i < len(f.entries) && uint32(f.entries[i]>>32) <= tag; i++ {
				if uint32(f.entries[i]>>32) == tag {
					got++
				}
			}
			if got != count[tag] {
				t.Fatalf("seed %d: %d entries, tag %x: %d found, want %d", seed, n, tag, got, count[tag])
			}
		}
	}
	if packGrants(packed{}, nil) != nil {
		t.Error("nothing is packed into something")
	}
}

// TestSlotsAreReused holds that memory stays flat while bindings, scopes and role names come and go.
func TestSlotsAreReused(t *testing.T) {
	d := office(t)
	churn := func(n int) {
		for i := range n {
			id := fmt.Sprint(i)
			bind(t, d, "b"+id, "ann", "role"+id, "p/"+id, Allow, during(1, 2))
			if err := d.PutRole(Role{ID: "stored" + id, Includes: []string{"code:reader"}}); err != nil {
				t.Fatal(err)
			}
			d.Snapshot()
			d.RemoveBinding("b" + id)
			d.RemoveRole("stored" + id)
			d.Snapshot()
		}
	}
	churn(10)
	before := d.Snapshot()
	churn(1000)
	s := d.Snapshot()
	if s.bindings.top != before.bindings.top || s.scopes.top != before.scopes.top || s.roles.top != before.roles.top || len(s.including) != len(before.including) {
		t.Errorf("tables grew from %d, %d, %d to %d, %d, %d", before.bindings.top, before.scopes.top, before.roles.top, s.bindings.top, s.scopes.top, s.roles.top)
	}
	for _, x := range []index{s.bindings.index, s.scopes.index, s.roles.index} {
		if x.mask >= 64 {
			t.Errorf("an index of %d names has %d places", x.live, x.mask+1)
		}
	}
	for _, p := range s.terms.dir.all() {
		if len(p.list) != 0 {
			t.Error("terms of removed bindings stay")
		}
	}
}
