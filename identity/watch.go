package identity

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// Watch returns a context that ends when a principal is no longer alive, for
// work that goes on without asking: streams, long polls, jobs. It ends as soon
// as this process knows that the org, the account, the credential or the token
// was ended, suspended, signed out or revoked; at its expiry; when this process
// is stale; and at [Authority.Close]. What the principal may do is not watched.
//
// [context.Cause] then says why, as Authenticate would: it matches ErrRevoked,
// ErrExpired or ErrDisabled together with ErrUnauthenticated, or ErrStale or
// ErrStorage. For a principal that is zero, of another Authority or already dead
// the context has ended when Watch returns. The caller calls the function when
// it is done; watching costs no goroutine, and nothing but what is remembered.
func (a *Authority) Watch(ctx context.Context, p Principal) (context.Context, context.CancelFunc) {
	watched, end := context.WithCancelCause(ctx)
	w := &watch{p: p.p, end: end}
	if err := a.addWatch(ctx, w); err != nil {
		end(wrap("Watch", err))
		return watched, func() {}
	}
	forget := func() { a.watches.remove(w) }
	stop := context.AfterFunc(watched, forget) // when it is the caller's own context that ends
	return watched, func() {
		stop()
		forget()
		end(context.Canceled)
	}
}

// watches are the contexts that wait for the end of a principal. What is looked
// at is published before the watches are gone through, and a watch looks once
// it is among them: so none misses anything.
type watches struct {
	mu    sync.Mutex
	orgs  map[OrgID]map[*watch]struct{}
	next  int64       // the first expiry of them all, by the clock
	timer *time.Timer // rings about then; the poll hears it
}

// watch is one of them.
type watch struct {
	p   *principal
	end context.CancelCauseFunc
	at  int64         // when it expires, by the clock
	why policy.Reason // and what does
}

const never = int64(math.MaxInt64)

func newWatches() watches {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return watches{orgs: map[OrgID]map[*watch]struct{}{}, next: never, timer: timer}
}

// addWatch fails when the principal cannot be watched because it is not alive,
// or because that is not known.
func (a *Authority) addWatch(ctx context.Context, w *watch) error {
	if w.p == nil || w.p.a != a {
		return refuse(nil, errText("the principal is zero or of another authority"))
	}
	if err := a.answers(ctx, a.clock.Now()); err != nil {
		return err
	}
	for {
		c, _, err := a.load(ctx, w.p.org)
		if errors.Is(err, ErrNotFound) {
			return refuse(nil, err)
		}
		if err != nil {
			return err
		}
		if known, err := a.addWatchIn(c, w); known || err != nil {
			return err
		}
	}
}

// addWatchIn reports false when the org was evicted meanwhile.
func (a *Authority) addWatchIn(c *cell, w *watch) (bool, error) {
	ws := &a.watches
	ws.mu.Lock()
	defer ws.mu.Unlock()
	v := c.view.Load()
	if v == nil {
		return false, nil
	}
	if err := a.attached(); err != nil { // these have ended the watches that they found
		return false, err
	}
	if dead := w.look(v, a.instance.Load(), a.clock.Now()); dead != policy.ReasonUnspecified {
		return false, refuse(reasonKind(dead), errText(dead.String()))
	}
	if ws.orgs[w.p.org] == nil {
		ws.orgs[w.p.org] = map[*watch]struct{}{}
	}
	ws.orgs[w.p.org][w] = struct{}{}
	ws.wake(w.at, a.clock.Now())
	return true, nil
}

// look brings a watch up to date with a view. A reason other than the
// unspecified one ends it.
func (w *watch) look(v *view, inst *instance, now int64) policy.Reason {
	if w.p.line != v.line {
		q := w.p.moved(v)
		if q == nil {
			return policy.ReasonUnknownAccount
		}
		w.p = q
	}
	if dead := v.live(inst, w.p, now); dead != policy.ReasonUnspecified {
		return dead
	}
	w.at, w.why = v.expiry(w.p)
	return policy.ReasonUnspecified
}

