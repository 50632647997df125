package store

import (
	"context"
	"slices"

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
			log:    true,
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
		row := c.t.row(e)
		if _, err := c.t.put(ctx, c.run, c.t.insert, &row, c.t.insertFrom); err != nil {
			return c.t.dialect.fail(c.t.entity, e.ID, err)
		}
	}
	return nil
}

func (c changes) Page(ctx context.Context, org identity.OrgID, f identity.EventFilter, after uint64, limit int) ([]identity.Event, error) {
	if err := c.limit(limit); err != nil {
		return nil, err
	}
	fewest, err := c.fewest(ctx, org, f)
	if err != nil {
		return nil, err
	}
	text, args := c.t.filtered(org, f, fewest, after, limit)
	return c.read(ctx, text, args...)
}

// equal is one field that a filter wants to be something.
type equal struct{ column, value string }

// equalsOf are those of a filter.
func equalsOf(f identity.EventFilter) []equal {
	all := []equal{{"id", f.ID}, {"actor", f.Actor}, {"verb", f.Verb}, {"noun", f.Noun}}
	return slices.DeleteFunc(all, func(e equal) bool { return e.value == "" })
}

// manyEvents is from where on a field of a filter is taken for one that most
// events have.
const manyEvents = 1000

// fewest is the column, of several that a filter wants to be something, that lets
// the fewest events through: the engine does not look at values before it chooses
// what to go through. It is empty if all let many through.
func (c changes) fewest(ctx context.Context, org identity.OrgID, f identity.EventFilter) (column string, err error) {
	fields := equalsOf(f)
	if len(fields) < 2 {
		return "", nil
	}
	least := manyEvents
	for _, e := range fields {
		var n int
		text := "SELECT count(*) FROM (SELECT 1 FROM " + c.t.name + " WHERE org_id = $1 AND " + e.column + " = $2 LIMIT $3 + 0)"
		if err := c.run.one(ctx, &n, text, string(org), e.value, least); err != nil {
			return "", c.t.dialect.fail(c.t.entity, "", err)
		}
		if n < least {
			column, least = e.column, n
		}
		if n == 0 {
			break
		}
	}
	return column, nil
}

// filtered is the statement of a page of an org's log. It is not to go through
// events by another column than the one that lets the fewest through, if there is
// one: the sign keeps the indexes of the others out of it.
func (l *layout) filtered(org identity.OrgID, f identity.EventFilter, fewest string, after uint64, limit int) (string, []any) {
	var w where
	w.add("org_id", "=", string(org))
	for _, e := range equalsOf(f) {
		if fewest != "" && e.column != fewest {
			e.column = "+" + e.column
		}
		w.add(e.column, "=", e.value)
	}
	// Behind an event, only the end that lies ahead still has something to say. The other would be taken for where to begin.
	if !f.From.IsZero() && (after == 0 || f.NewestFirst) {
		w.add("at", ">=", micros{f.From})
	}
	if !f.Until.IsZero() && (after == 0 || !f.NewestFirst) {
		w.add("at", "<", micros{f.Until})
	}
	beyond, direction := ">", ""
	if f.NewestFirst {
		beyond, direction = "<", " DESC"
	}
	order := " ORDER BY seq" + direction
	switch all := (identity.EventFilter{NewestFirst: f.NewestFirst}); {
	case f != all: // the order of the indexes of what can be filtered by
		order = " ORDER BY at" + direction + ", seq" + direction
		if after != 0 {
			last := "(SELECT at FROM " + l.name + " WHERE org_id = " + w.mark(string(org)) + " AND seq = " + w.mark(after) + ")"
			w.and().text.WriteString("(at, seq) " + beyond + " (" + last + ", " + w.mark(after) + ")")
		}
	case after != 0:
		w.add("seq", beyond, after)
	}
	return l.selects + w.text.String() + order + " LIMIT " + w.mark(limit) + " + 0", w.args
}

func (c changes) Purge(ctx context.Context, org identity.OrgID, seqs []uint64) (int, error) {
	const purge = `UPDATE identity_event SET before = NULL, after = NULL
		WHERE org_id = $1 AND seq = $2 AND (before IS NOT NULL OR after IS NOT NULL)`
	purged := 0
	for _, seq := range seqs {
		n, err := c.run.exec(ctx, purge, string(org), seq)
		if err != nil {
			return purged, c.t.dialect.fail(c.t.entity, "", err)
		}
		purged += int(n)
	}
	return purged, nil
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
