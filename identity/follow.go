package identity

import (
	"context"
	"iter"
	"sync"
)

// Follow iterates over the org's events beyond a revision, those that there are
// and then those that come, for as long as the context lasts: for caches, search
// indexes and messages that must not miss anything. An event comes after its
// commit, in the order of the log. A follower keeps the revision of the last
// event whose whole revision it has dealt with, and goes on from there: so it
// sees every event at least once. A slow one holds nobody up, and no transaction.
// A revision that is not reached yet is waited for.
//
// When the database is put back from a backup, its follower goes on with what comes
// once the fence is raised. That what it was told after the backup is undone no event says: whoever
// keeps a copy of what is stored makes it anew.
//
// The sequence ends with the context, without an error; after an error, the last
// thing it gives: one of reading, or that the actor may no longer read, or, at
// [Authority.Close], ErrStorage. Inside Write it ends with what there is. It
// needs identity:events.read.
func (o *OrgAdmin) Follow(ctx context.Context, after uint64) iter.Seq2[Event, error] {
	return o.follow(ctx, "Follow", o.org, o.org, after)
}

// FollowAll is [OrgAdmin.Follow] for all orgs at once, those that do not exist
// yet included, in the order of their revisions. It needs identity:events.read
// in the system org.
func (s *Admin) FollowAll(ctx context.Context, after uint64) iter.Seq2[Event, error] {
	return s.follow(ctx, "FollowAll", s.a.SystemOrg(), "", after)
}

// follow reads the events of an org, or of all, for who may read those of in.
func (s *Admin) follow(ctx context.Context, op string, in, org OrgID, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := s.checkActor(); err != nil {
			yield(Event{}, wrap(op, err))
			return
		}
		for {
			arrival := s.a.arrivals.next() // before reading: what comes after it rings
			var events []Event
			err := s.read(ctx, op, in, func(ctx context.Context, tx Txn) (err error) {
				events, err = tx.Changes().Feed(ctx, org, after, auditPage)
				return err
			})
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				yield(Event{}, err)
				return
			}
			for _, e := range events {
				if ctx.Err() != nil || !yield(e, nil) {
					return
				}
				after = e.Revision
			}
			if len(events) > 0 {
				continue
			}
			if s.tx != nil { // nothing can come while it is open
				return
			}
			select {
			case <-arrival:
			case <-ctx.Done():
				return
			case <-s.a.stop:
			}
		}
	}
}

// arrivals rings whoever waits for a new revision.
type arrivals struct {
	mu     sync.Mutex
	waited chan struct{} // closed at the next revision; nil while nobody waits
}

func (a *arrivals) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waited == nil {
		a.waited = make(chan struct{})
	}
	return a.waited
}

func (a *arrivals) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waited != nil {
		close(a.waited)
		a.waited = nil
	}
}
