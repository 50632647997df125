package token_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/token"
)

const (
	opaqueULID   = "01j9z3k7w8x4v5n6m7b8c9d0ef"
	opaqueDigits = "0123456789abcdefghjkmnpqrstvwxyz"
)

// opaque makes one of a kind, with 256 bits of a source; nil is the real one.
func opaque(t testing.TB, prefix, kind string, random io.Reader) (text string, digest [32]byte) {
	t.Helper()
	secret, digest, err := token.NewOpaque(prefix, kind, opaqueULID, random)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal(), digest
}

func TestOpaqueForm(t *testing.T) {
	bits := bytes.Repeat([]byte{0xff}, 32)
	text, digest := opaque(t, "cvg", token.KindAPIToken, bytes.NewReader(bits))
	body := "cvg_at_" + opaqueULID + "1" + strings.Repeat("z", 51)
	if text[:len(text)-7] != body {
		t.Errorf("256 ones are written %s", text)
	}
	if want := sha256.Sum256([]byte("claviger/opaque/v1\n" + opaqueULID + string(bits))); digest != want {
		t.Errorf("the digest is %x, want %x", digest, want)
	}
	sum := uint64(0)
	for _, c := range text[len(text)-7:] {
		sum = sum<<5 | uint64(strings.IndexRune(opaqueDigits, c))
	}
	if want := crc32.ChecksumIEEE([]byte(body)); sum != uint64(want) {
		t.Errorf("the checksum is %x, want %x", sum, want)
	}
	o, err := token.ParseOpaque(text)
	if err != nil || o.Prefix() != "cvg" || o.Kind() != "at" || o.ID() != opaqueULID || o.Name() != "at_"+opaqueULID || o.Digest() != digest || !o.Matches(digest) {
		t.Errorf("read back: %+v, %v", o, err)
	}
	var none token.Opaque
	if none.Kind() != "" || none.ID() != "" || none.Prefix() != "" || none.Name() != "" || none.Matches(none.Digest()) {
		t.Error("the zero Opaque is something")
	}
	if err := allocations(t, func() { _, _ = token.ParseOpaque(text) }); err != nil {
		t.Error(err)
	}
}

func allocations(t *testing.T, f func()) error {
	t.Helper()
	if n := testing.AllocsPerRun(100, f); n != 0 {
		return fmt.Errorf("%v allocations", n)
	}
	return nil
}

// TestSec27_Entropy: every secret has 256 bits of the source, all of which are in
// the text, and which nothing else is made of.
func TestSec27_Entropy(t *testing.T) {
	var seen [256][2]bool
	texts := map[string]bool{}
	for range 256 {
		var drawn bytes.Buffer
		secret, digest, err := token.NewOpaque("cvg", token.KindClientSecret, opaqueULID, io.TeeReader(rand.Reader, &drawn))
		if err != nil {
			t.Fatal(err)
		}
		text, bits := secret.Reveal(), drawn.Bytes()
		if len(bits) != 32 {
			t.Fatalf("%d bytes were drawn", len(bits))
		}
		texts[text] = true
		for i := range 256 {
			seen[i][bits[i/8]>>(i%8)&1] = true
		}
		if strings.Trim(text[len("cvg_cs_"):], opaqueDigits) != "" || len(text) != len("cvg_cs_")+26+52+7 {
			t.Fatalf("the alphabet or the length of %s", text)
		}
		other, again := opaque(t, "cvg", token.KindClientSecret, bytes.NewReader(bits))
		if other != text || again != digest {
			t.Fatal("the text is of more than its 256 bits")
		}
	}
	for i, b := range seen {
		if !b[0] || !b[1] {
			t.Errorf("bit %d is constant", i)
		}
	}
	if len(texts) != 256 {
		t.Errorf("%d texts of 256", len(texts))
	}
	clear(texts)
	for range 256 { // without a source it is the system's
		secret, _, err := token.NewOpaque("cvg", token.KindClientSecret, opaqueULID, nil)
		if err != nil {
			t.Fatal(err)
		}
		texts[secret.Reveal()] = true
	}
	if len(texts) != 256 {
		t.Errorf("%d texts of 256 without a source", len(texts))
	}
	for i := range 256 { // no bit is lost on the way into the text
		bits := make([]byte, 32)
		bits[i/8] ^= 1 << (i % 8)
		zero, _ := opaque(t, "cvg", "cs", bytes.NewReader(make([]byte, 32)))
		one, digest := opaque(t, "cvg", "cs", bytes.NewReader(bits))
		if one == zero {
			t.Errorf("bit %d is not in the text", i)
		}
		if o, err := token.ParseOpaque(one); err != nil || !o.Matches(digest) {
			t.Errorf("bit %d: %v", i, err)
		}
	}
	for n := range 32 {
		if _, _, err := token.NewOpaque("cvg", "cs", opaqueULID, bytes.NewReader(make([]byte, n))); err == nil {
			t.Errorf("a source of %d bytes was enough", n)
		}
	}
}

