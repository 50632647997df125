package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// clientKeys are one key of each kind, with the algorithms it may use.
func clientKeys() map[string]struct {
	key  crypto.Signer
	algs []Algorithm
} {
	type k = struct {
		key  crypto.Signer
		algs []Algorithm
	}
	return map[string]k{
		"Ed25519": {ed25519Key(), []Algorithm{AlgEdDSA, AlgEd25519}},
		"P-256":   {p256Key(), []Algorithm{AlgES256}},
		"P-384":   {p384Key(), []Algorithm{AlgES384}},
		"P-521":   {p521Key(), []Algorithm{AlgES512}},
		"RSA":     {rsaKey(), []Algorithm{AlgRS256, AlgRS384, AlgRS512, AlgPS256, AlgPS384, AlgPS512}},
	}
}

var allAlgorithms = []Algorithm{
	AlgEdDSA, AlgEd25519, AlgES256, AlgES384, AlgES512, AlgRS256, AlgRS384, AlgRS512, AlgPS256, AlgPS384, AlgPS512,
}

func TestAssertionGood(t *testing.T) {
	raw := forge(AlgEdDSA, ed25519Key(), object(assertionHeader0()), object(assertionClaims0()))
	got, asked, err := checkAssertion(raw, ed25519Key().Public(), testNow)
	want := Assertion{
		KeyID: testKeyID, Issuer: testAccount, Subject: testAccount, ID: "j1", Audience: testIssuer,
		IssuedAt: testNow, Expiry: testNow.Add(time.Minute),
	}
	if err != nil || got != want || len(asked.kids) != 1 {
		t.Fatalf("got %+v, %v after look-ups %q; want %+v", got, err, asked.kids, want)
	}
}

// Each key with each algorithm: its own verify, signed by go-jose where it can; all others fail before the signature.
func TestSec03_AlgorithmOfTheKey(t *testing.T) {
	for kind, k := range clientKeys() {
		for _, alg := range allAlgorithms {
			own := false
			for _, a := range k.algs {
				own = own || a == alg
			}
			raw := forge(alg, k.key, object(with(assertionHeader0(), "alg", `"`+string(alg)+`"`)), object(assertionClaims0()))
			_, asked, err := checkAssertion(raw, k.key.Public(), testNow)
			switch {
			case own && err != nil:
				t.Errorf("%s with %s: %v", kind, alg, err)
			case !own && !errors.Is(err, ErrAlgorithm):
				t.Errorf("%s with %s: %v", kind, alg, err)
			case len(asked.kids) != 1:
				t.Errorf("%s with %s: %d look-ups", kind, alg, len(asked.kids))
			}
			if !own || alg == AlgEd25519 { // which go-jose does not sign with
				continue
			}
			signer, err := jose.NewSigner(jose.SigningKey{
				Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: k.key, KeyID: testKeyID},
			}, (&jose.SignerOptions{}).WithType("JWT"))
			if err != nil {
				t.Fatal(err)
			}
			raw, err = jwt.Signed(signer).Claims(jwt.Claims{
				Issuer: testAccount, Subject: testAccount, Audience: jwt.Audience{testIssuer}, ID: "j1",
				IssuedAt: jwt.NewNumericDate(testNow), Expiry: jwt.NewNumericDate(testNow.Add(time.Minute)),
			}).Serialize()
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := checkAssertion(raw, k.key.Public(), testNow); err != nil {
				t.Errorf("%s with %s signed by go-jose: %v", kind, alg, err)
			}
		}
	}
}

// A key restricted to one algorithm verifies no other, though it could.
func TestSec03_RestrictedKey(t *testing.T) {
	key, err := mustPublic(t, rsaKey().Public()).Restrict("PS256")
	if err != nil {
		t.Fatal(err)
	}
	for alg, want := range map[Algorithm]error{AlgPS256: nil, AlgRS256: ErrAlgorithm, AlgPS384: ErrAlgorithm} {
		raw := forge(alg, rsaKey(), object(with(assertionHeader0(), "alg", `"`+string(alg)+`"`)), object(assertionClaims0()))
		_, err := AssertionPolicy{Audience: testIssuer}.Verify(raw, func(string) (PublicKey, error) { return key, nil }, testNow)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", alg, err)
		}
	}
	for _, algs := range [][]string{nil, {}, {"ES256"}, {"RS256", "none"}, {""}} {
		if k, err := mustPublic(t, rsaKey().Public()).Restrict(algs...); !k.IsZero() || !errors.Is(err, ErrAlgorithm) {
			t.Errorf("Restrict(%q): %v", algs, err)
		}
	}
	if _, err := key.Restrict("RS256"); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("a restriction was lifted: %v", err)
	}
}

