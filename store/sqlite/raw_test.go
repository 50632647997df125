package sqlite

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store"
)

// execer runs SQL by hand.
type execer struct {
	t  *testing.T
	db *sql.DB
}

func (e execer) do(text string) error {
	_, err := e.db.ExecContext(e.t.Context(), text)
	return err
}

// TestDiskFull lets the file grow no further: the write fails as a whole, what
// was there stays, and the store goes on when there is room.
func TestDiskFull(t *testing.T) {
	s := openStore(t, newPath(t))
	commitOrg(t, s, "acme")
	limit := func(pages int) {
		t.Helper()
		tx, err := s.Begin()
		if err != nil {
			t.Fatal(err)
		}
		var got int
		text := map[bool]string{true: `PRAGMA max_page_count = 1`, false: `PRAGMA max_page_count = 1000000`}[pages == 1]
		if err := hostStatements(t, tx).QueryRowContext(t.Context(), text).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // the least it can be is what the file has
	full := func() error {
		tx, err := s.Begin()
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		for i := range 10000 {
			g := identity.Group{ID: identity.GroupID("gr_" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))),
				Org: "or_acme", Description: string(make([]byte, 1000))}
			g.Name = string(g.ID)
			if err := tx.Groups().Insert(t.Context(), g); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
	err := full()
	if !errors.Is(err, identity.ErrStorage) || resultCode(err) != 13 {
		t.Fatalf("a full disk: %v", err)
	}
	if err := s.Read(t.Context(), func(tx identity.Txn) error {
		n, err := tx.Groups().Count(t.Context(), identity.Query{Org: "or_acme"})
		if n != 0 {
			t.Errorf("%d groups of a write that failed", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if n := orgs(t, s); n != 1 {
		t.Errorf("%d orgs after a full disk", n)
	}
	limit(1000000)
	commitOrg(t, s, "later")
	if err := full(); err != nil {
		t.Fatalf("with room again: %v", err)
	}
}

func hostStatements(t *testing.T, tx identity.WriteTxn) *store.WriteTxn {
	t.Helper()
	w, ok := tx.(*store.WriteTxn)
	if !ok {
		t.Fatalf("a transaction is a %T", tx)
	}
	return w
}

// TestHostStatements: the host's own rows live and die with the transaction.
func TestHostStatements(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	execute(t, raw(t, path), `CREATE TABLE host (n INTEGER)`)
	count := func() (n int) {
		t.Helper()
		if err := raw(t, path).QueryRowContext(t.Context(), `SELECT count(*) FROM host`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, keep := range []bool{false, true} {
		tx, err := s.Begin()
		if err != nil {
			t.Fatal(err)
		}
		host := hostStatements(t, tx)
		if _, err := host.ExecContext(t.Context(), `INSERT INTO host VALUES ($1)`, 1); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := host.QueryRowContext(t.Context(), `SELECT count(*) FROM host`).Scan(&n); err != nil || n != 1 {
			t.Fatalf("the transaction sees %d rows (%v)", n, err)
		}
		end := tx.Rollback
		if keep {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if _, err := host.ExecContext(t.Context(), `INSERT INTO host VALUES (2)`); !errors.Is(err, identity.ErrStorage) {
			t.Fatalf("a statement after the end: %v", err)
		}
		rows, err := host.QueryContext(t.Context(), `SELECT n FROM host`)
		if err == nil {
			defer rows.Close()
			t.Fatal("a query after the end was answered", rows.Err())
		}
		if err := host.QueryRowContext(t.Context(), `SELECT n FROM host`).Scan(&n); err == nil {
			t.Fatal("a row after the end was answered")
		}
	}
	if n := count(); n != 1 {
		t.Fatalf("%d rows are kept", n)
	}
}

func TestBeside(t *testing.T) {
	path := newPath(t)
	host := raw(t, path)
	execute(t, host, `CREATE TABLE host (n INTEGER)`)
	s, err := Beside(t.Context(), host, Options{LockWait: -1})
	if err != nil {
		t.Fatal(err)
	}
	commitOrg(t, s, "acme")
	var n int
	if err := host.QueryRowContext(t.Context(), `SELECT count(*) FROM identity_org`).Scan(&n); err != nil || n != 1 {
		t.Errorf("the host sees %d orgs (%v)", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, host, `INSERT INTO host VALUES (1)`) // its pool is its own

	memory, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = memory.Close() }()
	other := sql.OpenDB(otherDriver{})
	defer func() { _ = other.Close() }()
	for why, db := range map[string]*sql.DB{"absent": nil, "is not in a file": memory, "driver is": other} {
		if _, err := Beside(t.Context(), db); !errors.Is(err, identity.ErrInvalid) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v; it should say %q", err, why)
		}
	}
}

func TestSQLiteVersion(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"3.51.3", "3.51.3", false}, {"3.51.2", "3.51.3", true}, {"3.9.9", "3.51.3", true}, {"3.100.0", "3.51.3", false},
		{"4", "3.51.3", false}, {"", "3.51.3", true}, {"3.51", "3.51.3", true}, {"3.51.3.1", "3.51.3", false}} {
		if got := older(c.a, c.b); got != c.want {
			t.Errorf("%q older than %q is %t", c.a, c.b, got)
		}
	}
}
