package token

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPublicKey(t *testing.T) {
	for kind, k := range clientKeys() {
		want := mustPublic(t, k.key.Public())
		forms := map[string]func() (PublicKey, error){
			"DER":     func() (PublicKey, error) { return PublicKeyFromDER(spki(k.key.Public())) },
			"its DER": func() (PublicKey, error) { return PublicKeyFromDER(want.DER()) },
			"its PEM": func() (PublicKey, error) { return ParsePublicKey(want.PEM()) },
			"its JWK": func() (PublicKey, error) { return ParseJWK(want.JWK()) },
			"white space": func() (PublicKey, error) {
				return ParsePublicKey(slices.Concat([]byte("\r\n \t"), want.PEM(), []byte("\n\n")))
			},
			"CRLF": func() (PublicKey, error) {
				return ParsePublicKey(bytes.ReplaceAll(want.PEM(), []byte("\n"), []byte("\r\n")))
			},
		}
		if r, ok := k.key.Public().(*rsa.PublicKey); ok {
			forms["PKCS #1"] = func() (PublicKey, error) {
				return ParsePublicKey(pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(r)))
			}
		}
		for name, form := range forms {
			got, err := form()
			if err != nil || got.Thumbprint() != want.Thumbprint() || !bytes.Equal(got.DER(), want.DER()) || !reflect.DeepEqual(got, want) {
				t.Errorf("%s from %s: %v", kind, name, err)
			}
		}
		var algs []string
		for _, a := range k.algs {
			algs = append(algs, string(a))
		}
		if want.Kind() != kind || !slices.Equal(want.Algorithms(), algs) || want.IsZero() || len(want.Thumbprint()) != 43 {
			t.Errorf("%s: Kind %s, Algorithms %v", kind, want.Kind(), want.Algorithms())
		}
		want.DER()[0] ^= 1
		want.Algorithms()[0] = "none"
		if !bytes.Equal(want.DER(), spki(k.key.Public())) || want.Algorithms()[0] == "none" {
			t.Errorf("%s was changed through what it returned", kind)
		}
	}
	var zero PublicKey
	if !zero.IsZero() || zero.Thumbprint() != "" || zero.DER() != nil || zero.PEM() != nil || zero.JWK() != nil || zero.Kind() != "" || zero.Algorithms() != nil {
		t.Error("the zero key is something")
	}
	if zero.verify(AlgEdDSA, nil, nil) {
		t.Error("the zero key verifies")
	}
}

// A key given as a Go value is not shared with its giver.
func TestPublicKeyIsCopied(t *testing.T) {
	ed := slices.Clone(ed25519Key().Public().(ed25519.PublicKey))
	r := &rsa.PublicKey{N: new(big.Int).Set(rsaKey().N), E: rsaKey().E}
	kEd, kRSA := mustPublic(t, ed), mustPublic(t, r)
	ed[0] ^= 1
	r.N.SetInt64(15)
	if !bytes.Equal(kEd.key.public.(ed25519.PublicKey), ed25519Key().Public().(ed25519.PublicKey)) ||
		kRSA.key.public.(*rsa.PublicKey).N.Cmp(rsaKey().N) != 0 {
		t.Error("the key changed under our hands")
	}
}

