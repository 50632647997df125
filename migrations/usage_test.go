package migrations

import "testing"

// TestDownRevivesNoToken: tokens that were revoked alone are not forgotten without
// the ones that their accounts got before.
func TestDownRevivesNoToken(t *testing.T) {
	db := open(t)
	if err := Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO identity_org VALUES ('or_1', 'acme', '', 'active', '{}', 0, 0, '', 0, '', 1)`)
	for id, least := range map[string]int{"us_none": 3, "us_one": 3, "us_later": 30} {
		exec(`INSERT INTO identity_account (org_id, id, kind, state, valid_until, min_revision, name, display_name, description, labels, external_issuer, external_subject,
			created_at, created_by, updated_at, updated_by, revision) VALUES ('or_1', $1, 'user', 'active', 0, $2, $1, '', '', '{}', '', '', 0, '', 0, '', 1)`, id, least)
	}
	for _, r := range []struct {
		account, id string
		revision    int
	}{{"us_one", "a", 9}, {"us_one", "b", 17}, {"us_later", "a", 20}} {
		exec(`INSERT INTO identity_revoked_token VALUES ('or_1', $1, $2, 1, 1, $3)`, r.account, r.id, r.revision)
	}
	for at := Latest(); at > 8; at-- {
		if err := Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]int{"us_none": 3, "us_one": 17, "us_later": 30} {
		var got int
		if err := db.QueryRowContext(t.Context(), `SELECT min_revision FROM identity_account WHERE id = $1`, id).Scan(&got); err != nil || got != want {
			t.Errorf("%s: tokens live from revision %d on, want %d (%v)", id, got, want, err)
		}
	}
}
