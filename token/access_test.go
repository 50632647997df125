package token

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// randomText makes texts with everything in them that JSON writers get wrong.
func randomText(r *rand.Rand) string {
	parts := []string{"a", "Z", "0", `"`, `\`, "/", "<", "&", ">", "é", "\u2028", "𝄞", "\ufffd", " ", `","sub":"root`, `\u0000`, "}"}
	var b strings.Builder
	for range 1 + r.IntN(12) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

func randomClaims(r *rand.Rand) Claims {
	maybe := func() string {
		if r.IntN(2) == 0 {
			return ""
		}
		return randomText(r)
	}
	list := func(least int) []string {
		l := make([]string, least+r.IntN(4))
		for i := range l {
			l[i] = randomText(r)
		}
		return l
	}
	c := Claims{
		Issuer: testIssuer, Subject: randomText(r), Audience: append(list(0), "https://api.example"), ID: randomText(r),
		IssuedAt: testNow.Unix() - r.Int64N(30), Expiry: testNow.Unix() + 1 + r.Int64N(3000), ClientID: randomText(r),
		Org: maybe(), Credential: maybe(), Incarnation: maybe(), Path: maybe(), Revision: r.Uint64() >> r.IntN(64),
	}
	if r.IntN(2) == 0 {
		c.NotBefore = testNow.Unix() - r.Int64N(30)
	}
	if r.IntN(2) == 0 {
		c.Permissions = list(0)
	}
	for range r.IntN(4) {
		c.Actor = &Actor{Subject: randomText(r), Credential: maybe(), Revision: r.Uint64() >> r.IntN(64), Path: maybe(), Actor: c.Actor}
		if r.IntN(2) == 0 {
			c.Actor.Permissions = list(0)
		}
	}
	return c
}

// wire is how go-jose, the oracle, sees the claims.
type wire struct {
	jwt.Claims
	ClientID    string    `json:"client_id,omitempty"`
	Org         string    `json:"org,omitempty"`
	Credential  string    `json:"cid,omitempty"`
	Incarnation string    `json:"inc,omitempty"`
	Revision    uint64    `json:"rev,omitempty"`
	Permissions *[]string `json:"perm,omitempty"`
	Path        string    `json:"path,omitempty"`
	Actor       *wireAct  `json:"act,omitempty"`
}

type wireAct struct {
	Subject     string    `json:"sub"`
	Credential  string    `json:"cid,omitempty"`
	Revision    uint64    `json:"rev,omitempty"`
	Permissions *[]string `json:"perm,omitempty"`
	Path        string    `json:"path,omitempty"`
	Actor       *wireAct  `json:"act,omitempty"`
}

func toWire(c Claims) wire {
	date := func(sec int64) *jwt.NumericDate {
		if sec == 0 {
			return nil
		}
		d := jwt.NumericDate(sec)
		return &d
	}
	w := wire{
		Claims: jwt.Claims{
			Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience, Expiry: date(c.Expiry), IssuedAt: date(c.IssuedAt),
			NotBefore: date(c.NotBefore), ID: c.ID,
		},
		ClientID: c.ClientID, Org: c.Org, Credential: c.Credential, Incarnation: c.Incarnation, Revision: c.Revision, Path: c.Path,
	}
	if c.Permissions != nil {
		w.Permissions = &c.Permissions
	}
	last := &w.Actor
	for a := c.Actor; a != nil; a = a.Actor {
		*last = &wireAct{Subject: a.Subject, Credential: a.Credential, Revision: a.Revision, Path: a.Path}
		if a.Permissions != nil {
			(*last).Permissions = &a.Permissions
		}
		last = &(*last).Actor
	}
	return w
}

// What we sign, go-jose verifies and reads the same; what go-jose signs with the same header, we verify and read the same.
func TestSec53_AgreesWithGoJose(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, alg := range []Algorithm{AlgEdDSA, AlgES256} {
		a := newAccess(t, alg)
		signer, err := jose.NewSigner(jose.SigningKey{
			Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: a.key.private(), KeyID: a.key.ID()},
		}, (&jose.SignerOptions{}).WithType("at+jwt"))
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			c := randomClaims(r)
			raw, err := a.key.Sign(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			got, err := a.v.Verify(a.keys, raw, testNow)
			if err != nil || !reflect.DeepEqual(got, c) {
				t.Fatalf("%+v came back as %+v, %v", c, got, err)
			}

			parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			if err != nil {
				t.Fatal(err)
			}
			var theirs wire
			if err := parsed.Claims(a.key.public.key.public, &theirs); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(theirs, toWire(c)) {
				t.Fatalf("go-jose reads %+v as %+v", c, theirs)
			}
			if h := parsed.Headers[0]; h.KeyID != a.key.ID() || h.Algorithm != string(alg) || h.ExtraHeaders["typ"] != "at+jwt" {
				t.Fatalf("go-jose reads the header as %+v", h)
			}

			raw, err = jwt.Signed(signer).Claims(toWire(c)).Serialize()
			if err != nil {
				t.Fatal(err)
			}
			if got, err = a.v.Verify(a.keys, raw, testNow); err != nil || !reflect.DeepEqual(got, c) {
				t.Fatalf("%+v signed by go-jose came back as %+v, %v", c, got, err)
			}
		}
	}
}

func TestSec01_CompactOnly(t *testing.T) {
	a := newAccess(t, AlgEdDSA)
	good := a.forge(object(accessClaims0()))
	a.want(t, good, testNow, nil)
	h, p, s := segmentsOf(good)
	dots := strings.Repeat(".", 1<<20)
	bad := map[string]string{
		"empty": "", "one segment": h, "two segments": h + "." + p, "no header": "." + p + "." + s, "no payload": h + ".." + s,
		"no signature": h + "." + p + ".", "four segments": good + "." + s, "JWE": h + "." + p + "." + s + "." + p + "." + s,
		"dots": dots, "three dots": "...", "long": good + strings.Repeat("A", maxToken),
		"JSON, flattened": fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, h, p, s),
		"JSON, general":   fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, s),
	}
	for name, raw := range bad {
		t.Run(name, func(t *testing.T) {
			a.want(t, raw, testNow, ErrFormat)
			if _, asked, err := checkAssertion(raw, ed25519Key().Public(), testNow); !errors.Is(err, ErrFormat) || len(asked.kids) != 0 {
				t.Errorf("as an assertion: %v after %d look-ups", err, len(asked.kids))
			}
		})
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = a.v.Verify(a.keys, dots, testNow) }); n > 2 {
		t.Errorf("a million dots cost %v allocations", n)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		_, _ = a.v.Verify(a.keys, dots, testNow)
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / 100; n > 4096 {
		t.Errorf("a million dots cost %d bytes", n)
	}
}

func segmentsOf(raw string) (h, p, s string) {
	parts := strings.Split(raw, ".")
	return parts[0], parts[1], parts[2]
}

func TestSec02_CanonicalBase64(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	a := newAccess(t, AlgES256)
	spare := 0
	// Three payload lengths, so that each number of spare bits occurs.
	for _, jti := range []string{`"j"`, `"j1"`, `"j12"`} {
		access := a.forge(object(with(accessClaims0(), "jti", jti)))
		assertion := forge(AlgEdDSA, ed25519Key(), object(with(assertionHeader0(), "x", jti)), object(with(assertionClaims0(), "jti", jti)))
		for _, good := range []string{access, assertion} {
			verify := func(raw string) error {
				if good == access {
					_, err := a.v.Verify(a.keys, raw, testNow)
					return err
				}
				_, _, err := checkAssertion(raw, ed25519Key().Public(), testNow)
				return err
			}
			if err := verify(good); err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(good, ".")
			for i, part := range parts {
				try := func(changed string) {
					t.Helper()
					all := append([]string(nil), parts...)
					all[i] = changed
					if err := verify(strings.Join(all, ".")); err == nil {
						t.Errorf("segment %d: accepted with another spelling", i)
					}
				}
				for _, junk := range []string{"=", "==", "\n", "\r\n", " ", "\t", "%3D"} {
					try(part + junk)
					try(junk + part)
					try(part[:2] + junk + part[2:])
				}
				if len(part)%4 != 0 {
					last := strings.IndexByte(alphabet, part[len(part)-1])
					for bit := range 2 * (4 - len(part)%4) {
						spare++
						try(part[:len(part)-1] + string(alphabet[last^1<<bit]))
					}
				}
			}
		}
	}
	if spare < 20 {
		t.Errorf("only %d spare bits tried", spare)
	}
}

func TestSec07_RequiredClaims(t *testing.T) {
	a := newAccess(t, AlgEdDSA)
	wrong := []string{"", "null", "true", "{}", "1.5", "-1", "1e400", "[]", "[1]", `""`, `"a\u0000b"`, "[null]", `[""]`, `["a",1]`, "0"}
	for _, claim := range []string{"iss", "sub", "aud", "jti", "client_id"} {
		for _, w := range append(wrong, "1800000000") {
			a.want(t, a.forge(object(with(accessClaims0(), claim, w))), testNow, ErrClaim)
		}
	}
	for _, claim := range []string{"exp", "iat"} {
		for _, w := range append(wrong, `"1800000300"`, "1.8e9", "1800000300.0", "9999999999999999999999", "253402300800", "18446744073709551616") {
			a.want(t, a.forge(object(with(accessClaims0(), claim, w))), testNow, ErrClaim)
		}
	}
	for claim := range accessClaims0() {
		var e *Error
		if _, err := a.v.Verify(a.keys, a.forge(object(with(accessClaims0(), claim, ""))), testNow); !errors.As(err, &e) || e.Field != claim {
			t.Errorf("no %s: %v", claim, err)
		}
	}
	if _, err := parseClaims(object(with(accessClaims0(), "aud", "[]"))); !errors.Is(err, ErrClaim) {
		t.Errorf("an empty audience: %v", err)
	}
	a.want(t, a.forge(object(with(accessClaims0(), "nbf", "253402300800"))), testNow, ErrClaim)
	// What may be absent must still be what it should be when it is there.
	for _, claim := range []string{"nbf", "org", "cid", "inc", "path", "act"} {
		for _, w := range wrong[1:] {
			a.want(t, a.forge(object(with(accessClaims0(), claim, w))), testNow, ErrClaim)
		}
	}
	for _, w := range []string{"null", `"1"`, "-1", "1.0", "1e3", "18446744073709551616", "[]", "{}"} {
		a.want(t, a.forge(object(with(accessClaims0(), "rev", w))), testNow, ErrClaim)
	}
	for _, w := range []string{"null", `"a"`, `[1]`, `[""]`, `["a",["b"]]`, "{}"} {
		a.want(t, a.forge(object(with(accessClaims0(), "perm", w))), testNow, ErrClaim)
	}
	for _, w := range []string{`{"sub":""}`, `{"sub":null}`, `{"act":{"sub":"a"}}`, `{"sub":"a","act":null}`, `{"sub":"a","cid":""}`, `{"sub":"a","rev":"1"}`, `{"sub":"a","perm":[""]}`, `{"sub":"a","path":1}`, strings.Repeat(`{"sub":"a","act":`, 8) + `{"sub":"a"}` + strings.Repeat("}", 8)} {
		a.want(t, a.forge(object(with(accessClaims0(), "act", w))), testNow, ErrClaim)
	}
	for _, claim := range []string{"Aud", "AUD", "ISS", "Exp"} { // claim names have case
		c := with(with(accessClaims0(), claim, `"x"`), strings.ToLower(claim), "")
		a.want(t, a.forge(object(c)), testNow, ErrClaim)
	}
	// Unknown claims are ignored, and an empty list of permissions is not an absent one.
	c, err := a.v.Verify(a.keys, a.forge(object(with(with(accessClaims0(), "perm", "[]"), "x", `{"y":[1,2,{"z":null}]}`))), testNow)
	if err != nil || c.Permissions == nil || len(c.Permissions) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestSec08_AccessTokenTimes(t *testing.T) {
	a := newAccess(t, AlgEdDSA)
	v, err := NewVerifier(VerifierConfig{Issuer: testIssuer, Audience: "https://api.example", Skew: 10 * time.Second, MaxLife: 20 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	a.v = v
	raw := a.forge(object(with(accessClaims0(), "nbf", "1800000100")))
	plain := a.forge(object(accessClaims0()))
	at := func(sec int64, nsec int64) time.Time { return time.Unix(1_800_000_000+sec, nsec) }
	for _, c := range []struct {
		raw  string
		now  time.Time
		want error
	}{
		{plain, at(-11, 999_999_999), ErrNotYetValid}, {plain, at(-10, 0), nil}, {plain, at(609, 999_999_999), nil},
		{plain, at(610, 0), ErrExpired}, {plain, at(1e9, 0), ErrExpired}, {plain, time.Time{}, ErrNotYetValid},
		{raw, at(89, 999_999_999), ErrNotYetValid}, {raw, at(90, 0), nil}, {raw, at(610, 0), ErrExpired},
		{a.forge(object(with(accessClaims0(), "exp", "1800001200"))), testNow, nil},
		{a.forge(object(with(accessClaims0(), "exp", "1800001201"))), testNow, ErrClaim},
		{a.forge(object(with(accessClaims0(), "exp", "1800000000"))), testNow, ErrClaim},
		{a.forge(object(with(accessClaims0(), "exp", "1799999999"))), testNow, ErrClaim},
		{a.forge(object(with(accessClaims0(), "iat", "1"))), testNow, ErrClaim},
		{a.forge(object(with(accessClaims0(), "exp", "253402300799"))), testNow, ErrClaim},
	} {
		a.want(t, c.raw, c.now, c.want)
	}
}

func TestSec08_Configuration(t *testing.T) {
	good := VerifierConfig{Issuer: "i", Audience: "a"}
	for _, c := range []func(*VerifierConfig){
		func(c *VerifierConfig) { c.Issuer = "" }, func(c *VerifierConfig) { c.Audience = "" }, func(c *VerifierConfig) { c.Skew = -1 },
		func(c *VerifierConfig) { c.Skew = 2*time.Minute + 1 }, func(c *VerifierConfig) { c.MaxLife = -1 },
		func(c *VerifierConfig) { c.MaxLife = time.Hour + 1 }, func(c *VerifierConfig) { c.Issuer = "\xff" },
	} {
		bad := good
		c(&bad)
		if v, err := NewVerifier(bad); v != nil || !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	a := newAccess(t, AlgEdDSA)
	raw := a.forge(object(accessClaims0()))
	for _, v := range []*Verifier{nil, {}} {
		if _, err := v.Verify(a.keys, raw, testNow); !errors.Is(err, ErrConfig) {
			t.Errorf("zero verifier: %v", err)
		}
	}
	if _, err := a.v.Verify(nil, raw, testNow); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("nil key set: %v", err)
	}
	v, err := NewVerifier(good)
	if err != nil || v.c.Skew != 30*time.Second || v.c.MaxLife != time.Hour {
		t.Errorf("defaults: %+v, %v", v, err)
	}
}

func TestSec09_Sec10_AudienceAndIssuer(t *testing.T) {
	a := newAccess(t, AlgEdDSA)
	for aud, want := range map[string]error{
		`"https://api.example"`: nil, `["https://api.example"]`: nil, `["x","https://api.example"]`: nil,
		`"https://api.example/"`: ErrClaim, `"https://api.example.evil"`: ErrClaim, `"https://API.example"`: ErrClaim,
		`"https://api.exampl"`: ErrClaim, `" https://api.example"`: ErrClaim, `["https://api.example/"]`: ErrClaim,
		`[["https://api.example"]]`: ErrClaim, `{"https://api.example":1}`: ErrClaim, `"*"`: ErrClaim, `["https://api.example",null]`: ErrClaim,
		`"https:\/\/api.example"`: nil, // another spelling of the same string in JSON
	} {
		a.want(t, a.forge(object(with(accessClaims0(), "aud", aud))), testNow, want)
	}
	for _, iss := range []string{`"https://app.example/"`, `"HTTPS://app.example"`, `"http://app.example"`, `"https://app.example.evil"`, `"https://app.exampl"`, `"https://app.example "`} {
		a.want(t, a.forge(object(with(accessClaims0(), "iss", iss))), testNow, ErrClaim)
	}
}

// The header is compared, not read.
func TestSec03_AccessTokenHeader(t *testing.T) {
	a := newAccess(t, AlgES256)
	kid := a.key.ID()
	payload := object(accessClaims0())
	a.want(t, forge(AlgES256, a.key.private(), `{"alg":"ES256","kid":"`+kid+`","typ":"at+jwt"}`, payload), testNow, nil)
	for _, h := range []string{
		`{"typ":"at+jwt","alg":"ES256","kid":"` + kid + `"}`, ` {"alg":"ES256","kid":"` + kid + `","typ":"at+jwt"}`,
		`{"alg":"ES256","kid":"` + kid + `","typ":"at+jwt","x":1}`, `{"alg":"ES256","kid":"` + kid + `","typ":"JWT"}`,
		`{"alg":"ES256","kid":"` + kid + `","typ":"application/at+jwt"}`, `{"alg":"EdDSA","kid":"` + kid + `","typ":"at+jwt"}`,
		`{"alg":"none","kid":"` + kid + `","typ":"at+jwt"}`, `{"alg":"HS256","kid":"` + kid + `","typ":"at+jwt"}`,
		`{"alg":"ES256","kid":"other","typ":"at+jwt"}`, `{"alg":"ES256","typ":"at+jwt"}`,
		`{"alg":"ES256","alg":"ES256","kid":"` + kid + `","typ":"at+jwt"}`, `{}`, `x`,
	} {
		a.want(t, forge(AlgES256, a.key.private(), h, payload), testNow, ErrUnknownKey)
	}
	// Another key's signature under this key's header, and a DER signature.
	other := mustKey(t, AlgES256, 8)
	a.want(t, forge(AlgES256, other.private(), `{"alg":"ES256","kid":"`+kid+`","typ":"at+jwt"}`, payload), testNow, ErrSignature)
	h, p, _ := segmentsOf(a.forge(payload))
	der, err := a.key.private().Sign(nil, AlgES256.digest([]byte(h+"."+p)), AlgES256.hash())
	if err != nil {
		t.Fatal(err)
	}
	a.want(t, h+"."+p+"."+b64(string(der)), testNow, ErrSignature)
	a.want(t, h+"."+p+"."+b64(string(make([]byte, 64))), testNow, ErrSignature)
}

func TestSec11_StrictClaims(t *testing.T) {
	a := newAccess(t, AlgEdDSA)
	good := object(accessClaims0())
	member := func(m string) string { return good[:len(good)-1] + "," + m + "}" }
	nested := func(n int) string { return strings.Repeat(`[`, n) + strings.Repeat(`]`, n) }
	for payload, want := range map[string]error{
		member(`"x":1`):                          nil,
		member(`"x":` + nested(31)):              nil,
		member(`"x":` + nested(32)):              ErrFormat,
		member(`"x":` + nested(2000)):            ErrFormat,
		member(`"sub":"sa_ci"`):                  ErrFormat,
		member(`"s\u0075b":"sa_ci"`):             ErrFormat,
		member(`"x":1,"x":1`):                    ErrFormat,
		member(`"x":{"y":1,"y":2}`):              ErrFormat,
		member(`"x":[{"y":{"z":1,"\u007a":2}}]`): ErrFormat,
		member(`"x":"` + "\xff" + `"`):           ErrFormat,
		member("\"x\xc0\xaf\":1"):                ErrFormat,
		member(`"x":"\ud800"`):                   ErrFormat,
		member(`"x":"\udc00"`):                   ErrFormat,
		member(`"x":"\udc00\ud800"`):             ErrFormat,
		member(`"x":"\ud834\udd1e"`):             nil,
		member(`"x":"\ud834\u0041"`):             ErrFormat,
		member("\"x\":\"a\nb\""):                 ErrFormat,
		member(`"x":01`):                         ErrFormat,
		member(`"x":+1`):                         ErrFormat,
		member(`"x":1.`):                         ErrFormat,
		member(`"x":.5`):                         ErrFormat,
		member(`"x":NaN`):                        ErrFormat,
		member(`"x":tru`):                        ErrFormat,
		member(`"x":'a'`):                        ErrFormat,
		member(`"x":"\x41"`):                     ErrFormat,
		member(`"x":"\u00g1"`):                   ErrFormat,
		member(`"x":[1,]`):                       ErrFormat,
		member(`"x":[1 2]`):                      ErrFormat,
		member(`x:1`):                            ErrFormat,
		member(``):                               ErrFormat,
		good + " \n\t ":                          nil,
		good + "x":                               ErrFormat,
		good + good:                              ErrFormat,
		good[:len(good)-1]:                       ErrFormat,
		"\ufeff" + good:                          ErrFormat,
		"[" + good + "]":                         ErrFormat,
		"null":                                   ErrFormat,
		`"x"`:                                    ErrFormat,
		" ":                                      ErrFormat,
		"\x00":                                   ErrFormat,
		strings.Replace(good, "sa_ci", "sa_\xff", 1):  ErrFormat,
		strings.Replace(good, "sa_ci", `sa_\u00`, 1):  ErrFormat,
		strings.Replace(good, "sa_ci", "sa\x7fci", 1): ErrClaim,
	} {
		a.want(t, a.forge(payload), testNow, want)
	}
}

// Every proper prefix, every one-character extension, every flipped bit, every changed letter case.
func TestSec29_EveryChangeFails(t *testing.T) {
	a := newAccess(t, AlgEdDSA)
	raw, err := a.key.Sign(t.Context(), Claims{
		Issuer: testIssuer, Subject: "s", Audience: []string{"https://api.example"}, Expiry: testNow.Unix() + 60,
		IssuedAt: testNow.Unix(), ID: "j", ClientID: "s",
	})
	if err != nil {
		t.Fatal(err)
	}
	a.want(t, raw, testNow, nil)
	try := func(changed string) {
		t.Helper()
		if c, err := a.v.Verify(a.keys, changed, testNow); err == nil || !zeroClaims(c) {
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
	try(strings.ToUpper(raw))
	try(strings.ToLower(raw))
}

// The text of a token is fixed: others cache it, compare it, and look for claims in it.
func TestPayload(t *testing.T) {
	c := tenClaims()
	c.NotBefore, c.Permissions, c.Path, c.Actor = c.IssuedAt, []string{"wallets:read", "a\"b"}, "projects/p1",
		&Actor{Subject: "us_1", Credential: "cr_1", Revision: 7, Permissions: []string{}, Path: "a/b", Actor: &Actor{Subject: "us_2"}}
	const want = `{"iss":"https://app.example","sub":"sa_01hzy8m3v5q7w9x2c4d6e8f0ga","aud":"https://app.example","exp":1800000600,` +
		`"iat":1800000000,"nbf":1800000000,"jti":"01hzy8m3v5q7w9x2c4d6e8f0gb","client_id":"sa_01hzy8m3v5q7w9x2c4d6e8f0ga",` +
		`"org":"or_01hzy8m3v5q7w9x2c4d6e8f0gc","cid":"cr_01hzy8m3v5q7w9x2c4d6e8f0gd","inc":"5f0c3f6bfb0a4c9e","rev":123456,` +
		`"perm":["wallets:read","a\"b"],"path":"projects/p1","act":{"sub":"us_1","cid":"cr_1","rev":7,"perm":[],"path":"a/b","act":{"sub":"us_2"}}}`
	key := mustKey(t, AlgEdDSA, 1)
	raw, err := key.Sign(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	h, p, _ := segmentsOf(raw)
	if text, _ := decodeSegment(p); string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if text, _ := decodeSegment(h); string(text) != `{"alg":"EdDSA","kid":"`+key.ID()+`","typ":"at+jwt"}` {
		t.Errorf("header %s", text)
	}
}

func TestSignRefusesWhatVerifyWould(t *testing.T) {
	key := mustKey(t, AlgEdDSA, 1)
	cyclic := &Actor{Subject: "a"}
	cyclic.Actor = cyclic
	for field, change := range map[string]func(*Claims){
		"iss": func(c *Claims) { c.Issuer = "" }, "sub": func(c *Claims) { c.Subject = "" }, "aud": func(c *Claims) { c.Audience = nil },
		"aud ": func(c *Claims) { c.Audience = []string{""} }, "jti": func(c *Claims) { c.ID = "" },
		"client_id": func(c *Claims) { c.ClientID = "" }, "iat": func(c *Claims) { c.IssuedAt = 0 }, "exp": func(c *Claims) { c.Expiry = c.IssuedAt },
		"exp ": func(c *Claims) { c.Expiry = maxDate + 1 }, "nbf": func(c *Claims) { c.NotBefore = -1 }, "nbf ": func(c *Claims) { c.NotBefore = c.Expiry },
		"sub ": func(c *Claims) { c.Subject = "a\xff" }, "sub  ": func(c *Claims) { c.Subject = "a\nb" }, "org": func(c *Claims) { c.Org = "\x00" },
		"path": func(c *Claims) { c.Path = "\xed\xa0\x80" }, "perm": func(c *Claims) { c.Permissions = []string{"a", ""} },
		"act": func(c *Claims) { c.Actor = cyclic }, "act ": func(c *Claims) { c.Actor = &Actor{} },
		"act  ":   func(c *Claims) { c.Actor = &Actor{Subject: "a", Credential: "\xff"} },
		"act   ":  func(c *Claims) { c.Actor = &Actor{Subject: "a", Permissions: []string{""}} },
		"act    ": func(c *Claims) { c.Actor = &Actor{Subject: "a", Path: "\x00"} },
		"cid":     func(c *Claims) { c.Credential = "\x7f" },
		"inc":     func(c *Claims) { c.Incarnation = "\xff" },
	} {
		c := tenClaims()
		change(&c)
		raw, err := key.Sign(t.Context(), c)
		var e *Error
		if raw != "" || !errors.Is(err, ErrClaim) || !errors.As(err, &e) || e.Field != strings.TrimSpace(field) {
			t.Errorf("%s: %q, %v", field, raw, err)
		}
	}
	c := tenClaims()
	for len(c.Permissions) < 400 {
		c.Permissions = append(c.Permissions, "wallets:transfer")
	}
	if raw, err := key.Sign(t.Context(), c); raw != "" || !errors.Is(err, ErrFormat) {
		t.Errorf("a token of more than 8 KiB: %d bytes, %v", len(raw), err)
	}
	// Just below the limit, it verifies.
	keys, _ := NewKeySet(key.VerifyKey())
	v, _ := NewVerifier(VerifierConfig{Issuer: testIssuer, Audience: testIssuer})
	longest := 0
	for c.Permissions = nil; ; c.Permissions = append(c.Permissions, "p") {
		raw, err := key.Sign(t.Context(), c)
		if err != nil {
			break
		}
		longest = len(raw)
		if _, err := v.Verify(keys, raw, testNow); err != nil {
			t.Fatalf("we signed %d bytes that do not verify: %v", len(raw), err)
		}
	}
	if longest < maxToken-6 {
		t.Errorf("longest token is %d bytes", longest)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := key.Sign(ctx, tenClaims()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	a := newAccess(f, AlgEdDSA)
	good := a.forge(object(accessClaims0()))
	f.Add(good)
	f.Add(good + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := a.v.Verify(a.keys, raw, testNow)
		if err != nil && !zeroClaims(c) {
			t.Fatal("claims with an error")
		}
		if err == nil && raw != good {
			t.Fatalf("accepted a token we did not sign: %q", raw)
		}
		a.wantExpired(t, raw, testNow, err)
	})
}
