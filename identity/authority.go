package identity

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claviger-go/claviger/identity/internal/clock"
	"github.com/claviger-go/claviger/identity/internal/commit"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// Authority is the one object that a host keeps. It is safe for concurrent
// use. Authenticate and Authorize take no lock and read no database, but for
// the first use of an org.
type Authority struct {
	cfg      Config
	store    Store
	release  func() // gives the store up
	shared   bool   // store.Shared(), which does not change
	log      *slog.Logger
	sealer   *token.Sealer // of the configuration; see instance.sealer
	verifier *token.Verifier
	model    policy.Model
	required map[string]string // method → permission
	clock    *clock.Clock
	door     *commit.Door[WriteTxn, candidate]

	revision  atomic.Uint64            // the newest change that is published
	foreign   atomic.Uint64            // what others wrote up to here is published
	instance  atomic.Pointer[instance] // never nil after New
	cells     sync.Map                 // OrgID → *cell
	lines     atomic.Uint64            // numbers views and their lines
	contact   atomic.Int64             // when this process last knew that it was up to date, by the clock
	behind    alarm                    // others have written, and it is not applied yet
	doubt     alarm                    // a commit failed in a way that may have taken
	gaveUp    atomic.Int64             // when a refresh last failed, by the clock; 0 after one that did not
	trouble   atomic.Bool              // the last poll failed
	lost      atomic.Bool              // the file was replaced or removed under us, or cannot be read
	closed    atomic.Bool
	resealing atomic.Pointer[token.Sealer] // the last that was to take over
	turning   sync.Mutex                   // held while the key ring is turned, by one for all
	unturned  atomic.Int64                 // when turning it last failed, by the clock; 0 for never
	swept     atomic.Int64                 // when nonces were last swept, by the clock

	secrets   secretIndex // of every org
	apiTokens string      // what API tokens begin with

	keys       sync.Map     // thumbprint → token.PublicKey
	remembered atomic.Int64 // how many, about

	held      int64                    // estimated bytes of the views that are loaded; guarded by publishing
	crowded   atomic.Bool              // it was said that MaxMemory is too small
	watches   watches                  // contexts that end with their principals
	arrivals  arrivals                 // who waits for the next revision
	ledger    ledger                   // what is written down outside of the database
	overdue   atomic.Pointer[rollback] // a fence that could not be raised
	late      lateUses                 // of credentials that were rotated
	verified  *verified                // access tokens that need not be verified again
	uses      uses                     // who was here, to be written down
	observer  *observer                // nil when nobody wants to know
	forgotten atomic.Int64             // when revoked tokens were last swept, by the clock
	warning   sync.Mutex               // one at a time warns of what ends
	bars      bars                     // against subjects of what could not be stored
	trying    atomic.Bool              // that is being made again

	publishing sync.Mutex    // between the door and refreshes
	refreshing chan struct{} // held by the one refresh under way
	begun      atomic.Uint64 // refreshes that have begun
	completed  atomic.Uint64 // the last one that succeeded, counted by begun
	stop       chan struct{}
	stopped    sync.WaitGroup
	closing    sync.Once
	closeErr   error
}

// New opens the identity data in a store: it creates what a new database
// needs, unseals the keys and checks the configuration against what is stored.
//
// A store has one Authority at a time, for as long as it is open: a second one fails
// with ErrLocked, since neither would learn what the other changes. Two on one file
// are two stores, opened as shared.
//
// It fails with ErrInvalid for a bad Config, with ErrKey when the sealing key
// is missing or not the one of this database, or when [Config.KeySource] does not
// know a key of it, with ErrBusy when a service that keeps one cannot be asked or
// ctx ends, with ErrConflict when a code role takes the name of a stored one, and
// with ErrStorage when the database, its fence file or [Config.Witness] fails. After a failure the store is still the
// caller's to close; after success [Authority.Close] closes it.
func New(ctx context.Context, store Store, cfg Config) (*Authority, error) {
	a, err := open(ctx, store, cfg)
	return a, wrap("New", err)
}

