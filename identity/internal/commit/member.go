package commit

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
)

// member is one call waiting at the door. An order goes out on orders, and each order to run is answered by exactly one outcome.
type member[T Txn, S any] struct {
	ctx      context.Context
	fn       func(T, S) (S, error)
	alone    bool
	leads    bool             // its goroutine serves the door, and takes its own turn without orders
	orders   chan order[T, S] // to the caller; room for one, so that nobody waits for a caller to wake up
	outcomes chan outcome[S]  // from the caller, when it runs the closure; made when it does

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

// order tells the calling goroutine either to run the closure or how to end.
type order[T Txn, S any] struct {
	final    bool
	err      error
	panicked *PanicError
	exit     bool // by Goexit
	tx       T
	state    S
}

// outcome is what one run of a closure came to.
type outcome[S any] struct {
	state    S
	err      error
	unwound  bool        // it panicked or called Goexit
	panicked *PanicError // unless that goes through the caller already
}

// PanicError is the value with which a panic goes on in the caller of Do when its closure ran elsewhere.
type PanicError struct {
	Value any    // what the closure panicked with
	Stack []byte // where, as [debug.Stack] writes it
}

func (e *PanicError) Error() string { return fmt.Sprintf("%v\n\n%s", e.Value, e.Stack) }

// Unwrap returns the value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

func newMember[T Txn, S any](ctx context.Context, fn func(T, S) (S, error), alone bool) *member[T, S] {
	return &member[T, S]{
		ctx: ctx, fn: fn, alone: alone,
		orders: make(chan order[T, S], 1),
	}
}

// follow does what the caller is told to, beginning with o, and returns its answer.
func (m *member[T, S]) follow(o order[T, S]) error {
	for !o.final {
		m.run(o)
		o = <-m.orders
	}
	switch {
	case o.panicked != nil:
		panic(o.panicked)
	case o.exit:
		runtime.Goexit()
	}
	return o.err
}

// run executes the closure on the calling goroutine. There is no recover, so a panic keeps its value and its stack; it goes on only after the final
// order, when its rows are gone.
func (m *member[T, S]) run(o order[T, S]) {
	out := outcome[S]{unwound: true}
	defer func() {
		m.outcomes <- out
		if out.unwound {
			<-m.orders
		}
	}()
	out.state, out.err = m.fn(o.tx, o.state)
	out.unwound = false
}

// settle answers the member. Later answers are ignored.
func (m *member[T, S]) settle(err error) { m.answer(order[T, S]{err: err}) }

// unwind lets a panic, or if it is nil a Goexit, go on in the caller.
func (m *member[T, S]) unwind(panicked *PanicError) {
	m.answer(order[T, S]{panicked: panicked, exit: panicked == nil})
}

func (m *member[T, S]) answer(o order[T, S]) {
	if m.state == settled {
		return
	}
	m.state, o.final = settled, true
	m.orders <- o
}
