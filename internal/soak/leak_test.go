package soak

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// window is how much of a secret is a leak: 128 bits of what is random in it, or
// what 16 characters of a text hold.
const window = 16

// leaks finds secrets in what is stored, logged, printed and answered: any window
// of a secret as it is, as hex and as base64 whatever stands before it, and what
// fmt makes of its bytes.
type leaks struct {
	windows map[[window]byte]string
	printed map[string]string // as fmt prints bytes
	names   []string
}

func newLeaks() *leaks {
	return &leaks{windows: map[[window]byte]string{}, printed: map[string]string{}}
}

// secret adds one to what is looked for. Its bytes are what is secret of it, and
// nothing else: an id in it that everybody may know is left out.
func (l *leaks) secret(name string, secret []byte) {
	l.names = append(l.names, name)
	for _, form := range encoded(secret) {
		for i := range len(form) - window + 1 {
			l.windows[[window]byte([]byte(form[i:i+window]))] = name
		}
	}
	l.printed[strings.Trim(fmt.Sprint(secret[:window]), "[]")] = name
	l.printed[strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret[:window]), "[]byte{"), "}")] = name
}

// text adds a secret that is a text: its characters.
func (l *leaks) text(name, secret string) { l.secret(name, []byte(secret)) }

// opaque adds an API token or a client secret: what stands behind its id, and the
// 256 bits that this is a number of.
func (l *leaks) opaque(t *testing.T, name, secret string) {
	t.Helper()
	const digits, sum, bits = 52, 7, "0123456789abcdefghjkmnpqrstvwxyz"
	text := secret[len(secret)-sum-digits : len(secret)-sum]
	l.text(name, text)
	n := new(big.Int)
	for _, c := range []byte(text) {
		digit := strings.IndexByte(bits, c)
		if digit < 0 {
			t.Fatalf("%s is not a number in base 32", name)
		}
		n.Add(n.Lsh(n, 5), big.NewInt(int64(digit)))
	}
	l.secret(name+", as bytes", n.FillBytes(make([]byte, 33))[1:])
}

// signed adds the end of a text in base64url, which nobody can make who has not the
// key: so many bytes of a signature or a MAC. What stands before it are ids.
func (l *leaks) signed(t *testing.T, name, text string, end int) {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text[strings.LastIndexByte(text, '.')+1:])
	if err != nil || len(data) < end {
		t.Fatalf("%s: %d bytes: %v", name, len(data), err)
	}
	l.secret(name, data[len(data)-end:])
}

// encoded are the texts that a leaked secret may be part of. Base64 of something
// with the secret in it differs by where in a group of three bytes it begins.
func encoded(secret []byte) []string {
	forms := []string{string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret))}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := e.EncodeToString(slices.Concat(make([]byte, before), secret))
			forms = append(forms, text[(before*8+5)/6:(before+len(secret))*8/6])
		}
	}
	return forms
}

// heldBy names the secrets that a stream holds any of.
func (l *leaks) heldBy(stream []byte) []string {
	found := map[string]bool{}
	for i := range len(stream) - window + 1 {
		if name, ok := l.windows[[window]byte(stream[i:i+window])]; ok {
			found[name] = true
		}
	}
	for text, name := range l.printed {
		if bytes.Contains(stream, []byte(text)) {
			found[name] = true
		}
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestLeaksAreFound: the search of TestSec33_NothingLeaks finds a part of a secret
// in every form, and nothing where there is none.
func TestLeaksAreFound(t *testing.T) {
	secret := make([]byte, 32)
	rnd := seeded(t)
	for i := range secret {
		secret[i] = byte(rnd.Uint32())
	}
	l := newLeaks()
	l.secret("it", secret)
	part := secret[9:31]
	for name, text := range map[string]string{
		"bytes": string(part), "hex": fmt.Sprintf("%x", part), "HEX": fmt.Sprintf("%X", part),
		"base64": base64.StdEncoding.EncodeToString(part), "base64url": base64.URLEncoding.EncodeToString(part),
		"base64, after one byte": base64.StdEncoding.EncodeToString(slices.Concat([]byte("x"), part, []byte("y"))),
		"base64, after two":      base64.RawURLEncoding.EncodeToString(slices.Concat([]byte("xy"), part)),
		"%v":                     fmt.Sprintf("%v", struct{ k []byte }{secret}), "%#v": fmt.Sprintf("%#v", struct{ k []byte }{secret}),
	} {
		if found := l.heldBy([]byte("before " + text + " after")); len(found) != 1 {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	for name, text := range map[string]string{"nothing": "", "few": string(secret[:window-1]), "others": strings.Repeat("nothing to see here; ", 1000)} {
		if found := l.heldBy([]byte(text)); len(found) != 0 {
			t.Errorf("%s: %q", name, found)
		}
	}
}
