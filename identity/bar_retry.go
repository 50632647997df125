package identity

import (
	"context"
	"errors"
	"slices"
)

// This file makes the calls again that could not be stored.

// retryInBackground makes the barred calls again, away from the poll, which must
// not wait for a lock. At most one runs, and Close waits for it.
func (a *Authority) retryInBackground() {
	if a.bars.count.Load() != 0 && a.trying.CompareAndSwap(false, true) {
		a.stopped.Go(func() {
			defer a.trying.Store(false)
			a.retryBars(context.Background())
		})
	}
}

// retryBars makes the barred calls again, until the first that still cannot be
// stored.
func (a *Authority) retryBars(ctx context.Context) {
	for _, p := range a.bars.list() {
		if a.closed.Load() {
			return
		}
		err := p.again(ctx, &Admin{a: a, who: p.who.retrying(p)})
		switch {
		case err == nil, errors.Is(err, errSettled), errors.Is(err, errUnrecorded): // what is stored has removed it
		case unstored(err):
			return
		case p.ended(err):
			a.unbar([]decided{{p.subject, givingBack}})
		default:
			a.log.Error("a call that could not be stored is refused now; this process goes on refusing its subject until another call decides", "op", p.op, "org", p.org, "id", p.id, "err", err)
			a.giveUp(p)
		}
	}
}

// ended reports whether a call fails because its subject is gone for ever. An
// actor from whom its org is hidden by now gets ErrNotFound, too, for the org.
func (p *pending) ended(err error) bool {
	var e *Error
	return errors.Is(err, ErrNotFound) && errors.As(err, &e) && e.ID == p.id
}

// giveUp makes a call no more. Its bar stays.
func (a *Authority) giveUp(p *pending) {
	a.bars.edit(func(all map[subject]*bar) {
		if b := all[p.subject]; b != nil {
			b.calls = slices.DeleteFunc(b.calls, func(other *pending) bool { return other == p })
		}
	})
}

// retrying is the actor for making its call again. What was barred does not
// bar it: the call was judged without.
func (w actor) retrying(call *pending) actor {
	w.retried = call
	if !w.system {
		w.principal = w.principal.again()
	}
	return w
}

// again is the principal, and who acts for it, for making a call again.
func (p *principal) again() *principal {
	q := *p
	q.retrying, q.chain = true, nil
	for _, actor := range p.chain {
		q.chain = append(q.chain, actor.again())
	}
	return &q
}
