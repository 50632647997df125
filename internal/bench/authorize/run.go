package authorize

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

// Options says what to compare.
type Options struct {
	Sizes []workload.Size
	Out   string        // folder of authorize.md and authorize.svg
	Plan  measure.Plan  // of every size and stream
	Check time.Duration // the longest time that a way is asked questions before it is timed, for each stream
	Log   io.Writer     // says how far it is
}

// Run compares all engines at every size and writes the result. It fails when an engine answers otherwise than the
// definitions.
func Run(o Options) error {
	var results []result
	for _, s := range o.Sizes {
		r, err := compare(s, contenders(), o)
		if err != nil {
			return fmt.Errorf("authorize at %s: %w", s.Name, err)
		}
		results = append(results, r)
	}
	picture, err := drawing(results).SVG()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(o.Out, "authorize.md"), document(results, o.Plan), 0o644),
		os.WriteFile(filepath.Join(o.Out, "authorize.svg"), picture, 0o644),
	)
}

// result is what one size gave.
type result struct {
	size workload.Size
	rows []row // in the order of the contenders and their ways
}

// row is one way to ask an engine.
type row struct {
	way
	module  string
	ours    bool
	first   bool // of its engine, whose load it reports
	load    time.Duration
	heap    int64 // bytes
	timing  [streams]measure.Timing
	checked [streams]int // questions whose answers were compared
}

const streams = 2 // workload.Uniform, workload.Zipf

// loaded is an engine that holds the world, and the place of its first way among the rows.
type loaded struct {
	contender
	engine
	row int
}

// compare loads all contenders side by side, and times them in turn.
func compare(s workload.Size, all []contender, o Options) (r result, err error) {
	r.size = s
	w, err := workload.New(s)
	if err != nil {
		return r, err
	}
	var engines []loaded
	defer func() {
		for _, e := range engines {
			err = errors.Join(err, e.close())
		}
	}()
	for _, c := range all {
		e, took, heap, err := load(c, s)
		if err != nil {
			return r, fmt.Errorf("load %s: %w", c.ways[0].name, err)
		}
		engines = append(engines, loaded{c, e, len(r.rows)})
		for i, way := range c.ways {
			r.rows = append(r.rows, row{way: way, module: c.module, ours: c.ours, first: i == 0, load: took, heap: heap})
		}
		o.logf("%s: %s loaded in %.2f s, %d MiB", s.Name, c.ways[0].name, took.Seconds(), heap>>20)
	}
	for _, stream := range []workload.Stream{workload.Uniform, workload.Zipf} {
		if err := r.time(w, engines, stream, o); err != nil {
			return r, fmt.Errorf("%s stream: %w", stream, err)
		}
	}
	return r, nil
}

// time asks every way of every engine the questions of a stream: first for what it answers, then for how fast.
func (r *result) time(w *workload.World, engines []loaded, stream workload.Stream, o Options) error {
	questions := w.Ask(stream)
	var sides []measure.Side
	for _, e := range engines {
		for i, way := range e.ways {
			ask, err := e.prepare(i, w, questions)
			if err != nil {
				return fmt.Errorf("prepare %s: %w", way.name, err)
			}
			n, err := check(ask, w, questions, o.Check)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			o.logf("%s: %s agrees on %d questions of the %s stream", r.size.Name, way.name, n, stream)
			r.rows[e.row+i].checked[stream] = n
			sides = append(sides, measure.Side{Name: way.name, Questions: len(questions), Answer: ask})
		}
	}
	timings, err := measure.Rounds(sides, o.Plan, time.Now)
	for i := range timings {
		r.rows[i].timing[stream] = timings[i]
	}
	return err
}

// load makes an engine hold the world, and takes the time and the memory that it needs.
func load(c contender, s workload.Size) (e engine, took time.Duration, size int64, err error) {
	before := heap()
	e, took, err = fill(c, s)
	return e, took, heap() - before, err
}

// fill gives an engine a world of its own. Nothing but what the engine keeps of it is left afterwards.
func fill(c contender, s workload.Size) (engine, time.Duration, error) {
	own, err := workload.New(s)
	if err != nil {
		return nil, 0, err
	}
	run, err := c.stage(own)
	if err != nil {
		return nil, 0, err
	}
	runtime.GC()
	start := time.Now()
	e, err := run()
	return e, time.Since(start), err
}

// heap is what the program holds.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// check compares answers with the definitions, all of them or as many as fit into the limit, and says how many.
func check(ask measure.Answer, w *workload.World, questions []workload.Question, limit time.Duration) (int, error) {
	start := time.Now()
	for i, q := range questions {
		got, err := ask(i)
		if err != nil {
			return i, fmt.Errorf("question %d: %w", i, err)
		}
		if want := w.Decide(q); got != want || want != q.Allowed {
			return i, fmt.Errorf("question %d: answered %v, the definitions say %v: %+v", i, got, want, q)
		}
		if time.Since(start) > limit {
			return i + 1, nil
		}
	}
	return len(questions), nil
}

func (o Options) logf(format string, args ...any) {
	if o.Log != nil {
		fmt.Fprintf(o.Log, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
	}
}
