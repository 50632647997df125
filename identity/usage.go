package identity

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Use is when somebody last proved to be an account.
type Use struct {
	Org        OrgID
	Account    AccountID
	Credential CredentialID // empty for a login that the host vouched for
	At         time.Time
}

// What is used is noted in memory and written in batches, without an event or a
// revision. A principal that is used again and again is noted once in useGrain,
// which is a single look at a number otherwise.

// useGrain is a span of 2²⁴ microseconds, about 17 seconds.
const useGrain = 24

const (
	useBatch = 500     // uses written in one turn at the door, so that others need not wait long
	maxUses  = 200_000 // uses that wait to be written
)

// uses are those that are not written yet.
type uses struct {
	mu      sync.Mutex
	waiting map[useKey]int64 // the latest, by the clock
	dropped atomic.Uint64
	writing sync.Mutex // one at a time
}

type useKey struct {
	org        OrgID
	account    AccountID
	credential CredentialID
}

// used notes that a principal came in, or those that act through it.
func (a *Authority) used(p *principal, now int64) {
	if m := now >> useGrain; p.noted.Load() != m && p.noted.Swap(m) != m {
		a.uses.add(useKey{p.org, p.account, p.credential}, now)
	}
	for _, actor := range p.chain {
		a.used(actor, now)
	}
}

func (u *uses) add(key useKey, at int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	last, known := u.waiting[key]
	switch {
	case !known && len(u.waiting) >= maxUses:
		u.dropped.Add(1)
	case at > last:
		if u.waiting == nil {
			u.waiting = map[useKey]int64{}
		}
		u.waiting[key] = at
	}
}

// take empties the notes.
func (u *uses) take() []Use {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([]Use, 0, len(u.waiting))
	for key, at := range u.waiting {
		out = append(out, Use{Org: key.org, Account: key.account, Credential: key.credential, At: timeOf(at)})
	}
	u.waiting = nil
	return out
}

// putBack keeps what could not be written for the next time.
func (u *uses) putBack(waiting []Use) {
	for _, use := range waiting {
		u.add(useKey{use.Org, use.Account, use.Credential}, micros(use.At))
	}
}

// writeUses writes what was noted since the last time.
func (a *Authority) writeUses(ctx context.Context) error {
	a.uses.writing.Lock()
	defer a.uses.writing.Unlock()
	waiting := a.uses.take()
	for len(waiting) > 0 {
		batch := waiting[:min(useBatch, len(waiting))]
		err := a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
			return cand, tx.Usage().Used(context.WithoutCancel(ctx), batch)
		})
		if err != nil {
			a.uses.putBack(waiting)
			return err
		}
		waiting = waiting[len(batch):]
	}
	return nil
}
