package token

import (
	"encoding/base64"
	"errors"
	"testing"
)

func TestInsecureVerifyRaw(t *testing.T) {
	for _, c := range clientKeys() {
		k := mustPublic(t, c.key.Public())
		for _, alg := range k.key.algorithms {
			verify := func(message string) error {
				return k.InsecureVerifyRaw(alg, []byte(message), forgeSignature(alg, c.key, message))
			}
			for _, message := range []string{
				"", "hello", "a.b", ".", "..", ".e30", "claviger", "Claviger/", " claviger/", "x.e30", "{}", "{}.{}", "example.com", "1.5", "e3.é", "\xff.\xff",
				"bnVsbA.e30", "e30", b64(`{"a":"`) + ".x", // null, no dot, and half an object
			} {
				if err := verify(message); err != nil {
					t.Errorf("%s %q: %v", alg, message, err)
				}
			}
			// What means something here, or could be read as a JWS by anybody.
			spaced := base64.RawURLEncoding.EncodeToString([]byte(" \r\n{\"alg\":\"EdDSA\"}"))
			marked := base64.RawURLEncoding.EncodeToString([]byte("\ufeff{}"))
			for _, message := range []string{
				"claviger/", "claviger/action/v1\n", "claviger/anything", "e30.", "e30.e30", "e30.not base64", "e30.a.b", "e30=.e30", "e3 0.e30", "e31.e30", b64("{} x") + ".x",
				b64(`{"alg":"EdDSA"}`) + "." + b64(`{}`), spaced + ".x", marked + ".x", "e\n30.x",
				base64.StdEncoding.EncodeToString([]byte(`{"a":"???>>>"}`)) + ".x",
			} {
				if err := verify(message); !errors.Is(err, ErrPurpose) {
					t.Errorf("%s %q: %v", alg, message, err)
				}
			}
			if err := k.InsecureVerifyRaw(alg, []byte("hellp"), forgeSignature(alg, c.key, "hello")); !errors.Is(err, ErrSignature) {
				t.Errorf("%s: another message: %v", alg, err)
			}
			for _, signature := range [][]byte{nil, {}, make([]byte, 64), make([]byte, 256)} {
				if err := k.InsecureVerifyRaw(alg, []byte("hello"), signature); !errors.Is(err, ErrSignature) {
					t.Errorf("%s: %d zeros: %v", alg, len(signature), err)
				}
			}
		}
		for _, alg := range append([]Algorithm{"", "none", "HS256", "eddsa"}, allAlgorithms...) {
			err := k.InsecureVerifyRaw(alg, []byte("hello"), forgeSignature(k.key.algorithms[0], c.key, "hello"))
			if !k.allows(alg) && !errors.Is(err, ErrAlgorithm) {
				t.Errorf("%s key with %q: %v", k.Kind(), alg, err)
			}
		}
	}
	if err := (PublicKey{}).InsecureVerifyRaw(AlgEdDSA, nil, nil); !errors.Is(err, ErrUnsupportedKey) {
		t.Errorf("zero key: %v", err)
	}
}
