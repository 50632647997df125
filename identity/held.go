package identity

import (
	"context"
	"iter"
)

// HeldFilter selects credentials that a fence holds; empty fields select all. What can be no id and no type fails with ErrInvalid.
type HeldFilter struct {
	Org     OrgID
	Account AccountID
	Type    CredentialType
}

func (f HeldFilter) selects(row Credential) bool {
	return (f.Org == "" || row.Org == f.Org) && (f.Account == "" || row.Account == f.Account) && (f.Type == "" || row.Type == f.Type)
}

// ReleaseHeld takes credentials into use again that were held because the
// database was restored and what was revoked since the backup may not be all
// known, and returns how many. They are as they were before: one that was to end
// still ends. What should have stayed dead is to be revoked first, see
// [OrgAdmin.Credentials] with CredentialHeld and [OrgAdmin.RevokeCredential].
//
// What is of a deleted org stays held. It is for the host only. Many are released in several changes; after an error
// those that were counted are released.
func (s *Admin) ReleaseHeld(ctx context.Context, f HeldFilter) (released int, err error) {
	const op = "ReleaseHeld"
	if !s.who.system {
		return 0, &Error{Kind: ErrDenied, Op: op, Entity: nounCredential, Err: errText("only System releases what is held")}
	}
	if f.Org != "" && !f.Org.valid() || f.Account != "" && !f.Account.valid() || f.Type != "" && !f.Type.known() {
		return 0, &Error{Kind: ErrInvalid, Op: op, Entity: nounCredential, Field: "Filter"}
	}
	for {
		n, more := 0, false
		err := s.write(ctx, op, s.a.SystemOrg(), func(c *change) (err error) {
			n, more, err = c.release(f)
			return err
		})
		if err != nil {
			return released, err
		}
		if released += n; !more {
			return released, nil
		}
	}
}

// maxReleased bounds what one change releases.
const maxReleased = 500

func (c *change) release(f HeldFilter) (n int, more bool, err error) {
	for row, err := range c.inState(CredentialHeld) {
		if err != nil {
			return 0, false, err
		}
		if !f.selects(row) {
			continue
		}
		if n == maxReleased {
			return n, true, nil
		}
		if v, err := c.before(row.Org); err != nil || v.org.State == OrgDeleted {
			if err != nil {
				return 0, false, err
			}
			continue // its rows stay as they are
		}
		before := row
		row.State = CredentialActive
		if !row.EndsAt.IsZero() {
			row.State = CredentialRetiring
		}
		if err := c.putCredential(before, &row, "release"); err != nil {
			return 0, false, err
		}
		n++
	}
	return n, false, nil
}

// hold holds every credential that is shown as it is, in orgs that are in doubt.
func (c *change) hold(doubtful func(OrgID) bool) (n int, err error) {
	for _, state := range []CredentialState{CredentialActive, CredentialRetiring} {
		for row, err := range c.inState(state) {
			if err != nil {
				return 0, err
			}
			if row.Type == PublicKey || !doubtful(row.Org) {
				continue
			}
			before := row
			row.State, row.Meta = CredentialHeld, c.updated(row.Meta)
			if err := c.tx.Credentials().Update(c.ctx, row); err != nil {
				return 0, err
			}
			if err := c.record(row.Org, nounCredential, string(row.ID), "hold", before, row); err != nil {
				return 0, err
			}
			n++
		}
	}
	return n, nil
}

// inState iterates over the credentials of every org in a state. They may be
// changed on the way.
func (c *change) inState(state CredentialState) iter.Seq2[Credential, error] {
	return c.credentials(Query{Everywhere: true, Where: []Cond{{Field: FieldState, Value: string(state)}}})
}
