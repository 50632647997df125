package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

func accountLaws(t *testing.T, s identity.Store) {
	noun[identity.Account, identity.AccountID]{
		table:  identity.Txn.Accounts,
		settle: settle,
		full:   account,
		bare: func(a identity.Account) identity.Account {
			return identity.Account{ID: a.ID, Org: a.Org, Kind: identity.ServiceAccount, Name: a.Name, State: identity.AccountInvited}
		},
		key: func(a identity.Account) (identity.OrgID, identity.AccountID) { return a.Org, a.ID },
	}.laws(t, s)
}

func accountKeys(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		first := account(home, 1)
		ok(t, tx.Accounts().Insert(ctx, first))

		named := account(home, 2)
		named.Name = first.Name
		is(t, tx.Accounts().Insert(ctx, named), identity.ErrConflict)
		named.Kind = identity.ServiceAccount // names of the two kinds do not meet
		ok(t, tx.Accounts().Insert(ctx, named))

		known := account(home, 3)
		known.External = first.External
		is(t, tx.Accounts().Insert(ctx, known), identity.ErrConflict)
		known.External.Subject += "x"
		ok(t, tx.Accounts().Insert(ctx, known))
		known.External = first.External
		is(t, tx.Accounts().Update(ctx, known), identity.ErrConflict)

		// No external id is not an external id.
		for i := 4; i < 6; i++ {
			unknown := account(home, i)
			unknown.External = identity.ExternalID{}
			ok(t, tx.Accounts().Insert(ctx, unknown))
		}

		for value, want := range map[string]int{"": 2, first.External.Subject: 1, first.External.Subject + "x": 1, "%": 0} {
			n, err := tx.Accounts().Count(ctx, identity.Query{Org: home,
				Where: []identity.Cond{{Field: identity.FieldExternalSubject, Value: value}}})
			ok(t, err)
			if n != want {
				t.Errorf("the external subject %q counts %d accounts, it should be %d", value, n, want)
			}
		}

		// A person with accounts in two orgs is found in both.
		other := account(foreign, 7)
		other.External = first.External
		ok(t, tx.Accounts().Insert(ctx, other))
		found, err := tx.Accounts().Page(ctx, identity.Query{Everywhere: true, Where: []identity.Cond{
			{Field: identity.FieldExternalIssuer, Value: first.External.Issuer},
			{Field: identity.FieldExternalSubject, Value: first.External.Subject},
		}})
		ok(t, err)
		if len(found) != 2 || found[0].ID != first.ID || found[1].ID != other.ID {
			t.Fatalf("the external id finds %v", found)
		}

		orphan := account("or_none", 8)
		is(t, tx.Accounts().Insert(ctx, orphan), identity.ErrStorage)
	})
}

// accountTime takes the end of an account for all times: 0 is never, so no
// real time may become it.
func accountTime(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		a := account(home, 1)
		ok(t, tx.Accounts().Insert(ctx, a))
		zone := time.FixedZone("east", 5*3600)
		for _, c := range []struct {
			in, want time.Time
			refused  bool
		}{
			{in: time.Time{}},
			{in: time.Time{}.In(zone)},
			{in: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), want: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)},
			{in: time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), want: time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC)},
			{in: time.Unix(0, 0), refused: true},
			{in: time.Unix(0, 999), refused: true},
			{in: time.Unix(0, 1000), want: time.Unix(0, 1000).UTC()},
			{in: time.Unix(0, -1), want: time.Unix(0, -1000).UTC()},
			{in: time.Date(2031, 1, 2, 3, 4, 5, 123456789, zone), want: time.Date(2031, 1, 1, 22, 4, 5, 123456000, time.UTC)},
			{in: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), want: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)},
			{in: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), refused: true},
			{in: time.Unix(1<<62, 0), refused: true},
		} {
			a.ValidUntil = c.in
			err := tx.Accounts().Update(ctx, a)
			if c.refused {
				is(t, err, identity.ErrInvalid)
				continue
			}
			ok(t, err)
			got, err := tx.Accounts().Find(ctx, home, a.ID)
			ok(t, err)
			if got.ValidUntil != c.want {
				t.Errorf("%v came back as %v, it should be %v", c.in, got.ValidUntil, c.want)
			}
		}
	})
}
