package identity

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/identity/internal/challenge"
	"github.com/claviger-go/claviger/token"
)

// Challenge is a text to be signed, once and soon, so that the signature shows
// that who has the private key is there now. Nothing is stored for it. What is
// signed is [token.ChallengeMessage] of the issuer and the text.
type Challenge struct {
	Text      string // base64url, less than 256 bytes
	ExpiresAt time.Time
}

// challengeLife is how long a challenge waits for its signature.
const challengeLife = 5 * time.Minute

// ticket is what a text is good for that this instance made without storing it: a
// challenge, or the token that was given for one. All of it is bound to the
// text by a MAC, and none of it is in the text but what it carries. A text is also
// bound to the instance, its incarnation and the issuer.
type ticket struct {
	use     string // what kind of text, such as useLogin
	org     OrgID
	account AccountID
	proof   string // a credential, or the thumbprint of a key
	extra   string // what else it is about
}

// The kinds of text. No text of one kind is good as another.
const (
	usePossession = "pop"
	useLogin      = "login"
)

// bound is what a text is bound to, in order.
func (t ticket) bound(a *Authority, inst *instance) []string {
	return []string{t.use, inst.row.Incarnation, a.cfg.Issuer, string(t.org), string(t.account), t.proof, t.extra}
}

// seal makes the text of a ticket that ends after life. What it carries, at most
// 3.5 KiB, can be read by whoever holds the text, and not changed.
func (a *Authority) seal(inst *instance, t ticket, now int64, life time.Duration, carried []byte) (text string, expires time.Time, err error) {
	random, err := a.randomBytes(16)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = time.UnixMicro(now).UTC().Add(life)
	text, err = inst.tickets.Seal(challenge.Ticket{Expiry: expires.UnixMicro(), Nonce: [16]byte(random), Carried: carried}, t.bound(a, inst)...)
	return text, expires, err
}

// unseal reads the text of a ticket, and returns what is to be used up with its
// success. The error is ErrExpired, or of no kind: what was wrong with a text that
// is not ours stays unsaid.
func (a *Authority) unseal(inst *instance, t ticket, text string, now int64) (once, error) {
	read, err := inst.tickets.Open(text, t.bound(a, inst)...)
	if err != nil {
		return once{}, err
	}
	if now >= read.Expiry {
		return once{}, &Error{Kind: ErrExpired, Entity: "challenge"}
	}
	return once{scope: "ticket", nonce: read.ID(), until: time.UnixMicro(read.Expiry)}, nil
}

// NewChallenge makes a challenge for [Authority.ExchangeChallenge]. It says
// nothing about the credential, not even whether there is one. It fails only when
// nothing can be answered at the moment.
func (a *Authority) NewChallenge(ctx context.Context, credential CredentialID) (Challenge, error) {
	now := a.clock.Now()
	if err := a.answers(ctx, now); err != nil {
		return Challenge{}, wrap("NewChallenge", err)
	}
	c, err := a.newChallenge(a.instance.Load(), ticket{use: useLogin, proof: string(credential)}, now)
	return c, wrap("NewChallenge", err)
}

// newChallenge makes a challenge for one use.
func (a *Authority) newChallenge(inst *instance, t ticket, now int64) (Challenge, error) {
	text, expires, err := a.seal(inst, t, now, challengeLife, nil)
	return Challenge{Text: text, ExpiresAt: expires}, err
}

// ChallengeResponse is a signed challenge.
type ChallengeResponse struct {
	Challenge  string       // Challenge.Text
	Credential CredentialID // that the challenge was made for
	// Signature is base64url without padding of what [token.Sign] makes under
	// [token.PurposeLogin] of [token.ChallengeMessage].
	Signature string
	Algorithm token.Algorithm // one of the key's own
}

// ExchangeChallenge takes a signed challenge and issues an access token for the
// account of the credential, cut down to what is asked for. A challenge is used
// once: using it up and issuing are one transaction. It fails like
// ExchangeAssertion.
func (a *Authority) ExchangeChallenge(ctx context.Context, r ChallengeResponse, req TokenRequest) (AccessToken, error) {
	t, err := a.exchangeChallenge(ctx, r, req)
	if err != nil {
		a.turnedAway(WayChallenge, "", err)
		return AccessToken{}, wrap("ExchangeChallenge", err)
	}
	return t, nil
}

func (a *Authority) exchangeChallenge(ctx context.Context, r ChallengeResponse, req TokenRequest) (AccessToken, error) {
	now := a.clock.Now()
	if err := a.answers(ctx, now); err != nil {
		return AccessToken{}, err
	}
	used, err := a.unseal(a.instance.Load(), ticket{use: useLogin, proof: string(r.Credential)}, r.Challenge, now)
	if err != nil {
		return AccessToken{}, refuse(nil, err)
	}
	message, err := token.ChallengeMessage(a.cfg.Issuer, r.Challenge)
	if err != nil {
		return AccessToken{}, refuse(nil, err)
	}
	c, err := a.signer(ctx, r.Credential)
	if err != nil {
		return AccessToken{}, err
	}
	p, err := a.signed(ctx, WayChallenge, c, signature{token.PurposeLogin, r.Algorithm, r.Signature}, message, 0, now)
	if err != nil {
		return AccessToken{}, err
	}
	if p, err = a.narrow(p, req); err != nil {
		return AccessToken{}, err
	}
	return a.issueOnce(ctx, p.p, used, now)
}
