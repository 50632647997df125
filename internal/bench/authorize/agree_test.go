package authorize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

// Every engine, asked in each of its ways, answers what the definitions say: it would be timed for another job otherwise.
func TestEnginesAgree(t *testing.T) {
	w, err := workload.New(workload.Small())
	if err != nil {
		t.Fatal(err)
	}
	streams := map[workload.Stream][]workload.Question{}
	for _, s := range []workload.Stream{workload.Uniform, workload.Zipf} {
		streams[s] = w.Ask(s)[:200]
		allowed, foreign := 0, 0
		for _, q := range streams[s] {
			if q.Allowed {
				allowed++
			}
			if q.Org != q.Home {
				foreign++
			}
		}
		if allowed < 100 || allowed > 180 || foreign < 3 {
			t.Fatalf("the %s stream has %d questions to allow and %d about a foreign org", s, allowed, foreign)
		}
	}
	for _, c := range contenders() {
		t.Run(c.ways[0].name, func(t *testing.T) {
			e, _, heap, err := load(c, workload.Small())
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := e.close(); err != nil {
					t.Error(err)
				}
			}()
			if heap < 100_000 || heap > 100_000_000 {
				t.Errorf("5,000 bindings in %d bytes", heap)
			}
			for i, way := range c.ways {
				for s, questions := range streams {
					ask, err := e.prepare(i, w, questions)
					if err != nil {
						t.Fatal(err)
					}
					if n, err := check(ask, w, questions, time.Minute); err != nil || n != len(questions) {
						t.Errorf("%s, %s: %d compared: %v", way.name, s, n, err)
					}
				}
			}
		})
	}
}

// An engine that is wrong once is not timed, and there is no result.
func TestDisagreementIsFound(t *testing.T) {
	wrong := decide()
	right := wrong.stage
	wrong.stage = func(w *workload.World) (func() (engine, error), error) {
		load, err := right(w)
		return func() (engine, error) {
			e, err := load()
			return liar{e}, err
		}, err
	}
	_, err := compare(workload.Small(), []contender{decide(), wrong}, Options{
		Plan: measure.Plan{Rounds: 1}, Check: time.Minute})
	if err == nil || !strings.Contains(err.Error(), "uniform stream") || !strings.Contains(err.Error(), "question 60000: answered") {
		t.Errorf("got %v", err)
	}
}

// liar answers one question wrongly.
type liar struct{ engine }

func (l liar) prepare(way int, w *workload.World, stream []workload.Question) (measure.Answer, error) {
	ask, err := l.engine.prepare(way, w, stream)
	return func(i int) (bool, error) {
		yes, err := ask(i)
		return yes != (i == 60_000), err
	}, err
}

// The whole way at S: a table with a row for every way, and the picture.
func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "results")
	err := Run(Options{
		Sizes: []workload.Size{workload.Small()}, Out: out, Check: 20 * time.Millisecond,
		Plan: measure.Plan{Rounds: 1, Sample: time.Millisecond, Least: 1, Most: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join(out, "authorize.md"))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(filepath.Join(out, "authorize.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contenders() {
		for _, way := range c.ways {
			if n := strings.Count(string(table), way.name+"** |") + strings.Count(string(table), "| "+way.name+" |"); n != 1 {
				t.Errorf("%s has %d rows", way.name, n)
			}
			if !strings.Contains(string(table), way.setting) || !strings.Contains(string(picture), way.name+"</text>") {
				t.Errorf("%s is not described or not drawn", way.name)
			}
		}
	}
}
