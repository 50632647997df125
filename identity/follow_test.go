package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// follower collects the events of a sequence until it has seen that many
// groups named "last". Every so often it stops in the middle and goes on from the
// last revision that it had seen the whole of.
type follower struct {
	from  func(after uint64) iter.Seq2[identity.Event, error]
	lasts int
	every int

	seen     []identity.Event
	repeated int
}

func (f *follower) run() error {
	at := func(e identity.Event) [2]uint64 { return [2]uint64{e.Revision, uint64(e.Item)} }
	known := map[[2]uint64]bool{}
	var whole, current uint64
	for given := 1; f.lasts > 0; {
		for e, err := range f.from(whole) {
			if err != nil {
				return err
			}
			if e.Revision != current {
				whole, current = current, e.Revision
			}
			if known[at(e)] {
				f.repeated++
			} else {
				known[at(e)] = true
				f.seen = append(f.seen, e)
				if e.Noun == "group" && bytes.Contains(e.After, []byte(`"Name":"last"`)) {
					f.lasts--
				}
			}
			if given++; f.lasts == 0 || given%f.every == 0 {
				break
			}
		}
	}
	return nil
}

// TestFollow follows the logs of two orgs, and all of them, while others write
// into both: nothing is missed, and everything comes in the order of the log.
func TestFollow(t *testing.T) {
	w := open(t)
	a, b := w.org("a"), w.org("b")
	sys := w.id.System("follow")
	in := func(org identity.OrgID) func(uint64) iter.Seq2[identity.Event, error] {
		return func(after uint64) iter.Seq2[identity.Event, error] { return sys.In(org).Follow(w.ctx, after) }
	}
	all := func(after uint64) iter.Seq2[identity.Event, error] { return sys.FollowAll(w.ctx, after) }
	followers := []*follower{{from: in(a), lasts: 1, every: 23}, {from: in(b), lasts: 1, every: 1000}, {from: all, lasts: 2, every: 29}}
	var following, writing sync.WaitGroup
	for _, f := range followers {
		following.Go(func() {
			if err := f.run(); err != nil {
				t.Error(err)
			}
		})
	}
	for n := range 4 {
		writing.Go(func() {
			for i := range 25 {
				org := []identity.OrgID{a, b}[(n+i)%2]
				if _, err := w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprintf("g-%d-%d", n, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error { // several events of one revision
		for i, org := range []identity.OrgID{a, b, a, b} {
			if _, err := tx.System("end").In(org).CreateGroup(ctx, identity.GroupSpec{Name: []string{"first", "last"}[i/2]}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	following.Wait()
	var total int
	for i, org := range []identity.OrgID{a, b} {
		want := w.events(org)
		total += len(want)
		if got := followers[i].seen; len(got) != len(want) {
			t.Errorf("follower %d saw %d events of %d", i, len(got), len(want))
		}
	}
	total += len(w.events(w.id.SystemOrg()))
	if got := len(followers[2].seen); got != total {
		t.Errorf("the follower of all orgs saw %d events of %d", got, total)
	}
	for i, f := range followers {
		for n := 1; n < len(f.seen); n++ {
			if x, y := f.seen[n-1], f.seen[n]; x.Revision > y.Revision || x.Revision == y.Revision && x.Item >= y.Item {
				t.Errorf("follower %d: %d.%d came before %d.%d", i, x.Revision, x.Item, y.Revision, y.Item)
			}
		}
		if f.every < 100 && f.repeated == 0 {
			t.Errorf("follower %d never went back", i)
		}
	}
}

// TestFollowEnds: with its context, without an error; with the right to read,
// and at Close, with one; inside Write at once.
func TestFollowEnds(t *testing.T) {
	w := open(t)
	c := w.caller()
	reader := w.user(c.org, "reader", "identity:events.read")
	p := w.login(c.org, reader)

	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	n := 0
	for _, err := range w.id.As(p).In(c.org).Follow(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("%d events after the context had ended", n-1)
	}

	var ended error
	for _, err := range w.id.As(p).In(c.org).Follow(w.ctx, 0) {
		if ended = err; err == nil {
			must(w.in(c.org).DeactivateAccount(w.ctx, reader))(t)
		}
	}
	wantKind(t, ended, identity.ErrDisabled)

	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		must(tx.System("x").In(c.org).CreateGroup(ctx, identity.GroupSpec{Name: "inside"}))(t)
		n = 0
		for e, err := range tx.System("x").In(c.org).Follow(ctx, 0) {
			if err != nil {
				return err
			}
			if n++; e.Org != c.org {
				t.Errorf("%+v", e)
			}
		}
		return nil
	})
	if err != nil || n < 5 {
		t.Errorf("inside Write: %d events, %v", n, err)
	}

	end := make(chan error, 1)
	go func() {
		var ended error
		for _, err := range w.id.System("x").FollowAll(context.Background(), w.id.Revision()) {
			ended = err
		}
		end <- ended
	}()
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, <-end, identity.ErrStorage)
}

// TestEventFilter compares filtered pages, in both orders, with a filter of the
// whole log.
func TestEventFilter(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	for i := range 12 {
		w.clock.advance(time.Minute)
		id := w.user(org, fmt.Sprintf("u%d", i))
		if i%3 == 0 {
			must(w.in(org).DeactivateAccount(w.ctx, id))(t)
		}
	}
	whole := w.events(org)
	middle := whole[len(whole)/2]
	for _, f := range []identity.EventFilter{
		{}, {Noun: "account"}, {Verb: "deactivate"}, {Noun: "account", Verb: "create"}, {ID: middle.ID}, {Actor: "system"}, {Actor: "nobody"},
		{From: middle.At}, {Until: middle.At}, {From: whole[3].At, Until: middle.At, Noun: "account"}, {Noun: "' OR 1=1 --"},
	} {
		var want []uint64
		for _, e := range whole {
			if (f.Noun == "" || e.Noun == f.Noun) && (f.ID == "" || e.ID == f.ID) && (f.Verb == "" || e.Verb == f.Verb) && (f.Actor == "" || e.Actor == f.Actor) &&
				!e.At.Before(f.From) && (f.Until.IsZero() || e.At.Before(f.Until)) {
				want = append(want, e.Seq)
			}
		}
		for _, newest := range []bool{false, true} {
			f.NewestFirst = newest
			var got []uint64
			page := identity.Page{Limit: 3}
			for {
				list := must(w.in(org).Events(w.ctx, f, page))(t)
				for _, e := range list.Items {
					got = append(got, e.Seq)
				}
				if page.Cursor = list.Next; page.Cursor == "" {
					break
				}
				other := f
				other.NewestFirst = !newest
				wantKind(t, last(w.in(org).Events(w.ctx, other, page)), identity.ErrInvalid)
			}
			if newest {
				for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
					got[i], got[j] = got[j], got[i]
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%+v: %v, want %v", f, got, want)
			}
		}
	}
}

// TestLogOfADeletedOrg: the host reads it and checks it as before.
func TestLogOfADeletedOrg(t *testing.T) {
	w := open(t)
	org := w.org("gone")
	must(w.sys().DeleteOrg(w.ctx, org))(t)
	in := w.in(org)
	head := must(in.AuditHead(w.ctx))(t)
	if got := must(in.VerifyAudit(w.ctx, head))(t); got.Seq != head.Seq || head.Seq == 0 {
		t.Errorf("%+v, %+v", got, head)
	}
	must(in.ExportAudit(w.ctx, new(bytes.Buffer)))(t)
	if err := firstOf(in.Follow(w.ctx, 0)); err != nil {
		t.Error(err)
	}
	if n := len(w.events(org)); n == 0 {
		t.Error("no events")
	}
}
