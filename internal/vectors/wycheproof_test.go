package vectors

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/claviger-go/claviger/token"
)

// file is one file of vectors.
type file struct {
	name   string
	Groups []*group `json:"testGroups"`
}

// group is cases that share a key. Which members there are depends on the type.
type group struct {
	Type    string
	Comment string

	PublicKey    struct{ Curve string } // of ECDSA and EdDSA; a text in other types, which is not read
	PublicKeyDER hexBytes               `json:"publicKeyDer"`
	PublicKeyPEM string                 `json:"publicKeyPem"`
	PublicKeyJWK json.RawMessage        `json:"publicKeyJwk"`
	KeyDER       hexBytes               `json:"keyDer"` // RSA files of one kind call them so
	KeyPEM       string                 `json:"keyPem"`
	KeyJWK       json.RawMessage        `json:"keyJwk"`
	KeySize      int
	SHA          string `json:"sha"`
	MGF          string `json:"mgf"`
	MGFSHA       string `json:"mgfSha"`
	SaltLength   int    `json:"sLen"`

	Curve string // of key agreement

	Public, Private json.RawMessage // JWK or JWK Set

	Tests []*vector
}

// vector is one case.
type vector struct {
	ID      int `json:"tcId"`
	Comment string
	Flags   []string
	Result  string // valid, invalid or acceptable

	Msg, Sig hexBytes        // bare signatures
	Public   json.RawMessage // key agreement: hex, PEM or JWK
	JWS, JWE json.RawMessage // a text, or the JSON serialization
}

type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	b, err := hex.DecodeString(s)
	*h = b
	return err
}

// UnmarshalJSON passes over a publicKey that is not an object.
func (g *group) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	if key := members["publicKey"]; len(key) > 0 && key[0] != '{' {
		delete(members, "publicKey")
	}
	data, err := json.Marshal(members)
	if err != nil {
		return err
	}
	type plain group
	return json.Unmarshal(data, (*plain)(g))
}

// A kind is what is done with the groups of one type. run reports, for each case in turn, whether it was accepted.
type kind struct {
	run func(t *testing.T, g *group, judge func(v *vector, accepted bool))
	why string // nothing is done
}

// keysOf is the JWK or JWK Set of a group of web tokens.
func keysOf(g *group) json.RawMessage {
	if len(g.Public) > 0 {
		return g.Public
	}
	return g.Private
}

// kinds has every type of group that there is. A new one fails the test until it is decided what it is to us.
var kinds = map[string]kind{
	"EcdsaP1363Verify":              {run: bareSignatures},
	"EcdsaVerify":                   {run: bareSignatures},
	"EcdsaBitcoinVerify":            {run: bareSignatures},
	"EddsaVerify":                   {run: bareSignatures},
	"RsassaPkcs1Verify":             {run: bareSignatures},
	"RsassaPkcs1Generate":           {run: bareSignatures}, // such signatures are made in one way only, so these verify too
	"RsassaPssVerify":               {run: bareSignatures},
	"RsassaPssWithParametersVerify": {run: bareSignatures},
	"DsaVerify":                     {run: bareSignatures},
	"DsaP1363Verify":                {run: bareSignatures},
	"MlDsaVerify":                   {run: bareSignatures},

	"JsonWebSignature":  {run: webTokens},
	"JsonWebKey":        {run: webTokens},
	"JsonWebCrypto":     {run: webTokens},
	"JsonWebEncryption": {run: webTokens},

	"EcdhTest":          {run: publicKeys},
	"EcdhPemTest":       {run: publicKeys},
	"EcdhWebcryptoTest": {run: publicKeys},
	"XdhAsnComp":        {run: publicKeys},
	"XdhPemComp":        {run: publicKeys},
	"XdhJwkComp":        {run: publicKeys},

	"EcdhEcpointTest": {why: "bare points"}, "XdhComp": {why: "bare points"}, "EcCurveTest": {why: "parameters of curves"},
	"PrimalityTest": {why: "numbers"}, "MlDsaSign": {why: "private keys"}, "RsaesOaepDecrypt": {why: "decryption"},
	"RsaesPkcs1Decrypt": {why: "decryption"}, "BlsSigVerify": {why: "bare points"}, "BlsAggregateVerify": {why: "bare points"},
	"BlsHashToG2": {why: "hashing"}, "AeadTest": {why: "symmetric"}, "DaeadTest": {why: "symmetric"}, "ChunkedEncryption": {why: "symmetric"},
	"FpeListTest": {why: "symmetric"}, "FpeStrTest": {why: "symmetric"}, "IndCpaTest": {why: "symmetric"}, "KeywrapTest": {why: "symmetric"},
	"MacTest": {why: "symmetric"}, "MacWithIvTest": {why: "symmetric"}, "HkdfTest": {why: "derivation"}, "PbeTest": {why: "derivation"},
	"PbkdfTest": {why: "derivation"}, "MLKEMDecapsValidationTest": {why: "encapsulation"}, "MLKEMEncapsTest": {why: "encapsulation"},
	"MLKEMKeyGen": {why: "encapsulation"}, "MLKEMTest": {why: "encapsulation"},
}

