package identity

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"github.com/claviger-go/claviger/identity/internal/cursor"
)

// Instance is the one row that a database has about itself.
type Instance struct {
	Incarnation  string // random; names this history of the database
	SystemOrg    OrgID
	SealedSecret []byte // 32 random bytes, sealed; MAC and cursor keys come from it
	MinRevision  uint64 // tokens and sessions issued before this revision are dead
	CreatedAt    time.Time
}

// instance is the published state of the database itself.
type instance struct {
	row     Instance
	macKey  []byte // chains the log
	cursors *cursor.Sealer
	ring    *ring
}

const secretBytes = 32

// sealedSecretAAD and keyAAD bind a sealed value to its place: moved to
// another row, column, table or database, it does not open.
func (r Instance) sealedSecretAAD() []byte {
	return []byte("claviger/" + string(r.SystemOrg) + "/identity_instance/sealed_secret/1")
}

func (r Instance) keyAAD(id string) []byte {
	return []byte("claviger/" + string(r.SystemOrg) + "/identity_signing_key/sealed/" + id)
}

// openInstance derives the keys that come from the instance secret.
func (a *Authority) openInstance(ctx context.Context, row Instance) (*instance, error) {
	secret, err := a.sealer.Open(ctx, row.SealedSecret, row.sealedSecretAAD())
	if err != nil {
		return nil, &Error{Kind: ErrKey, Entity: "instance", Err: err}
	}
	macKey, err := hkdf.Key(sha256.New, secret, nil, "claviger/event-chain/v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	cursorKey, err := hkdf.Key(sha256.New, secret, nil, "claviger/cursor/v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	sealer, err := cursor.New(cursorKey)
	if err != nil {
		return nil, err
	}
	return &instance{row: row, macKey: macKey, cursors: sealer}, nil
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
	inst.ring, err = a.loadRing(ctx, tx, row)
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
	secret, err := a.randomBytes(secretBytes)
	if err != nil {
		return err
	}
	row := Instance{Incarnation: incarnation, SystemOrg: system, CreatedAt: c.at}
	if row.SealedSecret, err = a.sealer.Seal(c.ctx, secret, row.sealedSecretAAD()); err != nil {
		return &Error{Kind: ErrKey, Entity: "instance", Err: err}
	}
	if c.inst, err = a.openInstance(c.ctx, row); err != nil {
		return err
	}
	if err := c.tx.Instance().Save(c.ctx, row); err != nil {
		return err
	}
	org := Org{ID: system, Slug: SystemSlug, DisplayName: "System", State: OrgActive, Meta: c.created()}
	if err := c.insertOrg(org); err != nil {
		return err
	}
	public := row
	public.SealedSecret = nil
	if err := c.record(system, nounInstance, "1", "create", nil, public); err != nil {
		return err
	}
	c.inst.ring = &ring{}
	made, err := a.spares(c.ctx, row, a.due(c.inst.ring, c.at)) // nobody else is at the door of a new database
	if err != nil {
		return err
	}
	return c.turnRing(made)
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
