package migrations

import (
	"database/sql"
	"testing"
)

// TestDownGivesNothing: a right that was only to be had is not in force for a release that does not
// know the difference, and a code adds no key there.
func TestDownGivesNothing(t *testing.T) {
	db, exec := withUser(t)
	for id, eligible := range map[string]string{"bi_1": "0", "bi_2": "3600000000"} {
		exec(`INSERT INTO identity_binding (org_id, id, subject, role, scope, effect, starts_at, ends_at, reach, reason, immutable, created_at, created_by, updated_at, updated_by,
			revision, eligible) VALUES ('or_1', '` + id + `', 'us_1', 'code:owner', '/', 'allow', 0, 0, '', '', 0, 0, '', 0, '', 1, ` + eligible + `)`)
	}
	for id, kind := range map[string]string{"cr_1": "api-token", "cr_2": "enroll-code"} {
		exec(`INSERT INTO identity_credential (org_id, id, account_id, type, state, valid_until, ends_at, min_revision, name, thumbprint, proven, successor,
			created_at, created_by, updated_at, updated_by, revision) VALUES ('or_1', '` + id + `', 'us_1', '` + kind + `', 'active', 0, 0, 0, '', '', 0, '', 0, '', 0, '', 1)`)
	}
	for known := 1; known > 0; {
		if err := Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		const column = `SELECT count(*) FROM pragma_table_info('identity_binding') WHERE name = 'eligible'`
		if err := db.QueryRowContext(t.Context(), column).Scan(&known); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		`SELECT group_concat(id) FROM identity_binding`:                            "bi_1",
		`SELECT group_concat(id) FROM identity_credential WHERE state = 'active'`:  "cr_1",
		`SELECT group_concat(id) FROM identity_credential WHERE state = 'revoked'`: "cr_2",
	} {
		var got string
		if err := db.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, want %q (%v)", query, got, want, err)
		}
	}
}

// withUser opens a database of the newest schema with one user, us_1 of or_1; exec runs a statement on it.
func withUser(t *testing.T) (db *sql.DB, exec func(text string)) {
	t.Helper()
	db = open(t)
	if err := Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	exec = func(text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO identity_org VALUES ('or_1', 'acme', '', 'active', '{}', 0, 0, '', 0, '', 1)`)
	exec(`INSERT INTO identity_account (org_id, id, kind, state, valid_until, min_revision, name, display_name, description, labels, external_issuer, external_subject,
		created_at, created_by, updated_at, updated_by, revision) VALUES ('or_1', 'us_1', 'user', 'active', 0, 0, 'a', '', '', '{}', '', '', 0, '', 0, '', 1)`)
	return db, exec
}
