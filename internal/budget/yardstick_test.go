package main

import (
	"slices"
	"testing"
)

// The yardstick really finds its keys: a map that misses is another measurement.
func TestYardstickFinds(t *testing.T) {
	y := newYardstick([]string{"a", "b"}, []string{"x", "y", "z"})
	y.ask("b", "z")
	y.ask("a", "y")
	if got, want := y.pass(), (1+1+2)+(0+0+1); got != want {
		t.Errorf("sum %d, want %d", got, want)
	}
}

// Rows are asked for by name.
func TestRowNames(t *testing.T) {
	names := []string{}
	for _, r := range rows {
		names = append(names, r.name)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(rows) {
		t.Errorf("two rows of one name in %q", names)
	}
}
