package commit

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// group is one transaction and those who share it. Their closures run one after the other on the goroutine that serves: to wake each caller for its own
// costs about as much as a statement. Nobody else touches what is in it.
//
// It begins with one savepoint. The engine copies each page that is written to after a savepoint, and the members write to the same pages. Who fails
// without having written leaves nothing to undo. When somebody fails after that, all is undone and those before run again, each in a savepoint of its own, as
// do those who come later.
type group[T Txn, S any] struct {
	door    *Door[T, S]
	tx      T
	base    S               // the candidate at the savepoint
	state   S               // the candidate after those who succeeded
	members []*member[T, S] // who has come in, in this order
	current *member[T, S]   // who has the turn, or is to have it
	again   []*member[T, S] // who is to run again before anybody else comes in
	apart   bool            // each has a savepoint of its own
	written int             // what had been written when the turn began
	good    int             // how many succeeded
	lost    error           // the transaction is lost
	over    bool            // it has been ended
	exited  bool            // the current closure has ended the goroutine that served
}

// lead gives the first member its turn, on its own goroutine, and ends the transaction. When somebody has joined, it leaves that to work, and returns true.
func (g *group[T, S]) lead() (joined bool) {
	defer func() {
		if !joined {
			g.abandon()
		}
	}()
	if g.start(); g.lost == nil {
		leader := g.current
		g.turn(g.own)
		if joined = g.next(); joined {
			leader.leads = false
			return true
		}
	}
	g.close()
	return false
}

// work gives their turns to the current member and to those who come meanwhile, and ends the transaction.
func (g *group[T, S]) work() {
	defer func() {
		if !g.exited {
			g.abandon()
		}
	}()
	more := true
	if g.current == nil {
		g.start()
		more = g.lost == nil
	}
	if g.exited {
		g.exited = false
		g.end(outcome[S]{unwound: true})
		more = g.next()
	}
	for ; more; more = g.next() {
		g.turn(g.call)
	}
	g.close()
}

// start makes the first member the current one.
func (g *group[T, S]) start() {
	g.current, g.base = g.members[0], g.state
	g.lost = guard("savepoint", g.tx.Savepoint)
}

// turn runs the closure of the current member and keeps what it wrote, or undoes it.
func (g *group[T, S]) turn(run func(*member[T, S]) outcome[S]) {
	if g.apart {
		if g.lost = guard("savepoint", g.tx.Savepoint); g.lost != nil {
			return
		}
	}
	g.end(run(g.current))
}

// own runs the closure of the leader, on its own goroutine. What unwinds that unwinds the door's work on this stack as well, which is over then: nobody
// else has anything in the transaction.
func (g *group[T, S]) own(m *member[T, S]) outcome[S] {
	out := outcome[S]{unwound: true}
	m.unwound = true
	defer func() {
		if out.unwound {
			_ = guard("rollback to", g.tx.RollbackTo)
		}
	}()
	out.state, out.err = m.fn(g.tx, g.state)
	out.unwound, m.unwound = false, false
	return out
}

// call runs a closure on the door's goroutine. A panic ends here, to go on in its caller. Goexit cannot be stopped: it is noted for the goroutine that
// comes after this one.
func (g *group[T, S]) call(m *member[T, S]) outcome[S] {
	out := outcome[S]{unwound: true}
	g.exited = true // unless what follows returns
	func() {
		defer func() {
			if v := recover(); v != nil {
				out.panicked = &PanicError{Value: v, Stack: debug.Stack()}
			}
		}()
		out.state, out.err = m.fn(g.tx, g.state)
		out.unwound = false
	}()
	g.exited = false
	return out
}

// ask lets the caller run its closure, on the caller's goroutine.
func (g *group[T, S]) ask(m *member[T, S]) outcome[S] {
	m.outcomes = make(chan outcome[S], 1)
	m.orders <- order[T, S]{tx: g.tx, state: g.state}
	return <-m.outcomes
}

