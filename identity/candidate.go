package identity

import (
	"context"
	"maps"
	"slices"

	"github.com/claviger-go/claviger/identity/internal/fence"
)

// candidate is the state that the next commit will publish. It is a value:
// each closure gets one and returns its own edited fork, so that what is
// refused or undone leaves no trace.
type candidate struct {
	revision uint64 // the last complete change
	items    uint32 // events already written in the change under way
	instance *instance
	views    map[OrgID]*view // the orgs that differ from what is published
	foreign  uint64          // what others wrote up to here has been applied
	doubt    uint64          // the doubts that it has settled by reading the log
	settled  []decided       // the bars that it removes once this is published
	narrowed []fence.Record  // what the sidecar has to know of it
	takes    int             // how often it took something away
	fenced   bool            // a fence was raised: what is loaded is of another state
	secrets  []Credential    // opaque secrets that were made or changed
	purged   []OrgID         // orgs that another process has purged, rows and all
}

// settle notes what was decided about a subject.
func (c *candidate) settle(d decided) { c.settled = append(slices.Clip(c.settled), d) }

// note keeps opaque secrets for the index.
func (c *candidate) note(rows ...Credential) { c.secrets = append(slices.Clip(c.secrets), rows...) }

func (c candidate) with(views map[OrgID]*view) candidate {
	merged := make(map[OrgID]*view, len(c.views)+len(views))
	maps.Copy(merged, c.views)
	maps.Copy(merged, views)
	c.views = merged
	return c
}

// begin opens the write transaction and brings the candidate up to date with
// the log: in a process that owns its database nothing can have changed.
func (a *Authority) begin() (WriteTxn, candidate, error) {
	tx, err := a.store.Begin()
	if err != nil {
		return nil, candidate{}, err
	}
	begun := false
	defer func() {
		if !begun { // also when reading the log panics: nobody else would end the transaction
			_ = tx.Rollback() // cannot fail
		}
	}()
	cand, err := a.newest(tx)
	if err != nil {
		return nil, candidate{}, err
	}
	begun = true
	return tx, cand, nil
}

// newest is the candidate that a transaction starts from. What others wrote is
// applied to the orgs that are loaded; from then on no view that was read
// before it is accepted, or the transaction would edit that one.
func (a *Authority) newest(tx Txn) (candidate, error) {
	doubt := a.doubt.seen()
	if !a.store.Shared() && !a.doubt.on() {
		return candidate{revision: a.revision.Load(), instance: a.instance.Load()}, nil
	}
	a.publishing.Lock()
	defer a.publishing.Unlock()
	cand, err := a.catchUp(context.Background(), tx, candidate{revision: a.revision.Load(), instance: a.instance.Load()})
	if err == nil && cand.foreign > a.foreign.Load() {
		a.foreign.Store(cand.foreign)
	}
	cand.doubt = doubt
	return cand, err
}

// viewIn finds an org in the candidate, then among what is published, then in
// the database.
func (a *Authority) viewIn(ctx context.Context, tx Txn, cand candidate, org OrgID) (*view, error) {
	if v := cand.views[org]; v != nil {
		return v, nil
	}
	if cell, ok := a.cellOf(org); ok {
		if v := cell.view.Load(); v != nil {
			cell.touch(a.clock.Now())
			return v, nil
		}
	}
	return a.loadView(ctx, tx, org)
}

// publish makes a committed candidate visible. Orgs come first and the
// revision last, so that whoever reads the revision sees at least that much.
// It runs on the goroutine that serves the door and, for refreshes, under publishing.
func (a *Authority) publish(c candidate) {
	a.publishing.Lock()
	defer a.publishing.Unlock()
	a.publishLocked(c)
	a.doubt.settle(c.doubt)
}

