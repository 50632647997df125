package commit

import "runtime"

// relay is one group at work. Who has had its turn ends its own savepoint, opens that of the next and wakes it, and the last one wakes who serves: a turn
// costs one switch between goroutines, not one there and one back. Only who has the baton touches what is in it.
type relay[T Txn, S any] struct {
	door    *Door[T, S]
	tx      T
	state   S               // the candidate after those who succeeded
	members []*member[T, S] // those who have had their turn, and the one who has it
	good    int             // how many succeeded
	lost    error           // the transaction is lost
	ended   bool            // a method of the transaction has ended the goroutine that had the baton
	back    chan struct{}   // to who serves; room for one
}

// run gives the first member its turn, then those who are queued behind it, also those who arrive meanwhile. It returns when there is nobody left, the
// group is full or the transaction is lost.
func (r *relay[T, S]) run() {
	m := r.members[0]
	if r.lost = guard("savepoint", r.tx.Savepoint); r.lost != nil {
		return
	}
	if m.leads {
		r.end(m, m.own(r.tx, r.state))
		if m = r.next(); m == nil {
			return
		}
	}
	r.hand(m)
	<-r.back
}

// hand gives the baton to a caller that waits for it.
func (r *relay[T, S]) hand(m *member[T, S]) {
	m.orders <- order[T, S]{relay: r, tx: r.tx, state: r.state}
}

// pass ends the turn of m, on its goroutine, and gives the baton on.
func (r *relay[T, S]) pass(m *member[T, S], out outcome[S]) {
	orderly := false
	defer func() {
		if !orderly {
			r.ended = true
			r.back <- struct{}{}
		}
	}()
	r.end(m, out)
	next := r.next()
	orderly = true
	if next == nil {
		r.back <- struct{}{}
		return
	}
	r.hand(next)
}

// end keeps what m wrote, or undoes it.
func (r *relay[T, S]) end(m *member[T, S], out outcome[S]) {
	if !out.unwound && out.err == nil {
		if r.lost = guard("release", r.tx.Release); r.lost == nil {
			m.state, r.state = succeeded, out.state
			r.good++
		}
		return
	}
	r.lost = guard("rollback to", r.tx.RollbackTo)
	switch {
	case out.unwound:
		m.state = settled // it is on its way out, and waits for nothing
	case r.lost == nil:
		m.state, m.err = refused, out.err
	}
}

// next takes in another member and opens its savepoint. It returns nil when the group is over.
func (r *relay[T, S]) next() *member[T, S] {
	if r.lost != nil || len(r.members) == r.door.cfg.MaxGroup {
		return nil
	}
	m := r.door.queue.pop(false)
	if m == nil && len(r.members) < r.door.last {
		// Who shared the COMMIT before may just have been woken, and be on the way back: another COMMIT costs far more than to let them run.
		runtime.Gosched()
		m = r.door.queue.pop(false)
	}
	if m == nil {
		return nil
	}
	r.members = append(r.members, m)
	if r.lost = guard("savepoint", r.tx.Savepoint); r.lost != nil {
		return nil
	}
	return m
}
