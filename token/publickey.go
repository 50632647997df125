package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strings"
)

// maxKeyText bounds the text of a key, PEM or JWK or DER, in bytes.
const maxKeyText = 16 << 10

const (
	pemPublic    = "PUBLIC KEY"     // RFC 7468 section 13
	pemRSAPublic = "RSA PUBLIC KEY" // PKCS #1, RFC 8017 appendix A.1.1
)

// PublicKey is somebody's public signing key. Every value but the zero one holds a key that passed all checks: Ed25519, canonical
// and not of low order; ECDSA on P-256, P-384 or P-521, on the curve; RSA of 2048 to 4096 bits, with an odd modulus that has no
// small factor, no two close ones and none of a generator known to be faulty, and an odd exponent from 65537 to 2^31-1. It is immutable. Compare keys by Thumbprint.
type PublicKey struct {
	key *publicKey
}

type publicKey struct {
	public     crypto.PublicKey // ed25519.PublicKey, *ecdsa.PublicKey or *rsa.PublicKey
	algorithms []Algorithm
	der        []byte
	thumbprint string
}

// NewPublicKey checks a key that a program holds already: an ed25519.PublicKey, *ecdsa.PublicKey or *rsa.PublicKey, for
// instance what a crypto.Signer returns. Errors: ErrUnsupportedKey, ErrWeakKey, ErrPrivateKey.
func NewPublicKey(key crypto.PublicKey) (PublicKey, error) {
	switch k := key.(type) {
	case ed25519.PublicKey:
		key = ed25519.PublicKey(bytes.Clone(k))
	case *ecdsa.PublicKey:
		if k == nil {
			return PublicKey{}, fail(ErrUnsupportedKey, "")
		}
	case *rsa.PublicKey:
		if k == nil {
			return PublicKey{}, fail(ErrUnsupportedKey, "")
		}
	case ed25519.PrivateKey, *ecdsa.PrivateKey, *rsa.PrivateKey, *ed25519.PrivateKey:
		return PublicKey{}, fail(ErrPrivateKey, "")
	}
	if err := checkStrength(key); err != nil {
		return PublicKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, fail(ErrUnsupportedKey, "")
	}
	// Parsed back, so that nobody shares the big integers of the key we keep.
	if key, err = x509.ParsePKIXPublicKey(der); err != nil {
		return PublicKey{}, fail(ErrWeakKey, "")
	}
	return PublicKey{&publicKey{public: key, algorithms: algorithmsOf(key), der: der, thumbprint: thumbprint(key)}}, nil
}

// ParsePublicKey reads a public key from PEM: exactly one PUBLIC KEY (RFC 5280 SubjectPublicKeyInfo) or RSA PUBLIC KEY (PKCS #1)
// block without headers, only white space around it, at most 16 KiB, whose DER is the one spelling of the key. A text that
// holds a private key, whatever its label, is refused with ErrPrivateKey; the text must then be treated as leaked, and must not
// be logged. Other errors: ErrFormat, ErrUnsupportedKey, ErrWeakKey.
func ParsePublicKey(text []byte) (PublicKey, error) {
	if bytes.Contains(text, []byte("PRIVATE KEY")) {
		return PublicKey{}, fail(ErrPrivateKey, "PEM")
	}
	if len(text) > maxKeyText {
		return PublicKey{}, failed(ErrFormat, "PEM", errReason("longer than 16 KiB"))
	}
	// The library's reader skips over what it does not understand, so what surrounds the block is checked here.
	const begin = "-----BEGIN "
	if trimmed := strings.TrimLeft(string(text), " \t\r\n"); !strings.HasPrefix(trimmed, begin) || strings.Count(trimmed, begin) != 1 {
		return PublicKey{}, failed(ErrFormat, "PEM", errReason("want one block and nothing around it"))
	}
	block, rest := pem.Decode(bytes.TrimLeft(text, " \t\r\n"))
	if block == nil {
		return PublicKey{}, fail(ErrFormat, "PEM")
	}
	if len(block.Headers) != 0 || strings.Trim(string(rest), " \t\r\n") != "" {
		return PublicKey{}, failed(ErrFormat, "PEM", errReason("want one block without headers and nothing around it"))
	}
	switch block.Type {
	case pemPublic:
		return PublicKeyFromDER(block.Bytes)
	case pemRSAPublic:
		return publicKeyFromPKCS1(block.Bytes)
	}
	return PublicKey{}, failed(ErrUnsupportedKey, "PEM", errReason("want a PUBLIC KEY block"))
}

// PublicKeyFromDER reads a SubjectPublicKeyInfo (RFC 5280 section 4.1), as DER returns it, with all checks of ParsePublicKey.
// It is what a key passes each time it is loaded from storage.
func PublicKeyFromDER(der []byte) (PublicKey, error) {
	if len(der) > maxKeyText {
		return PublicKey{}, failed(ErrFormat, "DER", errReason("longer than 16 KiB"))
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return PublicKey{}, fail(whyNotSPKI(der), "DER")
	}
	return canonicalKey(key, der, x509.MarshalPKIXPublicKey)
}

