package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"slices"
)

// checkStrength is what crypto/x509 does not do: it refuses the kinds of key that are not used here, and those keys of the
// other kinds that anybody could sign for.
func checkStrength(key crypto.PublicKey) error {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return checkEd25519(k)
	case *ecdsa.PublicKey:
		return checkECDSA(k)
	case *rsa.PublicKey:
		return checkRSA(k)
	}
	return fail(ErrUnsupportedKey, "")
}

// checkEd25519 refuses encodings that RFC 8032 section 5.1.3 does not decode (y not below p, or no such point) and the eight points
// of low order, for which one signature fits every message.
func checkEd25519(k ed25519.PublicKey) error {
	if len(k) != ed25519.PublicKeySize {
		return failed(ErrFormat, "Ed25519", errReason("want 32 bytes"))
	}
	bigEndian := slices.Clone(k)
	slices.Reverse(bigEndian)
	bigEndian[0] &= 0x7f // the sign of x
	y := new(big.Int).SetBytes(bigEndian)

	one := big.NewInt(1)
	p := new(big.Int).Lsh(one, 255)
	p.Sub(p, big.NewInt(19))
	if y.Cmp(p) >= 0 {
		return failed(ErrWeakKey, "Ed25519", errReason("not canonical"))
	}
	// The y of the points of order 1, 2, 4 and 8; each but the first two stands for two points, x and -x.
	y8, _ := new(big.Int).SetString("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", 16)
	for _, low := range []*big.Int{one, new(big.Int).Sub(p, one), new(big.Int), y8, new(big.Int).Sub(p, y8)} {
		if y.Cmp(low) == 0 {
			return failed(ErrWeakKey, "Ed25519", errReason("point of low order"))
		}
	}
	// x² = (y²-1) / (dy²+1) has a solution if and only if (y²-1)(dy²+1) is a square.
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665))
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(yy, one)
	v := yy.Mul(yy, d)
	v.Add(v, one)
	u.Mul(u, v).Mod(u, p)
	if big.Jacobi(u, p) != 1 {
		return failed(ErrWeakKey, "Ed25519", errReason("not a point of the curve"))
	}
	return nil
}

func checkECDSA(k *ecdsa.PublicKey) error {
	switch k.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
	default:
		return fail(ErrUnsupportedKey, "ECDSA curve")
	}
	if _, err := k.Bytes(); err != nil { // refuses coordinates out of range or off the curve, and the point at infinity
		return failed(ErrWeakKey, "ECDSA", errReason("not a point of the curve"))
	}
	return nil
}

// checkRSA holds keys to RFC 7518 section 3.3 (2048 bits) and to what a verifier can see of a careless generator.
func checkRSA(k *rsa.PublicKey) error {
	weak := func(why errReason) error { return failed(ErrWeakKey, "RSA", why) }
	switch n := k.N; {
	case n == nil || n.Sign() <= 0:
		return weak("no modulus")
	case n.BitLen() < 2048:
		return weak("modulus below 2048 bits")
	case n.BitLen() > 4096:
		return weak("modulus above 4096 bits")
	case n.Bit(0) == 0:
		return weak("even modulus")
	case k.E < 65537 || k.E > 1<<31-1 || k.E&1 == 0:
		return weak("exponent not odd, below 65537 or above 2^31-1")
	case smallFactor(n):
		return weak("modulus has a small factor")
	case closeFactors(n):
		return weak("modulus is a product of close numbers")
	case rocaFactors(n):
		return weak("modulus is of the form that CVE-2017-15361 factors")
	}
	return nil
}

// smallFactor reports whether an odd prime below 2^12 divides n.
func smallFactor(n *big.Int) bool {
	var divisor, rest big.Int
	for p := int64(3); p < 1<<12; p += 2 {
		prime := true
		for q := int64(3); q*q <= p && prime; q += 2 {
			prime = p%q != 0
		}
		if prime && rest.Mod(n, divisor.SetInt64(p)).Sign() == 0 {
			return true
		}
	}
	return false
}

// closeFactors runs the first rounds of Fermat's factorisation: n = a² - b², with a from √n upwards.
func closeFactors(n *big.Int) bool {
	const rounds = 128
	// Bit i is set if some square is i modulo 64; the others need no square root.
	const squares = uint64(0x0202021202030213)
	one, two := big.NewInt(1), big.NewInt(2)
	a := new(big.Int).Sqrt(n)
	if new(big.Int).Mul(a, a).Cmp(n) < 0 {
		a.Add(a, one)
	}
	bb := new(big.Int).Mul(a, a)
	bb.Sub(bb, n)
	step := new(big.Int).Lsh(a, 1) // (a+1)² - a² = 2a + 1
	step.Add(step, one)
	low, mask := new(big.Int), big.NewInt(63)
	for range rounds {
		if squares>>low.And(bb, mask).Uint64()&1 == 1 {
			if root := new(big.Int).Sqrt(bb); root.Mul(root, root).Cmp(bb) == 0 {
				return true
			}
		}
		bb.Add(bb, step)
		step.Add(step, two)
	}
	return false
}

// rocaFactors recognises the moduli of one widespread faulty generator, whose primes are powers of 65537 modulo every small prime, so
// that the modulus is too (Nemec et al., The Return of Coppersmith's Attack, 2017, section 2.3; CVE-2017-15361). Another modulus looks like
// that once in 2^27 times.
func rocaFactors(n *big.Int) bool {
	var divisor, rest big.Int
	for p := uint64(3); p <= 167; p += 2 {
		if !big.NewInt(int64(p)).ProbablyPrime(0) { // exact for numbers this small
			continue
		}
		want := rest.Mod(n, divisor.SetUint64(p)).Uint64()
		power := uint64(1)
		for found := want == power; !found; found = want == power {
			if power = power * 65537 % p; power == 1 {
				return false
			}
		}
	}
	return true
}
