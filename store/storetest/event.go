package storetest

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

func eventLaws(t *testing.T, s identity.Store) {
	first := event(home, 1, 0, 1)
	full(t, first)
	second := event(home, 1, 1, 2)
	bare := identity.Event{Revision: 2, Org: foreign, Seq: 1}
	third := event(home, 1<<62, 7, 3)
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		log := tx.Changes()
		revision, err := log.Revision(ctx)
		ok(t, err)
		if revision != 0 {
			t.Fatalf("a new log is at revision %d", revision)
		}
		_, err = log.Head(ctx, home)
		is(t, err, identity.ErrNotFound)

		ok(t, log.Append(ctx, []identity.Event{first, second, bare}))
		ok(t, log.Append(ctx, nil))
		ok(t, log.Append(ctx, []identity.Event{third}))
		for _, forged := range []identity.Event{
			event(home, 1, 1, 9),    // the place in the revision is taken
			event(home, 9, 0, 2),    // the place in the chain is taken
			event(foreign, 9, 0, 1), // in the other chain too
		} {
			is(t, log.Append(ctx, []identity.Event{forged}), identity.ErrConflict)
		}
		is(t, log.Append(ctx, []identity.Event{event(home, 0, 0, 9)}), identity.ErrStorage)
		is(t, log.Append(ctx, []identity.Event{event(home, 9, 0, 0)}), identity.ErrStorage)
	})
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		log := tx.Changes()
		revision, err := log.Revision(ctx)
		ok(t, err)
		if revision != 1<<62 {
			t.Fatalf("the log is at revision %d", revision)
		}
		head, err := log.Head(ctx, home)
		ok(t, err)
		equal(t, []identity.Event{head}, third)
		head, err = log.Head(ctx, foreign)
		ok(t, err)
		equal(t, []identity.Event{head}, bare)

		page, err := log.Page(ctx, home, identity.EventFilter{}, 0, 2)
		ok(t, err)
		equal(t, page, first, second)
		page, err = log.Page(ctx, home, identity.EventFilter{}, 2, 2)
		ok(t, err)
		equal(t, page, third)
		page, err = log.Page(ctx, home, identity.EventFilter{}, 3, 2)
		ok(t, err)
		equal(t, page)
		_, err = log.Page(ctx, home, identity.EventFilter{}, 0, 0)
		is(t, err, identity.ErrInvalid)

		since, err := log.Since(ctx, 0, 100)
		ok(t, err)
		equal(t, since, short(first), short(second), short(bare), short(third))
		_, err = log.Since(ctx, 0, 0)
		is(t, err, identity.ErrInvalid)
	})
}

// short leaves out what Since leaves out.
func short(e identity.Event) identity.Event {
	e.Before, e.After, e.BeforeHash, e.AfterHash, e.Prev, e.MAC = nil, nil, nil, nil, nil, nil
	return e
}

func equal(t *testing.T, got []identity.Event, want ...identity.Event) {
	t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %d events %+v\nwant %d %+v", len(got), got, len(want), want)
	}
}

// eventSince reads random logs in steps of every size: each step is whole
// revisions and ends with the first that fills it; together they are the log.
func eventSince(t *testing.T, s identity.Store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var all []identity.Event
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		revision := uint64(0)
		for len(all) < 200 {
			revision += 1 + random.Uint64N(3)
			for item := range 1 + random.IntN(1+random.IntN(12)) {
				all = append(all, event(home, revision, uint32(item), uint64(len(all)+1)))
			}
		}
		ok(t, tx.Changes().Append(ctx, all))
	})
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		for _, limit := range []int{1, 2, 3, 7, 50, len(all) - 1, len(all), len(all) + 1, math.MaxInt32} {
			var got []identity.Event
			after := uint64(0)
			for {
				step, err := tx.Changes().Since(ctx, after, limit)
				ok(t, err)
				if len(step) == 0 {
					break
				}
				last := step[len(step)-1].Revision
				if n := len(step); n > limit && step[limit-1].Revision != last {
					t.Fatalf("limit %d: a step of %d events goes past the revision that filled it", limit, n)
				}
				got, after = append(got, step...), last
			}
			if len(got) != len(all) {
				t.Fatalf("limit %d: %d events, there are %d", limit, len(got), len(all))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], short(all[i])) {
					t.Fatalf("limit %d: event %d is %+v, it should be %+v", limit, i, got[i], short(all[i]))
				}
			}
		}
	})
}

// eventPurge: what was before and after goes, of the events that are named and of
// no other; everything else of them stays, and so does their order.
func eventPurge(t *testing.T, s identity.Store) {
	var all []identity.Event
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		for i := range uint64(6) {
			all = append(all, event(home, i+1, 0, i+1), event(foreign, i+1, 1, i+1))
		}
		all[4].Before, all[6].After = nil, nil // the third and the fourth of home
		all[8].Before, all[8].After = nil, nil // the fifth
		ok(t, tx.Changes().Append(ctx, all))
		n, err := tx.Changes().Purge(ctx, home, []uint64{1, 3, 4, 5, 99})
		ok(t, err)
		again, err := tx.Changes().Purge(ctx, home, []uint64{1, 3, 4, 5, 99})
		ok(t, err)
		none, err := tx.Changes().Purge(ctx, home, nil)
		ok(t, err)
		if n != 3 || again != 0 || none != 0 {
			t.Fatalf("%d purged, then %d and %d", n, again, none)
		}
	})
	for _, i := range []int{0, 4, 6, 8} {
		all[i].Before, all[i].After = nil, nil
	}
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		feed, err := tx.Changes().Feed(ctx, "", 0, 100)
		ok(t, err)
		equal(t, feed, all...)
	})
}
