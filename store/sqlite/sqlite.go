// Package sqlite opens Claviger's store in a SQLite file, by the pure Go
// driver modernc.org/sqlite. It owns its connections: what a host may say is a
// path and a few options, never a part of a DSN.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store"
)

// Migrate says what Open does with a database of an older schema.
type Migrate uint8

// What Open does with an older schema.
const (
	Auto  Migrate = iota // bring it to the newest
	Check                // fail with identity.ErrStorage, naming both versions
)

// Options are the choices of [Open]. The zero value is the safe one.
type Options struct {
	// Migrate is Auto unless it says otherwise. A database of a newer schema
	// fails with identity.ErrNewerSchema in either case.
	Migrate Migrate
	// Shared lets other processes open the database too, if they say so as well.
	// By default this process owns it.
	Shared bool
	// LockWait is how long to wait for another process: for the database in
	// [Open], and for its writes in Begin. 0 means 5 seconds; less than 0 means
	// not at all.
	LockWait time.Duration
}

const defaultLockWait = 5 * time.Second

func (o Options) lockWait() time.Duration {
	switch {
	case o.LockWait == 0:
		return defaultLockWait
	case o.LockWait < 0:
		return 0
	}
	return o.LockWait
}

// Store is an open database. It implements [identity.Store] and is safe for
// concurrent use.
type Store struct {
	*store.Store
	file    location
	shared  bool
	lock    *fileLock
	watch   *watch
	sidecar *sidecar
	close   func() error
}

var _ identity.Store = (*Store)(nil)

// Open opens the database in a file, making both when they are absent: the
// file with mode 0600, in a directory that exists. At most one Options may be
// given.
//
// It fails with identity.ErrLocked when another process, or another Store of
// this one, has the database and still has it after LockWait; with ErrInvalid
// when the path or what is there cannot be a database; with ErrNewerSchema when
// a newer release made it; with ErrStorage for everything else.
//
// Beside the file, and as long as it, stay "<file>.lock" and "<file>.migrate",
// which are empty and carry the locks, and "<file>.fence"; see [Store.Sidecar]. An existing file keeps its mode, and is
// put into WAL mode.
func Open(ctx context.Context, path string, opts ...Options) (*Store, error) {
	var o Options
	switch len(opts) {
	case 0:
	case 1:
		o = opts[0]
	default:
		return nil, invalid(path, "Options", "%d are given, one is the most", len(opts))
	}
	if o.Migrate > Check {
		return nil, invalid(path, "Migrate", "%d is neither Auto nor Check", o.Migrate)
	}
	file, err := locate(path)
	if err != nil {
		return nil, err
	}
	lock, err := takeLock(ctx, file, ".lock", o.Shared, o.lockWait())
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, file, o)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s.lock = lock
	return s, nil
}

// open builds the pools from the inside out, and undoes what it has when a
// step fails. The caller holds the lock of the database.
func open(ctx context.Context, file location, o Options) (_ *Store, err error) {
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		for _, f := range undo {
			err = errors.Join(err, f())
		}
	}()

	writer, err := prepare(ctx, file, o)
	if err != nil {
		return nil, err
	}
	undo = append(undo, writer.Close)
	info, err := os.Stat(file.given)
	if err != nil {
		return nil, failure(file, "look at the file", err)
	}
	readers, err := openPool(file, readerPragmas(o), max(4, runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, failure(file, "open for reading", err)
	}
	undo = append(undo, readers.Close)
	if err := readers.PingContext(ctx); err != nil {
		return nil, failure(file, "open for reading", err)
	}
	watcher, err := openPool(file, readerPragmas(o), 1)
	if err != nil {
		return nil, failure(file, "open for watching", err)
	}
	undo = append(undo, watcher.Close)

	s := &Store{
		Store:   store.New(writer, readers, dialect(), o.lockWait()),
		file:    file,
		shared:  o.Shared,
		watch:   &watch{file: file, info: info, db: watcher},
		sidecar: &sidecar{file: file, shared: o.Shared, wait: o.lockWait()},
	}
	s.close = sync.OnceValue(s.shut)
	// The first look sets what later ones compare with, and shows a file that
	// was replaced while it was being opened.
	if _, err := s.watch.changed(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// prepare makes the file, its write connection and its schema, one process at
// a time: switching to WAL mode and migrating do not bear company.
func prepare(ctx context.Context, file location, o Options) (_ *sql.DB, err error) {
	lock, err := takeLock(ctx, file, ".migrate", false, o.lockWait())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	if err := create(file); err != nil {
		return nil, err
	}
	writer, err := openPool(file, writerPragmas(o), 1)
	if err != nil {
		return nil, failure(file, "open", err)
	}
	if err = checkVersion(ctx, writer); err == nil {
		err = migrate(ctx, writer, o.Migrate)
	}
	if err != nil {
		return nil, errors.Join(failure(file, "open", err), writer.Close())
	}
	return writer, nil
}

// create makes the file before SQLite would, to choose its mode; SQLite gives
// the WAL and its index the mode of the file. A file that exists is not
// opened: closing it again would drop the locks that other connections of this
// process have on it.
func create(file location) error {
	f, err := os.OpenFile(file.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return failure(file, "create the file", err)
	}
	if err := f.Close(); err != nil {
		return failure(file, "create the file", err)
	}
	return syncDir(file)
}

// Shared reports whether other processes may write to the database.
func (s *Store) Shared() bool { return s.shared }

// Changed reports whether another connection, which includes the one this
// store writes with, has committed since the last call. It fails with
// identity.ErrStorage when the file at the path is no longer the one that was
// opened.
func (s *Store) Changed(ctx context.Context) (bool, error) { return s.watch.changed(ctx) }

// Close closes the database. A write that is under way is given LockWait to
// end; when it does not, it can no longer commit, Close fails with
// identity.ErrBusy, and the lock stays with this process. A second call returns
// what the first did.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	err := s.watch.close()
	// The writer closes last: the last connection folds the WAL into the file.
	closed := s.Store.Close()
	if errors.Is(closed, identity.ErrBusy) {
		return errors.Join(err, closed)
	}
	return errors.Join(err, closed, s.lock.release())
}
