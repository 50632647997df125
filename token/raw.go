package token

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// reserved begins every message that this package signs or verifies for a purpose of its own, so that what was signed for one is
// worth nothing for another.
const reserved = "claviger/"

// InsecureVerifyRaw checks a bare signature, in the form of JOSE: for ECDSA R and S side by side (RFC 7518 section 3.4), for
// RSASSA-PSS a salt as long as the hash (section 3.5), for Ed25519 RFC 8032. It is insecure because nothing in the message says what it
// was signed for: whoever can have one message signed can use the signature wherever the same message is taken. So messages that mean
// something here are refused with ErrPurpose, however good the signature: those that begin with "claviger/", and those that
// look like the signing input of a JWS (RFC 7515 section 5.1), as assertions and access tokens are. Other errors:
// ErrUnsupportedKey for the zero key, ErrAlgorithm for an algorithm that is not the key's, ErrSignature.
func (k PublicKey) InsecureVerifyRaw(alg Algorithm, message, signature []byte) error {
	switch {
	case k.IsZero():
		return fail(ErrUnsupportedKey, "")
	case !k.allows(alg):
		return fail(ErrAlgorithm, "alg")
	case strings.HasPrefix(string(message), reserved) || resemblesJWS(string(message)):
		return fail(ErrPurpose, "message")
	case !k.verify(alg, message, signature):
		return fail(ErrSignature, "")
	}
	return nil
}

// resemblesJWS reports whether some reader could take a message for the signing input of a JWS: what stands before the first dot is
// the base64 of a text that begins with a JSON object. It reads more forgivingly than any JWS reader should, spare bits, padding,
// white space, the other alphabet and what follows the object included, and does not look at the payload, which need not be base64
// (RFC 7797).
func resemblesJWS(message string) bool {
	header, _, found := strings.Cut(message, ".")
	if !found {
		return false
	}
	header = strings.Map(func(c rune) rune {
		switch c {
		case ' ', '\t', '\r', '\n', '=':
			return -1
		case '+':
			return '-'
		case '/':
			return '_'
		}
		return c
	}, header)
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return false
	}
	var object map[string]json.RawMessage
	err = json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff"))).Decode(&object)
	return err == nil && object != nil
}
