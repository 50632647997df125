package commit

import "fmt"

// errEnded is for those whom a configured function left without an answer when it ended the goroutine that served with runtime.Goexit, as t.FailNow does.
// In every other case everyone has been answered before.
var errEnded = fmt.Errorf("%w: %w", ErrDoubt, ErrClosed)

// lead serves the door on the goroutine of a caller that found nobody there: a caller who is not disturbed pays for no goroutine but its own. When others
// have joined its group the door's goroutine takes that over, and it takes over those who come later.
func (d *Door[T, S]) lead(m *member[T, S]) error {
	d.attend(m)
	return m.follow(<-m.orders)
}

func (d *Door[T, S]) attend(m *member[T, S]) {
	var joined *group[T, S]
	orderly := false
	defer func() {
		if !orderly && !m.unwound { // a configured function has ended the goroutine
			d.shut()
		}
		d.queue.yield(joined)
	}()
	if m.alone {
		d.single(m)
	} else if g := d.gather(m); g != nil && g.lead() {
		joined = g
	}
	orderly = true
}

// shut closes the queue and answers those in it.
func (d *Door[T, S]) shut() {
	for _, m := range d.queue.close() {
		m.settle(ErrClosed)
	}
}

// serve is the door's goroutine. It begins with what the one before it was at when a closure ended that, if one did.
func (d *Door[T, S]) serve(g *group[T, S]) {
	defer func() {
		if g != nil && g.exited {
			go d.serve(g)
			return
		}
		d.shut() // as for errEnded: after Close there is nobody left here
		close(d.stopped)
	}()
	for {
		if g != nil {
			g.work()
		}
		var wanted bool
		if g, wanted = d.queue.wait(); !wanted {
			return
		}
		if g == nil {
			g = d.enlist()
		}
	}
}

// enlist takes in the first who is queued. It returns nil when there is no group to work at.
func (d *Door[T, S]) enlist() *group[T, S] {
	m := d.queue.pop(true)
	switch {
	case m == nil:
		return nil
	case m.alone:
		d.single(m)
		return nil
	}
	return d.gather(m)
}

// gather opens a transaction for m and for those who will join it. If it cannot, it answers them and returns nil.
func (d *Door[T, S]) gather(m *member[T, S]) *group[T, S] {
	g, err := d.open(m)
	if err == nil {
		return g
	}
	for n := 0; m != nil; n++ {
		m.settle(err)
		if m = nil; n+1 < d.cfg.MaxGroup {
			m = d.queue.pop(false)
		}
	}
	return nil
}

// open begins a transaction for m.
func (d *Door[T, S]) open(m *member[T, S]) (*group[T, S], error) {
	g := &group[T, S]{door: d, members: []*member[T, S]{m}}
	orderly := false
	defer func() {
		if !orderly {
			m.settle(errEnded)
		}
	}()
	err := guard("begin", func() (err error) {
		g.tx, g.state, err = d.cfg.Begin()
		return err
	})
	orderly = true
	return g, err
}

// retry runs the members of a lost transaction again, each in its own: those that had succeeded, those that were to run again, and the one that met the
// loss. Members that failed by themselves are answered after that, when what they were compared with has been stored, or has not.
func (d *Door[T, S]) retry(members []*member[T, S]) {
	defer func() {
		for _, m := range members {
			if m.state == refused {
				m.settle(m.err)
			}
		}
	}()
	for _, m := range members {
		if m.state == succeeded || m.state == waiting {
			d.single(m)
		}
	}
}

// single runs m as the only member of a transaction and answers it. There is no second try.
func (d *Door[T, S]) single(m *member[T, S]) {
	m.state = waiting
	g, err := d.open(m)
	if err != nil {
		m.settle(err)
		return
	}
	defer g.abandon()
	// The savepoint is not here to be rolled back to: that RELEASE succeeds shows that the transaction is still the one begun above.
	if err = guard("savepoint", g.tx.Savepoint); err == nil {
		run := g.ask
		if m.leads {
			run = g.own
		}
		out := run(m)
		if err = out.err; err == nil && !out.unwound {
			if err = guard("release", g.tx.Release); err == nil {
				g.state = out.state
				m.settle(g.commit())
				return
			}
		}
	}
	g.rollback()
	m.settle(err)
}

func (d *Door[T, S]) doubt(err error) error {
	return guard("doubt", func() error { d.cfg.Doubt(err); return nil })
}

// doubtful marks an error after which what was written may be stored.
func doubtful(err error) error { return fmt.Errorf("%w: %w", ErrDoubt, err) }

// settle answers those that have no answer yet.
func settle[T Txn, S any](members []*member[T, S], err error) {
	for _, m := range members {
		m.settle(err)
	}
}

// guard calls f and says which step failed. A panic becomes an error: whoever serves the door answers others, too, and goes on.
func guard(step string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("commit: %s panicked: %v", step, v)
		}
	}()
	if err := f(); err != nil {
		return fmt.Errorf("commit: %s: %w", step, err)
	}
	return nil
}
