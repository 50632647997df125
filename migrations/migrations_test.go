package migrations

import (
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the engine that the files are for
)

func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "app.db")+"?_dqs=0&_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // the pool that migrates has one connection
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// schema is the definition of everything of ours, by name.
func schema(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name LIKE 'identity%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	found := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		found[name] = text
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func at(t *testing.T, db *sql.DB, want int64) {
	t.Helper()
	if got, err := Version(t.Context(), db); err != nil || got != want {
		t.Fatalf("the version is %d, it should be %d (%v)", got, want, err)
	}
}

// TestLadder goes up, down step by step to nothing, and up again.
func TestLadder(t *testing.T) {
	db := open(t)
	at(t, db, 0)
	if found := schema(t, db); len(found) != 0 {
		t.Fatalf("Version made %v", found)
	}
	if err := Down(t.Context(), db); err != nil {
		t.Fatalf("Down of nothing: %v", err)
	}
	for range 2 {
		if err := Up(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	at(t, db, Latest())
	first := schema(t, db)
	for v := Latest(); v > 0; v-- {
		at(t, db, v)
		before := schema(t, db)
		if err := Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if after := schema(t, db); maps.Equal(before, after) {
			t.Errorf("Down from %d changed no definition", v)
		}
	}
	at(t, db, 0)
	left := schema(t, db)
	delete(left, Table)
	if len(left) != 0 {
		t.Errorf("Down to nothing left %v", left)
	}
	if err := Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if again := schema(t, db); !maps.Equal(first, again) {
		t.Errorf("up again is %v, it was %v", again, first)
	}
}

func TestNewer(t *testing.T) {
	db := open(t)
	if err := Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	const later = `INSERT INTO identity_schema_version (version_id, is_applied) VALUES ($1, 1)`
	if _, err := db.ExecContext(t.Context(), later, Latest()+1); err != nil {
		t.Fatal(err)
	}
	before := schema(t, db)
	if err := Up(t.Context(), db); !errors.Is(err, ErrNewer) {
		t.Errorf("Up: %v", err)
	}
	if err := Down(t.Context(), db); !errors.Is(err, ErrNewer) {
		t.Errorf("Down: %v", err)
	}
	at(t, db, Latest()+1)
	if !maps.Equal(before, schema(t, db)) {
		t.Error("a newer schema was changed")
	}
}

// TestTables: every table compares types strictly, and nothing is named
// outside our prefix.
func TestTables(t *testing.T) {
	db := open(t)
	if err := Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	tables := 0
	for name, text := range schema(t, db) {
		if name == Table || !strings.HasPrefix(text, "CREATE TABLE") {
			continue
		}
		tables++
		if tail := text[strings.LastIndex(text, ")"):]; !strings.Contains(tail, "STRICT") {
			t.Errorf("%s is not STRICT", name)
		}
		if strings.Contains(strings.ToUpper(text), "COLLATE") {
			t.Errorf("%s compares other than byte by byte", name)
		}
	}
	if tables < 11 {
		t.Errorf("there are %d tables, there should be 11 at least", tables)
	}
	var other int
	const outside = `SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'identity\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`
	if err := db.QueryRowContext(t.Context(), outside).Scan(&other); err != nil || other != 0 {
		t.Errorf("%d things are named outside the prefix (%v)", other, err)
	}
}

// TestFiles: the numbers have no gaps, and every file goes both ways.
func TestFiles(t *testing.T) {
	names, err := fs.Glob(FS, "sqlite/*.sql")
	if err != nil || int64(len(names)) != Latest() {
		t.Fatalf("there are %d files and the latest is %d (%v)", len(names), Latest(), err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(FS, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, way := range []string{"-- +goose Up\n", "-- +goose Down\n"} {
			if strings.Count(string(text), way) != 1 {
				t.Errorf("%s has not one %q", name, way)
			}
		}
	}
}

// TestDownNeverWidens: what only a condition or a boundary narrowed is not left
// without them.
func TestDownNeverWidens(t *testing.T) {
	db := open(t)
	if err := Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO identity_org VALUES ('or_1', 'acme', '', 'active', '{}', 0, 0, '', 0, '', 1)`)
	for id, row := range map[string][2]string{
		"us_free": {"", "active"}, "us_bound": {"ro_1", "active"}, "us_invited": {"ro_1", "invited"}, "us_archived": {"ro_1", "archived"},
	} {
		exec(`INSERT INTO identity_account (org_id, id, kind, state, valid_until, min_revision, name, display_name, description, labels, external_issuer, external_subject,
			created_at, created_by, updated_at, updated_by, revision, boundary) VALUES ('or_1', $1, 'user', $3, 0, 0, $1, '', '', '{}', '', '', 0, '', 0, '', 1, $2)`, id, row[0], row[1])
	}
	for id, row := range map[string][2]string{
		"bi_allow": {"allow", ""}, "bi_allow_if": {"allow", "c"}, "bi_deny": {"deny", ""}, "bi_deny_if": {"deny", "c"},
	} {
		exec(`INSERT INTO identity_binding (org_id, id, subject, role, scope, effect, starts_at, ends_at, reach, reason, immutable,
			created_at, created_by, updated_at, updated_by, revision, condition) VALUES ('or_1', $1, 'us_free', 'ro_1', '/', $2, 0, 0, '', '', 0, 0, '', 0, '', 1, $3)`, id, row[0], row[1])
	}
	for at := Latest(); at > 3; at-- {
		if err := Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	list := func(text string) string {
		t.Helper()
		var found string
		if err := db.QueryRowContext(t.Context(), text).Scan(&found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if got, want := list(`SELECT group_concat(id || '=' || state, ' ' ORDER BY id) FROM identity_account`),
		"us_archived=archived us_bound=inactive us_free=active us_invited=inactive"; got != want {
		t.Errorf("the accounts are %s, want %s", got, want)
	}
	if got, want := list(`SELECT group_concat(id, ' ' ORDER BY id) FROM identity_binding`), "bi_allow bi_deny bi_deny_if"; got != want {
		t.Errorf("the bindings are %s, want %s", got, want)
	}
}
