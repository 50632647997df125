package identity

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/token"
)

// Action is one HTTP request that somebody is to sign; see [token.Action].
type Action = token.Action

// MaxActionBody bounds the body of an action, in bytes.
const MaxActionBody = token.MaxActionBody

const nounAction = "action"

// What is made for an action; see ticket.
const (
	useAction      = "action"
	useActionToken = "action-token"
)

// ActionChallenge is a text to be signed to have one request done once. What is
// signed is [token.ActionMessage] of the issuer, the text, and the digest that the
// signer computes of its request.
type ActionChallenge struct {
	Text      string // base64url, less than 5 KiB
	ExpiresAt time.Time
}

// ActionResponse is a signed challenge.
type ActionResponse struct {
	Challenge string // ActionChallenge.Text
	// Credential is the public key that signed: any of the account that the
	// challenge was made for.
	Credential CredentialID
	// Signature is base64url without padding of what [token.Sign] makes under
	// [token.PurposeAction] of [token.ActionMessage].
	Signature string
	Algorithm token.Algorithm // one of the key's own
}

// ActionToken is good for one request, once.
type ActionToken struct {
	Token     token.Secret // base64url, less than 5 KiB; prints as [redacted]
	ExpiresAt time.Time
	Account   AccountID
}

// NewActionChallenge makes a challenge for one request that a principal is about
// to make. It ends after 5 minutes, or with the principal. It writes nothing and
// says nothing about whether the action is permitted: that is asked when it is
// done.
//
// It fails like Authenticate when the principal is not alive, and with ErrInvalid
// when the action is no request of HTTP ([token.Action.Digest]), for a principal
// that others act for, whose signature would not be that of who acts, and for one
// that is itself of an action.
func (a *Authority) NewActionChallenge(ctx context.Context, p Principal, action Action) (ActionChallenge, error) {
	c, err := a.newActionChallenge(ctx, p, action)
	if err != nil {
		return ActionChallenge{}, wrap("NewActionChallenge", err)
	}
	return c, nil
}

func (a *Authority) newActionChallenge(ctx context.Context, p Principal, action Action) (c ActionChallenge, err error) {
	digest, err := action.Digest()
	if err != nil {
		return c, &Error{Kind: ErrInvalid, Entity: nounAction, Err: err}
	}
	if p.p == nil || p.p.a != a {
		return c, refuse(nil, errText("the principal is zero or of another authority"))
	}
	switch {
	case p.p.chain != nil:
		return c, invalid("principal", "Actors", "who acts for another has no signature of the other")
	case p.p.way.once():
		return c, invalid("principal", "Way", "an action is one request, and asks for no other")
	}
	now := a.clock.Now()
	if err := a.answers(ctx, now); err != nil {
		return c, err
	}
	asker, err := a.admit(ctx, p.p.way, *p.p, now)
	if err != nil {
		return c, err
	}
	limits := asker.Limits()
	claims := actionClaims{
		digest: digest, org: asker.Org(), account: asker.Account(), credential: asker.Credential(), tokenID: asker.TokenID(),
		issued: asker.p.issued, expires: asker.p.expires, permissions: limits.Permissions, path: limits.Path.String(),
	}
	c.Text, c.ExpiresAt, err = a.seal(a.instance.Load(), ticket{use: useAction}, now, actionLife(asker.p, now), claims.encode())
	return c, err
}

// actionLife is how long the next step for an action may take: no longer than
// the principal that asked.
func actionLife(asker *principal, now int64) time.Duration {
	if asker.expires == 0 {
		return challengeLife
	}
	return min(challengeLife, time.Duration(asker.expires-now)*time.Microsecond)
}

// ExchangeAction takes a signed challenge and makes the token for its action, to
// be presented with the very request. It ends after 5 minutes, or with the
// principal that asked for the challenge; whatever ends that one, the key that
// signed, the account or the org ends it. A challenge is used once.
//
// It fails like Authenticate, with one text for strangers.
func (a *Authority) ExchangeAction(ctx context.Context, r ActionResponse) (ActionToken, error) {
	t, err := a.exchangeAction(ctx, r)
	if err != nil {
		a.turnedAway(WayAction, "", err)
		return ActionToken{}, wrap("ExchangeAction", err)
	}
	return t, nil
}

func (a *Authority) exchangeAction(ctx context.Context, r ActionResponse) (t ActionToken, err error) {
	now := a.clock.Now()
	if err := a.answers(ctx, now); err != nil {
		return t, err
	}
	claims, used, err := a.readAction(ctx, useAction, r.Challenge, now)
	if err != nil {
		return t, err
	}
	asker, err := a.asker(ctx, claims, now)
	if err != nil {
		return t, err
	}
	claims.signed = a.revision.Load()
	c, err := a.signer(ctx, r.Credential)
	if err != nil {
		return t, err
	}
	if c.Org != claims.org || c.Account != claims.account {
		return t, refuse(nil, errText("the credential is of another account"))
	}
	message := token.ActionMessage(a.cfg.Issuer, r.Challenge, claims.digest)
	made := signature{token.PurposeAction, r.Algorithm, r.Signature}
	by, err := a.signed(ctx, WayAction, c, made, message, 0, now)
	if err != nil {
		return t, err
	}
	if claims, err = claims.signedBy(c.ID, r.Challenge, made); err != nil {
		return t, err
	}
	text, expires, err := a.seal(a.instance.Load(), ticket{use: useActionToken}, now, actionLife(asker, now), claims.encode())
	if err != nil {
		return t, err
	}
	if err := a.spendAction(ctx, asker, by.p, used); err != nil {
		return t, err
	}
	a.came(by.p, now)
	return ActionToken{Token: token.NewSecret(text), ExpiresAt: expires, Account: c.Account}, nil
}
