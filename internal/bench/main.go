// Command bench compares the library with the engines that people use in its place, on one workload, and writes the tables
// and pictures that the documents show. It is a module of its own, so that no host depends on what it is compared with.
//
//	go run .                        # everything, at S, M and L
//	go run . -sizes S,M -out /tmp/b # less, elsewhere
//
// The folder of -out receives authorize.md and authorize.svg. It fails, and writes nothing, when an engine answers a
// question otherwise than the definitions. L needs 8 GB of memory and some ten minutes, on a machine that does nothing else.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/claviger-go/claviger/internal/bench/authorize"
	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/bench/tokens"
	"github.com/claviger-go/claviger/internal/workload"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run makes the results that are asked for. Another one is another package beside these, and a call here.
func run(args []string, log io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	names := flags.String("sizes", "S,M,L", "sizes of the workload, with commas between")
	out := flags.String("out", "results", "folder of the results")
	rounds := flags.Int("rounds", 11, "samples of every engine on every stream")
	only := flags.String("only", "", "the one result to make, tokens or authorize; all if it is empty")
	check := flags.Duration("check", 15*time.Second, "the longest time that an engine's answers to a stream are compared")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *rounds < 1 || *only != "" && *only != "tokens" && *only != "authorize" {
		return fmt.Errorf("usage: go run . [-only tokens|authorize] [-sizes S,M,L] [-out folder] [-rounds n] [-check duration]")
	}
	sizes, err := parseSizes(*names)
	if err != nil {
		return err
	}
	plan := measure.Plan{Rounds: *rounds, Sample: 50 * time.Millisecond, Least: 16, Most: 2 * time.Second}
	if *only != "authorize" {
		// A signature takes the processor and nothing else, so many short rounds, most of which nothing interrupts.
		short := measure.Plan{Rounds: 19 * *rounds, Sample: time.Millisecond, Least: 8, Most: time.Second}
		if err := tokens.Run(tokens.Options{Out: *out, Plan: short, Log: log}); err != nil {
			return err
		}
	}
	if *only == "tokens" {
		return nil
	}
	return authorize.Run(authorize.Options{Sizes: sizes, Out: *out, Plan: plan, Check: *check, Log: log})
}

// parseSizes finds sizes by their names, in the order of the workload.
func parseSizes(text string) ([]workload.Size, error) {
	asked := map[string]bool{}
	for name := range strings.SplitSeq(text, ",") {
		asked[strings.TrimSpace(name)] = true
	}
	var sizes []workload.Size
	for _, s := range workload.Sizes() {
		if asked[s.Name] {
			sizes = append(sizes, s)
			delete(asked, s.Name)
		}
	}
	for name := range asked {
		return nil, fmt.Errorf("no size %q; there are S, M and L", name)
	}
	return sizes, nil
}
