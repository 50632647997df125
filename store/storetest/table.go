package storetest

import (
	"context"
	"reflect"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// noun is what the laws of every table need to know of one.
type noun[T any, K ~string] struct {
	table  func(identity.Txn) identity.Table[T, K]
	settle func(*testing.T, identity.WriteTxn)
	full   func(identity.OrgID, int) T // every field is set; another one for each number, in the order of ids
	bare   func(T) T                   // only what a row cannot be without
	key    func(T) (identity.OrgID, K)
	shared bool // rows belong to the instance, not to an org
}

// laws are what holds for every table.
func (n noun[T, K]) laws(t *testing.T, s identity.Store) {
	one, bare := n.full(home, 1), n.bare(n.full(home, 2))
	full(t, one)
	write(t, s, func(_ context.Context, tx identity.WriteTxn) { n.settle(t, tx) })
	_, id := n.key(one)

	// What goes in comes out, in the transaction and after it.
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		table := n.table(tx)
		_, err := table.Find(ctx, home, id)
		is(t, err, identity.ErrNotFound)
		ok(t, table.Insert(ctx, one))
		ok(t, table.Insert(ctx, bare))
		n.same(t, ctx, table, one)
		n.same(t, ctx, table, bare)
		is(t, table.Insert(ctx, one), identity.ErrConflict)
	})
	read(t, s, func(ctx context.Context, tx identity.Txn) {
		n.same(t, ctx, n.table(tx), one)
		n.same(t, ctx, n.table(tx), bare)
	})

	// A row of another org is no row, whatever is tried.
	if !n.shared {
		write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
			_, err := n.table(tx).Find(ctx, foreign, id)
			is(t, err, identity.ErrNotFound)
			is(t, n.table(tx).Delete(ctx, foreign, id), identity.ErrNotFound)
			n.same(t, ctx, n.table(tx), one)
		})
	}

	// An update replaces every field of its row, and of no other.
	emptied := n.bare(one)
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		ok(t, n.table(tx).Update(ctx, emptied))
		n.same(t, ctx, n.table(tx), emptied)
		n.same(t, ctx, n.table(tx), bare)
		ok(t, n.table(tx).Update(ctx, one))
		n.same(t, ctx, n.table(tx), one)
		is(t, n.table(tx).Update(ctx, n.full(home, 3)), identity.ErrNotFound)
	})

	// A delete removes its row and no other, once. Ids compare byte by byte.
	write(t, s, func(ctx context.Context, tx identity.WriteTxn) {
		is(t, n.table(tx).Delete(ctx, home, upper(id)), identity.ErrNotFound)
		_, err := n.table(tx).Find(ctx, home, upper(id))
		is(t, err, identity.ErrNotFound)
		_, err = n.table(tx).Find(ctx, home, id+"\x00")
		is(t, err, identity.ErrNotFound)
		ok(t, n.table(tx).Delete(ctx, home, id))
		is(t, n.table(tx).Delete(ctx, home, id), identity.ErrNotFound)
		_, err = n.table(tx).Find(ctx, home, id)
		is(t, err, identity.ErrNotFound)
		n.same(t, ctx, n.table(tx), bare)
	})
}

// same fails unless the table has exactly this row, by Find and by Page.
func (n noun[T, K]) same(t *testing.T, ctx context.Context, table identity.Table[T, K], want T) {
	t.Helper()
	of, id := n.key(want)
	got, err := table.Find(ctx, of, id)
	if err != nil {
		t.Fatalf("Find %s: %v", id, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("Find %s\n got %+v\nwant %+v", id, got, want)
	}
	page, err := table.Page(ctx, identity.Query{Org: of, Limit: 1000})
	if err != nil {
		t.Fatalf("Page: %v", err)
	}
	for _, row := range page {
		if _, other := n.key(row); other == id {
			if !reflect.DeepEqual(row, want) {
				t.Fatalf("Page %s\n got %+v\nwant %+v", id, row, want)
			}
			return
		}
	}
	t.Fatalf("Page has no %s", id)
}

func upper[K ~string](id K) K {
	b := []byte(id)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return K(b)
}
