package tokens

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/internal/bench/measure"
)

// All libraries agree on all tokens, and the result names each of them.
func TestRun(t *testing.T) {
	o := Options{Out: t.TempDir(), Plan: measure.Plan{Rounds: 3, Sample: time.Microsecond, Least: 1, Most: time.Second}}
	if err := Run(o); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(o.Out, "tokens.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## EdDSA, tokens of ", "## ES256, tokens of ", "| *bare signature* | ", "| **claviger token** | "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, l := range libraries() {
		if n := strings.Count(string(text), l.name); n < 3 {
			t.Errorf("%s is named %d times", l.name, n)
		}
	}
}

// A library that does not look, or reads otherwise, is not timed.
func TestCheck(t *testing.T) {
	k, err := newKeyPair("EdDSA", seed)
	if err != nil {
		t.Fatal(err)
	}
	good, err := claviger().setUp(k)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := issue([]library{claviger()}, []use{good})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := forge("EdDSA", texts[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := check(good, texts, foreign); err != nil {
		t.Fatal(err)
	}
	for name, verify := range map[string]func(string, time.Time, *content) error{
		"does not look": func(string, time.Time, *content) error { return nil },
		"keeps the first": func(raw string, now time.Time, read *content) error {
			err := good.verify(raw, now, nil)
			if read != nil {
				*read = contentOf(0)
			}
			return err
		},
		"has no clock": func(raw string, _ time.Time, read *content) error { return good.verify(raw, issuedAt, read) },
		"has no key": func(raw string, now time.Time, read *content) error {
			if raw == foreign {
				return nil
			}
			return good.verify(raw, now, read)
		},
	} {
		if err := check(use{verify: verify}, texts, foreign); err == nil {
			t.Errorf("one that %s passes", name)
		}
	}
	if _, err := newKeyPair("RS256", seed); err == nil {
		t.Error("a key of no algorithm")
	}
}

// The bare operation is one that verifies: it does not verify another token's signature.
func TestBare(t *testing.T) {
	for _, algorithm := range []string{"EdDSA", "ES256"} {
		k, err := newKeyPair(algorithm, seed)
		if err != nil {
			t.Fatal(err)
		}
		u, err := claviger().setUp(k)
		if err != nil {
			t.Fatal(err)
		}
		var bares []bare
		for i := range 2 {
			raw, err := u.sign(contentOf(i))
			if err != nil {
				t.Fatal(err)
			}
			b, err := newBare(raw)
			if err != nil || !b.verify(k.private.Public()) || b.sign(k.private) != nil {
				t.Fatalf("%s: %v", algorithm, err)
			}
			bares = append(bares, b)
		}
		bares[0].input = bares[1].input
		if bares[0].verify(k.private.Public()) {
			t.Errorf("%s: another's signature verifies", algorithm)
		}
	}
	for _, raw := range []string{"", "a", "a.b", "a.b.!"} {
		if _, err := newBare(raw); err == nil {
			t.Errorf("%q is taken apart", raw)
		}
	}
}

func TestDocument(t *testing.T) {
	r := result{
		algorithm: "EdDSA", size: 700, bareVerify: measure.Timing{10e3, 20e3, 30e3}, bareSign: measure.Timing{5e3, 5e3, 5e3},
		rows: []row{
			{library: library{name: "slow", module: "example.com/slow", setting: "by hand"}, verify: measure.Timing{20e3, 40e3, 60e3}},
			{library: library{name: "fast", module: "example.com/fast", setting: "by hand"}, verify: measure.Timing{15e3, 30e3, 45e3},
				sign: measure.Timing{6e3, 6e3, 6e3}},
			{library: library{name: "ours", ours: true}, verify: measure.Timing{30e3, 60e3, 90e3}, sign: measure.Timing{5e3, 5e3, 5e3},
				allocs: [2]float64{6, 4}},
		},
	}
	text := string(document([]result{r}, measure.Plan{Rounds: 3, Sample: time.Millisecond}))
	for _, want := range []string{
		"## EdDSA, tokens of 700 bytes",
		"| *bare signature* | 20.0 µs | 1 | | 5.0 µs | 1 | |\n" +
			"| **ours** | 60.0 µs | 3.00 | 6 | 5.0 µs | 1.00 | 4 |\n" +
			"| fast | 30.0 µs | 1.50 | 0 | 6.0 µs | 1.20 | 0 |\n" +
			"| slow | 40.0 µs | 2.00 | 0 | – | – | – |\n",
		"* **slow** (example.com/slow unknown): by hand",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
