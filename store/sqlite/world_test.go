package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// TestFailureBetweenRows: what fails in the middle of a reading can have cost the transaction, and the transaction says so.
func TestFailureBetweenRows(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	commitOrg(t, s, "acme")
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		id := fmt.Sprintf("gr_%03d", i)
		g := identity.Group{ID: identity.GroupID(id), Org: "or_acme", Name: id, Description: "row " + id + string(make([]byte, 500))}
		if err := tx.Groups().Insert(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tx.Commit(), s.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := bytes.Index(content, []byte("row gr_060")) / 4096 * 4096
	copy(content[page:], "\xff")
	write(t, path, string(content))

	s = openStore(t, path)
	tx, err = s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := tx.Savepoint(); err != nil {
		t.Fatal(err)
	}
	read, failed := 0, error(nil)
	for _, err := range tx.World().Groups(t.Context(), "or_acme") {
		if failed = err; err == nil {
			read++
		}
	}
	if read == 0 || resultCode(failed) != 11 {
		t.Fatalf("after %d rows: %v", read, failed)
	}
	if _, err := tx.Written(); !errors.Is(err, identity.ErrStorage) {
		t.Errorf("after the failure: %v", err)
	}
	if err := tx.RollbackTo(); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Written(); err != nil {
		t.Errorf("after what was before it was found again: %v", err)
	}
}
