package policy

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestNewPath(t *testing.T) {
	for _, c := range []struct {
		pairs []string
		want  string // "" if refused
	}{
		{[]string{"projects", "p1", "wallets", "w1"}, "projects/p1/wallets/w1"},
		{[]string{"p", "a/b"}, "p/a%2Fb"},
		{[]string{"p", "100%"}, "p/100%25"},
		{[]string{"p", "%2F"}, "p/%252F"},
		{[]string{"p", "a\nb\x00\x7f"}, "p/a%0Ab%00%7F"},
		{[]string{"p", "\u0085"}, "p/%C2%85"},
		{[]string{"p", "é ü*?"}, "p/é ü*?"},
		{[]string{"p", "*"}, "p/*"},
		{[]string{"p", "..."}, "p/..."},
		{[]string{"p", strings.Repeat("x", 255)}, "p/" + strings.Repeat("x", 255)},
		{[]string{"p", strings.Repeat("/", 255)}, "p/" + strings.Repeat("%2F", 255)},
		{nil, ""},
		{[]string{"p"}, ""},
		{[]string{"", "x"}, ""},
		{[]string{"p", ""}, ""},
		{[]string{"p", "."}, ""},
		{[]string{"p", ".."}, ""},
		{[]string{".", "x"}, ""},
		{[]string{"..", "x"}, ""},
		{[]string{"p/q", "x"}, ""},
		{[]string{"p q", "x"}, ""},
		{[]string{"p", "\xff"}, ""},
		{[]string{"p", "a\xc2"}, ""},
		{[]string{"p", strings.Repeat("x", 256)}, ""},
		{[]string{strings.Repeat("t", MaxPath), "x"}, ""},
	} {
		got, err := NewPath(c.pairs...)
		if got.String() != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, ErrSyntax) {
			t.Errorf("NewPath(%q) = %q, %v, want %q", c.pairs, got, err, c.want)
		}
		if back, err := ParsePath(c.want); c.want != "" && (err != nil || back != got) {
			t.Errorf("ParsePath(%q) = %#v, %v, want %#v", c.want, back, err, got)
		}
	}
}

// One thing has one spelling: every way of writing a path differently is refused.
func TestParsePathRefuses(t *testing.T) {
	for _, s := range []string{"", "p", "p/", "/p/1", "p/1/", "p//1", "//", "p/1//", "p/1/q", "p/.", "p/..", "./1", "../1", "p/1/../x", "p/%2f", "p/%2e",
		"p/%2E%2E", "p/%41", "p/%", "p/%2", "p/%zz", "p/a%20b", "p/a\nb", "p/\x00", "p/\u0085", "p/%85", "p/%C2", "p/%C2%85%", "p/%C2x", "p/%C3%A9", "p/\xff",
		"p/%C2%A0", "p x/1", "p%2Fq/1", "é/1", "p/" + strings.Repeat("x", 256), "p/" + strings.Repeat("%2F", 256), strings.Repeat("p/1/", 4000) + "p/1", "/p"} {
		if p, err := ParsePath(s); err == nil || !p.IsZero() || !errors.Is(err, ErrSyntax) {
			t.Errorf("ParsePath(%q) = %q, %v", s, p, err)
		}
	}
}

func TestPathRelations(t *testing.T) {
	for _, c := range []struct {
		a, b     string
		contains bool
	}{
		{"/", "/", true}, {"/", "p/1", true}, {"p/1", "/", false}, {"p/1", "p/1", true}, {"p/1", "p/10", false}, {"p/10", "p/1", false},
		{"p/1", "p/1/q/2", true}, {"p/1/q/2", "p/1", false}, {"p/1", "p/2/q/2", false}, {"p/my", "p/my-app", false}, {"p/a", "p/A", false}, {"p/é", "p/e\u0301", false},
	} {
		if got := path(t, c.a).Contains(path(t, c.b)); got != c.contains {
			t.Errorf("%s contains %s: %v", c.a, c.b, got)
		}
	}
	var zero Path
	if zero.Contains(Root) || Root.Contains(zero) || zero.Contains(zero) || zero.Depth() != 0 || zero.IsRoot() || !zero.IsZero() {
		t.Error("the zero path is not nothing")
	}
	p := path(t, "a/1/b/2/c/3/d/4/e/5/f/6")
	for depth := 6; ; depth-- {
		if p.Depth() != depth {
			t.Errorf("%s has depth %d, want %d", p, p.Depth(), depth)
		}
		up, ok := p.Parent()
		if !ok {
			break
		}
		if !up.Contains(p) || p.Contains(up) {
			t.Errorf("%s is not the parent of %s", up, p)
		}
		p = up
	}
	if p != Root {
		t.Errorf("the parents end at %q", p)
	}
	if _, ok := zero.Parent(); ok {
		t.Error("the zero path has a parent")
	}
}

func TestPathText(t *testing.T) {
	type box struct{ P Path }
	for _, p := range []Path{{}, Root, path(t, "p/1"), path(t, "p/a%2Fb")} {
		data, err := json.Marshal(box{p})
		if err != nil {
			t.Fatal(err)
		}
		got := box{path(t, "other/1")}
		if err := json.Unmarshal(data, &got); err != nil || got.P != p {
			t.Errorf("%s came back as %q, %v", data, got.P, err)
		}
	}
	got := box{path(t, "p/1")}
	if err := json.Unmarshal([]byte(`{"P":"p//1"}`), &got); err == nil {
		t.Error("a malformed path was read")
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "", "p", "p/", "p//x", "p/%2f", "p/%61", "projects/p1/wallets/w1", "p/%2F", "p/%C2%85", "p/..", "p/é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err == nil && p.String() != s {
			t.Fatalf("%q came back as %q", s, p)
		}
		if err == nil && !p.IsRoot() && !Root.Contains(p) {
			t.Fatalf("%q is not under Root", s)
		}
		if err == nil && !p.IsRoot() { // the ids that it is made of have no other spelling
			parts := strings.Split(s, "/")
			for i := 1; i < len(parts); i += 2 {
				if parts[i], err = url.PathUnescape(parts[i]); err != nil {
					t.Fatalf("%q: %v", s, err)
				}
			}
			if again, err := NewPath(parts...); err != nil || again != p {
				t.Fatalf("%q is made of %q, which is %q, %v", s, parts, again, err)
			}
		}
		// Whatever an id is made of, its path parses to itself and names one pair.
		if q, err := NewPath("t", s); err == nil {
			if back, err := ParsePath(q.String()); err != nil || back != q || q.Depth() != 1 {
				t.Fatalf("id %q gave %q, which parses to %q, %v", s, q, back, err)
			}
		}
	})
}

func FuzzPermission(f *testing.F) {
	f.Add("wallets:read")
	f.Add("a b")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePermission(s)
		if err == nil && (p.String() != s || p.IsZero() || len(s) > MaxName) || err != nil && !p.IsZero() {
			t.Fatalf("%q came back as %q, %v", s, p, err)
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"*", "wallets:*", "a.*", "identity:*", "wallets*", "a:*b", "**", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Fatalf("%q came back as %q", s, p)
		}
		if p.IsExact() && (!p.Match(s) || p.Match(s+"x") || !validName(s)) {
			t.Fatalf("%q is not one name", s)
		}
		if n := strings.Count(s, "*"); n > 1 || n == 1 && s != "*" && !strings.HasSuffix(s, ":*") && !strings.HasSuffix(s, ".*") {
			t.Fatalf("%q is a pattern", s)
		}
	})
}
