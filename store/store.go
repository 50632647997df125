package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/jmoiron/sqlx/reflectx"

	"github.com/claviger-go/claviger/identity"
)

// Store reads and writes the nouns in two pools of an engine. An engine's own
// type embeds it and adds what the engine knows about its file.
type Store struct {
	writer  *writer
	readers *sqlx.DB
	dialect Dialect
	nouns   nouns
	claimed atomic.Bool
}

// New makes a store from a pool of at most one connection that can write and a
// pool that can only read. A write waits up to wait for another one of this
// process; how long it waits for other processes is the writer pool's matter.
// The store owns the pools from here on.
func New(writer, readers *sql.DB, dialect Dialect, wait time.Duration) *Store {
	mapper := newMapper()
	s := &Store{
		writer:  newWriter(newDB(writer, dialect, mapper), dialect, wait),
		readers: newDB(readers, dialect, mapper),
		dialect: dialect,
	}
	s.nouns = newNouns(mapper, dialect)
	return s
}

// Claim makes the caller the one that uses the store, until it releases it.
func (s *Store) Claim() (release func(), err error) {
	if !s.claimed.CompareAndSwap(false, true) {
		return nil, &identity.Error{Kind: identity.ErrLocked, Entity: "database", Err: errors.New("this store is in use")}
	}
	return sync.OnceFunc(func() { s.claimed.Store(false) }), nil
}

// Read runs fn in one read transaction; the error of fn is returned as it is.
func (s *Store) Read(ctx context.Context, fn func(identity.Txn) error) error {
	tx, err := s.readers.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.dialect.fail("database", "", err)
	}
	// There is nothing to commit, and a rollback that fails ends the
	// transaction with its connection.
	defer func() { _ = tx.Rollback() }()
	return fn(txn{nouns: &s.nouns, run: reading{tx}})
}

// Begin opens the write transaction.
func (s *Store) Begin() (identity.WriteTxn, error) {
	if err := s.writer.begin(); err != nil {
		return nil, err
	}
	t := &WriteTxn{writer: s.writer}
	t.txn = txn{nouns: &s.nouns, run: writing{t}}
	return t, nil
}

// Close closes both pools. A write that is under way is given the wait to
// end; when it does not, it can no longer commit, and Close fails with ErrBusy.
func (s *Store) Close() error {
	err := errors.Join(s.readers.Close(), s.writer.close())
	return s.dialect.fail("database", "", err)
}

// txn gives the accessors of one transaction.
type txn struct {
	nouns *nouns
	run   runner
}

func (t txn) Orgs() identity.Table[identity.Org, identity.OrgID] {
	return t.nouns.orgs.in(t.run)
}

func (t txn) Accounts() identity.Table[identity.Account, identity.AccountID] {
	return t.nouns.accounts.in(t.run)
}

func (t txn) Groups() identity.Table[identity.Group, identity.GroupID] {
	return t.nouns.groups.in(t.run)
}

func (t txn) Members() identity.Table[identity.Member, identity.MemberKey] {
	return t.nouns.members.in(t.run)
}

func (t txn) Roles() identity.Table[identity.Role, identity.RoleID] {
	return t.nouns.roles.in(t.run)
}

func (t txn) Bindings() identity.Table[identity.Binding, identity.BindingID] {
	return t.nouns.bindings.in(t.run)
}

func (t txn) Credentials() identity.Table[identity.Credential, identity.CredentialID] {
	return t.nouns.credentials.in(t.run)
}

func (t txn) SigningKeys() identity.Table[identity.SigningKey, string] {
	return t.nouns.signingKeys.in(t.run)
}

func (t txn) Instance() identity.InstanceRow {
	return single[identity.Instance, instanceRow]{t.run, t.nouns.instance}
}

func (t txn) Fence() identity.FenceRow  { return single[identity.Fence, fenceRow]{t.run, t.nouns.fence} }
func (t txn) World() identity.World     { return world{t.run, t.nouns.dialect} }
func (t txn) Nonces() identity.Nonces   { return nonces{t.run, t.nouns.dialect} }
func (t txn) Changes() identity.Changes { return changes{t.run, t.nouns.events} }
func (t txn) Usage() identity.Usage     { return usage{t.run, t.nouns.dialect} }

func (t txn) IdempotencyKeys() identity.IdempotencyKeys {
	return idempotencyKeys{t.run, t.nouns.dialect}
}

func (t txn) RevokedTokens() identity.RevokedTokens {
	return revokedTokens{t.nouns.revoked.in(t.run), t.run, t.nouns.dialect}
}

// newDB gives sqlx our naming of columns. The engine's name only chooses how
// sqlx would rewrite placeholders, which nothing here asks for.
func newDB(db *sql.DB, dialect Dialect, mapper *reflectx.Mapper) *sqlx.DB {
	x := sqlx.NewDb(db, dialect.Name)
	x.Mapper = mapper
	return x
}
