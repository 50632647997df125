package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// eventFilter pages through a random log whose clock goes back now and then, by
// random filters: together the pages are what a naive filter lets through, in the
// order of the log without a filter, and otherwise in that of time. Some values are
// those of nearly all events, and some of none.
func eventFilter(t *testing.T, s identity.Store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(name string) string { return fmt.Sprint(name, max(0, random.IntN(24)-20)) }
	var all []identity.Event
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		when := 1000
		for seq := range uint64(1300) {
			e := event(home, seq+1, 0, seq+1)
			when += random.IntN(8) - 2
			e.At, e.Noun, e.ID, e.Verb, e.Actor = at(when), pick("noun"), pick("id"), pick("verb"), pick("actor")
			all = append(all, e)
		}
		ok(t, tx.Changes().Append(ctx, all))
		ok(t, tx.Changes().Append(ctx, []identity.Event{event(foreign, 5000, 0, 1)}))
	})
	first, last := all[0].At, all[len(all)-1].At
	span := int(last.Sub(first) / time.Microsecond)
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		for range 150 {
			var f identity.EventFilter
			for i, field := range []*string{&f.Noun, &f.ID, &f.Verb, &f.Actor} {
				if random.IntN(3) == 0 {
					*field = pick([]string{"noun", "id", "verb", "actor"}[i])
				}
			}
			for _, bound := range []*time.Time{&f.From, &f.Until} {
				if random.IntN(4) == 0 {
					*bound = first.Add(time.Duration(random.IntN(span+1)) * time.Microsecond)
				}
			}
			f.NewestFirst = random.IntN(2) == 0
			want := naiveFilter(all, f)
			limit := 1 + random.IntN(len(want)+10)
			var got []identity.Event
			for after := uint64(0); ; {
				page, err := tx.Changes().Page(ctx, home, f, after, limit)
				ok(t, err)
				if got = append(got, page...); len(page) < limit || len(got) > len(want) {
					break
				}
				after = page[limit-1].Seq
			}
			if len(got) != len(want) {
				t.Fatalf("%+v, %d at a time: %d events, want %d", f, limit, len(got), len(want))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Fatalf("%+v, %d at a time: event %d is %d, want %d", f, limit, i, got[i].Seq, want[i].Seq)
				}
			}
		}
	})
}

func naiveFilter(all []identity.Event, f identity.EventFilter) []identity.Event {
	var found []identity.Event
	for _, e := range all {
		if (f.Noun == "" || e.Noun == f.Noun) && (f.ID == "" || e.ID == f.ID) && (f.Verb == "" || e.Verb == f.Verb) && (f.Actor == "" || e.Actor == f.Actor) &&
			(f.From.IsZero() || !e.At.Before(f.From)) && (f.Until.IsZero() || e.At.Before(f.Until)) {
			found = append(found, e)
		}
	}
	if f != (identity.EventFilter{NewestFirst: f.NewestFirst}) {
		slices.SortStableFunc(found, func(x, y identity.Event) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Seq, y.Seq)) })
	}
	if f.NewestFirst {
		slices.Reverse(found)
	}
	return found
}
