package cursor

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func sealer(t testing.TB, fill byte) *Sealer {
	t.Helper()
	s, err := New(bytes.Repeat([]byte{fill}, KeyLen))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func encode(t testing.TB, s *Sealer, noun string, filter [sha256.Size]byte, org, last string) string {
	t.Helper()
	c, err := s.Encode(noun, filter, org, last)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	filterA = sha256.Sum256([]byte("state=active"))
	filterB = sha256.Sum256([]byte("state=inactive"))
)

// lasts are the last keys that every test of the round trip tries.
var lasts = []string{"", "gr_01hzy", "a\x00b", "\xff\xfe", "'; DROP TABLE identity_group; --", strings.Repeat("x", 718-len("group"))}

func TestRoundTrip(t *testing.T) {
	s := sealer(t, 1)
	for _, last := range lasts {
		for _, org := range []string{"", "or_1", strings.Repeat("o", 5000)} {
			c := encode(t, s, "group", filterA, org, last)
			if len(c) > MaxLen {
				t.Errorf("cursor of %d bytes", len(c))
			}
			if strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				t.Errorf("%q is not base64url", c)
			}
			got, err := s.Decode("group", filterA, org, c)
			if err != nil || got != last {
				t.Errorf("%q came back as %q, %v", last, got, err)
			}
		}
	}
}

