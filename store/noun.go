package store

import (
	"github.com/jmoiron/sqlx/reflectx"

	"github.com/claviger-go/claviger/identity"
)

// nouns is every table, with its statements. It is made once and only read.
type nouns struct {
	dialect     Dialect
	orgs        *table[identity.Org, identity.OrgID, orgRow]
	accounts    *table[identity.Account, identity.AccountID, accountRow]
	groups      *table[identity.Group, identity.GroupID, groupRow]
	members     *table[identity.Member, identity.MemberKey, memberRow]
	roles       *table[identity.Role, identity.RoleID, roleRow]
	bindings    *table[identity.Binding, identity.BindingID, bindingRow]
	credentials *table[identity.Credential, identity.CredentialID, credentialRow]
	signingKeys *table[identity.SigningKey, string, signingKeyRow]
	instance    *table[identity.Instance, string, instanceRow]
	fence       *table[identity.Fence, string, fenceRow]
	events      *table[identity.Event, string, eventRow]
	revoked     *table[identity.RevokedToken, identity.TokenKey, revokedTokenRow]
}

func newNouns(m *reflectx.Mapper, d Dialect) nouns {
	return nouns{
		dialect:     d,
		orgs:        orgTable().build(m, d),
		accounts:    accountTable().build(m, d),
		groups:      groupTable().build(m, d),
		members:     memberTable().build(m, d),
		roles:       roleTable().build(m, d),
		bindings:    bindingTable().build(m, d),
		credentials: credentialTable().build(m, d),
		signingKeys: signingKeyTable().build(m, d),
		instance:    instanceTable().build(m, d),
		fence:       fenceTable().build(m, d),
		events:      eventTable().build(m, d),
		revoked:     revokedTokenTable().build(m, d),
	}
}
