package store

import (
	"database/sql/driver"
	"time"

	"github.com/claviger-go/claviger/identity"
)

type orgRow struct {
	identity.Org
	Settings settings
	stamps
}

// orgTable treats an org as a row of itself: its id is also its org.
func orgTable() table[identity.Org, identity.OrgID, orgRow] {
	return table[identity.Org, identity.OrgID, orgRow]{
		layout: layout{
			entity: "org",
			name:   "identity_org",
			org:    "id",
			key:    []string{"id"},
			columns: []string{"id", "slug", "display_name", "state", "settings", "min_revision",
				"created_at", "created_by", "updated_at", "updated_by", "revision"},
			fields: map[identity.Field]string{
				identity.FieldID:    "id",
				identity.FieldSlug:  "slug",
				identity.FieldName:  "display_name",
				identity.FieldState: "state",
			},
		},
		row: func(o identity.Org) orgRow { return orgRow{o, settings(o.Settings), stampsOf(o.Meta)} },
		noun: func(r orgRow) identity.Org {
			r.onto(&r.Meta)
			r.Org.Settings = identity.OrgSettings(r.Settings)
			return r.Org
		},
	}
}

// settings are the settings of an org as JSON.
type settings identity.OrgSettings

type settingsJSON struct {
	DefaultUserGroups           []identity.GroupID `json:"default_user_groups,omitempty"`
	DefaultServiceAccountGroups []identity.GroupID `json:"default_service_account_groups,omitempty"`
	MaxValidity                 time.Duration      `json:"max_validity_ns,omitempty"`
	MaxServiceAccounts          int                `json:"max_service_accounts,omitempty"`
}

func (s settings) Value() (driver.Value, error) { return jsonText(settingsJSON(s)) }

func (s *settings) Scan(src any) error { return scanJSON(src, (*settingsJSON)(s)) }
