package identity

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/identity/internal/fence"
)

// evidence is what is known outside of the database about how far it had come.
type evidence struct {
	sidecar     []byte
	witness     uint64 // the revision that it was told of last; 0 when there is none
	incarnation string // that it was told of with it
}

func (a *Authority) gather(ctx context.Context) (e evidence, err error) {
	if e.sidecar, err = a.store.Sidecar().Read(); err != nil {
		return e, err
	}
	if a.cfg.Witness != nil {
		if e.witness, e.incarnation, err = a.cfg.Witness.Load(ctx); err != nil {
			return e, &Error{Kind: ErrStorage, Entity: "witness", Err: err}
		}
	}
	return e, nil
}

// weigh tells whether a database is older than what is known of it. A witness
// that is not ahead was told of everything that was narrowed; one that was told
// by an unknown incarnation, such as a copy that went its own way, proves nothing.
func (e evidence) weigh(inst *instance, revision uint64, marked bool) (r rollback, older bool) {
	r.incarnation = inst.row.Incarnation
	if marked {
		r.why = whyMarked
	}
	told, kin := uint64(0), e.incarnation == inst.row.Incarnation
	if len(e.sidecar) > 0 {
		log, err := fence.Parse(inst.fenceKey, e.sidecar)
		if err != nil {
			r.why = whyForeign
		} else {
			told = log.Newest()
			kin = kin || slices.ContainsFunc(log.Records, func(r fence.Record) bool { return r.Noun == nounInstance && r.ID == e.incarnation })
			r.missing, r.complete, r.partial = log.After(revision)
			r.complete = r.complete && (told >= revision || !marked) // a sidecar from before the backup knows nothing of what came after it
			if told > revision {
				r.why = whySidecar
			}
		}
	}
	switch {
	case e.witness > revision:
		if r.complete = r.complete && told >= e.witness; told <= revision {
			r.why = whyWitness
		}
	case e.witness > 0 && r.why != whyForeign:
		r.complete, r.partial = true, nil
	}
	if e.witness > 0 && !kin {
		r.complete = false
	}
	r.newest = max(told, e.witness)
	return r, r.why != ""
}

// openLedger raises the fence if the database was rolled back, and brings the
// sidecar and the witness up to date. What was committed and not written down,
// because the process was killed in between, is in the log.
func (a *Authority) openLedger(ctx context.Context, known evidence, used bool) error {
	marked := false
	err := a.store.Read(ctx, func(tx Txn) error {
		f, err := tx.Fence().Load(ctx)
		marked = f.Marked
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	inst := a.instance.Load()
	r, older := known.weigh(inst, a.revision.Load(), marked)
	if !used {
		r.complete, older = true, false // what lies there is left of another database
	}
	if older {
		if err := a.raise(ctx, r); err != nil {
			return err
		}
	}
	return a.syncLedger(ctx, known)
}

func (a *Authority) syncLedger(ctx context.Context, known evidence) error {
	l := &a.ledger
	l.writing.Lock()
	defer l.writing.Unlock()
	var missed []fence.Record
	if log, err := fence.Parse(a.instance.Load().fenceKey, known.sidecar); err == nil {
		err = a.store.Read(ctx, func(tx Txn) (err error) {
			missed, err = a.narrowedSince(ctx, tx, log.Newest())
			return err
		})
		if err != nil {
			return err
		}
	}
	revision := a.revision.Load()
	if err := a.rewriteLedger(revision, append(missed, fence.Seen(revision))); err != nil {
		return err
	}
	l.mu.Lock()
	l.queue, l.due = nil, false // they are in the log, too
	l.mu.Unlock()
	l.open, l.newest = true, revision
	return a.tellWitness(ctx)
}

// narrowedSince is what the log has narrowed after a revision.
func (a *Authority) narrowedSince(ctx context.Context, tx Txn, revision uint64) (records []fence.Record, err error) {
	for {
		events, err := tx.Changes().Since(ctx, revision, 1000)
		if err != nil || len(events) == 0 {
			return records, err
		}
		for _, e := range events {
			r, _, concerns, err := a.narrowedIn(ctx, tx, e)
			if err != nil {
				return nil, err
			}
			if concerns {
				records = append(records, r)
			}
			revision = e.Revision
		}
	}
}

// noteForeign queues what an event that was read from the log has narrowed: one
// of another process, which may have been killed before it wrote that down, or
// one of a commit of ours whose outcome was unknown.
func (a *Authority) noteForeign(ctx context.Context, tx Txn, cand *candidate, e Event) error {
	r, takes, concerns, err := a.narrowedIn(ctx, tx, e)
	if err != nil || !concerns {
		return err
	}
	cand.narrowed = append(cand.narrowed, r)
	if takes && a.doubt.on() {
		cand.takes++
	}
	return nil
}

// narrowedIn is narrowed for an event as the refresh feed gives it, without what
// was before and after.
func (a *Authority) narrowedIn(ctx context.Context, tx Txn, e Event) (r fence.Record, takes, concerns bool, err error) {
	if !narrows(e.Noun) || strings.HasPrefix(e.Verb, "create") && e.Noun != nounBinding {
		return r, false, false, nil
	}
	whole, err := tx.Changes().Page(ctx, e.Org, EventFilter{}, e.Seq-1, 1)
	if err != nil || len(whole) == 0 {
		return r, false, false, err
	}
	r, takes, concerns = narrowed(&whole[0])
	return r, takes, concerns, nil
}

// fencedAt is when the fence was last raised.
func fencedAt(ctx context.Context, tx Txn) (int64, error) {
	f, err := tx.Fence().Load(ctx)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	return micros(f.RaisedAt), err
}
