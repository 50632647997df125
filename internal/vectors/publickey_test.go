package vectors

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/claviger-go/claviger/token"
)

// publicKeys reads the peer's keys of key agreement, which are of the same form as the keys of signatures. A case is accepted if its
// key is, and is on the curve of the agreement.
func publicKeys(t *testing.T, g *group, judge func(*vector, bool)) {
	for _, v := range g.Tests {
		var text string
		_ = json.Unmarshal(v.Public, &text) // a JWK is no text
		var k token.PublicKey
		var err error
		switch g.Type {
		case "EcdhTest", "XdhAsnComp":
			der, bad := hex.DecodeString(text)
			if bad != nil {
				t.Fatalf("case %d: %v", v.ID, bad)
			}
			k, err = token.PublicKeyFromDER(der)
		case "EcdhPemTest", "XdhPemComp":
			k, err = token.ParsePublicKey([]byte(text))
		default:
			k, err = token.ParseJWK(v.Public)
		}
		if (err == nil) == k.IsZero() {
			t.Errorf("case %d: a key with an error, or none without: %v", v.ID, err)
		}
		judge(v, err == nil && k.Kind() == kindOfCurve[g.Curve])
	}
}
