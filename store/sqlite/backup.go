package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"

	"github.com/claviger-go/claviger/identity"
)

// Backup writes what is committed at one moment to a new file with mode 0600,
// while reading and writing go on. The file is one of its own, without a WAL, in
// which deleted rows are gone; it is marked as a copy, so that the fence is
// raised before anything is answered from it.
//
// It fails with identity.ErrConflict when there is something at the path. Until
// it is whole, the copy is called "<path>.partial"; what a crash leaves of it can
// be removed.
func (s *Store) Backup(ctx context.Context, path string) error {
	to, err := locate(path)
	if err != nil {
		return named("Backup", err)
	}
	if err := s.backup(ctx, to); err != nil {
		return named("Backup", err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, to location) (err error) {
	// The name is taken now: who comes second must not replace what is whole.
	if err := claim(to, to.path); err != nil {
		return err
	}
	partial := location{given: to.given, path: to.path + ".partial"}
	undo := []string{to.path}
	defer func() {
		if err != nil {
			for _, name := range undo {
				err = errors.Join(err, os.Remove(name))
			}
		}
	}()
	if err := claim(to, partial.path); err != nil {
		return err
	}
	undo = append(undo, partial.path)
	if err := s.vacuumInto(ctx, partial.path); err != nil {
		return failure(s.file, "write the copy", err)
	}
	if err := mark(ctx, partial); err != nil {
		return failure(partial, "mark the copy", err)
	}
	if err := syncFile(partial.path); err != nil {
		return failure(partial, "sync the copy", err)
	}
	if err := os.Rename(partial.path, to.path); err != nil {
		return failure(to, "name the copy", err)
	}
	undo = undo[:1]
	return syncDir(to)
}

// claim makes an empty file where there is none.
func claim(to location, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &identity.Error{Kind: identity.ErrConflict, Entity: "database", ID: clip(to.given), Err: errors.New(path + " exists")}
	}
	if err != nil {
		return failure(to, "create the file", err)
	}
	return f.Close()
}

// vacuumInto copies by a connection of its own, which has to be able to write,
// though not to our file: the copy is attached to it.
func (s *Store) vacuumInto(ctx context.Context, path string) (err error) {
	db, err := openPool(s.file, pragmas{list: sharedPragmas(Options{})}, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, `VACUUM INTO $1`, path)
	return err
}

// mark says in a copy, and nowhere else, that it is one.
func mark(ctx context.Context, file location) error {
	return inCopy(ctx, file, func(db *sql.DB) error {
		const marked = `INSERT INTO identity_fence (id, marked, raised_at) VALUES (1, 1, 0) ON CONFLICT (id) DO UPDATE SET marked = 1`
		_, err := db.ExecContext(ctx, marked)
		return err
	})
}

// inCopy runs fn on a file that nobody else knows of. It is left without a WAL.
func inCopy(ctx context.Context, file location, fn func(*sql.DB) error) (err error) {
	db, err := openPool(file, pragmas{writes: true, list: append(sharedPragmas(Options{}),
		pragma{"journal_mode", "delete", "delete"}, pragma{"synchronous", "full", "2"}, pragma{"fullfsync", "on", "1"},
	)}, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return fn(db)
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// named gives an error of this package the operation that it belongs to.
func named(op string, err error) error {
	var e *identity.Error
	if !errors.As(err, &e) {
		return &identity.Error{Kind: identity.ErrStorage, Op: op, Entity: "database", Err: err}
	}
	renamed := *e
	renamed.Op = op
	return &renamed
}