// Clients hold cursors across an upgrade: the same input gives the same text for ever. The expected text was computed apart from this package, from
// the description of the format.
func TestFormatIsFixed(t *testing.T) {
	const want = "AQVncm91cI1eXvdnDGPy2ZsBQkfxqf7ymQrvGm0-RylRfoAB86HkZ3JfMDFoenlvBt8otakUQfNiWQStx6-k"
	if got := encode(t, sealer(t, 1), "group", filterA, "or_1", "gr_01hzy"); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// Requirement 50 and attack 22: a cursor works in its own list of its own org only.
func TestSec50_CursorOfAnotherList(t *testing.T) {
	s := sealer(t, 1)
	c := encode(t, s, "group", filterA, "or_1", "gr_7")
	for name, try := range map[string]func() (string, error){
		"org":            func() (string, error) { return s.Decode("group", filterA, "or_2", c) },
		"no org":         func() (string, error) { return s.Decode("group", filterA, "", c) },
		"longer org":     func() (string, error) { return s.Decode("group", filterA, "or_11", c) },
		"filter":         func() (string, error) { return s.Decode("group", filterB, "or_1", c) },
		"no filter":      func() (string, error) { return s.Decode("group", [32]byte{}, "or_1", c) },
		"noun":           func() (string, error) { return s.Decode("role", filterA, "or_1", c) },
		"shorter noun":   func() (string, error) { return s.Decode("grou", filterA, "or_1", c) },
		"longer noun":    func() (string, error) { return s.Decode("groups", filterA, "or_1", c) },
		"no noun":        func() (string, error) { return s.Decode("", filterA, "or_1", c) },
		"too long noun":  func() (string, error) { return s.Decode(strings.Repeat("n", 261), filterA, "or_1", c) },
		"key":            func() (string, error) { return sealer(t, 2).Decode("group", filterA, "or_1", c) },
		"zero sealer":    func() (string, error) { return new(Sealer).Decode("group", filterA, "or_1", c) },
		"no sealer":      func() (string, error) { return (*Sealer)(nil).Decode("group", filterA, "or_1", c) },
		"org and tenant": func() (string, error) { return s.Decode("group", filterA, "or_1\x01\x05group", c) },
	} {
		if last, err := try(); err != ErrInvalid || last != "" {
			t.Errorf("another %s: %q, %v", name, last, err)
		}
	}
	if last, err := s.Decode("group", filterA, "or_1", c); err != nil || last != "gr_7" {
		t.Errorf("its own list: %q, %v", last, err)
	}
}

// What is moved from the org into the cursor, or from the noun into the last key, makes another message: no two lists share a MAC input.
func TestSec50_FieldsDoNotRunTogether(t *testing.T) {
	s := sealer(t, 1)
	var zero [32]byte
	head := "\x01\x01a" + string(zero[:]) // what stands before the last key in a cursor of noun a
	type list struct{ noun, org, last string }
	seen := map[[tagLen]byte]list{}
	for _, l := range []list{
		{"a", "b", "c"}, {"ab", "", "c"}, {"a", "", "bc"}, {"a", "bc", ""}, {"ab", "c", ""}, {"abc", "", ""}, {"a", "\x01\x01a", ""}, {"a", "b\x01\x01a", "c"},
		{"a", "", head + "x"}, {"a", head, "x"},
	} {
		raw, err := base64.RawURLEncoding.DecodeString(encode(t, s, l.noun, zero, l.org, l.last))
		if err != nil {
			t.Fatal(err)
		}
		tag := [tagLen]byte(raw[len(raw)-tagLen:])
		if other, ok := seen[tag]; ok {
			t.Errorf("%q and %q have the same tag", l, other)
		}
		seen[tag] = l
	}

	// The noun and the filter stand side by side: the same bytes cut elsewhere are another list.
	c := encode(t, s, "a", [32]byte{'b'}, "or_1", "\x00x")
	if last, err := s.Decode("ab", zero, "or_1", c); err != ErrInvalid {
		t.Errorf("the cursor of noun a reads as one of noun ab: %q, %v", last, err)
	}
}

// Attack 22: every flipped bit, every truncation and every extension, of the bytes and of the text.
func TestSec50_ForgedCursor(t *testing.T) {
	s := sealer(t, 1)
	for _, last := range []string{"gr_7", "gr_77", "gr_777"} { // one for each number of spare bits
		c := encode(t, s, "group", filterA, "or_1", last)
		raw, err := base64.RawURLEncoding.DecodeString(c)
		if err != nil {
			t.Fatal(err)
		}
		refuse := func(what, forged string) {
			t.Helper()
			if got, err := s.Decode("group", filterA, "or_1", forged); err != ErrInvalid || got != "" {
				t.Errorf("%s: %q, %v", what, got, err)
			}
		}
		for i := range len(raw) * 8 {
			b := bytes.Clone(raw)
			b[i/8] ^= 1 << (i % 8)
			refuse(fmt.Sprintf("bit %d", i), base64.RawURLEncoding.EncodeToString(b))
		}
		for i := range raw {
			refuse("shorter", base64.RawURLEncoding.EncodeToString(raw[:i]))
			refuse("from the middle", base64.RawURLEncoding.EncodeToString(raw[i+1:]))
		}
		refuse("longer", base64.RawURLEncoding.EncodeToString(append(bytes.Clone(raw), 0)))
		for i := range c {
			refuse("cut text", c[:i])
			for _, with := range []string{"\n", "\r", " ", "=", "A"} {
				refuse(fmt.Sprintf("%q put in at %d", with, i), c[:i]+with+c[i:])
			}
			for b := range 256 {
				if byte(b) != c[i] { // includes the spare bits of the last character
					refuse("replaced character", c[:i]+string([]byte{byte(b)})+c[i+1:])
				}
			}
		}
		for _, end := range []string{"\n", "\r\n", "=", "==", "A", "AAAA", "\x00", " "} {
			refuse("end", c+end)
		}
		refuse("standard alphabet", base64.RawStdEncoding.EncodeToString(append(bytes.Clone(raw), 0xff, 0xff, 0xff)))
	}
	for _, c := range []string{"", "AQ", "' OR 1=1 --", strings.Repeat("A", MaxLen), strings.Repeat("A", 1<<20), strings.Repeat(".", 1<<20), "\xff"} {
		if _, err := s.Decode("group", filterA, "or_1", c); err != ErrInvalid {
			t.Errorf("%.20q: %v", c, err)
		}
	}
}

func TestHugeInputIsRefusedUnread(t *testing.T) {
	s, huge := sealer(t, 1), strings.Repeat("A", 1<<20)
	if n := testing.AllocsPerRun(10, func() { _, _ = s.Decode("group", filterA, "or_1", huge) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEncodeLimits(t *testing.T) {
	s := sealer(t, 1)
	if _, err := s.Encode("group", filterA, "or_1", strings.Repeat("x", 719-len("group"))); err != ErrTooLong {
		t.Errorf("a last key that does not fit: %v", err)
	}
	for _, noun := range []string{"", strings.Repeat("n", 256)} {
		if _, err := s.Encode(noun, filterA, "or_1", ""); err == nil {
			t.Errorf("a noun of %d bytes was accepted", len(noun))
		}
	}
	for _, z := range []*Sealer{nil, {}} {
		if c, err := z.Encode("group", filterA, "or_1", "x"); err == nil {
			t.Errorf("a sealer without a key made %q", c)
		}
	}
}

func TestNewRefusesBadKeys(t *testing.T) {
	for _, key := range [][]byte{nil, {}, make([]byte, 31), bytes.Repeat([]byte{1}, 31), bytes.Repeat([]byte{1}, 33), make([]byte, 32)} {
		if _, err := New(key); err == nil {
			t.Errorf("a key of %d bytes, %x, was accepted", len(key), key)
		}
	}
	key := bytes.Repeat([]byte{1}, KeyLen)
	s, err := New(key)
	if err != nil {
		t.Fatal(err)
	}
	want := encode(t, s, "n", filterA, "o", "l")
	clear(key)
	if got := encode(t, s, "n", filterA, "o", "l"); got != want {
		t.Error("the sealer kept the caller's slice")
	}
}

func TestSec33_SealerPrintsWithoutItsKey(t *testing.T) {
	s := sealer(t, 'K')
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s)
	out := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%p"} {
		out += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, struct{ S *Sealer }{s}) + fmt.Sprintf(verb, *s) + fmt.Sprintf(verb, struct{ s Sealer }{*s})
	}
	for _, leak := range []string{"KKK", "4b4b", "4B4B", "75 75", "0x4b, 0x4b"} {
		if strings.Contains(out, leak) {
			t.Fatalf("the key is in %s", out)
		}
	}
}

// FuzzDecode holds the law that whatever decodes is byte for byte what Encode returns for it, and, with the key unknown to the fuzzer, that nothing
// but a seed decodes.
func FuzzDecode(f *testing.F) {
	s := sealer(f, 1)
	made := map[string]bool{}
	f.Add("")
	f.Add("AQ")
	for _, last := range lasts {
		c := encode(f, s, "group", filterA, "or_1", last)
		made[c] = true
		f.Add(c)
		f.Add(c + "\n")
		f.Add(c[1:])
	}
	f.Fuzz(func(t *testing.T, c string) {
		last, err := s.Decode("group", filterA, "or_1", c)
		if err != nil {
			if err != ErrInvalid || last != "" {
				t.Fatalf("%q, %v", last, err)
			}
			return
		}
		if again := encode(t, s, "group", filterA, "or_1", last); again != c {
			t.Fatalf("%q came back as %q", c, again)
		}
		if !made[c] {
			t.Fatalf("%q was forged", c)
		}
	})
}

// FuzzRoundTrip holds the law for any list: what is encoded decodes to the same key there and nowhere else.
func FuzzRoundTrip(f *testing.F) {
	s := sealer(f, 1)
	f.Add("group", "or_1", "gr_7", "role", "or_2")
	f.Fuzz(func(t *testing.T, noun, org, last, noun2, org2 string) {
		c, err := s.Encode(noun, filterA, org, last)
		if err != nil {
			return
		}
		if len(c) > MaxLen {
			t.Fatalf("%d bytes", len(c))
		}
		if got, err := s.Decode(noun, filterA, org, c); err != nil || got != last {
			t.Fatalf("%q came back as %q, %v", last, got, err)
		}
		if _, err := s.Decode(noun2, filterA, org2, c); (err == nil) != (noun == noun2 && org == org2) {
			t.Fatalf("the cursor of %q in %q, taken to %q in %q: %v", noun, org, noun2, org2, err)
		}
	})
}
