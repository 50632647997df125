package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// once is what a proof uses up with its success, so that it succeeds only once.
type once struct {
	scope, nonce string    // its name among all proofs
	until        time.Time // from here on it is refused whether or not it was used
}

// onceOf is what an assertion uses up: its id, for its credential only.
func (a *Authority) onceOf(p *principal, proof token.Assertion) once {
	nonce := sha256.Sum256([]byte(proof.ID))
	return once{scope: string(p.credential), nonce: hex.EncodeToString(nonce[:]), until: proof.Expiry.Add(a.cfg.Skew)}
}

// issue signs a token and then uses the assertion up, in the transaction that
// asks once more whether everything is alive. A token that was signed in vain
// is forgotten: nobody has seen it.
func (a *Authority) issue(ctx context.Context, p *principal, proof token.Assertion, now int64) (AccessToken, error) {
	if err := a.unused(proof.IssuedAt); err != nil {
		return AccessToken{}, err
	}
	return a.issueOnce(ctx, p, a.onceOf(p, proof), now)
}

// issueOnce is issue for any proof.
func (a *Authority) issueOnce(ctx context.Context, p *principal, used once, now int64) (AccessToken, error) {
	t, err := a.sign(ctx, p, now)
	if err != nil {
		return AccessToken{}, err
	}
	if err := a.spend(ctx, p, used); err != nil {
		return AccessToken{}, err
	}
	return t, nil
}

// useUp records the assertion's id.
func (a *Authority) useUp(ctx context.Context, p *principal, proof token.Assertion) error {
	if err := a.unused(proof.IssuedAt); err != nil {
		return err
	}
	return a.spend(ctx, p, a.onceOf(p, proof))
}

// spend uses a proof up, in a transaction that asks once more whether all that
// its principal stands on is alive. Nonces pass the door without event or
// revision.
func (a *Authority) spend(ctx context.Context, p *principal, used once) error {
	err := a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		return cand, a.spendIn(context.WithoutCancel(ctx), tx, cand, p, used)
	})
	if err == nil {
		a.came(p, a.clock.Now())
	}
	return err
}

// spendIn is spend in a transaction that is open.
func (a *Authority) spendIn(ctx context.Context, tx WriteTxn, cand candidate, p *principal, used once) error {
	now := a.clock.Now()
	if err := a.aliveIn(ctx, tx, cand, p, now); err != nil {
		return err
	}
	err := a.take(ctx, tx, used, now)
	if errors.Is(err, ErrRevoked) || errors.Is(err, ErrExpired) {
		return &Error{Kind: ErrUnauthenticated, Err: err}
	}
	return err
}

// aliveIn fails unless all that a principal stands on is alive in a transaction.
func (a *Authority) aliveIn(ctx context.Context, tx WriteTxn, cand candidate, p *principal, now int64) error {
	v, err := a.viewIn(ctx, tx, cand, p.org)
	if err != nil {
		return err
	}
	return v.alive(cand.instance, p, now)
}

// alive fails, for a stranger, unless a principal is alive in a view.
func (v *view) alive(inst *instance, p *principal, now int64) error {
	q := p.moved(v)
	if q == nil {
		return refuse(nil, errText("the account or the credential is gone"))
	}
	if dead := v.live(inst, q, now); dead != policy.ReasonUnspecified {
		return refuse(reasonKind(dead), deadProof{dead, p})
	}
	return nil
}

// take uses a proof up. It fails with ErrRevoked when that was done before, and
// with ErrExpired when the proof has ended.
func (a *Authority) take(ctx context.Context, tx WriteTxn, used once, now int64) error {
	if !time.UnixMicro(now).Before(used.until) {
		return &Error{Kind: ErrExpired, Entity: "proof", Err: errText("it ended while it waited")}
	}
	fresh, err := tx.Nonces().Use(ctx, used.scope, used.nonce, used.until.Add(time.Second))
	if err != nil {
		return err
	}
	if !fresh {
		return &Error{Kind: ErrRevoked, Entity: "proof", Err: errText("it was used before")}
	}
	if last := a.swept.Load(); now-last > time.Minute.Microseconds() && a.swept.CompareAndSwap(last, now) {
		_, err = tx.Nonces().Sweep(ctx, time.UnixMicro(now).Add(-a.cfg.Skew))
	}
	return err
}
