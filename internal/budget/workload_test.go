package main

import (
	"math"
	"math/bits"
	"reflect"
	"slices"
	"testing"
)

// The workload has the shape it is described with, or ratios measured on it mean something else.
func TestWorkloadShape(t *testing.T) {
	w, err := newWorld(small)
	if err != nil {
		t.Fatal(err)
	}
	nodes, effective, accounts, levels := 0, 0, 0, [4]int{}
	ids := map[string]bool{}
	for _, tn := range w.tenants {
		nodes += len(tn.nodes)
		for i, id := range tn.accounts {
			ids[id] = true
			accounts++
			effective += len(tn.effective(i))
		}
		for _, b := range tn.bindings {
			ids[b.id] = true
			levels[tn.nodes[b.scope].path.Depth()]++
		}
		for _, r := range tn.roles {
			if n := bits.OnesCount64(r.contents); n < 10 || n > 50 {
				t.Errorf("role %s has %d permissions", r.id, n)
			}
		}
	}
	if len(w.tenants) != 10 || accounts != 1_000 || nodes != 2_250 || len(ids) != 6_000 {
		t.Errorf("%d orgs, %d accounts, %d resources, %d ids", len(w.tenants), accounts, nodes, len(ids))
	}
	for id := range ids {
		if len(id) != idSize {
			t.Fatalf("%q has %d bytes", id, len(id))
		}
	}
	if each := float64(effective) / float64(accounts); math.Abs(each-12) > 1 {
		t.Errorf("%.1f effective bindings per account, want 12", each)
	}
	for depth, want := range []float64{3, 12, 25, 60} {
		if got := float64(levels[depth]) / 50; math.Abs(got-want) > 2 {
			t.Errorf("%.1f %% of the bindings at depth %d, want %.0f", got, depth, want)
		}
	}
}

// Both streams have their shares of answers, repeat exactly, and differ in who asks.
func TestQuestions(t *testing.T) {
	streams := map[stream][]question{}
	for _, s := range []stream{uniform, zipf} {
		var runs [2][]question
		for i := range runs {
			w, err := newWorld(small)
			if err != nil {
				t.Fatal(err)
			}
			runs[i] = w.ask(s)
			if i > 0 {
				break
			}
			allowed, foreign := 0, 0
			for _, q := range runs[i] {
				if q.allowed != w.reference(q) {
					t.Fatalf("%+v contradicts the definitions", q)
				}
				if q.allowed {
					allowed++
				}
				if q.org != q.tenant {
					foreign++
				}
				if d := w.tenants[q.org].nodes[q.item].path.Depth(); d != 3 {
					t.Fatalf("question at depth %d", d)
				}
			}
			if share := float64(allowed) / questions; math.Abs(share-0.70) > 0.02 {
				t.Errorf("%.3f of stream %d are allowed, want 0.70", share, s)
			}
			if share := float64(foreign) / questions; math.Abs(share-0.03) > 0.005 {
				t.Errorf("%.3f of stream %d are foreign, want 0.03", share, s)
			}
		}
		if !reflect.DeepEqual(runs[0], runs[1]) {
			t.Errorf("stream %d is another one the second time", s)
		}
		streams[s] = runs[0]
	}
	if u, z := busiest(streams[uniform]), busiest(streams[zipf]); u > 200 || z < 2_000 {
		t.Errorf("the busiest account asks %d and %d questions", u, z)
	}
}

func busiest(stream []question) int {
	asked := map[[2]int]int{}
	for _, q := range stream {
		asked[[2]int{q.tenant, q.account}]++
	}
	most := 0
	for _, n := range asked {
		most = max(most, n)
	}
	return most
}

// The yardstick really finds its keys: a map that misses is another measurement.
func TestYardstickFinds(t *testing.T) {
	y := newYardstick([]string{"a", "b"}, []string{"x", "y", "z"})
	y.ask("b", "z")
	y.ask("a", "y")
	if got, want := y.pass(), (1+1+2)+(0+0+1); got != want {
		t.Errorf("sum %d, want %d", got, want)
	}
	names := []string{}
	for _, r := range rows {
		names = append(names, r.name)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(rows) {
		t.Errorf("two rows of one name in %q", names)
	}
}
