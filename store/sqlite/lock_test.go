package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

func TestLock(t *testing.T) {
	path := newPath(t)
	first := openStore(t, path)
	link := path + "-link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(path))
	for _, name := range []string{path, link, filepath.Base(path), "./" + filepath.Base(path)} {
		refused(t, name, identity.ErrLocked, ".lock", Options{})
		refused(t, name, identity.ErrLocked, ".lock", Options{Shared: true})
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	a := openStore(t, path, func(o *Options) { o.Shared = true })
	b := openStore(t, link, func(o *Options) { o.Shared = true })
	if !a.Shared() || !b.Shared() || first.Shared() {
		t.Error("Shared does not say what was asked for")
	}
	refused(t, path, identity.ErrLocked, ".lock", Options{})
}

// TestLockWait: the wait for an owner ends when the owner goes, or the caller.
func TestLockWait(t *testing.T) {
	path := newPath(t)
	first := openStore(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		s, err := Open(ctx, path, Options{LockWait: time.Hour})
		if err == nil {
			err = s.Close()
		}
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, identity.ErrStorage) {
		t.Errorf("a caller that is gone got %v", err)
	}
	go func() {
		s, err := Open(t.Context(), path, Options{LockWait: time.Hour})
		if err == nil {
			err = s.Close()
		}
		done <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("after the owner went: %v", err)
	}
}

// TestOneMigrates: while anybody looks at the schema, nobody changes it, also
// not in a database that is shared.
func TestOneMigrates(t *testing.T) {
	path := newPath(t)
	lock, err := takeLock(t.Context(), location{path, path}, ".migrate", true, 0)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, path, identity.ErrLocked, ".migrate", Options{Shared: true})
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was made all the same (%v)", err)
	}
	if err := lock.release(); err != nil {
		t.Fatal(err)
	}
	openStore(t, path)
}

// TestWaitForWriter: another process that writes is waited for, and then the
// answer is ErrBusy.
func TestWaitForWriter(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	tx, err := raw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Close() }()
	if _, err := tx.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Begin(); !errors.Is(err, identity.ErrBusy) {
		t.Fatalf("Begin beside another writer: %v", err)
	}
	if _, err := tx.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	commitOrg(t, s, "acme")
}
