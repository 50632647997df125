package migrations

import "testing"

// TestDownEndsEnrollCodes: a release that does not know what a code stands on finds none
// good that would die with it, and leaves those that stand on nothing but themselves.
func TestDownEndsEnrollCodes(t *testing.T) {
	db, exec := withUser(t)
	for id, made := range map[string]string{"cr_token": "'cr_key', 7, '01j'", "cr_login": "'', 7, ''", "cr_other": "'', 0, ''"} {
		exec(`INSERT INTO identity_credential (org_id, id, account_id, type, state, valid_until, ends_at, min_revision, name, thumbprint, proven, successor, created_at, created_by,
			updated_at, updated_by, revision, made_with, made_at, made_token) VALUES ('or_1', '` + id + `', 'us_1', 'enroll-code', 'active', 0, 0, 0, '', '', 0, '', 0, '', 0, '', 1, ` + made + `)`)
	}
	for _, lost := range []struct{ column, good string }{{"made_token", "cr_login,cr_other"}, {"made_with", "cr_other"}} {
		for known := 1; known > 0; {
			if err := Down(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			const column = `SELECT count(*) FROM pragma_table_info('identity_credential') WHERE name = $1`
			if err := db.QueryRowContext(t.Context(), column, lost.column).Scan(&known); err != nil {
				t.Fatal(err)
			}
		}
		var good string
		const codes = `SELECT group_concat(id) FROM (SELECT id FROM identity_credential WHERE state = 'active' ORDER BY id)`
		if err := db.QueryRowContext(t.Context(), codes).Scan(&good); err != nil || good != lost.good {
			t.Errorf("without %s: %q, want %q (%v)", lost.column, good, lost.good, err)
		}
	}
}
