package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// use makes a database one that New has filled, as far as this package can see.
func use(t *testing.T, s *Store) {
	t.Helper()
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Instance().Save(t.Context(), identity.Instance{Incarnation: "in"}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func isMarked(t *testing.T, s *Store) bool {
	t.Helper()
	var f identity.Fence
	err := s.Read(t.Context(), func(tx identity.Txn) (err error) {
		f, err = tx.Fence().Load(t.Context())
		return err
	})
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		t.Fatal(err)
	}
	return f.Marked
}

// names lists a folder, without the lock files.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") && !strings.HasSuffix(e.Name(), ".migrate") {
			found = append(found, e.Name())
		}
	}
	return strings.Join(found, " ")
}

func TestSec63_BackupIsPrivate(t *testing.T) {
	s := openStore(t, newPath(t))
	use(t, s)
	commitOrg(t, s, "acme")
	dir := t.TempDir()
	copied := filepath.Join(dir, "copy.db")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(copied)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got := names(t, dir); got != "copy.db" {
		t.Errorf("beside the copy: %s", got)
	}
	if isMarked(t, s) {
		t.Error("the database itself is marked")
	}
	o := openStore(t, copied)
	if !isMarked(t, o) || orgs(t, o) != 1 {
		t.Errorf("the copy is marked: %v, and has %d orgs", isMarked(t, o), orgs(t, o))
	}
}

// TestBackupOverNothing: what is at the path stays, whatever it is.
func TestBackupOverNothing(t *testing.T) {
	s := openStore(t, newPath(t))
	use(t, s)
	dir := t.TempDir()
	existing := filepath.Join(dir, "copy.db")
	write(t, existing, strings.Repeat("precious", 100))
	empty := filepath.Join(dir, "empty.db")
	write(t, empty, "")
	for _, path := range []string{existing, empty, s.file.path} {
		err := s.Backup(t.Context(), path)
		if e := new(identity.Error); !errors.As(err, &e) || e.Kind != identity.ErrConflict || e.Op != "Backup" {
			t.Errorf("over %s: %v", filepath.Base(path), err)
		}
	}
	for _, path := range []string{"", ":memory:", "file:x.db", filepath.Join(dir, "none", "x.db")} {
		if err := s.Backup(t.Context(), path); err == nil {
			t.Errorf("%q was accepted", path)
		}
	}
	if content, err := os.ReadFile(existing); err != nil || string(content) != strings.Repeat("precious", 100) {
		t.Errorf("it was changed: %v", err)
	}
	if got := names(t, dir); got != "copy.db empty.db" {
		t.Errorf("left behind: %s", got)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(cancelled, filepath.Join(dir, "late.db")); err == nil {
		t.Error("a cancelled backup succeeded")
	}
	if got := names(t, dir); got != "copy.db empty.db" {
		t.Errorf("a cancelled backup left behind: %s", got)
	}
}

// TestBackupOfOneMoment: while orgs are written in pairs, every copy has pairs.
func TestBackupOfOneMoment(t *testing.T) {
	s := openStore(t, newPath(t))
	use(t, s)
	dir := t.TempDir()
	stop, done := make(chan struct{}), make(chan error, 1)
	first := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := writePair(t.Context(), s, strconv.Itoa(i)); err != nil {
				done <- err
				return
			}
			if i == 0 {
				close(first)
			}
		}
	}()
	<-first
	var counts []int
	for i := range 5 {
		path := filepath.Join(dir, strconv.Itoa(i)+".db")
		if err := s.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, orgs(t, openStore(t, path)))
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("the copies have %v orgs", counts)
	for i, n := range counts {
		if n == 0 || n%2 != 0 || i > 0 && n < counts[i-1] {
			t.Errorf("copy %d has %d orgs", i, n)
		}
	}
}

func writePair(ctx context.Context, s *Store, name string) error {
	tx, err := s.Begin()
	if err != nil {
		return err
	}
	for _, slug := range []string{"a" + name, "b" + name} {
		o := identity.Org{ID: identity.OrgID("or_" + slug), Slug: slug, State: identity.OrgActive}
		if err := tx.Orgs().Insert(ctx, o); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
