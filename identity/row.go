package identity

import (
	"context"
	"iter"
)

// keyed is a row of the store: it says what its key is.
type keyed[K ~string] interface{ key() K }

func (o Org) key() OrgID               { return o.ID }
func (a Account) key() AccountID       { return a.ID }
func (g Group) key() GroupID           { return g.ID }
func (m Member) key() MemberKey        { return m.Key() }
func (r Role) key() RoleID             { return r.ID }
func (b Binding) key() BindingID       { return b.ID }
func (c Credential) key() CredentialID { return c.ID }
func (k SigningKey) key() string       { return k.ID }
func (r RevokedToken) key() TokenKey   { return r.Key() }

// rowsPerPage is how many rows are read at once by what reads all of them.
const rowsPerPage = 1000

// selected yields the rows that a query selects, in the order of their keys. Those
// that were yielded may be changed and deleted on the way. The sequence ends after
// the first error.
func selected[T keyed[K], K ~string](ctx context.Context, table Rows[T, K], q Query) iter.Seq2[T, error] {
	q.Limit = rowsPerPage
	return pages(func(after string) ([]T, string, error) {
		q.After = after
		rows, err := table.Page(ctx, q)
		if err != nil || len(rows) < q.Limit {
			return rows, "", err
		}
		return rows, string(rows[len(rows)-1].key()), nil
	})
}

// few reads the rows that a query selects, until there are more than MaxBulk.
func few[T keyed[K], K ~string](c *change, table Rows[T, K], q Query) (some []T, err error) {
	for row, err := range selected(c.ctx, table, q) {
		if err != nil {
			return nil, err
		}
		if some = append(some, row); len(some) > MaxBulk {
			break
		}
	}
	return some, nil
}

// pages yields the items of page after page: of each, page says after what the next
// one begins, and "" of the last. The sequence ends after the first error.
func pages[T any](page func(after string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			items, next, err := page(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if after = next; after == "" {
				return
			}
		}
	}
}
