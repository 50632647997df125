package tokens

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/claviger-go/claviger/internal/bench/machine"
	"github.com/claviger-go/claviger/internal/bench/measure"
)

// document writes the tables.
func document(results []result, p measure.Plan) []byte {
	var b bytes.Buffer
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Cost of an access token\n")
	say("%s. Written by `go run .` in `internal/bench`.\n", machine.Line())
	for _, r := range results {
		say("## %s, tokens of %d bytes\n", r.algorithm, r.size)
		say("| library | verify | × bare | allocations | issue | × bare | allocations |")
		say("|---|--:|--:|--:|--:|--:|--:|")
		say("| *bare signature* | %s | 1 | | %s | 1 | |", micro(r.bareVerify), micro(r.bareSign))
		for _, row := range r.sorted() {
			say("| %s | %s | %s | %.0f | %s | %s | %s |", row.title(), micro(row.verify), over(row.verify, r.bareVerify), row.allocs[0],
				micro(row.sign), over(row.sign, r.bareSign), row.issueAllocs())
		}
		say("")
	}
	say("Time for one token, median of %d rounds; in a round every library works for %v or longer, one after the other in one process. × bare:", p.Rounds, p.Sample)
	say("the median of the ratios inside the rounds, to the same signature operation of the standard library by the same key, digest included.")
	say("A round is too short for a garbage collection, so what the allocations cost later is not in the times.")
	say("A token has ten claims (iss sub aud exp iat nbf jti client_id org cid) and a list of ten permissions; %d different ones, each seen for", tokens)
	say("the first time: nothing is remembered between two. All verify the same texts, which are ours. Before anything was timed every library had read")
	say("in them all that was written, the others also in those of one another, and refused tokens with another's claims or signature, cut, expired, and")
	say("of another key.\n")
	say("What is verified differs: ours accepts the one form of header that it writes itself, and asks for every claim that RFC 9068 requires; the")
	say("others read any JWT by the key and the algorithm, and ask for the claims named below.\n")
	say("## How each is used\n")
	if len(results) > 0 {
		for _, row := range results[0].rows {
			say("* **%s** (%s %s): %s", row.name, row.module, machine.Version(row.module), row.setting)
		}
	}
	return b.Bytes()
}

// sorted gives the rows, ours first, then by what verifying costs.
func (r result) sorted() []row {
	rows := slices.Clone(r.rows)
	slices.SortStableFunc(rows, func(a, b row) int {
		switch {
		case a.ours != b.ours && a.ours:
			return -1
		case a.ours != b.ours:
			return 1
		}
		return cmp.Compare(a.verify.Over(r.bareVerify), b.verify.Over(r.bareVerify))
	})
	return rows
}

func (x row) title() string {
	if x.ours {
		return "**" + x.name + "**"
	}
	return x.name
}

func (x row) issueAllocs() string {
	if len(x.sign) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", x.allocs[1])
}

// micro writes a median in microseconds.
func micro(t measure.Timing) string {
	if len(t) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f µs", t.Median()/1e3)
}

func over(t, bare measure.Timing) string {
	if len(t) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", t.Over(bare))
}
