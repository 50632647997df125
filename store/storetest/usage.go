package storetest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
)

func revokedToken(of identity.OrgID, i int) identity.RevokedToken {
	return identity.RevokedToken{Org: of, Account: "us_00000", ID: "0" + string(rune('a'+i)), Until: at(i), RevokedAt: at(i + 1), Revision: uint64(i) + 1}
}

func revokedTokenLaws(t *testing.T, s identity.Store) {
	noun[identity.RevokedToken, identity.TokenKey]{
		table: func(tx identity.Txn) identity.Table[identity.RevokedToken, identity.TokenKey] {
			return tx.RevokedTokens()
		},
		settle: settleAccounts,
		full:   revokedToken,
		bare: func(r identity.RevokedToken) identity.RevokedToken {
			return identity.RevokedToken{Org: r.Org, Account: r.Account, ID: r.ID}
		},
		key: func(r identity.RevokedToken) (identity.OrgID, identity.TokenKey) { return r.Org, r.Key() },
	}.laws(t, s)
}

func revokedTokenSweep(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settleAccounts(t, tx)
		for i := range 5 {
			ok(t, tx.RevokedTokens().Insert(ctx, revokedToken(home, i)))
			ok(t, tx.RevokedTokens().Insert(ctx, revokedToken(foreign, i)))
		}
		swept, err := tx.RevokedTokens().Sweep(ctx, at(3))
		ok(t, err)
		left, err := tx.RevokedTokens().Count(ctx, identity.Query{Org: home})
		ok(t, err)
		if swept != 6 || left != 2 {
			t.Fatalf("%d swept, %d left of an org: the end itself is not before the end", swept, left)
		}
	})
}

func usageLaws(t *testing.T, s identity.Store) {
	used := func(ctx context.Context, tx identity.Txn, org identity.OrgID, account, key time.Time) {
		t.Helper()
		a, err := tx.Accounts().Find(ctx, org, "us_00000")
		ok(t, err)
		c, err := tx.Credentials().Find(ctx, org, credential(org, 1).ID)
		ok(t, err)
		if !a.LastUsed.Equal(account) || !c.LastUsed.Equal(key) {
			t.Fatalf("%s: last used %v and %v, want %v and %v", org, a.LastUsed, c.LastUsed, account, key)
		}
		a.LastUsed, c.LastUsed = account, key
		first, second := account, key
		wantA, wantC := accountOf(org, first), credential(org, 1)
		wantC.LastUsed = second
		if !reflect.DeepEqual(a, wantA) || !reflect.DeepEqual(c, wantC) {
			t.Fatalf("something else changed: %+v %+v", a, c)
		}
	}
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settleAccounts(t, tx)
		start := at(3) // of the fixtures
		for _, org := range []identity.OrgID{home, foreign} {
			c := credential(org, 1)
			c.LastUsed = start
			ok(t, tx.Credentials().Insert(ctx, c))
		}
		key := credential(home, 1).ID
		ok(t, tx.Usage().Used(ctx, []identity.Use{{Org: home, Account: "us_00000", Credential: key, At: at(10)}}))
		used(ctx, tx, home, at(10), at(10))
		used(ctx, tx, foreign, start, start)
		// Of the account alone; and never back.
		ok(t, tx.Usage().Used(ctx, []identity.Use{
			{Org: home, Account: "us_00000", At: at(20)}, {Org: home, Account: "us_00000", Credential: key, At: at(5)},
			{Org: home, Account: "us_none", Credential: "cr_none", At: at(30)}, {Org: foreign, Account: "us_none", Credential: key, At: at(30)},
		}))
		used(ctx, tx, home, at(20), at(10))
		used(ctx, tx, foreign, start, start)
	})
}

func accountOf(org identity.OrgID, used time.Time) identity.Account {
	a := account(org, 0)
	a.LastUsed = used
	return a
}

// ends is an account and a key of it that end at a moment, made a day before.
func ends(ctx context.Context, t *testing.T, tx identity.WriteTxn, i int, end time.Time, state identity.AccountState, key identity.CredentialState) {
	t.Helper()
	a, c := account(home, i), credential(home, i)
	a.State, a.ValidUntil, a.CreatedAt, a.External = state, end, end.Add(-24*time.Hour), identity.ExternalID{}
	c.Account, c.State, c.ValidUntil, c.CreatedAt, c.CreatedBy = a.ID, key, end, end.Add(-24*time.Hour), "us_maker"
	ok(t, tx.Accounts().Insert(ctx, a))
	ok(t, tx.Credentials().Insert(ctx, c))
}

