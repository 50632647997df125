package identity

import (
	"context"
	"iter"
	"time"
)

// Store is what this package needs of a database. store/sqlite opens one; the
// laws that an implementation must keep are in store/storetest.
//
// A store reports ErrNotFound for an absent row, ErrConflict for a violated
// unique key, ErrBusy when a lock could not be had in time, and ErrStorage for
// everything else; it classifies by error code, never by text.
type Store interface {
	// Claim makes the caller the one that uses the store, until release is called.
	// While it has one, Claim fails with ErrLocked: of two, neither would learn what
	// the other changes.
	Claim() (release func(), err error)
	// Read runs fn in one read transaction: everything it sees is of one moment.
	// The table methods that write fail inside it with ErrStorage.
	Read(ctx context.Context, fn func(Txn) error) error
	// Begin opens the write transaction. It waits for other processes up to the
	// store's lock wait, then fails with ErrBusy. The transaction has no context:
	// a cancelled statement would make the engine roll back everyone in it.
	Begin() (WriteTxn, error)
	// Shared reports whether other processes may write to the same database.
	Shared() bool
	// Changed reports whether another connection has committed since the last
	// call, and fails with ErrStorage when the file has been replaced or removed.
	Changed(ctx context.Context) (bool, error)
	// Backup writes a marked copy of what is committed to a new file.
	Backup(ctx context.Context, path string) error
	// Sidecar is the file beside the database that no backup has in it.
	Sidecar() Sidecar
	// Close releases the database.
	Close() error
}

// Txn is one transaction: an accessor for each noun.
type Txn interface {
	Orgs() Table[Org, OrgID]
	Accounts() Table[Account, AccountID]
	Groups() Table[Group, GroupID]
	Members() Table[Member, MemberKey]
	Roles() Table[Role, RoleID]
	Bindings() Table[Binding, BindingID]
	Credentials() Table[Credential, CredentialID]
	SigningKeys() Table[SigningKey, string]
	Instance() InstanceRow
	Fence() FenceRow
	World() World
	Nonces() Nonces
	Changes() Changes
	RevokedTokens() RevokedTokens
	Usage() Usage
	IdempotencyKeys() IdempotencyKeys
}

// WriteTxn is a transaction that can be committed, and partly undone.
type WriteTxn interface {
	Txn
	Savepoint() error  // begins a part
	RollbackTo() error // undoes the part and ends it
	Release() error    // keeps the part and ends it
	// Written counts the statements that have changed something, those that were
	// undone included. It fails after an error that may have cost the transaction,
	// until RollbackTo shows that it has not.
	Written() (int, error)
	Commit() error // returns when everything is durable
	Rollback() error
	hostStatements
}

// Rows reads one noun.
type Rows[T any, K ~string] interface {
	// Find returns one row of an org. A row of another org is ErrNotFound.
	Find(ctx context.Context, org OrgID, id K) (T, error)
	// Page returns rows in the byte order of their ids, after q.After.
	Page(ctx context.Context, q Query) ([]T, error)
	// Count returns how many rows match, whatever q.After and q.Limit say.
	Count(ctx context.Context, q Query) (int, error)
}

// Table reads and writes one noun.
type Table[T any, K ~string] interface {
	Rows[T, K]
	Insert(ctx context.Context, row T) error
	// Update replaces the row with the same org and id, or fails with ErrNotFound.
	Update(ctx context.Context, row T) error
	// Delete removes the row, or fails with ErrNotFound.
	Delete(ctx context.Context, org OrgID, id K) error
}

// Query selects rows of one noun.
type Query struct {
	Org        OrgID // whose rows; empty only with Everywhere
	Everywhere bool  // rows of every org
	Where      []Cond
	After      string // id of the last row of the page before
	Limit      int    // at most this many rows; 0 means 100, the most is 1,001
}

// Cond is one condition on a field; all of a query's conditions must hold.
type Cond struct {
	Field  Field
	Prefix bool // the field starts with Value, instead of being equal to it
	Value  string
}

// Field names what rows can be selected by. A store refuses a field that a
// noun does not have.
type Field uint8

// The fields of conditions.
const (
	FieldNone Field = iota
	FieldSlug
	FieldName
	FieldKind
	FieldState
	FieldExternalIssuer
	FieldExternalSubject
	FieldAccount
	FieldThumbprint
	FieldGroup
	FieldMember
	FieldSubject
	FieldRole
	FieldScope
	FieldAnonymous // of a role: "0" or "1"
	FieldDeleted   // of a group or a role: "0" or "1"
	FieldID        // across orgs, together with Everywhere
	FieldBoundary  // of an account
	FieldElevates  // of a binding that was switched on: the eligible one
)

// InstanceRow is the one row about the database itself.
type InstanceRow interface {
	// Load fails with ErrNotFound in a new database.
	Load(ctx context.Context) (Instance, error)
	Save(ctx context.Context, row Instance) error
}

// Fence is what a database knows about not being the newest of its history.
type Fence struct {
	Marked   bool      // this is a copy, and nothing has answered from it yet
	RaisedAt time.Time // when the fence was last raised; zero for never
}

// FenceRow is the one row about the fence.
type FenceRow interface {
	// Load fails with ErrNotFound where a fence was never raised.
	Load(ctx context.Context) (Fence, error)
	Save(ctx context.Context, fence Fence) error
}

// Sidecar is a small file that lives as long as the database but is no part of
// it: an older database in the same place finds it as it is.
type Sidecar interface {
	// Read returns the whole of it, nil when there is none.
	Read() ([]byte, error)
	// Append adds lines, each of which ends in a line feed, and returns when they
	// are durable. Behind the last line feed, a crash may have left part of a line,
	// which Append removes. It fails with ErrNotFound when there is no file.
	Append(lines []byte) error
	// Rewrite replaces it by what edit makes of it, whole or not at all, while no
	// other process changes it.
	Rewrite(edit func(old []byte) ([]byte, error)) error
}

