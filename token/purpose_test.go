package token

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"io"
	"strings"
	"testing"
)

func ownPurposes() []Purpose {
	return []Purpose{PurposePossession, PurposeLogin, PurposeAction, PurposeRequest, must(HostPurpose("a")), must(HostPurpose("b.c_d-9")), must(HostPurpose(strings.Repeat("z", 64)))}
}

// What is signed for one purpose is worth nothing for another, whatever key and
// whatever text, nor as a raw signature.
func TestPurposesAreApart(t *testing.T) {
	for _, c := range clientKeys() {
		k := mustPublic(t, c.key.Public())
		for _, message := range []string{"", "claviger/login/v1\nhello"} {
			for _, made := range ownPurposes() {
				alg, signature, err := Sign(c.key, made, []byte(message))
				if err != nil {
					t.Fatal(err)
				}
				for _, asked := range ownPurposes() {
					err := k.Verify(asked, alg, []byte(message), signature)
					if (err == nil) != (asked == made) || err != nil && !errors.Is(err, ErrSignature) {
						t.Errorf("%s: made for %q, asked for %q: %v", k.Kind(), made, asked, err)
					}
				}
				if err := k.InsecureVerifyRaw(alg, []byte(string(made)+message), signature); !errors.Is(err, ErrPurpose) {
					t.Errorf("%s: %q as a raw message: %v", k.Kind(), made, err)
				}
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	for _, c := range clientKeys() {
		k := mustPublic(t, c.key.Public())
		alg, signature, err := Sign(c.key, PurposeLogin, []byte("m"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []Purpose{"", "\n", "claviger/", "claviger/login/v1", "claviger/login/v2\n", "claviger/host/v1/\n", "x", "claviger/host/v1/A\n"} {
			if err := k.Verify(p, alg, []byte("m"), signature); !errors.Is(err, ErrPurpose) {
				t.Errorf("%q: %v", p, err)
			}
			if _, _, err := Sign(c.key, p, []byte("m")); !errors.Is(err, ErrPurpose) {
				t.Errorf("signing for %q: %v", p, err)
			}
		}
		for _, other := range append([]Algorithm{"", "none", "eddsa"}, allAlgorithms...) {
			err := k.Verify(PurposeLogin, other, []byte("m"), signature)
			switch {
			case !k.allows(other) && !errors.Is(err, ErrAlgorithm):
				t.Errorf("%s with %q: %v", k.Kind(), other, err)
			case err == nil && other != alg && !(alg == AlgEdDSA && other == AlgEd25519):
				t.Errorf("%s: a signature of %s passes as %s", k.Kind(), alg, other)
			}
		}
		for i := 0; i < len(signature); i += 5 {
			bad := append([]byte(nil), signature...)
			bad[i] ^= 1
			if err := k.Verify(PurposeLogin, alg, []byte("m"), bad); !errors.Is(err, ErrSignature) {
				t.Errorf("%s: byte %d changed: %v", k.Kind(), i, err)
			}
		}
		for _, bad := range [][]byte{nil, {}, signature[:len(signature)-1], append(append([]byte(nil), signature...), 0)} {
			if err := k.Verify(PurposeLogin, alg, []byte("m"), bad); !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %d bytes: %v", k.Kind(), len(bad), err)
			}
		}
	}
	if err := (PublicKey{}).Verify(PurposeLogin, AlgEdDSA, nil, nil); !errors.Is(err, ErrUnsupportedKey) {
		t.Errorf("zero key: %v", err)
	}
}

func TestHostPurpose(t *testing.T) {
	for _, name := range []string{"", "A", "a b", "a\n", "a/b", "é", strings.Repeat("a", 65), "a\x00"} {
		if p, err := HostPurpose(name); p != "" || !errors.Is(err, ErrPurpose) {
			t.Errorf("%q: %q, %v", name, p, err)
		}
	}
	for _, p := range []Purpose{PurposePossession, PurposeLogin, PurposeAction, PurposeRequest, "", "claviger/host/v1/a", "claviger/host/v1/a\n\n"} {
		if p.OfHost() {
			t.Errorf("%q is taken for one of the host", p)
		}
	}
	if p := must(HostPurpose("web-hook")); p != "claviger/host/v1/web-hook\n" || !p.OfHost() {
		t.Errorf("%q", p)
	}
}

func TestChallengeMessage(t *testing.T) {
	if m := must(ChallengeMessage("https://a.example", "abc")); string(m) != "https://a.example\nabc" {
		t.Errorf("%q", m)
	}
	for _, bad := range [][2]string{{"", "a"}, {"a", ""}, {"a\n", "b"}, {"a", "b\n"}, {"a\x00", "b"}, {"a", "b\x7f"}, {strings.Repeat("a", 2049), "b"}, {"a", strings.Repeat("b", 2049)}} {
		if m, err := ChallengeMessage(bad[0], bad[1]); m != nil || !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// broken signs with another key than it says.
type broken struct{ crypto.Signer }

func (broken) Public() crypto.PublicKey { return p256Key().Public() }

type failing struct{ crypto.Signer }

func (failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errReason("no")
}

func TestSignNeedsAGoodSigner(t *testing.T) {
	for name, key := range map[string]crypto.Signer{"broken": broken{p384Key()}, "ed25519 for P-256": broken{ed25519Key()}, "failing": failing{ed25519Key()}} {
		if _, signature, err := Sign(key, PurposeLogin, nil); signature != nil || !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Sign(nil, PurposeLogin, nil); !errors.Is(err, ErrConfig) {
		t.Errorf("nil: %v", err)
	}
}

func TestRestricted(t *testing.T) {
	for _, c := range clientKeys() {
		k := mustPublic(t, c.key.Public())
		if k.Restricted() {
			t.Errorf("%s is restricted", k.Kind())
		}
		for _, alg := range k.Algorithms() {
			cut := must(k.Restrict(alg))
			if cut.Restricted() != (len(k.Algorithms()) > 1) {
				t.Errorf("%s for %s: %t", k.Kind(), alg, cut.Restricted())
			}
		}
	}
	if (PublicKey{}).Restricted() {
		t.Error("the zero key is restricted")
	}
}

// FuzzPurpose: no signature that was made for one purpose passes for what a
// stranger asks it for, unless that is the same.
func FuzzPurpose(f *testing.F) {
	key := ed25519Key()
	k := must(NewPublicKey(key.Public()))
	f.Add("claviger/login/v1\n", "m", "claviger/login/v1\n", "m")
	f.Add("claviger/host/v1/a\n", "", "claviger/host/v1/a", "\n")
	f.Fuzz(func(t *testing.T, made, message, asked, other string) {
		_, signature, err := Sign(key, Purpose(made), []byte(message))
		if err != nil {
			signature = ed25519.Sign(key, []byte(made+message)) // by other means
		}
		err = k.Verify(Purpose(asked), AlgEdDSA, []byte(other), signature)
		if (err == nil) != (Purpose(asked).valid() && made+message == asked+other) {
			t.Fatalf("%q for %q passes as %q for %q: %v", message, made, other, asked, err)
		}
		if err == nil && Purpose(made).valid() && made != asked {
			t.Fatalf("%q passes as %q", made, asked)
		}
	})
}
