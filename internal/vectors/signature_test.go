package vectors

import (
	"errors"
	"strconv"
	"testing"

	"github.com/claviger-go/claviger/token"
)

// bareSignatures verifies messages. A case is accepted if the key is, in every form in which the file has it, and the signature verifies by
// the one algorithm of JOSE that the group is about. If it is about none, what it calls valid is tried by every algorithm of the key, and
// what it calls invalid is not of interest: it may well be good by another algorithm.
func bareSignatures(t *testing.T, g *group, judge func(*vector, bool)) {
	key, ok := groupKey(t, g)
	algorithm := joseAlgorithm(g)
	for _, v := range g.Tests {
		accepted := false
		for _, a := range key.Algorithms() { // none, of a key that is refused
			if !ok || algorithm != "" && token.Algorithm(a) != algorithm || algorithm == "" && v.Result != "valid" {
				continue
			}
			switch err := key.InsecureVerifyRaw(token.Algorithm(a), v.Msg, v.Sig); {
			case err == nil:
				accepted = true
			case !errors.Is(err, token.ErrSignature):
				t.Errorf("case %d of %s: %v", v.ID, g.Type, err)
			}
		}
		judge(v, accepted)
	}
}

// groupKey reads the key of a group in all its forms, which must come to the same.
func groupKey(t *testing.T, g *group) (token.PublicKey, bool) {
	var keys []token.PublicKey
	var errs []error
	add := func(k token.PublicKey, err error) {
		keys, errs = append(keys, k), append(errs, err)
	}
	for _, der := range [][]byte{g.PublicKeyDER, g.KeyDER} {
		if len(der) > 0 {
			add(token.PublicKeyFromDER(der))
		}
	}
	for _, pem := range []string{g.PublicKeyPEM, g.KeyPEM} {
		if pem != "" {
			add(token.ParsePublicKey([]byte(pem)))
		}
	}
	for _, jwk := range [][]byte{g.PublicKeyJWK, g.KeyJWK} {
		if len(jwk) > 0 && errs[0] == nil { // a JWK cannot say what an unusual SPKI does
			add(token.ParseJWK(jwk))
		}
	}
	if len(keys) == 0 {
		t.Errorf("a group of %s has no key", g.Type)
		return token.PublicKey{}, false
	}
	for i := range keys {
		if (errs[i] == nil) != (errs[0] == nil) || keys[i].Thumbprint() != keys[0].Thumbprint() {
			t.Errorf("a key of %s is read differently in two forms: %v, %v", g.Type, errs[0], errs[i])
		}
	}
	return keys[0], errs[0] == nil
}

// joseAlgorithm is the algorithm of RFC 7518 or RFC 8037 that a group is about, "" if it is about none.
func joseAlgorithm(g *group) token.Algorithm {
	switch bits := map[string]string{"SHA-256": "256", "SHA-384": "384", "SHA-512": "512"}[g.SHA]; g.Type {
	case "EddsaVerify":
		if g.PublicKey.Curve == "edwards25519" {
			return token.AlgEdDSA
		}
	case "EcdsaP1363Verify":
		switch g.PublicKey.Curve + " " + g.SHA {
		case "secp256r1 SHA-256":
			return token.AlgES256
		case "secp384r1 SHA-384":
			return token.AlgES384
		case "secp521r1 SHA-512":
			return token.AlgES512
		}
	case "RsassaPkcs1Verify", "RsassaPkcs1Generate":
		if bits != "" {
			return token.Algorithm("RS" + bits)
		}
	case "RsassaPssVerify", "RsassaPssWithParametersVerify":
		if bits != "" && g.MGF == "MGF1" && g.MGFSHA == g.SHA && strconv.Itoa(8*g.SaltLength) == bits {
			return token.Algorithm("PS" + bits)
		}
	}
	return ""
}
