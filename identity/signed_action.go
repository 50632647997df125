package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
	"sync/atomic"

	"github.com/claviger-go/claviger/identity/internal/challenge"
)

// SignedAction is a request that its caller has signed, and that is not done
// yet. It comes from [Authority.VerifyAction] or [Authority.VerifyRequest]; what is
// said of the token is said of the signature of the latter. The action is to be done after the
// token was used up, by Consume, or in the transaction that uses it up, by
// ConsumeTx: then it is done at most once. Nil is nobody's, and cannot be
// consumed.
type SignedAction struct {
	a        *Authority
	digest   [sha256.Size]byte
	asker    *principal // who asked for the challenge
	by       Principal
	used     once
	proof    proof // for the log
	consumed atomic.Bool
}

// VerifyAction verifies an action token and that it was made for the request that
// came with it, which of says. Of is called once, after everything else: what it
// costs to read a body is not spent on strangers; its error is returned as it is.
// From is the address of the caller, for what is good in some networks only; the zero
// value is in none. VerifyAction writes nothing: the same token verifies until it is
// consumed. It fails like Authenticate, with one text for strangers.
func (a *Authority) VerifyAction(ctx context.Context, raw string, from netip.Addr, of func() (Action, error)) (*SignedAction, error) {
	s, err := a.verifyAction(ctx, raw, from)
	return a.compared("VerifyAction", WayAction, s, err, of)
}

// compared holds what a proof was made for, if it is good, to the request that it came
// with, which of says.
func (a *Authority) compared(op string, way Way, s *SignedAction, err error, of func() (Action, error)) (*SignedAction, error) {
	if err != nil {
		a.turnedAway(way, "", err)
		return nil, wrap(op, err)
	}
	action, err := of()
	if err != nil {
		return nil, err
	}
	if err := s.matches(action); err != nil {
		a.turnedAway(way, s.by.Org(), err)
		return nil, wrap(op, err)
	}
	return s, nil
}

// verifyAction is VerifyAction of the token alone.
func (a *Authority) verifyAction(ctx context.Context, raw string, from netip.Addr) (*SignedAction, error) {
	now := a.clock.Now()
	if err := a.answers(ctx, now); err != nil {
		return nil, err
	}
	claims, used, err := a.readAction(ctx, useActionToken, raw, now)
	if err != nil {
		return nil, err
	}
	asker, err := a.asker(ctx, claims, now)
	if err != nil {
		return nil, err
	}
	if err := a.within(ctx, asker, from); err != nil {
		return nil, err
	}
	by, err := a.admit(ctx, WayAction, claims.by(*asker, used.nonce, used.until.UnixMicro()), now)
	if err != nil {
		return nil, err
	}
	return &SignedAction{a: a, digest: claims.digest, asker: asker, by: by, used: used, proof: claims.proof(a.cfg.Issuer)}, nil
}

// matches fails unless an action is the one that was signed.
func (s *SignedAction) matches(action Action) error {
	digest, err := action.Digest()
	if err != nil {
		return refuse(nil, err)
	}
	if subtle.ConstantTimeCompare(digest[:], s.digest[:]) != 1 {
		return refuse(nil, errText("the token was made for another request"))
	}
	return nil
}

// Principal is who does the action: the account, by the key that signed, with
// what the principal that asked for the challenge was cut down to. It ends with
// the token.
func (s *SignedAction) Principal() Principal {
	if s == nil {
		return Principal{}
	}
	return s.by
}

// Consumed reports whether the token was used up through this SignedAction: by
// Consume, or by a transaction that was committed.
func (s *SignedAction) Consumed() bool { return s != nil && s.consumed.Load() }

// Consume uses the token up. Once it returns nil, that is durable, and nobody else
// can; the log of the org has an event with the signature, see [ActionEvidence]. It
// fails like Authenticate when the token was used before or all that it
// stands on is no longer alive, and with ErrNested inside Write.
func (s *SignedAction) Consume(ctx context.Context) error {
	if s == nil {
		return wrap("Consume", refuse(nil, errText("nothing was signed")))
	}
	err := s.a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		next, err := s.consume(ctx, tx, cand)
		return next.complete(), err
	})
	if err != nil {
		s.a.turnedAway(s.by.Way(), s.by.Org(), err)
		return wrap("Consume", err)
	}
	s.done()
	return nil
}

// ConsumeTx is Consume in the transaction of [Authority.Write]: the token is used
// up if that is committed, and as good as before if it is not.
func (s *SignedAction) ConsumeTx(ctx context.Context, tx *Tx) error {
	if s == nil {
		return wrap("ConsumeTx", refuse(nil, errText("nothing was signed")))
	}
	if tx == nil || tx.a != s.a {
		return wrap("ConsumeTx", invalid("transaction", "Tx", "is absent, or of another authority"))
	}
	if err := tx.usable(ctx); err != nil {
		return wrap("ConsumeTx", err)
	}
	next, err := s.consume(ctx, tx.tx, tx.cand)
	if err == nil {
		tx.cand = next
		tx.committed = append(tx.committed, s.done)
	} else if !errors.Is(err, ErrUnauthenticated) {
		tx.lost = err // the engine may have given the whole transaction up
	}
	return wrap("ConsumeTx", err)
}

// consume uses the token up in a transaction, and records it.
func (s *SignedAction) consume(ctx context.Context, tx WriteTxn, cand candidate) (candidate, error) {
	c := s.a.newChange(ctx, tx, cand, actor{principal: s.by.p}, "Consume", s.by.Org())
	if err := s.a.spendActionIn(c.ctx, tx, cand, s.asker, s.by.p, s.used); err != nil {
		return cand, err
	}
	if err := c.recordAction(s); err != nil {
		return cand, err
	}
	return c.finish()
}

func (s *SignedAction) done() {
	s.consumed.Store(true)
	s.a.came(s.by.p, s.a.clock.Now())
}

// readAction reads the text of a challenge for an action, or of a token for it.
func (a *Authority) readAction(ctx context.Context, use, text string, now int64) (actionClaims, once, error) {
	used, err := a.unseal(a.instance.Load(), ticket{use: use}, text, now)
	if err != nil {
		return actionClaims{}, once{}, refuse(ErrUnauthenticated, err)
	}
	carried, err := challenge.Carried(text)
	if err != nil {
		return actionClaims{}, once{}, refuse(nil, err)
	}
	claims, ok := decodeActionClaims(carried)
	if !ok {
		return actionClaims{}, once{}, refuse(nil, errText("the text does not say what it was made for"))
	}
	return claims, used, a.notAhead(ctx, max(claims.issued, claims.signed))
}

// asker is the principal that asked for a challenge, as it is now.
func (a *Authority) asker(ctx context.Context, claims actionClaims, now int64) (*principal, error) {
	p, err := claims.asker(a)
	if err != nil {
		return nil, refuse(nil, err)
	}
	asker, err := a.admit(ctx, WayAction, p, now)
	return asker.p, err
}

// spendAction uses a challenge up.
func (a *Authority) spendAction(ctx context.Context, asker, by *principal, used once) error {
	return a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		return cand, a.spendActionIn(context.WithoutCancel(ctx), tx, cand, asker, by, used)
	})
}

// spendActionIn asks once more whether both who asked and who signed are alive.
func (a *Authority) spendActionIn(ctx context.Context, tx WriteTxn, cand candidate, asker, by *principal, used once) error {
	if err := a.aliveIn(ctx, tx, cand, asker, a.clock.Now()); err != nil {
		return err
	}
	return a.spendIn(ctx, tx, cand, by, used)
}
