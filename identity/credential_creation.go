package identity

import (
	"context"
	"errors"
)

// credentialCreation is a call that makes a credential, which T holds.
func credentialCreation[T any](input any, authorize func(*change) error, create func(*change) (T, error), row func(*T) *Credential) creation[T] {
	return creation[T]{
		noun: nounCredential, input: input, authorize: authorize, create: create,
		ids: func(made T) []string { return []string{string(row(&made).ID)} },
		find: func(c *change, made []string) (out T, err error) {
			found, err := c.tx.Credentials().Find(c.ctx, c.org, CredentialID(made[0]))
			if err != nil {
				return out, err
			}
			*row(&out) = found
			_, err = c.mayAddKey(c.org, found.Account)
			return out, err
		},
	}
}

func keyCreation(input any, authorize func(*change) error, create func(*change) (Credential, error)) creation[Credential] {
	return credentialCreation(input, authorize, create, func(row *Credential) *Credential { return row })
}

// createSecret is the call that makes a secret for an account.
func (o *OrgAdmin) createSecret(ctx context.Context, op string, account AccountID, spec any, add func(*change, Account) (CredentialSecret, error)) (CredentialSecret, error) {
	var a Account
	authorize := func(c *change) (err error) {
		a, err = c.mayAddKey(o.org, account)
		return err
	}
	build := func(c *change) (CredentialSecret, error) { return add(c, a) }
	return create(ctx, &o.Admin, op, o.org, secretCreation([]any{account, spec}, authorize, build))
}

func secretCreation(input any, authorize func(*change) error, create func(*change) (CredentialSecret, error)) creation[CredentialSecret] {
	return credentialCreation(input, authorize, create, func(s *CredentialSecret) *Credential { return &s.Credential })
}

// madeWith finds the credentials that were made with an account. One that was
// not made, or is gone, stays zero.
func (c *change) madeWith(org OrgID, ids []string, rows ...*Credential) error {
	for i, id := range ids {
		if id == "" {
			continue
		}
		row, err := c.tx.Credentials().Find(c.ctx, org, CredentialID(id))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		*rows[i] = row
	}
	return nil
}
