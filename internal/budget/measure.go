package main

import (
	"runtime"
	"slices"
	"time"
)

const (
	pairs  = 11                    // measured pairs, odd so that a median is one of them
	sample = 40 * time.Millisecond // shortest time one side of a pair is run for
)

// A pair is what a row compares: ours against the yardstick, over the same questions.
type pair struct {
	ours, yard side
	done       func() error // cleans up after the measurement; may be nil
}

// A side is one of the two: one pass of ops operations.
type side struct {
	ops  int
	pass func()
}

// A measurement is the outcome of a row.
type measurement struct {
	ratio  float64 // median over the pairs of ours to yardstick, time for one operation
	ours   float64 // median nanoseconds for one operation of ours
	allocs float64 // heap allocations for one operation of ours, the fewest seen in a sample
}

// measure runs the sides in turn, A B A B, in one process: what the machine does to one it does to the other, and a
// ratio is taken inside each pair before any median.
func measure(p pair, now func() time.Time) measurement {
	a, b := passes(p.ours, now), passes(p.yard, now)
	var ratios, ours, allocs []float64
	for range pairs {
		runtime.GC() // neither side pays for the other's garbage
		x, n := p.ours.sample(a, now)
		y, _ := p.yard.sample(b, now)
		ratios = append(ratios, x/y)
		ours = append(ours, x)
		allocs = append(allocs, n)
	}
	return measurement{median(ratios), median(ours), slices.Min(allocs)}
}

// passes warms a side up and finds how many passes fill a sample.
func passes(s side, now func() time.Time) int {
	for n := 1; ; n *= 2 {
		start := now()
		for range n {
			s.pass()
		}
		if now().Sub(start) >= sample {
			return n
		}
	}
}

// sample runs n passes and gives nanoseconds and allocations for one operation.
func (s side) sample(n int, now func() time.Time) (ns, allocs float64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := now()
	for range n {
		s.pass()
	}
	took := now().Sub(start)
	runtime.ReadMemStats(&after)
	ops := float64(n) * float64(s.ops)
	return float64(took.Nanoseconds()) / ops, float64(after.Mallocs-before.Mallocs) / ops
}

// median of at least one value.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	mid := len(v) / 2
	if len(v)%2 == 0 {
		return (v[mid-1] + v[mid]) / 2
	}
	return v[mid]
}