// Spellings of algorithms that do not exist here fail before any key is asked for, and with them the classic confusions.
func TestSec04_AlgorithmSpellings(t *testing.T) {
	for _, alg := range []string{
		`"none"`, `"None"`, `"NONE"`, `"nOnE"`, `""`, `"eddsa"`, `"EDDSA"`, `"EdDSA "`, `" EdDSA"`, `"ed25519"`, `"Ed448"`, `"es256"`,
		`"ES256K"`, `"HS256"`, `"HS384"`, `"HS512"`, `"RSA1_5"`, `"RSA-OAEP"`, `"PBES2-HS256+A128KW"`, `"dir"`, `"A256GCM"`, `"EdDSA\u0000"`,
		`"RS1"`, "null", "1", "true", "[]", `["EdDSA"]`, `{"alg":"EdDSA"}`, "",
	} {
		asked := wantAssertionError(t, object(with(assertionHeader0(), "alg", alg)), object(assertionClaims0()), ErrAlgorithm)
		if len(asked.kids) != 0 {
			t.Errorf("alg %s: %d look-ups", alg, len(asked.kids))
		}
	}
	unsigned := b64(object(with(assertionHeader0(), "alg", `"none"`))) + "." + b64(object(assertionClaims0()))
	for _, raw := range []string{unsigned + ".", unsigned, unsigned + ".AA"} {
		if _, asked, err := checkAssertion(raw, ed25519Key().Public(), testNow); err == nil || len(asked.kids) != 0 {
			t.Errorf("alg none: %v", err)
		}
	}
	for kind, k := range clientKeys() {
		public := mustPublic(t, k.key.Public())
		for _, secret := range [][]byte{public.PEM(), public.DER(), public.JWK(), []byte(public.Thumbprint())} {
			for _, alg := range append([]Algorithm{"HS256"}, k.algs...) {
				raw := forge(alg, secret, object(with(assertionHeader0(), "alg", `"`+string(alg)+`"`)), object(assertionClaims0()))
				if _, _, err := checkAssertion(raw, k.key.Public(), testNow); err == nil {
					t.Errorf("%s: accepted an HMAC made with the public key as %s", kind, alg)
				}
			}
		}
	}
}

func TestSec05_Headers(t *testing.T) {
	var called bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	jwk := string(mustPublic(t, ed25519Key().Public()).JWK())
	for name, values := range map[string][]string{
		"jku": {`"` + server.URL + `"`, "null"}, "x5u": {`"` + server.URL + `"`}, "x5c": {`["AA"]`, "[]"}, "jwk": {jwk, "null"},
		"crit": {"[]", `["b64"]`, `["exp"]`, "null", `""`}, "b64": {"false", "true"}, "zip": {`"DEF"`}, "enc": {`"A256GCM"`},
	} {
		for _, v := range values {
			asked := wantAssertionError(t, object(with(assertionHeader0(), name, v)), object(assertionClaims0()), ErrFormat)
			if len(asked.kids) != 0 {
				t.Errorf("%s: a key was asked for", name)
			}
		}
	}
	// RFC 7797: signed over the payload that is not encoded.
	header := b64(object(with(with(assertionHeader0(), "b64", "false"), "crit", `["b64"]`)))
	payload := object(assertionClaims0())
	raw := header + "." + payload + "." + b64(string(ed25519.Sign(ed25519Key(), []byte(header+"."+payload))))
	if _, _, err := checkAssertion(raw, ed25519Key().Public(), testNow); !errors.Is(err, ErrFormat) {
		t.Errorf("b64 false: %v", err)
	}
	if called {
		t.Error("a URL of a token was fetched")
	}
	// Headers that nobody knows are ignored.
	raw = forge(AlgEdDSA, ed25519Key(), object(with(assertionHeader0(), "x", `{"y":1}`)), payload)
	if _, _, err := checkAssertion(raw, ed25519Key().Public(), testNow); err != nil {
		t.Errorf("unknown header: %v", err)
	}
}

