package vectors

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/token"
)

// The payload, keys and signatures of RFC 7515 appendix A. That the signatures of A.2, A.3 and A.4 verify is shown inside package token, since
// tokens without kid are accepted nowhere.
const (
	joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

	hs256Key   = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	hs256Token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

	rs256Signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKB" +
		"YNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7" +
		"noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	es256Signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

	es256Public  = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	es256Private = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",` +
		`"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
)

// RFC 7515 appendix A, as tokens: what is not a compact JWS by an asymmetric key with a kid is refused before any key is asked for.
func TestRFC7515(t *testing.T) {
	const first, second = "eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJFUzI1NiJ9"
	asked := 0
	for name, tt := range map[string]struct {
		token string
		kind  error
	}{
		"A.1 HS256":                {hs256Token, token.ErrAlgorithm},
		"A.2 RS256":                {first + "." + joe + "." + rs256Signature, token.ErrFormat},
		"A.3 ES256":                {second + "." + joe + "." + es256Signature, token.ErrFormat},
		"A.5 none":                 {"eyJhbGciOiJub25lIn0." + joe + ".", token.ErrFormat},
		"A.5 none, with something": {"eyJhbGciOiJub25lIn0." + joe + ".AA", token.ErrAlgorithm},
		"A.6 general JSON": {`{"payload":"` + joe + `","signatures":[{"protected":"` + first + `","header":{"kid":"2010-12-29"},"signature":"` +
			rs256Signature + `"},{"protected":"` + second + `","header":{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"},"signature":"` +
			es256Signature + `"}]}`, token.ErrFormat},
		"A.7 flattened JSON": {`{"payload":"` + joe + `","protected":"` + second + `","header":{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"},` +
			`"signature":"` + es256Signature + `"}`, token.ErrFormat},
	} {
		_, err := token.AssertionPolicy{Audience: "joe"}.Verify(tt.token, func(string) (token.PublicKey, error) {
			asked++
			return token.ParseJWK([]byte(es256Public))
		}, time.Unix(1_300_819_000, 0))
		if !errors.Is(err, tt.kind) {
			t.Errorf("%s: %v, want %v", name, err, tt.kind)
		}
	}
	if asked != 0 {
		t.Errorf("a key was asked for %d times", asked)
	}

	// The vector of A.1 is a true one: whoever takes HS256 with that key accepts it.
	key, _ := base64.RawURLEncoding.DecodeString(hs256Key)
	input, signature, _ := cut(hs256Token)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	if base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) != signature {
		t.Error("the vector of A.1 is not that of the RFC")
	}
	// And a signature over a token is not taken for one over a bare message.
	public, err := token.ParseJWK([]byte(es256Public))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(es256Signature)
	if err := public.InsecureVerifyRaw(token.AlgES256, []byte(second+"."+joe), raw); !errors.Is(err, token.ErrPurpose) {
		t.Errorf("A.3 as a bare message: %v", err)
	}
}

func cut(raw string) (input, signature string, ok bool) {
	dot := strings.LastIndexByte(raw, '.')
	return raw[:dot], raw[dot+1:], dot > 0
}

// The keys of RFC 7515 appendix A, RFC 7638 section 3.1 and RFC 8037 appendix A, alone and as a set.
func TestRFCKeys(t *testing.T) {
	const ed25519 = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	for name, tt := range map[string]struct {
		jwk, thumbprint string
		kind            error
	}{
		"RFC 7515 A.1":          {`{"kty":"oct","k":"` + hs256Key + `"}`, "", token.ErrPrivateKey},
		"RFC 7515 A.3":          {es256Public, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", nil},
		"RFC 7515 A.3, private": {es256Private, "", token.ErrPrivateKey},
		"RFC 7638 3.1": {`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi` +
			`FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9` +
			`1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256",` +
			`"kid":"2011-04-29"}`, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", nil},
		"RFC 8037 A.1": {`{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"", token.ErrPrivateKey},
		"RFC 8037 A.2": {ed25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", nil},
		"RFC 8037 A.6": {`{"kty":"OKP","crv":"X25519","kid":"Bob","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`, "", token.ErrUnsupportedKey},
	} {
		k, err := token.ParseJWK([]byte(tt.jwk))
		if !errors.Is(err, tt.kind) || k.Thumbprint() != tt.thumbprint {
			t.Errorf("%s: %q, %v; want %q, %v", name, k.Thumbprint(), err, tt.thumbprint, tt.kind)
		}
		set, err := token.ParseKeySet([]byte(`{"keys":[` + tt.jwk + `]}`))
		if private := errors.Is(tt.kind, token.ErrPrivateKey); errors.Is(err, token.ErrPrivateKey) != private || (set == nil) != private {
			t.Errorf("%s as a set: %v, %v", name, set, err)
		}
	}
}
