package store

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSuccessor: a text starts with the prefix exactly when it is between the
// prefix and its successor, over every short text of a few bytes.
func TestSuccessor(t *testing.T) {
	letters := []byte{0x00, 'a', 'b', 0x7f, 0xfe, 0xff}
	texts := []string{""}
	for i := 0; len(texts[i]) < 3; i++ {
		for _, c := range letters {
			texts = append(texts, texts[i]+string([]byte{c}))
		}
	}
	for _, prefix := range texts {
		end, bounded := successor(prefix)
		for _, s := range texts {
			if got := s >= prefix && (!bounded || s < end); got != strings.HasPrefix(s, prefix) {
				t.Fatalf("%q starts with %q: the range says %t", s, prefix, got)
			}
		}
	}
}

// TestSec64_TextsAreConstant builds every query with hostile values: the text
// depends on their shape only, and they are all parameters.
func TestSec64_TextsAreConstant(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	n := newNouns(newMapper(), Dialect{})
	for range 1000 {
		harmless, hostile := query(random, "x", "y", "z")
		for name, build := range map[string]builder{
			"account": n.accounts.page, "account count": n.accounts.count, "member": n.members.page, "binding": n.bindings.page,
			"credential": n.credentials.page, "org": n.orgs.page, "signing key": n.signingKeys.count,
		} {
			want, args, err := build(harmless)
			got, hostileArgs, hostileErr := build(hostile)
			if (err == nil) != (hostileErr == nil) || got != want || len(args) != len(hostileArgs) {
				t.Fatalf("%s: %q (%v) became %q (%v)", name, want, err, got, hostileErr)
			}
			if strings.Contains(got, "DROP") {
				t.Fatalf("%s: a value is in the text %q", name, got)
			}
			if marks := strings.Count(got, "$"); err == nil && marks != len(args) {
				t.Fatalf("%s: %d parameters for %q", name, len(args), got)
			}
		}
	}
}
