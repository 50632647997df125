package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// IdempotencyKey is what a call with an idempotency key has made.
type IdempotencyKey struct {
	Org   OrgID     // that the call concerned
	Actor string    // who made it: an account id, or "system"; in a delegation every actor of it
	Op    string    // the method
	Key   string    // the caller's name for the call
	Input []byte    // HMAC-SHA256 of what it was called with, by a key of the instance
	Made  []string  // the ids of what it made, the thing itself first; "" for a part that it did not make
	Until time.Time // until here the key means this call
}

// WithIdempotencyKey makes calls that may have been made before, such as by a
// client that got no answer. A call that makes one thing with an id of ours makes
// it once for each key: CreateOrg, CreateUser, CreateServiceAccount, Invite,
// ResendInvitation, CreateGroup, CreateRole, CreateBinding, AddPublicKey,
// CreateAPIToken, CreateClientSecret, NewEnrollCode, RotatePublicKey and RotateSecret.
//
// The same method with the same key and input returns what the first call made,
// as it is now, with Created false. A secret is told once: of a repeated call it is
// zero. The call changes nothing and is not in the log, but takes the permission
// that the method takes. With another input it fails with ErrConflict, which names
// what the first call made to whoever could have repeated that. What was deleted
// meanwhile is not made again: the call fails with ErrNotFound. A credential that
// was revoked is still there, and says so. The proof of a public key is no part of
// the input: it may be a new one.
//
// A key is the actor's own, for one method in one org; in a delegation it is that
// of all actors together, and that of System one for the whole host: who lets
// strangers choose keys puts who asked into them. It is remembered for Config.IdempotencyFor, together with
// what was made or not at all: a call that failed leaves none. Within
// [Authority.Write] it is part of the whole.
//
// A key has 1 to 128 bytes of printable ASCII without spaces; with another every
// call fails with ErrInvalid. InviteMany fails with ErrInvalid, since a key is for
// one thing. Other calls take no notice of it: Ensure finds what is there, Elevate
// replaces what it made, and changes of state say that nothing changed.
func (s *Admin) WithIdempotencyKey(key string) *Admin {
	with := *s
	with.who.key, with.who.keyed = key, true
	return &with
}

// WithIdempotencyKey is [Admin.WithIdempotencyKey] in the same org.
func (o *OrgAdmin) WithIdempotencyKey(key string) *OrgAdmin {
	return o.Admin.WithIdempotencyKey(key).In(o.org)
}

func validIdempotencyKey(key string) bool {
	return key != "" && len(key) <= 128 && visible(key)
}

// repeatable are the calls that heed an idempotency key; a test holds the doc of
// WithIdempotencyKey to it.
func repeatable(op string) bool {
	switch op {
	case "CreateOrg", "CreateUser", "CreateServiceAccount", "Invite", "ResendInvitation", "CreateGroup", "CreateRole", "CreateBinding",
		"AddPublicKey", "CreateAPIToken", "CreateClientSecret", "NewEnrollCode", "RotatePublicKey", "RotateSecret":
		return true
	}
	return false
}

// creation is a call that makes one thing.
type creation[T any] struct {
	noun      string
	input     any                                       // all that it is called with, but for proofs
	authorize func(*change) error                       // permits it, unless it is simply checked at Root
	create    func(*change) (T, error)                  // makes it
	ids       func(T) []string                          // what to keep of it
	find      func(c *change, made []string) (T, error) // what was made, to who may see it; without secrets
}

// create runs a call that makes one thing, or returns what it made before.
func create[T any](ctx context.Context, s *Admin, op string, org OrgID, call creation[T]) (out T, err error) {
	err = s.write(ctx, op, org, func(c *change) (err error) {
		out, err = call.run(c)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return out, nil
}

// run is one call in its transaction.
func (call creation[T]) run(c *change) (out T, err error) {
	if call.authorize != nil {
		if err := call.authorize(c); err != nil {
			return out, err
		}
	}
	if c.who.keyed && repeatable(c.op) {
		return createKeyed(c, call)
	}
	return call.create(c)
}

// createKeyed is create with an idempotency key, which is kept in the transaction
// that makes the thing.
func createKeyed[T any](c *change, call creation[T]) (out T, err error) {
	row := IdempotencyKey{Org: c.org, Actor: c.who.names(), Op: c.op, Key: c.who.key, Until: c.at.Add(c.a.cfg.IdempotencyFor)}
	if row.Input, err = c.inst.inputMAC(call.input); err != nil {
		return out, &Error{Kind: ErrInvalid, Entity: call.noun, Err: err}
	}
	keys := c.tx.IdempotencyKeys()
	before, err := keys.Find(c.ctx, row.Org, row.Actor, row.Op, row.Key)
	switch {
	case err == nil && before.Until.After(c.at):
		return repeat(c, call, before, row.Input)
	case err != nil && !errors.Is(err, ErrNotFound):
		return out, err
	}
	if out, err = call.create(c); err != nil {
		return out, err
	}
	row.Made = call.ids(out)
	return out, keys.Put(c.ctx, row)
}

// repeat returns what a call made before, if it had the same input.
func repeat[T any](c *change, call creation[T], before IdempotencyKey, input []byte) (out T, err error) {
	out, err = call.find(c, before.Made)
	if hmac.Equal(before.Input, input) || errors.Is(err, ErrStorage) || errors.Is(err, ErrBusy) {
		return out, err
	}
	first := before.Made[0]
	if err != nil { // it is gone, or not for this actor any more
		first = ""
	}
	var none T
	return none, conflict(call.noun, first, "IdempotencyKey", "the key was used for another input")
}

// inputMAC is what is kept of an input: enough to know it again, for who has the
// key.
func (i *instance) inputMAC(input any) ([]byte, error) {
	text, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, i.inputKey)
	mac.Write(text)
	return mac.Sum(nil), nil
}

// names are all who act, together.
func (w actor) names() string {
	if w.system {
		return w.name()
	}
	var all []string
	for _, p := range w.principal.all() {
		all = append(all, string(p.account))
	}
	return strings.Join(all, "/")
}

const (
	forgetEvery = time.Hour
	forgetBatch = 500 // keys forgotten in one turn at the door, so that others need not wait long
)

// forgetIdempotencyKeys lets go of keys that have ended. Whether they are there
// does not matter to any call.
func (a *Authority) forgetIdempotencyKeys(ctx context.Context) error {
	for n := forgetBatch; n == forgetBatch; {
		err := a.do(ctx, func(tx WriteTxn, cand candidate) (_ candidate, err error) {
			n, err = tx.IdempotencyKeys().Sweep(context.WithoutCancel(ctx), timeOf(a.clock.Now()), forgetBatch)
			return cand, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
