package identity

import (
	"context"
	"errors"
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
//
// Who rotates without a grace period says that the old one must not be used any more:
// when that cannot be stored, the call fails with ErrBusy, no successor is made, and
// the old one is given up all the same, as by RevokeCredential. A call that would have
// been refused, for its spec or for its actor, gives up nothing; where the database
// cannot even be read, that is judged by what is published of the old one and of the
// actor, and by what the spec says of itself.
func (o *OrgAdmin) RotatePublicKey(ctx context.Context, id CredentialID, spec PublicKeySpec, grace time.Duration) (out Credential, err error) {
	if err := checkRotation(id, grace); err != nil {
		return out, wrap("RotatePublicKey", err)
	}
	if _, err := spec.offer(); err != nil {
		return out, wrap("RotatePublicKey", err)
	}
	var before Credential
	var a Account
	authorize := func(c *change) (err error) {
		before, a, err = c.mayRotate(o.org, id)
		return err
	}
	call := keyCreation([]any{id, spec.unproven(), grace}, authorize, func(c *change) (out Credential, err error) {
		if err := before.rotates(PublicKey, c.at); err != nil {
			return out, err
		}
		// What the new one may be is judged before the old one retires: or it would end with it.
		if out, err = c.addPublicKey(a, spec, registration{challenged: a.ID, replaced: id}); err != nil {
			return out, err
		}
		return out, c.retire(before, out.ID, grace)
	})
	err = o.rotate(ctx, "RotatePublicKey", id, grace, func(t CredentialType) bool { return t == PublicKey }, func(c *change) (err error) {
		out, err = call.run(c)
		return err
	})
	if err != nil {
		return Credential{}, err
	}
	return out, nil
}

// rotate runs a rotation. One without a grace period that cannot be stored leaves a
// bar, and is tried again as the revocation that is left of it: the successor would be
// known to nobody.
func (o *OrgAdmin) rotate(ctx context.Context, op string, id CredentialID, grace time.Duration, is func(CredentialType) bool, fn func(*change) error) error {
	if grace != 0 {
		return o.write(ctx, op, o.org, fn)
	}
	about := subject{org: o.org, noun: nounCredential, id: string(id)}
	giveUp := func(c *change) error { return c.giveUp(o.org, id, is) }
	return o.decide(ctx, op, o.org, about, func(c *change) error {
		if !c.rehearsed() {
			return fn(c)
		}
		// What would have been refused ends nothing. If nothing can be read, the right to
		// rotate is all that can be judged, and is enough: better one that was given up
		// in vain than one that is used on.
		if err := c.rehearsedOn(fn); err != nil && !unstored(err) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return giveUp(c)
	}, func(ctx context.Context, s *Admin) error { return s.decide(ctx, op, o.org, about, giveUp, nil) })
}

// giveUp revokes a credential that its rotation was to end.
func (c *change) giveUp(org OrgID, id CredentialID, is func(CredentialType) bool) error {
	before, _, err := c.mayRotate(org, id)
	if err == nil {
		err = before.rotates("", c.at)
	}
	switch {
	case errors.Is(err, ErrRevoked):
		return nil
	case err != nil:
		return err
	case !c.rehearsed() && !is(before.Type): // a rehearsal knows no types
		return notFound(nounCredential, string(id)) // none that this call could end: the bar goes
	}
	row := before
	row.State, row.MinRevision = CredentialRevoked, c.revision()
	return c.putCredential(before, &row, "revoke")
}

// checkRotation refuses what no credential can be rotated by.
func checkRotation(id CredentialID, grace time.Duration) error {
	if grace < 0 || grace > maxGrace {
		return invalid(nounCredential, "grace", "%s is not between 0 and %s", grace, maxGrace)
	}
	return id.check()
}

// mayRotate permits to put another credential in the place of one, and returns
// that and its account.
func (c *change) mayRotate(org OrgID, id CredentialID) (Credential, Account, error) {
	row, err := c.tx.Credentials().Find(c.ctx, org, id)
	if err != nil {
		if denied := c.permit(policy.Root); denied != nil {
			return row, Account{}, denied
		}
		return row, Account{}, err
	}
	a, err := c.mayAddKey(org, row.Account)
	return row, a, err
}

// rotates refuses to rotate a credential of another type, or one that is not
// active. An empty kind is any.
func (c Credential) rotates(kind CredentialType, now time.Time) error {
	switch {
	case kind != "" && c.Type != kind:
		return invalid(nounCredential, "ID", "is of the type %s", c.Type)
	case c.State == CredentialRetiring:
		return conflict(nounCredential, string(c.ID), "ID", "was rotated before")
	case c.State == CredentialRevoked:
		return &Error{Kind: ErrRevoked, Entity: nounCredential, ID: string(c.ID)}
	case c.State != CredentialActive:
		return &Error{Kind: ErrDisabled, Entity: nounCredential, ID: string(c.ID), Err: errText("is " + string(c.State))}
	case !c.unended(now):
		return &Error{Kind: ErrExpired, Entity: nounCredential, ID: string(c.ID)}
	}
	return nil
}

// retire ends a credential that has a successor, after the grace period.
func (c *change) retire(before Credential, successor CredentialID, grace time.Duration) error {
	row := before
	row.Successor = successor
	if grace == 0 {
		row.State, row.MinRevision = CredentialRevoked, c.revision()
		return c.putCredential(before, &row, "rotate")
	}
	row.State, row.EndsAt = CredentialRetiring, instant(c.at.Add(grace))
	if !row.ValidUntil.IsZero() && row.ValidUntil.Before(row.EndsAt) {
		row.EndsAt = row.ValidUntil
	}
	return c.putCredential(before, &row, "rotate")
}

// enabled is the state of a credential that is not disabled: one that was rotated
// goes on retiring.
func (c Credential) enabled() CredentialState {
	if c.Successor != "" {
		return CredentialRetiring
	}
	return CredentialActive
}
