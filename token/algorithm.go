package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // linked for crypto.SHA256
	_ "crypto/sha512" // linked for crypto.SHA384 and crypto.SHA512
	"math/big"
)

// Algorithm is the name of a signature algorithm in a JOSE header (RFC 7518 section 3.1, RFC 8037, RFC 9864). Only
// asymmetric signatures exist here: "none", HS*, RSA1_5 and every encryption algorithm are unreachable.
type Algorithm string

// AlgEdDSA and AlgES256 are what this package issues with; all of them are accepted from clients, each for the one kind of
// key that it belongs to.
const (
	AlgEdDSA   Algorithm = "EdDSA"
	AlgEd25519 Algorithm = "Ed25519" // the name RFC 9864 gives to EdDSA over Ed25519
	AlgES256   Algorithm = "ES256"
	AlgES384   Algorithm = "ES384"
	AlgES512   Algorithm = "ES512"
	AlgRS256   Algorithm = "RS256"
	AlgRS384   Algorithm = "RS384"
	AlgRS512   Algorithm = "RS512"
	AlgPS256   Algorithm = "PS256"
	AlgPS384   Algorithm = "PS384"
	AlgPS512   Algorithm = "PS512"
)

// Algorithms are all of them: what clients may sign with.
func Algorithms() []Algorithm {
	return []Algorithm{
		AlgEdDSA, AlgEd25519, AlgES256, AlgES384, AlgES512, AlgRS256, AlgRS384, AlgRS512, AlgPS256, AlgPS384, AlgPS512,
	}
}

// known reports whether a is one of the constants, spelled exactly.
func (a Algorithm) known() bool {
	switch a {
	case AlgEdDSA, AlgEd25519, AlgES256, AlgES384, AlgES512,
		AlgRS256, AlgRS384, AlgRS512, AlgPS256, AlgPS384, AlgPS512:
		return true
	}
	return false
}

// issues reports whether access tokens are signed with a.
func (a Algorithm) issues() bool { return a == AlgEdDSA || a == AlgES256 }

// hash is the digest that a signs; EdDSA signs the message itself.
func (a Algorithm) hash() crypto.Hash {
	switch a {
	case AlgES256, AlgRS256, AlgPS256:
		return crypto.SHA256
	case AlgES384, AlgRS384, AlgPS384:
		return crypto.SHA384
	case AlgES512, AlgRS512, AlgPS512:
		return crypto.SHA512
	}
	return 0
}

// digest returns what a signature of algorithm a is computed over.
func (a Algorithm) digest(message []byte) []byte {
	h := a.hash()
	if h == 0 {
		return message
	}
	w := h.New()
	w.Write(message)
	return w.Sum(nil)
}

// algorithmsOf lists what a key may sign with: one algorithm per kind for EdDSA and ECDSA (RFC 7518 section 3.4), the two RSA
// families for RSA.
func algorithmsOf(key crypto.PublicKey) []Algorithm {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return []Algorithm{AlgEdDSA, AlgEd25519}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []Algorithm{AlgES256}
		case elliptic.P384():
			return []Algorithm{AlgES384}
		case elliptic.P521():
			return []Algorithm{AlgES512}
		}
	case *rsa.PublicKey:
		return []Algorithm{AlgRS256, AlgRS384, AlgRS512, AlgPS256, AlgPS384, AlgPS512}
	}
	return nil
}

// verify checks a JWS signature (RFC 7515 section 5.2) made with key. The caller has established that a is one of the key's
// own algorithms; anything else does not verify.
func (a Algorithm) verify(key crypto.PublicKey, message, signature []byte) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return (a == AlgEdDSA || a == AlgEd25519) && len(k) == ed25519.PublicKeySize && ed25519.Verify(k, message, signature)
	case *ecdsa.PublicKey:
		if own := algorithmsOf(k); len(own) != 1 || own[0] != a {
			return false
		}
		// R and S side by side at full width, never DER (RFC 7518 section 3.4).
		width := coordinateSize(k.Curve)
		if len(signature) != 2*width {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:width]), new(big.Int).SetBytes(signature[width:])
		return ecdsa.Verify(k, a.digest(message), r, s)
	case *rsa.PublicKey:
		switch a {
		case AlgRS256, AlgRS384, AlgRS512:
			return rsa.VerifyPKCS1v15(k, a.hash(), a.digest(message), signature) == nil
		case AlgPS256, AlgPS384, AlgPS512:
			// RFC 7518 section 3.5 fixes the salt to the size of the hash; the library default would find any length.
			return rsa.VerifyPSS(k, a.hash(), a.digest(message), signature,
				&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash()}) == nil
		}
	}
	return false
}

// coordinateSize is the width in bytes of a coordinate, and of R and S, on a curve.
func coordinateSize(c elliptic.Curve) int { return (c.Params().BitSize + 7) / 8 }
