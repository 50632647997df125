package token

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

// The strict reader against two others: what it accepts is JSON to both, and means the same to go-jose; what it refuses, go-jose
// refuses too, but for what ours is stricter in (depth, UTF-8, surrogates).
func compareReaders(t *testing.T, text string) {
	t.Helper()
	err := readObject(text, func(r *reader, _ string) error { return r.skip() })
	theirs, theirErr := goJose(text)
	switch {
	case err == nil && !stdjson.Valid([]byte(text)):
		t.Fatalf("accepted what is not JSON: %q", text)
	case err == nil && theirErr != nil:
		t.Fatalf("accepted what go-jose does not: %q: %v", text, theirErr)
	case err != nil && theirErr == nil && !errors.Is(err, errDepth) && !errors.Is(err, errUTF8) && !errors.Is(err, errSurrogate):
		t.Fatalf("refused what go-jose accepts: %q: %v", text, err)
	case err == nil:
		if ours := readAny(t, text); !reflect.DeepEqual(ours, theirs) {
			t.Fatalf("%q: we read %v, go-jose %v", text, ours, theirs)
		}
	}
	c, err := parseClaims(text)
	if err != nil {
		return
	}
	var w wire
	if theirErr := json.Unmarshal([]byte(text), &w); theirErr != nil {
		t.Fatalf("accepted claims that go-jose does not: %q: %v", text, theirErr)
	}
	if want := toWire(c); !reflect.DeepEqual(w, want) {
		t.Fatalf("%q: we read %+v, go-jose %+v", text, want, w)
	}
}

// goJose reads an object, and nothing but an object, keeping numbers as they are written.
func goJose(text string) (map[string]any, error) {
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") {
		return nil, errSyntax
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.SetNumberType(json.UnmarshalJSONNumber)
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	rest, _ := io.ReadAll(d.Buffered())
	if len(bytes.Trim(rest, " \t\r\n")) != 0 {
		return nil, errSyntax
	}
	return v, nil
}

// readAny builds what the reader sees.
func readAny(t *testing.T, text string) map[string]any {
	var value func(r *reader) (any, error)
	value = func(r *reader) (any, error) {
		switch c := r.peek(); {
		case c == '{':
			m := map[string]any{}
			return m, r.object(func(r *reader, name string) (err error) {
				m[name], err = value(r)
				return err
			})
		case c == '[':
			l := []any{}
			err := r.array(func(r *reader) error {
				v, err := value(r)
				l = append(l, v)
				return err
			})
			return l, err
		case c == '"':
			return r.str()
		case c == '-' || c >= '0' && c <= '9':
			s, err := r.number()
			return json.Number(s), err
		case c == 't':
			return true, r.skip()
		case c == 'f':
			return false, r.skip()
		}
		return nil, r.skip()
	}
	m := map[string]any{}
	err := readObject(text, func(r *reader, name string) (err error) {
		m[name], err = value(r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Random texts that are nearly JSON, from pieces, so that objects nest, repeat names and break in all places.
func TestSec11_ReaderAgreesWithGoJose(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	accepted := 0
	var value func(depth int) string
	names := []string{`"a"`, `"b"`, `"\u0061"`, `"c\n"`, `""`, `"é"`, `"\u00e9"`, `"sub"`, `"Sub"`}
	scalars := []string{"0", "-0", "1.5e3", "1E+9", "-1e-2", "01", "1.", "-", "true", "false", "null", "nul", `"x"`, `"\ud834\udd1e"`, `"\ud834"`, `"\/\b\f"`, `"\v"`, `"`, "1e", `"	"`}
	value = func(depth int) string {
		var b strings.Builder
		n := r.IntN(4)
		switch k := r.IntN(6); {
		case k == 0 && depth > 0:
			b.WriteByte('[')
			for i := range n {
				if i > 0 {
					b.WriteString([]string{",", " , ", ",", ",", ","}[r.IntN(5)])
				}
				b.WriteString(value(depth - 1))
			}
			b.WriteByte(']')
		case k <= 2 && depth > 0:
			b.WriteByte('{')
			for i := range n {
				if i > 0 {
					b.WriteString(",")
				}
				b.WriteString(names[r.IntN(len(names))] + ":" + value(depth-1))
			}
			b.WriteByte('}')
		default:
			i := r.IntN(len(scalars))
			if r.IntN(4) != 0 {
				i = []int{0, 2, 8, 12}[r.IntN(4)]
			}
			b.WriteString(scalars[i])
		}
		return b.String()
	}
	for range 30000 {
		text := `{"x":` + value(4) + `}`
		if r.IntN(10) == 0 {
			i := r.IntN(len(text))
			text = text[:i] + string(rune(r.IntN(128))) + text[i+r.IntN(2):]
		}
		if _, err := goJose(text); err == nil {
			accepted++
		}
		compareReaders(t, text)
	}
	if accepted < 5000 || accepted > 29000 {
		t.Errorf("%d of 30000 texts are JSON; the test compares one side only", accepted)
	}
}

// The set of names switches from a list to a map on the way.
func TestSec11_ManyNames(t *testing.T) {
	for n := 1; n < 40; n++ {
		var names names
		for i := range n {
			if !names.add(string(rune('A' + i))) {
				t.Fatalf("%d of %d is not new", i, n)
			}
		}
		for i := range n {
			if names.add(string(rune('A' + i))) {
				t.Fatalf("%d of %d is new twice", i, n)
			}
		}
	}
}

func FuzzClaims(f *testing.F) {
	f.Add(object(accessClaims0()))
	f.Add(`{"aud":["a","b"],"perm":[],"act":{"sub":"a","act":{"sub":"b"}},"rev":18446744073709551615}`)
	f.Add(`{"a":{"a":1,"\u0061":2}}`)
	f.Add(`{"a":[1e400,-0.0,"\ud834\udd1e",true,false,null]}`)
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		c := randomClaims(r)
		f.Add(string(c.append(nil)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		compareReaders(t, text)
		if c, err := parseClaims(text); err == nil && utf8.ValidString(text) && c.check() == nil {
			again, err := parseClaims(string(c.append(nil)))
			if err != nil || !reflect.DeepEqual(c, again) {
				t.Fatalf("%+v came back as %+v, %v", c, again, err)
			}
		}
	})
}
