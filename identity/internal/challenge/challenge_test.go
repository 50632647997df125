package challenge

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
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

func ticket(carried string) Ticket {
	t := Ticket{Expiry: 1_900_000_000_000_000, Nonce: [nonceLen]byte{1, 2, 3}}
	if carried != "" {
		t.Carried = []byte(carried)
	}
	return t
}

func TestWhatWasSealedOpens(t *testing.T) {
	s := sealer(t, 1)
	for _, carried := range []string{"", "x", strings.Repeat("y", MaxCarried)} {
		for _, bound := range [][]string{nil, {""}, {"a", "b"}, {"a\x00", "", "b"}} {
			text, err := s.Seal(ticket(carried), bound...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Open(text, bound...)
			if err != nil || got.Expiry != ticket("").Expiry || got.Nonce != ticket("").Nonce || string(got.Carried) != carried || got.ID() != ticket("").ID() {
				t.Errorf("%q: %+v, %v", bound, got, err)
			}
			if early, err := Carried(text); err != nil || string(early) != carried {
				t.Errorf("carried %q, %v", early, err)
			}
			if len(text) > maxText {
				t.Errorf("%d bytes", len(text))
			}
		}
	}
	if _, err := s.Seal(ticket(strings.Repeat("y", MaxCarried+1))); err == nil {
		t.Error("too much is carried")
	}
}

// Texts that are bound to different things are different, however those are put
// together.
func TestBoundToAllOfIt(t *testing.T) {
	s := sealer(t, 1)
	lists := [][]string{nil, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"aa"}, {"a", "a"}, {"a\x00a"}, {"ab", "c"}, {"a", "bc"}, {"A"}}
	for _, made := range lists {
		text, err := s.Seal(ticket("c"), made...)
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range lists {
			if _, err := s.Open(text, asked...); (err == nil) != slices.Equal(made, asked) {
				t.Errorf("made for %q, asked for %q: %v", made, asked, err)
			}
		}
		if _, err := sealer(t, 2).Open(text, made...); !errors.Is(err, ErrInvalid) {
			t.Errorf("with another key: %v", err)
		}
	}
}

// Every other text is refused: cut off, longer, another case, another spelling,
// and every bit changed.
func TestOnlyTheExactText(t *testing.T) {
	s := sealer(t, 1)
	for _, carried := range []string{"", "x", "xy"} {
		text, err := s.Seal(ticket(carried), "a")
		if err != nil {
			t.Fatal(err)
		}
		var bad []string
		for i := range text {
			bad = append(bad, text[:i], text[:i]+"\n"+text[i:], text[:i]+"="+text[i:])
			for _, c := range []byte("ABZaz09-_+/=\n .") {
				if c != text[i] {
					bad = append(bad, text[:i]+string(c)+text[i+1:])
				}
			}
		}
		bad = append(bad, text+"A", text+"=", text+"\n", " "+text, strings.ToLower(text), strings.ToUpper(text), text+text, strings.Repeat("A", 1<<20))
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			for bit := range 8 {
				other := slices.Clone(raw)
				other[i] ^= 1 << bit
				bad = append(bad, base64.RawURLEncoding.EncodeToString(other))
			}
		}
		for _, b := range bad {
			if got, err := s.Open(b, "a"); !errors.Is(err, ErrInvalid) || got.Carried != nil || got.Expiry != 0 {
				t.Fatalf("%.200q: %v", b, err)
			}
		}
	}
}

func TestSealerNeedsAKey(t *testing.T) {
	for _, key := range [][]byte{nil, {}, make([]byte, KeyLen), make([]byte, KeyLen-1), bytes.Repeat([]byte{1}, KeyLen+1)} {
		if _, err := New(key); err == nil {
			t.Errorf("a key of %d bytes is taken", len(key))
		}
	}
	for _, none := range []*Sealer{nil, {}} {
		if _, err := none.Seal(ticket("")); err == nil {
			t.Error("sealed without a key")
		}
		if _, err := none.Open(""); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	}
	key := bytes.Repeat([]byte{'k'}, KeyLen)
	s, err := New(key)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := s.Seal(ticket(""))
	clear(key)
	if _, err := s.Open(text); err != nil {
		t.Errorf("the key is shared: %v", err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", s, *s, *s); strings.Contains(printed, "kkkk") || strings.Contains(printed, "107") {
		t.Errorf("the key is printed: %s", printed)
	}
}

// FuzzOpen: what opens is what was sealed, and its only spelling.
func FuzzOpen(f *testing.F) {
	s := sealer(f, 1)
	text, err := s.Seal(ticket("carried"), "a", "b")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		_, early := Carried(text)
		got, err := s.Open(text, "a", "b")
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if early != nil {
			t.Fatalf("opens, but carries nothing: %v", early)
		}
		again, err := s.Seal(got, "a", "b")
		if err != nil || again != text {
			t.Fatalf("%q came back as %q, %v", text, again, err)
		}
	})
}
