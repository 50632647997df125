package identity

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// cell is the place of one org: what is published of it, if it is loaded. A
// cell that was emptied is never filled again: the org gets a new one. Whoever
// still holds the old one, such as a principal, finds it empty and asks for
// the org by its id.
type cell struct {
	view    atomic.Pointer[view]
	used    atomic.Int64 // when it was last asked for, in moments
	size    int64        // what the view was counted as; guarded by Authority.publishing
	loading sync.Mutex
}

// moment is a span of 2²⁰ microseconds, about a second: coarse, so that a cell
// in use is written to once in a while and only read otherwise.
func moment(now int64) int64 { return now >> 20 }

// touch notes that the org is in use.
func (c *cell) touch(now int64) {
	if m := moment(now); c.used.Load() != m {
		c.used.Store(m)
	}
}

func (a *Authority) cell(id OrgID) *cell {
	if c, ok := a.cells.Load(id); ok {
		return c.(*cell)
	}
	c, _ := a.cells.LoadOrStore(id, &cell{})
	return c.(*cell)
}

func (a *Authority) cellOf(id OrgID) (*cell, bool) {
	c, ok := a.cells.Load(id)
	if !ok {
		return nil, false
	}
	return c.(*cell), true
}

// viewOf returns the published view of an org, loading it on first use. An
// unknown id leaves nothing behind.
func (a *Authority) viewOf(ctx context.Context, id OrgID) (*view, error) {
	_, v, err := a.load(ctx, id)
	return v, err
}

// load is viewOf with the cell.
func (a *Authority) load(ctx context.Context, id OrgID) (*cell, *view, error) {
	if c, ok := a.cellOf(id); ok {
		if v := c.view.Load(); v != nil {
			c.touch(a.clock.Now())
			return c, v, nil
		}
	}
	if !id.valid() {
		return nil, nil, notFound(nounOrg, string(id))
	}
	for {
		c := a.cell(id)
		if v, err := a.fill(ctx, id, c); v != nil || err != nil {
			return c, v, err
		}
	}
}

// fill reads an org into its cell. It returns neither a view nor an error when
// that has to be done again: the cell is the org's no longer, or what was read
// is not of now.
func (a *Authority) fill(ctx context.Context, id OrgID, c *cell) (*view, error) {
	c.loading.Lock() // one reader of the database for all that wait
	defer c.loading.Unlock()
	if v := c.view.Load(); v != nil {
		return v, nil
	}
	if now, _ := a.cellOf(id); now != c {
		return nil, nil
	}
	var v *view
	err := a.store.Read(ctx, func(tx Txn) (err error) {
		v, err = a.loadView(ctx, tx, id)
		return err
	})
	if err != nil {
		a.forget(id, c)
		return nil, err
	}
	return a.offer(c, v), nil
}

// forget drops a cell that nothing was published in.
func (a *Authority) forget(id OrgID, c *cell) {
	a.publishing.Lock()
	defer a.publishing.Unlock()
	if c.view.Load() == nil {
		a.cells.CompareAndDelete(id, c)
	}
}

// offer publishes a view that was read outside the door, unless a write has
// published a newer one, and returns what is published. It returns nil when what
// was read may be older than what was published meanwhile: others wrote since,
// which was applied to the orgs that were loaded then; or the org was loaded,
// perhaps edited, and evicted, which took the cell away.
func (a *Authority) offer(c *cell, v *view) *view {
	a.publishing.Lock()
	defer a.publishing.Unlock()
	if shown := c.view.Load(); shown != nil {
		return shown
	}
	if now, _ := a.cellOf(v.org.ID); now != c || a.foreign.Load() > v.revision {
		return nil
	}
	v.number = a.lines.Add(1)
	a.show(c, v)
	a.evict(func(id OrgID) bool { return id == v.org.ID })
	return v
}

// show puts a view in its cell, counts what it takes, and ends the watches whose
// principals it kills. publishing is held.
func (a *Authority) show(c *cell, v *view) {
	old := c.view.Load()
	size := v.size()
	a.held += size - c.size
	c.size = size
	c.view.Store(v)
	c.touch(a.clock.Now())
	if old == nil || !old.sameLives(v) {
		a.checkWatches(v)
	}
}

// size estimates the bytes that the view keeps in memory, alone.
func (v *view) size() int64 {
	const strings = 64 // of the values, beside the tables
	return v.rules.Size() + v.accounts.Size() + v.credentials.Size() + v.revoked.Size() +
		strings*int64(v.accounts.Len()+v.credentials.Len()+v.revoked.Len()) + 1024
}

// evict drops the orgs that were not used for the longest time, until what is
// left takes three quarters of MaxMemory. It keeps the system org and those it
// is told to. One that was used within the last seconds goes only while all
// together take more than MaxMemory, and not if it is larger than that alone.
//
// A write that edits an org is not disturbed by its eviction: it has a fork of
// the view, which it publishes in a new cell. publishing is held.
func (a *Authority) evict(keep func(OrgID) bool) {
	limit := a.cfg.MaxMemory
	if a.held <= limit {
		return
	}
	type place struct {
		id     OrgID
		cell   *cell
		used   int64
		number uint64
	}
	var places []place
	system := a.instance.Load().row.SystemOrg
	a.cells.Range(func(key, value any) bool {
		id, c := key.(OrgID), value.(*cell)
		if v := c.view.Load(); v != nil && id != system && !keep(id) {
			places = append(places, place{id: id, cell: c, used: c.used.Load(), number: v.number})
		}
		return true
	})
	slices.SortFunc(places, func(x, y place) int {
		return cmp.Or(cmp.Compare(x.used, y.used), cmp.Compare(x.number, y.number))
	})
	recent := moment(a.clock.Now()) - 1
	dropped := 0
	for _, p := range places {
		if a.held <= limit/4*3 {
			break
		}
		if p.used >= recent && (a.held <= limit || p.cell.size > limit) {
			continue
		}
		a.cells.CompareAndDelete(p.id, p.cell)
		p.cell.view.Store(nil)
		a.held -= p.cell.size
		p.cell.size = 0
		dropped++
	}
	a.log.Debug("orgs were dropped from memory", "dropped", dropped, "bytes", a.held)
	if a.held > limit && !a.crowded.Swap(true) {
		a.log.Warn("the orgs in use take more than MaxMemory; others are read again at every use", "bytes", a.held, "MaxMemory", limit)
	}
}
