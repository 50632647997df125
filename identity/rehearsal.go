package identity

import (
	"context"
	"time"
)

// rehearse makes a call on what is published, without a transaction, and forgets
// what it did. It reports whether it would have changed anything; the error is
// the refusal.
func (a *Authority) rehearse(ctx context.Context, who actor, op string, org, about OrgID, fn func(*change) error) (changed bool, err error) {
	cand := candidate{revision: a.revision.Load(), instance: a.instance.Load(), views: map[OrgID]*view{}}
	orgs := []OrgID{org, about}
	if !who.system {
		orgs = append(orgs, who.principal.org)
	}
	for _, id := range orgs {
		if cand.views[id], err = a.viewOf(ctx, id); err != nil {
			return false, err
		}
	}
	defer func() {
		if recover() != nil { // it asked for something that a rehearsal does not have
			changed, err = false, &Error{Kind: ErrStorage, Op: op, Err: errText("cannot be told without the database")}
		}
	}()
	next, err := a.perform(ctx, rehearsal{views: cand.views, inst: cand.instance}, cand, who, op, org, func(c *change) error {
		c.ctx = ctx // nobody else is in this transaction, and the caller does not wait for ever
		return fn(c)
	})
	return err == nil && next.items > 0, err
}

// rehearsal stands in for a transaction. It finds the rows that the calls which
// narrow look for, with the fields that they read, and stores nothing. What
// those calls do not use is missing.
type rehearsal struct {
	WriteTxn
	views map[OrgID]*view
	inst  *instance
}

// rehearsed reports whether a change is only rehearsed: what it would make besides is
// not made.
func (c *change) rehearsed() bool {
	switch c.tx.(type) {
	case rehearsal, reading:
		return true
	}
	return false
}

// rehearsedOn rehearses, for a call that takes something by making something else, what
// it does on the rows of the database, which are read: whatever refuses the call there
// refuses it here, but that a proof was used before. It is a change of its own: of what
// the call takes this one knows nothing yet.
func (c *change) rehearsedOn(fn func(*change) error) (err error) {
	defer func() {
		if recover() != nil { // as in rehearse
			err = &Error{Kind: ErrStorage, Op: c.op, Err: errText("cannot be told without the database")}
		}
	}()
	return c.a.store.Read(c.ctx, func(tx Txn) error {
		own := c.a.newChange(c.ctx, reading{rehearsal: c.tx.(rehearsal), tx: tx}, c.base, c.who, c.op, c.org)
		own.ctx = c.ctx
		if err := fn(own); err != nil {
			return err
		}
		_, err := own.finish()
		return err
	})
}

// reading is a rehearsal that finds accounts, credentials and idempotency keys in the
// database, with all their fields, and stores nothing either.
type reading struct {
	rehearsal
	tx Txn
}

func (r reading) Accounts() Table[Account, AccountID] {
	return unstoring[Account, AccountID]{r.tx.Accounts()}
}

func (r reading) Credentials() Table[Credential, CredentialID] {
	return unstoring[Credential, CredentialID]{r.tx.Credentials()}
}

func (r reading) IdempotencyKeys() IdempotencyKeys { return unkept{r.tx.IdempotencyKeys()} }

func (r reading) Nonces() Nonces { return unused{} }

// unstoring is a table that is only read.
type unstoring[T any, K ~string] struct{ Table[T, K] }

func (unstoring[T, K]) Insert(context.Context, T) error { return nil }
func (unstoring[T, K]) Update(context.Context, T) error { return nil }

func (unstoring[T, K]) Delete(context.Context, OrgID, K) error { return nil }

type unkept struct{ IdempotencyKeys }

func (unkept) Put(context.Context, IdempotencyKey) error { return nil }

// unused takes every proof for one that was not used.
type unused struct{ Nonces }

func (unused) Use(context.Context, string, string, time.Time) (bool, error) { return true, nil }

func (unused) Sweep(context.Context, time.Time) (int, error) { return 0, nil }

func (r rehearsal) Orgs() Table[Org, OrgID] {
	return rehearsed[Org, OrgID]{find: func(v *view, _ OrgID) (Org, bool) { return v.org, true }, views: r.views}
}

func (r rehearsal) Accounts() Table[Account, AccountID] {
	return rehearsed[Account, AccountID]{views: r.views, find: func(v *view, id AccountID) (Account, bool) {
		_, life := v.accountLife(id)
		if life == nil {
			return Account{}, false
		}
		handle, _ := v.rules.Account(string(id))
		rules, _ := v.rules.AccountOf(handle)
		return Account{
			ID: id, Org: v.org.ID, Kind: life.kind(), State: life.state(), ValidUntil: timeOf(life.until), MinRevision: life.minRevision,
			Boundary: RoleRef(rules.Boundary), Labels: rules.Labels, System: life.system,
		}, true
	}}
}

func (r rehearsal) Credentials() Table[Credential, CredentialID] {
	return rehearsed[Credential, CredentialID]{views: r.views, find: func(v *view, id CredentialID) (Credential, bool) {
		life := v.credentials.Get(string(id))
		if life == nil {
			return Credential{}, false
		}
		return Credential{
			ID: id, Org: v.org.ID, Account: life.account, State: life.state,
			ValidUntil: timeOf(life.until), EndsAt: timeOf(life.ends), MinRevision: life.minRevision,
		}, true
	}}
}

func (r rehearsal) RevokedTokens() RevokedTokens {
	return rehearsedTokens{rehearsed[RevokedToken, TokenKey]{views: r.views, find: revokedToken}}
}

func (r rehearsal) SigningKeys() Table[SigningKey, string] { return rehearsedKeys{inst: r.inst} }

func (r rehearsal) Instance() InstanceRow { return unsaved{} }

func (r rehearsal) Changes() Changes { return unwritten{} }

// rehearsed is a table that finds what is published.
type rehearsed[T any, K ~string] struct {
	Table[T, K]
	views map[OrgID]*view
	find  func(*view, K) (T, bool)
}

func (t rehearsed[T, K]) Find(_ context.Context, org OrgID, id K) (row T, err error) {
	if v := t.views[org]; v != nil {
		if row, ok := t.find(v, id); ok {
			return row, nil
		}
	}
	return row, notFound("", string(id))
}

func (rehearsed[T, K]) Update(context.Context, T) error { return nil }

// unwritten is a log that keeps nothing.
type unwritten struct{ Changes }

func (unwritten) Append(context.Context, []Event) error { return nil }

// rehearsedKeys are the signing keys of the ring.
type rehearsedKeys struct {
	Table[SigningKey, string]
	inst *instance
}

func (t rehearsedKeys) Find(_ context.Context, _ OrgID, id string) (SigningKey, error) {
	for _, k := range t.inst.ring.rows {
		if k.ID == id {
			return k, nil
		}
	}
	return SigningKey{}, notFound(nounSigningKey, id)
}

func (rehearsedKeys) Update(context.Context, SigningKey) error { return nil }

// unsaved is the row of the instance, which stays.
type unsaved struct{ InstanceRow }

func (unsaved) Save(context.Context, Instance) error { return nil }
