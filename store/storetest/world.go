package storetest

import (
	"context"
	"iter"
	"reflect"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// worldLaws: the sequences have the rows of one org and the fields that are
// promised, in whatever order.
func worldLaws(t *testing.T, s identity.Store) {
	const n = 10
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settleGroups(t, tx)
		for _, of := range []identity.OrgID{home, foreign} {
			for i := range n {
				ok(t, tx.Accounts().Insert(ctx, account(of, i)))
				ok(t, tx.Members().Insert(ctx, member(of, i)))
				ok(t, tx.Roles().Insert(ctx, role(of, i)))
				ok(t, tx.Bindings().Insert(ctx, binding(of, i)))
				ok(t, tx.Credentials().Insert(ctx, credential(of, i)))
			}
		}
	})
	check := func(ctx context.Context, tx identity.Txn) {
		w := tx.World()
		yields(t, w.Accounts(ctx, home), func(i int) identity.Account {
			a := account(home, i)
			return identity.Account{ID: a.ID, Org: a.Org, Kind: a.Kind, State: a.State, ValidUntil: a.ValidUntil, MinRevision: a.MinRevision,
				Boundary: a.Boundary, Labels: a.Labels, System: a.System}
		})
		yields(t, w.Groups(ctx, home), func(i int) identity.Group {
			g := group(home, i)
			return identity.Group{ID: g.ID, Org: g.Org, System: g.System, Deleted: g.Deleted}
		})
		yields(t, w.Members(ctx, home), func(i int) identity.Member {
			m := member(home, i)
			return identity.Member{Org: m.Org, Group: m.Group, Member: m.Member}
		})
		yields(t, w.Roles(ctx, home), func(i int) identity.Role {
			r := role(home, i)
			return identity.Role{ID: r.ID, Org: r.Org, Name: r.Name, Permissions: r.Permissions, Exclusions: r.Exclusions,
				Includes: r.Includes, State: r.State, Deleted: r.Deleted}
		})
		yields(t, w.Bindings(ctx, home), func(i int) identity.Binding {
			b := binding(home, i)
			return identity.Binding{ID: b.ID, Org: b.Org, Subject: b.Subject, Role: b.Role, Scope: b.Scope, Effect: b.Effect,
				Start: b.Start, End: b.End, Reach: b.Reach, Condition: b.Condition, Eligible: b.Eligible}
		})
		yields(t, w.Credentials(ctx, home), func(i int) identity.Credential {
			c := credential(home, i)
			return identity.Credential{ID: c.ID, Org: c.Org, Account: c.Account, Type: c.Type, State: c.State,
				ValidUntil: c.ValidUntil, EndsAt: c.EndsAt, MinRevision: c.MinRevision,
				Permissions: c.Permissions, Path: c.Path, Networks: c.Networks}
		})
		mine := func(yield func(identity.Credential, error) bool) {
			for c, err := range w.Secrets(ctx) {
				if c.Org != foreign && !yield(c, err) {
					return
				}
			}
		}
		yields(t, mine, func(i int) identity.Credential {
			c := credential(home, i)
			return identity.Credential{ID: c.ID, Org: c.Org, Type: c.Type, Digest: c.Digest}
		})
		for a, err := range w.Accounts(ctx, "or_none") {
			t.Fatalf("an org that does not exist has %+v, %v", a, err)
		}
	}
	read(t, s, check)
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) { check(ctx, tx) })
}

func yields[T any](t *testing.T, seq iter.Seq2[T, error], want func(int) T) {
	t.Helper()
	var missing []T
	for i := range 10 {
		missing = append(missing, want(i))
	}
	for got, err := range seq {
		ok(t, err)
		found := false
		for i, w := range missing {
			if reflect.DeepEqual(got, w) {
				missing, found = append(missing[:i], missing[i+1:]...), true
				break
			}
		}
		if !found {
			t.Fatalf("not expected, or twice: %+v", got)
		}
	}
	if len(missing) != 0 {
		t.Fatalf("%d rows are missing, the first is %+v", len(missing), missing[0])
	}
}

// worldStop: a sequence can be left, run again, and run inside itself; the
// transaction goes on.
func worldStop(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settleGroups(t, tx)
		for i := range 10 {
			ok(t, tx.Members().Insert(ctx, member(home, i)))
		}
		members := tx.World().Members(ctx, home)
		for _, err := range members {
			ok(t, err)
			break
		}
		pairs := 0
		for _, err := range members {
			ok(t, err)
			for _, err := range tx.World().Members(ctx, home) {
				ok(t, err)
				pairs++
			}
			_, err = tx.Groups().Find(ctx, home, "gr_00001")
			ok(t, err)
		}
		if pairs != 100 {
			t.Fatalf("%d pairs of 10 members", pairs)
		}
		ok(t, tx.Groups().Insert(ctx, group(home, 11)))
	})
}
