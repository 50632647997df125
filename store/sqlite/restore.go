package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/migrations"
)

// Restore puts a backup in the place of a database that nobody has open, and
// raises the fence at its next opening: what was issued until then is dead, and
// what was taken away since the backup is taken away again as far as
// "<to>.fence" knows of it, which is why that file stays. A WAL that the old
// database has left is removed: SQLite would lay it over the new one.
//
// The fence file knows of orgs and accounts that were suspended, deactivated,
// archived, deleted, signed out or given an earlier end, of credentials that were
// disabled, revoked or rotated, of signing keys that were compromised, and of
// bindings that allowed and were deleted. It does not know of what was taken away
// otherwise, which is to be done again by hand: members that were removed, groups
// and roles that were deleted or narrowed, denies that were made, and boundaries
// that were set.
//
// The backup may also be a plain copy of a database and, if it has one, of its
// WAL, which are read and not changed; nobody may be writing to them. Restore
// brings the copy to this release's schema and checks it from end to end before
// it touches the target, which may be absent.
//
// It fails with identity.ErrLocked when a store has the target or the backup
// open, with ErrInvalid when the backup is no database of this library, with
// ErrNewerSchema when a newer release made it, and with ErrStorage for
// everything else; the target is then what it was. When it is interrupted, it is
// to be run again.
func Restore(ctx context.Context, from, to string) error {
	if err := restore(ctx, from, to); err != nil {
		return named("Restore", err)
	}
	return nil
}

func restore(ctx context.Context, from, to string) (err error) {
	source, err := locate(from)
	if err != nil {
		return err
	}
	target, err := locate(to)
	if err != nil {
		return err
	}
	if source.path == target.path {
		return invalid(from, "from", "is the target")
	}
	free, err := claimBoth(ctx, source, target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, free()) }()
	next := location{given: source.given, path: target.path + ".restoring"}
	if err := removeAll(next.path); err != nil {
		return failure(target, "remove what an earlier try has left", err)
	}
	if err := prepareCopy(ctx, source, next); err != nil {
		return errors.Join(err, removeAll(next.path))
	}
	// What is left of the old database must be gone for good before the new one
	// has its name.
	if err := remove(target.path+"-wal", target.path+"-shm", target.path+"-journal"); err != nil {
		return failure(target, "remove the old WAL", err)
	}
	if err := syncDir(target); err != nil {
		return err
	}
	if err := os.Rename(next.path, target.path); err != nil {
		return failure(target, "name the database", err)
	}
	return syncDir(target)
}

// claimBoth locks the target, and the source if it ever was open.
func claimBoth(ctx context.Context, source, target location) (free func() error, err error) {
	lock, err := takeLock(ctx, target, ".lock", false, 0)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(source.path + ".lock"); errors.Is(err, fs.ErrNotExist) {
		return lock.release, nil
	}
	other, err := takeLock(ctx, source, ".lock", false, 0)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return func() error { return errors.Join(other.release(), lock.release()) }, nil
}

// prepareCopy makes a whole, marked and synced copy of the source.
func prepareCopy(ctx context.Context, source, next location) error {
	if err := copyFile(source.path, next.path); err != nil {
		return failure(source, "copy the backup", err)
	}
	if err := copyFile(source.path+"-wal", next.path+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure(source, "copy the backup's WAL", err)
	}
	if err := inCopy(ctx, next, func(db *sql.DB) error { return examine(ctx, source, db) }); err != nil {
		return failure(source, "read the backup", err)
	}
	if err := mark(ctx, next); err != nil {
		return failure(source, "mark the copy", err)
	}
	if err := syncFile(next.path); err != nil {
		return failure(source, "sync the copy", err)
	}
	return nil
}

// examine refuses what is not a whole database of ours, and brings it to the
// newest schema.
func examine(ctx context.Context, source location, db *sql.DB) error {
	version, err := migrations.Version(ctx, db)
	if err != nil {
		return err
	}
	if version == 0 {
		return invalid(source.given, "from", "is no database of this library")
	}
	if err := migrate(ctx, db, Auto); err != nil {
		return err
	}
	var used int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM identity_instance`).Scan(&used); err != nil {
		return err
	}
	if used == 0 {
		return invalid(source.given, "from", "is empty")
	}
	var found string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return &identity.Error{Kind: identity.ErrStorage, Entity: "database", ID: clip(source.given), Err: fmt.Errorf("it is damaged: %s", found)}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// removeAll removes a database with what SQLite may have put beside it.
func removeAll(path string) error { return remove(path, path+"-wal", path+"-shm", path+"-journal") }

func remove(paths ...string) error {
	var err error
	for _, path := range paths {
		if e := os.Remove(path); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
