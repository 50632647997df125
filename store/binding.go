package store

import (
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

type bindingRow struct {
	identity.Binding
	Scope    scope
	Effect   effect
	StartsAt micros // "end" is a word of SQL
	EndsAt   micros
	Eligible duration
	stamps
}

func bindingTable() table[identity.Binding, identity.BindingID, bindingRow] {
	return table[identity.Binding, identity.BindingID, bindingRow]{
		layout: layout{
			entity: "binding",
			name:   "identity_binding",
			org:    "org_id",
			key:    []string{"id"},
			columns: []string{"org_id", "id", "subject", "role", "scope", "effect", "starts_at", "ends_at", "reach",
				"reason", "immutable", "created_at", "created_by", "updated_at", "updated_by", "revision", "condition", "eligible", "elevates"},
			fields: map[identity.Field]string{
				identity.FieldID:       "id",
				identity.FieldSubject:  "subject",
				identity.FieldRole:     "role",
				identity.FieldScope:    "scope",
				identity.FieldElevates: "elevates",
			},
			sparse: []string{"elevates"},
			sorted: []identity.Field{identity.FieldSubject}, // the index of its bindings has them in the order of their roles
		},
		row: func(b identity.Binding) bindingRow {
			return bindingRow{b, scope{b.Scope}, effect(b.Effect), micros{b.Start}, micros{b.End}, duration(b.Eligible), stampsOf(b.Meta)}
		},
		noun: func(r bindingRow) identity.Binding {
			r.onto(&r.Meta)
			r.Binding.Scope, r.Binding.Effect = r.Scope.Path, policy.Effect(r.Effect)
			r.Binding.Start, r.Binding.End = r.StartsAt.Time, r.EndsAt.Time
			r.Binding.Eligible = time.Duration(r.Eligible)
			return r.Binding
		},
	}
}
