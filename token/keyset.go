package token

import (
	"slices"
	"strings"
)

// VerifyKey is one of an issuer's public keys, with the one algorithm it is used with.
type VerifyKey struct {
	ID        string    // kid: 1 to 128 printable ASCII characters
	Algorithm Algorithm // AlgEdDSA or AlgES256
	Key       PublicKey
}

// KeySet is the keys whose access tokens are accepted at one moment. It is immutable and safe for concurrent use; nil is the
// empty set.
//
// A token's key is found by its header segment, which must be, byte for byte, the one that this package writes for a key of the
// set. Nothing in the token chooses an algorithm, and no header is parsed.
type KeySet struct {
	byHeader map[string]VerifyKey
	ordered  []VerifyKey // by id
}

// NewKeySet makes the set of some keys. Errors: ErrConfig for an id that is not acceptable or appears twice, ErrAlgorithm for an
// algorithm that is not the key's or that access tokens are not signed with.
func NewKeySet(keys ...VerifyKey) (*KeySet, error) {
	s := &KeySet{byHeader: make(map[string]VerifyKey, len(keys)), ordered: slices.Clone(keys)}
	slices.SortFunc(s.ordered, func(a, b VerifyKey) int { return strings.Compare(a.ID, b.ID) })
	for i, k := range s.ordered {
		switch {
		case !validKeyID(k.ID):
			return nil, failed(ErrConfig, "kid", errReason("want 1 to 128 printable characters"))
		case i > 0 && s.ordered[i-1].ID == k.ID:
			return nil, failed(ErrConfig, "kid", errReason("two keys of one id"))
		case !k.Algorithm.issues() || !k.Key.allows(k.Algorithm):
			return nil, fail(ErrAlgorithm, "alg")
		}
		s.byHeader[headerSegment(k.Algorithm, k.ID)] = k
	}
	return s, nil
}

// validKeyID reports whether id is acceptable as a kid: 1 to 128 printable ASCII characters without space.
func validKeyID(id string) bool {
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 128
}

// find returns the key that produces a header segment.
func (s *KeySet) find(header string) (VerifyKey, bool) {
	if s == nil {
		return VerifyKey{}, false
	}
	k, ok := s.byHeader[header]
	return k, ok
}

// JWKS returns the set as a JWK Set (RFC 7517 section 5), ordered by kid: public members, kid, use "sig" and alg. Serve it as
// application/jwk-set+json.
func (s *KeySet) JWKS() []byte {
	b := []byte(`{"keys":[`)
	if s != nil {
		for i, k := range s.ordered {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJWK(b, k.Key.key.public)
			b = appendString(append(b, `,"kid":`...), k.ID)
			b = appendString(append(b, `,"use":"sig","alg":`...), string(k.Algorithm))
			b = append(b, '}')
		}
	}
	return append(b, `]}`...)
}
