package identity

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity/internal/paged"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// RevokedToken is one access token that was ended before its time. It is known
// by its account and its "jti", never by its text.
type RevokedToken struct {
	Org       OrgID
	Account   AccountID // the "sub" of the token
	ID        string    // its "jti"
	Until     time.Time // neither it nor an enroll code that was made with it lives longer: from here on the row is not needed
	RevokedAt time.Time
	Revision  uint64
}

// TokenKey is how the storage port names a revoked token: account, "/", jti.
type TokenKey string

// Key is the token's name in the storage port.
func (r RevokedToken) Key() TokenKey { return tokenKey(r.Account, r.ID) }

func tokenKey(account AccountID, id string) TokenKey { return TokenKey(string(account) + "/" + id) }

// longestToken is how long an access token can live, whoever issued it.
const longestToken = time.Hour

// RevokeToken ends one access token before its time, and leaves the account and
// the credential as they are: whoever proves itself again gets another one. It
// reports whether that changed anything; a token that is dead already stays so.
// Tokens that were made from it, by [Authority.IssueToken] or
// [Authority.Delegate], are others, and live on. An enroll code that the account made
// for itself with it ends, also if the token itself has ended by then; once the key that
// signed it is retired its text is not read any more, and [OrgAdmin.RevokeTokenID] does it.
//
// Its own tokens an account may always revoke. Otherwise, through As, it needs
// identity:tokens.revoke and what it takes to narrow the account. It fails with
// ErrNotFound for a text that is no access token of this org.
func (o *OrgAdmin) RevokeToken(ctx context.Context, raw string) (changed bool, err error) {
	revoked, err := o.readToken(raw)
	if err != nil {
		return false, wrap("RevokeToken", err)
	}
	return o.revokeToken(ctx, "RevokeToken", revoked)
}

// RevokeTokenID is [OrgAdmin.RevokeToken] for whoever knows of a token only what
// it is called: its account and its "jti", see [Principal.TokenID]. It always needs
// identity:tokens.revoke: the text of one's own token proves that there is one, its
// name does not. Whether there
// is such a token is not known. What is remembered of it is forgotten an hour
// later, no access token lives longer, or with the last enroll code that was made
// with it.
func (o *OrgAdmin) RevokeTokenID(ctx context.Context, account AccountID, id string) (changed bool, err error) {
	switch err = o.checkActor(); {
	case err != nil:
	case !account.valid():
		err = &Error{Kind: ErrInvalid, Entity: nounAccount, ID: clip(string(account)), Field: "ID"}
	case !validSuffix(id):
		err = &Error{Kind: ErrInvalid, Entity: nounToken, ID: clip(id), Field: "ID"}
	}
	if err != nil {
		return false, wrap("RevokeTokenID", err)
	}
	now := time.UnixMicro(o.a.clock.Now()).UTC()
	return o.revokeToken(ctx, "RevokeTokenID", RevokedToken{Account: account, ID: id, Until: now.Add(longestToken + 2*o.a.cfg.Skew)})
}

// readToken is what there is to revoke of a text: zero if that is no token of this
// org, and until now if the token is dead already.
func (o *OrgAdmin) readToken(raw string) (RevokedToken, error) {
	if err := o.checkActor(); err != nil {
		return RevokedToken{}, err
	}
	inst, now := o.a.instance.Load(), time.UnixMicro(o.a.clock.Now())
	claims, ended, err := o.a.saidBy(inst, raw, now)
	switch {
	case err != nil || OrgID(claims.Org) != o.org || !AccountID(claims.Subject).valid() || !validSuffix(claims.ID):
		return RevokedToken{}, nil
	case ended:
		return named(claims, now), nil
	case claims.Incarnation != inst.row.Incarnation:
		return RevokedToken{Until: now}, nil
	}
	return named(claims, time.Unix(claims.Expiry, 0).Add(o.a.cfg.Skew).UTC()), nil
}

// saidBy reads a token to be revoked, also one that has ended: a code that was made with
// it may not have.
func (a *Authority) saidBy(inst *instance, raw string, now time.Time) (claims token.Claims, ended bool, err error) {
	claims, err = a.verifier.Verify(inst.ring.keys, raw, now)
	if errors.Is(err, token.ErrExpired) {
		claims, err = a.verifier.InsecureVerifyExpired(inst.ring.keys, raw, now)
		ended = true
	}
	return claims, ended, err
}

func named(claims token.Claims, until time.Time) RevokedToken {
	return RevokedToken{Account: AccountID(strings.Clone(claims.Subject)), ID: strings.Clone(claims.ID), Until: until}
}

