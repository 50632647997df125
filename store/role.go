package store

import (
	"database/sql/driver"

	"github.com/claviger-go/claviger/identity"
)

type roleRow struct {
	identity.Role
	Permissions   list[string]
	Exclusions    list[string]
	Includes      list[identity.RoleRef]
	ResourceTypes list[string]
	Locks         locks
	stamps
}

func roleTable() table[identity.Role, identity.RoleID, roleRow] {
	return table[identity.Role, identity.RoleID, roleRow]{
		layout: layout{
			entity: "role",
			name:   "identity_role",
			org:    "org_id",
			key:    []string{"id"},
			columns: []string{"org_id", "id", "name", "display_name", "description", "permissions", "exclusions", "includes",
				"resource_types", "locks", "anonymous", "state", "deleted", "created_at", "created_by", "updated_at", "updated_by", "revision"},
			fields: map[identity.Field]string{
				identity.FieldID:        "id",
				identity.FieldName:      "name",
				identity.FieldState:     "state",
				identity.FieldAnonymous: "anonymous",
				identity.FieldDeleted:   "deleted",
			},
			sorted: []identity.Field{identity.FieldAnonymous}, // those of accounts of their own are many, the others few
		},
		row: func(o identity.Role) roleRow {
			return roleRow{o, o.Permissions, o.Exclusions, o.Includes, o.ResourceTypes, locks(o.Locks), stampsOf(o.Meta)}
		},
		noun: func(r roleRow) identity.Role {
			r.onto(&r.Meta)
			r.Role.Permissions, r.Role.Exclusions = r.Permissions, r.Exclusions
			r.Role.Includes, r.Role.ResourceTypes = r.Includes, r.ResourceTypes
			r.Role.Locks = identity.RoleLocks(r.Locks)
			return r.Role
		},
	}
}

// locks are what is locked of a role, as JSON.
type locks identity.RoleLocks

type locksJSON struct {
	Name        bool `json:"name,omitempty"`
	Members     bool `json:"members,omitempty"`
	Permissions bool `json:"permissions,omitempty"`
	Deletion    bool `json:"deletion,omitempty"`
}

func (l locks) Value() (driver.Value, error) { return jsonText(locksJSON(l)) }

func (l *locks) Scan(src any) error {
	*l = locks{}
	return scanJSON(src, (*locksJSON)(l))
}
