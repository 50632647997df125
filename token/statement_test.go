package token

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
)

// A statement verifies as what it was signed as, by the keys of its issuer, and in no other way.
func TestSec06_Statements(t *testing.T) {
	for _, alg := range []Algorithm{AlgEdDSA, AlgES256} {
		key, err := GenerateSigningKey(alg, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		other, err := GenerateSigningKey(alg, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := NewKeySet(other.VerifyKey(), key.VerifyKey())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := key.SignStatement(t.Context(), StatementAudit, []byte("what is so"))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := keys.VerifyStatement(StatementAudit, raw); err != nil || string(text) != "what is so" {
			t.Errorf("%q, %v", text, err)
		}
		for i := range raw { // no byte of it is free
			altered := []byte(raw)
			altered[i] ^= 1
			if _, err := keys.VerifyStatement(StatementAudit, string(altered)); err == nil {
				t.Errorf("accepted with byte %d altered", i)
			}
		}
		strangers, err := NewKeySet(other.VerifyKey())
		if err != nil {
			t.Fatal(err)
		}
		header, rest, _ := strings.Cut(raw, ".")
		for what, c := range map[string]struct {
			keys *KeySet
			of   Statement
			raw  string
			want error
		}{
			"no keys":               {nil, StatementAudit, raw, ErrUnknownKey},
			"another's keys":        {strangers, StatementAudit, raw, ErrUnknownKey},
			"another type":          {keys, "at+jwt", raw, ErrPurpose},
			"the header of a token": {keys, StatementAudit, headerSegment(alg, key.ID()) + "." + rest, ErrUnknownKey},
			"of the other key":      {keys, StatementAudit, StatementAudit.header(alg, other.ID()) + "." + rest, ErrSignature},
			"a segment more":        {keys, StatementAudit, raw + ".x", ErrFormat},
			"no payload":            {keys, StatementAudit, header + "..x", ErrFormat},
		} {
			if _, err := c.keys.VerifyStatement(c.of, c.raw); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, payload := range [][]byte{nil, bytes.Repeat([]byte("x"), maxStatement+1)} {
			if _, err := key.SignStatement(t.Context(), StatementAudit, payload); !errors.Is(err, ErrFormat) {
				t.Errorf("%d bytes: %v", len(payload), err)
			}
		}
		if _, err := key.SignStatement(t.Context(), "at+jwt", []byte("x")); !errors.Is(err, ErrPurpose) {
			t.Error(err)
		}
	}
}

// FuzzStatement: what verifies was signed, as it stands.
func FuzzStatement(f *testing.F) {
	key := mustKey(f, AlgEdDSA, 1)
	keys := must(NewKeySet(key.VerifyKey()))
	signed := must(key.SignStatement(f.Context(), StatementAudit, []byte(`{"iss":"x"}`)))
	for _, seed := range []string{signed, "", "..", "a.b.c", StatementAudit.header(AlgEdDSA, "k") + ".e30.AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if text, err := keys.VerifyStatement(StatementAudit, raw); err == nil && (raw != signed || string(text) != `{"iss":"x"}`) {
			t.Fatalf("%q: %q", raw, text)
		}
	})
}
