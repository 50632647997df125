// Command budget measures the performance budgets of the library, each as a ratio to a raw operation that runs
// interleaved with it in the same process, so that a figure means the same on every machine.
//
//	go run ./internal/budget            # every row
//	go run ./internal/budget authorize-m   # one row
//
// It prints one line for each row and exits with 1 if a row is over its bound or fails, and with 2 if a row is unknown
// (go run prints that code and exits with 1 itself).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() { os.Exit(run(os.Args[1:], rows, time.Now, os.Stdout, os.Stderr)) }

// run measures the named rows of the table, all of them when none is named, and returns the exit code.
func run(names []string, table []row, now func() time.Time, out, log io.Writer) int {
	chosen, err := choose(names, table)
	if err != nil {
		fmt.Fprintln(log, err)
		return 2
	}
	code := 0
	for _, r := range chosen {
		line, ok := r.measure(now)
		fmt.Fprintln(out, line)
		if !ok {
			code = 1
		}
	}
	return code
}

// choose finds the named rows, in the order they are named.
func choose(names []string, table []row) ([]row, error) {
	if len(names) == 0 {
		return table, nil
	}
	byName := map[string]row{}
	var known []string
	for _, r := range table {
		byName[r.name] = r
		known = append(known, r.name)
	}
	var chosen []row
	for _, n := range names {
		r, ok := byName[n]
		if !ok {
			return nil, fmt.Errorf("budget: no row %q; there are %s", n, strings.Join(known, ", "))
		}
		chosen = append(chosen, r)
	}
	return chosen, nil
}

// A skip is the reason why a row cannot be measured here. It is not a failure.
type skip string

func (s skip) Error() string { return string(s) }

// measure gives the line of a row, and false when the row is over its bound or cannot be prepared.
func (r row) measure(now func() time.Time) (line string, ok bool) {
	if r.read != nil {
		return r.figure()
	}
	p, err := r.prepare()
	var s skip
	switch {
	case errors.As(err, &s):
		return fmt.Sprintf("%s ratio=- bound=%s value=- skip (%s)", r.name, r.limit(), s), true
	case err != nil:
		return fmt.Sprintf("%s ratio=- bound=%s value=- over (%v)", r.name, r.limit(), err), false
	}
	m := measure(p, now)
	if p.done != nil {
		if err := p.done(); err != nil {
			return fmt.Sprintf("%s ratio=- bound=%s value=- over (%v)", r.name, r.limit(), err), false
		}
	}
	verdict := "ok"
	if r.bound > 0 && m.ratio > r.bound {
		verdict = "over"
	}
	// A stray allocation of the runtime itself in a million operations is not one of ours.
	if r.noAllocs && m.allocs >= 0.001 {
		verdict = fmt.Sprintf("over (%.3f allocations an operation, bound 0)", m.allocs)
	}
	return fmt.Sprintf("%s ratio=%.2f bound=%s value=%.1fns %s", r.name, m.ratio, r.limit(), m.ours, verdict), verdict == "ok"
}

// figure gives the line of a row that is read.
func (r row) figure() (line string, ok bool) {
	runtime.GC()
	ratio, value, err := r.read()
	if err != nil {
		return fmt.Sprintf("%s ratio=- bound=%s value=- over (%v)", r.name, r.limit(), err), false
	}
	verdict := "ok"
	if r.bound > 0 && ratio > r.bound {
		verdict = "over"
	}
	return fmt.Sprintf("%s ratio=%.2f bound=%s value=%s %s", r.name, ratio, r.limit(), value, verdict), verdict == "ok"
}

// limit prints the bound; a row that is only reported has none.
func (r row) limit() string {
	if r.bound == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", r.bound)
}
