package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func pay() Action {
	return Action{
		Method: "POST", Host: "api.example:8443", RequestURI: "/wallets/w1/payments?dry=0", ContentType: "application/json", ContentEncoding: "gzip",
		BodySHA256: sha256.Sum256([]byte(`{"amount":1}`)),
	}
}

func digestOf(t *testing.T, a Action) [sha256.Size]byte {
	t.Helper()
	d, err := a.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The digest is computed here from the words of its definition, so that clients in other languages can go by them.
func TestActionDigest(t *testing.T) {
	a := pay()
	text := "claviger/action-digest/v1\n" +
		"\x00\x00\x00\x04POST" + "\x00\x00\x00\x10api.example:8443" + "\x00\x00\x00\x1a/wallets/w1/payments?dry=0" + "\x00\x00\x00\x10application/json" + "\x00\x00\x00\x04gzip" +
		"\x00\x00\x00\x20" + string(a.BodySHA256[:])
	if got, want := digestOf(t, a), sha256.Sum256([]byte(text)); got != want {
		t.Errorf("%x, want %x", got, want)
	}
	const known = "2c401e55325899497a863f94634f5628a6482bad3f81120d807f941cd3d5db3f"
	if got := digestOf(t, a); hex.EncodeToString(got[:]) != known {
		t.Errorf("%x, want %s: the signatures of every client change with it", got, known)
	}
	digest := digestOf(t, a)
	challenge := sha256.Sum256([]byte("c"))
	if got := ActionMessage("ab", "c", digest); !bytes.Equal(got, append([]byte("\x00\x00\x00\x02ab\x00\x00\x00\x20"+string(challenge[:])), digest[:]...)) {
		t.Errorf("message %q", got)
	}
}

// Every field counts, and no two neighbours can trade bytes.
func TestActionDigestIsInjective(t *testing.T) {
	seen := map[[sha256.Size]byte]Action{}
	body := sha256.Sum256(nil)
	texts := []string{"", "a", "aa", "a/", "/a"}
	for _, host := range []string{"A", "a", "a/", "/"} {
		for _, method := range []string{"A", "AA", "a"} {
			for _, uri := range []string{"/", "/a", "//", "/a/", "/a?", "/A"} {
				for _, media := range texts {
					for _, coding := range texts {
						a := Action{method, host, uri, media, coding, body}
						d := digestOf(t, a)
						if was, ok := seen[d]; ok {
							t.Fatalf("%+v and %+v have one digest", was, a)
						}
						seen[d] = a
					}
				}
			}
		}
	}
}

func TestActionLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		field string // "" means that it is fine
		spoil func(*Action)
	}{
		{"", func(*Action) {}},
		{"", func(a *Action) { a.ContentType, a.ContentEncoding = "", "" }},
		{"", func(a *Action) { a.Method = long(32) }},
		{"", func(a *Action) { a.RequestURI = "/" + long(8<<10-1) }},
		{"", func(a *Action) { a.RequestURI = "/é%zz\xff" }}, // what a server let through
		{"Method", func(a *Action) { a.Method = "" }},
		{"Method", func(a *Action) { a.Method = long(33) }},
		{"Method", func(a *Action) { a.Method = "PO ST" }},
		{"Method", func(a *Action) { a.Method = "POST\n" }},
		{"Method", func(a *Action) { a.Method = "P\x00" }},
		{"Method", func(a *Action) { a.Method = "PÖST" }},
		{"", func(a *Action) { a.Host = long(255) }},
		{"", func(a *Action) { a.Host = "[2001:db8::1]:443" }},
		{"Host", func(a *Action) { a.Host = "" }},
		{"Host", func(a *Action) { a.Host = long(256) }},
		{"Host", func(a *Action) { a.Host = "a b" }},
		{"Host", func(a *Action) { a.Host = "a\r\n" }},
		{"Host", func(a *Action) { a.Host = "b\x7f" }},
		{"Host", func(a *Action) { a.Host = "bücher.example" }}, // who sends it writes it in ASCII
		{"RequestURI", func(a *Action) { a.RequestURI = "" }},
		{"RequestURI", func(a *Action) { a.RequestURI = "/" + long(8<<10) }},
		{"RequestURI", func(a *Action) { a.RequestURI = "/a b" }},
		{"RequestURI", func(a *Action) { a.RequestURI = "/a\r\n" }},
		{"RequestURI", func(a *Action) { a.RequestURI = "/a\x7f" }},
		{"ContentType", func(a *Action) { a.ContentType = long(1<<10 + 1) }},
		{"ContentType", func(a *Action) { a.ContentType = "text/plain\x00" }},
		{"ContentEncoding", func(a *Action) { a.ContentEncoding = long(1<<10 + 1) }},
		{"ContentEncoding", func(a *Action) { a.ContentEncoding = "gzip\n" }},
		{"BodySHA256", func(a *Action) { a.BodySHA256 = [sha256.Size]byte{} }},
	} {
		a := pay()
		c.spoil(&a)
		d, err := a.Digest()
		if c.field == "" {
			if err != nil || d == [sha256.Size]byte{} {
				t.Errorf("%.80q: %v", a.RequestURI, err)
			}
			continue
		}
		var e *Error
		if !errors.Is(err, ErrFormat) || !errors.As(err, &e) || e.Field != c.field || d != [sha256.Size]byte{} {
			t.Errorf("%s: %v", c.field, err)
		}
	}
}
