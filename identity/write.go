package identity

import (
	"context"
	"errors"

	"github.com/claviger-go/claviger/policy"
)

// Tx is several management calls that happen together or not at all.
type Tx struct {
	a    *Authority
	tx   WriteTxn
	cand candidate
	done bool
	lost error // a part could not be undone: nothing of the whole may be kept

	committed []func() // called once it is
}

// Write runs fn with a transaction of its own: what its calls do is committed
// and published together, as one revision, when fn returns nil, and leaves no
// trace otherwise, in this process either: not even what it took from somebody
// counts when it could not be stored. It is bounded by Config.MaxWrite, which is the deadline of
// the context that fn gets; a call made after it fails with ErrBusy.
//
// Inside fn, calls go through tx. A management call on the Authority with fn's
// context fails with ErrNested; one with another context waits for its turn,
// which cannot come before fn returns, and fails with ErrBusy. Authorize
// answers from what is published. fn runs at most once.
func (a *Authority) Write(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	var own error // of fn
	var committed []func()
	err := a.enter(ctx, a.door.Alone, func(wtx WriteTxn, cand candidate) (candidate, error) {
		inner, cancel := context.WithTimeout(context.WithValue(ctx, nestedKey{a}, true), a.cfg.MaxWrite)
		defer cancel()
		tx := &Tx{a: a, tx: wtx, cand: cand}
		defer func() { tx.done = true }()
		if own = fn(inner, tx); own != nil {
			return cand, own
		}
		if tx.lost != nil {
			return cand, tx.lost
		}
		if inner.Err() != nil {
			return cand, &Error{Kind: ErrBusy, Err: errText("the transaction took longer than MaxWrite")}
		}
		committed = tx.committed
		return tx.cand.complete(), nil
	})
	if err == nil {
		for _, f := range committed {
			f()
		}
	}
	if own != nil && errors.Is(err, own) {
		return err // as the caller's own function made it
	}
	return wrap("Write", err)
}

// System acts as the host itself; see [Authority.System].
func (t *Tx) System(reason string) *Admin {
	return &Admin{a: t.a, who: actor{system: true, reason: reason}, tx: t}
}

// As acts as a principal, checked against its rights as this transaction has
// left them so far; see [Authority.As].
func (t *Tx) As(p Principal) *Admin {
	return &Admin{a: t.a, who: actor{principal: p.p}, tx: t}
}

func (t *Tx) usable(ctx context.Context) error {
	if t.a == nil || t.done {
		return &Error{Kind: ErrInvalid, Entity: "transaction", Err: errText("used outside of Write")}
	}
	if ctx.Err() != nil {
		return &Error{Kind: ErrBusy, Err: ctx.Err()}
	}
	return t.lost
}

// step is one call inside the transaction. What fails is undone alone, so that
// the caller may go on.
func (t *Tx) step(ctx context.Context, who actor, op string, org OrgID, fn func(*change) error) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	if err := t.tx.Savepoint(); err != nil {
		t.lost = err
		return err
	}
	kept := false
	defer func() {
		if kept {
			return
		}
		if err := t.tx.RollbackTo(); err != nil {
			t.lost = err
		}
	}()
	next, err := t.a.perform(ctx, t.tx, t.cand, who, op, org, fn)
	if err != nil {
		return err
	}
	kept = true
	if err := t.tx.Release(); err != nil {
		t.lost = err
		return err
	}
	t.cand = next
	return nil
}

// look reads inside the transaction.
func (t *Tx) look(ctx context.Context, who actor, op string, org OrgID, fn func(context.Context, Txn) error) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	c := t.a.newChange(ctx, t.tx, t.cand, who, op, org)
	if err := c.permit(policy.Root); err != nil {
		return err
	}
	err := fn(c.ctx, t.tx)
	if errors.Is(err, ErrStorage) || errors.Is(err, ErrBusy) {
		t.lost = err // the engine may have given the whole transaction up
	}
	return err
}
