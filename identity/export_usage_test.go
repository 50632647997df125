package identity

import "context"

// AuthenticateCold is Authenticate without what is remembered.
func (a *Authority) AuthenticateCold(ctx context.Context, raw string) (Principal, error) {
	p, err := a.authenticate(ctx, a.wayOf(raw), raw, a.clock.Now())
	return p, wrap("Authenticate", err)
}

// Remembered reports whether a token is remembered for the instance as it is now.
func (a *Authority) Remembered(raw string) bool {
	return a.verified.find(raw, a.instance.Load()) != nil
}

// SweepVerified lets go of remembered tokens as the background does.
func (a *Authority) SweepVerified() { a.verified.sweep(a.clock.Now()) }

// WriteUses writes down who was here, as the background does.
func (a *Authority) WriteUses(ctx context.Context) error { return a.writeUses(ctx) }

// WaitingUses counts what is not written down yet.
func (a *Authority) WaitingUses() int {
	a.uses.mu.Lock()
	defer a.uses.mu.Unlock()
	return len(a.uses.waiting)
}

// WarnExpiry gives the warnings that are due, as the background does.
func (a *Authority) WarnExpiry(ctx context.Context) error { return a.warnExpiry(ctx) }

// RevokedTokensHeld counts the revoked tokens of an org in memory.
func (a *Authority) RevokedTokensHeld(ctx context.Context, org OrgID) (int, error) {
	v, err := a.viewOf(ctx, org)
	if err != nil {
		return 0, err
	}
	return v.revoked.Len(), nil
}
