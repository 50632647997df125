package vectors

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// exclusion is a rule by which cases are left out, and why. They are tried all the same, and must be refused.
type exclusion struct {
	reason  string
	applies func(g *group, v *vector) bool
}

// exclusions are looked through in this order.
var exclusions = []exclusion{
	{"keys are Ed25519, ECDSA or RSA: not DSA", ofType("DsaVerify", "DsaP1363Verify")},
	{"keys are Ed25519, ECDSA or RSA: not ML-DSA (RFC 9964)", ofType("MlDsaVerify")},
	{"keys are Ed25519, ECDSA or RSA: not Ed448", func(g *group, _ *vector) bool { return g.PublicKey.Curve == "edwards448" }},
	{"keys are Ed25519, ECDSA or RSA: not X25519 or X448, which do not sign", ofType("XdhAsnComp", "XdhPemComp", "XdhJwkComp")},
	{"ECDSA is on P-256, P-384 or P-521 (RFC 7518 section 3.4)", func(g *group, _ *vector) bool {
		return isECDSA(g) && kindOfCurve[g.PublicKey.Curve] == "" || g.Curve != "" && kindOfCurve[g.Curve] == ""
	}},
	{"R and S of ECDSA stand side by side, not in DER (RFC 7518 section 3.4)", ofType("EcdsaVerify")},
	{"each curve has one hash (RFC 7518 section 3.4)", func(g *group, _ *vector) bool { return isECDSA(g) && joseAlgorithm(g) == "" }},
	{"RSA keys have 2048 bits at least (RFC 7518 section 3.3)", func(g *group, _ *vector) bool { return isRSA(g) && g.KeySize < 2048 }},
	{"RSA keys have 4096 bits at most", func(g *group, _ *vector) bool { return isRSA(g) && g.KeySize > 4096 }},
	{"RSA keys do not carry parameters of RSASSA-PSS (RFC 4055 section 1.2)", ofType("RsassaPssWithParametersVerify")},
	{"RSASSA-PKCS1-v1_5 is with SHA-256, SHA-384 or SHA-512 (RFC 7518 section 3.3)", func(g *group, _ *vector) bool {
		return strings.HasPrefix(g.Type, "RsassaPkcs1") && joseAlgorithm(g) == ""
	}},
	{"RSASSA-PSS is with SHA-256, SHA-384 or SHA-512 throughout, and a salt as long (RFC 7518 section 3.5)", func(g *group, _ *vector) bool {
		return g.Type == "RsassaPssVerify" && joseAlgorithm(g) == ""
	}},
	{"RSA exponents are 65537 at least", func(g *group, _ *vector) bool { return isRSA(g) && exponent(g) < 65537 }},
	{"tokens are not encrypted", func(_ *group, v *vector) bool { return len(v.JWE) > 0 }},
	{"tokens are not signed with symmetric keys", func(g *group, _ *vector) bool {
		return g.Private != nil && !slices.ContainsFunc(members(g), func(k jwk) bool { return k.Kty != "oct" })
	}},
	{"a key with alg verifies that algorithm only, here another one than the token's", func(g *group, v *vector) bool {
		return v.Result == "valid" && slices.ContainsFunc(members(g), func(k jwk) bool { return k.Alg == "PS256" && v.Comment == "Figure20" })
	}},
	{"there is no algorithm ES521", func(g *group, v *vector) bool {
		return v.Result == "valid" && slices.ContainsFunc(members(g), func(k jwk) bool { return k.Alg == "ES521" })
	}},
	{"claims are never empty", func(g *group, v *vector) bool { return v.Comment == "emptyPayload" && g.Type == "JsonWebSignature" }},
}

// excluded gives the reason of the first row that applies, "" if none does.
func excluded(g *group, v *vector) string {
	for _, e := range exclusions {
		if e.applies(g, v) {
			return e.reason
		}
	}
	return ""
}

func ofType(types ...string) func(*group, *vector) bool {
	return func(g *group, _ *vector) bool { return slices.Contains(types, g.Type) }
}

func isECDSA(g *group) bool { return strings.HasPrefix(g.Type, "Ecdsa") }

func isRSA(g *group) bool { return strings.HasPrefix(g.Type, "Rsassa") }

// kindOfCurve has the curves that are used here, by the names that Wycheproof has for them.
var kindOfCurve = map[string]string{
	"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521",
	"P-256": "P-256", "P-384": "P-384", "P-521": "P-521",
}

// exponent of the RSA key of a group.
func exponent(g *group) int {
	for _, der := range [][]byte{g.PublicKeyDER, g.KeyDER} {
		if k, err := x509.ParsePKIXPublicKey(der); err == nil {
			return k.(*rsa.PublicKey).E
		}
	}
	return 0
}

// jwk is what the rows look at.
type jwk struct{ Kty, Alg string }

// members are the keys of a group of web tokens.
func members(g *group) []jwk {
	text := keysOf(g)
	var set struct{ Keys []jwk }
	var one jwk
	if json.Unmarshal(text, &set) == nil && set.Keys != nil {
		return set.Keys
	}
	if json.Unmarshal(text, &one) != nil {
		return nil
	}
	return []jwk{one}
}

// A case that states "invalid" and is accepted is an error whatever row applies, and so is one that states "valid" and is accepted
// though a row leaves it out.
func TestNothingInvalidIsExcused(t *testing.T) {
	left := &group{Type: "DsaVerify"}
	for _, tt := range []struct {
		result   string
		accepted bool
		g        *group
		reason   bool
		wrong    bool
	}{
		{"valid", true, &group{}, false, false},
		{"valid", false, &group{}, false, true},
		{"invalid", false, &group{}, false, false},
		{"invalid", true, &group{}, false, true},
		{"acceptable", true, &group{}, false, false},
		{"acceptable", false, &group{}, false, false},
		{"acceptable", true, &group{Curve: "P-256"}, false, true},
		{"acceptable", false, &group{Curve: "P-256"}, false, false},
		{"valid", false, left, true, false},
		{"valid", true, left, true, true},
		{"invalid", false, left, true, false},
		{"invalid", true, left, true, true},
		{"perhaps", false, &group{}, false, true},
	} {
		reason, wrong := judge(tt.g, &vector{Result: tt.result}, tt.accepted)
		if (reason != "") != tt.reason || (wrong != "") != tt.wrong {
			t.Errorf("%+v: %q, %q", tt, reason, wrong)
		}
	}
}
