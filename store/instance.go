package store

import "github.com/claviger-go/claviger/identity"

type instanceRow struct {
	ID int64 // always 1
	identity.Instance
	SealedSecret bytes
	CreatedAt    micros
}

// instanceTable is used for its columns only; the row has no id to ask for.
func instanceTable() table[identity.Instance, string, instanceRow] {
	return table[identity.Instance, string, instanceRow]{
		layout: layout{
			entity:  "instance",
			name:    "identity_instance",
			key:     []string{"id"},
			columns: []string{"id", "incarnation", "system_org", "sealed_secret", "min_revision", "min_token_revision", "created_at"},
		},
		row: func(i identity.Instance) instanceRow {
			return instanceRow{1, i, i.SealedSecret, micros{i.CreatedAt}}
		},
		noun: func(r instanceRow) identity.Instance {
			r.Instance.SealedSecret, r.Instance.CreatedAt = r.SealedSecret, r.CreatedAt.Time
			return r.Instance
		},
	}
}

type signingKeyRow struct {
	identity.SigningKey
	Public    bytes
	Sealed    bytes
	CreatedAt micros
	SignsFrom micros
	RetiredAt micros
	EndsAt    micros
}

func signingKeyTable() table[identity.SigningKey, string, signingKeyRow] {
	return table[identity.SigningKey, string, signingKeyRow]{
		layout: layout{
			entity: "signing key",
			name:   "identity_signing_key",
			key:    []string{"id"},
			columns: []string{"id", "algorithm", "state", "public", "sealed", "external",
				"created_at", "signs_from", "retired_at", "ends_at", "revision"},
			fields: map[identity.Field]string{
				identity.FieldID:    "id",
				identity.FieldState: "state",
			},
		},
		row: func(k identity.SigningKey) signingKeyRow {
			return signingKeyRow{k, k.Public, k.Sealed,
				micros{k.CreatedAt}, micros{k.SignsFrom}, micros{k.RetiredAt}, micros{k.EndsAt}}
		},
		noun: func(r signingKeyRow) identity.SigningKey {
			r.SigningKey.Public, r.SigningKey.Sealed = r.Public, r.Sealed
			r.SigningKey.CreatedAt, r.SigningKey.SignsFrom = r.CreatedAt.Time, r.SignsFrom.Time
			r.SigningKey.RetiredAt, r.SigningKey.EndsAt = r.RetiredAt.Time, r.EndsAt.Time
			return r.SigningKey
		},
	}
}
