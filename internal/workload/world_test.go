package workload

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/bits"
	"testing"
)

func newWorld(t *testing.T, s Size) *World {
	t.Helper()
	w, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The workload has the shape it is described with, or ratios measured on it mean something else.
func TestShape(t *testing.T) {
	w := newWorld(t, Small())
	nodes, effective, accounts, levels := 0, 0, 0, [4]int{}
	ids := map[string]bool{}
	for _, o := range w.Orgs {
		nodes += len(o.Nodes)
		for i, id := range o.Accounts {
			ids[id] = true
			accounts++
			effective += len(o.Effective(i))
		}
		for _, b := range o.Bindings {
			ids[b.ID] = true
			levels[o.Nodes[b.Scope].Path.Depth()]++
		}
		for _, r := range o.Roles {
			if n := bits.OnesCount64(r.Contents); n < 10 || n > 50 || n != len(w.PermissionsOf(r)) {
				t.Errorf("role %s has %d permissions", r.ID, n)
			}
		}
	}
	if len(w.Orgs) != 10 || accounts != 1_000 || nodes != 2_250 || len(ids) != 6_000 {
		t.Errorf("%d orgs, %d accounts, %d resources, %d ids", len(w.Orgs), accounts, nodes, len(ids))
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

// TestStandsStill holds the generator to what it made when the first figures were taken: with other worlds or other
// questions, new figures could not be set beside them.
func TestStandsStill(t *testing.T) {
	for _, tt := range []struct {
		size                 Size
		world, uniform, zipf string
	}{
		{Small(), "6292302a1eae5df6", "89fd87eac7f1951d", "ebd35ad1a5156d16"},
		{Medium(), "86d757ba02fccd76", "24822210ba71fce1", "30235c05ef43d514"},
	} {
		w := newWorld(t, tt.size)
		if got := w.digest(); got != tt.world {
			t.Errorf("world %s has digest %s, had %s", tt.size.Name, got, tt.world)
		}
		for _, s := range []struct {
			stream Stream
			want   string
		}{{Uniform, tt.uniform}, {Zipf, tt.zipf}} {
			if got := digest(w.Ask(s.stream)); got != s.want {
				t.Errorf("the %s stream of %s has digest %s, had %s", s.stream, tt.size.Name, got, s.want)
			}
		}
	}
}

func (w *World) digest() string {
	h := sha256.New()
	for _, o := range w.Orgs {
		fmt.Fprintln(h, o.ID, o.Accounts, o.Groups, o.MemberOf)
		for _, r := range o.Roles {
			fmt.Fprintln(h, r.ID, r.Contents)
		}
		for _, n := range o.Nodes {
			fmt.Fprintln(h, n.Path.String(), n.Parent)
		}
		for _, b := range o.Bindings {
			fmt.Fprintln(h, b.ID, b.Subject, b.Role, b.Scope)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

func digest(stream []Question) string {
	h := sha256.New()
	for _, q := range stream {
		fmt.Fprintln(h, q.Home, q.Account, q.Org, q.Item, q.Permission, q.Allowed)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}
