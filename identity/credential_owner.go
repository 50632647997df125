package identity

import "context"

// owned is the table of credentials, each with what its account is in the same
// transaction. Nothing is written through it.
type owned struct {
	Table[Credential, CredentialID]
	accounts Table[Account, AccountID]
}

func ownedCredentials(tx Txn) Table[Credential, CredentialID] {
	return owned{tx.Credentials(), tx.Accounts()}
}

func (t owned) Find(ctx context.Context, org OrgID, id CredentialID) (Credential, error) {
	row, err := t.Table.Find(ctx, org, id)
	if err != nil {
		return row, err
	}
	rows := []Credential{row}
	err = t.fill(ctx, rows)
	return rows[0], err
}

func (t owned) Page(ctx context.Context, q Query) ([]Credential, error) {
	rows, err := t.Table.Page(ctx, q)
	if err != nil {
		return nil, err
	}
	return rows, t.fill(ctx, rows)
}

// fill tells of each credential whose it is, asking for each account once.
func (t owned) fill(ctx context.Context, rows []Credential) error {
	known := map[AccountID]Account{}
	for i := range rows {
		row := &rows[i]
		a, found := known[row.Account]
		if !found {
			var err error
			if a, err = t.accounts.Find(ctx, row.Org, row.Account); err != nil {
				return err
			}
			known[row.Account] = a
		}
		row.OwnerKind, row.OwnerState = a.Kind, a.State
	}
	return nil
}
