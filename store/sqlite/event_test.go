package sqlite

import (
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// TestSec65_AppendOnly tries to alter the log with SQL, on a connection of the
// library and on one that knows nothing of its settings.
func TestSec65_AppendOnly(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	commitOrg(t, s, "acme")
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	err = tx.Changes().Append(t.Context(), []identity.Event{
		{Revision: 1, Org: "or_acme", Seq: 1, Actor: "us_1", Before: []byte("{}"), After: []byte("{}"), BeforeHash: []byte("h"), AfterHash: []byte("h")},
		{Revision: 2, Org: "or_acme", Seq: 2, Actor: "us_2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	own, err := openPool(s.file, writerPragmas(Options{}), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = own.Close() }()

	const columns = `(revision, item, org_id, seq, at, noun, id, verb, actor, reason, on_behalf_of, credential, request_id, before, after)`
	insert := func(revision, seq string) string {
		return ` INTO identity_event ` + columns + ` VALUES (` + revision + `, 0, 'or_acme', ` + seq +
			`, 0, '', '', '', 'forged', '', '', '', '', NULL, NULL)`
	}
	refused := []string{
		`DELETE FROM identity_event`,
		`DELETE FROM identity_event WHERE revision = 2`,
		`UPDATE identity_event SET actor = 'forged'`,
		`UPDATE identity_event SET revision = 3 WHERE revision = 2`,
		`UPDATE identity_event SET seq = 3 WHERE seq = 2`,
		`UPDATE identity_event SET before = x'00' WHERE revision = 1`,
		`UPDATE identity_event SET before = x'00' WHERE revision = 2`,
		`UPDATE identity_event SET before = NULL, before_hash = NULL WHERE revision = 1`,
		`UPDATE identity_event SET before = NULL, actor = 'forged' WHERE revision = 1`,
		`UPDATE OR REPLACE identity_event SET revision = 1 WHERE revision = 2`,
		`INSERT` + insert("1", "9"),
		`INSERT OR REPLACE` + insert("1", "9"),
		`INSERT OR REPLACE` + insert("9", "1"),
		`INSERT OR REPLACE` + insert("1", "1"),
		`REPLACE` + insert("2", "1"),
		`INSERT` + insert("1", "1") + ` ON CONFLICT (revision, item) DO UPDATE SET actor = 'forged'`,
		`INSERT` + insert("9", "2") + ` ON CONFLICT (org_id, seq) DO UPDATE SET actor = 'forged'`,
	}
	for name, db := range map[string]interface {
		do(string) error
	}{"own": execer{t, own}, "foreign": execer{t, raw(t, path)}} {
		for _, text := range refused {
			if err := db.do(text); err == nil {
				t.Errorf("%s: done: %s", name, text)
			}
		}
	}
	// INSERT OR IGNORE is silent, and does nothing.
	if err := (execer{t, own}).do(`INSERT OR IGNORE` + insert("1", "1")); err == nil {
		t.Log("INSERT OR IGNORE passed in silence")
	}

	// The purge: before and after may go, and only they.
	if err := (execer{t, own}).do(`UPDATE identity_event SET before = NULL, after = NULL WHERE revision = 1`); err != nil {
		t.Errorf("the purge: %v", err)
	}
	err = s.Read(t.Context(), func(tx identity.Txn) error {
		events, err := tx.Changes().Page(t.Context(), "or_acme", identity.EventFilter{}, 0, 10)
		if err != nil {
			return err
		}
		if len(events) != 2 || events[0].Actor != "us_1" || events[1].Actor != "us_2" || events[0].Before != nil ||
			string(events[0].BeforeHash) != "h" {
			t.Errorf("the log is %+v", events)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
