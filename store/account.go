package store

import "github.com/claviger-go/claviger/identity"

type accountRow struct {
	identity.Account
	Labels          labels
	ExternalIssuer  string
	ExternalSubject string
	ValidUntil      micros
	LastUsed        micros
	stamps
}

func accountTable() table[identity.Account, identity.AccountID, accountRow] {
	return table[identity.Account, identity.AccountID, accountRow]{
		layout: layout{
			entity: "account",
			name:   "identity_account",
			org:    "org_id",
			key:    []string{"id"},
			columns: []string{"org_id", "id", "kind", "state", "valid_until", "min_revision", "name", "display_name",
				"description", "labels", "external_issuer", "external_subject",
				"created_at", "created_by", "updated_at", "updated_by", "revision", "boundary", "last_used", "system"},
			fields: map[identity.Field]string{
				identity.FieldID:              "id",
				identity.FieldKind:            "kind",
				identity.FieldName:            "name",
				identity.FieldState:           "state",
				identity.FieldExternalIssuer:  "external_issuer",
				identity.FieldExternalSubject: "external_subject",
				identity.FieldBoundary:        "boundary",
			},
			sparse: []string{"external_issuer", "external_subject", "boundary"},
		},
		row: func(a identity.Account) accountRow {
			return accountRow{a, a.Labels, a.External.Issuer, a.External.Subject, micros{a.ValidUntil}, micros{a.LastUsed}, stampsOf(a.Meta)}
		},
		noun: func(r accountRow) identity.Account {
			r.onto(&r.Meta)
			r.Account.Labels = r.Labels
			r.Account.External = identity.ExternalID{Issuer: r.ExternalIssuer, Subject: r.ExternalSubject}
			r.Account.ValidUntil, r.Account.LastUsed = r.ValidUntil.Time, r.LastUsed.Time
			return r.Account
		},
	}
}
