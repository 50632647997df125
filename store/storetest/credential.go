package storetest

import (
	"context"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

func credentialLaws(t *testing.T, s identity.Store) {
	noun[identity.Credential, identity.CredentialID]{
		table:  identity.Txn.Credentials,
		settle: settleAccounts,
		full:   credential,
		bare: func(c identity.Credential) identity.Credential {
			return identity.Credential{ID: c.ID, Org: c.Org, Account: c.Account, Type: c.Type, State: identity.CredentialActive}
		},
		key: func(c identity.Credential) (identity.OrgID, identity.CredentialID) { return c.Org, c.ID },
	}.laws(t, s)
}

func credentialKeys(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settleAccounts(t, tx)
		first := credential(home, 1)
		ok(t, tx.Credentials().Insert(ctx, first))

		// An id is found without its org, so no two orgs may have it.
		twin := credential(foreign, 2)
		twin.ID = first.ID
		is(t, tx.Credentials().Insert(ctx, twin), identity.ErrConflict)
		found, err := tx.Credentials().Page(ctx, identity.Query{Everywhere: true,
			Where: []identity.Cond{{Field: identity.FieldID, Value: string(first.ID)}}})
		ok(t, err)
		if len(found) != 1 || found[0].Org != home {
			t.Fatalf("the id finds %v", found)
		}

		// One key proves one account of an org, until it is revoked.
		again := credential(home, 3)
		again.Thumbprint = first.Thumbprint
		for _, state := range []identity.CredentialState{identity.CredentialActive,
			identity.CredentialRetiring, identity.CredentialDisabled, identity.CredentialHeld} {
			first.State = state
			ok(t, tx.Credentials().Update(ctx, first))
			is(t, tx.Credentials().Insert(ctx, again), identity.ErrConflict)
		}
		elsewhere := credential(foreign, 4)
		elsewhere.Thumbprint = first.Thumbprint
		ok(t, tx.Credentials().Insert(ctx, elsewhere))
		first.State = identity.CredentialRevoked
		ok(t, tx.Credentials().Update(ctx, first))
		ok(t, tx.Credentials().Insert(ctx, again))
		first.State = identity.CredentialActive
		is(t, tx.Credentials().Update(ctx, first), identity.ErrConflict)

		// What has no key has no thumbprint to share.
		for i := 5; i < 7; i++ {
			secret := credential(home, i)
			secret.Thumbprint = ""
			ok(t, tx.Credentials().Insert(ctx, secret))
		}

		// The account is one of the same org.
		stray := credential(home, 8)
		stray.Account = "us_none"
		is(t, tx.Credentials().Insert(ctx, stray), identity.ErrStorage)
		is(t, tx.Accounts().Delete(ctx, home, "us_00000"), identity.ErrStorage)
	})
}
