package token

import (
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const defaultAssertionLife = 5 * time.Minute

// Assertion is what a client assertion (RFC 7523) said, after everything about it was found good but that its jti was not used
// before: that is for the caller, who must remember (KeyID, ID) until Expiry plus the skew.
type Assertion struct {
	KeyID    string // kid, the id the key was found by
	Issuer   string // iss
	Subject  string // sub, equal to Issuer
	ID       string // jti, 1 to 255 bytes
	Audience string // aud, the one value
	IssuedAt time.Time
	Expiry   time.Time
}

// AssertionPolicy says which assertions are accepted. The zero value refuses all.
type AssertionPolicy struct {
	Audience string        // our issuer id, the only value of aud; required
	Endpoint string        // the token endpoint's URL, if it is accepted as aud too, as some clients send it; else ""
	MaxLife  time.Duration // longest exp - iat; 0 is 5 minutes, at most 1 hour
	Skew     time.Duration // allowed difference of clocks; 0 is 30 seconds, at most 2 minutes
}

// Verify reads a client assertion (RFC 7523 section 3, RFC 8725) as of now. The key is asked for by its kid, once, after the
// form of the token and its header were found good and before the signature; it is used with its own algorithms only. An error of
// key is returned as it is, so that a storage failure does not look like a bad token; a zero key is ErrUnknownKey.
//
// The form is strict: compact serialization of at most 8 KiB, canonical base64url, UTF-8, no duplicate members, nesting of at most
// 32; typ absent, "JWT" or "client-authentication+jwt"; none of the headers jku, x5u, x5c, jwk, crit, b64, zip, enc. The claims
// iss, sub (equal to iss), aud (one value), exp, iat and jti are required; dates may have fractions.
//
// On any error the assertion is zero. Errors: ErrConfig for the policy itself, ErrFormat, ErrPurpose, ErrAlgorithm, ErrUnknownKey,
// ErrSignature, ErrClaim, ErrExpired, ErrNotYetValid.
func (p AssertionPolicy) Verify(raw string, key func(kid string) (PublicKey, error), now time.Time) (Assertion, error) {
	if err := checkLimits(&p.Skew, &p.MaxLife, defaultAssertionLife); err != nil {
		return Assertion{}, err
	}
	if !validText(p.Audience) || p.Endpoint != "" && !validText(p.Endpoint) || key == nil {
		return Assertion{}, fail(ErrConfig, "AssertionPolicy")
	}
	t, err := split(raw)
	if err != nil {
		return Assertion{}, err
	}
	h, err := parseAssertionHeader(t.header)
	if err != nil {
		return Assertion{}, err
	}
	public, err := key(h.kid)
	switch {
	case err != nil:
		return Assertion{}, err
	case public.IsZero():
		return Assertion{}, fail(ErrUnknownKey, "kid")
	case !public.allows(h.alg):
		return Assertion{}, fail(ErrAlgorithm, "alg")
	}
	// go-jose reads the token a second time, with the one algorithm allowed, so that it has to be good in the eyes of two readers.
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(h.alg)})
	if err != nil {
		return Assertion{}, fail(ErrFormat, "token")
	}
	payload, err := jws.Verify(joseVerifier{public})
	if err != nil {
		return Assertion{}, fail(ErrSignature, "")
	}
	c, err := parseAssertionClaims(string(payload))
	if err != nil {
		return Assertion{}, err
	}
	switch {
	case c.issuer != c.subject:
		return Assertion{}, failed(ErrClaim, "sub", errReason("not equal to iss"))
	case len(c.audience) != 1 || c.audience[0] != p.Audience && (p.Endpoint == "" || c.audience[0] != p.Endpoint):
		return Assertion{}, fail(ErrClaim, "aud")
	}
	if err := c.life.check(now, p.Skew, p.MaxLife); err != nil {
		return Assertion{}, err
	}
	return Assertion{
		KeyID: h.kid, Issuer: c.issuer, Subject: c.subject, ID: c.id, Audience: c.audience[0],
		IssuedAt: c.life.issued, Expiry: c.life.expiry,
	}, nil
}

// joseVerifier lends our signature check to go-jose, whose own takes RSASSA-PSS signatures of any salt length and does not know
// "Ed25519" as the name of an algorithm.
type joseVerifier struct{ key PublicKey }

