package identity

import (
	"context"
	"errors"
	"time"
)

// RotateSecret makes an API token, or a client secret, in the place of another one
// of the same account: with its name, limits and networks, and good for as long as
// the old one was when it was made. The old one, whose Successor it is, goes on for
// the grace period, at most 30 days and never longer than it would have, and then
// ends by itself; without a grace period it is revoked. Both happen, or neither.
// Using the old one meanwhile is logged, and leaves the event "late use", once an
// hour.
//
// It fails like CreateAPIToken, and like [OrgAdmin.RotatePublicKey] for a credential
// that cannot be rotated. An account rotates its own as it adds them.
func (o *OrgAdmin) RotateSecret(ctx context.Context, id CredentialID, grace time.Duration) (out CredentialSecret, err error) {
	if err := checkRotation(id, grace); err != nil {
		return out, wrap("RotateSecret", err)
	}
	err = o.write(ctx, "RotateSecret", o.org, func(c *change) error {
		out, err = c.rotateSecret(o.org, id, grace)
		return err
	})
	if err != nil {
		return CredentialSecret{}, err
	}
	return out, nil
}

func (c *change) rotateSecret(org OrgID, id CredentialID, grace time.Duration) (out CredentialSecret, err error) {
	kind := APIToken
	row, err := c.tx.Credentials().Find(c.ctx, org, id)
	switch {
	case err == nil && row.Type == ClientSecret:
		kind = ClientSecret
	case err != nil && !errors.Is(err, ErrNotFound): // that is for who may know
		return out, err
	}
	before, a, err := c.mayRotate(org, id, kind)
	if err != nil {
		return out, err
	}
	if err := c.holdsNamed(org, before.Permissions, before.Path); err != nil {
		return out, err // whoever asks gets a secret that can do this
	}
	made := Credential{Type: before.Type, Name: before.Name, Permissions: before.Permissions, Path: before.Path, Networks: before.Networks}
	if out, err = c.addSecret(a, made, c.lifeOf(org, before), id); err != nil {
		return out, err
	}
	return out, c.retire(before, out.ID, grace)
}

// lifeOf is how long a credential was made to live, or less if its org has come to
// allow less.
func (c *change) lifeOf(org OrgID, row Credential) time.Duration {
	life := row.ValidUntil.Sub(row.CreatedAt)
	if row.ValidUntil.IsZero() {
		life = 0 // the default
	}
	v, err := c.view(org)
	if err != nil {
		return life
	}
	return min(life, c.a.maxValidity(v.org))
}
