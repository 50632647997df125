package store

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
)

// runner runs the statements of one transaction. Its errors are the engine's,
// or errEnded.
type runner interface {
	// exec returns how many rows were changed.
	exec(ctx context.Context, text string, args ...any) (int64, error)
	// one reads one row into a struct or a value, or fails with sql.ErrNoRows.
	one(ctx context.Context, dest any, text string, args ...any) error
	// all reads every row into a slice of structs.
	all(ctx context.Context, dest any, text string, args ...any) error
	// query leaves the reading to the caller, who tells note what ended it.
	query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	// note learns of an error, and returns it.
	note(err error) error
}

// reading is the runner of a read transaction.
type reading struct{ tx *sqlx.Tx }

func (r reading) exec(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := r.tx.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (r reading) one(ctx context.Context, dest any, text string, args ...any) error {
	return r.tx.GetContext(ctx, dest, text, args...)
}

func (r reading) all(ctx context.Context, dest any, text string, args ...any) error {
	return r.tx.SelectContext(ctx, dest, text, args...)
}

func (r reading) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return r.tx.QueryContext(ctx, text, args...)
}

func (r reading) note(err error) error { return err }