// No token of one kind is good as another, whoever signed it.
func TestSec06_Kinds(t *testing.T) {
	for typ, want := range map[string]error{
		"": nil, `"JWT"`: nil, `"jwt"`: nil, `"application/jwt"`: nil, `"client-authentication+jwt"`: nil, `"Client-Authentication+JWT"`: nil,
		`"application/client-authentication+jwt"`: nil,
		`"at+jwt"`: ErrPurpose, `"AT+JWT"`: ErrPurpose, `"application/at+jwt"`: ErrPurpose, `"dpop+jwt"`: ErrPurpose, `"JOSE"`: ErrPurpose,
		`""`: ErrPurpose, "null": ErrPurpose, "1": ErrPurpose, `["JWT"]`: ErrPurpose, `"JWT "`: ErrPurpose, `"application/application/jwt"`: ErrPurpose,
		`"secevent+jwt"`: ErrPurpose, `"logout+jwt"`: ErrPurpose,
	} {
		raw := forge(AlgEdDSA, ed25519Key(), object(with(assertionHeader0(), "typ", typ)), object(assertionClaims0()))
		_, asked, err := checkAssertion(raw, ed25519Key().Public(), testNow)
		if !errors.Is(err, want) || want != nil && len(asked.kids) != 0 {
			t.Errorf("typ %s: %v after %d look-ups", typ, err, len(asked.kids))
		}
	}
	// One key for both, and claims good for both: the kinds still do not mix.
	a := newAccess(t, AlgEdDSA)
	claims := with(with(accessClaims0(), "iss", `"x"`), "sub", `"x"`)
	claims["aud"], claims["exp"] = `"y"`, "1800000060"
	v := must(NewVerifier(VerifierConfig{Issuer: "x", Audience: "y"}))
	policy := AssertionPolicy{Audience: "y"}
	find := func(string) (PublicKey, error) { return a.key.Public(), nil }
	accessToken := a.forge(object(claims))
	assertion := forge(AlgEdDSA, a.key.private(), object(with(assertionHeader0(), "kid", `"`+a.key.ID()+`"`)), object(claims))
	if _, err := v.Verify(a.keys, accessToken, testNow); err != nil {
		t.Error(err)
	}
	if _, err := policy.Verify(assertion, find, testNow); err != nil {
		t.Error(err)
	}
	if _, err := v.Verify(a.keys, assertion, testNow); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("assertion as access token: %v", err)
	}
	if _, err := policy.Verify(accessToken, find, testNow); !errors.Is(err, ErrPurpose) {
		t.Errorf("access token as assertion: %v", err)
	}
}

func TestSec07_AssertionClaims(t *testing.T) {
	header := object(assertionHeader0())
	long := `"` + strings.Repeat("a", 256) + `"`
	wrong := []string{"", "null", "true", "{}", "[]", "[1]", `""`, `"a\nb"`, "-1", "0", "1e400", "-1e400"}
	for _, claim := range []string{"iss", "sub", "jti"} {
		for _, w := range append(wrong, "1.5", `["sa_ci"]`, long) {
			wantAssertionError(t, header, object(with(assertionClaims0(), claim, w)), ErrClaim)
		}
	}
	for _, claim := range []string{"exp", "iat"} {
		for _, w := range append(wrong, `"1800000030"`, "0.5", "253402300800", "1e18", "9"+strings.Repeat("9", 400)) {
			wantAssertionError(t, header, object(with(assertionClaims0(), claim, w)), ErrClaim)
		}
	}
	for _, w := range wrong[1:] {
		wantAssertionError(t, header, object(with(assertionClaims0(), "nbf", w)), ErrClaim)
	}
	for claim := range assertionClaims0() {
		var e *Error
		raw := forge(AlgEdDSA, ed25519Key(), header, object(with(assertionClaims0(), claim, "")))
		if _, _, err := checkAssertion(raw, ed25519Key().Public(), testNow); !errors.As(err, &e) || e.Field != claim || e.Err != nil {
			t.Errorf("no %s: %v", claim, err)
		}
	}
	// iss and sub are one account.
	wantAssertionError(t, header, object(with(assertionClaims0(), "sub", `"sa_other"`)), ErrClaim)
	wantAssertionError(t, header, object(with(assertionClaims0(), "iss", `"sa_other"`)), ErrClaim)
	// Fractions of a second are good in dates (RFC 7519 section 2).
	for _, c := range []map[string]string{
		with(assertionClaims0(), "iat", "1800000000.25"), with(assertionClaims0(), "exp", "1800000030.5"), with(assertionClaims0(), "exp", "1.80000003E9"),
		with(assertionClaims0(), "jti", `"`+strings.Repeat("a", 255)+`"`),
	} {
		got, _, err := checkAssertion(forge(AlgEdDSA, ed25519Key(), header, object(c)), ed25519Key().Public(), testNow.Add(time.Second))
		if err != nil {
			t.Errorf("%v: %v", c, err)
		}
		if c["iat"] != "1800000000" && got.IssuedAt != testNow.Add(250*time.Millisecond) {
			t.Errorf("iat %s read as %v", c["iat"], got.IssuedAt)
		}
	}
}

