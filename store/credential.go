package store

import "github.com/claviger-go/claviger/identity"

type credentialRow struct {
	identity.Credential
	PublicKey   bytes
	Algorithms  list[string]
	ValidUntil  micros
	EndsAt      micros
	LastUsed    micros
	KeyUntil    micros
	Digest      bytes
	Permissions limit
	Path        anywhere
	Networks    networks
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
				"public_key", "thumbprint", "proven", "algorithms", "successor", "digest", "permissions", "path", "networks", "last_used", "key_until", "made_with", "made_at", "made_token",
				"created_at", "created_by", "updated_at", "updated_by", "revision"},
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
			return credentialRow{
				Credential: c, PublicKey: c.PublicKey, Algorithms: c.Algorithms, ValidUntil: micros{c.ValidUntil}, EndsAt: micros{c.EndsAt}, LastUsed: micros{c.LastUsed},
				KeyUntil: micros{c.KeyUntil},
				Digest:   c.Digest, Permissions: c.Permissions, Path: anywhere{c.Path}, Networks: c.Networks,
				stamps: stampsOf(c.Meta),
			}
		},
		noun: func(r credentialRow) identity.Credential {
			r.onto(&r.Meta)
			r.Credential.PublicKey, r.Credential.Algorithms = r.PublicKey, r.Algorithms
			r.Credential.Digest, r.Credential.Permissions, r.Credential.Path, r.Credential.Networks = r.Digest, r.Permissions, r.Path.Path, r.Networks
			r.Credential.ValidUntil, r.Credential.EndsAt, r.Credential.LastUsed = r.ValidUntil.Time, r.EndsAt.Time, r.LastUsed.Time
			r.Credential.KeyUntil = r.KeyUntil.Time
			return r.Credential
		},
	}
}
