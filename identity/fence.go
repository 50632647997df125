package identity

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/claviger-go/claviger/identity/internal/fence"
)

// The fence stands between what was issued from a newer state of a database and
// an older state that came in its place: a backup, a copy, a snapshot of a disk.
// Raising it starts a new incarnation, in one transaction, before anything is
// answered from the older state.
//
//   - What carries the incarnation is dead: access tokens, action tokens,
//     challenges, cursors. So are vouched logins, and for [Config.Skew] the
//     assertions that were made before, since nobody knows which were used.
//   - What was taken away since is taken away again, as far as the sidecar tells
//     of it. It tells of orgs and accounts that were stopped, deleted, signed out or
//     given an earlier end, of credentials that were ended, of signing keys that were
//     compromised, and of bindings that allowed and were deleted. It does not tell
//     of members, groups, roles and their permissions, labels, denies, boundaries
//     and subtrees that were moved: those come back as they were in the older state.
//   - If that may not be all, of the instance or of an org, the credentials that are shown as they are, such as
//     API tokens and client secrets, are held until [Admin.ReleaseHeld], and the
//     signing keys are replaced. Public keys live on: what was revoked of them
//     since, and is written nowhere, is to be revoked again.
//
// The revisions of the new incarnation begin beyond every one that the old could
// have given, so that no revision means two states.

// rollback is what shows that a database is older than what was answered from it.
type rollback struct {
	why         string
	incarnation string         // of the database that it was found in
	newest      uint64         // a revision that was committed, as far as is known
	missing     []fence.Record // what was taken away since
	complete    bool           // that is all,
	partial     []string       // but for these orgs
}

// doubtful reports whether not all that was taken away in an org may be known.
func (r rollback) doubtful(org OrgID) bool {
	return !r.complete || slices.Contains(r.partial, string(org))
}

// Why a fence is raised, for the log.
const (
	whyMarked  = "the database is a copy"
	whySidecar = "the fence file is ahead of the database"
	whyForeign = "the fence file is of another database"
	whyWitness = "the witness is ahead of the database"
	whyToken   = "a token is newer than the database"
)

// generation is how many revisions belong to an incarnation.
const generation = 1 << 32

// firstAfter is the first revision of the incarnation that follows.
func firstAfter(revision uint64) uint64 { return (revision/generation + 1) * generation }

// verbFence is the event of a fence.
const verbFence = "fence"

// raised is what the log keeps of it.
type raised struct {
	Incarnation string
	MinRevision uint64
	Why         string
	Newest      uint64 // a revision that was lost; 0 when none is known to be
	Replayed    int    // rows that were taken back to what they had become
	Complete    bool
	Partial     []string // orgs of which, though complete, not all may be known
	Held        int      // credentials
}

// raise starts a new incarnation, unless somebody else has since r was found.
func (a *Authority) raise(ctx context.Context, r rollback) error {
	var done raised
	err := a.door.Alone(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		done = raised{}
		if cand.instance.row.Incarnation != r.incarnation {
			return cand, nil
		}
		newest := max(cand.revision, r.newest)
		if newest > math.MaxInt64-2*generation {
			return cand, &Error{Kind: ErrStorage, Entity: "fence", Err: errText("no revisions are left")}
		}
		cand.revision = firstAfter(newest) - 1
		c := a.newChange(ctx, tx, cand, actor{system: true, reason: r.why}, "New", "")
		var err error
		if done, err = c.raise(r); err != nil {
			return cand, err
		}
		next, err := c.finishRows()
		return next.complete(), err
	})
	if err == nil && done.Incarnation != "" {
		a.log.Warn("the database was rolled back, and a fence is raised: what was issued before is dead", "why", done.Why,
			"incarnation", done.Incarnation, "replayed", done.Replayed, "complete", done.Complete, "partial", done.Partial, "held", done.Held)
	}
	return wrap("New", err)
}

