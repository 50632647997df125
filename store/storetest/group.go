package storetest

import (
	"context"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

func groupLaws(t *testing.T, s identity.Store) {
	noun[identity.Group, identity.GroupID]{
		table:  identity.Txn.Groups,
		settle: settle,
		full:   group,
		bare:   func(g identity.Group) identity.Group { return identity.Group{ID: g.ID, Org: g.Org, Name: g.Name} },
		key:    func(g identity.Group) (identity.OrgID, identity.GroupID) { return g.Org, g.ID },
	}.laws(t, s)
}

func groupKeys(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		// Every org has the system groups, under the same ids and names.
		for _, of := range []identity.OrgID{home, foreign} {
			ok(t, tx.Groups().Insert(ctx, identity.Group{ID: identity.GroupUsers, Org: of, Name: "users", System: true}))
		}
		is(t, tx.Groups().Insert(ctx, identity.Group{ID: "gr_1", Org: home, Name: "users"}), identity.ErrConflict)
		ok(t, tx.Groups().Insert(ctx, identity.Group{ID: "gr_1", Org: home, Name: "Users"}))
		is(t, tx.Groups().Update(ctx, identity.Group{ID: "gr_1", Org: home, Name: "users"}), identity.ErrConflict)

		// A group with members stays.
		ok(t, tx.Members().Insert(ctx, identity.Member{Org: home, Group: "gr_1", Member: "us_1"}))
		is(t, tx.Groups().Delete(ctx, home, "gr_1"), identity.ErrStorage)
	})
}

func memberKey(m identity.Member) (identity.OrgID, identity.MemberKey) {
	return m.Org, identity.MemberKey(string(m.Group) + "/" + string(m.Member))
}

func memberLaws(t *testing.T, s identity.Store) {
	noun[identity.Member, identity.MemberKey]{
		table:  identity.Txn.Members,
		settle: settleGroups,
		full:   member,
		bare: func(m identity.Member) identity.Member {
			return identity.Member{Org: m.Org, Group: m.Group, Member: m.Member}
		},
		key: memberKey,
	}.laws(t, s)
}

func memberKeys(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settleGroups(t, tx)
		nowhere := member(home, 1)
		nowhere.Group = "gr_none"
		is(t, tx.Members().Insert(ctx, nowhere), identity.ErrStorage)

		var keys []identity.MemberKey
		for _, g := range []identity.GroupID{"gr_00000", "gr_00001", "gr_00002"} {
			for _, m := range []identity.SubjectID{"gr_00003", "sa_1", "us_1", "us_10"} {
				row := identity.Member{Org: home, Group: g, Member: m}
				ok(t, tx.Members().Insert(ctx, row))
				_, key := memberKey(row)
				keys = append(keys, key)
			}
		}
		for _, key := range []identity.MemberKey{"", "/", "gr_00000", "gr_00000/", "/us_1", "gr_00000/us_1/", "gr_00000//us_1"} {
			_, err := tx.Members().Find(ctx, home, key)
			is(t, err, identity.ErrNotFound)
		}
		// From every key on, the page is what is behind it; also from keys that
		// are no row, and from a group without a member.
		for i, after := range append(keys, "gr_00000", "gr_00001") {
			page, err := tx.Members().Page(ctx, identity.Query{Org: home, After: string(after)})
			ok(t, err)
			var want []identity.MemberKey
			for _, k := range keys {
				if k > after {
					want = append(want, k)
				}
			}
			if len(page) != len(want) {
				t.Fatalf("%d: after %s are %d rows, there should be %d", i, after, len(page), len(want))
			}
			for j, row := range page {
				if _, key := memberKey(row); key != want[j] {
					t.Fatalf("after %s row %d is %s, it should be %s", after, j, key, want[j])
				}
			}
		}
		byMember := identity.Query{Org: home, Where: []identity.Cond{{Field: identity.FieldMember, Value: "us_1"}}}
		n, err := tx.Members().Count(ctx, byMember)
		ok(t, err)
		if n != 3 {
			t.Fatalf("us_1 is in %d groups, it should be 3", n)
		}
	})
}