func open(ctx context.Context, store Store, cfg Config) (_ *Authority, err error) {
	if store == nil {
		return nil, invalid("config", "store", "is required")
	}
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a := &Authority{cfg: cfg, store: store, log: cfg.Logger, required: required(), watches: newWatches(), verified: newVerified(cfg.MaxVerified), stop: make(chan struct{}), refreshing: make(chan struct{}, 1)}
	if a.model, err = cfg.compileModel(); err != nil {
		return nil, err
	}
	a.verifier, err = token.NewVerifier(token.VerifierConfig{Issuer: cfg.Issuer, Audience: cfg.Audience, Skew: cfg.Skew, MaxLife: time.Hour})
	if err != nil {
		return nil, &Error{Kind: ErrInvalid, Entity: "config", Err: err}
	}
	if a.release, err = store.Claim(); err != nil {
		return nil, err
	}
	made := false
	defer func() {
		if !made {
			a.release()
		}
	}()
	used, err := isUsed(ctx, store)
	if err != nil {
		return nil, err
	}
	if a.sealer, err = cfg.Seal.Open(!used); err != nil {
		return nil, &Error{Kind: ErrKey, Entity: "config", Field: "Seal", Err: err}
	}
	a.shared = store.Shared()
	a.apiTokens = cfg.TokenPrefix + "_" + token.KindAPIToken + "_"
	a.clock = clock.New(clock.Config{Now: cfg.Now, Jump: a.clockJumped})
	if err := a.start(ctx, used); err != nil {
		_ = a.clock.Close() // always nil
		if a.door != nil {
			err = errors.Join(err, a.door.Close())
		}
		return nil, err
	}
	made = true
	return a, nil
}

func isUsed(ctx context.Context, store Store) (bool, error) {
	used := true
	err := store.Read(ctx, func(tx Txn) error {
		_, err := tx.Instance().Load(ctx)
		if errors.Is(err, ErrNotFound) {
			used, err = false, nil
		}
		return err
	})
	return used, err
}

func (a *Authority) start(ctx context.Context, used bool) (err error) {
	a.door, err = commit.New(commit.Config[WriteTxn, candidate]{Begin: a.begin, Publish: a.publish, Doubt: a.inDoubt})
	if err != nil {
		return err
	}
	if !used {
		if err := a.bootstrap(ctx); err != nil {
			return err
		}
	}
	if _, err := a.store.Changed(ctx); err != nil { // the polls start from here
		return err
	}
	a.touch()
	known, err := a.gather(ctx) // first, so that the database is at least as new
	if err != nil {
		return err
	}
	err = a.store.Read(ctx, func(tx Txn) error {
		revision, err := tx.Changes().Revision(ctx)
		if err != nil {
			return err
		}
		inst, err := a.loadInstance(ctx, tx)
		if err != nil {
			return err
		}
		if err := a.loadSecrets(ctx, tx); err != nil {
			return err
		}
		a.publish(candidate{revision: revision, instance: inst})
		return a.checkRoleNames(ctx, tx)
	})
	if err != nil {
		return err
	}
	if err := a.openLedger(ctx, known, used); err != nil {
		return err
	}
	if _, err := a.currentRing(ctx); err != nil {
		return err
	}
	a.observer = newObserver(a.cfg.Observer)
	a.stopped.Add(2)
	go a.poll()
	go a.upkeep()
	return nil
}

// checkRoleNames refuses code roles whose names are taken by stored ones.
func (a *Authority) checkRoleNames(ctx context.Context, tx Txn) error {
	for _, r := range a.cfg.Roles {
		rows, err := tx.Roles().Page(ctx, Query{Everywhere: true, Where: []Cond{{Field: FieldName, Value: r.Name}}, Limit: 1})
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			return conflict(nounRole, r.Name, "Roles", "the stored role "+string(rows[0].ID)+" of org "+string(rows[0].Org)+" has this name")
		}
	}
	return nil
}

// Close ends the background work, waits for writes under way and closes the
// store. Calls after it fail. It may be called twice.
func (a *Authority) Close() error {
	a.closing.Do(func() {
		a.lastUses()
		a.closed.Store(true)
		a.endWatches(a.attached())
		close(a.stop)
		a.stopped.Wait()
		a.observer.close()
		a.closeErr = wrap("Close", errors.Join(a.door.Close(), a.closeLedger(), a.store.Close()))
		a.closeErr = errors.Join(a.closeErr, a.clock.Close())
		a.release()
	})
	return a.closeErr
}

func (a *Authority) clockJumped(from, to time.Time) {
	a.log.Warn("the clock jumped", "from", from, "to", to)
}

// Revision is the newest change that this process answers from.
func (a *Authority) Revision() uint64 { return a.revision.Load() }

// SystemOrg is the id of the system org; there is none without an Authority.
func (a *Authority) SystemOrg() OrgID {
	if a == nil {
		return ""
	}
	return a.instance.Load().row.SystemOrg
}
