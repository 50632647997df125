package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// counter counts the rows of a noun, whatever their type.
type counter struct {
	noun   string
	fields []identity.Field
	count  func(identity.Txn, context.Context, identity.Query) (int, error)
	page   func(identity.Txn, context.Context, identity.Query) (int, error)
}

func counts[T any, K ~string](noun string, table func(identity.Txn) identity.Table[T, K], fields ...identity.Field) counter {
	return counter{noun, fields,
		func(tx identity.Txn, ctx context.Context, q identity.Query) (int, error) {
			return table(tx).Count(ctx, q)
		},
		func(tx identity.Txn, ctx context.Context, q identity.Query) (int, error) {
			rows, err := table(tx).Page(ctx, q)
			return len(rows), err
		},
	}
}

// counters lists every noun and the fields that it must be selectable by.
func counters() []counter {
	return []counter{
		counts("org", identity.Txn.Orgs, identity.FieldSlug, identity.FieldState),
		counts("account", identity.Txn.Accounts, identity.FieldName, identity.FieldKind, identity.FieldState,
			identity.FieldExternalIssuer, identity.FieldExternalSubject, identity.FieldBoundary, identity.FieldID),
		counts("group", identity.Txn.Groups, identity.FieldName),
		counts("member", identity.Txn.Members, identity.FieldGroup, identity.FieldMember),
		counts("role", identity.Txn.Roles, identity.FieldName, identity.FieldState),
		counts("binding", identity.Txn.Bindings, identity.FieldSubject, identity.FieldRole, identity.FieldScope),
		counts("credential", identity.Txn.Credentials, identity.FieldAccount, identity.FieldState, identity.FieldThumbprint,
			identity.FieldID),
		counts("signing key", identity.Txn.SigningKeys, identity.FieldState),
	}
}

// queryRefused: a query that is not understood selects nothing; it does not
// select more than was meant.
func queryRefused(t *testing.T, s identity.Store) {
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		for _, c := range counters() {
			both := func(q identity.Query, kind error) {
				t.Helper()
				_, err := c.count(tx, ctx, q)
				is(t, err, kind)
				_, err = c.page(tx, ctx, q)
				is(t, err, kind)
			}
			if c.noun != "signing key" {
				both(identity.Query{}, identity.ErrInvalid)
				both(identity.Query{Org: home, Everywhere: true}, identity.ErrInvalid)
			}
			for _, field := range []identity.Field{identity.FieldNone, 99, 255} {
				both(identity.Query{Org: home, Where: []identity.Cond{{Field: field, Value: "x"}}}, identity.ErrInvalid)
			}
			for _, limit := range []int{-1, 1002} {
				_, err := c.page(tx, ctx, identity.Query{Org: home, Limit: limit})
				is(t, err, identity.ErrInvalid)
			}
			for _, field := range c.fields {
				for _, prefix := range []bool{false, true} {
					q := identity.Query{Org: home, Where: []identity.Cond{{Field: field, Prefix: prefix, Value: hostile}}}
					if _, err := c.count(tx, ctx, q); err != nil {
						t.Errorf("%s: field %d: %v", c.noun, field, err)
					}
				}
			}
			known := 0
			for field := range identity.Field(255) {
				if _, err := c.count(tx, ctx, identity.Query{Org: home, Where: []identity.Cond{{Field: field}}}); err == nil {
					known++
				}
			}
			if known >= int(identity.FieldID) {
				t.Errorf("%s: can be selected by every field there is", c.noun)
			}
		}
	})
}

