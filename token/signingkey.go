package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"io"
	"log/slog"
	"math/big"
)

// SigningKey signs access tokens. It is immutable, safe for concurrent use, and never printed: every way of formatting it gives
// "[redacted]"; only Marshal gives the private key.
//
// The private key is kept in a function because fmt sometimes prints fields without asking our methods (those of a struct around us,
// or for a wrong verb), and then prints an address.
type SigningKey struct {
	algorithm Algorithm
	private   func() crypto.Signer // ed25519.PrivateKey or *ecdsa.PrivateKey; nil if it is kept elsewhere
	remote    func() Signer        // who signs then
	public    PublicKey
	header    string // the header segment, the same in every token
}

// GenerateSigningKey makes a key for AlgEdDSA (Ed25519) or AlgES256 (P-256). A nil random is crypto/rand; anything else is for tests
// that need the same key twice. Errors: ErrAlgorithm, and those of random.
func GenerateSigningKey(alg Algorithm, random io.Reader) (*SigningKey, error) {
	if random == nil {
		random = rand.Reader
	}
	var seed [32]byte // the seed of RFC 8032, the scalar of P-256
	for alg.issues() {
		if _, err := io.ReadFull(random, seed[:]); err != nil {
			return nil, failed(ErrUnavailable, "random", err)
		}
		if alg == AlgEdDSA {
			return newSigningKey(alg, ed25519.NewKeyFromSeed(seed[:]))
		}
		// One in 2^32 texts is not below the order of the curve.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:]); err == nil {
			return newSigningKey(alg, key)
		}
	}
	return nil, fail(ErrAlgorithm, "alg")
}

// ParseSigningKey reads what Marshal wrote, a PKCS #8 PrivateKeyInfo (RFC 5958), for the algorithm it was made for. Errors: ErrFormat,
// ErrAlgorithm if the key is of another kind, ErrWeakKey.
func ParseSigningKey(alg Algorithm, pkcs8 []byte) (*SigningKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, fail(ErrFormat, "signing key") // the library's error may quote the key
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fail(ErrAlgorithm, "signing key")
	}
	k, err := newSigningKey(alg, signer)
	if err != nil {
		return nil, err
	}
	if again, err := k.Marshal(); err != nil || !bytes.Equal(again, pkcs8) {
		return nil, failed(ErrFormat, "signing key", errReason("not the canonical encoding"))
	}
	return k, nil
}

func newSigningKey(alg Algorithm, private crypto.Signer) (*SigningKey, error) {
	public, err := NewPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	if !alg.issues() || !public.allows(alg) {
		return nil, fail(ErrAlgorithm, "signing key")
	}
	return &SigningKey{
		algorithm: alg, private: func() crypto.Signer { return private }, public: public, header: headerSegment(alg, public.Thumbprint()),
	}, nil
}

// headerSegment is the first segment of every access token that a key signs (RFC 9068 section 2.1).
func headerSegment(alg Algorithm, id string) string {
	b := appendString([]byte(`{"alg":`), string(alg))
	b = appendString(append(b, `,"kid":`...), id)
	return segments.EncodeToString(append(b, `,"typ":"at+jwt"}`...))
}

// Marshal returns the private key as PKCS #8 (RFC 5958), to be sealed and stored. One that a [Signer] keeps is ErrUnsupportedKey.
func (k *SigningKey) Marshal() ([]byte, error) {
	if k.private == nil {
		return nil, failed(ErrUnsupportedKey, "signing key", errReason("it is kept elsewhere"))
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private())
	if err != nil {
		return nil, fail(ErrUnsupportedKey, "signing key")
	}
	return der, nil
}

// ID returns the key id, the kid of its tokens: the RFC 7638 thumbprint of the public key.
func (k *SigningKey) ID() string { return k.public.Thumbprint() }

// Algorithm returns the algorithm it signs with.
func (k *SigningKey) Algorithm() Algorithm { return k.algorithm }

// Public returns the public key.
func (k *SigningKey) Public() PublicKey { return k.public }

// VerifyKey returns what a KeySet needs to verify this key's tokens.
func (k *SigningKey) VerifyKey() VerifyKey { return VerifyKey{k.ID(), k.algorithm, k.public} }

// Sign issues an access token (RFC 9068) in JWS compact form, of at most 8 KiB. It refuses, with ErrClaim naming the claim, what
// Verify would refuse in any token: a required claim that is missing, a text that is not UTF-8 or has control characters, dates out
// of order or after the year 9999. Whether the token lives too long is its issuer's affair, and then the verifier's.
func (k *SigningKey) Sign(ctx context.Context, c Claims) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := c.check(); err != nil {
		return "", err
	}
	payload := c.append(make([]byte, 0, 1024))
	size := len(k.header) + segments.EncodedLen(len(payload)) + segments.EncodedLen(64) + 2
	if size > maxToken {
		return "", failed(ErrFormat, "token", errReason("longer than 8 KiB"))
	}
	b := make([]byte, 0, size)
	b = append(b, k.header...)
	b = append(b, '.')
	b = segments.AppendEncode(b, payload)
	signature, err := k.signature(ctx, b)
	if err != nil {
		return "", err
	}
	b = append(b, '.')
	return string(segments.AppendEncode(b, signature)), nil
}

func (k *SigningKey) signature(ctx context.Context, message []byte) ([]byte, error) {
	if k.private == nil {
		return k.signRemotely(ctx, message)
	}
	return sign(k.private(), k.algorithm, message)
}

// sign makes a JWS signature (RFC 7515 section 5.1) with a key of that algorithm.
func sign(key crypto.Signer, alg Algorithm, message []byte) ([]byte, error) {
	signature, err := key.Sign(rand.Reader, alg.digest(message), alg.hash())
	if err != nil {
		return nil, failed(ErrSignature, "signer", err)
	}
	if public, ok := key.Public().(*ecdsa.PublicKey); ok {
		return rawECDSA(signature, coordinateSize(public.Curve))
	}
	return signature, nil
}

// rawECDSA turns the DER of crypto.Signer into R and S side by side (RFC 7518 section 3.4).
func rawECDSA(der []byte, width int) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &rs)
	if err != nil || len(rest) != 0 || rs.R.Sign() <= 0 || rs.S.Sign() <= 0 ||
		rs.R.BitLen() > 8*width || rs.S.BitLen() > 8*width {
		return nil, failed(ErrSignature, "signer", errReason("not an ECDSA signature"))
	}
	raw := make([]byte, 2*width)
	rs.R.FillBytes(raw[:width])
	rs.S.FillBytes(raw[width:])
	return raw, nil
}

// String returns "[redacted]".
func (k *SigningKey) String() string { return redacted }

// GoString returns "[redacted]".
func (k *SigningKey) GoString() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (k *SigningKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]", which is also its JSON.
func (k *SigningKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (k *SigningKey) LogValue() slog.Value { return slog.StringValue(redacted) }
