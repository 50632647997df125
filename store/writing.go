package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jmoiron/sqlx"

	"github.com/claviger-go/claviger/identity"
)

// WriteTxn is the write transaction. Its statements ignore the cancellation
// of the contexts they are given: SQLite answers an interrupted write by
// rolling back the whole transaction. It is used by one goroutine at a time.
type WriteTxn struct {
	txn
	writer *writer
	ended  atomic.Bool
	wrote  int    // statements that have changed something
	lost   error  // a statement failed in a way after which the engine may have rolled everything back
	finish func() // closes the rows that the host left open
}

var _ identity.WriteTxn = (*WriteTxn)(nil)

// Savepoint begins a part that can be undone by itself. Parts nest.
func (t *WriteTxn) Savepoint() error { return t.control(t.writer.dialect.Savepoint) }

// RollbackTo undoes the newest part and ends it. When it fails, the state of
// the transaction is unknown, and it must be rolled back.
func (t *WriteTxn) RollbackTo() error {
	t.lost = nil // if the engine still knows the part, it has kept the transaction
	if err := t.control(t.writer.dialect.RollbackTo); err != nil {
		return err
	}
	return t.Release()
}

// Release keeps the newest part and ends it. When it fails, the state of the
// transaction is unknown, and it must be rolled back.
func (t *WriteTxn) Release() error { return t.control(t.writer.dialect.Release) }

// Written counts the statements that have changed something, or may have: those that
// were undone and those of the host are among them. It fails after an error that may
// have cost the transaction, until RollbackTo shows that it has not.
func (t *WriteTxn) Written() (int, error) {
	if err := t.over(); err != nil {
		return t.wrote, storageError("transaction", err)
	}
	return t.wrote, nil
}

func (t *WriteTxn) control(text string) error {
	if err := t.over(); err != nil {
		return storageError("transaction", err)
	}
	_, err := t.writer.exec(context.Background(), text)
	if err != nil {
		t.lost = err
	}
	return t.writer.dialect.fail("transaction", "", err)
}

// note remembers an error after which the engine may have rolled everything
// back: the next statement would run outside any transaction and be kept by
// itself.
func (t *WriteTxn) note(err error) error {
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		switch t.writer.dialect.Classify(err) {
		case ClassFailure, ClassBusy:
			t.lost = err
		}
	}
	return err
}

// over tells why nothing more can be done in the transaction, if so.
func (t *WriteTxn) over() error {
	switch {
	case t.lost != nil:
		return fmt.Errorf("%w: %w", errLost, t.lost)
	case t.ended.Load():
		return errEnded
	case t.writer.dead.Load():
		return errClosed
	}
	return nil
}

// Commit ends the transaction and returns when it is durable. When it fails,
// whether it was kept is unknown until the log is read again. A transaction
// with a part that could not be undone is rolled back.
func (t *WriteTxn) Commit() error {
	if !t.ended.CompareAndSwap(false, true) {
		return storageError("transaction", errEnded)
	}
	defer t.writer.give()
	t.closeRows()
	if t.writer.dead.Load() {
		t.writer.discard()
		return storageError("transaction", errClosed)
	}
	if t.lost != nil {
		t.writer.discard()
		return storageError("transaction", fmt.Errorf("%w: %w", errLost, t.lost))
	}
	_, err := t.writer.exec(context.Background(), t.writer.dialect.Commit)
	if err != nil {
		// Some failures leave the transaction open and some do not.
		t.writer.discard()
	}
	return t.writer.dialect.fail("transaction", "", err)
}

// Rollback undoes the transaction and ends it. After the end it does nothing.
// It cannot fail: what the engine does not undo by the statement goes with its
// connection.
func (t *WriteTxn) Rollback() error {
	if !t.ended.CompareAndSwap(false, true) {
		return nil
	}
	defer t.writer.give()
	t.closeRows()
	if _, err := t.writer.exec(context.Background(), t.writer.dialect.Rollback); err != nil || t.writer.dead.Load() {
		t.writer.discard()
	}
	return nil
}

// ExecContext runs a statement of the host in the transaction. It must not
// end the transaction. The error is the driver's.
func (t *WriteTxn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.over(); err != nil {
		return nil, storageError("transaction", err)
	}
	t.wrote++
	result, err := t.writer.conn.ExecContext(context.WithoutCancel(ctx), query, args...)
	return result, t.note(err)
}

// QueryContext runs a query of the host in the transaction. Rows that are not
// closed when the transaction ends are closed then.
func (t *WriteTxn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.over(); err != nil {
		return nil, storageError("transaction", err)
	}
	t.wrote++ // a query may have RETURNING
	rows, err := t.writer.conn.QueryContext(t.untilEnd(ctx), query, args...)
	return rows, t.note(err)
}

// untilEnd is a context that ends with the transaction, and not before.
func (t *WriteTxn) untilEnd(ctx context.Context) context.Context {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	before := t.finish
	t.finish = func() {
		cancel()
		if before != nil {
			before()
		}
	}
	return inner
}

// closeRows ends what the host left open, so that nothing of it reaches into
// the next transaction.
func (t *WriteTxn) closeRows() {
	if t.finish != nil {
		t.finish()
		t.finish = nil
	}
}

// QueryRowContext runs a query of the host that returns at most one row. After
// the end of the transaction the row's error is [context.Canceled].
func (t *WriteTxn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if t.over() != nil {
		// A sql.Row cannot be made by hand; one that never ran can.
		dead, cancel := context.WithCancel(ctx)
		cancel()
		return t.writer.db.QueryRowContext(dead, query, args...)
	}
	t.wrote++
	return t.writer.conn.QueryRowContext(t.untilEnd(ctx), query, args...)
}

// writing is the runner of a write transaction.
type writing struct{ t *WriteTxn }

func (r writing) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := r.t.over(); err != nil {
		return 0, err
	}
	r.t.wrote++ // also if the driver panics
	n, err := r.t.writer.exec(context.WithoutCancel(ctx), text, args...)
	if n == 0 && (err == nil || !strings.HasPrefix(text, r.t.writer.dialect.Append)) {
		r.t.wrote--
	}
	return n, r.t.note(err)
}

func (r writing) one(ctx context.Context, dest any, text string, args ...any) error {
	if err := r.t.over(); err != nil {
		return err
	}
	return r.t.note(r.t.writer.with(text, func(stmt *sqlx.Stmt) error {
		return stmt.GetContext(context.WithoutCancel(ctx), dest, args...)
	}))
}

func (r writing) all(ctx context.Context, dest any, text string, args ...any) error {
	if err := r.t.over(); err != nil {
		return err
	}
	return r.t.note(r.t.writer.with(text, func(stmt *sqlx.Stmt) error {
		return stmt.SelectContext(context.WithoutCancel(ctx), dest, args...)
	}))
}

// query does not use a prepared statement: the same text may be run again while it
// reads. What fails between two rows can cost the transaction as well.
func (r writing) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if err := r.t.over(); err != nil {
		return nil, err
	}
	rows, err := r.t.writer.conn.QueryContext(context.WithoutCancel(ctx), text, args...)
	return rows, r.t.note(err)
}

func (r writing) note(err error) error { return r.t.note(err) }
