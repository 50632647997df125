package sqlite

import (
	"errors"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// TestHostTriggers: a row that a trigger of the host refuses is not there, with
// what else the trigger has done; or, in the log, it counts as written, and goes
// with the part that it is in.
func TestHostTriggers(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	commitOrg(t, s, "acme")
	execute(t, raw(t, path), `CREATE TABLE host (n INTEGER, name TEXT UNIQUE);
		INSERT INTO host VALUES (0, 'taken');
		CREATE TRIGGER host_group AFTER INSERT ON identity_group BEGIN
			INSERT INTO host VALUES (1, NULL);
			INSERT INTO host VALUES (2, NEW.name);
		END;
		CREATE TRIGGER host_event AFTER INSERT ON identity_event BEGIN
			INSERT INTO host VALUES (3, NULL);
			INSERT INTO host VALUES (4, NEW.id);
		END`)
	for _, of := range []string{"groups", "log"} {
		tx, err := s.Begin()
		if err != nil {
			t.Fatal(err)
		}
		write := func(name string) (more int, failed error) {
			t.Helper()
			before, err := tx.Written()
			if err != nil {
				t.Fatal(err)
			}
			if of == "groups" {
				failed = tx.Groups().Insert(t.Context(), identity.Group{ID: identity.GroupID("gr_" + name), Org: "or_acme", Name: name})
			} else {
				failed = tx.Changes().Append(t.Context(), []identity.Event{{Revision: uint64(len(name)), Org: "or_acme", Seq: uint64(len(name)), ID: name}})
			}
			after, err := tx.Written()
			if err != nil {
				t.Fatal(err)
			}
			return after - before, failed
		}
		rows := func() (n int) {
			t.Helper()
			const all = `SELECT (SELECT count(*) FROM identity_group) + (SELECT count(*) FROM identity_event) + (SELECT count(*) FROM host)`
			if err := hostStatements(t, tx).QueryRowContext(t.Context(), all).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		was := rows()
		if err := tx.Savepoint(); err != nil {
			t.Fatal(err)
		}
		more, failed := write("taken")
		if !errors.Is(failed, identity.ErrConflict) {
			t.Errorf("%s: %v", of, failed)
		}
		if n := rows(); n != was && more == 0 {
			t.Errorf("%s: nothing counts as written, and there are %d rows more", of, n-was)
		}
		if err := tx.RollbackTo(); err != nil {
			t.Fatal(err)
		}
		if n := rows(); n != was {
			t.Errorf("%s: %d rows are left", of, n-was)
		}
		if more, failed = write("free"); failed != nil || more != 1 || rows() != was+3 {
			t.Errorf("%s: %v, %d written, %d rows more", of, failed, more, rows()-was)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}
