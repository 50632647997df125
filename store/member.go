package store

import (
	"strings"

	"github.com/claviger-go/claviger/identity"
)

type memberRow struct {
	identity.Member
	CreatedAt micros
}

func memberTable() table[identity.Member, identity.MemberKey, memberRow] {
	return table[identity.Member, identity.MemberKey, memberRow]{
		layout: layout{
			entity: "member",
			name:   "identity_member",
			org:    "org_id",
			// "/" sorts below every character of an id, so the two columns sort like the key.
			key: []string{"group_id", "member_id"},
			split: func(k string) []string {
				group, member, _ := strings.Cut(string(k), "/")
				return []string{group, member}
			},
			columns: []string{"org_id", "group_id", "member_id", "created_at", "created_by", "revision"},
			fields: map[identity.Field]string{
				identity.FieldGroup:  "group_id",
				identity.FieldMember: "member_id",
			},
			repeats: true,
		},
		row: func(m identity.Member) memberRow { return memberRow{m, micros{m.CreatedAt}} },
		noun: func(r memberRow) identity.Member {
			r.Member.CreatedAt = r.CreatedAt.Time
			return r.Member
		},
	}
}
