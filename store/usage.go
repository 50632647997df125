package store

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// usage implements [identity.Usage].
type usage struct {
	run     runner
	dialect Dialect
}

var _ identity.Usage = usage{}

func (u usage) Used(ctx context.Context, uses []identity.Use) error {
	const (
		account    = `UPDATE identity_account SET last_used = $1 WHERE org_id = $2 AND id = $3 AND last_used < $1`
		credential = `UPDATE identity_credential SET last_used = $1 WHERE org_id = $2 AND id = $3 AND last_used < $1`
	)
	for _, use := range uses {
		if _, err := u.run.exec(ctx, account, micros{use.At}, string(use.Org), string(use.Account)); err != nil {
			return u.dialect.fail("account", string(use.Account), err)
		}
		if use.Credential == "" {
			continue
		}
		if _, err := u.run.exec(ctx, credential, micros{use.At}, string(use.Org), string(use.Credential)); err != nil {
			return u.dialect.fail("credential", string(use.Credential), err)
		}
	}
	return nil
}

// endingRow is a warning as it is read.
type endingRow struct {
	identity.ExpiryWarning
	EndsAt micros
}

func (u usage) Ending(ctx context.Context, q identity.Ending, limit int) ([]identity.ExpiryWarning, error) {
	// The condition on 0 says that the small indexes of what ends at all will do.
	const (
		fresh = ` AND NOT EXISTS (SELECT 1 FROM identity_expiry_mark m WHERE m.org_id = e.org_id AND m.ends_at = e.valid_until AND m.within = $3
			AND (m.given = 1 OR m.at >= $4) AND m.account_id = `
		span  = ` WHERE e.valid_until > 0 AND e.valid_until > $1 AND e.valid_until <= $2 AND e.valid_until - e.created_at > $3 AND o.state <> 'deleted'`
		order = ` ORDER BY ends_at, account_id, credential LIMIT $5 + 0`

		accounts = `SELECT e.org_id, e.id AS account_id, e.kind, e.name AS account_name, '' AS credential, '' AS credential_name,
			e.valid_until AS ends_at, e.created_by AS owner, e.created_by AS creator
			FROM identity_account e JOIN identity_org o ON o.id = e.org_id` + span +
			` AND e.state IN ('active', 'invited')` + fresh + `e.id AND m.credential_id = '')`
		credentials = `SELECT e.org_id, e.account_id, a.kind, a.name AS account_name, e.id AS credential, e.name AS credential_name,
			e.valid_until AS ends_at, a.created_by AS owner, e.created_by AS creator
			FROM identity_credential e JOIN identity_org o ON o.id = e.org_id
			JOIN identity_account a ON a.org_id = e.org_id AND a.id = e.account_id` + span +
			` AND e.state = 'active' AND e.type NOT IN ('invitation', 'enroll-code') AND a.state IN ('active', 'invited')` + fresh + `e.account_id AND m.credential_id = e.id)`
	)
	var found []endingRow
	err := u.run.all(ctx, &found, accounts+" UNION ALL "+credentials+order,
		micros{q.From}, micros{q.To}, q.Within.Microseconds(), micros{q.Abandoned}, limit)
	if err != nil {
		return nil, u.dialect.fail("warning", "", err)
	}
	warnings := make([]identity.ExpiryWarning, len(found))
	for i, row := range found {
		warnings[i] = row.ExpiryWarning
		warnings[i].EndsAt, warnings[i].Within = row.EndsAt.Time, q.Within
	}
	return warnings, nil
}

func (u usage) Mark(ctx context.Context, w identity.ExpiryWarning, at time.Time, given bool) error {
	const mark = `INSERT INTO identity_expiry_mark (org_id, account_id, credential_id, ends_at, within, at, given) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (org_id, account_id, credential_id, ends_at, within) DO UPDATE SET at = excluded.at, given = excluded.given`
	_, err := u.run.exec(ctx, mark, append(markOf(w), micros{at}, given)...)
	return u.dialect.fail("warning", "", err)
}

func (u usage) Unmark(ctx context.Context, w identity.ExpiryWarning) error {
	const unmark = `DELETE FROM identity_expiry_mark WHERE org_id = $1 AND account_id = $2 AND credential_id = $3 AND ends_at = $4 AND within = $5`
	_, err := u.run.exec(ctx, unmark, markOf(w)...)
	return u.dialect.fail("warning", "", err)
}

func markOf(w identity.ExpiryWarning) []any {
	return []any{string(w.Org), string(w.Account), string(w.Credential), micros{w.EndsAt}, w.Within.Microseconds()}
}

func (u usage) Forget(ctx context.Context, before time.Time) error {
	const forget = `DELETE FROM identity_expiry_mark WHERE ends_at < $1`
	_, err := u.run.exec(ctx, forget, micros{before})
	return u.dialect.fail("warning", "", err)
}

func (u usage) Purge(ctx context.Context, org identity.OrgID, account identity.AccountID) error {
	const (
		whole = `DELETE FROM identity_expiry_mark WHERE org_id = $1`
		one   = whole + ` AND account_id = $2`
	)
	text, args := whole, []any{string(org)}
	if account != "" {
		text, args = one, append(args, string(account))
	}
	_, err := u.run.exec(ctx, text, args...)
	return u.dialect.fail("warning", "", err)
}
