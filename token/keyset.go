package token

import (
	"errors"
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

const (
	maxKeySet  = 256 << 10 // bytes of the text of a key set
	maxSetKeys = 100       // keys in it, of any kind
)

// ParseKeySet reads a JWK Set (RFC 7517 section 5), as JWKS returns it and an issuer publishes it, of at most 256 KiB and 100 keys.
// As section 5 asks, keys that cannot be used are left out: those without a kid, of a kind, curve, algorithm or use that access tokens are not
// signed with, malformed or weak. A set in which two keys have one kid is refused with ErrFormat, for it does not say which is
// meant; one that holds a private or symmetric key with ErrPrivateKey, for that key is public now and its owner does not know
// what is published. Other errors: ErrFormat.
func ParseKeySet(data []byte) (*KeySet, error) {
	if len(data) > maxKeySet {
		return nil, failed(ErrFormat, "JWKS", errReason("longer than 256 KiB"))
	}
	var texts []string
	found := false
	err := readObject(string(data), func(r *reader, name string) error {
		if name != "keys" {
			return r.skip()
		}
		found = true
		return r.array(func(r *reader) error {
			start := r.i
			if r.peek() != '{' || len(texts) == maxSetKeys {
				return failed(ErrFormat, "keys", errReason("want at most 100 objects"))
			}
			if err := r.skip(); err != nil {
				return err
			}
			texts = append(texts, r.s[start:r.i])
			return nil
		})
	})
	switch {
	case err != nil:
		return nil, formatError("JWKS", err)
	case !found:
		return nil, fail(ErrFormat, "keys")
	}
	var keys []VerifyKey
	seen := map[string]bool{}
	for _, text := range texts {
		j, err := readJWK(text)
		switch {
		case errors.Is(err, ErrPrivateKey):
			return nil, err
		case j.kid != "" && seen[j.kid]:
			return nil, failed(ErrFormat, "kid", errReason("two keys of one id"))
		}
		seen[j.kid] = true
		if k, ok := j.verifyKey(); err == nil && ok {
			keys = append(keys, k)
		}
	}
	return NewKeySet(keys...)
}

// verifyKey makes a key that access tokens can be verified with, if it is one.
func (j *jwk) verifyKey() (VerifyKey, bool) {
	k, err := j.publicKey()
	if err != nil || !validKeyID(j.kid) {
		return VerifyKey{}, false
	}
	i := slices.IndexFunc(k.key.algorithms, Algorithm.issues)
	if i < 0 {
		return VerifyKey{}, false
	}
	return VerifyKey{j.kid, k.key.algorithms[i], k}, true
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
