package commit

import "fmt"

// errEnded is for those whom a configured function left without an answer when it ended the goroutine that served with runtime.Goexit, as t.FailNow does.
// In every other case everyone has been answered before.
var errEnded = fmt.Errorf("%w: %w", ErrDoubt, ErrClosed)

// lead serves the door on the goroutine of a caller that found nobody there: a caller who is not disturbed pays for no goroutine but its own. Those
// who come while its group runs join it, and the door's goroutine takes over those who come later.
func (d *Door[T, S]) lead(m *member[T, S]) error {
	orderly := false
	defer func() {
		if !orderly && !m.unwound { // a configured function has ended the goroutine
			d.shut()
		}
		d.queue.yield()
	}()
	d.open(m)
	orderly = true
	return (<-m.orders).err
}

// open serves m, and who shares its transaction.
func (d *Door[T, S]) open(m *member[T, S]) {
	if m.alone {
		d.single(m)
	} else {
		d.group(m)
	}
}

// shut closes the queue and answers those in it.
func (d *Door[T, S]) shut() {
	for _, m := range d.queue.close() {
		m.settle(ErrClosed)
	}
}

// serve is the door's goroutine.
func (d *Door[T, S]) serve() {
	defer close(d.stopped)
	defer d.shut() // as for errEnded: after Close there is nobody left here
	for d.queue.wait() {
		if m := d.queue.pop(true); m != nil {
			d.open(m)
		}
	}
}

// group runs first and whoever is queued behind it, also those that arrive while it runs, in one transaction.
func (d *Door[T, S]) group(first *member[T, S]) {
	r := &relay[T, S]{door: d, members: []*member[T, S]{first}, back: make(chan struct{}, 1)}
	defer func() { settle(r.members, errEnded) }()

	var err error
	if r.tx, r.state, err = d.begin(); err != nil {
		for len(r.members) < d.cfg.MaxGroup {
			m := d.queue.pop(false)
			if m == nil {
				break
			}
			r.members = append(r.members, m)
		}
		settle(r.members, err)
		return
	}

	r.run()
	d.last = max(len(r.members), d.last/2) // one small group does not mean that the others have left
	switch {
	case r.ended:
		_ = guard("rollback", r.tx.Rollback) // nobody is told that anything was kept
		d.shut()
		return
	case r.lost != nil:
		_ = guard("rollback", r.tx.Rollback) // the transaction is lost whatever this returns
		d.retry(r.members)
		return
	}

	if r.good == 0 {
		_ = guard("rollback", r.tx.Rollback) // nothing was kept: there is nothing to lose
	} else if err := d.finish(r.tx, r.state); err != nil {
		for _, m := range r.members {
			if m.state == refused {
				// The refusal may rest on rows whose fate is unknown: say both.
				m.settle(fmt.Errorf("%w (%w)", m.err, err))
			}
		}
		settle(r.members, err)
		return
	}
	for _, m := range r.members {
		m.settle(m.err)
	}
}

// retry runs the members of a lost transaction again, each in its own: those that had succeeded and the last, which met the loss. Members that failed
// by themselves are answered after that, when what they were compared with has been stored, or has not. A leader comes last: it may unwind.
func (d *Door[T, S]) retry(members []*member[T, S]) {
	defer func() {
		for _, m := range members {
			if m.state == refused {
				m.settle(m.err)
			}
		}
	}()
	for _, leads := range []bool{false, true} {
		for _, m := range members {
			if m.leads == leads && (m.state == succeeded || m.state == waiting) {
				d.single(m)
			}
		}
	}
}

// single runs m as the only member of a transaction and answers it. There is no second try.
func (d *Door[T, S]) single(m *member[T, S]) {
	m.state = waiting
	defer func() { m.settle(errEnded) }()

	tx, s, err := d.begin()
	if err != nil {
		m.settle(err)
		return
	}
	// The savepoint is not here to be rolled back to: that RELEASE succeeds shows that the transaction is still the one begun above.
	if err = guard("savepoint", tx.Savepoint); err == nil {
		out := m.turn(tx, s)
		if err = out.err; err == nil && !out.unwound {
			if err = guard("release", tx.Release); err == nil {
				m.settle(d.finish(tx, out.state))
				return
			}
		}
	}
	_ = guard("rollback", tx.Rollback) // the error that led here is the one to report
	m.settle(err)
}

func (d *Door[T, S]) begin() (tx T, s S, err error) {
	err = guard("begin", func() (err error) {
		tx, s, err = d.cfg.Begin()
		return err
	})
	return tx, s, err
}

// finish commits and publishes. An error wraps ErrDoubt.
func (d *Door[T, S]) finish(tx T, s S) error {
	if err := guard("commit", tx.Commit); err != nil {
		_ = guard("rollback", tx.Rollback) // fails when COMMIT did take, or when the engine has rolled back by itself
		err = fmt.Errorf("%w: %w", ErrDoubt, err)
		_ = d.doubt(err) // the callers get an error in any case
		return err
	}
	err := guard("publish", func() error { d.cfg.Publish(s); return nil })
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: %w", ErrDoubt, err)
	if d.doubt(err) == nil {
		return nil
	}
	return err // stored, but nobody has taken responsibility for what is served
}

func (d *Door[T, S]) doubt(err error) error {
	return guard("doubt", func() error { d.cfg.Doubt(err); return nil })
}

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
