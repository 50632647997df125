package identity

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// maxGrace is how long a credential lives beside its successor at most.
const maxGrace = 30 * 24 * time.Hour

// RotatePublicKey registers a public key in the place of another one of the same
// account, and returns the new credential. The old one, whose Successor it is,
// goes on for the grace period, at most 30 days and never longer than it would
// have, and then ends by itself; without a grace period it is revoked. Both happen,
// or neither. Using the old one meanwhile is logged, and leaves the event "late
// use", once an hour.
//
// It fails like AddPublicKey, and when the old credential is not an active public
// key: with ErrConflict when it was rotated before, or for the same key; with
// ErrRevoked, ErrDisabled, ErrExpired. One more than Config.MaxCredentials may
// exist meanwhile. An account rotates its own keys as it adds them.
func (o *OrgAdmin) RotatePublicKey(ctx context.Context, id CredentialID, spec PublicKeySpec, grace time.Duration) (out Credential, err error) {
	if err := checkRotation(id, grace); err != nil {
		return out, wrap("RotatePublicKey", err)
	}
	err = o.write(ctx, "RotatePublicKey", o.org, func(c *change) error {
		before, a, err := c.mayRotate(o.org, id, PublicKey)
		if err != nil {
			return err
		}
		// What the new one may be is judged before the old one retires: or it would end with it.
		out, err = c.addPublicKey(a, spec, registration{challenged: a.ID, replaced: id})
		if err != nil {
			return err
		}
		return c.retire(before, out.ID, grace)
	})
	return out, err
}

// checkRotation refuses what no credential can be rotated by.
func checkRotation(id CredentialID, grace time.Duration) error {
	switch {
	case !id.valid():
		return &Error{Kind: ErrInvalid, Entity: nounCredential, ID: clip(string(id)), Field: "ID"}
	case grace < 0 || grace > maxGrace:
		return invalid(nounCredential, "grace", "%s is not between 0 and %s", grace, maxGrace)
	}
	return nil
}

// mayRotate permits to put another credential in the place of one, and returns
// that and its account.
func (c *change) mayRotate(org OrgID, id CredentialID, kind CredentialType) (Credential, Account, error) {
	row, err := c.tx.Credentials().Find(c.ctx, org, id)
	if err != nil {
		if denied := c.permit(policy.Root); denied != nil {
			return row, Account{}, denied
		}
		return row, Account{}, err
	}
	a, err := c.mayAddKey(org, row.Account)
	if err != nil {
		return row, a, err
	}
	switch {
	case row.Type != kind:
		err = invalid(nounCredential, "ID", "is of the type %s", row.Type)
	case row.State == CredentialRetiring:
		err = conflict(nounCredential, string(id), "ID", "was rotated before")
	case row.State == CredentialRevoked:
		err = &Error{Kind: ErrRevoked, Entity: nounCredential, ID: string(id)}
	case row.State != CredentialActive:
		err = &Error{Kind: ErrDisabled, Entity: nounCredential, ID: string(id), Err: errText("is " + string(row.State))}
	case !row.unended(c.at):
		err = &Error{Kind: ErrExpired, Entity: nounCredential, ID: string(id)}
	}
	return row, a, err
}

// retire ends a credential that has a successor, after the grace period.
func (c *change) retire(before Credential, successor CredentialID, grace time.Duration) error {
	row := before
	row.Successor = successor
	if grace == 0 {
		row.State, row.MinRevision = CredentialRevoked, c.revision()
		return c.putCredential(before, row, "rotate")
	}
	row.State, row.EndsAt = CredentialRetiring, c.at.Add(grace)
	if !row.ValidUntil.IsZero() && row.ValidUntil.Before(row.EndsAt) {
		row.EndsAt = row.ValidUntil
	}
	return c.putCredential(before, row, "rotate")
}

// enabled is the state of a credential that is not disabled: one that was rotated
// goes on retiring.
func (c Credential) enabled() CredentialState {
	if c.Successor != "" {
		return CredentialRetiring
	}
	return CredentialActive
}
