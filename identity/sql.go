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
// are closed. The zero value is of no use.
type SQL struct{ t *Tx }

// SQL is for the host's own statements.
func (t *Tx) SQL() SQL { return SQL{t} }

// ExecContext runs a statement that returns no rows. Its error is the driver's;
// or ErrInvalid for one that would end the transaction (BEGIN, COMMIT, END,
// ROLLBACK, SAVEPOINT, RELEASE) or reach beyond it (ATTACH, DETACH, PRAGMA,
// VACUUM), and after the end of Write; or ErrBusy after Config.MaxWrite.
func (s SQL) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := s.begin(ctx, "Exec", query); err != nil {
		return nil, err
	}
	result, err := s.t.tx.ExecContext(ctx, query, args...)
	return result, s.end("Exec", err)
}

// QueryContext runs a statement that returns rows. It fails like ExecContext.
func (s SQL) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := s.begin(ctx, "Query", query); err != nil {
		return nil, err
	}
	rows, err := s.t.tx.QueryContext(ctx, query, args...)
	return rows, s.end("Query", err)
}

// QueryRowContext runs a statement of whose rows only the first matters. What
// ExecContext would refuse has no row; and it fails the whole of Write, since
// Scan cannot say why.
func (s SQL) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	err := s.begin(ctx, "QueryRow", query)
	switch {
	case err == nil:
		row := s.t.tx.QueryRowContext(ctx, query, args...)
		_ = s.end("QueryRow", row.Err()) // which Scan returns, or the end of Write
		return row
	case s.t == nil:
		return new(sql.Row) // whose Scan panics, as that of any row that nobody made
	case s.t.lost == nil:
		s.t.lost = err
	}
	return s.t.tx.QueryRowContext(ctx, `SELECT 1 WHERE 0`)
}

// begin makes a statement a part of its own, so that a failure undoes it alone;
// and so that it shows when one has ended the transaction all the same.
func (s SQL) begin(ctx context.Context, op, query string) error {
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
	return nil
}

// end keeps the part, or undoes it if the statement failed.
func (s SQL) end(op string, failed error) error {
	end := s.t.tx.Release
	if failed != nil {
		end = s.t.tx.RollbackTo
	}
	if err := end(); err != nil {
		s.t.lost = err
		s.t.a.inDoubt(err) // the statement may have committed what came before it
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