func TestSec17_PEM(t *testing.T) {
	good := string(mustPublic(t, ed25519Key().Public()).PEM())
	ecGood := string(mustPublic(t, p256Key().Public()).PEM())
	pkcs8 := func(k any) []byte { return must(x509.MarshalPKCS8PrivateKey(k)) }
	sec1 := must(x509.MarshalECPrivateKey(p256Key()))
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey())
	point := must(p256Key().PublicKey.Bytes())
	compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
	ecOID := asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	p256OID := asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	offCurve := slices.Clone(point)
	offCurve[64] ^= 1
	edRaw := ed25519Key().Public().(ed25519.PublicKey)
	edOID := asn1.ObjectIdentifier{1, 3, 101, 112}
	// The same key, shifted to the left by one bit which the BIT STRING then calls unused.
	unused := must(asn1.Marshal(struct {
		A pkix.AlgorithmIdentifier
		K asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: edOID}, asn1.BitString{Bytes: new(big.Int).Lsh(new(big.Int).SetBytes(edRaw), 1).FillBytes(make([]byte, 32)), BitLength: 255}}))
	if k, err := x509.ParsePKIXPublicKey(unused); err != nil || !k.(ed25519.PublicKey).Equal(edRaw) {
		t.Errorf("the test's spelling is not one that the library takes: %v", err)
	}
	x25519 := must(ecdh.X25519().GenerateKey(rand.Reader)).PublicKey()

	for name, c := range map[string]struct {
		text string
		want error
	}{
		"good":                     {good, nil},
		"spaces around":            {" \n\t" + good + "\r\n ", nil},
		"empty":                    {"", ErrFormat},
		"spaces":                   {" \n", ErrFormat},
		"text before":              {"my key\n" + good, ErrFormat},
		"text after":               {good + "my key", ErrFormat},
		"NUL after":                {good + "\x00", ErrFormat},
		"no-break space":           {good + "\u00a0", ErrFormat},
		"two blocks":               {good + ecGood, ErrFormat},
		"twice":                    {good + good, ErrFormat},
		"broken block, then good":  {"-----BEGIN X-----\n" + good, ErrFormat},
		"headers":                  {strings.Replace(good, "-----\n", "-----\nComment: x\n\n", 1), ErrFormat},
		"no end":                   {good[:len(good)-30], ErrFormat},
		"label mismatch":           {strings.Replace(good, "END PUBLIC", "END RSA PUBLIC", 1), ErrFormat},
		"not base64":               {strings.Replace(good, "MC", "!C", 1), ErrFormat},
		"one byte short":           {string(pemOf("PUBLIC KEY", spki(edRaw)[:43])), ErrFormat},
		"trailing byte":            {string(pemOf("PUBLIC KEY", append(spki(edRaw), 0))), ErrFormat},
		"empty block":              {string(pemOf("PUBLIC KEY", nil)), ErrFormat},
		"certificate":              {string(pemOf("CERTIFICATE", spki(edRaw))), ErrUnsupportedKey},
		"EC PARAMETERS":            {string(pemOf("EC PARAMETERS", must(asn1.Marshal(p256OID)))), ErrUnsupportedKey},
		"lower case label":         {string(pemOf("public key", spki(edRaw))), ErrUnsupportedKey},
		"PKCS1 labelled SPKI":      {string(pemOf("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey))), ErrFormat},
		"SPKI labelled PKCS1":      {string(pemOf("RSA PUBLIC KEY", spki(&rsaKey().PublicKey))), ErrFormat},
		"PKCS1 trailing":           {string(pemOf("RSA PUBLIC KEY", append(x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey), 0))), ErrFormat},
		"long form length":         {string(pemOf("PUBLIC KEY", append([]byte{0x30, 0x81, 0x2a}, spki(edRaw)[2:]...))), ErrFormat},
		"indefinite length":        {string(pemOf("PUBLIC KEY", append(append([]byte{0x30, 0x80}, spki(edRaw)[2:]...), 0, 0))), ErrFormat},
		"Ed25519 with parameters":  {string(pemOf("PUBLIC KEY", anySPKI(edOID, []byte{5, 0}, edRaw))), ErrFormat},
		"unused bits":              {string(pemOf("PUBLIC KEY", unused)), ErrFormat},
		"compressed point":         {string(pemOf("PUBLIC KEY", anySPKI(ecOID, must(asn1.Marshal(p256OID)), compressed))), ErrWeakKey},
		"off the curve":            {string(pemOf("PUBLIC KEY", anySPKI(ecOID, must(asn1.Marshal(p256OID)), offCurve))), ErrWeakKey},
		"point at infinity":        {string(pemOf("PUBLIC KEY", anySPKI(ecOID, must(asn1.Marshal(p256OID)), []byte{0}))), ErrWeakKey},
		"secp256k1":                {string(pemOf("PUBLIC KEY", anySPKI(ecOID, must(asn1.Marshal(asn1.ObjectIdentifier{1, 3, 132, 0, 10})), point))), ErrUnsupportedKey},
		"X25519":                   {string(pemOf("PUBLIC KEY", spki(x25519))), ErrUnsupportedKey},
		"Ed448":                    {string(pemOf("PUBLIC KEY", anySPKI(asn1.ObjectIdentifier{1, 3, 101, 113}, nil, make([]byte, 57)))), ErrUnsupportedKey},
		"RSA-PSS only":             {string(pemOf("PUBLIC KEY", anySPKI(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}, nil, x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)))), ErrUnsupportedKey},
		"17 KiB":                   {strings.Repeat(" ", 17<<10) + good, ErrFormat},
		"private, PKCS8":           {string(pemOf("PRIVATE KEY", pkcs8(ed25519Key()))), ErrPrivateKey},
		"private, SEC1":            {string(pemOf("EC PRIVATE KEY", sec1)), ErrPrivateKey},
		"private, PKCS1":           {string(pemOf("RSA PRIVATE KEY", pkcs1)), ErrPrivateKey},
		"private, encrypted":       {string(pemOf("ENCRYPTED PRIVATE KEY", []byte{1, 2, 3})), ErrPrivateKey},
		"private, OpenSSH":         {string(pemOf("OPENSSH PRIVATE KEY", []byte{1, 2, 3})), ErrPrivateKey},
		"private after public":     {good + string(pemOf("PRIVATE KEY", pkcs8(ed25519Key()))), ErrPrivateKey},
		"private, cut":             {string(pemOf("PRIVATE KEY", pkcs8(ed25519Key())))[:40], ErrPrivateKey},
		"private labelled public":  {string(pemOf("PUBLIC KEY", pkcs8(ed25519Key()))), ErrPrivateKey},
		"SEC1 labelled public":     {string(pemOf("PUBLIC KEY", sec1)), ErrPrivateKey},
		"PKCS1 labelled public":    {string(pemOf("PUBLIC KEY", pkcs1)), ErrPrivateKey},
		"PKCS1 private as RSA pub": {string(pemOf("RSA PUBLIC KEY", pkcs1)), ErrPrivateKey},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := ParsePublicKey([]byte(c.text))
			if !errors.Is(err, c.want) || (err == nil) == k.IsZero() {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.want == ErrPrivateKey {
				if !strings.Contains(err.Error(), "leaked") {
					t.Errorf("%v does not warn", err)
				}
				block, _ := pem.Decode([]byte(c.text))
				if block != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), fmt.Sprintf("%x", block.Bytes[max(0, len(block.Bytes)-8):])) {
					t.Error("the error quotes the key")
				}
			}
		})
	}
}

