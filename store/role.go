package store

import "github.com/claviger-go/claviger/identity"

type roleRow struct {
	identity.Role
	Permissions   list[string]
	Exclusions    list[string]
	Includes      list[identity.RoleRef]
	ResourceTypes list[string]
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
				"resource_types", "anonymous", "state", "deleted", "created_at", "created_by", "updated_at", "updated_by", "revision"},
			fields: map[identity.Field]string{
				identity.FieldID:        "id",
				identity.FieldName:      "name",
				identity.FieldState:     "state",
				identity.FieldAnonymous: "anonymous",
				identity.FieldDeleted:   "deleted",
			},
		},
		row: func(o identity.Role) roleRow {
			return roleRow{o, o.Permissions, o.Exclusions, o.Includes, o.ResourceTypes, stampsOf(o.Meta)}
		},
		noun: func(r roleRow) identity.Role {
			r.onto(&r.Meta)
			r.Role.Permissions, r.Role.Exclusions = r.Permissions, r.Exclusions
			r.Role.Includes, r.Role.ResourceTypes = r.Includes, r.ResourceTypes
			return r.Role
		},
	}
}
