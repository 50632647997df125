package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"math/big"
	"slices"
)

// ParseJWK reads a public key from a JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037 section 2) of at most 16 KiB: kty OKP with crv
// Ed25519, EC with P-256, P-384 or P-521, or RSA. Coordinates have full width, integers the fewest octets, members appear once.
// "use" must be "sig" and "key_ops" must contain "verify" where present; "alg" restricts the key to that algorithm. A key with a private
// or symmetric member is refused with ErrPrivateKey, one with certificates (x5c, x5u) with ErrFormat. Unknown members are
// ignored, and those of another type of key, if they are base64url: others would not read the key.
// Errors: ErrFormat, ErrPrivateKey, ErrUnsupportedKey, ErrAlgorithm, ErrPurpose, ErrWeakKey.
func ParseJWK(data []byte) (PublicKey, error) {
	if len(data) > maxKeyText {
		return PublicKey{}, failed(ErrFormat, "JWK", errReason("longer than 16 KiB"))
	}
	j, err := readJWK(string(data))
	if err != nil {
		return PublicKey{}, err
	}
	return j.publicKey()
}

// jwk holds the members of a JWK that matter here.
type jwk struct {
	kid, kty, crv, x, y, n, e, alg string
}

// readJWK reads the members. It reads on after one that is not acceptable, to see the kid and whether the key is private; what
// it has seen is there beside an error.
func readJWK(text string) (jwk, error) {
	var j jwk
	var private bool
	var unacceptable error // the first one
	err := readObject(text, func(r *reader, name string) error {
		switch name {
		case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv":
			private = true
		}
		start := *r
		err := j.member(r, name)
		if err == nil {
			return nil
		}
		if unacceptable == nil {
			unacceptable = err
		}
		*r = start
		return r.skip()
	})
	switch {
	case private: // said even if the rest is malformed, because it is what matters most
		return j, fail(ErrPrivateKey, "JWK")
	case err != nil:
		return j, formatError("JWK", err)
	case unacceptable != nil:
		return j, formatError("JWK", unacceptable)
	}
	return j, nil
}

// publicKey makes the key of the members, for its own algorithms or the one that alg names.
func (j *jwk) publicKey() (PublicKey, error) {
	key, err := j.public()
	if err != nil {
		return PublicKey{}, err
	}
	k, err := NewPublicKey(key)
	switch {
	case err != nil:
		return PublicKey{}, err
	case j.alg == "":
		return k, nil
	case Algorithm(j.alg) == AlgEdDSA || Algorithm(j.alg) == AlgEd25519: // two names of one algorithm
		return k.Restrict(string(AlgEdDSA), string(AlgEd25519))
	}
	return k.Restrict(j.alg)
}

// member reads one member.
func (j *jwk) member(r *reader, name string) error {
	var into *string
	switch name {
	case "kid":
		if r.peek() != '"' {
			return r.skip()
		}
		kid, err := r.str()
		j.kid = kid
		return err
	case "kty":
		into = &j.kty
	case "crv":
		into = &j.crv
	case "x":
		into = &j.x
	case "y":
		into = &j.y
	case "n":
		into = &j.n
	case "e":
		into = &j.e
	case "alg":
		into = &j.alg
	case "use":
		use, err := r.str()
		if err == nil && use != "sig" {
			err = fail(ErrPurpose, "use")
		}
		return err
	case "key_ops":
		return verifyOperation(r)
	case "x5c", "x5u":
		return fail(ErrFormat, name)
	default:
		return r.skip()
	}
	s, err := r.str()
	if err == nil && (s == "" || len(name) == 1 && !isSegment(s)) { // a coordinate or an integer, also one that this type of key does not have
		err = fail(ErrFormat, name)
	}
	*into = s
	return err
}

func isSegment(s string) bool {
	_, ok := decodeSegment(s)
	return ok
}

// verifyOperation reads key_ops (RFC 7517 section 4.3), which must contain "verify" and nothing twice.
func verifyOperation(r *reader) error {
	var seen []string
	err := r.array(func(r *reader) error {
		op, err := r.str()
		if err == nil && (slices.Contains(seen, op) || len(seen) == 16) {
			err = fail(ErrFormat, "key_ops")
		}
		seen = append(seen, op)
		return err
	})
	if err == nil && !slices.Contains(seen, "verify") {
		err = fail(ErrPurpose, "key_ops")
	}
	return err
}

// public assembles the key, whose strength is not checked yet.
func (j *jwk) public() (crypto.PublicKey, error) {
	switch {
	case j.kty == "OKP" && j.crv == "Ed25519":
		x, ok := decodeSegment(j.x)
		if !ok || len(x) != ed25519.PublicKeySize {
			return nil, fail(ErrFormat, "x")
		}
		return ed25519.PublicKey(x), nil
	case j.kty == "EC":
		return j.ec()
	case j.kty == "RSA":
		n, okN := decodeSegment(j.n)
		e, okE := decodeSegment(j.e)
		switch {
		case !okN || len(n) == 0 || n[0] == 0:
			return nil, fail(ErrFormat, "n")
		case !okE || len(e) == 0 || e[0] == 0:
			return nil, fail(ErrFormat, "e")
		case len(e) > 4 || len(e) == 4 && e[0] > 0x7f:
			return nil, failed(ErrWeakKey, "RSA", errReason("exponent above 2^31-1"))
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	case j.kty == "":
		return nil, fail(ErrFormat, "kty")
	}
	return nil, fail(ErrUnsupportedKey, "kty")
}

func (j *jwk) ec() (crypto.PublicKey, error) {
	var curve elliptic.Curve
	switch j.crv {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		return nil, fail(ErrUnsupportedKey, "crv")
	}
	width := coordinateSize(curve)
	x, okX := decodeSegment(j.x)
	y, okY := decodeSegment(j.y)
	switch {
	case !okX || len(x) != width:
		return nil, fail(ErrFormat, "x")
	case !okY || len(y) != width:
		return nil, fail(ErrFormat, "y")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, failed(ErrWeakKey, "ECDSA", errReason("not a point of the curve"))
	}
	return key, nil
}

// appendJWK appends the required members of a key in the order of RFC 7638 section 3.2, without the closing brace.
func appendJWK(b []byte, key crypto.PublicKey) []byte {
	member := func(start string, value []byte) {
		b = append(b, start...)
		b = segments.AppendEncode(b, value)
		b = append(b, '"')
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		member(`{"crv":"Ed25519","kty":"OKP","x":"`, k)
	case *ecdsa.PublicKey:
		point, _ := k.Bytes() // of a checked key; 4, X and Y at full width
		width := coordinateSize(k.Curve)
		member(`{"crv":"`+k.Curve.Params().Name+`","kty":"EC","x":"`, point[1:1+width])
		member(`,"y":"`, point[1+width:])
	case *rsa.PublicKey:
		member(`{"e":"`, big.NewInt(int64(k.E)).Bytes())
		member(`,"kty":"RSA","n":"`, k.N.Bytes())
	}
	return b
}

// thumbprint computes the RFC 7638 thumbprint of a checked key.
func thumbprint(key crypto.PublicKey) string {
	sum := sha256.Sum256(append(appendJWK(nil, key), '}'))
	return segments.EncodeToString(sum[:])
}

// JWK returns the key as a JSON Web Key with its required members only (RFC 7638 section 3.2), and nil for the zero value.
func (k PublicKey) JWK() []byte {
	if k.key == nil {
		return nil
	}
	return append(appendJWK(nil, k.key.public), '}')
}

// formatError wraps an error of the reader; what a member function reported already stays as it is.
func formatError(field string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return failed(ErrFormat, field, err)
}
