package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/migrations"
)

// backedUp is an open database with two orgs, and a copy from when it had one.
func backedUp(t *testing.T) (s *Store, backup string) {
	t.Helper()
	s = openStore(t, newPath(t))
	use(t, s)
	commitOrg(t, s, "one")
	backup = filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	commitOrg(t, s, "two")
	return s, backup
}

func wantRestored(t *testing.T, path string, want int) {
	t.Helper()
	s := openStore(t, path)
	if n := orgs(t, s); n != want || !isMarked(t, s) {
		t.Errorf("%d orgs, marked: %v; want %d, marked", n, isMarked(t, s), want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestRestore(t *testing.T) {
	s, backup := backedUp(t)
	target := s.file.path
	if err := s.Sidecar().Rewrite(func([]byte) ([]byte, error) { return []byte("kept\n"), nil }); err != nil {
		t.Fatal(err)
	}
	err := Restore(t.Context(), backup, target)
	if e := new(identity.Error); !errors.As(err, &e) || e.Kind != identity.ErrLocked || e.Op != "Restore" {
		t.Errorf("while it is open: %v", err)
	}
	if n := orgs(t, s); n != 2 {
		t.Errorf("%d orgs after a refusal", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), backup, target); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(backup); err != nil || string(after) != string(before) {
		t.Errorf("the backup was changed: %v", err)
	}
	if got := names(t, filepath.Dir(target)); got != "app.db app.db.fence" {
		t.Errorf("beside the database: %s", got)
	}
	wantRestored(t, target, 1)
	if kept, err := os.ReadFile(target + ".fence"); err != nil || string(kept) != "kept\n" {
		t.Errorf("the sidecar is %q, %v", kept, err)
	}

	elsewhere := filepath.Join(t.TempDir(), "new.db")
	if err := Restore(t.Context(), backup, elsewhere); err != nil {
		t.Fatal(err)
	}
	wantRestored(t, elsewhere, 1)

	third := filepath.Join(t.TempDir(), "third.db")
	if err := Restore(t.Context(), elsewhere, third); !errors.Is(err, identity.ErrLocked) {
		t.Errorf("from a database that is open: %v", err)
	}
}

// TestRestoreOverStaleWAL: the WAL that a killed process has left is of the
// database that is replaced, and would be laid over the new one.
func TestRestoreOverStaleWAL(t *testing.T) {
	s, backup := backedUp(t)
	dir := t.TempDir()
	target := filepath.Join(dir, "app.db")
	for _, suffix := range []string{"", "-wal"} { // of a running database, as a kill leaves them
		if err := copyFile(s.file.path+suffix, target+suffix); err != nil {
			t.Fatal(err)
		}
	}
	write(t, target+"-journal", "a stale journal")
	write(t, target+"-shm", "a stale index")
	if info, err := os.Stat(target + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("there is no WAL: %v", err)
	}
	if err := Restore(t.Context(), backup, target); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != "app.db" {
		t.Errorf("left beside it: %s", got)
	}
	wantRestored(t, target, 1)
}

// TestRestoreOfRawCopy: the WAL of a copy belongs to it, and is read.
func TestRestoreOfRawCopy(t *testing.T) {
	s, _ := backedUp(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "raw.db")
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(s.file.path+suffix, source+suffix); err != nil {
			t.Fatal(err)
		}
	}
	target := filepath.Join(t.TempDir(), "app.db")
	if err := Restore(t.Context(), source, target); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != "raw.db raw.db-wal" {
		t.Errorf("the source has become: %s", got)
	}
	wantRestored(t, target, 2)
}

// TestRestoreRefused: a source that is none leaves the target, its WAL included,
// what it was.
func TestRestoreRefused(t *testing.T) {
	s, backup := backedUp(t)
	dir := t.TempDir()
	target := filepath.Join(dir, "app.db")
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(s.file.path+suffix, target+suffix); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	sources := t.TempDir()
	source := func(name, content string) string {
		path := filepath.Join(sources, name)
		write(t, path, content)
		return path
	}
	foreign := filepath.Join(sources, "foreign.db")
	db := raw(t, foreign)
	execute(t, db, `CREATE TABLE x (y)`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	unused := openStore(t, filepath.Join(sources, "unused.db"))
	if err := unused.Close(); err != nil {
		t.Fatal(err)
	}
	newer := source("newer.db", string(content))
	db = raw(t, newer)
	execute(t, db, `INSERT INTO identity_schema_version (version_id, is_applied) VALUES ($1, 1)`, migrations.Latest()+1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, from string
		kind       error
	}{
		{"absent", filepath.Join(sources, "none.db"), identity.ErrStorage},
		{"empty", source("empty.db", ""), identity.ErrInvalid},
		{"text", source("text.db", strings.Repeat("hello ", 1000)), identity.ErrInvalid},
		{"half", source("half.db", string(content[:len(content)/2])), identity.ErrStorage},
		{"damaged", source("damaged.db", damaged(content)), identity.ErrStorage},
		{"another program's", foreign, identity.ErrInvalid},
		{"never used", unused.file.path, identity.ErrInvalid},
		{"of a newer release", newer, identity.ErrNewerSchema},
		{"itself", target, identity.ErrInvalid},
		{"no path", "", identity.ErrInvalid},
	} {
		if err := Restore(t.Context(), test.from, target); !errors.Is(err, test.kind) {
			t.Errorf("%s: %v, want %v", test.name, err, test.kind)
		}
		if got := names(t, dir); got != "app.db app.db-wal" {
			t.Fatalf("%s: the target's folder has %s", test.name, got)
		}
	}
	if n := orgs(t, openStore(t, target)); n != 2 {
		t.Errorf("the target has %d orgs", n)
	}
}

// damaged overwrites a page in the middle.
func damaged(content []byte) string {
	return string(content[:8192]) + strings.Repeat("\xff", 4096) + string(content[12288:])
}

// TestRestoreOlderSchema: a backup of an older release is brought up to date on
// the way.
func TestRestoreOlderSchema(t *testing.T) {
	_, backup := backedUp(t)
	db := raw(t, backup)
	for range 3 {
		if err := migrations.Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "app.db")
	if err := Restore(t.Context(), backup, target); err != nil {
		t.Fatal(err)
	}
	wantRestored(t, target, 1)
}
