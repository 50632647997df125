package token

import (
	"bytes"
	"encoding"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// printed is everything that the standard library makes of a value.
func printed(v any) string {
	var b strings.Builder
	for _, verb := range "vsqxXdpTtbcoOUeEfFgGw" {
		for _, flags := range []string{"", "+", "#", "-8", " ", ".3"} {
			fmt.Fprintf(&b, "%"+flags+string(verb)+"\n", v)
		}
	}
	fmt.Fprintln(&b, v, fmt.Sprint(v), fmt.Errorf("failed with %v", v))
	if j, err := json.Marshal(v); err == nil {
		b.Write(j)
	}
	if x, err := xml.Marshal(v); err == nil {
		b.Write(x)
	}
	if m, ok := v.(encoding.TextMarshaler); ok {
		text, _ := m.MarshalText()
		b.Write(text)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("message", "value", v, slog.Group("group", "value", v))
	}
	func() {
		defer func() { fmt.Fprint(&b, recover()) }()
		panic(v)
	}()
	return b.String()
}

func TestSec33_Redacted(t *testing.T) {
	const text = "correct-horse"
	key := mustKey(t, AlgEdDSA, 1)
	pkcs8, err := key.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	seed := pkcs8[len(pkcs8)-32:]
	s := NewSecret(text)
	seals := []Seal{SealPassphrase(s), SealBytes([]byte(text + "-battery-staple-123"))}
	sealers := make([]*Sealer, len(seals))
	for i, seal := range seals {
		if sealers[i], err = seal.Open(true); err != nil {
			t.Fatal(err)
		}
		if _, err = sealers[i].Seal(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	type host struct {
		Exported   Secret
		Pointer    *Secret
		Key        *SigningKey
		Seals      []Seal
		unexported Secret
		key        *SigningKey
		sealers    []*Sealer
		any        any
	}
	h := host{s, &s, key, seals, s, key, sealers, s}
	for _, v := range []any{s, &s, []Secret{s}, map[string]Secret{"a": s}, map[Secret]int{s: 1}, h, &h, key, *key, []*SigningKey{key}, seals, sealers, sealers[1], *sealers[0], *sealers[1]} {
		out := printed(v)
		for _, leak := range []string{
			text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text)), strings.ToUpper(text), text[:3] + "\n",
			fmt.Sprintf("%x", seed), fmt.Sprintf("%X", seed), fmt.Sprint(seed)[1:40], b64(string(seed)), string(seed),
		} {
			if strings.Contains(out, leak) {
				t.Errorf("%T shows %q", v, leak)
			}
		}
	}
	for _, v := range []any{s, key, Secret{}} {
		if got := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v); got != strings.TrimSpace(strings.Repeat("[redacted] ", 7)) {
			t.Errorf("%s", got)
		}
		if j, err := json.Marshal(v); err != nil || string(j) != `"[redacted]"` {
			t.Errorf("JSON %s, %v", j, err)
		}
		if fmt.Sprint(v) != v.(fmt.Stringer).String() || v.(fmt.GoStringer).GoString() != "[redacted]" {
			t.Error("String and GoString differ from Format")
		}
	}
	if s.Reveal() != text || s.IsZero() || !NewSecret("").IsZero() || (Secret{}).Reveal() != "" {
		t.Error("Reveal")
	}
	if !bytes.Equal([]byte(s.Reveal()), []byte(text)) {
		t.Error("the secret changed")
	}
}
