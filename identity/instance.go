package identity

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"github.com/claviger-go/claviger/identity/internal/challenge"
	"github.com/claviger-go/claviger/identity/internal/cursor"
	"github.com/claviger-go/claviger/token"
)

// Instance is the one row that a database has about itself.
type Instance struct {
	Incarnation  string // random; names this history of the database
	SystemOrg    OrgID
	SealedSecret []byte // 32 random bytes, sealed; MAC and cursor keys come from it
	MinRevision  uint64 // tokens and sessions issued before this revision are dead
	// MinTokenRevision is MinRevision for access tokens only: a signing key was
	// compromised, and any of them may have been had with one that it signed.
	MinTokenRevision uint64
	CreatedAt        time.Time
}

// instance is the published state of the database itself.
type instance struct {
	row      Instance
	sealer   *token.Sealer // what the database is sealed with
	macKey   []byte        // chains the log
	fenceKey []byte        // of the sidecar
	inputKey []byte        // of what calls with an idempotency key were called with
	fencedAt int64         // when the fence was last raised, Unix microseconds; 0 for never
	cursors  *cursor.Sealer
	tickets  *challenge.Sealer
	ring     *ring
}

const secretBytes = 32

// sealedSecretAAD and keyAAD bind a sealed value to its place: moved to
// another row, column, table or database, it does not open.
func (r Instance) sealedSecretAAD() []byte {
	return []byte("claviger/" + string(r.SystemOrg) + "/identity_instance/sealed_secret/1")
}

func (r Instance) keyAAD(k SigningKey) []byte {
	column := "/identity_signing_key/sealed/"
	if k.External {
		column = "/identity_signing_key/sealed/external/" // a key is never taken for a reference, and shown to who keeps keys
	}
	return []byte("claviger/" + string(r.SystemOrg) + column + k.ID)
}

// outdated reports whether a principal was proven before everything of its kind
// was ended. Who made an enroll code for itself may have come by a token: it ends
// with tokens.
func (i *instance) outdated(p *principal) bool {
	return p.issued < i.row.MinRevision || (p.tokenID != "" || p.way == WayEnrollCode) && p.issued < i.row.MinTokenRevision
}

// signedOut reports whether more is outdated in the next instance.
func (i *instance) signedOut(next *instance) bool {
	return i.row.MinRevision != next.row.MinRevision || i.row.MinTokenRevision != next.row.MinTokenRevision
}

// openSecret unseals the instance secret, with the key that is in use, or with
// the one that took over in a change whose outcome was unknown.
func (a *Authority) openSecret(ctx context.Context, row Instance) (secret []byte, with *token.Sealer, err error) {
	sealers := []*token.Sealer{a.sealer}
	if inst := a.instance.Load(); inst != nil {
		sealers[0] = inst.sealer
	}
	if next := a.resealing.Load(); next != nil {
		sealers = append(sealers, next)
	}
	for _, with = range sealers {
		secret, failed := with.Open(ctx, row.SealedSecret, row.sealedSecretAAD())
		if failed == nil {
			return secret, with, nil
		}
		err = errors.Join(err, failed) // one that could not be asked may be the right one
	}
	return nil, nil, &Error{Kind: keyFailure(err), Entity: nounInstance, Err: err}
}

// openInstance derives the keys that come from the instance secret.
func (a *Authority) openInstance(ctx context.Context, row Instance) (*instance, error) {
	secret, with, err := a.openSecret(ctx, row)
	if err != nil {
		return nil, err
	}
	macKey, err := hkdf.Key(sha256.New, secret, nil, "claviger/event-chain/v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	fenceKey, err := hkdf.Key(sha256.New, secret, nil, "claviger/fence/v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	inputKey, err := hkdf.Key(sha256.New, secret, nil, "claviger/idempotency/v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	cursorKey, err := hkdf.Key(sha256.New, secret, []byte(row.Incarnation), "claviger/cursor/v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	sealer, err := cursor.New(cursorKey)
	if err != nil {
		return nil, err
	}
	ticketKey, err := hkdf.Key(sha256.New, secret, nil, "claviger/challenge/v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	tickets, err := challenge.New(ticketKey)
	if err != nil {
		return nil, err
	}
	return &instance{row: row, sealer: with, macKey: macKey, fenceKey: fenceKey, inputKey: inputKey, cursors: sealer, tickets: tickets}, nil
}

// loadInstance reads the instance row and the key ring.
func (a *Authority) loadInstance(ctx context.Context, tx Txn) (*instance, error) {
	row, err := tx.Instance().Load(ctx)
	if err != nil {
		return nil, err
	}
	inst, err := a.openInstance(ctx, row)
	if err != nil {
		return nil, err
	}
	if inst.fencedAt, err = fencedAt(ctx, tx); err != nil {
		return nil, err
	}
	inst.ring, err = a.loadRing(ctx, tx, inst)
	return inst, err
}

// bootstrap fills a new database: its own row, the system org and the first
// signing keys, in one change. In a database that another process has filled
// meanwhile it only reads.
func (a *Authority) bootstrap(ctx context.Context) error {
	return a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		_, err := tx.Instance().Load(ctx)
		if err == nil {
			cand.instance, err = a.loadInstance(ctx, tx)
			return cand, err
		}
		if !errors.Is(err, ErrNotFound) {
			return cand, err
		}
		c := a.newChange(ctx, tx, cand, actor{system: true, reason: "a new database"}, "New", "")
		if err := c.fill(); err != nil {
			return cand, err
		}
		next, err := c.finish()
		return next.complete(), err
	})
}

func (c *change) fill() error {
	a := c.a
	system, err := newID[Org]("or_", c.at, a.cfg.Random)
	if err != nil {
		return err
	}
	incarnation, err := newULID(c.at, a.cfg.Random)
	if err != nil {
		return err
	}
	row := Instance{Incarnation: incarnation, SystemOrg: system, CreatedAt: c.at}
	if c.inst, err = a.newSecret(c.ctx, row); err != nil {
		return err
	}
	row = c.inst.row
	if err := c.tx.Instance().Save(c.ctx, row); err != nil {
		return err
	}
	org := Org{ID: system, Slug: SystemSlug, DisplayName: "System", State: OrgActive, Meta: c.created()}
	if err := c.insertOrg(org); err != nil {
		return err
	}
	if err := c.record(system, nounInstance, "1", "create", nil, row.public()); err != nil {
		return err
	}
	c.inst.ring = &ring{}
	made, err := a.spares(c.ctx, c.inst, a.due(c.inst.ring, c.at)) // nobody else is at the door of a new database
	if err != nil {
		return err
	}
	return c.turnRing(made)
}

// newSecret gives an instance a new secret, sealed with the configured key.
func (a *Authority) newSecret(ctx context.Context, row Instance) (*instance, error) {
	secret, err := a.randomBytes(secretBytes)
	if err != nil {
		return nil, err
	}
	if row.SealedSecret, err = a.sealer.Seal(ctx, secret, row.sealedSecretAAD()); err != nil {
		return nil, &Error{Kind: keyFailure(err), Entity: nounInstance, Err: err}
	}
	return a.openInstance(ctx, row)
}

func (a *Authority) randomBytes(n int) ([]byte, error) {
	random := a.cfg.Random
	if random == nil {
		random = rand.Reader
	}
	b := make([]byte, n)
	_, err := io.ReadFull(random, b)
	return b, err
}
