package identity

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// FuzzActionClaims: what is read is written back to the same bytes.
func FuzzActionClaims(f *testing.F) {
	for _, c := range someActionClaims() {
		f.Add(c.encode())
	}
	f.Add([]byte{})
	f.Add(make([]byte, actionHead))
	f.Add(make([]byte, actionHead+2*actionTexts))
	f.Add(append(make([]byte, actionHead+2*actionTexts), 0xff, 0xff))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := decodeActionClaims(b)
		switch {
		case ok && !bytes.Equal(c.encode(), b):
			t.Fatalf("%x was read as %+v, which is %x", b, c, c.encode())
		case !ok && !reflect.DeepEqual(c, actionClaims{}):
			t.Fatalf("%x was refused and left %+v", b, c)
		}
	})
}

func someActionClaims() []actionClaims {
	return []actionClaims{
		{},
		{permissions: []string{}},
		{permissions: []string{"", "a"}},
		{
			digest: [32]byte{1, 31: 2}, org: "or_1", account: "sa_1", credential: "cr_1", tokenID: "t", issued: 1 << 63, expires: -1,
			permissions: []string{"wallets:read", "wallets:*"}, path: "projects/1", signer: "cr_2", signed: 7,
			challenge: strings.Repeat("c", 32), algorithm: "EdDSA", signature: "\x00s",
		},
	}
}

func TestActionClaims(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range someActionClaims() {
		b := c.encode()
		if back, ok := decodeActionClaims(b); !ok || !reflect.DeepEqual(back, c) {
			t.Errorf("%+v came back as %+v", c, back)
		}
		if seen[string(b)] {
			t.Errorf("%+v is spelt like another", c)
		}
		seen[string(b)] = true
		for n := range b {
			if _, ok := decodeActionClaims(b[:n]); ok && n < actionHead+2*actionTexts {
				t.Errorf("%d bytes of %+v were read", n, c)
			}
		}
	}
	b := (&actionClaims{}).encode()
	for _, spoil := range []func([]byte) []byte{
		func(b []byte) []byte { return append(b, 0) },
		func(b []byte) []byte { return append(b, 0, 0) }, // a permission of a list that is not there
		func(b []byte) []byte { b[actionHead-1] = 2; return b },
	} {
		if c, ok := decodeActionClaims(spoil(bytes.Clone(b))); ok {
			t.Errorf("read as %+v", c)
		}
	}
}
