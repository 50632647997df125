// Package measure times contenders in turn inside one process, so that what the machine does to one it does to all, and a
// ratio can be taken inside each round before any median.
//
// Begin with [Rounds]. It judges no answer: whoever calls it has compared the answers before.
package measure

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Answer answers the question at a position.
type Answer func(i int) (allowed bool, err error)

// Side is one contender: questions 0 to Questions-1, and what answers them.
type Side struct {
	Name      string
	Questions int
	Answer    Answer
}

// Plan says how long to measure.
type Plan struct {
	Rounds int           // samples of each side; odd, so that a median is one of them
	Sample time.Duration // the shortest time of a sample
	Least  int           // questions in a sample at least, unless they take longer than Most
	Most   time.Duration // the longest time of a sample that has more than one question
}

// Timing is what one question cost a side, in nanoseconds, by round.
type Timing []float64

// Rounds samples every side once in each round, in an order that rotates, and goes through a side's questions from where
// its last sample ended. It first runs each side until it knows its pace, which also warms it up.
func Rounds(sides []Side, p Plan, now func() time.Time) ([]Timing, error) {
	runs := make([]*run, len(sides))
	for i, s := range sides {
		runs[i] = &run{side: s, now: now}
		if err := runs[i].pace(p); err != nil {
			return nil, err
		}
	}
	timings := make([]Timing, len(sides))
	for round := range p.Rounds {
		runtime.GC() // a round does not pay for the one before
		for k := range runs {
			i := (round + k) % len(runs)
			took, err := runs[i].sample()
			if err != nil {
				return nil, err
			}
			timings[i] = append(timings[i], float64(took.Nanoseconds())/float64(runs[i].each))
		}
	}
	return timings, nil
}

// A run is a side on its way through its questions.
type run struct {
	side Side
	now  func() time.Time
	next int // question
	each int // questions in a sample
}

func (r *run) pace(p Plan) error {
	for r.each = 1; ; r.each *= 2 {
		took, err := r.sample()
		switch {
		case err != nil:
			return err
		case took >= p.Sample && r.each >= p.Least, took*2 > p.Most:
			return nil
		}
	}
}

func (r *run) sample() (time.Duration, error) {
	answer, next, end := r.side.Answer, r.next, r.side.Questions
	allowed := 0
	start := r.now()
	for range r.each {
		yes, err := answer(next)
		if err != nil {
			return 0, fmt.Errorf("%s: question %d: %w", r.side.Name, next, err)
		}
		if yes {
			allowed++
		}
		if next++; next == end {
			next = 0
		}
	}
	took := r.now().Sub(start)
	runtime.KeepAlive(allowed)
	r.next = next
	return took, nil
}

// Median of the rounds, of which there is at least one.
func (t Timing) Median() float64 { return median(t) }

// Over is the median of the ratios of t to u, each taken inside a round. Both have the same number of rounds.
func (t Timing) Over(u Timing) float64 {
	ratios := make([]float64, len(t))
	for i := range t {
		ratios[i] = t[i] / u[i]
	}
	return median(ratios)
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	mid := len(v) / 2
	if len(v)%2 == 0 {
		return (v[mid-1] + v[mid]) / 2
	}
	return v[mid]
}
