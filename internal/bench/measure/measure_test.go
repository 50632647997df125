package measure

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// clock is moved by the sides that are measured with it.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// side takes so long for each question, and keeps which it was asked.
func (c *clock) side(name string, questions int, cost func() time.Duration, asked *[]int) Side {
	return Side{name, questions, func(i int) (bool, error) {
		*asked = append(*asked, i)
		c.t = c.t.Add(cost())
		return true, nil
	}}
}

func plan() Plan {
	return Plan{Rounds: 9, Sample: 10 * time.Millisecond, Least: 4, Most: time.Second}
}

// A machine that turns slow for a whole round changes the figures and no ratio.
func TestRounds(t *testing.T) {
	c, slow := &clock{}, time.Duration(1)
	var a, b []int
	fast := c.side("fast", 7, func() time.Duration { return slow * time.Microsecond }, &a)
	late := c.side("late", 5, func() time.Duration {
		if len(b)%2000 < 1000 {
			slow = 3
		} else {
			slow = 1
		}
		return slow * 100 * time.Microsecond
	}, &b)
	got, err := Rounds([]Side{fast, late}, plan(), c.now)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || len(got[0]) != 9 || len(got[1]) != 9 {
		t.Fatalf("%d sides, rounds %v", len(got), got)
	}
	if ratio := got[1].Over(got[0]); ratio < 90 || ratio > 110 {
		t.Errorf("ratio %v, want about 100", ratio)
	}
	for side, asked := range map[int][]int{7: a, 5: b} {
		for i, q := range asked {
			if q != i%side {
				t.Fatalf("question %d of the side with %d came at %d: a sample goes on where the last one ended", q, side, i)
			}
		}
	}
}

// What takes minutes to answer is sampled with what fits into the longest sample, and with one question when none does.
func TestSlowSides(t *testing.T) {
	for _, tt := range []struct {
		cost time.Duration
		each int
	}{
		{time.Microsecond, 16_384}, {5 * time.Millisecond, 4}, {400 * time.Millisecond, 2}, {3 * time.Second, 1},
	} {
		c := &clock{}
		var asked []int
		r := &run{side: c.side("slow", 10, func() time.Duration { return tt.cost }, &asked), now: c.now}
		if err := r.pace(plan()); err != nil || r.each != tt.each {
			t.Errorf("%v a question: %d in a sample (%v), want %d", tt.cost, r.each, err, tt.each)
		}
	}
}

func TestErrorEndsIt(t *testing.T) {
	broken := errors.New("broken")
	s := Side{"engine", 3, func(i int) (bool, error) {
		if i == 2 {
			return false, broken
		}
		return true, nil
	}}
	_, err := Rounds([]Side{s}, plan(), (&clock{}).now)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "engine: question 2") {
		t.Errorf("got %v", err)
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		t    Timing
		want float64
	}{{Timing{7}, 7}, {Timing{9, 1, 5}, 5}, {Timing{4, 1, 3, 2}, 2.5}} {
		first := tt.t[0]
		if got := tt.t.Median(); got != tt.want || tt.t[0] != first {
			t.Errorf("median %v, want %v; now %v", got, tt.want, tt.t)
		}
	}
}
