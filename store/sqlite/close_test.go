package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

func TestClose(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	commitOrg(t, s, "acme")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the WAL is still there (%v)", err)
	}
	if _, err := s.Begin(); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("Begin after Close: %v", err)
	}
	if err := s.Read(t.Context(), func(identity.Txn) error { return nil }); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("Read after Close: %v", err)
	}
	if _, err := s.Changed(t.Context()); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("Changed after Close: %v", err)
	}
	if n := orgs(t, openStore(t, path)); n != 1 {
		t.Errorf("%d orgs after opening again", n)
	}

}

// TestCloseWhileWriting: a write that does not end does not keep Close, cannot
// commit any more, and keeps the database from others.
func TestCloseWhileWriting(t *testing.T) {
	path := newPath(t)
	s, err := Open(t.Context(), path, Options{LockWait: -1})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	acme := identity.Org{ID: "or_acme", Slug: "acme", State: identity.OrgActive}
	if err := tx.Orgs().Insert(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); !errors.Is(err, identity.ErrBusy) {
			t.Fatalf("Close: %v", err)
		}
	}
	refused(t, path, identity.ErrLocked, ".lock", Options{})
	acme.ID, acme.Slug = "or_other", "other"
	if err := tx.Orgs().Insert(t.Context(), acme); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("a statement after Close: %v", err)
	}
	if err := tx.Commit(); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("Commit after Close: %v", err)
	}
	if _, err := s.Begin(); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("Begin after Close: %v", err)
	}
	if err := s.lock.release(); err != nil {
		t.Fatal(err)
	}
	if n := orgs(t, openStore(t, path)); n != 0 {
		t.Errorf("%d orgs of a write that could not commit", n)
	}
}

// TestFailedCommit: SQLite leaves the transaction open when a deferred
// constraint fails, here one of the host; the next one does not inherit it.
func TestFailedCommit(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	db := raw(t, path)
	execute(t, db, `CREATE TABLE parent (id INTEGER PRIMARY KEY)`)
	execute(t, db, `CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`)
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Orgs().Insert(t.Context(), identity.Org{ID: "or_1", Slug: "one", State: identity.OrgActive}); err != nil {
		t.Fatal(err)
	}
	if _, err := hostStatements(t, tx).ExecContext(t.Context(), `INSERT INTO child VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); !errors.Is(err, identity.ErrStorage) {
		t.Fatalf("Commit: %v", err)
	}
	commitOrg(t, s, "next")
	if n := orgs(t, s); n != 1 {
		t.Errorf("%d orgs, there should be 1", n)
	}
}

// TestBrokenTransaction ends the transaction behind the back of the store: it
// says so, and the next one is a new one.
func TestBrokenTransaction(t *testing.T) {
	s := openStore(t, newPath(t))
	for i, end := range []func(identity.WriteTxn) error{
		identity.WriteTxn.Commit,
		func(tx identity.WriteTxn) error { return errors.Join(tx.RollbackTo(), tx.Rollback()) },
	} {
		tx, err := s.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Savepoint(); err != nil {
			t.Fatal(err)
		}
		o := identity.Org{ID: identity.OrgID(fmt.Sprintf("or_%d", i)), Slug: fmt.Sprint(i), State: identity.OrgActive}
		if err := tx.Orgs().Insert(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if _, err := hostStatements(t, tx).ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if err := end(tx); !errors.Is(err, identity.ErrStorage) {
			t.Errorf("%d: the end: %v", i, err)
		}
		commitOrg(t, s, fmt.Sprintf("next-%d", i))
	}
	if n := orgs(t, s); n != 2 {
		t.Errorf("%d orgs, there should be 2", n)
	}
}
