package migrations

import (
	"strings"
	"testing"
)

// TestEventsAreCopied: the log is the same before and after it is copied, both ways, append-only on both sides, and read by what the host has for that.
func TestEventsAreCopied(t *testing.T) {
	db, exec := withUser(t)
	exec(`INSERT INTO identity_event VALUES (1, 0, 'or_1', 1, 5, 'org', 'or_1', 'create', 'system', 'r', 'b', 'c', 'q', x'01', x'02', x'03', x'04', x'05', x'06')`)
	exec(`INSERT INTO identity_event VALUES (2, 1, 'or_1', 2, 6, 'account', 'us_1', 'create', 'us_1', '', '', '', '', NULL, NULL, NULL, NULL, NULL, NULL)`)
	held := func() (rows string) {
		t.Helper()
		const all = `SELECT group_concat(concat_ws(',', revision, item, org_id, seq, at, noun, id, verb, actor, reason, on_behalf_of, credential, request_id,
			quote(before), quote(after), quote(before_hash), quote(after_hash), quote(prev), quote(mac)), ';') FROM (SELECT * FROM identity_event ORDER BY revision)`
		if err := db.QueryRowContext(t.Context(), all).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			`DELETE FROM identity_event`,
			`UPDATE identity_event SET actor = 'forged'`,
			`INSERT OR REPLACE INTO identity_event SELECT 1, 0, org_id, 9, at, noun, id, verb, 'forged', '', '', '', '', NULL, NULL, NULL, NULL, NULL, NULL FROM identity_event`,
			`INSERT OR REPLACE INTO identity_event SELECT 9, 0, org_id, 1, at, noun, id, verb, 'forged', '', '', '', '', NULL, NULL, NULL, NULL, NULL, NULL FROM identity_event`,
		} {
			if _, err := db.ExecContext(t.Context(), text); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", text, err)
			}
		}
		return rows
	}
	exec(`CREATE VIEW host_view AS SELECT actor FROM identity_event`)
	exec(`CREATE TABLE host (actor TEXT)`)
	exec(`CREATE TRIGGER host_insert AFTER INSERT ON host BEGIN UPDATE host SET actor = (SELECT max(actor) FROM identity_event) WHERE actor IS NULL; END`)
	host := func() { // what it has that reads the log goes on doing so
		t.Helper()
		exec(`DELETE FROM host`)
		exec(`INSERT INTO host VALUES (NULL)`)
		var rows int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM host_view JOIN host USING (actor)`).Scan(&rows); err != nil || rows != 1 {
			t.Errorf("the host reads %d events: %v", rows, err)
		}
	}
	copied := func() bool {
		t.Helper()
		var text string
		if err := db.QueryRowContext(t.Context(), `SELECT sql FROM sqlite_schema WHERE name = 'identity_event'`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(text, "DEFERRABLE")
	}
	first := held()
	if !strings.Contains(first, "us_1") || !copied() {
		t.Fatalf("it begins with %q", first)
	}
	for copied() {
		if err := Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	if got := held(); got != first {
		t.Errorf("down: %q, it was %q", got, first)
	}
	host()
	if err := Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if got := held(); got != first {
		t.Errorf("up again: %q, it was %q", got, first)
	}
	host()
}