func TestSec08_AssertionTimes(t *testing.T) {
	at := func(d time.Duration) time.Time { return testNow.Add(d) }
	claims := assertionClaims0()
	for _, c := range []struct {
		claims map[string]string
		now    time.Time
		want   error
	}{
		{claims, at(-30*time.Second - 1), ErrNotYetValid}, {claims, at(-30 * time.Second), nil},
		{claims, at(90*time.Second - 1), nil}, {claims, at(90 * time.Second), ErrExpired},
		{with(claims, "nbf", "1800000040"), at(10*time.Second - 1), ErrNotYetValid}, {with(claims, "nbf", "1800000040"), at(10 * time.Second), nil},
		{with(claims, "exp", "1800000300"), testNow, nil}, {with(claims, "exp", "1800000300.5"), testNow, ErrClaim},
		{with(claims, "exp", "1800000301"), testNow, ErrClaim}, {with(claims, "exp", "1800000000"), testNow, ErrClaim},
		{with(claims, "exp", "1799999999"), testNow, ErrClaim}, {with(claims, "iat", "1"), testNow, ErrClaim},
	} {
		raw := forge(AlgEdDSA, ed25519Key(), object(assertionHeader0()), object(c.claims))
		if _, _, err := checkAssertion(raw, ed25519Key().Public(), c.now); !errors.Is(err, c.want) {
			t.Errorf("%v at %v: %v, want %v", c.claims, c.now.Sub(testNow), err, c.want)
		}
	}
	raw := forge(AlgEdDSA, ed25519Key(), object(assertionHeader0()), object(claims))
	find := (&asker{key: mustPublic(t, ed25519Key().Public())}).find
	for _, p := range []AssertionPolicy{
		{}, {Audience: testIssuer, Skew: -1}, {Audience: testIssuer, Skew: 3 * time.Minute}, {Audience: testIssuer, MaxLife: -1},
		{Audience: testIssuer, MaxLife: time.Hour + 1}, {Endpoint: testIssuer}, {Audience: testIssuer, Endpoint: "\xff"},
	} {
		if _, err := p.Verify(raw, find, testNow); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, err := (AssertionPolicy{Audience: testIssuer}).Verify(raw, nil, testNow); !errors.Is(err, ErrConfig) {
		t.Errorf("no key function: %v", err)
	}
}

func TestSec09_AssertionAudience(t *testing.T) {
	const neither, always, endpoint = 0, 1, 2
	find := (&asker{key: mustPublic(t, ed25519Key().Public())}).find
	for aud, when := range map[string]int{
		`"` + testIssuer + `"`: always, `["` + testIssuer + `"]`: always, `"` + testEndpoint + `"`: endpoint, `["` + testEndpoint + `"]`: endpoint,
		`["` + testIssuer + `","` + testEndpoint + `"]`: neither, `["` + testIssuer + `","` + testIssuer + `"]`: neither, `["` + testIssuer + `","x"]`: neither,
		`"` + testIssuer + `/"`: neither, `"` + testIssuer + `.evil"`: neither, `"HTTPS://app.example"`: neither, `"https://app.exampl"`: neither,
		`[["` + testIssuer + `"]]`: neither, `{"` + testIssuer + `":1}`: neither, "[]": neither, `""`: neither, "1": neither, "null": neither, "": neither,
		`"` + testEndpoint + `/"`: neither, `"https://evil.example/oauth2/token"`: neither,
	} {
		raw := forge(AlgEdDSA, ed25519Key(), object(assertionHeader0()), object(with(assertionClaims0(), "aud", aud)))
		for _, p := range []AssertionPolicy{{Audience: testIssuer}, {Audience: testIssuer, Endpoint: testEndpoint}} {
			_, err := p.Verify(raw, find, testNow)
			if good := when == always || when == endpoint && p.Endpoint != ""; good != (err == nil) || err != nil && !errors.Is(err, ErrClaim) {
				t.Errorf("aud %s with endpoint %q: %v", aud, p.Endpoint, err)
			}
		}
	}
}

func TestSec11_StrictAssertion(t *testing.T) {
	header, claims := object(assertionHeader0()), object(assertionClaims0())
	insert := func(o, m string) string { return o[:len(o)-1] + "," + m + "}" }
	for _, m := range []string{
		`"x":1,"x":1`, `"x":{"y":1,"\u0079":1}`, "\"x\":\"\xff\"", `"x":"\ud800"`, `"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32),
		`"x":01`, `x:1`, "", `"sub":"sa_ci"`, `"s\u0075b":"sa_ci"`, `"alg":"EdDSA"`, `"k\u0069d":"cr_1"`,
	} {
		if !strings.Contains(m, "sa_ci") {
			if asked := wantAssertionError(t, insert(header, m), claims, ErrFormat); len(asked.kids) != 0 {
				t.Errorf("header %s: a key was asked for", m)
			}
		}
		if !strings.Contains(m, "alg") && !strings.Contains(m, "cr_1") {
			wantAssertionError(t, header, insert(claims, m), ErrFormat)
		}
	}
	for _, h := range []string{"", "{", "null", "[]", `"x"`, header + " x", "\ufeff" + header} {
		wantAssertionError(t, h, claims, ErrFormat)
		wantAssertionError(t, header, h, ErrFormat)
	}
	// Many members cost what their number says, not its square.
	var many strings.Builder
	for i := range 700 {
		fmt.Fprintf(&many, `,"%d":1`, i)
	}
	wantAssertionError(t, header[:len(header)-1]+many.String()+`,"0":1}`, claims, ErrFormat)
}

func TestSec12_KeyIDs(t *testing.T) {
	for _, kid := range []string{
		``, `""`, "null", "1", "[]", `["cr_1"]`, `{"kid":"cr_1"}`, `"a b"`, `"a\u0000b"`, `"cr_1\n"`, `"é"`, `"\u202e"`, `"` + strings.Repeat("a", 129) + `"`,
		`"` + strings.Repeat("a", 5000) + `"`, `" cr_1"`, `"\u007f"`,
	} {
		if asked := wantAssertionError(t, object(with(assertionHeader0(), "kid", kid)), object(assertionClaims0()), ErrFormat); len(asked.kids) != 0 {
			t.Errorf("kid %.40s was looked up", kid)
		}
	}
	// What is well formed reaches the look-up as it is, and nothing else.
	for _, kid := range []string{"../../dev/null", "'OR/**/1=1--", "cr_2", "CR_1", "*", "%", "{{7*7}}", strings.Repeat("a", 128)} {
		asked := wantAssertionError(t, object(with(assertionHeader0(), "kid", `"`+kid+`"`)), object(assertionClaims0()), ErrUnknownKey)
		if len(asked.kids) != 1 || asked.kids[0] != kid {
			t.Errorf("kid %q was looked up as %q", kid, asked.kids)
		}
	}
	// A failure of the look-up is told as it is, and is no verdict on the token.
	broken := errors.New("disk on fire")
	raw := forge(AlgEdDSA, ed25519Key(), object(assertionHeader0()), object(assertionClaims0()))
	_, err := AssertionPolicy{Audience: testIssuer}.Verify(raw, func(string) (PublicKey, error) { return PublicKey{}, broken }, testNow)
	var e *Error
	if !errors.Is(err, broken) || errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
}

// A key signs for itself only: another key of the same kind, however good, does not verify.
func TestSec13_AnotherKey(t *testing.T) {
	other := ed25519.NewKeyFromSeed([]byte("another key of the very same kin"))
	raw := forge(AlgEdDSA, other, object(assertionHeader0()), object(assertionClaims0()))
	if got, _, err := checkAssertion(raw, ed25519Key().Public(), testNow); !errors.Is(err, ErrSignature) || got != (Assertion{}) {
		t.Errorf("%v, %v", got, err)
	}
	// A bad signature is told before anything in the claims: an expired token of a stranger is not "expired".
	raw = forge(AlgEdDSA, other, object(assertionHeader0()), object(with(assertionClaims0(), "exp", "1")))
	if _, _, err := checkAssertion(raw, ed25519Key().Public(), testNow); !errors.Is(err, ErrSignature) || errors.Is(err, ErrExpired) {
		t.Errorf("%v", err)
	}
	// Nor does it sign for somebody else: who asserts is who the token is asked for.
	for _, claim := range []string{"iss", "sub"} {
		wantAssertionError(t, object(assertionHeader0()), object(with(assertionClaims0(), claim, `"us_other"`)), ErrClaim)
	}
}

// Errors say which check failed, and nothing of what was sent.
func TestSec14_ErrorsHoldNoInput(t *testing.T) {
	const marker = "MARKER"
	header, claims := assertionHeader0(), assertionClaims0()
	for _, c := range []struct{ header, claims map[string]string }{
		{with(header, "alg", `"`+marker+`"`), claims}, {with(header, "kid", `"`+marker+` "`), claims}, {with(header, "typ", `"`+marker+`"`), claims},
		{with(header, "kid", `"`+marker+`"`), claims}, {header, with(claims, "iss", `"`+marker+`"`)}, {header, with(claims, "aud", `"`+marker+`"`)},
		{header, with(claims, "jti", `"`+marker+`\u0000"`)}, {header, with(claims, "exp", `"`+marker+`"`)}, {with(header, marker, `"\ud800"`), claims},
	} {
		_, _, err := checkAssertion(forge(AlgEdDSA, ed25519Key(), object(c.header), object(c.claims)), ed25519Key().Public(), testNow)
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), marker) {
			t.Errorf("%v", err)
		}
	}
	a := newAccess(t, AlgEdDSA)
	none := object(accessClaims0())
	h, p, s := segmentsOf(a.forge(none))
	for _, raw := range []string{
		marker, marker + ".", h + "." + marker, strings.Repeat(marker+".", 5), marker + "." + marker + "." + marker, h + ".*" + marker + "." + s, h + "." + p + "." + marker,
		strings.Repeat(marker, 2000), a.forge(marker), a.forge(object(with(accessClaims0(), "iss", `"`+marker+`"`))), a.forge(object(with(accessClaims0(), "aud", `"`+marker+`"`))),
		a.forge(object(with(accessClaims0(), "sub", `["`+marker+`"]`))), a.forge(object(with(accessClaims0(), marker, `"\ud800"`))),
	} {
		_, _, asserted := checkAssertion(raw, ed25519Key().Public(), testNow)
		_, verified := a.v.Verify(a.keys, raw, testNow)
		for _, err := range []error{asserted, verified} {
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), marker) {
				t.Errorf("%.80s: %v", raw, err)
			}
		}
	}
}

// RFC 7518 section 3.5: the salt is as long as the hash. go-jose would take any.
func TestSalt(t *testing.T) {
	for alg, hash := range map[Algorithm]crypto.Hash{AlgPS256: crypto.SHA256, AlgPS384: crypto.SHA384, AlgPS512: crypto.SHA512} {
		for _, salt := range []int{0, 1, 20, hash.Size() - 1, hash.Size(), hash.Size() + 1, 64} {
			input := b64(object(with(assertionHeader0(), "alg", `"`+string(alg)+`"`))) + "." + b64(object(assertionClaims0()))
			opts := &rsa.PSSOptions{SaltLength: salt, Hash: hash}
			if salt == 0 {
				continue // means "as long as possible" here
			}
			raw := input + "." + b64(string(must(rsa.SignPSS(rand.Reader, rsaKey(), hash, alg.digest([]byte(input)), opts))))
			_, _, err := checkAssertion(raw, rsaKey().Public(), testNow)
			if (err == nil) != (salt == hash.Size()) || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("%s with a salt of %d bytes: %v", alg, salt, err)
			}
		}
	}
}

// ECDSA signatures are R and S at full width (RFC 7518 section 3.4), nothing else.
func TestSignatureForms(t *testing.T) {
	for _, kind := range []string{"P-256", "P-384", "P-521"} {
		k := clientKeys()[kind]
		alg, key := k.algs[0], k.key.(*ecdsa.PrivateKey)
		input := b64(object(with(assertionHeader0(), "alg", `"`+string(alg)+`"`))) + "." + b64(object(assertionClaims0()))
		der := must(ecdsa.SignASN1(rand.Reader, key, alg.digest([]byte(input))))
		width := coordinateSize(key.Curve)
		good := must(rawECDSA(der, width))
		for name, signature := range map[string][]byte{
			"DER": der, "short": good[1:], "long": append([]byte{0}, good...), "padded": append(append([]byte(nil), good...), 0),
			"zero between": slices.Concat(good[:width], []byte{0}, good[width:]),
			"zeros":        make([]byte, 2*width), "R only": append(append([]byte(nil), good[:width]...), make([]byte, width)...),
		} {
			if _, _, err := checkAssertion(input+"."+b64(string(signature)), key.Public(), testNow); !errors.Is(err, ErrSignature) {
				t.Errorf("%s %s: %v", kind, name, err)
			}
		}
		if _, _, err := checkAssertion(input+"."+b64(string(good)), key.Public(), testNow); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestSec29_EveryChangeOfAnAssertionFails(t *testing.T) {
	raw := forge(AlgEdDSA, ed25519Key(), object(assertionHeader0()), object(assertionClaims0()))
	try := func(changed string) {
		t.Helper()
		if got, _, err := checkAssertion(changed, ed25519Key().Public(), testNow); err == nil || got != (Assertion{}) {
			t.Errorf("accepted %q", changed)
		}
	}
	for i := range len(raw) {
		try(raw[:i])
		for bit := range 8 {
			b := []byte(raw)
			b[i] ^= 1 << bit
			try(string(b))
		}
	}
	for c := range 256 {
		try(raw + string([]byte{byte(c)}))
		try(string([]byte{byte(c)}) + raw)
	}
}

func TestSignAssertion(t *testing.T) {
	for kind, k := range clientKeys() {
		spec := AssertionSpec{KeyID: testKeyID, Account: testAccount, Audience: testIssuer, Now: testNow.Add(900 * time.Millisecond)}
		raw, err := SignAssertion(t.Context(), k.key, spec)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got, _, err := checkAssertion(raw, k.key.Public(), testNow)
		if err != nil || got.Subject != testAccount || got.KeyID != testKeyID || !got.Expiry.Equal(testNow.Add(time.Minute)) || len(got.ID) != 32 {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
		parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.algs[0])})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		var c jwt.Claims
		if err := parsed.Claims(k.key.Public(), &c); err != nil || c.Issuer != testAccount || c.ID != got.ID {
			t.Errorf("%s read by go-jose: %+v, %v", kind, c, err)
		}
		again, err := SignAssertion(t.Context(), k.key, spec)
		if err != nil {
			t.Fatal(err)
		}
		if second, _, _ := checkAssertion(again, k.key.Public(), testNow); second.ID == got.ID {
			t.Errorf("%s: the same jti twice", kind)
		}
	}
	raw, err := SignAssertion(t.Context(), ed25519Key(), AssertionSpec{
		KeyID: testKeyID, Account: `a"\é`, Audience: `b"`, Life: 2 * time.Minute, Now: testNow, Rand: mathrand.NewChaCha8([32]byte{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := AssertionPolicy{Audience: `b"`}.Verify(raw, (&asker{key: mustPublic(t, ed25519Key().Public())}).find, testNow)
	if err != nil || got.Issuer != `a"\é` || got.Expiry.Sub(got.IssuedAt) != 2*time.Minute {
		t.Errorf("%+v, %v", got, err)
	}
	good := AssertionSpec{KeyID: "k", Account: "a", Audience: "i", Now: testNow}
	for field, change := range map[string]func(*AssertionSpec){
		"KeyID": func(s *AssertionSpec) { s.KeyID = "" }, "KeyID ": func(s *AssertionSpec) { s.KeyID = "a b" },
		"Account": func(s *AssertionSpec) { s.Account = "" }, "Account ": func(s *AssertionSpec) { s.Account = strings.Repeat("a", 256) },
		"Audience": func(s *AssertionSpec) { s.Audience = "\x00" }, "Life": func(s *AssertionSpec) { s.Life = -1 },
		"Life ": func(s *AssertionSpec) { s.Life = time.Hour + 1 }, "Now": func(s *AssertionSpec) { s.Now = time.Unix(-1, 0) },
		"Now ": func(s *AssertionSpec) { s.Now = time.Unix(maxDate, 0) },
	} {
		s := good
		change(&s)
		var e *Error
		if raw, err := SignAssertion(t.Context(), ed25519Key(), s); raw != "" || !errors.As(err, &e) || e.Kind != ErrConfig || e.Field != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := SignAssertion(t.Context(), nil, good); !errors.Is(err, ErrConfig) {
		t.Errorf("no key: %v", err)
	}
}

// badSigner is a key service with a fault.
type badSigner struct {
	public crypto.PublicKey
	sign   func(digest []byte) ([]byte, error)
}

func (s badSigner) Public() crypto.PublicKey { return s.public }
func (s badSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.sign(digest)
}

func TestSec24_FailingSigner(t *testing.T) {
	spec := AssertionSpec{KeyID: "k", Account: "a", Audience: "i", Now: testNow}
	broken := errors.New("out of order")
	other := must(ecdsa.GenerateKey(p256Key().Curve, rand.Reader))
	for name, s := range map[string]badSigner{
		"error":       {ed25519Key().Public(), func([]byte) ([]byte, error) { return nil, broken }},
		"nothing":     {ed25519Key().Public(), func([]byte) ([]byte, error) { return nil, nil }},
		"garbage":     {ed25519Key().Public(), func([]byte) ([]byte, error) { return make([]byte, 64), nil }},
		"wrong key":   {p256Key().Public(), func(d []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, other, d) }},
		"wrong kind":  {ed25519Key().Public(), func(d []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, other, d[:32]) }},
		"raw R and S": {p256Key().Public(), func(d []byte) ([]byte, error) { return make([]byte, 64), nil }},
		"trailing": {p256Key().Public(), func(d []byte) ([]byte, error) {
			return append(must(ecdsa.SignASN1(rand.Reader, p256Key(), d)), 0), nil
		}},
		"RSA wrong hash": {rsaKey().Public(), func(d []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(rand.Reader, rsaKey(), crypto.SHA384, make([]byte, 48))
		}},
		"huge R": {p256Key().Public(), func([]byte) ([]byte, error) {
			return append([]byte{0x30, 0x26, 0x02, 0x21, 0x01}, append(make([]byte, 32), 0x02, 0x01, 0x01)...), nil
		}},
		"negative R": {p256Key().Public(), func([]byte) ([]byte, error) { return []byte{0x30, 6, 2, 1, 0x80, 2, 1, 1}, nil }},
	} {
		raw, err := SignAssertion(t.Context(), s, spec)
		if raw != "" || !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
		if name == "error" && !errors.Is(err, broken) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
	if _, err := SignAssertion(t.Context(), badSigner{public: "?"}, spec); !errors.Is(err, ErrUnsupportedKey) {
		t.Errorf("unknown key: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := SignAssertion(ctx, ed25519Key(), spec); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzAssertion(f *testing.F) {
	raw := forge(AlgEdDSA, ed25519Key(), object(assertionHeader0()), object(assertionClaims0()))
	h, p, s := segmentsOf(raw)
	f.Add(object(assertionHeader0()), object(assertionClaims0()), true)
	f.Add(object(with(assertionHeader0(), "crit", "[]")), object(with(assertionClaims0(), "exp", "1e400")), true)
	f.Add(h, p+"."+s, false)
	f.Add(`{"alg":"EdDSA","kid":"\u00`, "{}", true)
	key := ed25519Key().Public()
	f.Fuzz(func(t *testing.T, header, payload string, signed bool) {
		raw := header + "." + payload
		if signed {
			raw = forge(AlgEdDSA, ed25519Key(), header, payload)
		}
		a, asked, err := checkAssertion(raw, key, testNow)
		if err != nil {
			if a != (Assertion{}) || err.Error() == "" {
				t.Fatal("a result with an error")
			}
			return
		}
		// What is accepted says what go-jose reads in it, and satisfies the policy.
		parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{"EdDSA", "Ed25519"})
		if err != nil {
			t.Fatalf("accepted what go-jose does not parse: %v", err)
		}
		var c jwt.Claims
		if err := parsed.UnsafeClaimsWithoutVerification(&c); err != nil {
			t.Fatalf("accepted claims that go-jose does not: %v", err)
		}
		if c.Issuer != a.Issuer || c.Subject != a.Subject || c.ID != a.ID || len(c.Audience) != 1 || c.Audience[0] != testIssuer ||
			a.Subject != a.Issuer || c.Expiry.Time().Unix() != a.Expiry.Unix() || parsed.Headers[0].KeyID != a.KeyID || len(asked.kids) != 1 {
			t.Fatalf("read %+v, go-jose %+v", a, c)
		}
	})
}