// VerifyPayload implements jose.OpaqueVerifier.
func (v joseVerifier) VerifyPayload(payload, signature []byte, alg jose.SignatureAlgorithm) error {
	if !v.key.verify(Algorithm(alg), payload, signature) {
		return ErrSignature
	}
	return nil
}

// assertionHeader is what matters of a header.
type assertionHeader struct {
	alg Algorithm
	kid string
}

// parseAssertionHeader reads the header segment of an assertion and refuses what is wrong before any key is looked up.
func parseAssertionHeader(segment string) (assertionHeader, error) {
	text, ok := decodeSegment(segment)
	if !ok {
		return assertionHeader{}, failed(ErrFormat, "header", errReason("not canonical base64url"))
	}
	var h assertionHeader
	err := readObject(string(text), func(r *reader, name string) error {
		var err error
		switch name {
		case "alg":
			var alg string
			if r.peek() != '"' {
				return fail(ErrAlgorithm, "alg")
			}
			alg, err = r.str()
			h.alg = Algorithm(alg)
			if err == nil && !h.alg.known() {
				err = fail(ErrAlgorithm, "alg")
			}
		case "kid":
			if r.peek() != '"' {
				return fail(ErrFormat, "kid")
			}
			h.kid, err = r.str()
			if err == nil && !validKeyID(h.kid) {
				err = fail(ErrFormat, "kid")
			}
		case "typ":
			if r.peek() != '"' {
				return fail(ErrPurpose, "typ")
			}
			var typ string
			typ, err = r.str()
			if err == nil && !assertionType(typ) {
				err = fail(ErrPurpose, "typ")
			}
		case "jku", "x5u", "x5c", "jwk", "crit", "b64", "zip", "enc":
			err = failed(ErrFormat, name, errReason("header not accepted"))
		default:
			err = r.skip()
		}
		return err
	})
	switch {
	case err != nil:
		return assertionHeader{}, formatError("header", err)
	case h.alg == "":
		return assertionHeader{}, fail(ErrAlgorithm, "alg")
	case h.kid == "":
		return assertionHeader{}, fail(ErrFormat, "kid")
	}
	return h, nil
}

// assertionType reports whether a typ may be that of an assertion. Media types have no case and may leave out "application/"
// (RFC 7515 section 4.1.9).
func assertionType(typ string) bool {
	typ = strings.ToLower(typ)
	return slices.Contains([]string{"jwt", "client-authentication+jwt"}, strings.TrimPrefix(typ, "application/"))
}

// assertionClaims is what matters of the claims.
type assertionClaims struct {
	issuer, subject, id string
	audience            []string
	life                lifetime
}

// maxClientText bounds iss, sub and jti of an assertion, in bytes.
const maxClientText = 255

// parseAssertionClaims reads the claims, the required ones by presence and type.
func parseAssertionClaims(payload string) (assertionClaims, error) {
	var c assertionClaims
	short := func(r *reader, name string) (string, error) {
		s, err := r.text(name)
		if err == nil && len(s) > maxClientText {
			err = fail(ErrClaim, name)
		}
		return s, err
	}
	instant := func(r *reader, name string) (time.Time, error) {
		sec, nsec, err := r.instant(name)
		return time.Unix(sec, nsec), err
	}
	err := readObject(payload, func(r *reader, name string) (err error) {
		switch name {
		case "iss":
			c.issuer, err = short(r, name)
		case "sub":
			c.subject, err = short(r, name)
		case "jti":
			c.id, err = short(r, name)
		case "aud":
			c.audience, err = r.audience()
		case "exp":
			c.life.expiry, err = instant(r, name)
		case "iat":
			c.life.issued, err = instant(r, name)
		case "nbf":
			c.life.notBefore, err = instant(r, name)
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return assertionClaims{}, formatError("claims", err)
	}
	for _, required := range [...]struct {
		field  string
		absent bool
	}{
		{"iss", c.issuer == ""}, {"sub", c.subject == ""}, {"aud", c.audience == nil},
		{"exp", c.life.expiry.IsZero()}, {"iat", c.life.issued.IsZero()}, {"jti", c.id == ""},
	} {
		if required.absent {
			return assertionClaims{}, fail(ErrClaim, required.field)
		}
	}
	return c, nil
}
