package store

import "github.com/claviger-go/claviger/identity"

type credentialRow struct {
	identity.Credential
	PublicKey  bytes
	ValidUntil micros
	EndsAt     micros
	stamps
}

func credentialTable() table[identity.Credential, identity.CredentialID, credentialRow] {
	return table[identity.Credential, identity.CredentialID, credentialRow]{
		layout: layout{
			entity: "credential",
			name:   "identity_credential",
			org:    "org_id",
			key:    []string{"id"},
			columns: []string{"org_id", "id", "account_id", "type", "state", "valid_until", "ends_at", "min_revision", "name",
				"public_key", "thumbprint", "proven", "created_at", "created_by", "updated_at", "updated_by", "revision"},
			fields: map[identity.Field]string{
				identity.FieldID:         "id",
				identity.FieldAccount:    "account_id",
				identity.FieldKind:       "type",
				identity.FieldName:       "name",
				identity.FieldState:      "state",
				identity.FieldThumbprint: "thumbprint",
			},
		},
		row: func(c identity.Credential) credentialRow {
			return credentialRow{c, c.PublicKey, micros{c.ValidUntil}, micros{c.EndsAt}, stampsOf(c.Meta)}
		},
		noun: func(r credentialRow) identity.Credential {
			r.onto(&r.Meta)
			r.Credential.PublicKey = r.PublicKey
			r.Credential.ValidUntil, r.Credential.EndsAt = r.ValidUntil.Time, r.EndsAt.Time
			return r.Credential
		},
	}
}
