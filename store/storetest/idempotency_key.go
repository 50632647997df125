package storetest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

func idempotencyKey(of identity.OrgID, i int) identity.IdempotencyKey {
	return identity.IdempotencyKey{Org: of, Actor: "us_1", Op: "CreateGroup", Key: fmt.Sprintf("key-%d", i),
		Input: []byte{0, 0xff, byte(i)}, Made: []string{"gr_1", "", hostile}, Until: at(i)}
}

func idempotencyKeyLaws(t *testing.T, s identity.Store) {
	find := func(ctx context.Context, tx identity.Txn, k identity.IdempotencyKey) (identity.IdempotencyKey, error) {
		return tx.IdempotencyKeys().Find(ctx, k.Org, k.Actor, k.Op, k.Key)
	}
	same := func(ctx context.Context, tx identity.Txn, want identity.IdempotencyKey) {
		t.Helper()
		got, err := find(ctx, tx, want)
		ok(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("found %+v, want %+v", got, want)
		}
	}
	one := idempotencyKey(home, 1)
	full(t, one)
	others := []identity.IdempotencyKey{idempotencyKey(foreign, 1), one, one, one, one}
	others[1].Actor, others[2].Op, others[3].Key = "us_1'", "CreateRole", "KEY-1"
	others[4].Actor, others[4].Op, others[4].Key = hostile, hostile, hostile
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		keys := tx.IdempotencyKeys()
		ok(t, keys.Put(ctx, one)) // of no org that there is
		for i, k := range others {
			_, err := find(ctx, tx, k)
			is(t, err, identity.ErrNotFound)
			k.Input = []byte{byte(i)}
			ok(t, keys.Put(ctx, k))
			same(ctx, tx, k)
			same(ctx, tx, one)
		}
		// What is put again takes the place.
		again := idempotencyKey(home, 9)
		again.Key = one.Key
		ok(t, keys.Put(ctx, again))
		same(ctx, tx, again)
		ok(t, keys.Put(ctx, one))

		forever := one
		forever.Until = time.Time{}
		is(t, keys.Put(ctx, forever), identity.ErrInvalid)

		ok(t, tx.Savepoint())
		undone := idempotencyKey(home, 2)
		ok(t, keys.Put(ctx, undone))
		ok(t, tx.RollbackTo())
		_, err := find(ctx, tx, undone)
		is(t, err, identity.ErrNotFound)
	})
	read(t, s, func(ctx context.Context, tx identity.Txn) { same(ctx, tx, one) })
}

func idempotencyKeySweep(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		keys := tx.IdempotencyKeys()
		for i := range 5 {
			ok(t, keys.Put(ctx, idempotencyKey(home, i)))
			ok(t, keys.Put(ctx, idempotencyKey(foreign, i)))
		}
		sweep := func(before time.Time, limit, want int) {
			t.Helper()
			n, err := keys.Sweep(ctx, before, limit)
			ok(t, err)
			if n != want {
				t.Fatalf("%d swept, want %d", n, want)
			}
		}
		sweep(at(0), 10, 0) // the end itself is not before the end
		sweep(at(3), 2, 2)
		_, err := keys.Find(ctx, home, "us_1", "CreateGroup", "key-0")
		is(t, err, identity.ErrNotFound)
		sweep(at(3), 10, 4)
		sweep(at(3), 10, 0)
		for i := range 5 {
			_, err := keys.Find(ctx, foreign, "us_1", "CreateGroup", fmt.Sprintf("key-%d", i))
			if i < 3 {
				is(t, err, identity.ErrNotFound)
			} else {
				ok(t, err)
			}
		}
	})
}
