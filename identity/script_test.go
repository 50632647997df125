package identity_test

import (
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// script is a random world before it is played: a number for each call, from which everything about it is drawn.
type script struct {
	seed  uint64
	calls []uint64
}

func newScript(seed, stream uint64, calls int) script {
	rnd := mathrand.New(mathrand.NewPCG(seed, stream))
	sc := script{seed: seed}
	for range calls {
		sc.calls = append(sc.calls, rnd.Uint64())
	}
	return sc
}

// play plays a script, and fails the test with the calls of a shorter one if it fails; again is how to repeat it, but for the seed.
func play[T any](t *testing.T, sc script, again string, game func(*testing.T, script) (counted T, failed string)) T {
	t.Helper()
	counted, failed := game(t, sc)
	if failed == "" {
		return counted
	}
	calls := sc.calls
	until := time.Now().Add(30 * time.Second)
	for size := len(calls) / 2; size > 0; size /= 2 {
		for i := 0; i < len(calls) && time.Now().Before(until); {
			less := script{sc.seed, slices.Concat(calls[:i], calls[min(i+size, len(calls)):])}
			if _, why := game(t, less); why != "" {
				calls, failed = less.calls, why
			} else {
				i += size
			}
		}
	}
	t.Fatalf("%s %d, reduced from %d calls to %d:\n%s", again, sc.seed, len(sc.calls), len(calls), failed)
	return counted
}

// gameOver is what ends a game: what went before it, and what is wrong.
type gameOver string

func lose(trace []string, format string, args ...any) {
	panic(gameOver(strings.Join(trace, "\n") + "\n" + fmt.Sprintf(format, args...)))
}

// endGame ends a game, whose worlds it closes: r is what was recovered. It returns why it was lost, if it was.
func endGame(r any, worlds ...*world) (failed string) {
	switch r := r.(type) {
	case nil:
	case gameOver:
		failed = string(r)
	default:
		panic(r)
	}
	for _, w := range worlds {
		if w != nil && w.id != nil {
			if err := w.id.Close(); err != nil && failed == "" {
				failed = err.Error()
			}
		}
	}
	return failed
}