func endingLaws(t *testing.T, s identity.Store) {
	now := at(0)
	hour := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		ends(ctx, t, tx, 1, hour(-1), identity.AccountActive, identity.CredentialActive)
		ends(ctx, t, tx, 2, hour(0), identity.AccountInvited, identity.CredentialActive)
		ends(ctx, t, tx, 3, hour(5), identity.AccountActive, identity.CredentialActive)
		ends(ctx, t, tx, 4, hour(6), identity.AccountActive, identity.CredentialActive)
		for i, state := range []identity.AccountState{identity.AccountInactive, identity.AccountArchived, identity.AccountDeleted} {
			ends(ctx, t, tx, 10+i, hour(3), state, identity.CredentialActive)
		}
		for i, state := range []identity.CredentialState{identity.CredentialRetiring, identity.CredentialDisabled, identity.CredentialRevoked, identity.CredentialHeld} {
			ends(ctx, t, tx, 20+i, hour(3), identity.AccountActive, state)
			a, err := tx.Accounts().Find(ctx, home, account(home, 20+i).ID)
			ok(t, err)
			a.ValidUntil = time.Time{}
			ok(t, tx.Accounts().Update(ctx, a))
		}
		a, c := account(home, 30), credential(home, 30)
		a.State, a.ValidUntil, a.CreatedAt, a.External = identity.AccountInvited, time.Time{}, hour(-24), identity.ExternalID{}
		c.Account, c.Type, c.State, c.ValidUntil, c.CreatedAt = a.ID, identity.Invitation, identity.CredentialActive, hour(3), hour(-24)
		ok(t, tx.Accounts().Insert(ctx, a))
		ok(t, tx.Credentials().Insert(ctx, c))
	})
	due := func(ctx context.Context, tx identity.Txn, q identity.Ending, limit int, want ...string) {
		t.Helper()
		found, err := tx.Usage().Ending(ctx, q, limit)
		ok(t, err)
		var got []string
		for _, w := range found {
			if w.Org != home || w.Kind != identity.User || w.Within != q.Within || w.AccountName == "" || w.Owner != hostile {
				t.Fatalf("%+v", w)
			}
			if w.Credential == "" && w.Creator != hostile || w.Credential != "" && (w.Creator != "us_maker" || w.CredentialName == "") {
				t.Fatalf("made by %q and %q: %+v", w.Owner, w.Creator, w)
			}
			got = append(got, string(w.Account)+" "+string(w.Credential))
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("due: %q, want %q", got, want)
		}
	}
	q := identity.Ending{From: hour(-1), To: hour(5), Within: 10 * time.Hour, Abandoned: now}
	second, third := "us_00002 ", "us_00003 "
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		due(ctx, tx, q, 100, second, second+"cr_000021", third, third+"cr_000031")
		due(ctx, tx, q, 3, second, second+"cr_000021", third)
		long := q
		long.Within = 24 * time.Hour // they did not live longer
		due(ctx, tx, long, 100)
	})
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		o, err := tx.Orgs().Find(ctx, home, home)
		ok(t, err)
		o.State = identity.OrgDeleted
		ok(t, tx.Orgs().Update(ctx, o))
		due(ctx, tx, q, 100)
	})
}

// markLaws: what is marked is not due, unless whoever marked it has given up; a mark
// is for one end and one threshold.
func markLaws(t *testing.T, s identity.Store) {
	now := at(0)
	q := identity.Ending{From: now, To: now.Add(5 * time.Hour), Within: 10 * time.Hour, Abandoned: now}
	count := func(ctx context.Context, tx identity.Txn, q identity.Ending) int {
		t.Helper()
		found, err := tx.Usage().Ending(ctx, q, 100)
		ok(t, err)
		return len(found)
	}
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		ends(ctx, t, tx, 1, now.Add(time.Hour), identity.AccountActive, identity.CredentialActive)
		found, err := tx.Usage().Ending(ctx, q, 100)
		ok(t, err)
		u := tx.Usage()
		for left, w := range found {
			ok(t, u.Mark(ctx, w, now, false))
			if n := count(ctx, tx, q); n != len(found)-1-left {
				t.Fatalf("%d are due after a mark", n)
			}
		}
		later := q
		later.Abandoned = now.Add(time.Microsecond)
		if n := count(ctx, tx, later); n != 2 {
			t.Fatalf("%d are due of 2 that were given up", n)
		}
		ok(t, u.Mark(ctx, found[0], now, true))
		if n := count(ctx, tx, later); n != 1 {
			t.Fatalf("%d are due of 1 that was given up", n)
		}
		other := later
		other.Within = 9 * time.Hour
		if n := count(ctx, tx, other); n != 2 {
			t.Fatalf("%d are due of another threshold", n)
		}
		ok(t, u.Unmark(ctx, found[0]))
		if n := count(ctx, tx, later); n != 2 {
			t.Fatalf("%d are due after the mark was taken back", n)
		}
		ok(t, u.Mark(ctx, found[0], now, true))
		ok(t, u.Forget(ctx, found[0].EndsAt))
		if n := count(ctx, tx, later); n != 1 {
			t.Fatalf("%d are due: the end itself is not before the end", n)
		}
		ok(t, u.Forget(ctx, found[0].EndsAt.Add(time.Microsecond)))
		if n := count(ctx, tx, q); n != 2 {
			t.Fatalf("%d are due when all is forgotten", n)
		}
	})
}

// markPurge forgets the marks of one account, and of one org.
func markPurge(t *testing.T, s identity.Store) {
	now := at(0)
	q := identity.Ending{From: now, To: now.Add(5 * time.Hour), Within: 10 * time.Hour, Abandoned: now}
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		ends(ctx, t, tx, 1, now.Add(time.Hour), identity.AccountActive, identity.CredentialActive)
		ends(ctx, t, tx, 2, now.Add(time.Hour), identity.AccountActive, identity.CredentialActive)
		found, err := tx.Usage().Ending(ctx, q, 100)
		ok(t, err)
		due := func(after string, want int) {
			t.Helper()
			now, err := tx.Usage().Ending(ctx, q, 100)
			ok(t, err)
			if len(now) != want {
				t.Fatalf("%d are due after %s, want %d", len(now), after, want)
			}
		}
		for _, w := range found {
			ok(t, tx.Usage().Mark(ctx, w, now, true))
		}
		due("the marks", 0)
		ok(t, tx.Usage().Purge(ctx, foreign, ""))
		ok(t, tx.Usage().Purge(ctx, foreign, account(home, 1).ID))
		due("purges elsewhere", 0)
		ok(t, tx.Usage().Purge(ctx, home, account(home, 1).ID))
		due("the purge of one account", 2)
		ok(t, tx.Usage().Purge(ctx, home, ""))
		due("the purge of the org", 4)
	})
}
