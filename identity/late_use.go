package identity

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// lateUses are the uses of credentials that were rotated and go on for a while:
// somebody has not changed over yet. Each credential is noted once an hour, first
// in memory, since who comes in does not wait for it to be written.
type lateUses struct {
	mu      sync.Mutex
	noted   map[CredentialID]int64 // the hour it was last noted in, by the clock
	pending []*principal           // to be written
}

// maxLateUses bounds what is kept in memory. Beyond it, uses are noted again, or
// only logged.
const maxLateUses = 4096

// note reports whether a use is the first in its hour.
func (l *lateUses) note(p *principal, hour int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noted[p.credential] == hour {
		return false
	}
	if l.noted == nil || len(l.noted) >= maxLateUses {
		l.noted = map[CredentialID]int64{}
	}
	l.noted[p.credential] = hour
	if len(l.pending) < maxLateUses {
		l.pending = append(l.pending, p)
	}
	return true
}

func (l *lateUses) take() []*principal {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.pending
	l.pending = nil
	return taken
}

// again has a use that could not be written noted once more.
func (l *lateUses) again(id CredentialID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.noted, id)
}

// hourOf is the hour of an instant.
func hourOf(now int64) int64 { return now / time.Hour.Microseconds() }

// usedLate notes that a principal came in with a credential that was rotated. What
// was issued for it before, such as an access token, is no new use of it.
func (a *Authority) usedLate(v *view, p *principal, now int64) {
	if p.credential == "" || p.way == WayAccessToken {
		return
	}
	life := v.credentials.At(p.credentialSlot)
	if life.state == CredentialRetiring && a.late.note(p, hourOf(now)) {
		a.log.Warn("a credential that was rotated is still in use", "credential", p.credential, "account", p.account, "org", p.org, "ends", timeOf(life.ends))
	}
}

// writeLateUses writes the events of the late uses since the last call.
func (a *Authority) writeLateUses(ctx context.Context) {
	for _, p := range a.late.take() {
		if err := a.writeLateUse(ctx, p); err != nil {
			a.late.again(p.credential)
			a.log.Warn("that a rotated credential is still in use could not be written", "credential", p.credential, "err", err)
		}
	}
}

// writeLateUse writes the event, unless another process did so in this hour.
func (a *Authority) writeLateUse(ctx context.Context, p *principal) error {
	return a.commit(ctx, actor{principal: p}, "late use", p.org, func(c *change) error {
		name := string(p.credential) + "/" + strconv.FormatInt(hourOf(c.now), 10)
		fresh, err := c.tx.Nonces().Use(c.ctx, "late-use", name, c.at.Add(2*time.Hour))
		if err != nil || !fresh {
			return err
		}
		return c.record(p.org, nounCredential, string(p.credential), "late use", nil, nil)
	})
}
