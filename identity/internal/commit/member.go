package commit

import (
	"container/list"
	"context"
)

// member is one call waiting at the door. The door and the calling goroutine take turns: an order goes out on orders, and each order to run is
// answered by exactly one outcome, or by passing the baton on.
type member[T Txn, S any] struct {
	ctx      context.Context
	fn       func(T, S) (S, error)
	alone    bool
	leads    bool             // its goroutine serves the door, and takes its own turn without orders
	orders   chan order[T, S] // to the caller; room for one, so that nobody waits for a caller to wake up
	outcomes chan outcome[S]  // from the caller, when it is alone in its transaction; made when it is

	place *list.Element // in the queue; nil when not queued; guarded by the queue's mutex

	// Belong to whoever took the member out of the queue.
	state progress
	err   error // its own, when state is refused

	unwound bool // of a leader: its closure panicked or called Goexit
}

// progress is how far the door has got with a member of the current group.
type progress uint8

const (
	waiting   progress = iota // its turn has come and no run has ended well or badly
	succeeded                 // its rows are in the open transaction
	refused                   // its own error, rolled back; answered when the group ends
	settled                   // answered
)

// order tells the calling goroutine either to run the closure or what to return.
type order[T Txn, S any] struct {
	final bool
	err   error
	relay *relay[T, S] // of the group that it is in; nil when it is alone
	tx    T
	state S
}

// outcome is what one run of a closure came to.
type outcome[S any] struct {
	state   S
	err     error
	unwound bool // it panicked or called Goexit, and the caller is on its way out
}

func newMember[T Txn, S any](ctx context.Context, fn func(T, S) (S, error), alone bool) *member[T, S] {
	return &member[T, S]{
		ctx: ctx, fn: fn, alone: alone,
		orders: make(chan order[T, S], 1),
	}
}

// run executes the closure on the calling goroutine and hands the baton on however it ends. There is no recover, so a panic keeps its value and
// its stack; it goes on only after its rows are rolled back, which one that is alone learns from the final order, or are lost with the transaction.
func (m *member[T, S]) run(o order[T, S]) {
	out := outcome[S]{unwound: true}
	defer func() {
		if o.relay != nil {
			o.relay.pass(m, out)
			return
		}
		m.outcomes <- out
		if out.unwound {
			<-m.orders
		}
	}()
	out.state, out.err = m.fn(o.tx, o.state)
	out.unwound = false
}

// turn gives a member that is alone the baton and waits until it comes back.
func (m *member[T, S]) turn(tx T, s S) outcome[S] {
	if m.leads {
		return m.own(tx, s)
	}
	m.outcomes = make(chan outcome[S], 1)
	m.orders <- order[T, S]{tx: tx, state: s}
	return <-m.outcomes
}

// own is the turn of the leader. What unwinds it unwinds the door's work on this stack as well, which is over then: nobody else has anything in the
// transaction, for the leader is the first of its group, and the last of those who are retried.
func (m *member[T, S]) own(tx T, s S) outcome[S] {
	out := outcome[S]{unwound: true}
	m.unwound = true
	defer func() {
		if out.unwound {
			defer func() { _ = guard("rollback", tx.Rollback) }() // also when the next line ends the goroutine
			_ = guard("rollback to", tx.RollbackTo)
		}
	}()
	out.state, out.err = m.fn(tx, s)
	out.unwound, m.unwound = false, false
	return out
}

// settle answers the member. Later answers are ignored.
func (m *member[T, S]) settle(err error) {
	if m.state == settled {
		return
	}
	m.state = settled
	m.orders <- order[T, S]{final: true, err: err}
}
