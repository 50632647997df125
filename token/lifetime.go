package token

import "time"

// lifetime is the time for which a token says it is good.
type lifetime struct {
	issued, expiry time.Time
	notBefore      time.Time // zero if not said
}

// check judges a lifetime as of now (RFC 7519 sections 4.1.4 to 4.1.6). Skew is granted on every side alike: the last good moment is
// just before expiry + skew, the first is issued - skew.
func (l lifetime) check(now time.Time, skew, most time.Duration) error {
	switch life := l.expiry.Sub(l.issued); {
	case life <= 0:
		return failed(ErrClaim, "exp", errReason("not after iat"))
	case life > most:
		return failed(ErrClaim, "exp", errReason("lives longer than allowed"))
	case !now.Before(l.expiry.Add(skew)):
		return fail(ErrExpired, "exp")
	case now.Before(l.issued.Add(-skew)):
		return fail(ErrNotYetValid, "iat")
	case !l.notBefore.IsZero() && now.Before(l.notBefore.Add(-skew)):
		return fail(ErrNotYetValid, "nbf")
	}
	return nil
}
