package identity

import (
	"bytes"
	"context"
	"errors"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// KeyProof shows that who registers a public key has the private one: a
// challenge of [OrgAdmin.NewKeyChallenge], signed with it.
type KeyProof struct {
	Challenge string // Challenge.Text
	// Signature is base64url without padding of what [token.Sign] makes under
	// [token.PurposePossession] of [token.ChallengeMessage].
	Signature string
	Algorithm token.Algorithm // one of the key's own
}

// NewKeyChallenge makes a challenge for the registration of a public key, PEM or
// JWK, for an account of the org. An empty account is one that does not exist
// yet, for [ServiceAccountSpec.Proof]. A challenge is good for five minutes, for
// this key and account, and for one registration.
//
// It writes nothing, and needs what the registration needs: the permission to add
// a key to the account, or to create accounts. It fails like AddPublicKey.
func (o *OrgAdmin) NewKeyChallenge(ctx context.Context, account AccountID, key []byte) (out Challenge, err error) {
	if account != "" {
		if err := account.check(); err != nil {
			return out, wrap("NewKeyChallenge", err)
		}
	}
	err = o.write(ctx, "NewKeyChallenge", o.org, func(c *change) error {
		if err := c.mayRegister(o.org, account); err != nil {
			return err
		}
		public, err := parsePublicKey(key, "PublicKey")
		if err != nil {
			return err
		}
		out, err = c.a.newChallenge(c.inst, possession(o.org, account, public), c.now)
		return err
	})
	return out, err
}

// possession is the ticket of a challenge for the registration of a key.
func possession(org OrgID, account AccountID, key token.PublicKey) ticket {
	return ticket{use: usePossession, org: org, account: account, proof: key.Thumbprint()}
}

// mayRegister permits to register a key for an account, or for one that is to be
// made.
func (c *change) mayRegister(org OrgID, account AccountID) error {
	if account != "" {
		_, err := c.mayAddKey(org, account)
		return err
	}
	if err := c.permitName(c.a.required["CreateServiceAccount"], policy.Root); err != nil {
		return err
	}
	return c.mayMint()
}

// mayAddKey permits to add a key to an account, and returns the account.
func (c *change) mayAddKey(org OrgID, account AccountID) (Account, error) {
	allowed := func() error { return c.permit(policy.Root) }
	if c.who.is(account) {
		allowed = c.ownKeys
	}
	if err := allowed(); err != nil {
		return Account{}, err
	}
	a, err := c.liveAccount(org, account)
	if err != nil {
		return a, err
	}
	if a.State != AccountActive && a.State != AccountInvited {
		return a, &Error{Kind: ErrDisabled, Entity: nounAccount, ID: string(account)}
	}
	if c.who.is(a.ID) { // one's own key is no minting
		return a, nil
	}
	return a, c.controls(a)
}

// offered is a public key that somebody registers.
type offered struct {
	field string // that it came in, for errors
	key   token.PublicKey
	proof *KeyProof // nil if nobody showed possession
}

// offer reads the key of a spec, which names one in one of two ways.
func offer(proven []byte, proof KeyProof, unproven []byte) (offered, error) {
	if proven != nil && unproven != nil {
		return offered{}, invalid(nounCredential, "PublicKey", "is given beside UnprovenPublicKey")
	}
	if proven == nil {
		if proof != (KeyProof{}) {
			return offered{}, invalid(nounCredential, "Proof", "is given without PublicKey")
		}
		key, err := parsePublicKey(unproven, "UnprovenPublicKey")
		return offered{field: "UnprovenPublicKey", key: key}, err
	}
	key, err := parsePublicKey(proven, "PublicKey")
	return offered{field: "PublicKey", key: key, proof: &proof}, err
}

// parsePublicKey reads a PEM key or a JWK; the error says what is wrong with it
// and never holds any of it.
func parsePublicKey(text []byte, field string) (token.PublicKey, error) {
	parse := token.ParsePublicKey
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		parse = token.ParseJWK
	}
	key, err := parse(text)
	if err != nil {
		return key, &Error{Kind: ErrInvalid, Entity: nounCredential, Field: field, Err: err}
	}
	return key, nil
}

// provePossession checks a proof and uses its challenge up. Whatever is wrong
// with it, a stranger is told the same.
func (c *change) provePossession(t ticket, key token.PublicKey, proof KeyProof) error {
	bad := func(why error) error {
		return &Error{Kind: ErrInvalid, Entity: nounCredential, Field: "Proof", Err: why}
	}
	used, err := c.a.unseal(c.inst, t, proof.Challenge, c.now)
	if err != nil {
		return bad(err)
	}
	message, err := token.ChallengeMessage(c.a.cfg.Issuer, proof.Challenge)
	if err != nil {
		return bad(err)
	}
	if err := (signature{token.PurposePossession, proof.Algorithm, proof.Signature}).verify(key, message); err != nil {
		return bad(err)
	}
	err = c.a.take(c.ctx, c.tx, used, c.now)
	if errors.Is(err, ErrRevoked) || errors.Is(err, ErrExpired) {
		return bad(err)
	}
	return err
}
