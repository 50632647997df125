// Package migrations is the one history of the database schema. It runs with
// goose, through a provider of its own: no global registry and no global table
// name, so a host that uses goose itself does not meet it.
//
// Migrating is not safe for two processes at once; the caller holds a lock.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// FS holds the SQL files, in the folder sqlite, for hosts that check their
// schema in their own pipeline.
//
//go:embed sqlite/*.sql
var FS embed.FS

// Table is the table that records which migrations have run.
const Table = "identity_schema_version"

// ErrNewer means that the database has migrations that this release does not
// know. Nothing was changed.
var ErrNewer = errors.New("the database was made by a newer release")

// Up brings the database to the newest schema. A database that is newer than
// this release fails with [ErrNewer]; each migration is one transaction.
func Up(ctx context.Context, db *sql.DB) error {
	// goose says nothing about a database that is ahead of its files.
	version, err := Version(ctx, db)
	if err != nil {
		return err
	}
	latest := Latest()
	if version > latest {
		return fmt.Errorf("%w: it has version %d, this release knows %d", ErrNewer, version, latest)
	}
	if version == latest {
		return nil
	}
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate from version %d to %d: %w", version, latest, err)
	}
	return nil
}

// Down undoes the newest migration of the database, with the data in it. It
// fails with [ErrNewer] when this release does not know that migration, and
// does nothing to a database without any.
func Down(ctx context.Context, db *sql.DB) error {
	version, err := Version(ctx, db)
	if err != nil {
		return err
	}
	if version == 0 {
		return nil
	}
	if version > Latest() {
		return fmt.Errorf("%w: it has version %d, this release knows %d", ErrNewer, version, Latest())
	}
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	if _, err := provider.Down(ctx); err != nil {
		return fmt.Errorf("migrate down from version %d: %w", version, err)
	}
	return nil
}

// Version is the newest migration that the database has, 0 when it has none.
// It only reads.
func Version(ctx context.Context, db *sql.DB) (int64, error) {
	var tables int
	const exists = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1`
	if err := db.QueryRowContext(ctx, exists, Table).Scan(&tables); err != nil {
		return 0, fmt.Errorf("look for the schema version: %w", err)
	}
	if tables == 0 {
		return 0, nil
	}
	var version sql.NullInt64
	const newest = `SELECT max(version_id) FROM identity_schema_version`
	if err := db.QueryRowContext(ctx, newest).Scan(&version); err != nil {
		return 0, fmt.Errorf("read the schema version: %w", err)
	}
	return version.Int64, nil
}

// Latest is the newest migration of this release.
func Latest() int64 {
	files, err := fs.Glob(FS, "sqlite/*.sql")
	if err != nil {
		return 0 // the pattern is constant and well formed
	}
	var latest int64
	for _, name := range files {
		if v, err := goose.NumericComponent(name); err == nil && v > latest {
			latest = v
		}
	}
	return latest
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(FS, "sqlite")
	if err != nil {
		return nil, fmt.Errorf("open the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithTableName(Table), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}
