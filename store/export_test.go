package store

import "github.com/claviger-go/claviger/identity"

// PageText is the statement of a page of a noun.
func PageText(noun string, q identity.Query) (string, []any, error) {
	n := newNouns(newMapper(), Dialect{})
	return map[string]builder{
		"account": n.accounts.page, "group": n.groups.page, "member": n.members.page, "role": n.roles.page,
		"binding": n.bindings.page, "credential": n.credentials.page, "token": n.revoked.page,
	}[noun](q)
}

// EventText is the statement of a page of the log.
func EventText(org identity.OrgID, f identity.EventFilter, fewest string, after uint64, limit int) (string, []any) {
	return newNouns(newMapper(), Dialect{}).events.filtered(org, f, fewest, after, limit)
}