// raise works on rows alone: views are of the older state, and all of them are
// dropped with the publication.
func (c *change) raise(r rollback) (raised, error) {
	row := c.inst.row
	incarnation, err := newULID(c.at, c.a.cfg.Random)
	if err != nil {
		return raised{}, err
	}
	row.Incarnation, row.MinRevision = incarnation, c.revision()
	if err := c.tx.Instance().Save(c.ctx, row); err != nil {
		return raised{}, err
	}
	if err := c.tx.Fence().Save(c.ctx, Fence{RaisedAt: c.at}); err != nil {
		return raised{}, err
	}
	opened, err := c.a.openInstance(c.ctx, row)
	if err != nil {
		return raised{}, err
	}
	opened.ring, opened.fencedAt = c.inst.ring, c.now
	c.inst = opened
	done := raised{Incarnation: incarnation, MinRevision: row.MinRevision, Why: r.why, Newest: r.newest, Complete: r.complete, Partial: r.partial}
	if done.Replayed, err = c.replayAll(r.missing); err != nil {
		return raised{}, err
	}
	if done.Held, err = c.hold(r.doubtful); err != nil {
		return raised{}, err
	}
	if err := c.replaceKeys(r.doubtful(row.SystemOrg)); err != nil {
		return raised{}, err
	}
	return done, c.record(row.SystemOrg, nounInstance, "1", verbFence, nil, done)
}

// replaceKeys has new keys sign in the place of those that were ended; all of
// them, when any may have been.
func (c *change) replaceKeys(all bool) error {
	if all {
		for _, k := range c.inst.ring.rows {
			if k.State == KeyCompromised {
				continue
			}
			before := k.public()
			k.State, k.Sealed, k.EndsAt = KeyRetired, nil, c.at
			if k.RetiredAt.IsZero() {
				k.RetiredAt = c.at
			}
			if err := c.putKey(before, k, "drop"); err != nil {
				return err
			}
		}
	}
	made, err := c.makeSpares()
	if err != nil { // the ring is turned again as soon as somebody needs it
		c.a.log.Error("the fence is raised, and a new signing key cannot be made yet", "err", err)
	}
	return c.turnRing(made)
}

// finishRows is finish for a change that knows no views: it finds the ends of the
// chains in the log, and has every view dropped.
func (c *change) finishRows() (candidate, error) {
	ends := chains{}
	for i := range c.events {
		if err := ends.add(c.ctx, c.tx, c.inst.macKey, &c.events[i]); err != nil {
			return c.base, err
		}
	}
	if err := c.tx.Changes().Append(c.ctx, c.events); err != nil {
		return c.base, err
	}
	next := c.base
	next.views, next.instance, next.fenced = nil, c.inst, true
	next.items += uint32(len(c.events))
	next.foreign = c.revision()
	next.narrow(c.events)
	return next, nil
}

// dropViews forgets every org that is loaded. publishing is held.
func (a *Authority) dropViews() {
	a.cells.Range(func(key, value any) bool {
		c := value.(*cell)
		a.cells.CompareAndDelete(key, c)
		c.view.Store(nil)
		a.held -= c.size
		c.size = 0
		return true
	})
}

// rolledBack raises the fence over a proof that is newer than the database. When
// that fails, nothing is answered until it has succeeded; a poll tries again.
func (a *Authority) rolledBack(ctx context.Context, newest uint64) {
	// The sidecar has not foretold it, so it may have gone back with the database.
	r := rollback{why: whyToken, incarnation: a.instance.Load().row.Incarnation, newest: newest}
	err := errNested() // the turn to write is the caller's own
	if ctx.Value(nestedKey{a}) == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.MaxWrite)
		defer cancel()
		err = a.raise(ctx, r)
	}
	if err != nil {
		a.overdue.Store(&r)
		a.lost.Store(true)
		a.log.Error("the database was rolled back, and the fence could not be raised: everything is denied until it is", "err", err)
	}
}

// raiseOverdue raises a fence that could not be raised.
func (a *Authority) raiseOverdue(ctx context.Context) error {
	r := a.overdue.Load()
	if r == nil {
		return nil
	}
	if err := a.raise(ctx, *r); err != nil {
		return err
	}
	a.overdue.CompareAndSwap(r, nil)
	return nil
}

// unused refuses an assertion that may have been used in a state that was lost:
// one that was made before the fence, by a clock that may be ahead.
func (a *Authority) unused(made time.Time) error {
	at := a.instance.Load().fencedAt
	if at == 0 || made.After(time.UnixMicro(at).Add(a.cfg.Skew)) {
		return nil
	}
	return refuse(ErrRevoked, errText("the assertion was made before the database was restored"))
}
