package sqlite

import (
	"errors"
	"fmt"

	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store"
)

func dialect() store.Dialect {
	return store.Dialect{
		Name:       "sqlite",
		Begin:      "BEGIN IMMEDIATE",
		Commit:     "COMMIT",
		Rollback:   "ROLLBACK",
		Savepoint:  "SAVEPOINT part",
		RollbackTo: "ROLLBACK TO part",
		Append:     "INSERT OR FAIL INTO",
		Release:    "RELEASE part",
		Flush:      "PRAGMA wal_checkpoint(PASSIVE)",
		Classify:   classify,
	}
}

// classify goes by the extended result code (https://sqlite.org/rescode.html).
func classify(err error) store.Class {
	switch code := resultCode(err); code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID,
		// The log's triggers: of what a store does, only appending an event that
		// exists sets one off.
		sqlite3.SQLITE_CONSTRAINT_TRIGGER:
		return store.ClassConflict
	default:
		switch code & 0xff { // the primary code
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
			return store.ClassBusy
		case 0, // it did not reach the engine
			sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_TOOBIG:
			return store.ClassRefused
		}
		return store.ClassFailure
	}
}

// resultCode is SQLite's code of an error, 0 when it is not SQLite's.
func resultCode(err error) int {
	var e *modernc.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code()
}

func invalid(path, field, format string, args ...any) error {
	return &identity.Error{Kind: identity.ErrInvalid, Op: "Open", Entity: "database", ID: clip(path), Field: field,
		Err: fmt.Errorf(format, args...)}
}

// failure is an error of opening or watching a file, with what was being done.
func failure(file location, doing string, err error) error {
	var known *identity.Error
	if errors.As(err, &known) {
		return err
	}
	e := &identity.Error{Kind: identity.ErrStorage, Op: "Open", Entity: "database", ID: clip(file.given),
		Err: fmt.Errorf("%s: %w", doing, err)}
	switch {
	case resultCode(err)&0xff == sqlite3.SQLITE_NOTADB:
		e.Kind = identity.ErrInvalid
	case classify(err) == store.ClassBusy:
		e.Kind = identity.ErrBusy
	}
	return e
}

func clip(s string) string {
	const most = 255
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
