package policy

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAntichain compares sets of scopes with lists that are searched from end to end, over ids that sort on both sides of the
// slash.
func TestAntichain(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	draw := func() string {
		if rnd.IntN(40) == 0 {
			return rootText
		}
		text := pick(rnd, []string{"p/", "p-/"}) + pick(rnd, []string{"1", "1-", "1!", "10", "1é", "a", "A"})
		for range rnd.IntN(3) {
			text += pick(rnd, []string{"/f/", "/f./"}) + pick(rnd, []string{"1", "1-", "1 ", "10"})
		}
		return text
	}
	covers := func(scopes []string, text string) bool {
		return slices.ContainsFunc(scopes, func(scope string) bool { return naiveWithin(scope, text) })
	}
	for range 3000 {
		var lists [2][]string
		var sets [2]antichain
		for i := range lists {
			for range rnd.IntN(12) {
				lists[i] = append(lists[i], draw())
			}
			sets[i] = antichainOf(slices.Clone(lists[i]))
			if !slices.IsSortedFunc(sets[i], byPath) {
				t.Fatalf("%q is not in order", sets[i])
			}
			for n, scope := range sets[i] {
				if covers(slices.Delete(slices.Clone(sets[i]), n, n+1), scope) {
					t.Fatalf("%q lies under another of %q", scope, sets[i])
				}
			}
		}
		a, b := sets[0], sets[1]
		both, out, in := a.meet(b), a.outside(b), a.inside(b)
		for _, text := range slices.Concat(lists[0], lists[1], []string{draw(), draw(), draw()}) {
			touches := covers(lists[0], text) || slices.ContainsFunc(lists[0], func(scope string) bool { return naiveWithin(text, scope) })
			if a.covers(text) != covers(lists[0], text) || a.touches(text) != touches ||
				both.covers(text) != (covers(lists[0], text) && covers(lists[1], text)) {
				t.Fatalf("%q at %q, with %q: %q", a, text, b, both)
			}
			if slices.Contains(a, text) && (slices.Contains(out, text) == covers(lists[1], text) || slices.Contains(in, text) != covers(lists[1], text)) {
				t.Fatalf("%q of %q: outside %q is %q, inside %q", text, a, b, out, in)
			}
		}
	}
}
