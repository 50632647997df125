package identity

import (
	"bytes"
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"
	"time"
)

// AuditHead is the end of an org's log at one moment. Kept where nobody who can
// write the database can write, it shows later that nothing was cut off.
type AuditHead struct {
	Org OrgID     `json:"org"`
	Seq uint64    `json:"seq"` // of the last event, 0 in an empty log
	MAC []byte    `json:"mac"` // of the last event
	At  time.Time `json:"at"`  // of the last event
	// Since is the event from which the chain is kept with the present keys: 1, or
	// that of the last [ResetKeyRing]. Of what comes before it, VerifyAudit checks
	// that nothing is missing and that what was before and after is what it was; the
	// key that would tell more is gone.
	Since uint64 `json:"since"`
}

func (h AuditHead) moved(e *Event) AuditHead {
	h.Seq, h.MAC, h.At = e.Seq, bytes.Clone(e.MAC), e.At
	return h
}

// AuditError says which event of a log is the first that is not what was
// written. It is found with [errors.As] in the error of
// [OrgAdmin.VerifyAudit], which is an ErrStorage.
type AuditError struct {
	Org      OrgID
	Seq      uint64 // of the event that is altered or missing
	Revision uint64 // the change that the event belongs to; 0 if it is missing
	Why      string
}

func (e *AuditError) Error() string {
	return fmt.Sprintf("event %d of %s (revision %d) %s", e.Seq, e.Org, e.Revision, e.Why)
}

// AuditHead returns the end of the org's log. It needs identity:events.read.
func (o *OrgAdmin) AuditHead(ctx context.Context) (AuditHead, error) {
	var head AuditHead
	err := o.read(ctx, "AuditHead", o.org, func(ctx context.Context, tx Txn) error {
		last, err := tx.Changes().Head(ctx, o.org)
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		if err != nil {
			return err
		}
		head, err = o.emptyHead(ctx, tx)
		head = head.moved(&last)
		return err
	})
	return head, err
}

// emptyHead is where the org's log begins.
func (o *OrgAdmin) emptyHead(ctx context.Context, tx Txn) (AuditHead, error) {
	head := AuditHead{Org: o.org, Since: 1}
	f := EventFilter{Noun: nounInstance, Verb: verbReset}
	for last := uint64(0); ; {
		breaks, err := tx.Changes().Page(ctx, o.org, f, last, auditPage)
		for i := range breaks {
			head.Since = max(head.Since, breaks[i].Seq) // they come by their time, which a clock may have told wrong
			last = breaks[i].Seq
		}
		if err != nil || len(breaks) < auditPage {
			return head, err
		}
	}
}

// VerifyAudit reads the org's whole log and recomputes its chain. It returns the
// end of what it verified. Kept heads, of earlier calls of [OrgAdmin.AuditHead],
// VerifyAudit or [OrgAdmin.ExportAudit], are looked for in it: without one, a log
// that was cut off at its end looks like a shorter one.
//
// The first event that is altered, missing or out of its place fails it with
// ErrStorage and an [*AuditError]. What a purge forgot of an event does not.
// Events that are written meanwhile may be part of it or not. It needs
// identity:events.read.
func (o *OrgAdmin) VerifyAudit(ctx context.Context, kept ...AuditHead) (AuditHead, error) {
	head, err := o.verifyAudit(ctx, "VerifyAudit", kept, func([]Event) error { return nil })
	if err != nil {
		return AuditHead{}, err
	}
	return head, nil
}

// auditPage is how many events are read in one transaction, so that a long log
// holds none open.
const auditPage = 1000

// verifyAudit gives every page of the log, verified, to a function.
func (o *OrgAdmin) verifyAudit(ctx context.Context, op string, kept []AuditHead, page func([]Event) error) (AuditHead, error) {
	check := &auditCheck{kept: slices.Clone(kept)}
	err := o.read(ctx, op, o.org, func(ctx context.Context, tx Txn) (err error) {
		check.head, err = o.emptyHead(ctx, tx)
		return err
	})
	if err != nil {
		return AuditHead{}, err
	}
	for {
		var events []Event
		err := o.read(ctx, op, o.org, func(ctx context.Context, tx Txn) (err error) {
			events, err = tx.Changes().Page(ctx, o.org, EventFilter{}, check.head.Seq, auditPage)
			return err
		})
		if err != nil {
			return AuditHead{}, err
		}
		key := o.a.instance.Load().macKey
		for i := range events {
			if err := check.next(&events[i]); err != nil {
				return AuditHead{}, wrap(op, err)
			}
			if e := &events[i]; e.Seq >= check.head.Since && !hmac.Equal(e.mac(key), e.MAC) {
				return AuditHead{}, wrap(op, altered(&events[i], "does not have the MAC of its fields"))
			}
		}
		if err := page(events); err != nil {
			return AuditHead{}, wrap(op, err)
		}
		if len(events) < auditPage {
			return check.head, wrap(op, check.end())
		}
	}
}

// auditCheck holds the events of one log against what can be checked without
// the key: their numbers, that each names the one before it, the hashes, and
// heads that were kept.
type auditCheck struct {
	head AuditHead
	kept []AuditHead
}

// next looks at the event that follows the head.
func (c *auditCheck) next(e *Event) error {
	switch {
	case e.Org != c.head.Org:
		return altered(e, "is of another org")
	case e.Seq != c.head.Seq+1:
		return auditFailure(&AuditError{Org: c.head.Org, Seq: c.head.Seq + 1, Why: "is missing"})
	case !bytes.Equal(e.Prev, c.head.MAC):
		return altered(e, "does not follow the one before it")
	case e.Before != nil && !bytes.Equal(hashOf(e.Before), e.BeforeHash):
		return altered(e, "was altered in what it says of before")
	case e.After != nil && !bytes.Equal(hashOf(e.After), e.AfterHash):
		return altered(e, "was altered in what it says of after")
	}
	for _, k := range c.kept {
		if k.Org == e.Org && k.Seq == e.Seq && !hmac.Equal(k.MAC, e.MAC) {
			return altered(e, "is not the one of the head that was kept")
		}
	}
	c.head = c.head.moved(e)
	return nil
}

// end looks at the heads that were not reached.
func (c *auditCheck) end() error {
	for _, k := range c.kept {
		if k.Org != c.head.Org {
			return &Error{Kind: ErrInvalid, Entity: nounEvent, Field: "Org", Err: errText("the head that was kept is of another org")}
		}
		if k.Seq > c.head.Seq {
			return auditFailure(&AuditError{Org: c.head.Org, Seq: c.head.Seq + 1, Why: "is missing: the log was cut off"})
		}
	}
	return nil
}

func altered(e *Event, why string) error {
	return auditFailure(&AuditError{Org: e.Org, Seq: e.Seq, Revision: e.Revision, Why: why})
}

func auditFailure(e *AuditError) error {
	return &Error{Kind: ErrStorage, Entity: nounEvent, ID: fmt.Sprint(e.Seq), Err: e}
}
