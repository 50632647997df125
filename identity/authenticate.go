package identity

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// Authenticate verifies an access token or an API token that this instance issued
// and returns who it speaks for. Every failure matches ErrUnauthenticated; what else it
// matches (ErrExpired, ErrRevoked, ErrDisabled) is for the operator, not for
// the caller. An API token that was revoked is one that there is not. A failure to
// find out (ErrStale, ErrStorage) does not match it.
func (a *Authority) Authenticate(ctx context.Context, raw string) (Principal, error) {
	return a.AuthenticateFrom(ctx, raw, netip.Addr{})
}

// AuthenticateFrom is Authenticate for a caller at an address, which an API token
// with networks needs, and so does every access token that came of one. Of the
// address neither a zone counts nor the IPv6 form of an IPv4 one. The zero Addr is
// nowhere.
//
// The address is that of the moment: a principal that is held keeps what it was
// proven with.
func (a *Authority) AuthenticateFrom(ctx context.Context, raw string, from netip.Addr) (Principal, error) {
	now, way := a.clock.Now(), a.wayOf(raw)
	if way == WayAccessToken {
		if p := a.recallAlive(raw, now); p != nil {
			a.observeAccepted(p, now)
			return Principal{p}, nil
		}
	}
	p, err := a.authenticate(ctx, way, raw, now)
	if err == nil {
		err = a.within(ctx, p.p, from)
	}
	if err != nil {
		a.turnedAway(way, "", err)
		return Principal{}, wrap("Authenticate", err)
	}
	a.came(p.p, now)
	return p, nil
}

// wayOf is what a token claims to be. An access token has a dot before it has
// anything else.
func (a *Authority) wayOf(raw string) Way {
	if strings.HasPrefix(raw, a.apiTokens) {
		return WayAPIToken
	}
	return WayAccessToken
}

// authenticate is who a token proves, from wherever it came.
func (a *Authority) authenticate(ctx context.Context, way Way, raw string, now int64) (Principal, error) {
	if way == WayAPIToken {
		return a.authenticateSecret(ctx, raw, now)
	}
	if p := a.recall(raw, now); p != nil {
		return Principal{p}, nil
	}
	return a.authenticateSigned(ctx, raw, now)
}

func (a *Authority) authenticateSigned(ctx context.Context, raw string, now int64) (Principal, error) {
	if err := a.answers(ctx, now); err != nil {
		return Principal{}, err
	}
	inst := a.instance.Load()
	claims, err := a.verifier.Verify(inst.ring.keys, raw, time.UnixMicro(now))
	if err != nil {
		return Principal{}, refuse(tokenKind(err), err)
	}
	if claims.Incarnation != inst.row.Incarnation {
		return Principal{}, refuse(ErrRevoked, errText("the token is of another incarnation"))
	}
	p, err := a.claimed(&claims)
	if err != nil {
		return Principal{}, refuse(nil, err)
	}
	if err := a.notAhead(ctx, p.newest()); err != nil {
		return Principal{}, err
	}
	admitted, err := a.admit(ctx, WayAccessToken, p, now)
	if err == nil {
		a.verified.put(raw, inst, admitted.p) // of the instance whose keys verified it
	}
	return admitted, err
}

// notAhead fails when a proof was made at a revision that the database does not
// have, not even after it was read again.
func (a *Authority) notAhead(ctx context.Context, newest uint64) error {
	if newest <= a.revision.Load() {
		return nil
	}
	if err := a.refresh(ctx, func() bool { return newest <= a.revision.Load() }); err != nil {
		return err
	}
	if newest > a.revision.Load() {
		a.log.Error("a token is newer than the database: it was rolled back", "token", newest, "database", a.revision.Load())
		a.rolledBack(ctx, newest)
		return refuse(ErrRevoked, errText("the token is newer than the database"))
	}
	return nil
}

// answers fails when this process must not answer at all.
func (a *Authority) answers(ctx context.Context, now int64) error {
	if err := a.attached(); err != nil {
		return err
	}
	if !a.fresh(ctx, now) {
		return &Error{Kind: ErrStale}
	}
	return nil
}

// attached fails when there is no database behind this process any more.
func (a *Authority) attached() error {
	if a.lost.Load() || a.closed.Load() {
		return &Error{Kind: ErrStorage, Entity: "database", Err: errText("is closed, or not the file that was opened")}
	}
	return nil
}

