package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// traces are the events of a log that say something about a subject.
type traces struct {
	about func(*Event) bool
	at    uint64   // the last event that was looked at
	seqs  []uint64 // of those that say something
	ids   []string // of what they say it of
}

func (t *traces) clone() *traces {
	return &traces{about: t.about, at: t.at, seqs: slices.Clone(t.seqs), ids: slices.Clone(t.ids)}
}

// first takes some events off, the oldest first.
func (t *traces) first(n int) traces {
	some := traces{seqs: t.seqs[:n], ids: t.ids[:n]}
	t.seqs, t.ids = t.seqs[n:], t.ids[n:]
	return some
}

// forget forgets what the events say, and under which keys a subject made what they
// say it of.
func (t *traces) forget(c *change, subject string) (done Purged, err error) {
	if done.Events, err = c.tx.Changes().Purge(c.ctx, c.org, t.seqs); err != nil {
		return done, err
	}
	done.Rows, err = c.tx.IdempotencyKeys().Forget(c.ctx, subject, c.org, t.ids)
	return done, err
}

// read looks at one page, and reports whether there may be more.
func (t *traces) read(ctx context.Context, log Changes, org OrgID) (more bool, err error) {
	events, err := log.Page(ctx, org, EventFilter{}, t.at, auditPage)
	if err != nil {
		return false, err
	}
	for i := range events {
		e := &events[i]
		t.at = e.Seq
		if (e.Before != nil || e.After != nil) && t.about(e) {
			t.seqs, t.ids = append(t.seqs, e.Seq), append(t.ids, e.ID)
		}
	}
	return len(events) == auditPage, nil
}

func aboutRow(noun, id string) func(*Event) bool {
	return func(e *Event) bool { return e.Noun == noun && e.ID == id }
}

// aboutAccount recognizes the events of an account and of what belongs to one:
// rows whose account, subject or member it is, roles of its own, and the evidence of
// what it signed. What it did to others is theirs.
func aboutAccount(id AccountID) func(*Event) bool {
	own := directPrefix(id)
	of := func(text []byte) bool {
		if !bytes.Contains(text, []byte(id)) && !bytes.Contains(text, []byte(own)) {
			return false
		}
		var row struct {
			Account, Subject, Member, Name string
			Anonymous                      bool
		}
		_ = json.Unmarshal(text, &row) // of a noun in which one of them is no text, the others say it
		return row.Account == string(id) || row.Subject == string(id) || row.Member == string(id) || row.Anonymous && strings.HasPrefix(row.Name, own)
	}
	return func(e *Event) bool {
		return e.Noun == nounAccount && e.ID == string(id) || e.Noun == nounAction && e.Actor == string(id) || of(e.Before) || of(e.After)
	}
}
