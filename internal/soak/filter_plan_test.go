package soak

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/policy"
)

// filterOf is the filter of a user that has been given a role at scopes, over no database of ours.
func filterOf(t *testing.T, scopes []policy.Path) policy.Filter {
	t.Helper()
	catalog := must(policy.NewCatalog(policy.PermissionSpec{Name: "wallets:read"}))(t)
	roles := must(policy.NewRoles(catalog, []policy.Role{{ID: "code:reader", Permissions: []string{"wallets:read"}}}))(t)
	d := policy.New(policy.Model{Catalog: catalog, Roles: roles}, "acme").Edit()
	d.PutAccount(policy.Account{ID: "u", Kind: policy.User})
	for i, scope := range scopes {
		if err := d.PutBinding(policy.Binding{ID: fmt.Sprint(i), Subject: "u", Role: "code:reader", Scope: scope, Effect: policy.Allow}); err != nil {
			t.Fatal(err)
		}
	}
	s := d.Snapshot()
	account, _ := s.Account("u")
	return s.Filter(policy.Query{Account: account, Permission: permission("wallets:read")})
}

// table opens a database of one connection with a table of paths.
func table(t *testing.T, schema string, paths []policy.Path) *sql.DB {
	t.Helper()
	db := must(sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "host.db")))(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	db.SetMaxOpenConns(1)
	must(db.ExecContext(t.Context(), schema))(t)
	tx := must(db.BeginTx(t.Context(), nil))(t)
	for _, p := range paths {
		parts := strings.Split(p.String(), "/")
		must(tx.ExecContext(t.Context(), "INSERT INTO resource (path, p, f) VALUES (?, ?, ?)", p.String(), parts[1], parts[3]))(t)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return db
}

func count(t *testing.T, db *sql.DB, f policy.Filter, c policy.Columns) (n int) {
	t.Helper()
	where, args, err := f.SQL(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM resource WHERE "+where, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

const indexed = "CREATE TABLE resource (path TEXT, p TEXT, f TEXT); CREATE INDEX by_path ON resource (path); CREATE INDEX by_segment ON resource (p, f)"

// forms are the two ways to keep the paths of table.
var forms = map[string]policy.Columns{
	"path":     {Path: "path"},
	"segments": {Segments: []policy.Segment{{Type: "p", Column: "p"}, {Type: "f", Column: "f"}}},
}

// TestFilterSQLMost runs the greatest conditions that are given, and finds every row by them.
func TestFilterSQLMost(t *testing.T) {
	var scopes, paths []policy.Path
	for i := range fewer(32_766, 32_766) {
		p := path("p", fmt.Sprint(i), "f", "1")
		scopes = append(scopes, p)
		if i%100 == 0 {
			paths = append(paths, p, path("p", fmt.Sprint(i), "f", "10"))
		}
	}
	db := table(t, indexed, paths)
	for name, most := range map[string]int{"path": len(scopes), "segments": len(scopes) / 2} { // with one argument for each, and two
		if n, want := count(t, db, filterOf(t, scopes[:most]), forms[name]), (most+99)/100; n != want {
			t.Errorf("%s: %d rows, want %d", name, n, want)
		}
	}
}

// TestFilterSQLIndex: an index of byte order serves the condition.
func TestFilterSQLIndex(t *testing.T) {
	db := table(t, indexed, nil)
	f := filterOf(t, []policy.Path{path("p", "1", "f", "1"), path("p", "1", "f", "2"), path("p", "2", "f", "1"), path("p", "3")})
	for name, c := range forms {
		where, args, err := f.SQL(c)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT * FROM resource WHERE "+where, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }() // reading to the end has closed it
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(plan, "\n"); strings.Contains(all, "SCAN resource") || !strings.Contains(all, "USING INDEX by_") {
			t.Errorf("%s: %s", name, all)
		}
	}
}

// TestFilterSQLEncoding: in a database whose texts are UTF-16 a filter selects nothing, rather than what sorts there beside a
// scope.
func TestFilterSQLEncoding(t *testing.T) {
	paths := []policy.Path{path("p", "1", "f", "1"), path("p", "1į", "f", "1"), path("p", "10", "f", "1")}
	f := filterOf(t, []policy.Path{path("p", "1")})
	for encoding, want := range map[string]int{"UTF-8": 1, "UTF-16le": 0, "UTF-16be": 0} {
		db := table(t, "PRAGMA encoding = '"+encoding+"'; "+indexed, paths)
		for name, c := range forms {
			if n := count(t, db, f, c); n != want {
				t.Errorf("%s, %s: %d rows, want %d", encoding, name, n, want)
			}
		}
	}
}
