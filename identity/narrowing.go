package identity

import (
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/claviger-go/claviger/identity/internal/fence"
	"github.com/claviger-go/claviger/policy"
)

// What narrows is judged by what an event did to its row, so that a new call is
// covered without saying so.

// life is what the rows that can be narrowed have in common, as the log writes
// them.
type life struct {
	State       string
	MinRevision uint64
	ValidUntil  time.Time
	EndsAt      time.Time
	Effect      policy.Effect
}

// narrows reports whether the sidecar knows anything of a noun.
func narrows(noun string) bool {
	switch noun {
	case nounInstance, nounOrg, nounAccount, nounCredential, nounSigningKey, nounBinding, nounToken, nounMember, nounGroup, nounRole:
		return true
	}
	return false
}

// stateGone is what the sidecar calls a row that was deleted.
const stateGone = "gone"

// narrowed is what the sidecar has to know of an event: nothing, unless its row
// can be narrowed and was changed. takes says that it was narrowed; otherwise
// something may have been given back, which need not be durable.
func narrowed(e *Event) (r fence.Record, takes, concerns bool) {
	if e.Noun == nounInstance {
		return incarnated(e)
	}
	if unreplayed(e) {
		return fence.Seen(e.Revision), true, true
	}
	if !narrows(e.Noun) || e.Before == nil {
		return r, false, false // of another kind, or just made
	}
	r = fence.Record{Revision: e.Revision, Org: string(e.Org), Noun: e.Noun, ID: e.ID, Verb: e.Verb, State: stateGone}
	var before, after life
	if json.Unmarshal(e.Before, &before) != nil || e.After != nil && json.Unmarshal(e.After, &after) != nil {
		return fence.Seen(e.Revision), true, true // cannot be: this package wrote it
	}
	if e.After == nil {
		allowed := e.Noun == nounBinding && before.Effect == policy.Allow // a deny that goes gives
		return r, allowed, allowed
	}
	r.State, r.Until, r.Ends = after.State, micros(after.ValidUntil), micros(after.EndsAt)
	r.SignedOut = after.MinRevision > before.MinRevision
	was, is := severity(e.Noun, before.State), severity(e.Noun, after.State)
	takes = is > was || r.SignedOut || sooner(after.ValidUntil, before.ValidUntil) || sooner(after.EndsAt, before.EndsAt)
	gives := is < was || sooner(before.ValidUntil, after.ValidUntil) || sooner(before.EndsAt, after.EndsAt)
	return r, takes, takes || gives
}

// incarnated is the record of a new incarnation, by which a witness that was told
// of it is known to speak of the same history. Nothing of it is replayed.
func incarnated(e *Event) (r fence.Record, takes, concerns bool) {
	var done raised
	if e.Verb == verbBackup {
		return fence.Seen(e.Revision), true, true // so that the sidecar is known to be no older than the backup
	}
	if e.Verb != verbFence || json.Unmarshal(e.After, &done) != nil {
		return r, false, false
	}
	return fence.Record{Revision: e.Revision, Noun: nounInstance, ID: done.Incarnation, Verb: e.Verb}, false, true
}

// unreplayed reports whether an event takes something away that the sidecar cannot
// do again: that it was written tells a database that lacks it from the present.
func unreplayed(e *Event) bool {
	switch e.Noun {
	case nounToken:
		return true
	case nounMember, nounGroup, nounRole:
		return e.Before != nil
	case nounBinding, nounAccount: // depends on what is in them
	default:
		return false
	}
	var before, after struct {
		Effect   policy.Effect
		Boundary string
		Labels   map[string]string // conditions read them
	}
	if e.Before != nil && json.Unmarshal(e.Before, &before) != nil || e.After != nil && json.Unmarshal(e.After, &after) != nil {
		return true // cannot be: this package wrote it
	}
	if e.Noun == nounBinding {
		return e.After != nil && (e.Before != nil || after.Effect == policy.Deny) // moved, or a new deny
	}
	return e.Before != nil && (after.Boundary != before.Boundary || !maps.Equal(after.Labels, before.Labels))
}

// sooner reports whether one end comes before another; the zero time never comes.
func sooner(end, other time.Time) bool {
	return !end.IsZero() && (other.IsZero() || end.Before(other))
}

