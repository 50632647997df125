package identity

import (
	"context"
	"maps"
	"time"

	"github.com/claviger-go/claviger/identity/internal/keyring"
	"github.com/claviger-go/claviger/token"
)

// SigningKey is one key of the ring that signs access tokens.
type SigningKey struct {
	ID        string // "kid": the RFC 7638 thumbprint
	Algorithm string
	State     KeyState
	Public    []byte    // SPKI DER
	Sealed    []byte    // the private key, sealed, or its reference; empty once it signs no more
	External  bool      // the private key is kept by Config.KeySource
	CreatedAt time.Time // published from here on
	SignsFrom time.Time // not before this does it sign
	RetiredAt time.Time // it stopped signing; zero while next or current
	EndsAt    time.Time // nothing that it signed lives past this; zero while next or current
	Revision  uint64
}

// KeyState is the life of a signing key.
type KeyState string

// The states of a signing key.
const (
	KeyNext        KeyState = "next"
	KeyCurrent     KeyState = "current"
	KeyRetiring    KeyState = "retiring"
	KeyRetired     KeyState = "retired"
	KeyCompromised KeyState = "compromised"
)

// ring is the signing keys as they are used: one signs, several verify.
type ring struct {
	rows   []SigningKey                 // next, current and retiring
	opened map[string]*token.SigningKey // the unsealed next and current, by id
	signer *token.SigningKey            // the current one
	keys   *token.KeySet
	jwks   []byte
	wake   int64 // something is due from here on, Unix microseconds
}

func (a *Authority) schedule() keyring.Schedule {
	return keyring.Schedule{
		Period:  a.cfg.KeyPeriod,
		Publish: 2 * JWKSMaxAge,
		Retire:  maxTokenLife + 2*maxSkew + JWKSMaxAge, // whatever the life of tokens was when it signed them
	}
}

// loadRing reads and unseals the live signing keys.
func (a *Authority) loadRing(ctx context.Context, tx Txn, inst *instance) (*ring, error) {
	var rows []SigningKey
	for _, state := range []KeyState{KeyNext, KeyCurrent, KeyRetiring} {
		part, err := tx.SigningKeys().Page(ctx, Query{Everywhere: true, Where: []Cond{{Field: FieldState, Value: string(state)}}})
		if err != nil {
			return nil, err
		}
		rows = append(rows, part...)
	}
	var open map[string]*token.SigningKey
	if known := a.instance.Load(); known != nil {
		open = known.ring.opened
	}
	return a.compileRing(ctx, rows, inst, open)
}

// compileRing unseals the current and the next key, unless they are open, and
// builds the set that verifies. A next key is accepted from the moment it is
// published; one that was taken back before it signed has signed nothing.
func (a *Authority) compileRing(ctx context.Context, rows []SigningKey, inst *instance, open map[string]*token.SigningKey) (*ring, error) {
	r := &ring{rows: rows, opened: map[string]*token.SigningKey{}}
	var verify []token.VerifyKey
	for _, row := range rows {
		key, err := token.PublicKeyFromDER(row.Public)
		if err != nil {
			return nil, keyError(row.ID, err)
		}
		verify = append(verify, token.VerifyKey{ID: row.ID, Algorithm: token.Algorithm(row.Algorithm), Key: key})
		if row.State == KeyRetiring {
			continue
		}
		if r.opened[row.ID] = open[row.ID]; r.opened[row.ID] == nil {
			if r.opened[row.ID], err = a.openKey(ctx, row, inst); err != nil {
				return nil, err
			}
		}
		if row.State == KeyCurrent {
			r.signer = r.opened[row.ID]
		}
	}
	var err error
	if r.keys, err = token.NewKeySet(verify...); err != nil {
		return nil, &Error{Kind: ErrKey, Entity: nounSigningKey, Err: err}
	}
	r.jwks = r.keys.JWKS()
	r.wake = a.schedule().Wake(scheduled(rows), time.UnixMicro(a.clock.Now())).UnixMicro()
	return r, nil
}

// due is what the schedule has for a ring now.
func (a *Authority) due(r *ring, now time.Time) []keyring.Step {
	return a.schedule().Due(scheduled(r.rows), now)
}

// scheduled is what the schedule looks at of signing keys.
func scheduled(rows []SigningKey) []keyring.Key {
	var keys []keyring.Key
	for _, row := range rows {
		keys = append(keys, keyring.Key{ID: row.ID, State: keyring.State(row.State), SignsFrom: row.SignsFrom, EndsAt: row.EndsAt})
	}
	return keys
}

