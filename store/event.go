package store

import (
	"context"

	"github.com/claviger-go/claviger/identity"
)

type eventRow struct {
	identity.Event
	At         micros
	Before     bytes
	After      bytes
	BeforeHash bytes
	AfterHash  bytes
	Prev       bytes
	MAC        bytes
}

// eventTable is used for its columns only: the log is read in its own orders.
func eventTable() table[identity.Event, string, eventRow] {
	return table[identity.Event, string, eventRow]{
		layout: layout{
			entity: "event",
			name:   "identity_event",
			key:    []string{"revision", "item"},
			columns: []string{"revision", "item", "org_id", "seq", "at", "noun", "id", "verb", "actor", "reason", "on_behalf_of",
				"credential", "request_id", "before", "after", "before_hash", "after_hash", "prev", "mac"},
		},
		row: func(e identity.Event) eventRow {
			return eventRow{e, micros{e.At}, e.Before, e.After, e.BeforeHash, e.AfterHash, e.Prev, e.MAC}
		},
		noun: func(r eventRow) identity.Event {
			r.Event.At = r.At.Time
			r.Event.Before, r.Event.After = r.Before, r.After
			r.Event.BeforeHash, r.Event.AfterHash = r.BeforeHash, r.AfterHash
			r.Event.Prev, r.Event.MAC = r.Prev, r.MAC
			return r.Event
		},
	}
}

// changes implements [identity.Changes].
type changes struct {
	run runner
	t   *table[identity.Event, string, eventRow]
}

func (c changes) Revision(ctx context.Context) (uint64, error) {
	var revision uint64
	const newest = `SELECT coalesce(max(revision), 0) FROM identity_event`
	err := c.run.one(ctx, &revision, newest)
	return revision, c.t.dialect.fail(c.t.entity, "", err)
}

func (c changes) Since(ctx context.Context, revision uint64, limit int) ([]identity.Event, error) {
	if err := c.limit(limit); err != nil {
		return nil, err
	}
	const since = `SELECT revision, item, org_id, seq, at, noun, id, verb, actor, reason, on_behalf_of, credential, request_id
		FROM identity_event`
	return c.read(ctx, since+wholeRevisions, revision, limit-1)
}

// wholeRevisions ends a page with the revision that its last event belongs to.
const wholeRevisions = `
	WHERE revision > $1 AND revision <= coalesce(
		(SELECT revision FROM identity_event WHERE revision > $1 ORDER BY revision, item LIMIT 1 OFFSET $2),
		9223372036854775807)
	ORDER BY revision, item`

func (c changes) Feed(ctx context.Context, org identity.OrgID, revision uint64, limit int) ([]identity.Event, error) {
	if err := c.limit(limit); err != nil {
		return nil, err
	}
	if org == "" {
		return c.read(ctx, c.t.selects+wholeRevisions, revision, limit-1)
	}
	// The sign keeps the index of the org's chain out of it: that would read the whole chain.
	const ofOrg = `
		WHERE +org_id = $3 AND revision > $1 AND revision <= coalesce(
			(SELECT revision FROM identity_event WHERE +org_id = $3 AND revision > $1 ORDER BY revision, item LIMIT 1 OFFSET $2),
			9223372036854775807)
		ORDER BY revision, item`
	return c.read(ctx, c.t.selects+ofOrg, revision, limit-1, string(org))
}

func (c changes) Head(ctx context.Context, org identity.OrgID) (identity.Event, error) {
	var row eventRow
	text := c.t.selects + ` WHERE org_id = $1 ORDER BY seq DESC LIMIT 1`
	if err := c.run.one(ctx, &row, text, string(org)); err != nil {
		return identity.Event{}, c.t.dialect.fail(c.t.entity, "", err)
	}
	return c.t.noun(row), nil
}

func (c changes) Append(ctx context.Context, events []identity.Event) error {
	for _, e := range events {
		if _, err := c.run.exec(ctx, c.t.insert, values(c.t.row(e), c.t.insertFrom)...); err != nil {
			return c.t.dialect.fail(c.t.entity, e.ID, err)
		}
	}
	return nil
}

func (c changes) Page(ctx context.Context, org identity.OrgID, f identity.EventFilter, after uint64, limit int) ([]identity.Event, error) {
	if err := c.limit(limit); err != nil {
		return nil, err
	}
	beyond, order := ">", " ORDER BY seq LIMIT "
	if f.NewestFirst {
		beyond, order = "<", " ORDER BY seq DESC LIMIT "
	}
	var w where
	w.add("org_id", "=", string(org))
	for column, value := range map[string]string{"noun": f.Noun, "id": f.ID, "verb": f.Verb, "actor": f.Actor} {
		if value != "" {
			w.add(column, "=", value)
		}
	}
	if !f.From.IsZero() {
		w.add("at", ">=", micros{f.From})
	}
	if !f.Until.IsZero() {
		w.add("at", "<", micros{f.Until})
	}
	if after != 0 {
		w.add("seq", beyond, after)
	}
	return c.read(ctx, c.t.selects+w.text.String()+order+w.mark(limit), w.args...)
}

func (c changes) limit(limit int) error {
	if limit < 1 {
		return invalid(c.t.entity, "Limit", "%d is less than 1", limit)
	}
	return nil
}

func (c changes) read(ctx context.Context, text string, args ...any) ([]identity.Event, error) {
	var found []eventRow
	if err := c.run.all(ctx, &found, text, args...); err != nil {
		return nil, c.t.dialect.fail(c.t.entity, "", err)
	}
	events := make([]identity.Event, len(found))
	for i := range found {
		events[i] = c.t.noun(found[i])
	}
	return events, nil
}