// anySPKI writes a SubjectPublicKeyInfo by hand.
func anySPKI(oid asn1.ObjectIdentifier, params, key []byte) []byte {
	return must(asn1.Marshal(struct {
		A pkix.AlgorithmIdentifier
		K asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: asn1.RawValue{FullBytes: params}}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}}))
}

// lowOrder are the eight points of small order, and other spellings of them, on which one signature fits every message.
func lowOrder() map[string]ed25519.PublicKey {
	list := map[string]ed25519.PublicKey{}
	for name, h := range map[string]string{
		"order 1":              "0100000000000000000000000000000000000000000000000000000000000000",
		"order 2":              "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 4":              "0000000000000000000000000000000000000000000000000000000000000000",
		"order 4, -x":          "0000000000000000000000000000000000000000000000000000000000000080",
		"order 8":              "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"order 8, -x":          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"order 8, -y":          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"order 8, -x -y":       "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"order 1, other sign":  "0100000000000000000000000000000000000000000000000000000000000080",
		"order 2, other sign":  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"order 4, y = p":       "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 4, y = p, -x":   "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"order 1, y = p+1":     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 1, y = p+1, -x": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		list[name] = must(hex.DecodeString(h))
	}
	return list
}

func TestSec18_WeakKeys(t *testing.T) {
	refuseValue := func(name string, key any, want error) {
		t.Helper()
		if k, err := NewPublicKey(key); !errors.Is(err, want) || !k.IsZero() {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	refuse := func(name string, key any, want error) {
		t.Helper()
		refuseValue(name, key, want)
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return // no DER for it
		}
		if k, err := PublicKeyFromDER(der); !errors.Is(err, want) || !k.IsZero() {
			t.Errorf("%s as DER: %v, want %v", name, err, want)
		}
		if k, err := ParsePublicKey(pemOf("PUBLIC KEY", der)); !errors.Is(err, want) || !k.IsZero() {
			t.Errorf("%s as PEM: %v, want %v", name, err, want)
		}
	}
	signature := make([]byte, 64)
	signature[0] = 1 // R is the neutral element, S is 0
	fits := 0
	for name, key := range lowOrder() {
		refuse(name, key, ErrWeakKey)
		for i := range 64 { // half, a quarter or an eighth of all messages
			if ed25519.Verify(key, []byte{byte(i)}, signature) {
				fits++
				break
			}
		}
		if _, err := ParseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","x":"` + b64(string(key)) + `"}`)); !errors.Is(err, ErrWeakKey) {
			t.Errorf("%s as JWK: %v", name, err)
		}
	}
	if fits < 8 {
		t.Errorf("only %d of the keys are as weak as we think", fits)
	}
	ones := bytes.Repeat([]byte{0xff}, 32)
	refuse("not canonical", ed25519.PublicKey(ones), ErrWeakKey)
	refuse("y = p+2", ed25519.PublicKey(append([]byte{0xef}, append(slices.Clone(ones[:30]), 0x7f)...)), ErrWeakKey)
	off := make([]byte, 32)
	for off[0] = 2; checkEd25519(off) == nil; off[0]++ {
	}
	refuse("no such point", ed25519.PublicKey(off), ErrWeakKey)
	refuse("short", ed25519.PublicKey(ones[:31]), ErrFormat)
	refuse("none", ed25519.PublicKey(nil), ErrFormat)

	n := rsaKey().N
	refuse("1024 bits", &must(rsa.GenerateKey(rand.Reader, 1024)).PublicKey, ErrWeakKey)
	refuse("2047 bits", &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Rsh(n, 1), 0, 1), E: 65537}, ErrWeakKey)
	refuse("4097 bits", &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(n, 2049), 0, 1), E: 65537}, ErrWeakKey)
	for bits, n := range map[string]*big.Int{"below 2048": new(big.Int).Rsh(n, 1), "above 4096": new(big.Int).Lsh(n, 2049)} {
		if err := checkRSA(&rsa.PublicKey{N: n, E: 65537}); err == nil || !strings.Contains(err.Error(), bits) {
			t.Errorf("%s: %v", bits, err)
		}
	}
	refuse("65536 bits", &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(n, 63488), 0, 1), E: 65537}, ErrWeakKey)
	refuse("even modulus", &rsa.PublicKey{N: new(big.Int).SetBit(n, 0, 0), E: 65537}, ErrWeakKey)
	for _, e := range []int{1, 2, 3, 17, 65535, 65536, 65538} {
		refuse(fmt.Sprint("e = ", e), &rsa.PublicKey{N: n, E: e}, ErrWeakKey)
	}
	refuseValue("e = 0", &rsa.PublicKey{N: n}, ErrWeakKey)
	refuseValue("e = -1", &rsa.PublicKey{N: n, E: -1}, ErrWeakKey)
	refuseValue("no modulus", &rsa.PublicKey{E: 65537}, ErrWeakKey)
	refuseValue("negative modulus", &rsa.PublicKey{N: new(big.Int).Neg(n), E: 65537}, ErrWeakKey)
	for _, p := range []int64{3, 5, 251, 1021, 4093} {
		m := new(big.Int).Mul(n, big.NewInt(p))
		refuse(fmt.Sprint("divisible by ", p), &rsa.PublicKey{N: m, E: 65537}, ErrWeakKey)
	}
	p := must(rand.Prime(rand.Reader, 1024))
	next := new(big.Int).Add(p, big.NewInt(2))
	for !next.ProbablyPrime(1) {
		next.Add(next, big.NewInt(2))
	}
	refuse("neighbouring primes", &rsa.PublicKey{N: new(big.Int).Mul(p, next), E: 65537}, ErrWeakKey)
	refuse("square", &rsa.PublicKey{N: new(big.Int).Mul(p, p), E: 65537}, ErrWeakKey)

	refuse("P-224", &must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)).PublicKey, ErrUnsupportedKey)
	refuse("no curve", &ecdsa.PublicKey{}, ErrUnsupportedKey)
	refuse("X25519", must(ecdh.X25519().GenerateKey(rand.Reader)).PublicKey(), ErrUnsupportedKey)
	refuseValue("nil", nil, ErrUnsupportedKey)
	refuseValue("nil RSA", (*rsa.PublicKey)(nil), ErrUnsupportedKey)
	refuseValue("nil ECDSA", (*ecdsa.PublicKey)(nil), ErrUnsupportedKey)
	refuse("text", "key", ErrUnsupportedKey)
	refuse("by value", rsaKey().PublicKey, ErrUnsupportedKey)
	for _, private := range []crypto.PrivateKey{ed25519Key(), p256Key(), rsaKey()} {
		refuse("private", private, ErrPrivateKey)
	}
}