// TestSec29_OneSpelling: of one token of each kind every proper prefix and suffix,
// every extension by a byte, every change of case and every other byte in any place
// fails, whatever the checksum.
func TestSec29_OneSpelling(t *testing.T) {
	for _, kind := range []string{token.KindAPIToken, token.KindClientSecret} {
		text, digest := opaque(t, "cvg", kind, nil)
		refused := func(what, changed string) {
			t.Helper()
			if o, err := token.ParseOpaque(changed); !errors.Is(err, token.ErrFormat) || o != (token.Opaque{}) {
				t.Errorf("%s: %q: %v, %v", what, changed, o.Name(), err)
			}
		}
		for n := range len(text) {
			refused("a prefix", text[:n])
			refused("a suffix", text[n+1:])
		}
		for b := range 256 {
			refused("an extension", text+string([]byte{byte(b)}))
			refused("something before it", string([]byte{byte(b)})+text)
			for i := range len(text) {
				if text[i] != byte(b) {
					refused("another byte", text[:i]+string([]byte{byte(b)})+text[i+1:])
				}
			}
		}
		refused("upper case", strings.ToUpper(text))
		refused("twice", text+text)
		for i := range len(text) - 1 {
			swapped := []byte(text)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			if string(swapped) != text {
				refused("two bytes swapped", string(swapped))
			}
		}
		// With a right checksum: the digest is another, or the spelling is refused.
		body := text[:len(text)-7]
		for i := range len(body) {
			for b := range 256 {
				if body[i] == byte(b) {
					continue
				}
				changed := body[:i] + string([]byte{byte(b)}) + body[i+1:]
				o, err := token.ParseOpaque(changed + digitsOf(crc32.ChecksumIEEE([]byte(changed))))
				if err != nil {
					continue
				}
				same := o.Matches(digest)
				if i >= len("cvg_"+kind+"_") && same || i < len("cvg_"+kind+"_") && o.Prefix() == "cvg" && o.Kind() == kind {
					t.Errorf("byte %d as %#x: it is the same token", i, b)
				}
			}
		}
	}
}

// digitsOf writes a checksum.
func digitsOf(sum uint32) string {
	var b [7]byte
	for i := range b {
		b[len(b)-1-i] = opaqueDigits[sum&31]
		sum >>= 5
	}
	return string(b[:])
}