// queryPrefix compares with strings.HasPrefix over names made of what pattern
// languages and collations treat apart.
func queryPrefix(t *testing.T, s identity.Store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	letters := []string{"a", "A", "b", "%", "_", "*", "'", "é", "e", "\u0301", "\x00", "\x7f", "\U0010ffff", "\ud7ff", " "}
	word := func() string {
		var b strings.Builder
		for range random.IntN(5) {
			b.WriteString(letters[random.IntN(len(letters))])
		}
		return b.String()
	}
	names := map[string]identity.GroupID{}
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		for i := range 400 {
			g := group(home, i)
			g.Name = word()
			if _, taken := names[g.Name]; taken {
				continue
			}
			names[g.Name] = g.ID
			ok(t, tx.Groups().Insert(ctx, g))
		}
	})
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		for i := range 400 {
			cond := identity.Cond{Field: identity.FieldName, Prefix: i%4 != 0, Value: word()}
			if i < 3 {
				cond = identity.Cond{Field: identity.FieldName, Prefix: true, Value: []string{"", "\xff", "\xf4\x8f\xbf\xbf"}[i]}
			}
			var want []identity.GroupID
			for name, id := range names {
				if name == cond.Value || cond.Prefix && strings.HasPrefix(name, cond.Value) {
					want = append(want, id)
				}
			}
			slices.Sort(want)
			q := identity.Query{Org: home, Where: []identity.Cond{cond}, Limit: 1000}
			rows, err := tx.Groups().Page(ctx, q)
			ok(t, err)
			var got []identity.GroupID
			for _, row := range rows {
				got = append(got, row.ID)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+q finds %v, it should find %v", cond.Value, got, want)
			}
			n, err := tx.Groups().Count(ctx, q)
			ok(t, err)
			if n != len(want) {
				t.Fatalf("%+q counts %d, there are %d", cond.Value, n, len(want))
			}
		}
	})
}

// queryPage pages through random ids in steps of random sizes, with and
// without a condition, and compares with a sorted slice.
func queryPage(t *testing.T, s identity.Store) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var all, odd []identity.BindingID
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settle(t, tx)
		for i := range 300 {
			b := binding(home, i)
			b.ID = identity.BindingID("bi_" + strings.Repeat("z", random.IntN(4)) + fmt.Sprint(random.Uint64()))
			b.Subject = identity.SubjectID(fmt.Sprintf("us_%d", i%2))
			ok(t, tx.Bindings().Insert(ctx, b))
			all = append(all, b.ID)
			if i%2 == 1 {
				odd = append(odd, b.ID)
			}
			other := binding(foreign, i)
			ok(t, tx.Bindings().Insert(ctx, other))
		}
	})
	slices.Sort(all)
	slices.Sort(odd)
	ofOne := []identity.Cond{{Field: identity.FieldSubject, Value: "us_1"}}
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		for _, limit := range []int{0, 1, 7, 299, 300, 1001} {
			for _, c := range []struct {
				where []identity.Cond
				want  []identity.BindingID
			}{{nil, all}, {ofOne, odd}} {
				var got []identity.BindingID
				q := identity.Query{Org: home, Where: c.where, Limit: limit}
				for {
					page, err := tx.Bindings().Page(ctx, q)
					ok(t, err)
					most := limit
					if most == 0 {
						most = 100
					}
					if len(page) > most {
						t.Fatalf("a page has %d rows, the limit is %d", len(page), most)
					}
					for _, row := range page {
						got = append(got, row.ID)
					}
					if len(page) < most {
						break
					}
					q.After = string(page[len(page)-1].ID)
				}
				if !slices.Equal(got, c.want) {
					t.Fatalf("limit %d: %d rows, there are %d", limit, len(got), len(c.want))
				}
				n, err := tx.Bindings().Count(ctx, q)
				ok(t, err)
				if n != len(c.want) {
					t.Fatalf("Count is %d after a page, there are %d", n, len(c.want))
				}
			}
		}
	})
}

// queryEverywhere: rows of every org, for the nouns whose ids do not repeat.
func queryEverywhere(t *testing.T, s identity.Store) {
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		settleGroups(t, tx)
		ok(t, tx.Members().Insert(ctx, member(home, 0)))
		ok(t, tx.Accounts().Insert(ctx, account(home, 0)))
		ok(t, tx.Accounts().Insert(ctx, account(foreign, 1)))
		for noun, want := range map[string]int{"group": 20, "member": 1, "account": 2} {
			for _, c := range counters() {
				if c.noun != noun {
					continue
				}
				n, err := c.count(tx, ctx, identity.Query{Everywhere: true})
				ok(t, err)
				if n != want {
					t.Errorf("%s: %d rows everywhere, there are %d", noun, n, want)
				}
				n, err = c.page(tx, ctx, identity.Query{Everywhere: true})
				if noun != "account" {
					is(t, err, identity.ErrInvalid)
					continue
				}
				ok(t, err)
				if n != want {
					t.Errorf("%s: a page of %d rows everywhere, there are %d", noun, n, want)
				}
			}
		}
	})
}