func publicKeyFromPKCS1(der []byte) (PublicKey, error) {
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		if privateDER(der) {
			return PublicKey{}, fail(ErrPrivateKey, "DER")
		}
		return PublicKey{}, fail(ErrFormat, "DER")
	}
	return canonicalKey(key, der, func(any) ([]byte, error) { return x509.MarshalPKCS1PublicKey(key), nil })
}

// canonicalKey makes the PublicKey of a parsed key, if it prints back to the bytes it was parsed from.
func canonicalKey(key crypto.PublicKey, der []byte, marshal func(any) ([]byte, error)) (PublicKey, error) {
	k, err := NewPublicKey(key)
	if err != nil {
		return PublicKey{}, err
	}
	if again, err := marshal(key); err != nil || !bytes.Equal(again, der) {
		return PublicKey{}, failed(ErrFormat, "DER", errReason("not the canonical encoding"))
	}
	return k, nil
}

// whyNotSPKI says which kind of error a text is that x509 does not read.
func whyNotSPKI(der []byte) error {
	if privateDER(der) {
		return ErrPrivateKey
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &spki); err != nil || len(rest) != 0 {
		return ErrFormat
	}
	switch oid := spki.Algorithm.Algorithm; {
	case oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}), oid.Equal(asn1.ObjectIdentifier{1, 3, 101, 112}):
		return ErrFormat
	case oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}):
		var curve asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(spki.Algorithm.Parameters.FullBytes, &curve); err != nil {
			return ErrFormat
		}
		for _, nist := range []asn1.ObjectIdentifier{{1, 2, 840, 10045, 3, 1, 7}, {1, 3, 132, 0, 34}, {1, 3, 132, 0, 35}} {
			if curve.Equal(nist) {
				return ErrWeakKey // a point that is not on its curve
			}
		}
	}
	return ErrUnsupportedKey
}

// privateDER reports whether der is a private key in one of the usual structures.
func privateDER(der []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(der)
	return err == nil
}

// Restrict returns the same key, to be used with the named algorithms only, each of which must be one of the key's own. Loading a
// key that was registered for one algorithm, as a JWK with "alg" is, takes PublicKeyFromDER and then Restrict: DER does not
// carry the restriction. Errors: ErrAlgorithm.
func (k PublicKey) Restrict(algorithms ...string) (PublicKey, error) {
	if k.key == nil || len(algorithms) == 0 {
		return PublicKey{}, fail(ErrAlgorithm, "")
	}
	cut := *k.key
	cut.algorithms = nil
	for _, a := range algorithms {
		if !k.allows(Algorithm(a)) {
			return PublicKey{}, fail(ErrAlgorithm, "alg")
		}
		cut.algorithms = append(cut.algorithms, Algorithm(a))
	}
	return PublicKey{&cut}, nil
}

// IsZero reports whether there is no key.
func (k PublicKey) IsZero() bool { return k.key == nil }

// Thumbprint returns the base64url SHA-256 of the key's required JWK members (RFC 7638), 43 characters. The same key has the same
// thumbprint however it was given.
func (k PublicKey) Thumbprint() string {
	if k.key == nil {
		return ""
	}
	return k.key.thumbprint
}

// DER returns the SubjectPublicKeyInfo.
func (k PublicKey) DER() []byte {
	if k.key == nil {
		return nil
	}
	return bytes.Clone(k.key.der)
}

// PEM returns the key as one PUBLIC KEY block.
func (k PublicKey) PEM() []byte {
	if k.key == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: k.key.der})
}

// Kind returns "Ed25519", "P-256", "P-384", "P-521" or "RSA", and "" for the zero value.
func (k PublicKey) Kind() string {
	if k.key == nil {
		return ""
	}
	switch p := k.key.public.(type) {
	case ed25519.PublicKey:
		return "Ed25519"
	case *ecdsa.PublicKey:
		return p.Curve.Params().Name
	}
	return "RSA"
}

// Restricted reports whether the key may be used with fewer algorithms than its kind has: Restrict, or the "alg" of a JWK, left some out.
func (k PublicKey) Restricted() bool {
	return k.key != nil && len(k.key.algorithms) < len(algorithmsOf(k.key.public))
}

// Algorithms returns the JOSE algorithm names that the key may be used with.
func (k PublicKey) Algorithms() []string {
	if k.key == nil {
		return nil
	}
	list := make([]string, len(k.key.algorithms))
	for i, a := range k.key.algorithms {
		list[i] = string(a)
	}
	return list
}

// allows reports whether a is one of the key's algorithms.
func (k PublicKey) allows(a Algorithm) bool {
	return k.key != nil && slices.Contains(k.key.algorithms, a)
}

// verify checks a signature of an algorithm that the key allows.
func (k PublicKey) verify(a Algorithm, message, signature []byte) bool {
	return k.allows(a) && a.verify(k.key.public, message, signature)
}