// end keeps what the current member wrote, or undoes it.
func (g *group[T, S]) end(out outcome[S]) {
	m := g.current
	if out.unwound || out.err != nil {
		if g.undo(); out.unwound {
			m.unwind(out.panicked)
		} else if g.lost == nil {
			m.state, m.err = refused, out.err
		}
		return
	}
	if g.lost = g.look(); g.lost == nil && g.apart {
		g.lost = guard("release", g.tx.Release)
	}
	if g.lost == nil {
		m.state, g.state = succeeded, out.state
		g.good++
	}
}

// look takes note of what has been written.
func (g *group[T, S]) look() error {
	return guard("look", func() (err error) {
		g.written, err = g.tx.Written()
		return err
	})
}

// undo removes what the current member wrote.
func (g *group[T, S]) undo() {
	before := g.written
	clean := g.look() == nil && g.written == before
	if clean && !g.apart {
		return
	}
	if g.lost = guard("rollback to", g.tx.RollbackTo); g.lost != nil || g.apart {
		return
	}
	g.apart, g.state, g.good = true, g.base, 0
	for _, m := range g.members[:len(g.members)-1] {
		if m.state != settled {
			m.state, m.err = waiting, nil
			g.again = append(g.again, m)
		}
	}
}

// next makes another member the current one, and reports whether there is one.
func (g *group[T, S]) next() bool {
	if g.lost != nil {
		return false
	}
	if len(g.again) > 0 {
		g.current, g.again = g.again[0], g.again[1:]
		return true
	}
	if len(g.members) == g.door.cfg.MaxGroup {
		return false
	}
	m := g.door.queue.pop(false)
	if m == nil && len(g.members) < g.door.last {
		// Who shared the COMMIT before may just have been woken, and be on the way back: another COMMIT costs far more than to let them run.
		runtime.Gosched()
		m = g.door.queue.pop(false)
	}
	if m == nil {
		return false
	}
	g.current, g.members = m, append(g.members, m)
	return true
}

// close ends the transaction and answers everyone.
func (g *group[T, S]) close() {
	g.door.last = max(len(g.members), g.door.last/2) // one small group does not mean that the others have left
	if g.lost == nil && g.good > 0 && !g.apart {
		g.lost = guard("release", g.tx.Release)
	}
	if g.lost != nil {
		g.rollback() // the transaction is lost whatever this returns
		g.door.retry(g.members)
		return
	}
	if g.good == 0 {
		g.rollback() // nothing was kept: there is nothing to lose
	} else if err := g.commit(); err != nil {
		for _, m := range g.members {
			if m.state == refused {
				// The refusal may rest on rows whose fate is unknown: say both.
				m.settle(fmt.Errorf("%w (%w)", m.err, err))
			}
		}
		settle(g.members, err)
		return
	}
	for _, m := range g.members {
		m.settle(m.err)
	}
}

// commit ends the transaction and publishes the candidate. An error wraps ErrDoubt.
func (g *group[T, S]) commit() error {
	if err := guard("commit", g.tx.Commit); err != nil {
		g.rollback() // fails when COMMIT did take, or when the engine has rolled back by itself
		err = doubtful(err)
		_ = g.door.doubt(err) // the callers get an error in any case
		return err
	}
	g.over = true
	err := guard("publish", func() error { g.door.cfg.Publish(g.state); return nil })
	if err == nil {
		return nil
	}
	err = doubtful(err)
	if g.door.doubt(err) == nil {
		return nil
	}
	return err // stored, but nobody has taken responsibility for what is served
}

// rollback drops the transaction.
func (g *group[T, S]) rollback() {
	g.over = true
	_ = guard("rollback", g.tx.Rollback) // the error that led here is the one to report
}

// abandon is for a goroutine that is ended in the middle: nothing stays open, and nobody without an answer.
func (g *group[T, S]) abandon() {
	defer settle(g.members, errEnded)
	if !g.over {
		g.rollback()
	}
}
