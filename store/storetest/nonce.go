package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

func nonceLaws(t *testing.T, s identity.Store) {
	use := func(ctx context.Context, tx identity.Txn, scope, nonce string, until time.Time, want bool) {
		t.Helper()
		fresh, err := tx.Nonces().Use(ctx, scope, nonce, until)
		ok(t, err)
		if fresh != want {
			t.Fatalf("Use(%q, %q) is %t, it should be %t", scope, nonce, fresh, want)
		}
	}
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		use(ctx, tx, "a", "n", at(10), true)
		use(ctx, tx, "a", "n", at(20), false)
		use(ctx, tx, "a", "N", at(10), true)
		// Scope and nonce are not joined.
		use(ctx, tx, "an", "", at(10), true)
		use(ctx, tx, "", "an", at(10), true)
		use(ctx, tx, hostile, hostile, at(20), true)
		_, err := tx.Nonces().Use(ctx, "a", "forever", time.Time{})
		is(t, err, identity.ErrInvalid)

		ok(t, tx.Savepoint())
		use(ctx, tx, "b", "undone", at(20), true)
		ok(t, tx.RollbackTo())
		use(ctx, tx, "b", "undone", at(20), true)
	})
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		// The end itself is not before the end.
		swept, err := tx.Nonces().Sweep(ctx, at(10))
		ok(t, err)
		if swept != 0 {
			t.Fatalf("%d swept before any ended", swept)
		}
		use(ctx, tx, "a", "n", at(20), false)
		swept, err = tx.Nonces().Sweep(ctx, at(11))
		ok(t, err)
		if swept != 4 {
			t.Fatalf("%d swept, it should be 4", swept)
		}
		use(ctx, tx, "a", "n", at(20), true)
		use(ctx, tx, hostile, hostile, at(20), false)
	})
}
