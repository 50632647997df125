package identity

// SystemAccountName is the name of the service account that is made with an org if
// [OrgSpec] says so.
const SystemAccountName = "system"

// createSystemAccount makes the account that is part of an org. Without it nothing
// of the host's works there, and it cannot be made again: so it lives as long as the
// org, and can be stopped, but not ended or called something else. It starts with
// nothing.
func (c *change) createSystemAccount(org OrgID) (*Account, error) {
	id, err := changeID[Account](c, "sa_")
	if err != nil {
		return nil, err
	}
	a := Account{
		ID: id, Org: org, Kind: ServiceAccount, Name: SystemAccountName, DisplayName: "system", Description: "made with the org",
		State: AccountActive, System: true, Meta: c.created(),
	}
	return &a, c.insertAccount(a)
}

// keepSystem refuses an edit after which a system account is no more what it is.
func (a Account) keepSystem(after Account) error {
	if !a.System {
		return nil
	}
	refused := func(field, why string) error {
		return &Error{Kind: ErrImmutable, Entity: nounAccount, ID: string(a.ID), Field: field, Err: errText("is the org's system account: " + why)}
	}
	switch {
	case after.State == AccountArchived || after.State == AccountDeleted:
		return refused("State", "it ends with the org")
	case !after.ValidUntil.Equal(a.ValidUntil):
		return refused("ValidUntil", "it ends with the org")
	case after.DisplayName != a.DisplayName:
		return refused("DisplayName", "it keeps its name")
	}
	return nil
}
