package identity

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/claviger-go/claviger/identity/internal/fence"
)

// ledger is what the sidecar and the witness are to be told. What a commit has
// narrowed is queued when it is published, in the order of the commits, and
// written before its caller is answered, together with what others have queued
// meanwhile. What could not be written stays in the queue.
type ledger struct {
	mu    sync.Mutex
	queue []fence.Record
	due   bool // something in it narrows

	writing   sync.Mutex // guards the rest, and the order in the sidecar
	open      bool
	lines     int    // written since it was last compacted
	newest    uint64 // the last revision for the witness
	witnessed uint64
}

const (
	maxThings = 100_000 // in the sidecar, each about 200 bytes; who has the most loses first
	maxLines  = 2_000   // before it is compacted
)

// errUnrecorded is in the error of a call that is committed and in force, but not
// written down outside of the database.
const errUnrecorded = errText("the change is committed and in force, but could not be recorded outside of the database; that is tried again")

// narrow notes what events have narrowed.
func (c *candidate) narrow(events []Event) {
	for i := range events {
		r, takes, concerns := narrowed(&events[i])
		if !concerns {
			continue
		}
		c.narrowed = append(c.narrowed, r) // of the forks of one candidate, only one goes on
		if takes {
			c.takes++
		}
	}
}

// put queues what was published.
func (l *ledger) put(records []fence.Record, takes bool) {
	if len(records) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, records...)
	l.due = l.due || takes
}

func (l *ledger) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.due
}

// remember writes down what has been narrowed, and returns when that is durable.
func (a *Authority) remember(ctx context.Context) error {
	l := &a.ledger
	l.writing.Lock()
	defer l.writing.Unlock()
	if !l.open {
		return nil // it will be found in the log
	}
	err := a.writeLedger(ctx)
	if err != nil {
		return &Error{Kind: ErrStorage, Entity: "fence", Err: errors.Join(errUnrecorded, err)}
	}
	return nil
}

func (a *Authority) writeLedger(ctx context.Context) error {
	l := &a.ledger
	l.mu.Lock()
	batch, due := slices.Clip(l.queue), l.due
	l.mu.Unlock()
	if due && len(batch) > 0 {
		if err := a.appendLedger(batch); err != nil {
			return err
		}
		l.newest = max(l.newest, batch[len(batch)-1].Revision)
	} else {
		batch = nil
	}
	err := a.tellWitness(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = slices.Clone(l.queue[len(batch):])
	if due { // what came meanwhile waits for its own caller
		l.due = len(l.queue) > 0 || err != nil
	}
	return err
}

func (a *Authority) appendLedger(batch []fence.Record) error {
	l, key := &a.ledger, a.instance.Load().fenceKey
	err := a.store.Sidecar().Append(fence.Append(nil, key, batch...))
	if err == nil {
		l.lines += len(batch)
	}
	if !errors.Is(err, ErrNotFound) && l.lines < maxLines {
		return err
	}
	if err := a.rewriteLedger(batch[0].Revision-1, batch); err != nil {
		return err
	}
	l.lines = 0
	return nil
}

// rewriteLedger adds records to the sidecar and compacts it. A sidecar that is
// absent, or is not ours, begins at base.
func (a *Authority) rewriteLedger(base uint64, records []fence.Record) error {
	key := a.instance.Load().fenceKey
	return a.store.Sidecar().Rewrite(func(old []byte) ([]byte, error) {
		log, err := fence.Parse(key, old)
		if err != nil {
			log = fence.Log{Base: base}
		}
		log.Add(records...)
		return log.Compact(maxThings).Bytes(key), nil
	})
}

// tellWitness asks the witness to keep the newest revision that it is to know.
func (a *Authority) tellWitness(ctx context.Context) error {
	l := &a.ledger
	if a.cfg.Witness == nil || l.newest <= l.witnessed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.MaxWrite)
	defer cancel()
	if err := a.cfg.Witness.Store(ctx, l.newest, a.instance.Load().row.Incarnation); err != nil {
		return err
	}
	l.witnessed = l.newest
	return nil
}

// rememberAgain writes what could not be written; the poll calls it.
func (a *Authority) rememberAgain(ctx context.Context) {
	if !a.ledger.waits() {
		return
	}
	if err := a.remember(ctx); err != nil {
		a.log.Error("what was taken away could not be recorded outside of the database", "err", err)
	}
}

// closeLedger writes what is left, and how far the database has come.
func (a *Authority) closeLedger() error {
	l := &a.ledger
	l.writing.Lock()
	defer l.writing.Unlock()
	if !l.open || a.lost.Load() {
		return nil
	}
	l.open = false
	l.mu.Lock()
	batch := append(slices.Clip(l.queue), fence.Seen(a.revision.Load()))
	l.mu.Unlock()
	if err := a.appendLedger(batch); err != nil {
		return err
	}
	l.newest = max(l.newest, a.revision.Load())
	return a.tellWitness(context.Background())
}
