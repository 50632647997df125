package store

import "github.com/claviger-go/claviger/identity"

type groupRow struct {
	identity.Group
	stamps
}

func groupTable() table[identity.Group, identity.GroupID, groupRow] {
	return table[identity.Group, identity.GroupID, groupRow]{
		layout: layout{
			entity: "group",
			name:   "identity_group",
			org:    "org_id",
			key:    []string{"id"},
			columns: []string{"org_id", "id", "name", "description", "system", "deleted",
				"created_at", "created_by", "updated_at", "updated_by", "revision"},
			fields: map[identity.Field]string{
				identity.FieldID:      "id",
				identity.FieldName:    "name",
				identity.FieldDeleted: "deleted",
			},
			repeats: true, // the system groups
		},
		row: func(g identity.Group) groupRow { return groupRow{g, stampsOf(g.Meta)} },
		noun: func(r groupRow) identity.Group {
			r.onto(&r.Meta)
			return r.Group
		},
	}
}
