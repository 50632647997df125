package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/claviger-go/claviger/identity"
)

// writer is the one connection that writes, and the turn to use it. It keeps
// its statements prepared: they are few, and the same ones come again with
// every change.
type writer struct {
	db      *sqlx.DB
	dialect Dialect
	wait    time.Duration
	closing atomic.Bool   // no new transaction begins
	dead    atomic.Bool   // the one that is open cannot go on
	turn    chan struct{} // holds one token; whoever took it owns the fields below

	conn     *sqlx.Conn
	prepared map[string]*sqlx.Stmt
}

// maxPrepared bounds the statements kept. What comes after them still runs,
// prepared for one use.
const maxPrepared = 256

func newWriter(db *sqlx.DB, dialect Dialect, wait time.Duration) *writer {
	w := &writer{db: db, dialect: dialect, wait: wait, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	return w
}

// begin takes the turn and the engine's write lock.
func (w *writer) begin() error {
	if err := w.take(); err != nil {
		return err
	}
	if w.closing.Load() {
		w.give()
		return storageError("database", errClosed)
	}
	err := w.connect()
	if err == nil {
		_, err = w.exec(context.Background(), w.dialect.Begin)
	}
	if err != nil {
		if w.dialect.Classify(err) != ClassBusy {
			w.discard() // it may be the connection that is broken
		}
		w.give()
		return w.dialect.fail("database", "", err)
	}
	return nil
}

func (w *writer) take() error {
	select {
	case <-w.turn:
		return nil
	default:
	}
	timer := time.NewTimer(w.wait)
	defer timer.Stop()
	select {
	case <-w.turn:
		return nil
	case <-timer.C:
		return &identity.Error{Kind: identity.ErrBusy, Entity: "database",
			Err: errors.New("another write of this process is under way")}
	}
}

func (w *writer) give() { w.turn <- struct{}{} }

func (w *writer) connect() error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Connx(context.Background())
	if err != nil {
		return err
	}
	w.conn, w.prepared = conn, make(map[string]*sqlx.Stmt)
	return nil
}

// discard closes the connection itself, with whatever transaction is open on
// it, so that the next begin starts clean.
func (w *writer) discard() {
	if w.conn == nil {
		return
	}
	for _, stmt := range w.prepared {
		_ = stmt.Close() // the connection goes with it
	}
	// database/sql closes a connection whose user calls it bad.
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn, w.prepared = nil, nil
}

// close waits for the transaction that is open. One that does not end in time
// fails from here on, and keeps the connection until it does end.
func (w *writer) close() error {
	w.closing.Store(true)
	if err := w.take(); err != nil {
		w.dead.Store(true)
		return err
	}
	defer w.give()
	if w.conn != nil {
		_, _ = w.exec(context.Background(), w.dialect.Flush) // what stays behind is committed all the same
	}
	w.discard()
	return w.db.Close()
}

func (w *writer) statement(text string) (*sqlx.Stmt, error) {
	if stmt, ok := w.prepared[text]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PreparexContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	stmt.Mapper = w.db.Mapper // sqlx forgets it when a Conn prepares
	if len(w.prepared) < maxPrepared {
		w.prepared[text] = stmt
	}
	return stmt, nil
}

// with lends a statement to fn, which must not keep rows of it open.
func (w *writer) with(text string, fn func(*sqlx.Stmt) error) (err error) {
	stmt, err := w.statement(text)
	if err != nil {
		return err
	}
	if w.prepared[text] != stmt {
		defer func() { err = errors.Join(err, stmt.Close()) }()
	}
	return fn(stmt)
}

func (w *writer) exec(ctx context.Context, text string, args ...any) (changed int64, err error) {
	err = w.with(text, func(stmt *sqlx.Stmt) error {
		result, err := stmt.ExecContext(ctx, args...)
		if err != nil {
			return err
		}
		changed, err = result.RowsAffected()
		return err
	})
	return changed, err
}
