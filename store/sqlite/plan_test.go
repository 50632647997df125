package sqlite

import (
	"strings"
	"testing"

	"github.com/claviger-go/claviger/store"
)

// TestPlans holds the look-ups that every write of their noun makes to an
// index: without one, making many rows of an org takes the square of their
// number. The texts are those that package store builds; for lists see its
// TestListPlans.
func TestPlans(t *testing.T) {
	plans := []struct{ query, index string }{
		{`SELECT * FROM identity_role WHERE org_id = $1 AND name = $2 ORDER BY id LIMIT $3 + 0`, "identity_role_name"},
		{`SELECT * FROM identity_role WHERE name = $1 ORDER BY id LIMIT $2 + 0`, "identity_role_name"},
		{`SELECT * FROM identity_credential WHERE org_id = $1 AND thumbprint = $2 ORDER BY id LIMIT $3 + 0`, "identity_credential_key"},
		{`SELECT * FROM identity_credential WHERE id = $1 ORDER BY id LIMIT $2 + 0`, "sqlite_autoindex_identity_credential"},
		{`SELECT count(*) FROM identity_credential WHERE org_id = $1 AND account_id = $2 AND state = $3`, "identity_credential_account"},
		{`SELECT * FROM identity_account WHERE org_id = $1 AND kind = $2 AND name = $3 ORDER BY id LIMIT $4 + 0`, "sqlite_autoindex_identity_account"},
		{`SELECT * FROM identity_account WHERE org_id = $1 AND external_issuer = $2 AND external_issuer <> '' AND external_subject = $3 AND external_subject <> '' ORDER BY id LIMIT $4 + 0`,
			"identity_account_external"},
		{`SELECT * FROM identity_account WHERE org_id = $1 AND boundary = $2 AND boundary <> '' ORDER BY id LIMIT $3 + 0`, "identity_account_boundary"},
		{`SELECT * FROM identity_account WHERE valid_until > 0 AND valid_until > $1 AND valid_until <= $2`, "identity_account_valid_until"},
		{`SELECT * FROM identity_credential WHERE valid_until > 0 AND valid_until > $1 AND valid_until <= $2`, "identity_credential_valid_until"},
		{`DELETE FROM identity_revoked_token WHERE until < $1`, "identity_revoked_token_until"},
		{`SELECT org_id, actor, op, key FROM identity_idempotency_key WHERE until < $1 ORDER BY until LIMIT $2 + 0`, "identity_idempotency_key_until"},
		{`SELECT * FROM identity_group WHERE org_id = $1 AND name = $2 ORDER BY id LIMIT $3 + 0`, "sqlite_autoindex_identity_group"},
		{`SELECT count(*) FROM identity_member WHERE org_id = $1 AND member_id = $2`, "identity_member_member"},
		{`SELECT count(*) FROM identity_binding WHERE org_id = $1 AND role = $2`, "identity_binding_role"},
		{`SELECT * FROM identity_binding WHERE org_id = $1 AND role = $2 ORDER BY id LIMIT $3 + 0`, "identity_binding_role"},
		{`SELECT * FROM identity_credential WHERE org_id = $1 AND account_id = $2 ORDER BY id LIMIT $3 + 0`, "identity_credential_account"},
		{`SELECT * FROM identity_member WHERE org_id = $1 AND member_id = $2 ORDER BY group_id, member_id LIMIT $3 + 0`, "identity_member_member"},
	}
	s := openStore(t, newPath(t))
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, p := range plans {
		plan := planOf(t, tx.(*store.WriteTxn), p.query)
		if text := strings.Join(plan, "; "); !strings.Contains(text, "INDEX "+p.index) {
			t.Errorf("%s\nis answered by: %s", p.query, text)
		}
	}
}

// planOf is what the engine says about how it will answer a query.
func planOf(t *testing.T, tx *store.WriteTxn, query string) (plan []string) {
	t.Helper()
	rows, err := tx.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, "a", "b", "c", 1, 1)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
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
	return plan
}
