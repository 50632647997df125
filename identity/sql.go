package identity

import (
	"context"
	"database/sql"
)

// SQL runs the host's own statements in the transaction of a [Tx]: on tables of
// its own in the same database. They are kept or undone together with the
// calls around them. The tables named identity_… are not for the host: what is
// written there passes no check, and no process learns of it.
//
// A statement that fails is undone alone, and the host may go on. Contexts do
// not cut a statement short, since the engine would answer by undoing
// everything: they are looked at before it. Rows that are open when fn returns
// are closed. The zero value refuses everything.
type SQL struct{ t *Tx }

// SQL is for the host's own statements.
func (t *Tx) SQL() SQL { return SQL{t} }

// ExecContext runs a statement that returns no rows. Its error is the driver's;
// or ErrInvalid for one that would end the transaction (BEGIN, COMMIT, END,
// ROLLBACK, SAVEPOINT, RELEASE) or reach beyond it (ATTACH, DETACH, PRAGMA,
// VACUUM), and after the end of Write; or ErrBusy after Config.MaxWrite.
func (s SQL) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	var result sql.Result
	err := s.run(ctx, "Exec", query, func() (err error) {
		result, err = s.t.tx.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

// QueryContext runs a statement that returns rows. It fails like ExecContext.
func (s SQL) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	var rows *sql.Rows
	err := s.run(ctx, "Query", query, func() (err error) {
		rows, err = s.t.tx.QueryContext(ctx, query, args...)
		return err
	})
	return rows, err
}

// QueryRowContext runs a statement of whose rows only the first matters. What
// ExecContext would refuse has no row; and it fails the whole of Write, since
// Scan cannot say why.
func (s SQL) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	var row *sql.Row
	err := s.run(ctx, "QueryRow", query, func() error {
		row = s.t.tx.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	if row == nil {
		if s.t == nil {
			return new(sql.Row) // its Scan panics, as that of any row that nobody made
		}
		if s.t.lost == nil {
			s.t.lost = err
		}
		row = s.t.tx.QueryRowContext(ctx, `SELECT 1 WHERE 0`)
	}
	return row
}

// run makes a statement a part of its own, so that a failure undoes it alone;
// and so that it shows when one has ended the transaction all the same.
func (s SQL) run(ctx context.Context, op, query string, statement func() error) error {
	if s.t == nil {
		return &Error{Kind: ErrInvalid, Op: op, Entity: "transaction", Err: errText("SQL is not of a transaction")}
	}
	t := s.t
	if err := t.usable(ctx); err != nil {
		return wrap(op, err)
	}
	if word := transactionWord(query); word != "" {
		return &Error{Kind: ErrInvalid, Op: op, Entity: "statement", Err: errText(word + " is for Write to say")}
	}
	if err := t.tx.Savepoint(); err != nil {
		t.lost = err
		return wrap(op, err)
	}
	failed := statement()
	end := t.tx.Release
	if failed != nil {
		end = t.tx.RollbackTo
	}
	if err := end(); err != nil {
		t.lost = err
		return wrap(op, err)
	}
	return failed
}

// hostStatements are the statements of a write transaction that are the host's
// own. Contexts do not cancel them, and errors are the driver's. Rows that are
// open when the transaction ends are closed.
type hostStatements interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
