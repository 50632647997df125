package identity_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// hostTable makes a table of the host's own in the same file, through a pool of
// the host's.
func (w *world) hostTable() *sql.DB {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+w.file()+"?_pragma=busy_timeout(5000)")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	})
	if _, err := db.ExecContext(w.ctx, `CREATE TABLE project (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT`); err != nil {
		w.t.Fatal(err)
	}
	return db
}

func (w *world) projects(db *sql.DB) (n int) {
	w.t.Helper()
	if err := db.QueryRowContext(w.ctx, `SELECT count(*) FROM project`).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestHostStatements writes the host's rows and ours together: both or neither,
// in rows, log, snapshot and what is published.
func TestHostStatements(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	db := w.hostTable()
	insert := func(ctx context.Context, tx *identity.Tx, name string) error {
		_, err := tx.SQL().ExecContext(ctx, `INSERT INTO project (name) VALUES (?)`, name)
		return err
	}
	group := func(ctx context.Context, tx *identity.Tx, name string) error {
		return last(tx.System("project").In(org).CreateGroup(ctx, identity.GroupSpec{Name: name}))
	}

	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		if err := insert(ctx, tx, "one"); err != nil {
			return err
		}
		var name string
		if err := tx.SQL().QueryRowContext(ctx, `SELECT name FROM project WHERE id = ?`, 1).Scan(&name); err != nil || name != "one" {
			t.Errorf("its own row: %q, %v", name, err)
		}
		if w.projects(db) != 0 {
			t.Error("others see what is not committed")
		}
		return group(ctx, tx, "one")
	})
	if err != nil || w.projects(db) != 1 {
		t.Fatalf("%d rows, %v", w.projects(db), err)
	}

	stop := errors.New("the host has changed its mind")
	for what, fn := range map[string]func(ctx context.Context, tx *identity.Tx) error{
		"the host gives up": func(ctx context.Context, tx *identity.Tx) error {
			return errors.Join(insert(ctx, tx, "two"), group(ctx, tx, "two"), stop)
		},
		"a call of ours fails": func(ctx context.Context, tx *identity.Tx) error {
			return errors.Join(insert(ctx, tx, "two"), group(ctx, tx, "one")) // the name is taken
		},
		"a statement of the host fails": func(ctx context.Context, tx *identity.Tx) error {
			return errors.Join(group(ctx, tx, "two"), insert(ctx, tx, "one"))
		},
		"the host ends the transaction by a conflict": func(ctx context.Context, tx *identity.Tx) error {
			if err := errors.Join(group(ctx, tx, "two"), insert(ctx, tx, "two")); err != nil {
				return err
			}
			if _, err := tx.SQL().ExecContext(ctx, `INSERT OR ROLLBACK INTO project (name) VALUES ('one')`); err == nil {
				t.Error("the name was not taken")
			}
			return last(tx.SQL().ExecContext(ctx, `INSERT INTO project (name) VALUES ('astray')`)) // would be kept by itself
		},
		"the same, and the host does not notice": func(ctx context.Context, tx *identity.Tx) error {
			_, _ = tx.SQL().ExecContext(ctx, `INSERT OR ROLLBACK INTO project (name) VALUES ('one')`)
			return nil
		},
		"a row of a statement that is refused": func(ctx context.Context, tx *identity.Tx) error {
			var n int
			if err := tx.SQL().QueryRowContext(ctx, `PRAGMA user_version`).Scan(&n); !errors.Is(err, sql.ErrNoRows) {
				t.Errorf("%d, %v", n, err)
			}
			return nil
		},
		"it panics": func(ctx context.Context, tx *identity.Tx) (err error) {
			defer func() {
				if recover() != nil {
					err = stop
				}
			}()
			_ = insert(ctx, tx, "two")
			panic("the host")
		},
	} {
		before, revision := w.projects(db), w.id.Revision()
		logged := len(w.events(org))
		if err := w.id.Write(w.ctx, fn); err == nil {
			t.Errorf("%s: Write says that it has happened", what)
		}
		if now := w.projects(db); now != before || w.id.Revision() != revision || len(w.events(org)) != logged {
			t.Errorf("%s: %d rows became %d, revision %d became %d", what, before, now, revision, w.id.Revision())
		}
	}

	// A statement that fails is undone alone.
	err = w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		if err := insert(ctx, tx, "one"); err == nil {
			t.Error("the name was not taken")
		}
		return errors.Join(insert(ctx, tx, "three"), group(ctx, tx, "three"))
	})
	if err != nil || w.projects(db) != 2 {
		t.Errorf("%d rows, %v", w.projects(db), err)
	}
}