// severity orders the states of a noun by how much they refuse; those of 0
// refuse nothing that was permitted before. Every state is named, for it must be
// decided; unknown ones are below all.
func severity(noun, state string) int {
	const unknown = -1
	switch noun {
	case nounOrg:
		switch OrgState(state) {
		case OrgActive:
			return 0
		case OrgSuspended:
			return 1
		case OrgDeleted:
			return 2
		}
	case nounAccount:
		switch AccountState(state) {
		case AccountInvited, AccountActive:
			return 0
		case AccountInactive:
			return 1
		case AccountArchived:
			return 2
		case AccountDeleted:
			return 3
		}
	case nounCredential:
		switch CredentialState(state) {
		case CredentialActive, CredentialRetiring:
			return 0
		case CredentialDisabled, CredentialHeld:
			return 1
		case CredentialRevoked:
			return 2
		}
	case nounSigningKey:
		switch KeyState(state) {
		case KeyNext, KeyCurrent, KeyRetiring, KeyRetired:
			return 0
		case KeyCompromised:
			return 1
		}
	}
	return unknown
}

// replayAll narrows rows to what they had become, and returns how many it
// changed. What is not there, or is narrower, stays.
func (c *change) replayAll(missing []fence.Record) (n int, err error) {
	before := len(c.events)
	for _, r := range missing {
		if err := c.replay(r); err != nil && !errors.Is(err, ErrNotFound) {
			return 0, err
		}
	}
	return len(c.events) - before, nil
}

func (c *change) replay(r fence.Record) error {
	org := OrgID(r.Org)
	switch r.Noun {
	case nounOrg:
		return replayIn(c, c.tx.Orgs(), r, org, func(o *Org) bounds { return bounds{state: (*string)(&o.State), min: &o.MinRevision, meta: &o.Meta} })
	case nounAccount:
		return replayIn(c, c.tx.Accounts(), r, AccountID(r.ID), func(a *Account) bounds {
			return bounds{state: (*string)(&a.State), min: &a.MinRevision, until: &a.ValidUntil, meta: &a.Meta}
		})
	case nounCredential:
		return replayIn(c, c.tx.Credentials(), r, CredentialID(r.ID), func(k *Credential) bounds {
			return bounds{state: (*string)(&k.State), min: &k.MinRevision, until: &k.ValidUntil, ends: &k.EndsAt, meta: &k.Meta}
		})
	case nounBinding:
		return c.replayBinding(org, BindingID(r.ID))
	case nounSigningKey:
		return c.replayKey(r)
	}
	return nil
}

// bounds is where a row keeps what can be narrowed; what it does not have is nil.
type bounds struct {
	state       *string
	min         *uint64
	until, ends *time.Time
	meta        *Meta
}

func replayIn[T any, K ~string](c *change, table Table[T, K], r fence.Record, id K, of func(*T) bounds) error {
	before, err := table.Find(c.ctx, OrgID(r.Org), id)
	if err != nil {
		return err
	}
	after := before
	row := of(&after)
	changed := false
	if severity(r.Noun, r.State) > severity(r.Noun, *row.state) {
		*row.state, changed = r.State, true
	}
	if r.SignedOut || changed {
		*row.min, changed = c.revision(), true
	}
	for _, end := range []struct {
		at *time.Time
		to int64
	}{{row.until, r.Until}, {row.ends, r.Ends}} {
		if to := timeOf(end.to); end.at != nil && sooner(to, *end.at) {
			*end.at, changed = to, true
		}
	}
	if !changed {
		return nil
	}
	*row.meta = c.updated(*row.meta)
	if err := table.Update(c.ctx, after); err != nil {
		return err
	}
	return c.record(OrgID(r.Org), r.Noun, r.ID, "replay "+r.Verb, before, after)
}

func (c *change) replayBinding(org OrgID, id BindingID) error {
	before, err := c.tx.Bindings().Find(c.ctx, org, id)
	if err != nil {
		return err
	}
	if before.Effect != policy.Allow {
		return nil
	}
	if err := c.tx.Bindings().Delete(c.ctx, org, id); err != nil {
		return err
	}
	return c.record(org, nounBinding, string(id), "replay delete", before, nil)
}

// replayKey ends a signing key that was compromised. Tokens that it signed are
// dead anyway.
func (c *change) replayKey(r fence.Record) error {
	row, ok := c.key(func(k SigningKey) bool { return k.ID == r.ID })
	if !ok || severity(r.Noun, r.State) <= severity(r.Noun, string(row.State)) {
		return nil
	}
	before := row.public()
	row.State, row.Sealed, row.EndsAt = KeyCompromised, nil, c.at
	if row.RetiredAt.IsZero() {
		row.RetiredAt = c.at
	}
	return c.putKey(before, row, "replay "+r.Verb)
}