// report counts one file.
type report struct {
	cases, passed int
	excluded      map[string]int // by reason
}

// Every case of Wycheproof that has to do with what package token reads has the result that it states, or is excluded by a rule that
// says why.
func TestSec16_Wycheproof(t *testing.T) {
	used := map[string]int{}
	seen := map[string]bool{}
	total := report{excluded: map[string]int{}}
	verified := map[token.Algorithm]int{}
	for _, f := range files(t) {
		r := report{excluded: map[string]int{}}
		for _, g := range f.Groups {
			seen[g.Type] = true
			k, known := kinds[g.Type]
			if !known {
				t.Errorf("%s: no kind is called %q: say what is to be done with it", f.name, g.Type)
			}
			if k.run == nil {
				continue
			}
			r.cases += len(g.Tests)
			judged := 0
			k.run(t, g, func(v *vector, accepted bool) {
				judged++
				reason, wrong := judge(g, v, accepted)
				switch {
				case wrong != "":
					t.Errorf("%s case %d (%s %q %v): %s", f.name, v.ID, g.Type, v.Comment, v.Flags, wrong)
				case reason != "":
					r.excluded[reason]++
					used[reason]++
				default:
					r.passed++
					if a := joseAlgorithm(g); accepted && a != "" {
						verified[a]++
					}
				}
			})
			if judged != len(g.Tests) {
				t.Errorf("%s: %d of %d cases of a group were judged", f.name, judged, len(g.Tests))
			}
		}
		if r.cases == 0 {
			continue
		}
		total.cases += r.cases
		total.passed += r.passed
		t.Logf("%-52s %5d cases %5d passed %5d excluded%s", f.name, r.cases, r.passed, sum(r.excluded), reasons(r.excluded))
	}
	t.Logf("%-52s %5d cases %5d passed %5d excluded%s", "all", total.cases, total.passed, sum(used), reasons(used))
	for _, a := range []token.Algorithm{
		token.AlgEdDSA, token.AlgES256, token.AlgES384, token.AlgES512, token.AlgRS256, token.AlgRS384, token.AlgRS512,
		token.AlgPS256, token.AlgPS384, token.AlgPS512,
	} {
		if verified[a] < 7 {
			t.Errorf("%s: %d signatures were accepted", a, verified[a])
		}
	}
	t.Logf("bare signatures accepted, by algorithm: %v", verified)
	for _, e := range exclusions {
		if used[e.reason] == 0 {
			t.Errorf("nothing is excluded any more because %q: remove the row", e.reason)
		}
	}
	for name := range kinds {
		if !seen[name] {
			t.Errorf("there is no group of type %q any more: remove the row", name)
		}
	}
}

// judge compares the outcome of a case with what it states. reason says by which row of exclusions it is left out, wrong what is wrong.
func judge(g *group, v *vector, accepted bool) (reason, wrong string) {
	reason = excluded(g, v)
	switch {
	case accepted && reason != "":
		return reason, "accepted, though excluded because " + reason + ": narrow the row"
	case reason != "":
		return reason, ""
	case v.Result == "valid" && !accepted:
		return "", "states valid, and is refused"
	case v.Result == "invalid" && accepted:
		return "", "states invalid, and is accepted"
	case v.Result == "acceptable" && accepted && g.Curve != "": // keys have one spelling here
		return "", "is accepted, though the key is not in its canonical form"
	case v.Result != "valid" && v.Result != "invalid" && v.Result != "acceptable":
		return "", "states " + v.Result
	}
	return "", ""
}

// files reads all files.
func files(t *testing.T) []file {
	t.Helper()
	names, err := fs.Glob(wycheproof.TestVectors, "*.json")
	if err != nil || len(names) < 300 {
		t.Fatalf("%d files of vectors, %v", len(names), err)
	}
	var all []file
	for _, name := range names {
		data, err := fs.ReadFile(wycheproof.TestVectors, name)
		if err != nil {
			t.Fatal(err)
		}
		// Only the types first: the members of the others are of no interest, nor of one form.
		var types struct {
			Groups []struct{ Type string } `json:"testGroups"`
		}
		if err := json.Unmarshal(data, &types); err != nil || len(types.Groups) == 0 {
			t.Fatalf("%s: %d groups, %v", name, len(types.Groups), err)
		}
		f := file{name: path.Base(name)}
		if slices.ContainsFunc(types.Groups, func(g struct{ Type string }) bool { return kinds[g.Type].run != nil }) {
			if err := json.Unmarshal(data, &f); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		} else {
			for _, g := range types.Groups {
				f.Groups = append(f.Groups, &group{Type: g.Type})
			}
		}
		all = append(all, f)
	}
	return all
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

func reasons(counts map[string]int) string {
	s := ""
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		s += "\n        " + strconv.Itoa(counts[reason]) + " " + reason
	}
	return s
}
