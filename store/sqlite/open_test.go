package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/migrations"
)

func TestSec63_FilesArePrivate(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	commitOrg(t, s, "acme")
	for _, suffix := range []string{"", "-wal", "-shm", ".lock", ".migrate"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s%s has mode %v", filepath.Base(path), suffix, info.Mode())
		}
	}
}

// commitOrg writes one row.
func commitOrg(t *testing.T, s *Store, slug string) {
	t.Helper()
	if err := writeOrg(t.Context(), s, slug); err != nil {
		t.Fatal(err)
	}
}

func writeOrg(ctx context.Context, s *Store, slug string) error {
	tx, err := s.Begin()
	if err != nil {
		return err
	}
	o := identity.Org{ID: identity.OrgID("or_" + slug), Slug: slug, State: identity.OrgActive}
	if err := tx.Orgs().Insert(ctx, o); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// orgs counts the orgs.
func orgs(t *testing.T, s *Store) int {
	t.Helper()
	var n int
	err := s.Read(t.Context(), func(tx identity.Txn) (err error) {
		n, err = tx.Orgs().Count(t.Context(), identity.Query{Everywhere: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// refused opens and expects an error of the kind, whose text says why.
func refused(t *testing.T, path string, kind error, why string, o Options) {
	t.Helper()
	if o.LockWait == 0 {
		o.LockWait = -1
	}
	s, err := Open(t.Context(), path, o)
	if err == nil {
		_ = s.Close()
		t.Errorf("%q was opened", path)
		return
	}
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), why) {
		t.Errorf("%q: %v; it should be %q and say %q", path, err, kind, why)
	}
}

func TestOpenRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		kind error
		why  string
	}{
		{"", identity.ErrInvalid, "absent"},
		{":memory:", identity.ErrInvalid, "memory"},
		{"file:" + filepath.Join(dir, "a.db"), identity.ErrInvalid, "URI"},
		{"file::memory:?cache=shared", identity.ErrInvalid, "URI"},
		{filepath.Join(dir, "a\x00b.db"), identity.ErrInvalid, "NUL"},
		{dir, identity.ErrInvalid, "not a regular file"},
		{dir + "/new/", identity.ErrInvalid, "directory"},
		{os.DevNull, identity.ErrInvalid, "not a regular file"},
		{filepath.Join(dir, "none", "a.db"), identity.ErrStorage, "find the directory"},
		{filepath.Join(file, "a.db"), identity.ErrStorage, "find the"},
		{link, identity.ErrStorage, "find the file"},
	} {
		refused(t, c.path, c.kind, c.why, Options{})
	}
	refused(t, filepath.Join(dir, "b.db"), identity.ErrInvalid, "Migrate", Options{Migrate: 7})
	if _, err := Open(t.Context(), filepath.Join(dir, "b.db"), Options{}, Options{}); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("two Options: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("what was refused left files: %v (%v)", entries, err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNotADatabase(t *testing.T) {
	for _, content := range []string{"x", "hello, world\n", strings.Repeat("not a database, but long enough. ", 200),
		strings.Repeat("y", 511), strings.Repeat("z", 512), "SQLite format 4\x00" + strings.Repeat("\x00", 5000)} {
		path := newPath(t)
		write(t, path, content)
		refused(t, path, identity.ErrInvalid, "database", Options{})
		kept, err := os.ReadFile(path)
		if err != nil || string(kept) != content {
			t.Errorf("the file was changed (%v)", err)
		}
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	refused(t, filepath.Join(dir, "app.db"), identity.ErrStorage, "open the lock file", Options{})
}

// TestUnwritablePlace: where nothing can be made, nothing can be opened.
func TestUnwritablePlace(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("no file system is known here that even root cannot write to")
	}
	refused(t, "/proc/app.db", identity.ErrStorage, "open the lock file", Options{})
}

// TestSharedMigration opens one new file from many goroutines at once; flock
// tells them apart as it would processes.
func TestSharedMigration(t *testing.T) {
	path := newPath(t)
	var wg sync.WaitGroup
	failures := make(chan error, 8)
	for i := range 8 {
		wg.Go(func() {
			s, err := Open(t.Context(), path, Options{Shared: true, LockWait: time.Minute})
			if err == nil {
				err = errors.Join(writeOrg(t.Context(), s, fmt.Sprintf("org-%d", i)), s.Close())
			}
			failures <- err
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Error(err)
		}
	}
	if n := orgs(t, openStore(t, path)); n != 8 {
		t.Errorf("%d orgs, there should be 8", n)
	}
}

// raw opens the file without the library.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", uri(path)+"?_pragma=busy_timeout(1000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, text string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
}

func TestNewerSchema(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	execute(t, db, `INSERT INTO identity_schema_version (version_id, is_applied) VALUES (?, 1)`, migrations.Latest()+1)
	for _, how := range []Migrate{Auto, Check} {
		refused(t, path, identity.ErrNewerSchema, "this release knows", Options{Migrate: how})
	}
	execute(t, db, `DELETE FROM identity_schema_version WHERE version_id = ?`, migrations.Latest()+1)
	openStore(t, path)
}

func TestMigrateCheck(t *testing.T) {
	path := newPath(t)
	refused(t, path, identity.ErrStorage, "version 0", Options{Migrate: Check})
	s := openStore(t, path)
	commitOrg(t, s, "acme")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path, func(o *Options) { o.Migrate = Check })
	if n := orgs(t, s); n != 1 {
		t.Errorf("%d orgs", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	if err := migrations.Down(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	before, err := migrations.Version(t.Context(), db)
	if err != nil || before >= migrations.Latest() {
		t.Fatalf("down to version %d of %d: %v", before, migrations.Latest(), err)
	}
	refused(t, path, identity.ErrStorage, fmt.Sprintf("version %d", before), Options{Migrate: Check})
}