// World yields the rows of one org that decisions depend on, in no particular
// order and with only the fields filled that the compiler reads. The sequence
// ends after the first error.
type World interface {
	// Accounts fills ID, Org, Kind, State, ValidUntil, MinRevision, Boundary, Labels
	// and System.
	Accounts(ctx context.Context, org OrgID) iter.Seq2[Account, error]
	// Groups fills ID, Org, System and Deleted.
	Groups(ctx context.Context, org OrgID) iter.Seq2[Group, error]
	// Members fills Org, Group and Member.
	Members(ctx context.Context, org OrgID) iter.Seq2[Member, error]
	// Roles fills ID, Org, Name, Permissions, Exclusions, Includes, State and Deleted.
	Roles(ctx context.Context, org OrgID) iter.Seq2[Role, error]
	// Bindings fills ID, Org, Subject, Role, Scope, Effect, Start, End, Reach,
	// Condition and Eligible.
	Bindings(ctx context.Context, org OrgID) iter.Seq2[Binding, error]
	// Credentials fills ID, Org, Account, Type, State, ValidUntil, EndsAt, MinRevision,
	// Permissions, Path and Networks.
	Credentials(ctx context.Context, org OrgID) iter.Seq2[Credential, error]
	// Secrets fills ID, Org, Type and Digest of the credentials of every org that
	// have a digest and are not revoked.
	Secrets(ctx context.Context) iter.Seq2[Credential, error]
}

// Nonces remembers what may be used once.
type Nonces interface {
	// Use records (scope, nonce) until its end and reports whether it was new.
	Use(ctx context.Context, scope, nonce string, until time.Time) (fresh bool, err error)
	// Sweep forgets what ended before the given time and returns how many.
	Sweep(ctx context.Context, before time.Time) (int, error)
}

// Changes is the log.
type Changes interface {
	// Revision is the newest revision in the log, 0 in a new database.
	Revision(ctx context.Context) (uint64, error)
	// Since returns the events after a revision in order, whole revisions only, at least one revision
	// and about limit events. Before, After and the hashes are left out.
	Since(ctx context.Context, revision uint64, limit int) ([]Event, error)
	// Head returns the last event of an org's chain, or ErrNotFound.
	Head(ctx context.Context, org OrgID) (Event, error)
	// Append writes events.
	Append(ctx context.Context, events []Event) error
	// Page returns an org's whole events that a filter lets through, beyond the event with a Seq; 0 is the
	// beginning. Without a filter they come in the order of their Seq, otherwise in that of At and then
	// Seq; NewestFirst turns it round.
	Page(ctx context.Context, org OrgID, f EventFilter, after uint64, limit int) ([]Event, error)
	// Purge forgets Before and After of an org's events, by their Seq, and returns of
	// how many there was something to forget. Nothing else of an event ever changes.
	Purge(ctx context.Context, org OrgID, seqs []uint64) (int, error)
	// Feed is Since with whole events, of one org, or of all if it is empty.
	Feed(ctx context.Context, org OrgID, revision uint64, limit int) ([]Event, error)
}

// RevokedTokens are the access tokens that were ended before their time.
type RevokedTokens interface {
	Table[RevokedToken, TokenKey]
	// Sweep forgets those whose Until is before the given time and returns how many.
	Sweep(ctx context.Context, before time.Time) (int, error)
}

// IdempotencyKeys remembers what calls with an idempotency key made.
type IdempotencyKeys interface {
	// Find returns what is kept under a key, whether or not it has ended, or
	// ErrNotFound.
	Find(ctx context.Context, org OrgID, actor, op, key string) (IdempotencyKey, error)
	// Put keeps one, in the place of the one with the same org, actor, op and key.
	Put(ctx context.Context, row IdempotencyKey) error
	// Sweep forgets at most limit of those whose Until is before the given time, the
	// first to end first, and returns how many.
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
	// Purge forgets at most limit of an org, and returns how many.
	Purge(ctx context.Context, org OrgID, limit int) (int, error)
	// Forget forgets those that an actor used in any org, alone or with others, and
	// those of one org under which one of the ids was made, and returns how many.
	Forget(ctx context.Context, actor string, org OrgID, made []string) (int, error)
}

// Usage is who was here last and who will not be for long. What it writes passes
// the door without event or revision.
type Usage interface {
	// Used keeps of every credential and account the later of what is stored and
	// what is given. Those that are not there are left out.
	Used(ctx context.Context, uses []Use) error
	// Ending returns at most limit warnings that are due: of accounts and
	// credentials that can be used, end after q.From and not after q.To, lived for
	// longer than q.Within, and were not marked for that end and that q.Within, or by
	// somebody who has been at it since before q.Abandoned.
	Ending(ctx context.Context, q Ending, limit int) ([]ExpiryWarning, error)
	// Mark notes that somebody is about to give a warning, or has given it.
	Mark(ctx context.Context, w ExpiryWarning, at time.Time, given bool) error
	// Unmark forgets that, so that the warning is due again.
	Unmark(ctx context.Context, w ExpiryWarning) error
	// Forget forgets the marks of what ended before the given time.
	Forget(ctx context.Context, before time.Time) error
	// Purge forgets the marks of an account, or of a whole org if it is empty.
	Purge(ctx context.Context, org OrgID, account AccountID) error
}

// Ending selects what is to be warned of.
type Ending struct {
	From, To  time.Time
	Within    time.Duration
	Abandoned time.Time
}
