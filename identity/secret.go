package identity

import (
	"context"
	"errors"
	"time"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// CredentialSecret is a credential that was just made, with the text that proves
// it. This is the only time that the text is to be had: what is stored is a digest.
type CredentialSecret struct {
	Credential
	Secret token.Secret // prints as [redacted]; zero from a call that was repeated, see [Admin.WithIdempotencyKey]
}

// addSecret makes an opaque secret for an account, in the place of another one if
// that is not empty. The row says everything but what is decided here.
func (c *change) addSecret(a Account, row Credential, validity time.Duration, replaced CredentialID) (CredentialSecret, error) {
	row.Org, row.Account = a.Org, a.ID
	if err := c.lastsFor(&row, validity); err != nil {
		return CredentialSecret{}, err
	}
	if err := c.roomBeside(a, replaced); err != nil {
		return CredentialSecret{}, err
	}
	return c.insertSecret(row)
}

// lastsFor sets how long a secret is good.
func (c *change) lastsFor(row *Credential, validity time.Duration) error {
	v, err := c.view(row.Org)
	if err != nil {
		return err
	}
	if validity == 0 {
		validity = min(c.a.cfg.DefaultValidity, c.a.maxValidity(v.org))
	}
	until := c.at.Add(validity)
	if err := c.checkUntil(row.Org, nounCredential, until); err != nil {
		return err
	}
	row.ValidUntil = instant(until)
	return c.noLonger(row)
}

// known reports whether there is such a type.
func (t CredentialType) known() bool { return t == PublicKey || t.opaque() != "" }

// opaque is the kind of the secrets of a type, "" if it has none.
func (t CredentialType) opaque() string {
	switch t {
	case APIToken:
		return token.KindAPIToken
	case ClientSecret:
		return token.KindClientSecret
	case Invitation:
		return token.KindInvitation
	case EnrollCode:
		return token.KindEnrollCode
	}
	return ""
}

// once reports whether a credential of a type is used up by its first use: that
// it ends, or waits, is no news.
func (t CredentialType) once() bool { return t == Invitation || t == EnrollCode }

func (c *change) insertSecret(row Credential) (out CredentialSecret, err error) {
	row.State, row.Meta = CredentialActive, c.created()
	if row.ID, err = changeID[Credential](c, "cr_"); err != nil {
		return out, err
	}
	secret, digest, err := token.NewOpaque(c.a.cfg.TokenPrefix, row.Type.opaque(), string(row.ID)[len("cr_"):], c.a.cfg.Random)
	if err != nil {
		return out, err
	}
	row.Digest = digest[:]
	if err := c.tx.Credentials().Insert(c.ctx, row); err != nil {
		return out, err
	}
	d, err := c.draft(row.Org)
	if err != nil {
		return out, err
	}
	d.putCredential(row)
	return CredentialSecret{Credential: row, Secret: secret}, c.record(row.Org, nounCredential, string(row.ID), "create", nil, row)
}

// proveSecret reads an opaque secret of one kind and finds it.
func (a *Authority) proveSecret(raw, begins string) (*secretEntry, uint32, error) {
	o, err := token.ParseOpaque(raw)
	if err != nil {
		return nil, 0, refuse(nil, err)
	}
	if len(raw) < len(begins) || raw[:len(begins)] != begins {
		return nil, 0, refuse(nil, errText("a secret of another kind, or with another prefix"))
	}
	entry, slot := a.secrets.find(o)
	if entry == nil {
		return nil, 0, refuse(nil, errText("no such secret"))
	}
	return entry, slot, nil
}

// mayEdit permits to change a credential that was looked for: of its own, an account
// that acts with all of itself ends and names any.
func (c *change) mayEdit(row Credential, found error) error {
	if !scoped(c.op) || found == nil && c.who.is(row.Account) && c.ownKeys() == nil {
		return found
	}
	if err := c.permit(policy.Root); err != nil {
		return err
	}
	return found
}

// gone is the error for who stands on an org that is not there.
func gone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return refuse(nil, err)
	}
	return err
}

// standsOn is who a secret that was found proves, in the org as it is now.
func (a *Authority) standsOn(ctx context.Context, way Way, entry *secretEntry, now int64, expires int64) (Principal, error) {
	v, err := a.viewOf(ctx, entry.org)
	if err != nil {
		return Principal{}, gone(err)
	}
	life := v.credentials.Get(string(entry.credential))
	if life == nil {
		return Principal{}, refuse(nil, errText("the credential is gone"))
	}
	p := principal{
		org: entry.org, account: life.account, credential: entry.credential,
		issued: max(a.revision.Load(), v.revision), expires: expires, // the view is published before its revision is
	}
	if life.restriction != nil && life.restriction.asked != nil {
		p.cutTo(a, *life.restriction.asked)
	}
	return a.admit(ctx, way, p, now)
}
