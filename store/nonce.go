package store

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// nonces implements [identity.Nonces].
type nonces struct {
	run     runner
	dialect Dialect
}

var _ identity.Nonces = nonces{}

// Use does not look at the time: a nonce is used until it is swept.
func (n nonces) Use(ctx context.Context, scope, nonce string, until time.Time) (bool, error) {
	if until.IsZero() {
		return false, invalid("nonce", "until", "absent")
	}
	const use = `INSERT INTO identity_nonce (scope, nonce, until) VALUES ($1, $2, $3) ON CONFLICT (scope, nonce) DO NOTHING`
	added, err := n.run.exec(ctx, use, scope, nonce, micros{until})
	return added == 1 && err == nil, n.dialect.fail("nonce", "", err)
}

func (n nonces) Sweep(ctx context.Context, before time.Time) (int, error) {
	const sweep = `DELETE FROM identity_nonce WHERE until < $1`
	swept, err := n.run.exec(ctx, sweep, micros{before})
	return int(swept), n.dialect.fail("nonce", "", err)
}
