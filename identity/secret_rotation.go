package identity

import (
	"context"
	"time"
)

// RotateSecret makes an API token, or a client secret, in the place of another one
// of the same account: with its name, limits and networks, and good for as long as
// the old one was when it was made. The old one, whose Successor it is, goes on for
// the grace period, at most 30 days and never longer than it would have, and then
// ends by itself; without a grace period it is revoked. Both happen, or neither; what
// becomes of the old one when neither can be stored, see [OrgAdmin.RotatePublicKey]. Using the old one meanwhile is logged, and leaves the event "late use", once an
// hour.
//
// It fails like CreateAPIToken, and like [OrgAdmin.RotatePublicKey] for a credential
// that cannot be rotated. An account rotates its own as it adds them.
func (o *OrgAdmin) RotateSecret(ctx context.Context, id CredentialID, grace time.Duration) (out CredentialSecret, err error) {
	if err := checkRotation(id, grace); err != nil {
		return out, wrap("RotateSecret", err)
	}
	var before Credential
	var a Account
	authorize := func(c *change) (err error) {
		before, a, err = c.mayRotate(o.org, id)
		return err
	}
	call := secretCreation([]any{id, grace}, authorize, func(c *change) (CredentialSecret, error) { return c.rotateSecret(before, a, grace) })
	err = o.rotate(ctx, "RotateSecret", id, grace, func(t CredentialType) bool { return t == APIToken || t == ClientSecret }, func(c *change) (err error) {
		out, err = call.run(c)
		return err
	})
	if err != nil {
		return CredentialSecret{}, err
	}
	return out, nil
}

func (c *change) rotateSecret(before Credential, a Account, grace time.Duration) (out CredentialSecret, err error) {
	kind := APIToken
	if before.Type == ClientSecret {
		kind = ClientSecret
	}
	if err := before.rotates(kind, c.at); err != nil {
		return out, err
	}
	if err := c.holdsNamed(a.Org, before.Permissions, before.Path); err != nil {
		return out, err // whoever asks gets a secret that can do this
	}
	made := Credential{Type: before.Type, Name: before.Name, Permissions: before.Permissions, Path: before.Path, Networks: before.Networks}
	if out, err = c.addSecret(a, made, c.lifeOf(a.Org, before), before.ID); err != nil {
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
