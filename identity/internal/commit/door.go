// Package commit is the one door through which every write passes: callers queue, share one transaction and one COMMIT, and the closure of each takes
// effect or leaves nothing behind.
//
// One COMMIT costs one fsync, which dwarfs the statements it carries. While one COMMIT runs, callers gather; the next transaction takes
// whoever has gathered and never waits to fill up, so a single writer pays nothing for the sharing and many writers divide the fsync.
// When fewer have come than shared the COMMITs before, it yields the processor to those who are just coming back, and commits when nobody did.
//
// The door is generic over the transaction (T) and over the state that the closures read and edit (S). S must be immutable or persistent:
// a closure is handed the candidate and returns its edited fork, so a closure that fails is undone by forgetting its fork and rolling back to
// a savepoint.
package commit

import (
	"context"
	"errors"
	"fmt"
)

// DefaultMaxGroup is the number of closures per COMMIT when Config.MaxGroup is zero.
const DefaultMaxGroup = 128

var (
	// ErrClosed is returned to callers that come after Close and to those whom Close found queued. Nothing of theirs was written.
	ErrClosed = errors.New("commit: the door is closed")

	// ErrDoubt is wrapped by every error after which it is unknown whether the caller's write was stored or is visible: COMMIT failed, or
	// the state could not be published after it. Any other error means that nothing was stored.
	ErrDoubt = errors.New("commit: outcome unknown")
)

// Txn is one open write transaction. The door calls it from one goroutine at a time, and closures use it only during their turn.
//
// When Savepoint, RollbackTo or Release fails the door takes the transaction for lost (SQLite rolls back everything on some errors, and a
// SAVEPOINT outside a transaction would then begin, and commit, one of its own) and calls nothing more on it but Rollback.
type Txn interface {
	// Savepoint opens the savepoint of the closures that follow. The door does not nest savepoints; closures may, as long as they end theirs.
	Savepoint() error
	// RollbackTo undoes what was written since the newest Savepoint and ends it (in SQL, ROLLBACK TO and RELEASE).
	RollbackTo() error
	// Release keeps what was written since the newest Savepoint and ends it.
	Release() error
	// Written counts the statements that have changed something, those undone since included. It fails when the engine may have rolled the
	// transaction back, and RollbackTo has not shown since that it has not.
	Written() (int, error)
	// Commit makes the transaction durable. After an error the door calls Rollback.
	Commit() error
	// Rollback drops the transaction, also one that the engine has already rolled back. It is the last call on the value, and whatever it
	// returns the next Begin must find no transaction open (a connection that cannot roll back is to be discarded).
	Rollback() error
}

// Config says what the door opens and whom it tells. Begin, Publish and Doubt are required. All three run on the goroutine that serves the door,
// which is that of a caller or the door's own, never concurrently with each other or with a closure; a panic in one of them is contained as
// described, so that one fault does not end the process. One that ends its goroutine closes the door.
type Config[T Txn, S any] struct {
	// Begin opens a write transaction (BEGIN IMMEDIATE) and returns the candidate, brought up to date with what is stored. A failure or a
	// panic is the error of everyone who would have been in the group.
	Begin func() (T, S, error)

	// Publish makes the candidate with the edits of all successful closures visible. It runs after COMMIT and before anyone is answered, and
	// must not fail: what it cannot publish it marks as unavailable. If it panics, Doubt is told instead and the callers, whose writes are
	// durable, are answered as successful.
	Publish func(S)

	// Doubt is told that memory may no longer match the store, and must see to it that nothing stale is served until it has been read again:
	// COMMIT returned an error, so whether it took is unknown, or Publish panicked. It runs before the callers are answered.
	Doubt func(error)

	// MaxGroup is the most closures that share one COMMIT. Zero means DefaultMaxGroup; a negative number is refused.
	MaxGroup int
}

// Door serialises writes. Make it with New. Its methods may be called from any goroutine, except that a closure calling Do, Alone or Close of
// its own door waits for itself (Do and Alone until their context ends).
type Door[T Txn, S any] struct {
	cfg     Config[T, S]
	queue   *queue[T, S]
	last    int           // how many were in the last groups, halved with each; belongs to who serves
	stopped chan struct{} // closed when the door's goroutine has ended, the last to serve
}

// New starts the door's goroutine; Close stops it. It fails when a required field of the configuration is missing.
func New[T Txn, S any](cfg Config[T, S]) (*Door[T, S], error) {
	switch {
	case cfg.Begin == nil:
		return nil, errors.New("commit: Config.Begin is missing")
	case cfg.Publish == nil:
		return nil, errors.New("commit: Config.Publish is missing")
	case cfg.Doubt == nil:
		return nil, errors.New("commit: Config.Doubt is missing")
	case cfg.MaxGroup < 0:
		return nil, fmt.Errorf("commit: Config.MaxGroup is %d", cfg.MaxGroup)
	case cfg.MaxGroup == 0:
		cfg.MaxGroup = DefaultMaxGroup
	}
	d := &Door[T, S]{cfg: cfg, queue: newQueue[T, S](), stopped: make(chan struct{})}
	go d.serve(nil)
	return d, nil
}

// Do runs fn in a transaction shared with other callers, and returns when the COMMIT that carries it is durable and published.
//
// fn gets the transaction and the candidate, which holds the edits of those before it in the group, and returns its fork of the candidate. It
// must not keep the transaction, and must not return a candidate it has edited in place. If fn returns an error, panics or calls
// runtime.Goexit, exactly its rows and its fork are dropped. The error is returned as it is. A refusal is answered, like a success, only after the COMMIT
// of the group, because it may rest on what others in the group wrote.
//
// fn runs on the calling goroutine or on the door's. A panic or Goexit goes on through the caller once its rows are dropped, or once the transaction is lost
// and with it all of its rows. A panic that was not in the calling goroutine comes as a [PanicError].
//
// fn may run again: when one of the group fails after it has written, those before it run once more in the same transaction, and when the transaction is
// lost (see Txn), those that had succeeded and the one that met the loss run once more, each in a transaction of its own. fn must therefore set its results
// afresh on each run.
//
// ctx is honoured while the call is queued, in which case fn has not run and ctx.Err() is returned, and not after its turn has come: fn is
// bounded by its caller, and while it runs the door is blocked for everyone. Errors of the machinery say which step failed and wrap
// what that returned; ErrDoubt marks those after which the write may be stored.
func (d *Door[T, S]) Do(ctx context.Context, fn func(T, S) (S, error)) error {
	return d.enter(ctx, newMember(ctx, fn, false))
}

// Alone is Do with fn as the only member of its transaction, on the calling goroutine. fn runs at most once.
func (d *Door[T, S]) Alone(ctx context.Context, fn func(T, S) (S, error)) error {
	return d.enter(ctx, newMember(ctx, fn, true))
}

func (d *Door[T, S]) enter(ctx context.Context, m *member[T, S]) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.queue.push(m) {
		return ErrClosed
	}
	if m.leads {
		return d.lead(m)
	}
	var o order[T, S]
	select {
	case o = <-m.orders:
	case <-ctx.Done():
		if d.queue.remove(m) {
			return ctx.Err()
		}
		o = <-m.orders // the door has already taken this call out of the queue
	}
	return m.follow(o)
}

// Close refuses further calls, answers those that are queued with ErrClosed, and returns when the running group has been committed and
// answered. It always returns nil and may be called more than once.
func (d *Door[T, S]) Close() error {
	d.shut()
	<-d.stopped
	return nil
}
