package store

import (
	"context"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
)

type revokedTokenRow struct {
	identity.RevokedToken
	Until     micros
	RevokedAt micros
}

func revokedTokenTable() table[identity.RevokedToken, identity.TokenKey, revokedTokenRow] {
	return table[identity.RevokedToken, identity.TokenKey, revokedTokenRow]{
		layout: layout{
			entity: "token",
			name:   "identity_revoked_token",
			org:    "org_id",
			// "/" sorts below every character of an id, so the two columns sort like the key.
			key: []string{"account_id", "id"},
			split: func(k string) []string {
				account, id, _ := strings.Cut(k, "/")
				return []string{account, id}
			},
			columns: []string{"org_id", "account_id", "id", "until", "revoked_at", "revision"},
			fields:  map[identity.Field]string{identity.FieldAccount: "account_id"},
			repeats: true,
		},
		row: func(t identity.RevokedToken) revokedTokenRow {
			return revokedTokenRow{t, micros{t.Until}, micros{t.RevokedAt}}
		},
		noun: func(r revokedTokenRow) identity.RevokedToken {
			r.RevokedToken.Until, r.RevokedToken.RevokedAt = r.Until.Time, r.RevokedAt.Time
			return r.RevokedToken
		},
	}
}

// revokedTokens implements [identity.RevokedTokens].
type revokedTokens struct {
	identity.Table[identity.RevokedToken, identity.TokenKey]
	run     runner
	dialect Dialect
}

var _ identity.RevokedTokens = revokedTokens{}

func (r revokedTokens) Sweep(ctx context.Context, before time.Time) (int, error) {
	const sweep = `DELETE FROM identity_revoked_token WHERE until < $1`
	swept, err := r.run.exec(ctx, sweep, micros{before})
	return int(swept), r.dialect.fail("token", "", err)
}
