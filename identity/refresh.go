package identity

import (
	"context"
	"time"
)

// refreshWait bounds the one refresh that a stale process makes before it denies.
const refreshWait = 250 * time.Millisecond

// pollWait bounds the refresh of a poll, which nobody waits for.
const pollWait = 5 * time.Second

// touch notes that this process is up to date as of now.
func (a *Authority) touch() { a.contact.Store(a.clock.Now()) }

// poll asks the store four times in MaxStaleness whether somebody else has
// written, and whether the file is still the one that was opened.
func (a *Authority) poll() {
	defer a.stopped.Done()
	tick := time.NewTicker(a.cfg.MaxStaleness / 4)
	defer tick.Stop()
	for {
		select {
		case <-a.stop:
			return
		case <-a.watches.timer.C:
			a.expireWatches(a.clock.Now())
		case <-tick.C:
			err := a.look(context.Background())
			if was := a.trouble.Swap(err != nil); err != nil && !was {
				a.log.Error("the database cannot be read, or is not the one that was opened", "err", err)
			} else if err == nil && was {
				a.log.Info("the database can be read again")
			}
			a.retryInBackground()
			a.rememberAgain(context.Background())
		}
	}
}

// look polls once, and ends the watches of what cannot be vouched for any more.
func (a *Authority) look(ctx context.Context) error {
	err := a.lookOnce(ctx)
	now := a.clock.Now()
	switch {
	case a.lost.Load():
		a.endWatches(a.attached())
	case err != nil && !a.upToDate(now):
		a.endWatches(&Error{Kind: ErrStale, Err: err})
	default:
		a.expireWatches(now)
	}
	return err
}

func (a *Authority) lookOnce(ctx context.Context) error {
	at := a.clock.Now()
	changed, err := a.store.Changed(ctx)
	if err == nil {
		err = a.raiseOverdue(ctx)
	}
	if a.lost.Store(err != nil || a.overdue.Load() != nil); err != nil {
		return err // everything is denied until it goes away
	}
	if changed && a.store.Shared() {
		a.behind.raise() // until a refresh has succeeded: the store says it only once
	}
	if a.behind.on() || a.doubt.on() {
		ctx, cancel := context.WithTimeout(ctx, pollWait)
		defer cancel()
		return a.refresh(ctx, func() bool { return false })
	}
	a.contact.Store(at)
	return nil
}

// refresh applies the log since the published revision. It never goes back.
// One runs at a time; whoever waited asks first whether it is still needed.
func (a *Authority) refresh(ctx context.Context, done func() bool) error {
	select {
	case a.refreshing <- struct{}{}:
		defer func() { <-a.refreshing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if done() {
		return nil
	}
	number := a.begun.Add(1)
	at, doubt, behind := a.clock.Now(), a.doubt.seen(), a.behind.seen()
	return a.store.Read(ctx, func(tx Txn) error {
		a.publishing.Lock()
		defer a.publishing.Unlock()
		cand, err := a.catchUp(ctx, tx, candidate{revision: a.revision.Load(), instance: a.instance.Load()})
		if err != nil {
			return err
		}
		a.publishLocked(cand)
		a.doubt.settle(doubt)
		a.behind.settle(behind)
		a.contact.Store(at)
		a.gaveUp.Store(0)
		a.completed.Store(number)
		return nil
	})
}

// fresh reports whether this process may answer: in one that shares its
// database, the last contact must not be older than MaxStaleness. A stale one
// tries to refresh once, and after a failure denies until the next try.
func (a *Authority) fresh(ctx context.Context, now int64) bool {
	if a.upToDate(now) {
		return true
	}
	if last := a.gaveUp.Load(); last != 0 && now-last < refreshWait.Microseconds() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshWait)
	defer cancel()
	if err := a.refresh(ctx, func() bool { return a.upToDate(now) }); err != nil {
		if a.gaveUp.Swap(now) == 0 {
			a.log.Error("stale: everything is denied until the database can be read", "err", err)
		}
		return false
	}
	return true
}

func (a *Authority) upToDate(now int64) bool {
	return !a.doubt.on() && (!a.shared || now-a.contact.Load() <= a.cfg.MaxStaleness.Microseconds())
}

// reached reports whether this process answers from a revision or a later one.
// Only a process that shares its database can catch up with one: it refreshes
// once, together with whoever asks meanwhile.
func (a *Authority) reached(ctx context.Context, revision uint64) bool {
	if a.revision.Load() >= revision {
		return true
	}
	if !a.store.Shared() {
		return false // nobody else writes: it cannot have been seen here
	}
	begun := a.begun.Load()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshWait)
	defer cancel()
	err := a.refresh(ctx, func() bool { return a.revision.Load() >= revision || a.completed.Load() > begun })
	if err != nil {
		a.log.Warn("a newer revision was asked for, and the database could not be read", "revision", revision, "err", err)
	}
	return a.revision.Load() >= revision
}
