package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// The tests of this file play ways in which authorization engines have been bypassed, as far as they concern rules and names
// alone. The table of all of them, with the tests that hold each, is in identity/bypass_test.go.

// apart holds that two paths have nothing to do with each other: an allow at the one does not reach the other or what is under
// it, and a deny at the one takes nothing from the other, but everything from itself.
func apart(t *testing.T, one, other Path) {
	t.Helper()
	under := func(p Path) Path {
		q, err := ParsePath(p.String() + "/f/1")
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	allowed, denied := office(t), office(t)
	put := func(d *Draft, id string, scope Path, effect Effect) {
		if err := d.PutBinding(Binding{ID: id, Subject: "ann", Role: "code:reader", Scope: scope, Effect: effect}); err != nil {
			t.Fatal(err)
		}
	}
	put(allowed, "at", one, Allow)
	put(denied, "all", Root, Allow)
	put(denied, "not", one, Deny)
	for _, c := range []struct {
		s       *Snapshot
		at      Path
		allowed bool
	}{
		{allowed.Snapshot(), one, true}, {allowed.Snapshot(), under(one), true}, {allowed.Snapshot(), other, false}, {allowed.Snapshot(), under(other), false},
		{denied.Snapshot(), one, false}, {denied.Snapshot(), under(one), false}, {denied.Snapshot(), other, true}, {denied.Snapshot(), under(other), true},
	} {
		h, _ := c.s.Account("ann")
		if got := c.s.Decide(&Query{Account: h, Permission: perm(t, "w:read"), Path: c.at}); got.Allowed != c.allowed {
			t.Errorf("bound at %q, asked at %q: %+v", one, c.at, got)
		}
	}
}

func id(t *testing.T, id string) Path {
	t.Helper()
	p, err := NewPath("p", id)
	if err != nil {
		t.Fatalf("id %q: %v", id, err)
	}
	return p
}

// Every field empty, alone and together, for an account without rules and for one that holds everything.
func TestBypassEmptyFields(t *testing.T) {
	d := office(t)
	bind(t, d, "all", "ann", "code:owner", "/", Allow, reach("*"))
	empty, err := NewCatalog()
	if err != nil {
		t.Fatal(err)
	}
	ann, _ := d.Snapshot().Account("ann")
	bot, _ := d.Snapshot().Account("bot")
	for mask := range 1 << 4 {
		var q Query
		if mask&1 != 0 {
			q.Permission = perm(t, "w:read")
		}
		if mask&2 != 0 {
			q.Path = path(t, "p/1")
		}
		if mask&4 != 0 {
			q.Account = ann
		}
		if mask&8 != 0 {
			q.Org = "home"
		}
		if got := d.Snapshot().Decide(&q); got.Allowed != (mask&7 == 7) {
			t.Errorf("%+v: %+v", q, got)
		}
		if q.Account == ann {
			q.Account = bot
		}
		for _, s := range []*Snapshot{nil, New(Model{Catalog: empty}, ""), office(t).Snapshot(), d.Snapshot()} {
			if got := s.Decide(&q); got.Allowed || got.Reason == ReasonUnspecified {
				t.Errorf("without a rule, %+v: %+v", q, got)
			}
		}
	}
}

// A control character in an id hides neither the id nor a deny at it: there is one way to write it, and it is visible.
func TestBypassControlCharacters(t *testing.T) {
	var controls []rune
	for r := rune(0); r < 0xA0; r++ {
		if r < ' ' || r >= 0x7F {
			controls = append(controls, r)
		}
	}
	for _, r := range controls {
		for _, text := range []string{string(r), "x" + string(r), string(r) + "x", "x" + string(r) + "y"} {
			if _, err := ParsePath("p/" + text); err == nil {
				t.Errorf("%q is a path", text)
			}
			if _, err := ParsePath(text + "/1"); err == nil {
				t.Errorf("%q is a type", text)
			}
			if _, err := ParsePermission("w:" + text); err == nil {
				t.Errorf("%q is in a permission", text)
			}
			if _, err := ParsePattern(text + "w:*"); err == nil {
				t.Errorf("%q is in a pattern", text)
			}
			p := id(t, text)
			if strings.ContainsFunc(p.String(), func(r rune) bool { return r < ' ' || r >= 0x7F }) {
				t.Errorf("%q is written %q", text, p)
			}
		}
		apart(t, id(t, "x"), id(t, "x"+string(r)))
		apart(t, id(t, "x"+string(r)), id(t, "x"))
	}
}

// What looks alike is not the same: cases, forms of one letter, letters of other alphabets, what cannot be seen, spaces.
func TestBypassLookAlikes(t *testing.T) {
	for _, pair := range [][2]string{
		{"admin", "Admin"}, {"admin", "ADMIN"}, {"admin", " admin"}, {"admin", "admin "}, {"admin", "admin\t"}, {"admin", "admin\u00a0"}, {"admin", "admin\u2028"},
		{"\u00e9", "e\u0301"}, {"\u212b", "\u00c5"}, {"admin", "\u0430dmin"}, {"admin", "\uff41dmin"}, {"admin", "adm\u0131n"}, {"ß", "ss"}, {"\u0130", "i\u0307"},
		{"\u212a", "K"}, {"\u017f", "s"}, {"admin", "admin\u200b"}, {"admin", "\ufeffadmin"}, {"admin", "ad\u00admin"}, {"admin", "\u202eadmin"}, {"\ufffd", "?"}, {"1", "\u0661"},
		{"%2F", "/"}, {"%2f", "%2F"}, {"%252F", "%2F"}, {"+", " "}, {"a\\b", "a/b"}, {"...", "\u2026"},
	} {
		apart(t, id(t, pair[0]), id(t, pair[1]))
		apart(t, id(t, pair[1]), id(t, pair[0]))
	}
	apart(t, path(t, "p/1"), path(t, "P/1"))
	for _, s := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "a\x80"} { // two that print alike
		if _, err := NewPath("p", s); err == nil {
			t.Errorf("%q is an id", s)
		}
		if _, err := ParsePath("p/" + s); err == nil {
			t.Errorf("%q is in a path", s)
		}
	}
	s := office(t)
	bind(t, s, "b", "ann", "code:reader", "/", Allow)
	for _, name := range []string{"W:read", "w:Read", "W:READ"} {
		if got := decide(t, s.Snapshot(), "ann", "", name, "p/1", 0); got.Reason != ReasonUnknownPermission {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, name := range []string{" w:read", "w:read ", "w\u2236read", "\uff57:read", "w:r\u0435ad"} {
		if _, err := ParsePermission(name); err == nil {
			t.Errorf("%q is a permission", name)
		}
	}
	for _, account := range []string{"Ann", "ANN", " ann", "ann ", "ann\x00", "\u0430nn"} {
		if got := decide(t, s.Snapshot(), account, "", "w:read", "p/1", 0); got.Reason != ReasonUnknownAccount {
			t.Errorf("%q: %+v", account, got)
		}
	}
}

// Ids are data: none of these selects anything but itself.
func TestBypassIDsAreNoPatterns(t *testing.T) {
	for _, text := range []string{"*", "**", "?", "%", "_", "1*", "*1", "[1]", "[!2]", "{1,2}", ".*", "1|2", "(1)", "^1$", "1.", "\\*", "~1", ":id", "{id}", "$1", "identity:*"} {
		for _, other := range []string{"1", "2", "12", "x", "id"} {
			apart(t, id(t, text), id(t, other))
			apart(t, id(t, other), id(t, text))
		}
	}
	if _, err := NewPath("*", "1"); err == nil {
		t.Error("* is a type")
	}
}

// The neighbours of an id share a beginning or an end with it, or have it in another place.
func TestBypassNeighbours(t *testing.T) {
	for _, text := range []string{"1", "my", "a.b", "a-b", "é", "%2F", "x/y"} {
		for _, near := range []string{text + "0", "0" + text, text + "-app", text + ".", text + " ", text + "/", "/" + text, text + "/f", text + text, text + "%", text + "\x00", text[:len(text)-1]} {
			if near == "" || strings.ToValidUTF8(near, "") != near {
				continue
			}
			apart(t, id(t, text), id(t, near))
			apart(t, id(t, near), id(t, text))
		}
	}
	for _, pair := range [][2]string{
		{"p/1", "p1/1"}, {"p/1", "pp/1"}, {"p/1", "q/1"}, {"p/1", "1/p"}, {"p/1/q/2", "p/1/q/20"}, {"p/1/q/2", "p/10/q/2"}, {"p/1/q/2", "q/2"}, {"p/1/q/2", "q/2/p/1"}, {"p/1/q/2", "p/2/q/1"},
		{"a/1/b/2/c/3/d/4/e/5/f/6", "a/1/b/2/c/3/d/4/e/50"}, {"a/1/b/2/c/3/d/4/e/5", "a/1/b/2/c/3/d/4/f/5"},
	} {
		apart(t, path(t, pair[0]), path(t, pair[1]))
		apart(t, path(t, pair[1]), path(t, pair[0]))
	}
}

// Wherever names are joined, different lists of names stay different: the text of a path is also its key everywhere else.
func TestBypassDelimiters(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	part := func(alphabet string) string {
		b := make([]byte, 1+rnd.IntN(3))
		for i := range b {
			b[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		return string(b)
	}
	seen, made := map[string]string{}, 0
	for range 50_000 {
		var parts []string
		for range 1 + rnd.IntN(2) {
			parts = append(parts, part("pq."), part("p/%2F.|\n"))
		}
		p, err := NewPath(parts...)
		if err != nil {
			continue
		}
		made++
		list := fmt.Sprintf("%q", parts)
		if other, taken := seen[p.String()]; taken && other != list {
			t.Fatalf("%s and %s are both %q", list, other, p)
		}
		seen[p.String()] = list
		if p.Depth() != len(parts)/2 {
			t.Fatalf("%s has depth %d", list, p.Depth())
		}
	}
	if made < 25_000 || len(seen) < 5_000 {
		t.Errorf("%d paths, %d of them different", made, len(seen))
	}
}

// A group of 100,000 and an account with 20,000 bindings: every answer is there, and right.
func TestBypassWideWorld(t *testing.T) {
	const many, bound = 100_000, 20_000
	d := office(t)
	for i := range many {
		account := fmt.Sprint("a", i)
		d.PutAccount(Account{ID: account, Kind: User})
		if err := d.AddMember("staff", account); err != nil {
			t.Fatal(err)
		}
		if i < bound {
			bind(t, d, fmt.Sprint("b", i), "bot", "code:reader", fmt.Sprint("p/", i), Allow)
		}
	}
	bind(t, d, "staff", "staff", "code:reader", "p/7", Allow)
	bind(t, d, "not", "staff", "code:reader", "p/7/f/1", Deny)
	s := d.Snapshot()
	for i := 0; i < many; i += 997 {
		account, at := fmt.Sprint("a", i), fmt.Sprint("p/", i)
		if got := decide(t, s, account, "", "w:read", "p/7/f/2", 0); got.Binding != "staff" || !got.Allowed {
			t.Errorf("%s: %+v", account, got)
		}
		if got := decide(t, s, account, "", "w:read", "p/7/f/1", 0); got.Binding != "not" || got.Allowed {
			t.Errorf("%s, where it is denied: %+v", account, got)
		}
		if got := decide(t, s, "bot", "", "w:read", at, 0); got.Allowed != (i < bound) || got.Allowed && got.Binding != fmt.Sprint("b", i) {
			t.Errorf("the bot at %s: %+v", at, got)
		}
		if got := decide(t, s, "bot", "", "w:read", at+"x", 0); got.Allowed {
			t.Errorf("the bot at %sx: %+v", at, got)
		}
	}
	e := s.Edit()
	e.RemoveGroup("staff")
	if got := decide(t, e.Snapshot(), "a1", "", "w:read", "p/7/f/2", 0); got.Allowed {
		t.Errorf("without its group: %+v", got)
	}
}

// The deepest path and the longest one, bound at from every height.
func TestBypassDeepPath(t *testing.T) {
	const pair = "a/b/"
	deepest := strings.Repeat(pair, MaxPath/len(pair)-1) + "a/bc"
	long := "t/" + strings.Repeat("x", MaxPathID)
	for len(long)+len("/t/")+MaxPathID <= MaxPath {
		long += "/t/" + strings.Repeat("x", MaxPathID)
	}
	if len(deepest) != MaxPath {
		t.Fatalf("%d bytes, not %d", len(deepest), MaxPath)
	}
	for _, text := range []string{deepest, long} {
		leaf := path(t, text)
		for _, more := range []string{"x", "/c/d", strings.Repeat("/c/d", MaxPath)} {
			if _, err := ParsePath(text + more); err == nil && len(text+more) > MaxPath {
				t.Errorf("%d bytes are a path", len(text+more))
			}
		}
		steps := 0
		for scope, ok := leaf, true; ok; scope, ok = scope.Parent() {
			if steps++; steps%97 != 1 && scope != Root {
				continue
			}
			d := office(t)
			bind(t, d, "allow", "ann", "code:reader", scope.String(), Allow)
			if got := decide(t, d.Snapshot(), "ann", "", "w:read", text, 0); !got.Allowed {
				t.Errorf("from %d pairs above: %+v", steps-1, got)
			}
			bind(t, d, "deny", "ann", "code:reader", leaf.String(), Deny)
			if got := decide(t, d.Snapshot(), "ann", "", "w:read", text, 0); got.Allowed || got.Binding != "deny" {
				t.Errorf("with a deny at the leaf: %+v", got)
			}
		}
		if steps != leaf.Depth()+1 {
			t.Errorf("%d steps to Root from depth %d", steps, leaf.Depth())
		}
	}
}

// A binding counts from its first microsecond to the last before its end, and no time is before or after all windows.
func TestBypassInstants(t *testing.T) {
	for _, c := range []struct {
		start, end, now int64
		holds           bool
	}{
		{10, 20, 9, false}, {10, 20, 10, true}, {10, 20, 19, true}, {10, 20, 20, false}, {10, 20, 21, false}, {10, 11, 10, true}, {10, 10, 10, false}, {20, 10, 15, false},
		{0, 20, math.MinInt64, true}, {0, 20, 0, true}, {10, 0, math.MaxInt64, true}, {10, 0, math.MinInt64, false}, {0, 20, math.MaxInt64, false},
		{-20, -10, -15, true}, {-20, -10, -10, false}, {-20, -10, 0, false}, {-20, 10, 0, true}, {math.MinInt64, math.MaxInt64, 0, true},
		{math.MinInt64, math.MaxInt64, math.MinInt64, true}, {math.MinInt64, math.MaxInt64, math.MaxInt64, false},
	} {
		for _, effect := range []Effect{Allow, Deny} {
			d := office(t)
			if effect == Deny {
				bind(t, d, "all", "ann", "code:reader", "/", Allow)
			}
			bind(t, d, "b", "ann", "code:reader", "p/1", effect, during(c.start, c.end))
			if got := decide(t, d.Snapshot(), "ann", "", "w:read", "p/1", c.now); got.Allowed != (c.holds == (effect == Allow)) {
				t.Errorf("effect %d in [%d, %d) at %d: %+v", effect, c.start, c.end, c.now, got)
			}
		}
	}
}
