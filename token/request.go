package token

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// RequestLife is how long the signature of a request is good from the moment that it names on; clocks may differ besides.
const RequestLife = time.Minute

const (
	requestIDLen   = 16   // bytes of a random id
	maxRequestText = 1200 // bytes: one of RSA with 4096 bits has about 900
)

// RequestSignature is what a request carries that its sender has signed in one step, without a challenge: who signed, when, and the digest of what.
// It has one spelling as text, its fields with dots between them:
//
//	<key id>.<Unix seconds>.<id>.<digest>.<algorithm>.<signature>
//
// where id, digest and signature are base64url without padding.
type RequestSignature struct {
	KeyID     string             // the id of the credential, 1 to 128 of [a-z0-9_]
	CreatedAt time.Time          // in whole seconds
	ID        [requestIDLen]byte // random; good once for its key
	Digest    [sha256.Size]byte  // of the action, see [Action.Digest]
	Algorithm Algorithm
	Signature []byte
}

// RequestSpec is what SignRequest signs. All but Rand is required.
type RequestSpec struct {
	Issuer string // of the server, as the signer was configured with it
	KeyID  string // the id the server gave the public key
	Action Action // the request that the signer means to send
	Now    time.Time
	Rand   io.Reader // of the id; nil is crypto/rand
}

// SignRequest signs a request and returns the text that it is to carry. The signature is good once, for RequestLife. Errors: ErrConfig for a missing
// or malformed field, ErrUnavailable for a source of randomness that fails, those of [Action.Digest] and of [Sign].
func SignRequest(key crypto.Signer, spec RequestSpec) (string, error) {
	if spec.Rand == nil {
		spec.Rand = rand.Reader
	}
	switch {
	case !validText(spec.Issuer):
		return "", fail(ErrConfig, "Issuer")
	case !validRequestKey(spec.KeyID):
		return "", fail(ErrConfig, "KeyID")
	case spec.Now.Unix() <= 0 || spec.Now.Unix() > maxDate:
		return "", fail(ErrConfig, "Now")
	}
	s := RequestSignature{KeyID: spec.KeyID, CreatedAt: time.Unix(spec.Now.Unix(), 0).UTC()}
	var err error
	if s.Digest, err = spec.Action.Digest(); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(spec.Rand, s.ID[:]); err != nil {
		return "", failed(ErrUnavailable, "random", err)
	}
	if s.Algorithm, s.Signature, err = Sign(key, PurposeRequest, s.Message(spec.Issuer)); err != nil {
		return "", err
	}
	return s.String(), nil
}

// Message is what is signed, under PurposeRequest: the issuer and the key id, each behind its length as four bytes, the most significant first, then the
// Unix seconds as eight bytes, the id and the digest.
func (s RequestSignature) Message(issuer string) []byte {
	b := appendPart(appendPart(nil, issuer), s.KeyID)
	b = binary.BigEndian.AppendUint64(b, uint64(s.CreatedAt.Unix()))
	return append(append(b, s.ID[:]...), s.Digest[:]...)
}

// String is the text that a request carries.
func (s RequestSignature) String() string {
	b := segments.EncodeToString
	return strings.Join([]string{
		s.KeyID, strconv.FormatInt(s.CreatedAt.Unix(), 10), b(s.ID[:]), b(s.Digest[:]), string(s.Algorithm), b(s.Signature),
	}, ".")
}

// ParseRequestSignature reads a text. It accepts nothing that String does not write, and verifies nothing. Errors: ErrFormat.
func ParseRequestSignature(text string) (RequestSignature, error) {
	s, err := parseRequestSignature(text)
	if err != nil {
		return RequestSignature{}, err
	}
	return s, nil
}

func parseRequestSignature(text string) (s RequestSignature, err error) {
	if len(text) > maxRequestText || strings.Count(text, ".") != 5 {
		return s, fail(ErrFormat, "")
	}
	f := strings.Split(text, ".")
	seconds, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil || seconds <= 0 || seconds > maxDate {
		return s, fail(ErrFormat, "created")
	}
	id, errID := segments.DecodeString(f[2])
	digest, errDigest := segments.DecodeString(f[3])
	signature, errSignature := segments.DecodeString(f[5])
	switch {
	case !validRequestKey(f[0]):
		return s, fail(ErrFormat, "key")
	case errors.Join(errID, errDigest, errSignature) != nil || len(id) != requestIDLen || len(digest) != sha256.Size || len(signature) == 0:
		return s, fail(ErrFormat, "")
	}
	s = RequestSignature{
		KeyID: f[0], CreatedAt: time.Unix(seconds, 0).UTC(), ID: [requestIDLen]byte(id), Digest: [sha256.Size]byte(digest),
		Algorithm: Algorithm(f[4]), Signature: signature,
	}
	if s.String() != text { // line breaks, spare bits, leading zeros
		return s, fail(ErrFormat, "")
	}
	return s, nil
}

// CheckTime fails unless the signature is good at an instant, by clocks that differ by at most skew. Errors: ErrExpired, ErrNotYetValid.
func (s RequestSignature) CheckTime(now time.Time, skew time.Duration) error {
	switch {
	case s.CreatedAt.After(now.Add(skew)):
		return fail(ErrNotYetValid, "created")
	case !now.Before(s.Ends(skew)):
		return fail(ErrExpired, "created")
	}
	return nil
}

// Ends is the instant from which on CheckTime refuses the signature.
func (s RequestSignature) Ends(skew time.Duration) time.Time {
	return s.CreatedAt.Add(RequestLife + skew)
}

// validRequestKey reports whether a text can name a key between dots.
func validRequestKey(id string) bool {
	return id != "" && len(id) <= 128 && each(id, func(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' })
}