// leave keeps what a call gives as a host does that forgets to close it.
func leave[T any](to *T, call func() (T, error)) (err error) {
	*to, err = call()
	return err
}

// TestHostStatementsThatAreRefused: none ends the transaction or reaches beyond
// it, none runs outside of it, and rows do not outlive it.
func TestHostStatementsThatAreRefused(t *testing.T) {
	w := open(t)
	db := w.hostTable()
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		for _, text := range []string{
			`COMMIT`, ` commit;`, `END`, `Rollback`, `BEGIN`, `SAVEPOINT x`, `RELEASE x`, `ATTACH ':memory:' AS x`, `DETACH x`, `PRAGMA foreign_keys = 0`, `VACUUM`,
			"-- a comment\nCOMMIT", `/* a */ /* b */ COMMIT`, `;;COMMIT`, `SELECT 1; COMMIT`, `SELECT ';'; COMMIT`, `SELECT 'it''s;'; COMMIT`,
			`CREATE TABLE x (y); COMMIT`, `CREATE TABLE x (y); PRAGMA recursive_triggers = 0`, `CREATE INDEX x ON project (name); END`,
			`CREATE TRIGGER x AFTER INSERT ON project BEGIN SELECT 1; END; COMMIT`, `CREATE TEMP TRIGGER x AFTER INSERT ON project BEGIN SELECT 1; END; END`,
			"CREATE /* TRIGGER */ TABLE x (y); END", `CREATE TRIGGER x AFTER INSERT ON project BEGIN SELECT 1; COMMIT; END`,
			"SELECT \"a;b\", `c;d`, [e;f]; COMMIT", `SELECT 1 -- ;` + "\n; COMMIT", `SELECT 1 /* ; */ ; COMMIT`, `SELECT 2-1/1; COMMIT`, "\ufeffCOMMIT",
		} {
			wantKind(t, last(tx.SQL().ExecContext(ctx, text)), identity.ErrInvalid)
			wantKind(t, leave(new(*sql.Rows), func() (*sql.Rows, error) { return tx.SQL().QueryContext(ctx, text) }), identity.ErrInvalid)
		}
		for _, text := range []string{
			`SELECT 'COMMIT'`, `SELECT 1 AS commits`, `SELECT 1 -- ; COMMIT`, `SELECT '; COMMIT'`, `CREATE TABLE commits (x)`,
			`CREATE TRIGGER touch AFTER INSERT ON project BEGIN SELECT CASE 1 WHEN 1 THEN ';' END; SELECT 2; END; SELECT 1`,
			`CREATE TEMPORARY TRIGGER touched AFTER INSERT ON project BEGIN SELECT 1; END`,
		} {
			if err := last(tx.SQL().ExecContext(ctx, text)); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	var kept *identity.Tx
	var rows *sql.Rows
	err = w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) (err error) {
		kept = tx
		if _, err := tx.SQL().ExecContext(ctx, `INSERT INTO project (name) VALUES ('a'), ('b')`); err != nil {
			return err
		}
		err = leave(&rows, func() (*sql.Rows, error) { return tx.SQL().QueryContext(ctx, `SELECT name FROM project`) })
		if err == nil && !rows.Next() {
			t.Error("no row")
		}
		return err
	})
	if err != nil || w.projects(db) != 2 {
		t.Errorf("rows left open: %v", err)
	}
	wantKind(t, last(kept.SQL().ExecContext(w.ctx, `DELETE FROM project`)), identity.ErrInvalid)
	wantKind(t, last(identity.SQL{}.ExecContext(w.ctx, `DELETE FROM project`)), identity.ErrInvalid)
	if w.projects(db) != 2 {
		t.Error("a statement ran after Write")
	}
	w.org("next") // the writer goes on
	if err := errors.Join(rows.Err(), rows.Close()); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if rows.Next() {
		t.Error("rows outlived the transaction")
	}

	ctx, cancel := context.WithCancel(w.ctx)
	err = w.id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
		cancel()
		return last(tx.SQL().ExecContext(ctx, `INSERT INTO project (name) VALUES ('late')`))
	})
	wantKind(t, err, identity.ErrBusy)
}
