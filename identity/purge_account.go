package identity

// purgeAccount removes a deleted account and all that hangs on it, each with its
// event, for those who follow: of what it was the events say nothing.
func (c *change) purgeAccount(a Account) (rows int, err error) {
	d, err := c.draft(a.Org)
	if err != nil {
		return 0, err
	}
	of := func(field Field, value string) Query {
		return Query{Org: a.Org, Where: []Cond{{Field: field, Value: value}}}
	}
	for _, purge := range []func() (int, error){
		func() (int, error) {
			return purgeAll(c, c.tx.Credentials(), of(FieldAccount, string(a.ID)), func(k Credential) error {
				d.dropCredential(k)
				return c.record(a.Org, nounCredential, string(k.ID), verbPurge, nil, nil)
			})
		},
		func() (int, error) {
			return purgeAll(c, c.tx.RevokedTokens(), of(FieldAccount, string(a.ID)), func(r RevokedToken) error {
				d.revoked = d.revoked.without(r.Key())
				return nil // of an account that is not there no token is alive
			})
		},
		func() (int, error) {
			return purgeAll(c, c.tx.Members(), of(FieldMember, string(a.ID)), func(m Member) error {
				d.editRules().RemoveMember(string(m.Group), ruleID(m.Member))
				return c.record(a.Org, nounMember, string(m.Key()), verbPurge, nil, nil)
			})
		},
		func() (int, error) {
			return purgeAll(c, c.tx.Bindings(), of(FieldSubject, string(a.ID)), func(b Binding) error {
				d.editRules().RemoveBinding(string(b.ID))
				return c.record(a.Org, nounBinding, string(b.ID), verbPurge, nil, nil)
			})
		},
		func() (int, error) { return c.purgeDirect(a) },
	} {
		n, err := purge()
		if err != nil {
			return 0, err
		}
		rows += n
	}
	if err := c.tx.Usage().Purge(c.ctx, a.Org, a.ID); err != nil {
		return 0, err
	}
	if err := c.tx.Accounts().Delete(c.ctx, a.Org, a.ID); err != nil {
		return 0, err
	}
	d.removeAccount(a.ID)
	return rows + 1, c.record(a.Org, nounAccount, string(a.ID), verbPurge, nil, nil)
}
