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

func idempotencyKeyPurge(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		keys := tx.IdempotencyKeys()
		for i := range 5 {
			ok(t, keys.Put(ctx, idempotencyKey(home, i)))
			ok(t, keys.Put(ctx, idempotencyKey(foreign, i)))
		}
		for _, want := range []int{3, 2, 0} {
			n, err := keys.Purge(ctx, home, 3)
			ok(t, err)
			if n != want {
				t.Fatalf("%d purged, want %d", n, want)
			}
		}
		for i := range 5 {
			k := idempotencyKey(home, i)
			_, err := keys.Find(ctx, home, k.Actor, k.Op, k.Key)
			is(t, err, identity.ErrNotFound)
			_, err = keys.Find(ctx, foreign, k.Actor, k.Op, k.Key)
			ok(t, err)
		}
	})
}

func idempotencyKeyForget(t *testing.T, s identity.Store) {
	there := map[string]identity.IdempotencyKey{}
	put := func(name string, org identity.OrgID, actor string, made ...string) {
		k := idempotencyKey(org, len(there))
		k.Key, k.Actor, k.Made = name, actor, made
		there[name] = k
	}
	put("its own", home, "us_a", "gr_1")
	put("its own elsewhere", foreign, "us_a", "gr_1")
	put("as the first", home, "us_a/sa_b", "gr_1")
	put("as the last", home, "sa_b/us_a", "gr_1")
	put("in the middle", foreign, "sa_b/us_a/sa_c", "gr_1")
	put("of a longer name", home, "us_ab", "gr_1")
	put("of a longer name before it", home, "bus_a/sa_b", "gr_1")
	put("it was made", home, "system", "us_a", "")
	put("it has what was made", home, "system", "gr_2", "", "cr_'1")
	put("made elsewhere", foreign, "system", "us_a")
	put("something longer was made", home, "system", "us_ab", "xus_a")
	put("nothing more was made", home, "system", "gr_3", "")
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		keys := tx.IdempotencyKeys()
		for _, k := range there {
			ok(t, keys.Put(ctx, k))
		}
		for _, step := range []struct {
			actor string
			made  []string
			gone  []string
		}{
			{"us_none", nil, nil},
			{"us_none", []string{"", "none"}, nil},
			{"us_a", nil, []string{"its own", "its own elsewhere", "as the first", "as the last", "in the middle"}},
			{"us_a", []string{"us_a", "us_a", "cr_'1", hostile}, []string{"it was made", "it has what was made"}},
		} {
			n, err := keys.Forget(ctx, step.actor, home, step.made)
			ok(t, err)
			if n != len(step.gone) {
				t.Fatalf("%d of %s and %q forgotten, want %q", n, step.actor, step.made, step.gone)
			}
			for _, name := range step.gone {
				k := there[name]
				_, err := keys.Find(ctx, k.Org, k.Actor, k.Op, k.Key)
				is(t, err, identity.ErrNotFound)
				delete(there, name)
			}
		}
		for _, k := range there {
			_, err := keys.Find(ctx, k.Org, k.Actor, k.Op, k.Key)
			ok(t, err)
		}
	})
}
