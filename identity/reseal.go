package identity

import (
	"bytes"
	"context"
	"time"

	"github.com/claviger-go/claviger/token"
)

// Reseal seals everything that is sealed in the database anew, with another
// key, in one transaction: after it only the new key opens the database, before
// it and after any failure only the old one does. What is sealed keeps its
// value, so nothing dies: no token, no cursor, no chain of the log. This process
// goes on with the new key; then the host puts it into [Config.Seal]. A key file
// of the new Seal that is not there yet is made.
//
// A host that is to survive a crash between the two starts with
// token.SealEither(new, old) first, and takes new alone afterwards. So do all
// processes that share the database: one that has only the old key denies
// everything until it is restarted with the new one.
//
// It is for the host only. It fails with ErrInvalid for a Seal that cannot be
// used, with ErrKey when the new key does not open what it has sealed, and with
// ErrBusy when a service that keeps a key fails or does not answer in time, or the
// ring turned meanwhile.
func (s *Admin) Reseal(ctx context.Context, seal token.Seal) error {
	const op = "Reseal"
	if !s.who.system {
		return &Error{Kind: ErrDenied, Op: op, Entity: nounInstance, Err: errText("only System seals anew")}
	}
	if err := s.checkActor(); err != nil {
		return wrap(op, err)
	}
	sealer, err := seal.Open(true)
	if err != nil {
		return wrap(op, &Error{Kind: ErrInvalid, Entity: nounInstance, Field: "Seal", Err: err})
	}
	sealing, cancel := context.WithTimeout(ctx, resealWait)
	defer cancel()
	boxes, err := resealed(sealing, s.a.instance.Load(), sealer)
	if err != nil {
		return wrap(op, err)
	}
	s.a.resealing.Store(sealer)
	return s.write(ctx, op, s.a.SystemOrg(), func(c *change) error { return c.reseal(boxes, sealer) })
}

// resealWait bounds sealing anew: a few keys and the instance secret.
const resealWait = 30 * time.Second

// box is one sealed text and what takes its place.
type box struct{ old, new []byte }

// resealed makes what is to take the place of all that is sealed, by the ids of
// the signing keys and, for the instance secret, the empty text. It is made
// before the door is entered.
func resealed(ctx context.Context, inst *instance, sealer *token.Sealer) (map[string]box, error) {
	boxes := map[string]box{}
	add := func(id string, old, aad []byte) error {
		b, err := resealOne(ctx, inst.sealer, sealer, old, aad)
		boxes[id] = b
		return err
	}
	if err := add("", inst.row.SealedSecret, inst.row.sealedSecretAAD()); err != nil {
		return nil, &Error{Kind: keyFailure(err), Entity: nounInstance, Err: err}
	}
	for _, k := range inst.ring.rows {
		if len(k.Sealed) == 0 {
			continue
		}
		if err := add(k.ID, k.Sealed, inst.row.keyAAD(k)); err != nil {
			return nil, keyError(k.ID, err)
		}
	}
	return boxes, nil
}

func resealOne(ctx context.Context, from, to *token.Sealer, old, aad []byte) (box, error) {
	plain, err := from.Open(ctx, old, aad)
	if err != nil {
		return box{}, err
	}
	sealed, err := to.Seal(ctx, plain, aad)
	if err != nil {
		return box{}, err
	}
	again, err := to.Open(ctx, sealed, aad)
	if err == nil && !bytes.Equal(again, plain) {
		err = errText("the new key opens what it has sealed as something else")
	}
	return box{old, sealed}, err
}

// reseal puts the boxes in their places, if what they were made of is still there.
func (c *change) reseal(boxes map[string]box, sealer *token.Sealer) error {
	next, ring := *c.inst, *c.inst.ring
	row, taken := next.row, 0
	take := func(id string, sealed *[]byte) bool {
		b, ok := boxes[id]
		if !ok || !bytes.Equal(b.old, *sealed) {
			return false
		}
		*sealed, taken = b.new, taken+1
		return true
	}
	moved := &Error{Kind: ErrBusy, Entity: nounInstance, Err: errText("the key ring turned meanwhile")}
	if !take("", &row.SealedSecret) {
		return moved
	}
	if err := c.tx.Instance().Save(c.ctx, row); err != nil {
		return err
	}
	ring.rows = append([]SigningKey(nil), ring.rows...)
	for i := range ring.rows {
		k := &ring.rows[i]
		if len(k.Sealed) == 0 {
			continue
		}
		if !take(k.ID, &k.Sealed) {
			return moved
		}
		k.Revision = c.revision()
		if err := c.tx.SigningKeys().Update(c.ctx, *k); err != nil {
			return err
		}
	}
	if taken != len(boxes) {
		return moved
	}
	before := next.row.public()
	next.row, next.ring, next.sealer = row, &ring, sealer
	c.inst = &next
	return c.record(row.SystemOrg, nounInstance, "1", "reseal", before, row.public())
}

// public is the row without its secret, for the log.
func (r Instance) public() Instance {
	r.SealedSecret = nil
	return r
}
