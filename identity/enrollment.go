package identity

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/token"
)

// An enroll code lets whoever holds it add one public key to one account: a new
// machine makes its key pair itself, and the operator sends it a short-lived text
// instead of waiting for its public key.

const (
	enrollCodeLife    = time.Hour          // unless its maker says otherwise
	maxEnrollCodeLife = 7 * 24 * time.Hour // at most
)

// EnrollCodeSpec is what an enroll code is made of.
type EnrollCodeSpec struct {
	Name string // free text, at most 255 bytes
	// Validity is how long the code can be used: zero means an hour, or less if the
	// org allows less; the most is 7 days, or the org's own maximum.
	Validity time.Duration
	// KeyValidity is how long the key that is added is good, counted from now: zero
	// means as long as its account; no less than Validity, and at most
	// Config.MaxValidity or the org's own maximum.
	KeyValidity time.Duration
}

// NewEnrollCode makes a code with which one public key can be added to an account,
// once, by whoever has the code and the private key; see [Authority.EnrollKey].
// What is stored of it is a digest. It is a credential of the type EnrollCode: in
// [OrgAdmin.Credentials] until and after it was used, and to be revoked like any.
//
// It takes what [OrgAdmin.AddPublicKey] takes, and fails like it.
//
// A code that an account makes for itself is derived from what it made it with: the key
// ends no later than the credential that was used, and the code is dead, like an access
// token, once that credential was revoked or disabled or has ended, the account or its
// org was signed out, the account deactivated, the org suspended, a signing key called
// compromised, or the fence raised by a restored backup; and once the access token that
// it made the code with was revoked. That this token ended by itself ends no code, nor
// does the revocation of another token that this one was made from. A code that an account
// makes for itself while it acts for another does not name the token of that delegation.
//
// A code that somebody makes for another account stands, like an invitation, on that
// account and on itself: what becomes of its maker later does not end it, since it was
// permitted when it was made. To end it, revoke it.
func (o *OrgAdmin) NewEnrollCode(ctx context.Context, account AccountID, spec EnrollCodeSpec) (out CredentialSecret, err error) {
	const op = "NewEnrollCode"
	if err := account.check(); err != nil {
		return out, wrap(op, err)
	}
	if err := spec.check(); err != nil {
		return out, wrap(op, err)
	}
	return o.createSecret(ctx, op, account, spec, func(c *change, a Account) (CredentialSecret, error) {
		return c.newEnrollCode(a, spec)
	})
}

func (s EnrollCodeSpec) check() error {
	if s.Validity < 0 || s.Validity > maxEnrollCodeLife {
		return invalid(nounCredential, "Validity", "%s is not between 0 and %s", s.Validity, maxEnrollCodeLife)
	}
	return checkText(nounCredential, "Name", s.Name, maxDisplayName)
}

func (c *change) newEnrollCode(a Account, spec EnrollCodeSpec) (CredentialSecret, error) {
	v, err := c.view(a.Org)
	if err != nil {
		return CredentialSecret{}, err
	}
	if spec.Validity == 0 {
		spec.Validity = min(enrollCodeLife, c.a.maxValidity(v.org))
	}
	key := Credential{Org: a.Org, Account: a.ID}
	if spec.KeyValidity != 0 {
		if spec.KeyValidity < spec.Validity {
			return CredentialSecret{}, invalid(nounCredential, "KeyValidity", "%s is less than Validity", spec.KeyValidity)
		}
		until := c.at.Add(spec.KeyValidity)
		if err := c.checkUntil(a.Org, nounCredential, until); err != nil {
			return CredentialSecret{}, err
		}
		key.ValidUntil = instant(until)
	}
	if err := c.noLonger(&key); err != nil {
		return CredentialSecret{}, err
	}
	code := Credential{Type: EnrollCode, Name: spec.Name, KeyUntil: key.ValidUntil}
	if maker := c.who.as(a.ID); maker != nil {
		code.MadeWith, code.MadeAt = maker.credential, maker.issued
		if maker.tokenKey != "" { // that of a delegation is its subject's
			code.MadeToken = maker.tokenID
		}
	}
	return c.addSecret(a, code, spec.Validity, "")
}

// maker is the principal that made an enroll code for itself, as it was proven then:
// the code is as good as that. It is nil for a code that another made.
func (c Credential) maker(a *Authority) *principal {
	if c.MadeAt == 0 {
		return nil
	}
	p := &principal{a: a, way: WayEnrollCode, org: c.Org, account: c.Account, credential: c.MadeWith, issued: c.MadeAt}
	if c.MadeToken != "" {
		p.tokenID, p.tokenKey = c.MadeToken, tokenKey(c.Account, c.MadeToken)
	}
	return p
}

// codesMadeWith is when the last enroll code ends that an account made for itself with
// one access token; the zero time if there is none.
func (c *change) codesMadeWith(org OrgID, account AccountID, tokenID string) (end time.Time, err error) {
	if c.rehearsed() { // on what is in memory, which does not know them: there may be one
		return c.at.Add(maxEnrollCodeLife), nil
	}
	for code, err := range c.unrevoked(Account{Org: org, ID: account}, Cond{Field: FieldKind, Value: string(EnrollCode)}) { // those that were used are many
		if err != nil {
			return end, err
		}
		if code.MadeToken == tokenID && code.unended(c.at) && code.ValidUntil.After(end) {
			end = code.ValidUntil
		}
	}
	return end, nil
}