func (o *OrgAdmin) revokeToken(ctx context.Context, op string, revoked RevokedToken) (changed bool, err error) {
	err = o.decide(ctx, op, o.org, subject{org: o.org, noun: nounToken, id: string(revoked.Key())}, func(c *change) error {
		var err error
		changed, err = c.revokeToken(o.org, revoked)
		return err
	}, func(ctx context.Context, s *Admin) error {
		_, err := s.In(o.org).revokeToken(ctx, op, revoked)
		return err
	})
	return changed && err == nil, err
}

func (c *change) revokeToken(org OrgID, row RevokedToken) (changed bool, err error) {
	if row.Account != "" {
		codes, err := c.codesMadeWith(org, row.Account, row.ID)
		if err != nil {
			return false, err
		}
		if codes.After(row.Until) {
			row.Until = codes
		}
	}
	dead := !row.Until.IsZero() && !row.Until.After(c.at)
	allowed := func() error { return c.permit(policy.Root) }
	if !c.who.system && c.op == "RevokeToken" && c.who.principal.org == org && (dead || c.who.is(row.Account)) {
		allowed = c.alive
	}
	if err := allowed(); err != nil || dead {
		return false, err
	}
	if row.Account == "" {
		return false, notFound(nounToken, "")
	}
	a, err := c.tx.Accounts().Find(c.ctx, org, row.Account)
	if err != nil {
		return false, err
	}
	if err := c.contains(a); err != nil {
		return false, err
	}
	tokens := c.tx.RevokedTokens()
	if _, err := tokens.Find(c.ctx, org, row.Key()); !errors.Is(err, ErrNotFound) {
		return false, err
	}
	row.Org, row.RevokedAt, row.Revision = org, c.at, c.revision()
	if err := tokens.Insert(c.ctx, row); err != nil {
		return false, err
	}
	if last := c.a.forgotten.Load(); c.now-last > time.Minute.Microseconds() && c.a.forgotten.CompareAndSwap(last, c.now) {
		if _, err := tokens.Sweep(c.ctx, c.at); err != nil {
			return false, err
		}
	}
	d, err := c.draft(org)
	if err != nil {
		return false, err
	}
	d.putRevokedToken(row)
	return true, c.record(org, nounToken, string(row.Key()), "revoke", nil, row)
}

// revocations are the revoked tokens of an org: by their keys, when they are
// forgotten, in Unix microseconds. A new table is begun now and then with those
// that are not forgotten yet, so that they never outnumber what was revoked within
// a little more than the life of a token, or of the enroll codes made with it.
type revocations struct {
	paged.Table[int64]
	begun int64 // Unix microseconds
}

// has reports whether a principal came with a token that was revoked.
func (r *revocations) has(p *principal) bool {
	return r.Len() > 0 && p.tokenKey != "" && r.Get(string(p.tokenKey)) != nil
}

// with adds some.
func (r revocations) with(rows ...RevokedToken) revocations {
	now, edit := r.begun, r.Edit()
	for _, row := range rows {
		now = max(now, micros(row.RevokedAt))
	}
	if now-r.begun > time.Minute.Microseconds() {
		var fresh paged.Table[int64]
		edit, r.begun = fresh.Edit(), now
		for key, until := range r.All() {
			if *until > now {
				edit.Put(key, *until)
			}
		}
	}
	for _, row := range rows {
		edit.Put(string(row.Key()), micros(row.Until))
	}
	r.Table = edit.Table()
	return r
}

// without drops one: its row was forgotten.
func (r revocations) without(key TokenKey) revocations {
	edit := r.Edit()
	edit.Delete(string(key))
	r.Table = edit.Table()
	return r
}

func (d *draft) putRevokedToken(row RevokedToken) { d.revoked = d.revoked.with(row) }

// loadRevokedTokens reads those of an org.
func (d *draft) loadRevokedTokens(ctx context.Context, tokens RevokedTokens) error {
	var rows []RevokedToken
	for row, err := range selected(ctx, tokens, Query{Org: d.org.ID}) {
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	d.revoked = d.revoked.with(rows...)
	return nil
}

// applyRevokedToken brings one up to date with its row.
func (d *draft) applyRevokedToken(ctx context.Context, tokens RevokedTokens, key TokenKey) error {
	row, err := tokens.Find(ctx, d.org.ID, key)
	return settle(err, func() error { d.putRevokedToken(row); return nil }, func() { d.revoked = d.revoked.without(key) })
}

// rehearsedTokens is the table of revoked tokens of a rehearsal.
type rehearsedTokens struct {
	rehearsed[RevokedToken, TokenKey]
}

func (rehearsedTokens) Insert(context.Context, RevokedToken) error { return nil }

func (rehearsedTokens) Sweep(context.Context, time.Time) (int, error) { return 0, nil }

// revokedToken is what a rehearsal finds of one: that it is revoked.
func revokedToken(v *view, key TokenKey) (RevokedToken, bool) {
	return RevokedToken{}, v.revoked.Get(string(key)) != nil
}
