package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"iter"
	"strconv"
	"time"
)

// EventFilter narrows a list of events. Zero fields do not narrow it.
type EventFilter struct {
	Noun  string    // what changed: "account", "binding", …
	ID    string    // its id
	Verb  string    // what happened: "create", …
	Actor string    // the account that acted, or "system"
	From  time.Time // not before
	Until time.Time // before
	// NewestFirst turns the order round. The cursor of one order does not work in
	// the other.
	NewestFirst bool
}

// hash identifies the filter in a cursor.
func (f EventFilter) hash() ([sha256.Size]byte, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return [sha256.Size]byte{}, &Error{Kind: ErrInvalid, Entity: nounEvent, Field: "From", Err: err}
	}
	return sha256.Sum256(text), nil
}

// Events returns a page of the org's log, oldest first: with a filter by their
// time, and then as they were written, without one as they were written. A filter of
// several fields reads what the one of them lets through that lets through least;
// where that is much and the others let through little, a page takes long. It needs
// identity:events.read.
func (o *OrgAdmin) Events(ctx context.Context, f EventFilter, page Page) (List[Event], error) {
	var out List[Event]
	err := o.read(ctx, "Events", o.org, func(ctx context.Context, tx Txn) (err error) {
		out, err = o.a.eventPage(ctx, tx, o.org, f, page)
		return err
	})
	return out, err
}

func (a *Authority) eventPage(ctx context.Context, tx Txn, org OrgID, f EventFilter, page Page) (List[Event], error) {
	limit, err := page.limit()
	if err != nil {
		return List[Event]{}, err
	}
	filter, err := f.hash()
	if err != nil {
		return List[Event]{}, err
	}
	cursors := a.instance.Load().cursors
	var last uint64
	if page.Cursor != "" {
		text, err := cursors.Decode(nounEvent, filter, string(org), page.Cursor)
		if err == nil {
			last, err = strconv.ParseUint(text, 10, 64)
		}
		if err != nil {
			return List[Event]{}, &Error{Kind: ErrInvalid, Entity: "page", Field: "Cursor", Err: err}
		}
	}
	rows, err := tx.Changes().Page(ctx, org, f, last, limit+1)
	if err != nil {
		return List[Event]{}, err
	}
	next := func(last string) (string, error) { return cursors.Encode(nounEvent, filter, string(org), last) }
	return cut(next, rows, limit, func(e Event) string { return strconv.FormatUint(e.Seq, 10) })
}

// AllEvents iterates over the org's log, oldest first. It needs
// identity:events.read.
func (o *OrgAdmin) AllEvents(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return every(func(page Page) (List[Event], error) { return o.Events(ctx, f, page) })
}