// The generator of CVE-2017-15361 makes primes k·M + (65537^a mod M), with M the product of the first primes.
func TestSec18_FaultyGenerator(t *testing.T) {
	m := big.NewInt(2)
	for p, n := int64(3), 1; n < 126; p += 2 { // as many as for a modulus of 2048 bits
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
			n++
		}
	}
	factor := func() *big.Int { // of that form; that it is prime does not matter to who looks at the product
		for {
			p := new(big.Int).Exp(big.NewInt(65537), must(rand.Int(rand.Reader, m)), m)
			k := must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(1024-m.BitLen()))))
			p.Add(p, k.Mul(k, m))
			if p.BitLen() == 1024 && p.Bit(1022) == 1 && !smallFactor(p) { // so that a product of two has 2048 bits
				return p
			}
		}
	}
	for range 10 {
		n := new(big.Int).Mul(factor(), factor())
		if _, err := NewPublicKey(&rsa.PublicKey{N: n, E: 65537}); !errors.Is(err, ErrWeakKey) || !strings.Contains(err.Error(), "CVE-2017-15361") {
			t.Errorf("%v: %v", n, err)
		}
		if n.Add(n, big.NewInt(2)); rocaFactors(n) {
			t.Errorf("%v is taken for one of that generator", n)
		}
	}
}

