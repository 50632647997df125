package store

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/identity"
)

type idempotencyKeyRow struct {
	identity.IdempotencyKey
	Made  list[string]
	Until micros
}

// idempotencyKeys implements [identity.IdempotencyKeys].
type idempotencyKeys struct {
	run     runner
	dialect Dialect
}

var _ identity.IdempotencyKeys = idempotencyKeys{}

func (k idempotencyKeys) Find(ctx context.Context, org identity.OrgID, actor, op, key string) (identity.IdempotencyKey, error) {
	const find = `SELECT org_id, actor, op, key, input, made, until FROM identity_idempotency_key
		WHERE org_id = $1 AND actor = $2 AND op = $3 AND key = $4`
	var row idempotencyKeyRow
	if err := k.run.one(ctx, &row, find, string(org), actor, op, key); err != nil {
		return identity.IdempotencyKey{}, k.dialect.fail("idempotency key", key, err)
	}
	row.IdempotencyKey.Made, row.IdempotencyKey.Until = row.Made, row.Until.Time
	return row.IdempotencyKey, nil
}

func (k idempotencyKeys) Put(ctx context.Context, row identity.IdempotencyKey) error {
	if row.Until.IsZero() {
		return invalid("idempotency key", "Until", "absent")
	}
	const put = `INSERT INTO identity_idempotency_key (org_id, actor, op, key, input, made, until) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (org_id, actor, op, key) DO UPDATE SET input = excluded.input, made = excluded.made, until = excluded.until`
	_, err := k.run.exec(ctx, put, string(row.Org), row.Actor, row.Op, row.Key, row.Input, list[string](row.Made), micros{row.Until})
	return k.dialect.fail("idempotency key", row.Key, err)
}

func (k idempotencyKeys) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	const sweep = `DELETE FROM identity_idempotency_key WHERE (org_id, actor, op, key) IN (
		SELECT org_id, actor, op, key FROM identity_idempotency_key WHERE until < $1 ORDER BY until LIMIT $2 + 0)`
	swept, err := k.run.exec(ctx, sweep, micros{before}, limit)
	return int(swept), k.dialect.fail("idempotency key", "", err)
}

func (k idempotencyKeys) Purge(ctx context.Context, org identity.OrgID, limit int) (int, error) {
	const purge = `DELETE FROM identity_idempotency_key WHERE org_id = $1 AND (actor, op, key) IN (
		SELECT actor, op, key FROM identity_idempotency_key WHERE org_id = $1 LIMIT $2 + 0)`
	purged, err := k.run.exec(ctx, purge, string(org), limit)
	return int(purged), k.dialect.fail("idempotency key", "", err)
}

// Forget reads every key that there is: they are few, since they end, and it is seldom asked for.
func (k idempotencyKeys) Forget(ctx context.Context, actor string, org identity.OrgID, made []string) (int, error) {
	const forget = `DELETE FROM identity_idempotency_key WHERE instr('/' || actor || '/', '/' || $1 || '/') > 0
		OR org_id = $2 AND EXISTS (SELECT 1 FROM json_each(made) m WHERE m.value <> '' AND m.value IN (SELECT value FROM json_each($3)))`
	forgotten, err := k.run.exec(ctx, forget, actor, string(org), list[string](made))
	return int(forgotten), k.dialect.fail("idempotency key", "", err)
}
