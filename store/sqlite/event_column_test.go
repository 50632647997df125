package sqlite

import (
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// TestSec65_EveryColumnStays alters one column of an event after the other, whichever
// there are: the trigger refuses each by itself.
func TestSec65_EveryColumnStays(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	commitOrg(t, s, "acme")
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	err = tx.Changes().Append(t.Context(), []identity.Event{{
		Revision: 1, Org: "or_acme", Seq: 1, Noun: "account", ID: "us_1", Verb: "create", Actor: "us_1", Before: []byte("{}"), After: []byte("{}"),
		BeforeHash: []byte("h"), AfterHash: []byte("h"), Prev: []byte("p"), MAC: []byte("m"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	columns := map[string]string{} // and their types
	rows, err := db.QueryContext(t.Context(), `SELECT name, type FROM pragma_table_info('identity_event')`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		columns[name] = kind
	}
	if err := rows.Err(); err != nil || len(columns) < 19 {
		t.Fatalf("columns %q, %v", columns, err)
	}
	for column, kind := range columns {
		values := []string{map[string]string{"INTEGER": "7", "TEXT": "'forged'", "BLOB": "x'00'"}[kind]}
		if kind == "BLOB" && column != "before" && column != "after" {
			values = append(values, "NULL")
		}
		for _, value := range values {
			err := execer{t, db}.do(`UPDATE identity_event SET "` + column + `" = ` + value)
			if err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s = %s: %v", column, value, err)
			}
		}
	}
}