func (a *Authority) publishLocked(c candidate) {
	a.ledger.put(c.narrowed, c.takes > 0)
	if c.fenced {
		a.dropViews()
	}
	a.secrets.forget(c.purged)
	a.secrets.apply(c.secrets) // first: what is not alive yet is refused
	if c.instance != nil && c.revision >= a.revision.Load() {
		old := a.instance.Swap(c.instance)
		if old != nil && old.signedOut(c.instance) {
			a.checkAllWatches()
		}
	}
	for id, v := range c.views {
		cell := a.cell(id)
		old := cell.view.Load()
		if old != nil && old.revision > v.revision {
			continue // never back
		}
		shown := uint64(0)
		if old != nil {
			shown = old.number
		}
		if shown != v.origin {
			v.line = a.lines.Add(1) // edited from another view than this, or from one that was evicted: slots may differ
		}
		v.number = a.lines.Add(1)
		a.show(cell, v)
	}
	if c.foreign > a.foreign.Load() {
		a.foreign.Store(c.foreign)
	}
	if c.revision > a.revision.Load() {
		a.revision.Store(c.revision)
		a.arrivals.ring()
	}
	a.unbar(c.settled) // what they stood for is published
	a.expireWatches(a.clock.Now())
	a.evict(func(id OrgID) bool { _, edited := c.views[id]; return edited })
}

// inDoubt is called when a COMMIT failed: whether it took is unknown, so the
// next transaction reads the log again, and until then so do the readers.
func (a *Authority) inDoubt(err error) {
	a.doubt.raise()
	a.log.Error("a commit failed, its outcome is unknown until the log is read again", "err", err)
}

// catchUp applies to the candidate what the log holds beyond it.
func (a *Authority) catchUp(ctx context.Context, tx Txn, cand candidate) (candidate, error) {
	newest, err := tx.Changes().Revision(ctx)
	if err != nil {
		return cand, err
	}
	drafts := map[OrgID]*draft{}
	for cand.revision < newest {
		events, err := tx.Changes().Since(ctx, cand.revision, 1000)
		if err != nil {
			return cand, err
		}
		if len(events) == 0 {
			return cand, &Error{Kind: ErrStorage, Entity: "log", Err: errText("events are missing")}
		}
		for _, e := range events {
			if err := a.applyEvent(ctx, tx, &cand, drafts, e); err != nil {
				return cand, err
			}
			if err := a.noteForeign(ctx, tx, &cand, e); err != nil {
				return cand, err
			}
			cand.revision = e.Revision
		}
	}
	views := make(map[OrgID]*view, len(drafts))
	for id, d := range drafts {
		if d.revision > d.from {
			last, err := tx.Changes().Head(ctx, id)
			if err != nil {
				return cand, err
			}
			d.head = chainHead{seq: last.Seq, mac: last.MAC}
		}
		views[id] = d.freeze()
	}
	cand.foreign = newest
	return cand.with(views), nil
}

func (a *Authority) applyEvent(ctx context.Context, tx Txn, cand *candidate, drafts map[OrgID]*draft, e Event) error {
	if err := noteSecret(ctx, tx, cand, e); err != nil {
		return err
	}
	if e.Noun == nounSigningKey || e.Noun == nounInstance {
		inst, err := a.loadInstance(ctx, tx)
		if err != nil {
			return err
		}
		cand.instance = inst
	}
	d := drafts[e.Org]
	if d == nil {
		v := cand.views[e.Org]
		if v == nil {
			cell, ok := a.cellOf(e.Org)
			if ok {
				v = cell.view.Load()
			}
		}
		if v == nil && !a.watches.has(e.Org) {
			return nil // not loaded: it will be read whole when it is asked for
		}
		if v == nil {
			var err error
			if v, err = a.loadView(ctx, tx, e.Org); err != nil {
				return err
			}
		}
		d = v.edit()
		drafts[e.Org] = d
	}
	if e.Revision <= d.from {
		return nil // the view was loaded after this
	}
	d.revision = e.Revision
	err := d.apply(ctx, tx, e.Noun, e.ID)
	if err == nil || ctx.Err() != nil {
		return err
	}
	// The rows are of now and the events of then: on the way there may be states
	// that never were, such as a cycle. The org as it is now is none of them.
	a.log.Info("an org is read whole, since its changes could not be applied one by one", "org", e.Org, "err", err)
	v, err := a.loadView(ctx, tx, e.Org)
	if err != nil {
		return err
	}
	fresh := v.edit()
	fresh.from, fresh.origin = v.revision, d.origin
	fresh.line = a.lines.Add(1)
	drafts[e.Org] = fresh
	return nil
}