// admit completes a principal whose proof has been verified: every way in ends
// here.
func (a *Authority) admit(ctx context.Context, way Way, p principal, now int64) (Principal, error) {
	c, v, err := a.load(ctx, p.org)
	if errors.Is(err, ErrNotFound) {
		return Principal{}, refuse(nil, err)
	}
	if err != nil {
		return Principal{}, err
	}
	p.a, p.cell, p.way, p.noted = a, c, way, new(atomic.Int64)
	if !p.locate(v) {
		return Principal{}, refuse(nil, errText("the account or the credential is gone"))
	}
	p.kind = v.accounts.At(p.accountSlot).kind()
	for _, actor := range p.chain {
		actor.a, actor.cell, actor.noted, actor.kind = a, c, new(atomic.Int64), v.accounts.At(actor.accountSlot).kind()
	}
	inst := a.instance.Load()
	if dead := v.live(inst, &p, now); dead != policy.ReasonUnspecified {
		return Principal{}, refuse(reasonKind(dead), deadProof{dead, &p})
	}
	p.see(v, inst)
	a.usedLate(v, &p, now)
	return Principal{&p}, nil
}

// refuse is a failed authentication; the kind says more to the operator.
func refuse(kind, cause error) error {
	if kind == nil || errors.Is(kind, ErrUnauthenticated) {
		return &Error{Kind: ErrUnauthenticated, Err: cause}
	}
	return &Error{Kind: ErrUnauthenticated, Err: &Error{Kind: kind, Entity: "proof", Err: cause}}
}

func tokenKind(err error) error {
	if errors.Is(err, token.ErrExpired) {
		return ErrExpired
	}
	return ErrUnauthenticated
}

// Login is a login that the host has made itself.
type Login struct {
	Method   string    // how, e.g. "password+totp"; for the audit
	AuthTime time.Time // when; required
	NotAfter time.Time // when the session ends; required
	// Revision is zero at the login itself. The host keeps [Principal.Revision]
	// of that first call in its session and gives it here at every later one, so
	// that "sign out everywhere" reaches the session.
	Revision uint64
}

// Vouch returns the principal of an account that the host has logged in by its
// own means. It writes nothing. It fails like Authenticate, with ErrRevoked
// when the account was signed out since Login.Revision.
func (o *OrgAdmin) Vouch(ctx context.Context, account AccountID, login Login) (Principal, error) {
	p, err := o.vouch(ctx, account, login)
	if err != nil {
		o.a.turnedAway(WayVouch, o.org, err)
		return Principal{}, wrap("Vouch", err)
	}
	o.a.came(p.p, o.a.clock.Now())
	return p, nil
}

func (o *OrgAdmin) vouch(ctx context.Context, account AccountID, login Login) (Principal, error) {
	if !o.who.system {
		return Principal{}, &Error{Kind: ErrDenied, Entity: nounAccount, Err: errText("only System vouches")}
	}
	if err := o.checkActor(); err != nil {
		return Principal{}, err
	}
	if err := account.check(); err != nil {
		return Principal{}, err
	}
	if login.AuthTime.IsZero() || login.NotAfter.IsZero() {
		return Principal{}, invalid("login", "AuthTime", "AuthTime and NotAfter are required")
	}
	if login.NotAfter.Year() > 9999 {
		return Principal{}, invalid("login", "NotAfter", "is past the year 9999")
	}
	now := o.a.clock.Now()
	if login.NotAfter.UnixMicro() <= now { // zero microseconds would read as never
		return Principal{}, refuse(ErrExpired, errText("the session is over"))
	}
	if err := o.a.answers(ctx, now); err != nil {
		return Principal{}, err
	}
	if login.AuthTime.After(time.UnixMicro(now).Add(o.a.cfg.Skew)) {
		return Principal{}, invalid("login", "AuthTime", "is in the future")
	}
	issued := login.Revision
	if current := o.a.revision.Load(); issued == 0 {
		issued = current
	} else if issued > current {
		return Principal{}, refuse(ErrRevoked, errText("the session is newer than the database"))
	}
	return o.a.admit(ctx, WayVouch, principal{
		org: o.org, account: account, method: login.Method, authTime: login.AuthTime.UnixMicro(),
		issued: issued, expires: login.NotAfter.UnixMicro(),
	}, now)
}

// ExchangeAssertion verifies a signed assertion (RFC 7523 section 3) and issues
// an access token for the account that signed it, cut down to what is asked
// for. "kid" is the id of the credential, "iss" and "sub" are the id of the
// account, "aud" is the issuer, "jti" is used once: using it up and issuing are
// one transaction. It fails like Authenticate; a request that makes no sense
// fails with ErrInvalid or ErrLimit, once the assertion is accepted and without
// using it up.
func (a *Authority) ExchangeAssertion(ctx context.Context, assertion string, req TokenRequest) (AccessToken, error) {
	t, err := a.exchange(ctx, WayAssertion, assertion, a.cfg.InsecureAcceptEndpointAudience, req)
	if err != nil {
		a.turnedAway(WayAssertion, "", err)
		return AccessToken{}, wrap("ExchangeAssertion", err)
	}
	return t, nil
}