// turnRing carries out what the schedule has due. Inside the door it is a
// compare-and-set: it starts from the rows as they are.
func (c *change) turnRing(made []spare) error {
	rows := append([]SigningKey(nil), c.inst.ring.rows...)
	open := maps.Clone(c.inst.ring.opened)
	if open == nil {
		open = map[string]*token.SigningKey{}
	}
	for _, step := range c.a.due(c.inst.ring, c.at) {
		if step.Do == keyring.Make {
			if len(made) == 0 {
				continue // it stays due
			}
			row, err := c.addKey(made[0], step.At)
			if err != nil {
				return err
			}
			rows, open[row.ID], made = append(rows, row), made[0].key, made[1:]
			continue
		}
		for i := range rows {
			if rows[i].ID == step.ID {
				if err := c.moveKey(&rows[i], step); err != nil {
					return err
				}
			}
		}
	}
	live := make([]SigningKey, 0, len(rows))
	for _, row := range rows {
		if row.State != KeyRetired && row.State != KeyCompromised {
			live = append(live, row)
		}
	}
	next := *c.inst
	var err error
	if next.ring, err = c.a.compileRing(c.ctx, live, &next, open); err != nil {
		return err
	}
	c.inst = &next
	return nil
}

func (c *change) addKey(s spare, signsFrom time.Time) (SigningKey, error) {
	if s.with != c.inst.sealer {
		return SigningKey{}, &Error{Kind: ErrBusy, Entity: nounSigningKey, Err: errText("everything was sealed anew meanwhile")}
	}
	row := s.row(c.at, signsFrom, c.revision())
	if err := c.tx.SigningKeys().Insert(c.ctx, row); err != nil {
		return SigningKey{}, err
	}
	return row, c.record(c.inst.row.SystemOrg, nounSigningKey, row.ID, "create", nil, row.public())
}

func (c *change) moveKey(row *SigningKey, step keyring.Step) error {
	before := row.public()
	var verb string
	switch step.Do {
	case keyring.Retire:
		verb, row.State, row.Sealed, row.RetiredAt, row.EndsAt = "retire", KeyRetiring, nil, c.at, step.At
	case keyring.Promote:
		verb, row.State = "promote", KeyCurrent
		if row.SignsFrom.After(c.at) {
			row.SignsFrom = c.at
		}
	case keyring.Drop:
		verb, row.State, row.Sealed = "drop", KeyRetired, nil
	}
	row.Revision = c.revision()
	if err := c.tx.SigningKeys().Update(c.ctx, *row); err != nil {
		return err
	}
	return c.record(c.inst.row.SystemOrg, nounSigningKey, row.ID, verb, before, row.public())
}

// public is the row without its private half, for the log.
func (k SigningKey) public() SigningKey {
	k.Sealed = nil
	return k
}

// currentRing returns the ring, turned first when something is due. While
// turning fails, or somebody else does it, the keys that are there go on: a
// signer is good until its successor has been published for long enough. It
// fails, and returns the ring all the same, only when there is no signer.
func (a *Authority) currentRing(ctx context.Context) (*ring, error) {
	r, due := a.ringDue()
	if !due || r.signer != nil && !a.turning.TryLock() {
		return r, r.able()
	}
	if r.signer == nil {
		a.turning.Lock() // whoever has it turns, which is bounded
	}
	defer a.turning.Unlock()
	if r, due = a.ringDue(); !due {
		return r, r.able()
	}
	err := a.turn(ctx, a.instance.Load())
	r = a.instance.Load().ring
	if err != nil {
		a.unturned.Store(a.clock.Now())
		a.log.Error("the key ring could not be turned; the keys that are there go on", "err", err)
	}
	if err == nil || r.signer != nil {
		err = r.able()
	}
	return r, err
}

// ringDue reports whether the ring is to be turned, and was not tried just now.
func (a *Authority) ringDue() (*ring, bool) {
	r, now := a.instance.Load().ring, a.clock.Now()
	if now < r.wake {
		return r, false
	}
	pause := turnPause
	if r.signer == nil {
		pause = turnPauseUnable
	}
	failed := a.unturned.Load()
	return r, failed == 0 || now >= failed+pause.Microseconds()
}

// able fails when no key signs.
func (r *ring) able() error {
	if r.signer == nil {
		return &Error{Kind: ErrBusy, Entity: nounSigningKey, Err: errText("no key is current, and none could be made yet")}
	}
	return nil
}

const (
	turnPause       = 10 * time.Second // between two tries to turn the ring
	turnPauseUnable = time.Second      // while there is no key that signs
	turnWait        = 2 * time.Second  // for sealing a new key
)

func (a *Authority) turn(ctx context.Context, inst *instance) error {
	sealing, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	made, err := a.spares(sealing, inst, a.due(inst.ring, time.UnixMicro(a.clock.Now())))
	if err != nil {
		return err
	}
	return a.commit(ctx, actor{system: true, reason: "the key schedule"}, "turn ring", "", func(c *change) error {
		if c.now < c.inst.ring.wake {
			return nil // somebody was faster
		}
		return c.turnRing(made)
	})
}
