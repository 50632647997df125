package authorize

import (
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

func example() result {
	timing := func(ns float64) [streams]measure.Timing {
		return [streams]measure.Timing{{ns, ns * 3, ns * 2}, {ns / 2, ns / 2, ns / 2}}
	}
	return result{size: workload.Medium(), rows: []row{
		{way: way{"ours", "as it is"}, ours: true, first: true, load: 1500 * time.Millisecond, heap: 3 << 20, timing: timing(100)},
		{way: way{"slow", "by hand"}, module: "example.com/slow", first: true, load: 20 * time.Microsecond, heap: 1500 << 20,
			timing: timing(2e9), checked: [streams]int{5, 7}},
		{way: way{"fast", "by hand"}, module: "example.com/fast", first: true, timing: timing(1000), checked: [streams]int{65_536, 65_536}},
		{way: way{"fast, else", "by hand"}, module: "example.com/fast", timing: timing(5000)},
	}}
}

// Rows say what they should, ours first and the others by their cost.
func TestDocument(t *testing.T) {
	text := string(document([]result{example()}, measure.Plan{Rounds: 3, Sample: time.Millisecond, Most: time.Second}))
	for _, want := range []string{
		"## M: 50 orgs, 10,000 accounts, 50,000 bindings",
		"| **ours** | 200 ns | 0.1 | 50.0 ns | 0.1 | 1.50 s | 3.00 MiB | 0 |\n" +
			"| fast | 2.00 µs | 1.00 | 500 ns | 1.00 | 0 ns | 0 MiB | 131,072 |\n" +
			"| fast, else | 10.0 µs | 5.00 | 2.50 µs | 5.00 | ″ | ″ | 0 |\n" +
			"| slow | 4.00 s | 2,000,000 | 1.00 s | 2,000,000 | 20.0 µs | 1,500 MiB | 12 |\n",
		"* **slow** (example.com/slow unknown): by hand",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestDrawing(t *testing.T) {
	small, medium := example(), example()
	small.size = workload.Small()
	small.rows = small.rows[:2]
	c := drawing([]result{small, medium})
	points := map[string]int{}
	for _, s := range c.Series {
		points[s.Name] = len(s.Points)
		if s.Strong != (s.Name == "ours") {
			t.Errorf("%s is drawn like the other side", s.Name)
		}
	}
	if len(points) != 4 || points["ours"] != 2 || points["slow"] != 2 || points["fast"] != 1 {
		t.Errorf("points %v", points)
	}
	if p := c.Series[0].Points[1]; p.X != 50_000 || p.Y != 200 {
		t.Errorf("ours at M is drawn at %v", p)
	}
}

func TestNumbers(t *testing.T) {
	for ns, want := range map[float64]string{0.5: "0.5 ns", 99: "99.0 ns", 999: "999 ns", 1000: "1.00 µs", 12_345: "12.3 µs", 2.5e6: "2.50 ms", 3e12: "3,000 s"} {
		if got := duration(ns); got != want {
			t.Errorf("%v ns is %q, want %q", ns, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := group(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