func (a *Authority) exchange(ctx context.Context, way Way, raw, endpoint string, req TokenRequest) (AccessToken, error) {
	now := a.clock.Now()
	p, proof, err := a.asserted(ctx, way, raw, endpoint, now)
	if err != nil {
		return AccessToken{}, err
	}
	if p, err = a.narrow(p, req); err != nil {
		return AccessToken{}, err
	}
	return a.issue(ctx, p.p, proof, now)
}

// asserted is who signed an assertion, which is not used up yet. It may name the
// endpoint as its audience beside the issuer, if that is not empty.
func (a *Authority) asserted(ctx context.Context, way Way, raw, endpoint string, now int64) (Principal, token.Assertion, error) {
	if err := a.answers(ctx, now); err != nil {
		return Principal{}, token.Assertion{}, err
	}
	revision := a.revision.Load()
	var credential Credential
	var failed error
	proof, err := token.AssertionPolicy{Audience: a.cfg.Issuer, Endpoint: endpoint, Skew: a.cfg.Skew}.Verify(raw, func(kid string) (token.PublicKey, error) {
		credential, failed = a.credentialByID(ctx, CredentialID(kid))
		if failed != nil {
			return token.PublicKey{}, failed
		}
		return a.publicKey(credential)
	}, time.UnixMicro(now))
	switch {
	case failed != nil && !errors.Is(failed, ErrNotFound):
		return Principal{}, proof, failed
	case err != nil:
		return Principal{}, proof, refuse(tokenKind(err), err)
	case proof.Subject != string(credential.Account):
		return Principal{}, proof, refuse(nil, errText("the credential is of another account"))
	}
	p, err := a.admit(ctx, way, principal{
		org: credential.Org, account: credential.Account, credential: credential.ID, issued: revision,
		expires: time.UnixMicro(now).Add(a.cfg.TokenLife).UnixMicro(),
	}, now)
	return p, proof, err
}

// publicKey reads the key of a credential. Looking at a key for weaknesses costs
// more than checking a signature with it, so a key that was found good is
// remembered; one that cannot be used is not even read.
func (a *Authority) publicKey(c Credential) (token.PublicKey, error) {
	if c.Type != PublicKey || c.State != CredentialActive && c.State != CredentialRetiring {
		return token.PublicKey{}, notFound(nounCredential, string(c.ID))
	}
	key, err := a.anyUse(c)
	if err != nil || len(c.Algorithms) == 0 {
		return key, err
	}
	return key.Restrict(c.Algorithms...)
}

// anyUse is the key of a credential, for all that a key of its kind can do.
func (a *Authority) anyUse(c Credential) (token.PublicKey, error) {
	if key, ok := a.keys.Load(c.Thumbprint); ok {
		return key.(token.PublicKey), nil
	}
	key, err := token.PublicKeyFromDER(c.PublicKey)
	if err != nil {
		return key, err
	}
	if key.Thumbprint() != c.Thumbprint {
		return token.PublicKey{}, &Error{Kind: ErrStorage, Entity: nounCredential, ID: string(c.ID), Err: errText("the key is not that of its thumbprint")}
	}
	if a.remembered.Add(1) > maxRemembered {
		a.keys.Clear()
		a.remembered.Store(0)
	}
	a.keys.Store(c.Thumbprint, key)
	return key, nil
}

// maxRemembered bounds the public keys kept in memory; about 1 KiB each.
const maxRemembered = 4096

// credentialByID finds a credential across orgs: its id is unique in the instance.
func (a *Authority) credentialByID(ctx context.Context, id CredentialID) (Credential, error) {
	if !id.valid() {
		return Credential{}, notFound(nounCredential, string(id))
	}
	var row Credential
	err := a.store.Read(ctx, func(tx Txn) error {
		rows, err := tx.Credentials().Page(ctx, Query{Everywhere: true, Where: []Cond{{Field: FieldID, Value: string(id)}}, Limit: 2})
		if err == nil && len(rows) != 1 {
			err = notFound(nounCredential, string(id))
		}
		if err == nil {
			row = rows[0]
		}
		return err
	})
	return row, err
}

// JWKS is the public key set that verifies access tokens (RFC 7517 section 5),
// to be cached no longer than [JWKSMaxAge].
func (a *Authority) JWKS(ctx context.Context) ([]byte, error) {
	if err := a.answers(ctx, a.clock.Now()); err != nil { // a key may have been compromised that it does not know of
		return nil, wrap("JWKS", err)
	}
	if err := a.keysTrusted(); err != nil {
		return nil, wrap("JWKS", err)
	}
	ring, _ := a.currentRing(ctx) // also without a key that signs: a compromised one must leave what others have cached
	return append([]byte(nil), ring.jwks...), nil
}