// expiry is when a living principal, or one that acts for it, will expire if
// nothing happens, and why.
func (v *view) expiry(p *principal) (at int64, why policy.Reason) {
	at = never
	for _, actor := range p.chain {
		if end, reason := v.expiry(actor); end < at {
			at, why = end, reason
		}
	}
	first := func(end int64, reason policy.Reason) {
		if end != 0 && end < at {
			at, why = end, reason
		}
	}
	first(v.accounts.At(p.accountSlot).until, policy.ReasonAccountExpired)
	if p.credential != "" {
		c := v.credentials.At(p.credentialSlot)
		first(c.until, policy.ReasonCredentialExpired)
		first(c.ends, policy.ReasonCredentialExpired)
	}
	first(p.expires, policy.ReasonTokenExpired)
	return at, why
}

// sameLives reports whether nothing in two views of an org tells who is alive
// in one of them and not in the other.
func (v *view) sameLives(o *view) bool {
	return v.org.State == o.org.State && v.org.MinRevision == o.org.MinRevision &&
		v.accounts.Same(o.accounts) && v.credentials.Same(o.credentials) && v.revoked.Same(o.revoked.Table)
}

// checkWatches goes through the watches of an org whose view is published.
func (a *Authority) checkWatches(v *view) {
	inst, now := a.instance.Load(), a.clock.Now()
	a.watches.each(v.org.ID, now, func(w *watch) policy.Reason { return w.look(v, inst, now) })
}

// checkBarredWatches goes through the watches of an org of which something was barred.
func (a *Authority) checkBarredWatches(org OrgID) {
	a.watches.each(org, a.clock.Now(), func(w *watch) policy.Reason {
		for _, p := range w.p.all() {
			if barred := a.barred(p); barred != policy.ReasonUnspecified {
				return barred
			}
		}
		return policy.ReasonUnspecified
	})
}

// checkAllWatches goes through all of them when the instance was signed out.
func (a *Authority) checkAllWatches() {
	inst := a.instance.Load()
	for _, org := range a.watches.watched() {
		a.watches.each(org, a.clock.Now(), func(w *watch) policy.Reason {
			if slices.ContainsFunc(w.p.all(), inst.outdated) {
				return policy.ReasonTokenRevoked
			}
			return policy.ReasonUnspecified
		})
	}
}

// expireWatches ends what has expired.
func (a *Authority) expireWatches(now int64) {
	ws := &a.watches
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if now < ws.next {
		return
	}
	ws.next = never
	for org, set := range ws.orgs {
		for w := range set {
			if w.at <= now {
				ws.drop(org, w, w.why)
				continue
			}
			ws.next = min(ws.next, w.at)
		}
	}
	ws.ring(now)
}

// endWatches ends all of them with one cause.
func (a *Authority) endWatches(cause error) {
	ws := &a.watches
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, set := range ws.orgs {
		for w := range set {
			w.end(wrap("Watch", cause))
		}
	}
	clear(ws.orgs)
	ws.next = never
}

// each looks at the watches of an org, and ends those with a reason to.
func (ws *watches) each(org OrgID, now int64, look func(*watch) policy.Reason) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.orgs[org] {
		if dead := look(w); dead != policy.ReasonUnspecified {
			ws.drop(org, w, dead)
			continue
		}
		ws.wake(w.at, now)
	}
}

// watched lists the orgs that have watches.
func (ws *watches) watched() []OrgID {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	orgs := make([]OrgID, 0, len(ws.orgs))
	for org := range ws.orgs {
		orgs = append(orgs, org)
	}
	return orgs
}

func (ws *watches) has(org OrgID) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.orgs[org]) > 0
}

// drop ends one watch. mu is held; ending a context runs nobody's code here.
func (ws *watches) drop(org OrgID, w *watch, dead policy.Reason) {
	ws.delete(org, w)
	w.end(wrap("Watch", refuse(reasonKind(dead), errText(dead.String()))))
}

func (ws *watches) remove(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.delete(w.p.org, w)
}

func (ws *watches) delete(org OrgID, w *watch) {
	delete(ws.orgs[org], w)
	if len(ws.orgs[org]) == 0 {
		delete(ws.orgs, org)
	}
}

// wake makes sure that an expiry is not slept through.
func (ws *watches) wake(at, now int64) {
	if at < ws.next {
		ws.next = at
		ws.ring(now)
	}
}

// ring sets the timer. The clock may be a little behind the timer's.
func (ws *watches) ring(now int64) {
	const lag, most = 10 * time.Millisecond, 24 * time.Hour
	if ws.next == never {
		return
	}
	wait := most
	if left := ws.next - now; left < most.Microseconds() {
		wait = max(0, time.Duration(left)*time.Microsecond)
	}
	ws.timer.Reset(wait + lag)
}