// EnrollKeySpec is a public key with the proof that who adds it has the private
// one, as in [PublicKeySpec].
type EnrollKeySpec struct {
	Name      string // free text, at most 255 bytes
	PublicKey []byte // PEM, or a JWK
	Proof     KeyProof
}

// NewEnrollChallenge makes a challenge for the key that a code is to add, PEM or
// JWK, which is good for five minutes. It writes nothing, and leaves the code
// unused. It fails like [Authority.EnrollKey].
func (a *Authority) NewEnrollChallenge(ctx context.Context, code string, key []byte) (Challenge, error) {
	out, err := a.newEnrollChallenge(ctx, code, key)
	if err != nil {
		a.turnedAway(WayEnrollCode, "", err)
		return Challenge{}, wrap("NewEnrollChallenge", err)
	}
	return out, nil
}

func (a *Authority) newEnrollChallenge(ctx context.Context, code string, key []byte) (Challenge, error) {
	now := a.clock.Now()
	p, err := a.coded(ctx, code, now)
	if err != nil {
		return Challenge{}, err
	}
	if err := a.makerLives(ctx, p, now); err != nil {
		return Challenge{}, err
	}
	public, err := parsePublicKey(key, "PublicKey")
	if err != nil {
		return Challenge{}, err
	}
	return a.newChallenge(a.instance.Load(), possession(p.org, p.account, public), now)
}

// EnrollKey adds a public key to the account of an enroll code, and uses the code
// up: both happen, or neither, and once. The proof is of a challenge by
// [Authority.NewEnrollChallenge], signed with the private key.
//
// Whatever is wrong with the code, that it has ended, was revoked or used, that there
// is none, or that its account is not active, fails like Authenticate. With a good
// code it fails like [OrgAdmin.AddPublicKey], and the code stays unused. The caller
// is no [Principal] by this: it proves itself with its key.
func (a *Authority) EnrollKey(ctx context.Context, code string, spec EnrollKeySpec) (Credential, error) {
	made, err := a.enrollKey(ctx, code, spec)
	if err != nil {
		a.turnedAway(WayEnrollCode, "", err)
		return Credential{}, wrap("EnrollKey", err)
	}
	return made, nil
}

func (a *Authority) enrollKey(ctx context.Context, code string, spec EnrollKeySpec) (made Credential, err error) {
	now := a.clock.Now()
	p, err := a.coded(ctx, code, now)
	if err != nil {
		return made, err
	}
	err = a.commit(ctx, actor{principal: p}, "EnrollKey", p.org, func(c *change) (err error) {
		made, err = c.enroll(spec)
		return err
	})
	if err != nil {
		return Credential{}, err
	}
	a.came(p, a.clock.Now())
	return made, nil
}

// coded is whose key a code may add.
func (a *Authority) coded(ctx context.Context, code string, now int64) (*principal, error) {
	if err := a.answers(ctx, now); err != nil {
		return nil, err
	}
	entry, _, err := a.proveSecret(code, a.cfg.TokenPrefix+"_"+token.KindEnrollCode+"_")
	if err != nil {
		return nil, err
	}
	p, err := a.standsOn(ctx, WayEnrollCode, entry, now, 0)
	return p.p, err
}

// makerLives fails unless what a code was made with is alive still.
func (a *Authority) makerLives(ctx context.Context, code *principal, now int64) error {
	var row Credential
	err := a.store.Read(ctx, func(tx Txn) (err error) {
		row, err = tx.Credentials().Find(ctx, code.org, code.credential)
		return err
	})
	if err != nil {
		return gone(err)
	}
	maker := row.maker(a)
	if maker == nil {
		return nil
	}
	v, err := a.viewOf(ctx, code.org)
	if err != nil {
		return gone(err)
	}
	return v.alive(a.instance.Load(), maker, now)
}

// enroll adds the key, if everything that the code stands on is alive still, and
// revokes the code, whose successor the key is.
func (c *change) enroll(spec EnrollKeySpec) (Credential, error) {
	p := c.who.principal
	if err := c.a.aliveIn(c.ctx, c.tx, c.base, p, c.now); err != nil {
		return Credential{}, err
	}
	code, err := c.tx.Credentials().Find(c.ctx, p.org, p.credential)
	if err != nil {
		return Credential{}, err
	}
	if maker := code.maker(c.a); maker != nil {
		if err := c.a.aliveIn(c.ctx, c.tx, c.base, maker, c.now); err != nil {
			return Credential{}, err
		}
	}
	account, err := c.liveAccount(p.org, p.account)
	if err != nil {
		return Credential{}, err
	}
	if spec.PublicKey == nil {
		return Credential{}, invalid(nounCredential, "PublicKey", "is required")
	}
	made, err := c.addPublicKey(account, PublicKeySpec{Name: spec.Name, PublicKey: spec.PublicKey, Proof: spec.Proof}, registration{
		challenged: account.ID, replaced: code.ID, code: &code,
	})
	if err != nil {
		return Credential{}, err
	}
	used := code
	used.State, used.MinRevision, used.Successor = CredentialRevoked, c.revision(), made.ID
	return made, c.putCredential(code, &used, "enroll")
}
