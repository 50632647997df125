package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// clock is moved by the sides that are measured with it.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// takes makes a side of one operation that takes so long.
func (c *clock) takes(d func() time.Duration) side {
	return side{1, func() { c.t = c.t.Add(d()) }}
}

func constant(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{1000, 1, 2, 3, 1000}, 3},
	} {
		first := tt.values[0]
		if got := median(tt.values); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.values, got, tt.want)
		}
		if tt.values[0] != first {
			t.Errorf("median reordered its argument")
		}
	}
}

// A machine that turns slow for both sides of a pair changes no ratio, and one bad pair does not move the median.
func TestMeasure(t *testing.T) {
	c := &clock{}
	ops := 0
	weather := func(d time.Duration) func() time.Duration {
		return func() time.Duration {
			ops++
			if ops%5 == 0 {
				return d * 3
			}
			return d
		}
	}
	m := measure(pair{ours: c.takes(weather(3 * time.Millisecond)), yard: c.takes(weather(2 * time.Millisecond))}, c.now)
	if m.ratio < 1.4 || m.ratio > 1.6 {
		t.Errorf("ratio %v, want about 1.5", m.ratio)
	}
	m = measure(pair{ours: c.takes(constant(30 * time.Millisecond)), yard: c.takes(constant(10 * time.Millisecond))}, c.now)
	if m.ratio != 3 || m.ours != 30e6 {
		t.Errorf("got %+v, want ratio 3 and 30 ms", m)
	}
}

func TestRun(t *testing.T) {
	c := &clock{}
	prepare := func(ours, yard time.Duration) func() (pair, error) {
		return func() (pair, error) { return pair{ours: c.takes(constant(ours)), yard: c.takes(constant(yard))}, nil }
	}
	var garbage [][]byte
	table := []row{
		{name: "within", bound: 1.5, noAllocs: true, prepare: prepare(14*time.Millisecond, 10*time.Millisecond)},
		{name: "over", bound: 1.3, noAllocs: false, prepare: prepare(14*time.Millisecond, 10*time.Millisecond)},
		{name: "reported", bound: 0, noAllocs: false, prepare: prepare(90*time.Millisecond, 10*time.Millisecond)},
		{name: "skipped", bound: 4, noAllocs: false, prepare: func() (pair, error) { return pair{}, skip("one fsync costs less than 0.3 ms") }},
		{name: "broken", bound: 4, noAllocs: false, prepare: func() (pair, error) { return pair{}, errors.New("wrong answer") }},
		{name: "allocates", bound: 2, noAllocs: true, prepare: func() (pair, error) {
			s := c.takes(constant(10 * time.Millisecond))
			pass := s.pass
			s.pass = func() { pass(); garbage = append(garbage, make([]byte, 100)) }
			return pair{ours: s, yard: c.takes(constant(10 * time.Millisecond))}, nil
		}},
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"within", 0, "within ratio=1.40 bound=1.50 value=14000000.0ns ok\n"},
		{"over", 1, "over ratio=1.40 bound=1.30 value=14000000.0ns over\n"},
		{"reported", 0, "reported ratio=9.00 bound=- value=90000000.0ns ok\n"},
		{"skipped", 0, "skipped ratio=- bound=4.00 value=- skip (one fsync costs less than 0.3 ms)\n"},
		{"broken", 1, "broken ratio=- bound=4.00 value=- over (wrong answer)\n"},
		{"allocates", 1, "allocations an operation, bound 0)\n"},
		{"nonsense", 2, ""},
		{"within nonsense", 2, ""},
		{"over within", 1, "within ratio=1.40"},
	} {
		var out, log strings.Builder
		if code := run(strings.Fields(tt.args), table, c.now, &out, &log); code != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.args, code, tt.code)
		}
		if !strings.Contains(out.String(), tt.want) || (tt.want == "") != (out.String() == "") {
			t.Errorf("%s: printed %q, want %q", tt.args, out.String(), tt.want)
		}
		if tt.code == 2 && !strings.Contains(log.String(), "nonsense") {
			t.Errorf("%s: the complaint %q does not name the row", tt.args, log.String())
		}
	}
	var out, log strings.Builder
	if run(nil, table, c.now, &out, &log); strings.Count(out.String(), "\n") != len(table) {
		t.Errorf("without a name all rows are measured, got %q", out.String())
	}
}