func TestOpaqueRefusesToBeMade(t *testing.T) {
	for _, c := range []struct{ prefix, kind, id string }{
		{"", "at", opaqueULID}, {"c", "at", opaqueULID}, {"1cvg", "at", opaqueULID}, {"Cvg", "at", opaqueULID}, {"c_g", "at", opaqueULID},
		{"abcdefghijklmnopq", "at", opaqueULID}, {"cvg", "", opaqueULID}, {"cvg", "a", opaqueULID}, {"cvg", "a1", opaqueULID}, {"cvg", "AT", opaqueULID},
		{"cvg", "at", ""}, {"cvg", "at", opaqueULID[1:]}, {"cvg", "at", opaqueULID + "0"}, {"cvg", "at", "8" + opaqueULID[1:]},
		{"cvg", "at", strings.ToUpper(opaqueULID)}, {"cvg", "at", "0i" + opaqueULID[2:]}, {"cvg", "at", "cr_" + opaqueULID[3:]},
	} {
		if _, _, err := token.NewOpaque(c.prefix, c.kind, c.id, nil); !errors.Is(err, token.ErrConfig) {
			t.Errorf("%q: %v", c, err)
		}
	}
	for _, prefix := range []string{"ab", "a1", "abcdefghijklmnop"} {
		text, _ := opaque(t, prefix, "zz", nil)
		if o, err := token.ParseOpaque(text); err != nil || o.Prefix() != prefix || o.Kind() != "zz" {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestFindOpaque finds what was leaked, and what the rule for scanners finds.
func TestFindOpaque(t *testing.T) {
	first, _ := opaque(t, "cvg", "at", nil)
	second, _ := opaque(t, "cvg", "cs", nil)
	foreign, _ := opaque(t, "other", "at", nil)
	wrong := first[:len(first)-1] + "!"
	cut := first[:40]
	text := "curl -H 'Authorization: Bearer " + first + "' cvg_ cvg_at_ " + wrong + second + "\n" + cut + foreign + cut + first
	rule, err := token.ScannerRule("cvg")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for at, o := range token.FindOpaque("cvg", text) {
		if !strings.HasPrefix(text[at:], "cvg_"+o.Name()) {
			t.Errorf("at %d there is no %s", at, o.Name())
		}
		found = append(found, o.Name())
	}
	want := fmt.Sprint([]string{"at_" + opaqueULID, "cs_" + opaqueULID, "at_" + opaqueULID})
	if fmt.Sprint(found) != want {
		t.Errorf("found %v, want %s", found, want)
	}
	for range token.FindOpaque("cvg", text) {
		break
	}
	for _, prefix := range []string{"", "CVG", "cv", "vg"} {
		for at := range token.FindOpaque(prefix, text) {
			t.Errorf("%q was found at %d", prefix, at)
		}
	}
	scanner := regexp.MustCompile(rule)
	for _, raw := range []string{first, second} {
		if got := scanner.FindString("x=" + raw + ";"); got != raw {
			t.Errorf("the rule finds %q", got)
		}
	}
	for _, no := range []string{foreign, cut, "x" + first, first + "x", strings.ToUpper(first)} {
		if got := scanner.FindString(no); got != "" {
			t.Errorf("the rule finds %q in %q", got, no)
		}
	}
	if _, err := token.ScannerRule("a|b"); !errors.Is(err, token.ErrConfig) {
		t.Errorf("a rule of a|b: %v", err)
	}
}

// FuzzParseOpaque: what is read is written back to the same text, and is what the
// finder finds.
func FuzzParseOpaque(f *testing.F) {
	for _, kind := range []string{"at", "cs"} {
		secret, _, err := token.NewOpaque("cvg", kind, opaqueULID, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(secret.Reveal())
		f.Add("x" + secret.Reveal() + "\x00")
	}
	f.Add("cvg_at_")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := token.ParseOpaque(text)
		if err != nil {
			if o != (token.Opaque{}) {
				t.Fatal("an error with a secret")
			}
		} else {
			head := o.Prefix() + "_" + o.Name()
			sum := digitsOf(crc32.ChecksumIEEE([]byte(text[:len(text)-7])))
			if !strings.HasPrefix(text, head) || len(text) != len(head)+52+7 || text[len(text)-7:] != sum || !token.ValidOpaquePrefix(o.Prefix()) {
				t.Fatalf("%q was read as %q with %s", text, head, sum)
			}
			found := 0
			for at, same := range token.FindOpaque(o.Prefix(), text) {
				if at == 0 && same == o {
					found++
				}
			}
			if found != 1 {
				t.Fatalf("%q is not found in itself", text)
			}
		}
		for at, o := range token.FindOpaque("cvg", text) {
			again, err := token.ParseOpaque(text[at : at+len("cvg")+1+2+1+26+52+7])
			if err != nil || again != o {
				t.Fatalf("at %d of %q: %v", at, text, err)
			}
		}
	})
}
