package workload

import (
	"math"
	"reflect"
	"testing"
)

// Both streams have their shares of answers, repeat exactly, and differ in who asks.
func TestQuestions(t *testing.T) {
	streams := map[Stream][]Question{}
	for _, s := range []Stream{Uniform, Zipf} {
		var runs [2][]Question
		for i := range runs {
			w := newWorld(t, Small())
			runs[i] = w.Ask(s)
			if i > 0 {
				break
			}
			allowed, foreign := 0, 0
			for _, q := range runs[i] {
				if q.Allowed != w.Decide(q) {
					t.Fatalf("%+v contradicts the definitions", q)
				}
				if q.Allowed {
					allowed++
				}
				if q.Org != q.Home {
					foreign++
				}
				if d := w.Orgs[q.Org].Nodes[q.Item].Path.Depth(); d != 3 {
					t.Fatalf("question at depth %d", d)
				}
			}
			if share := float64(allowed) / Questions; math.Abs(share-0.70) > 0.02 {
				t.Errorf("%.3f of the %s stream are allowed, want 0.70", share, s)
			}
			if share := float64(foreign) / Questions; math.Abs(share-0.03) > 0.005 {
				t.Errorf("%.3f of the %s stream are foreign, want 0.03", share, s)
			}
		}
		if !reflect.DeepEqual(runs[0], runs[1]) {
			t.Errorf("the %s stream is another one the second time", s)
		}
		streams[s] = runs[0]
	}
	if u, z := busiest(streams[Uniform]), busiest(streams[Zipf]); u > 200 || z < 2_000 {
		t.Errorf("the busiest account asks %d and %d questions", u, z)
	}
}

func busiest(stream []Question) int {
	asked := map[[2]int]int{}
	for _, q := range stream {
		asked[[2]int{q.Home, q.Account}]++
	}
	most := 0
	for _, n := range asked {
		most = max(most, n)
	}
	return most
}
