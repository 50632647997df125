package token

import (
	"errors"
	"slices"
	"time"
)

const (
	defaultSkew = 30 * time.Second
	maxSkew     = 2 * time.Minute
	maxLife     = time.Hour
)

// VerifierConfig says which access tokens are for us.
type VerifierConfig struct {
	Issuer   string        // iss, compared byte for byte; required
	Audience string        // one of aud, compared byte for byte; required
	Skew     time.Duration // allowed difference of clocks, for exp, nbf and iat alike; 0 is 30 seconds, at most 2 minutes
	MaxLife  time.Duration // longest exp - iat accepted; 0 is 1 hour, which is also the most
}

// Verifier reads access tokens. It is immutable and safe for concurrent use; the zero value refuses all.
type Verifier struct {
	c VerifierConfig
}

// NewVerifier checks the configuration. Errors: ErrConfig.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if err := checkLimits(&c.Skew, &c.MaxLife, maxLife); err != nil {
		return nil, err
	}
	switch {
	case !validText(c.Issuer):
		return nil, fail(ErrConfig, "Issuer")
	case !validText(c.Audience):
		return nil, fail(ErrConfig, "Audience")
	}
	return &Verifier{c}, nil
}

// checkLimits sets defaults and refuses values outside their limits.
func checkLimits(skew, life *time.Duration, defaultLife time.Duration) error {
	if *skew == 0 {
		*skew = defaultSkew
	}
	if *life == 0 {
		*life = defaultLife
	}
	switch {
	case *skew < 0 || *skew > maxSkew:
		return failed(ErrConfig, "Skew", errReason("want at most 2 minutes"))
	case *life < time.Second || *life > maxLife:
		return failed(ErrConfig, "MaxLife", errReason("want 1 second to 1 hour"))
	}
	return nil
}

// Verify reads an access token (RFC 9068 section 4) signed by one of keys, as of now. In this order: at most 8 KiB in three
// canonical base64url segments; a header that a key of the set produces; the signature; then UTF-8 and strict JSON, the required
// claims by presence and type, iss, aud, and the times. Whether the token was revoked is not known here.
//
// On any error the claims are zero. Errors: ErrFormat, ErrUnknownKey, ErrSignature, ErrClaim, ErrExpired, ErrNotYetValid.
func (v *Verifier) Verify(keys *KeySet, raw string, now time.Time) (Claims, error) {
	c, err := v.read(keys, raw)
	if err == nil {
		err = v.checkTimes(&c, now)
	}
	if err != nil {
		return Claims{}, err
	}
	return c, nil
}

// InsecureVerifyExpired reads an access token of which [Verifier.Verify] finds nothing wrong but that it has expired. It says whose the
// token was, and authenticates nobody: one that is still good it refuses.
//
// On any error the claims are zero. Errors: those of Verify, but ErrClaim instead of ErrExpired, for a token that has not expired.
func (v *Verifier) InsecureVerifyExpired(keys *KeySet, raw string, now time.Time) (Claims, error) {
	c, err := v.read(keys, raw)
	if err != nil {
		return Claims{}, err
	}
	switch err := v.checkTimes(&c, now); {
	case errors.Is(err, ErrExpired):
		return c, nil
	case err != nil:
		return Claims{}, err
	}
	return Claims{}, failed(ErrClaim, "exp", errReason("has not expired"))
}

// read believes a token but for its times.
func (v *Verifier) read(keys *KeySet, raw string) (Claims, error) {
	if v == nil || v.c.Issuer == "" || v.c.Audience == "" {
		return Claims{}, fail(ErrConfig, "Verifier")
	}
	t, err := split(raw)
	if err != nil {
		return Claims{}, err
	}
	key, ok := keys.find(t.header)
	if !ok {
		return Claims{}, fail(ErrUnknownKey, "header")
	}
	if !key.Algorithm.verify(key.Key.key.public, t.input(), t.signature) {
		return Claims{}, fail(ErrSignature, "")
	}
	c, err := parseClaims(string(t.payload))
	if err != nil {
		return Claims{}, err
	}
	switch {
	case c.Issuer != v.c.Issuer:
		return Claims{}, fail(ErrClaim, "iss")
	case !slices.Contains(c.Audience, v.c.Audience):
		return Claims{}, fail(ErrClaim, "aud")
	}
	return c, nil
}

func (v *Verifier) checkTimes(c *Claims, now time.Time) error {
	life := lifetime{issued: time.Unix(c.IssuedAt, 0), expiry: time.Unix(c.Expiry, 0)}
	if c.NotBefore != 0 {
		life.notBefore = time.Unix(c.NotBefore, 0)
	}
	return life.check(now, v.c.Skew, v.c.MaxLife)
}