// What is accepted as Ed25519 is exactly what decodes to a point outside the small subgroup: half of all canonical y.
func TestSec18_Ed25519Points(t *testing.T) {
	good := 0
	for i := range 400 {
		y := make([]byte, 32)
		if _, err := rand.Read(y); err != nil {
			t.Fatal(err)
		}
		y[31] &= 0x7f
		if checkEd25519(y) == nil {
			good++
		}
		seed := make([]byte, 32)
		seed[0], seed[1] = byte(i), byte(i>>8)
		if err := checkEd25519(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)); err != nil {
			t.Fatalf("a good key is refused: %v", err)
		}
	}
	if good < 120 || good > 280 { // 8 standard deviations
		t.Errorf("%d of 400 random texts decode", good)
	}
}

func FuzzPublicKey(f *testing.F) {
	for _, k := range clientKeys() {
		f.Add([]byte(mustPublic(f, k.key.Public()).PEM()))
		f.Add(spki(k.key.Public()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, parse := range []func([]byte) (PublicKey, error){ParsePublicKey, PublicKeyFromDER} {
			k, err := parse(text)
			if (err == nil) == k.IsZero() {
				t.Fatalf("%v with %v", k, err)
			}
			if err != nil {
				continue
			}
			again, err := ParsePublicKey(k.PEM())
			if err != nil || again.Thumbprint() != k.Thumbprint() {
				t.Fatalf("does not come back: %v", err)
			}
			if again, err = PublicKeyFromDER(k.DER()); err != nil || again.Thumbprint() != k.Thumbprint() {
				t.Fatalf("does not come back: %v", err)
			}
			if again, err = ParseJWK(k.JWK()); err != nil || again.Thumbprint() != k.Thumbprint() {
				t.Fatalf("does not come back: %v", err)
			}
		}
	})
}
