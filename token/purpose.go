package token

import (
	"crypto"
	"slices"
	"strings"
)

// Purpose is what a signature is for. It stands before the message that is signed, and so makes the signature worth nothing for another
// purpose, for [PublicKey.InsecureVerifyRaw], or in a JWS. The zero value is none, and is refused.
type Purpose string

// What this library itself asks to be signed.
const (
	PurposePossession Purpose = "claviger/pop/v1\n"     // to register the key
	PurposeLogin      Purpose = "claviger/login/v1\n"   // to get an access token
	PurposeAction     Purpose = "claviger/action/v1\n"  // to approve one HTTP request
	PurposeRequest    Purpose = "claviger/request/v1\n" // to make one HTTP request, in one step
)

const (
	hostPurpose    = reserved + "host/v1/"
	maxPurposeName = 64 // bytes
)

// HostPurpose is a purpose of the host's own, "claviger/host/v1/<name>\n". A name is 1 to 64 of [a-z0-9._-]. Errors: ErrPurpose.
func HostPurpose(name string) (Purpose, error) {
	if p := Purpose(hostPurpose + name + "\n"); p.OfHost() {
		return p, nil
	}
	return "", failed(ErrPurpose, "name", errReason("want 1 to 64 of [a-z0-9._-]"))
}

// OfHost reports whether p is one that HostPurpose makes.
func (p Purpose) OfHost() bool {
	name, ok := strings.CutPrefix(string(p), hostPurpose)
	if !ok {
		return false
	}
	name, ok = strings.CutSuffix(name, "\n")
	if !ok || name == "" || len(name) > maxPurposeName {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-'
	})
}

func (p Purpose) valid() bool {
	switch p {
	case PurposePossession, PurposeLogin, PurposeAction, PurposeRequest:
		return true
	}
	return p.OfHost()
}

// Verify checks a signature of purpose ‖ message, in the form of JOSE: for ECDSA R and S side by side (RFC 7518 section 3.4), for
// RSASSA-PSS a salt as long as the hash (section 3.5), for Ed25519 RFC 8032. Errors: ErrUnsupportedKey for the zero key, ErrPurpose
// for a purpose that is none, ErrAlgorithm for an algorithm that is not the key's, ErrSignature.
func (k PublicKey) Verify(purpose Purpose, alg Algorithm, message, signature []byte) error {
	switch {
	case k.IsZero():
		return fail(ErrUnsupportedKey, "")
	case !purpose.valid():
		return fail(ErrPurpose, "purpose")
	case !k.allows(alg):
		return fail(ErrAlgorithm, "alg")
	case !k.verify(alg, slices.Concat([]byte(purpose), message), signature):
		return fail(ErrSignature, "")
	}
	return nil
}

// Sign makes a signature that Verify accepts, with a key that is Ed25519 (EdDSA), ECDSA on P-256, P-384 or P-521 (ES256, ES384,
// ES512), or RSA (RS256). It is verified before it is returned, so a broken or mismatched signer gives ErrSignature. Other errors:
// ErrConfig for a nil key, ErrPurpose, ErrUnsupportedKey, ErrWeakKey.
func Sign(key crypto.Signer, purpose Purpose, message []byte) (Algorithm, []byte, error) {
	if key == nil {
		return "", nil, fail(ErrConfig, "key")
	}
	if !purpose.valid() {
		return "", nil, fail(ErrPurpose, "purpose")
	}
	public, err := NewPublicKey(key.Public())
	if err != nil {
		return "", nil, err
	}
	alg := public.key.algorithms[0]
	signature, err := sign(key, alg, slices.Concat([]byte(purpose), message))
	if err != nil {
		return "", nil, err
	}
	if public.Verify(purpose, alg, message, signature) != nil {
		return "", nil, failed(ErrSignature, "signer", errReason("the signature is not of its public key"))
	}
	return alg, signature, nil
}
