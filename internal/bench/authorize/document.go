package authorize

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/claviger-go/claviger/internal/bench/chart"
	"github.com/claviger-go/claviger/internal/bench/machine"
	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

// document writes the tables.
func document(results []result, p measure.Plan) []byte {
	var b bytes.Buffer
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Cost of a decision\n")
	say("%s. Written by `go run .` in `internal/bench`; memory-bound figures move between processes, so compare within one.\n", machine.Line())
	say("![Time for one decision against the number of bindings](authorize.svg)\n")
	for _, r := range results {
		s := r.size
		say("## %s: %s orgs, %s accounts, %s bindings\n", s.Name, group(s.Orgs), group(s.Accounts), group(s.Bindings))
		say("| engine | uniform | × fastest peer | Zipf | × fastest peer | load | heap | compared |")
		say("|---|--:|--:|--:|--:|--:|--:|--:|")
		for _, row := range r.sorted() {
			say("| %s | %s | %s | %s | %s | %s | %s | %s |", row.title(),
				row.cost(workload.Uniform), r.ratio(row, workload.Uniform), row.cost(workload.Zipf), r.ratio(row, workload.Zipf),
				row.loading(), row.memory(), row.compared())
		}
		say("")
	}
	say("Time for one decision, median of %d rounds; in a round every engine answers for %v or longer, one after the other in one process,",
		p.Rounds, p.Sample)
	say("and goes on through its questions where it stopped. Samples of less than %d questions are those that would take longer than %v.", p.Least, p.Most)
	say("× fastest peer: the median of the ratios inside the rounds, to the fastest engine that is not ours.")
	say("Uniform: every account asks alike. Zipf: s = 1.1. Of the %s questions of a stream 70 %% are allowed; a tenth of the others is about a",
		group(workload.Questions))
	say("foreign org. All are about items, three levels below the org. Requests are made ahead, each with texts of its own.")
	say("Load: from the definitions in memory (claviger Authorize: from SQLite) until every org can be asked about.")
	say("Heap: what the Go heap holds more after loading than before. Compared: questions, of both streams, whose answers were compared with")
	say("the definitions before anything was timed; all agreed.\n")
	say("## How each is used, and what deviates\n")
	for _, row := range settings(results) {
		say("* **%s** (%s %s): %s", row.name, row.module, machine.Version(row.module), row.setting)
	}
	return b.Bytes()
}

// drawing is the picture: the uniform stream, where caches help least.
func drawing(results []result) chart.Chart {
	c := chart.Chart{Title: "Time for one decision, uniform questions", XLabel: "bindings", YLabel: "time (log)"}
	for _, named := range settings(results) {
		s := chart.Series{Name: named.name, Strong: named.ours}
		for _, r := range results {
			for _, row := range r.rows {
				if t := row.timing[workload.Uniform]; row.name == named.name && len(t) > 0 {
					s.Points = append(s.Points, chart.Point{X: float64(r.size.Bindings), Y: t.Median()})
				}
			}
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// settings gives one row for each way.
func settings(results []result) []row {
	var out []row
	seen := map[string]bool{}
	for _, r := range results {
		for _, row := range r.rows {
			if !seen[row.name] {
				seen[row.name] = true
				out = append(out, row)
			}
		}
	}
	return out
}

// sorted gives the rows, ours first, then by their cost on the uniform stream; those that have none come last.
func (r result) sorted() []row {
	rows := slices.Clone(r.rows)
	rank := func(x row) (int, float64) {
		switch t := x.timing[workload.Uniform]; {
		case x.ours:
			return 0, 0 // in their order
		case len(t) == 0:
			return 2, 0
		default:
			return 1, t.Median()
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		m, x := rank(a)
		n, y := rank(b)
		return cmp.Or(cmp.Compare(m, n), cmp.Compare(x, y))
	})
	return rows
}

// ratio of a row to the fastest that is not ours.
func (r result) ratio(x row, s workload.Stream) string {
	var peer measure.Timing
	for _, p := range r.rows {
		if t := p.timing[s]; !p.ours && len(t) > 0 && (peer == nil || t.Median() < peer.Median()) {
			peer = t
		}
	}
	if peer == nil || len(x.timing[s]) == 0 {
		return "–"
	}
	return significant(x.timing[s].Over(peer))
}

func (x row) title() string {
	if x.ours {
		return "**" + x.name + "**"
	}
	return x.name
}

func (x row) cost(s workload.Stream) string {
	if len(x.timing[s]) == 0 {
		return "–"
	}
	return duration(x.timing[s].Median())
}

func (x row) loading() string {
	if !x.first {
		return "″"
	}
	return duration(float64(x.load.Nanoseconds()))
}

func (x row) memory() string {
	if !x.first {
		return "″"
	}
	return significant(float64(x.heap)/(1<<20)) + " MiB"
}

func (x row) compared() string { return group(x.checked[workload.Uniform] + x.checked[workload.Zipf]) }

// duration writes nanoseconds with three digits and the unit that fits.
func duration(ns float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if ns >= u.size {
			return significant(ns/u.size) + " " + u.name
		}
	}
	return significant(ns) + " ns"
}

// significant writes a positive number with three significant digits, and whole numbers in full.
func significant(v float64) string {
	switch {
	case v >= 100:
		return group(int(v + 0.5))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// group writes a number with a comma after every third digit from the right.
func group(n int) string {
	digits := strconv.Itoa(n)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}
