package token

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"io"
	"strconv"
	"time"
)

// AssertionSpec says what a client assertion is to say.
type AssertionSpec struct {
	KeyID    string        // kid: the id that the server gave the key; required
	Account  string        // iss and sub; required, at most 255 bytes
	Audience string        // aud: the server's issuer id; required
	Life     time.Duration // exp - iat; 0 is 1 minute, at most 1 hour; servers accept 5 minutes unless told otherwise
	Now      time.Time     // iat; zero is time.Now
	Rand     io.Reader     // the source of jti; nil is crypto/rand
}

// SignAssertion makes a client assertion (RFC 7523 section 3) in JWS compact form with a key that is Ed25519 (alg EdDSA), ECDSA on
// P-256, P-384 or P-521 (ES256, ES384, ES512), or RSA (RS256). The signature is verified before it is returned, so a broken or
// mismatched signer gives ErrSignature and no assertion. Other errors: ErrConfig naming the field, ErrUnsupportedKey, ErrWeakKey.
func SignAssertion(ctx context.Context, key crypto.Signer, spec AssertionSpec) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if key == nil {
		return "", fail(ErrConfig, "key")
	}
	if err := spec.complete(); err != nil {
		return "", err
	}
	public, err := NewPublicKey(key.Public())
	if err != nil {
		return "", err
	}
	alg := public.key.algorithms[0]
	var id [16]byte
	if _, err := io.ReadFull(spec.Rand, id[:]); err != nil {
		return "", failed(ErrUnavailable, "random", err)
	}
	issued := spec.Now.Unix()

	header := appendString([]byte(`{"alg":`), string(alg))
	header = appendString(append(header, `,"kid":`...), spec.KeyID)
	header = append(header, `,"typ":"JWT"}`...)
	claims := appendString([]byte(`{"iss":`), spec.Account)
	claims = appendString(append(claims, `,"sub":`...), spec.Account)
	claims = appendString(append(claims, `,"aud":`...), spec.Audience)
	claims = strconv.AppendInt(append(claims, `,"exp":`...), issued+int64(spec.Life/time.Second), 10)
	claims = strconv.AppendInt(append(claims, `,"iat":`...), issued, 10)
	claims = appendString(append(claims, `,"jti":`...), hex.EncodeToString(id[:]))
	claims = append(claims, '}')

	b := segments.AppendEncode(nil, header)
	b = segments.AppendEncode(append(b, '.'), claims)
	signature, err := sign(key, alg, b)
	if err != nil {
		return "", err
	}
	if !public.verify(alg, b, signature) {
		return "", failed(ErrSignature, "signer", errReason("the signature is not of its public key"))
	}
	b = segments.AppendEncode(append(b, '.'), signature)
	if len(b) > maxToken {
		return "", failed(ErrFormat, "token", errReason("longer than 8 KiB"))
	}
	return string(b), nil
}

// complete sets defaults and refuses what a server would.
func (s *AssertionSpec) complete() error {
	if s.Life == 0 {
		s.Life = time.Minute
	}
	if s.Now.IsZero() {
		s.Now = time.Now()
	}
	if s.Rand == nil {
		s.Rand = rand.Reader
	}
	switch {
	case !validKeyID(s.KeyID):
		return fail(ErrConfig, "KeyID")
	case !validText(s.Account) || len(s.Account) > maxClientText:
		return fail(ErrConfig, "Account")
	case !validText(s.Audience):
		return fail(ErrConfig, "Audience")
	case s.Life < time.Second || s.Life > maxLife:
		return fail(ErrConfig, "Life")
	case s.Now.Unix() <= 0 || s.Now.Unix() > maxDate-int64(maxLife/time.Second):
		return fail(ErrConfig, "Now")
	}
	return nil
}
