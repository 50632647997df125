package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	modernc "modernc.org/sqlite"
)

// TestPragmas reads the settings of several connections of each pool, with the
// expected values written down once more.
func TestPragmas(t *testing.T) {
	path := newPath(t)
	openStore(t, path)
	o := Options{LockWait: 1234e6}
	always := map[string]string{"journal_mode": "wal", "busy_timeout": "1234", "foreign_keys": "1", "recursive_triggers": "1",
		"trusted_schema": "0"}
	for _, c := range []struct {
		name string
		p    pragmas
		also map[string]string
	}{
		{"writer", writerPragmas(o), map[string]string{"synchronous": "2", "fullfsync": "1", "checkpoint_fullfsync": "1",
			"query_only": "0", "temp_store": "2"}},
		{"reader", readerPragmas(o), map[string]string{"query_only": "1"}},
	} {
		db, err := openPool(location{path, path}, c.p, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		for i := range 3 {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }() // at the end: each one is another connection
			for _, list := range []map[string]string{always, c.also} {
				for name, want := range list {
					var got string
					if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
						t.Errorf("%s %d: %s is %q, it should be %q (%v)", c.name, i, name, got, want, err)
					}
				}
			}
			if _, err := conn.ExecContext(t.Context(), `SELECT "text"`); err == nil {
				t.Errorf("%s %d: text in double quotes is a string", c.name, i)
			}
			if _, err := conn.ExecContext(t.Context(), `PRAGMA writable_schema = ON`); err != nil {
				t.Error(err)
			}
			if _, err := conn.ExecContext(t.Context(), `UPDATE sqlite_schema SET sql = sql`); err == nil {
				t.Errorf("%s %d: the schema can be written", c.name, i)
			}
		}
	}
}

// TestSec63_WeakConnections: a connection that lacks a setting does not open,
// whichever it is.
func TestSec63_WeakConnections(t *testing.T) {
	path := newPath(t)
	openStore(t, path)
	for _, p := range []pragmas{writerPragmas(Options{}), readerPragmas(Options{})} {
		good := p.dsn(path)
		if err := connectWith(t, good, p); err != nil {
			t.Fatalf("%s: %v", good, err)
		}
		weaker := []string{
			strings.Replace(good, "_defensive=1", "_defensive=0", 1),
			strings.Replace(good, "_dqs=0", "_dqs=1", 1),
		}
		if p.writes {
			weaker = append(weaker, strings.Replace(good, "mode=rw", "mode=ro", 1))
		} else {
			weaker = append(weaker, strings.Replace(good, "mode=ro", "mode=rw", 1))
		}
		for i, one := range p.list {
			less := pragmas{writes: p.writes}
			less.list = append(append(less.list, p.list[:i]...), p.list[i+1:]...)
			if one.name == "journal_mode" || one.name == "synchronous" {
				continue // the file remembers the one, and the other is the default: tested below
			}
			weaker = append(weaker, less.dsn(path))
		}
		weaker = append(weaker, strings.Replace(good, "journal_mode%28wal%29", "journal_mode%28delete%29", 1),
			strings.Replace(good, "synchronous%28full%29", "synchronous%28normal%29", 1))
		for _, dsn := range weaker {
			if dsn == good {
				continue // a setting that this pool does not have
			}
			if err := connectWith(t, dsn, p); err == nil {
				t.Errorf("%s was accepted", dsn)
			}
		}
	}
}

func connectWith(t *testing.T, dsn string, p pragmas) error {
	t.Helper()
	inner, err := modernc.NewConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connector{inner, p}.Connect(t.Context())
	if err != nil {
		return err
	}
	return conn.Close()
}

// TestDSN: what a path is made of stays in the path. Every name opens a file of
// exactly that name and nothing else, with the settings of the library.
func TestDSN(t *testing.T) {
	for _, name := range []string{
		"a b.db", "a+b.db", "a%20b.db", "a%00b.db", "a%.db", "a?b.db", "a#b.db", "a&b=c.db", "a;b.db", "a'b\"c.db", "é日本.db", "a\nb.db",
		"app.db?_pragma=synchronous(0)", "app.db?mode=memory", "app.db&_pragma=foreign_keys(0)", "app.db#?vfs=none",
		"app.db?_pragma=foreign_keys(1);ATTACH 'x.db' AS x", "app.db?_defensive=0&_dqs=1", "-app.db", "~app.db", "c:app.db", "\xff.db",
		"app.db?immutable=1", "app.db?nolock=1", ":memory:x", "app.db ", "..db",
	} {
		t.Run(fmt.Sprintf("%q", name), func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, filepath.Join(dir, name))
			tx, err := s.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			var opened string
			const file = `SELECT file FROM pragma_database_list WHERE name = 'main'`
			err = hostStatements(t, tx).QueryRowContext(t.Context(), file).Scan(&opened)
			if want := filepath.Join(dir, name); err != nil || opened != want {
				t.Errorf("opened %q, it should be %q (%v)", opened, want, err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				switch e.Name() {
				case name, name + "-wal", name + "-shm", name + ".lock", name + ".migrate":
				default:
					t.Errorf("there is a file %q too", e.Name())
				}
			}
			if len(entries) != 5 {
				t.Errorf("there are %d files", len(entries))
			}
		})
	}
}

// FuzzURI: SQLite gets back the path that went in. The parsing of URIs is
// SQLite's own, so it is asked: a path without a file is named in the error no
// further, hence the file is made.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"a", "%41", "a?b#c&d;e", "\xff", "ä/b", "..", " "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || len(name) > 100 || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
			t.Skip("no file can have this name")
		}
		path := filepath.Join(t.TempDir(), name)
		db, err := sql.Open("sqlite", uri(path)+"?mode=rwc")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		var opened string
		err = db.QueryRowContext(context.Background(), `SELECT file FROM pragma_database_list`).Scan(&opened)
		if err != nil || opened != path {
			t.Fatalf("%q opened %q (%v)", path, opened, err)
		}
	})
}
