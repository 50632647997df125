package token

import (
	"context"
	"crypto"
	"time"
)

// Signer makes signatures with a private key that is kept elsewhere, such as in a key management service or a hardware module. It
// is a [crypto.Signer] that takes a context, and it never gives the private key away. It is called concurrently.
type Signer interface {
	// Public returns the public key: an ed25519.PublicKey, or an *ecdsa.PublicKey on P-256.
	Public() crypto.PublicKey
	// Sign signs. For AlgES256 hash is crypto.SHA256 and input the digest; the signature is DER as of crypto.Signer, or R and S
	// side by side (RFC 7518 section 3.4). For AlgEdDSA hash is 0 and input the whole message, of at most 8 KiB. It must return soon
	// after ctx has ended.
	Sign(ctx context.Context, input []byte, hash crypto.Hash) ([]byte, error)
}

// signWait bounds one signature that is made elsewhere.
const signWait = 5 * time.Second

// NewSigningKeyFrom makes the signing key of a signer, which lives as long as the key. What the signer returns is verified before it is
// used: a signature that is not of its public key, or of no form known here, is ErrSignature; a signer that fails is
// ErrUnavailable; one that has not answered after 5 seconds, or when the caller gives up, is the context's error. None of them
// leaves a token. Errors here: ErrConfig for a nil signer, ErrAlgorithm if its key is of another kind, ErrWeakKey,
// ErrUnsupportedKey.
func NewSigningKeyFrom(alg Algorithm, signer Signer) (*SigningKey, error) {
	if signer == nil {
		return nil, failed(ErrConfig, "signer", errReason("none given"))
	}
	public, err := NewPublicKey(signer.Public())
	if err != nil {
		return nil, err
	}
	if !alg.issues() || !public.allows(alg) {
		return nil, fail(ErrAlgorithm, "signer")
	}
	return &SigningKey{
		algorithm: alg, remote: func() Signer { return signer }, public: public, header: headerSegment(alg, public.Thumbprint()),
	}, nil
}

// Remote reports whether the private key is kept elsewhere: it came from [NewSigningKeyFrom].
func (k *SigningKey) Remote() bool { return k.private == nil }

// Probe has the key sign a text that means nothing, and verifies it: a key that cannot sign is found before anybody relies on it.
// Errors: those of Sign.
func (k *SigningKey) Probe(ctx context.Context) error {
	message := []byte(reserved + "probe/v1\n" + k.ID())
	signature, err := k.signature(ctx, message)
	if err == nil && !k.public.verify(k.algorithm, message, signature) {
		err = failed(ErrSignature, "signer", errReason("the signature is not of its public key"))
	}
	return err
}

// signRemotely makes a JWS signature (RFC 7515 section 5.1) and verifies it.
func (k *SigningKey) signRemotely(ctx context.Context, message []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, signWait)
	defer cancel()
	signature, err := k.remote().Sign(ctx, k.algorithm.digest(message), k.algorithm.hash())
	switch {
	case ctx.Err() != nil: // whatever it says after that
		return nil, ctx.Err()
	case err != nil:
		return nil, failed(ErrUnavailable, "signer", err)
	case k.public.verify(k.algorithm, message, signature):
		return signature, nil
	}
	if k.algorithm == AlgES256 {
		raw, err := rawECDSA(signature, 32)
		if err == nil && k.public.verify(k.algorithm, message, raw) {
			return raw, nil
		}
	}
	return nil, failed(ErrSignature, "signer", errReason("the signature is not of its public key"))
}
