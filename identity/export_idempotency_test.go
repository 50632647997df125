package identity

import "context"

// Repeatable reports whether a call heeds an idempotency key.
func Repeatable(op string) bool { return repeatable(op) }

// ForgetIdempotencyKeys lets go of keys that have ended, as the background does.
func (a *Authority) ForgetIdempotencyKeys(ctx context.Context) error {
	return a.forgetIdempotencyKeys(ctx)
}
