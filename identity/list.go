package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"slices"
)

// Page asks for part of a list.
type Page struct {
	Limit  int    // how many items at most; 0 means 100, the most is 1,000
	Cursor string // List.Next of the page before; empty for the first
}

// List is one page.
type List[T any] struct {
	Items []T
	Next  string // the cursor of the next page; empty after the last
}

func (p Page) limit() (int, error) {
	switch {
	case p.Limit == 0:
		return 100, nil
	case p.Limit < 0 || p.Limit > 1000:
		return 0, invalid("page", "Limit", "%d is not between 1 and 1,000", p.Limit)
	}
	return p.Limit, nil
}

// openCursor returns the last key that a cursor holds. A cursor works only for
// the list, the filter and the org it was made for.
func (a *Authority) openCursor(noun string, org OrgID, q Query, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	last, err := a.instance.Load().cursors.Decode(noun, q.hash(), string(org), cursor)
	if err != nil {
		return "", &Error{Kind: ErrInvalid, Entity: "page", Field: "Cursor", Err: err}
	}
	return last, nil
}

// hash identifies the filter of a query.
func (q Query) hash() [sha256.Size]byte {
	h := sha256.New()
	for _, c := range q.Where {
		var head [10]byte
		head[0] = byte(c.Field)
		if c.Prefix {
			head[1] = 1
		}
		binary.BigEndian.PutUint64(head[2:], uint64(len(c.Value)))
		h.Write(head[:])
		h.Write([]byte(c.Value))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// cutter makes the cursors of one list.
func (a *Authority) cutter(noun string, org OrgID, q Query) func(last string) (string, error) {
	return func(last string) (string, error) {
		return a.instance.Load().cursors.Encode(noun, q.hash(), string(org), last)
	}
}

// listRows reads one page of a noun for an actor.
func listRows[T keyed[K], K ~string](ctx context.Context, s *Admin, op, noun string, org OrgID, q Query, page Page, table func(Txn) Table[T, K]) (List[T], error) {
	var out List[T]
	err := s.read(ctx, op, org, func(ctx context.Context, tx Txn) error {
		limit, err := page.limit()
		if err != nil {
			return err
		}
		q.Org = org
		if q.Everywhere {
			q.Org = ""
		}
		if err := q.check(noun); err != nil {
			return err
		}
		if q.After, err = s.a.openCursor(noun, org, q, page.Cursor); err != nil {
			return err
		}
		q.Limit = limit + 1
		rows, err := table(tx).Page(ctx, q)
		if err != nil {
			return err
		}
		out, err = cut(s.a.cutter(noun, org, q), rows, limit, func(row T) string { return string(row.key()) })
		return err
	})
	return out, err
}

// check refuses what selects nothing in any state of the world, such as a misspelled
// state: an empty list would say that there is nothing.
func (q Query) check(noun string) error {
	for _, c := range q.Where {
		field, known := "", true
		switch c.Field {
		case FieldAccount:
			field, known = "Account", AccountID(c.Value).valid()
		case FieldSubject:
			field, known = "Subject", SubjectID(c.Value).valid()
		case FieldRole:
			field, known = "Role", RoleRef(c.Value).valid()
		case FieldBoundary:
			field, known = "Boundary", RoleRef(c.Value).valid()
		case FieldKind:
			field, known = "Kind", c.Value == string(User) || c.Value == string(ServiceAccount)
			if noun == nounCredential {
				field, known = "Type", CredentialType(c.Value).known()
			}
		case FieldThumbprint:
			sum, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
			field, known = "Thumbprint", err == nil && len(sum) == sha256.Size
		case FieldState:
			field, known = "State", slices.Contains(statesOf(noun), c.Value)
		}
		if !known {
			return &Error{Kind: ErrInvalid, Entity: noun, ID: clip(c.Value), Field: field, Err: errText("is none that there can be")}
		}
	}
	return nil
}

// statesOf are the states that rows of a noun can be in.
func statesOf(noun string) []string {
	switch noun {
	case nounOrg:
		return []string{string(OrgActive), string(OrgSuspended), string(OrgDeleted)}
	case nounAccount:
		return []string{string(AccountInvited), string(AccountActive), string(AccountInactive), string(AccountArchived), string(AccountDeleted)}
	case nounRole:
		return []string{string(RoleActive), string(RoleArchived)}
	case nounCredential:
		return []string{
			string(CredentialActive), string(CredentialRetiring), string(CredentialDisabled), string(CredentialRevoked), string(CredentialHeld),
		}
	}
	return nil
}

// everyRow iterates over the rows of a noun that a query selects, for an actor.
func everyRow[T keyed[K], K ~string](ctx context.Context, s *Admin, op, noun string, org OrgID, q Query, table func(Txn) Table[T, K]) iter.Seq2[T, error] {
	return every(func(page Page) (List[T], error) { return listRows(ctx, s, op, noun, org, q, page, table) })
}

// cut makes a page of limit items out of rows, of which one more was asked for.
func cut[T any](next func(last string) (string, error), rows []T, limit int, key func(T) string) (List[T], error) {
	if len(rows) <= limit {
		return List[T]{Items: rows}, nil
	}
	rows = rows[:limit]
	cursor, err := next(key(rows[limit-1]))
	return List[T]{Items: rows, Next: cursor}, err
}

// every iterates over all pages. No transaction is open while the caller's
// code runs. The sequence ends after the first error.
func every[T any](list func(Page) (List[T], error)) iter.Seq2[T, error] {
	return pages(func(cursor string) ([]T, string, error) {
		part, err := list(Page{Limit: rowsPerPage, Cursor: cursor})
		return part.Items, part.Next, err
	})
}

// findRow reads one row for an actor.
func findRow[T any, K Kind](ctx context.Context, s *Admin, op string, org OrgID, id ID[K], table func(Txn) Table[T, ID[K]]) (T, error) {
	var out T
	if err := id.check(); err != nil {
		return out, wrap(op, err)
	}
	err := s.read(ctx, op, org, func(ctx context.Context, tx Txn) (err error) {
		out, err = table(tx).Find(ctx, org, id)
		return err
	})
	return out, err
}
