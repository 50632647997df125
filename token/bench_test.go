package token

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"
)

// tenClaims is a token of ordinary size.
func tenClaims() Claims {
	return Claims{
		Issuer: "https://app.example", Subject: "sa_01hzy8m3v5q7w9x2c4d6e8f0ga", Audience: []string{"https://app.example"},
		Expiry: testNow.Unix() + 600, IssuedAt: testNow.Unix(), ID: "01hzy8m3v5q7w9x2c4d6e8f0gb",
		ClientID: "sa_01hzy8m3v5q7w9x2c4d6e8f0ga", Org: "or_01hzy8m3v5q7w9x2c4d6e8f0gc",
		Credential: "cr_01hzy8m3v5q7w9x2c4d6e8f0gd", Incarnation: "5f0c3f6bfb0a4c9e", Revision: 123456,
	}
}

var testNow = time.Unix(1_800_000_000, 0)

// compare times ours and the bare signature operation in turn, so that both see the same machine, and reports the ratio of medians.
func compare(b *testing.B, ours, bare func()) {
	var a, z []time.Duration
	for b.Loop() {
		start := time.Now()
		ours()
		middle := time.Now()
		bare()
		a, z = append(a, middle.Sub(start)), append(z, time.Since(middle))
	}
	slices.Sort(a)
	slices.Sort(z)
	b.ReportMetric(float64(a[len(a)/2]), "ns/ours")
	b.ReportMetric(float64(a[len(a)/2])/float64(z[len(z)/2]), "×bare")
}

// Bound: 1.2 × ed25519.Verify.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []Algorithm{AlgEdDSA, AlgES256} {
		key := mustKey(b, alg, 1)
		raw := must(key.Sign(b.Context(), tenClaims()))
		keys := must(NewKeySet(key.VerifyKey()))
		v := must(NewVerifier(VerifierConfig{Issuer: "https://app.example", Audience: "https://app.example"}))
		t := must(split(raw))
		b.Run(string(alg), func(b *testing.B) {
			compare(b, func() {
				if _, err := v.Verify(keys, raw, testNow); err != nil {
					b.Fatal(err)
				}
			}, func() {
				if !alg.verify(key.public.key.public, t.input(), t.signature) {
					b.Fatal("does not verify")
				}
			})
		})
	}
}

// Bound: 1.3 × ed25519.Sign.
func BenchmarkSign(b *testing.B) {
	key := mustKey(b, AlgEdDSA, 1)
	c := tenClaims()
	t := must(split(must(key.Sign(b.Context(), c))))
	private := key.private().(ed25519.PrivateKey)
	compare(b, func() {
		if _, err := key.Sign(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}, func() { ed25519.Sign(private, t.input()) })
}

// An allocation here is paid at every first sight of a token.
func TestAllocations(t *testing.T) {
	key := mustKey(t, AlgEdDSA, 1)
	raw := must(key.Sign(t.Context(), tenClaims()))
	keys := must(NewKeySet(key.VerifyKey()))
	v := must(NewVerifier(VerifierConfig{Issuer: "https://app.example", Audience: "https://app.example"}))
	if n := testing.AllocsPerRun(100, func() { _, _ = v.Verify(keys, raw, testNow) }); n > 6 {
		t.Errorf("Verify: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = key.Sign(t.Context(), tenClaims()) }); n > 8 {
		t.Errorf("Sign: %v allocations", n)
	}
}
