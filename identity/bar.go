package identity

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/claviger-go/claviger/policy"
)

// A call that takes something from an account, a credential or an org, and that
// was allowed but could not be stored, fails with ErrBusy and leaves a bar: this
// process refuses its subject as if the call had been stored. With every poll it
// tries again to make the call, as the same actor. A bar goes when that call, or
// a later one of this process that decides about the same subject, is stored:
// Activate as well as Deactivate. What another process decides does not remove
// it, since it may have come before. It does not outlive the process.
//
// Within Write nothing is barred: what it does happens together or not at all.

// bars are those that stand. While there are none, which is nearly always, that
// is all that a decision looks at.
type bars struct {
	count atomic.Int64
	mu    sync.RWMutex
	all   map[subject]*bar
}

// bar is one of them.
type bar struct {
	subject
	reason policy.Reason // for refusing
	who    actor
	again  func(context.Context, *Admin) error // makes the call again; nil when that was refused
}

// subject is what a call narrows. Signing out is apart, since it is not undone
// by what undoes the others.
type subject struct {
	org     OrgID
	noun    string
	id      string
	signOut bool
}

// maxBars bounds the bars. Beyond it, the org that has the most is refused
// whole.
const maxBars = 10_000

// errSettled refuses to make a call again whose bar is gone.
const errSettled = errText("another call has decided meanwhile")

// narrowing is the reason to refuse the subject of a call with, while that
// cannot be stored.
func narrowing(op string) (policy.Reason, bool) {
	switch op {
	case "DeactivateAccount", "ArchiveAccount", "DeleteAccount":
		return policy.ReasonAccountInactive, true
	case "DisableCredential", "RevokeCredential":
		return policy.ReasonCredentialInactive, true
	case "SuspendOrg":
		return policy.ReasonOrgSuspended, true
	case "DeleteOrg":
		return policy.ReasonOrgDeleted, true
	case "SignOutAccount", "SignOutOrg":
		return policy.ReasonTokenRevoked, true
	}
	return policy.ReasonUnspecified, false
}

// settling reports whether a call that succeeds removes the bar of its subject.
func settling(op string) bool {
	switch op {
	case "ActivateAccount", "EnableCredential", "ResumeOrg":
		return true
	}
	_, narrows := narrowing(op)
	return narrows
}

// decide is write for the calls that decide about the life of a subject. again
// makes the call once more, and must share nothing with fn.
func (s *Admin) decide(ctx context.Context, op string, org OrgID, about subject, fn func(*change) error, again func(context.Context, *Admin) error) error {
	reason, narrows := narrowing(op)
	about.signOut = reason == policy.ReasonTokenRevoked
	changes := false // its last run went through, and changed something
	run := func(c *change) error {
		changes = false
		if b := s.who.retried; b != nil && !c.a.bars.stands(b, c.base.settled) {
			return &Error{Kind: ErrConflict, Entity: about.noun, ID: about.id, Err: errSettled}
		}
		if settling(op) {
			c.settles = &about
		}
		err := fn(c)
		changes = err == nil && len(c.events) > 0
		return err
	}
	err := s.write(ctx, op, org, run)
	if !narrows || s.tx != nil || s.who.retried != nil || !unstored(err) || s.a.closed.Load() {
		return err
	}
	if !s.a.mayBar(ctx, s.who, op, org, about, changes, fn) {
		return err
	}
	s.a.raiseBar(&bar{subject: about, reason: reason, who: s.who, again: again})
	s.a.log.Error("a call could not be stored; this process refuses its subject until it is", "op", op, "org", about.org, "id", about.id, "err", err)
	return &Error{Kind: ErrBusy, Op: op, Entity: about.noun, ID: about.id, Err: err}
}

// unstored reports whether a call failed for a reason of the storage's, and not
// because its caller gave up.
func unstored(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errSettled) {
		return false
	}
	return errors.Is(err, ErrStorage) || errors.Is(err, ErrBusy)
}

// mayBar decides whether a call that could not be stored would have been
// allowed, and would have changed something, by rehearsing it on what is
// published. When it cannot be known what is published, System may, and an actor
// whose call went through up to the commit.
func (a *Authority) mayBar(ctx context.Context, who actor, op string, org OrgID, about subject, changes bool, fn func(*change) error) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pollWait)
	defer cancel()
	if !a.fresh(ctx, a.clock.Now()) {
		return who.system || changes
	}
	changed, err := a.rehearse(ctx, who, op, org, about.org, fn)
	if unstored(err) || errors.Is(err, context.DeadlineExceeded) {
		return who.system || changes
	}
	return err == nil && changed
}

// barred is the reason for which a bar refuses a principal.
func (a *Authority) barred(p *principal) policy.Reason {
	if a.bars.count.Load() == 0 || p.retrying {
		return policy.ReasonUnspecified
	}
	a.bars.mu.RLock()
	defer a.bars.mu.RUnlock()
	for _, s := range [...]subject{
		{org: p.org, noun: nounOrg, id: string(p.org)},
		{org: p.org, noun: nounAccount, id: string(p.account)},
		{org: p.org, noun: nounCredential, id: string(p.credential)},
		{org: p.org, noun: nounOrg, id: string(p.org), signOut: true},
		{org: p.org, noun: nounAccount, id: string(p.account), signOut: true},
	} {
		if b := a.bars.all[s]; b != nil {
			return b.reason
		}
	}
	return policy.ReasonUnspecified
}

// raiseBar puts up a bar.
func (a *Authority) raiseBar(b *bar) {
	var closed OrgID
	a.bars.edit(func(all map[subject]*bar) {
		all[b.subject] = b
		if len(all) > maxBars {
			closed = closeOrg(all)
		}
	})
	if closed != "" {
		a.log.Error("too many calls could not be stored: all of an org is refused until SuspendOrg or ResumeOrg is stored, or a restart", "org", closed)
		a.checkBarredWatches(closed)
	}
	a.checkBarredWatches(b.org)
}

// closeOrg replaces the bars of the org that has the most by one for all of it,
// until somebody suspends or resumes it.
func closeOrg(all map[subject]*bar) OrgID {
	count := map[OrgID]int{}
	var org OrgID
	for s := range all {
		if count[s.org]++; count[s.org] > count[org] {
			org = s.org
		}
	}
	maps.DeleteFunc(all, func(s subject, _ *bar) bool { return s.org == org })
	whole := subject{org: org, noun: nounOrg, id: string(org)}
	all[whole] = &bar{subject: whole, reason: policy.ReasonOrgSuspended}
	return org
}

// unbar removes the bars of subjects that something stored has decided about.
func (a *Authority) unbar(settled []subject) {
	if len(settled) == 0 || a.bars.count.Load() == 0 {
		return
	}
	a.bars.edit(func(all map[subject]*bar) {
		for _, s := range settled {
			delete(all, s)
		}
	})
}

func (bs *bars) edit(change func(all map[subject]*bar)) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.all == nil {
		bs.all = map[subject]*bar{}
	}
	change(bs.all)
	bs.count.Store(int64(len(bs.all)))
}

// list is what stands now.
func (bs *bars) list() []*bar {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	return slices.Collect(maps.Values(bs.all))
}

// stands reports whether a bar is still there, and nothing that waits to be
// committed removes it.
func (bs *bars) stands(b *bar, settled []subject) bool {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	return bs.all[b.subject] == b && !slices.Contains(settled, b.subject)
}

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
	for _, b := range a.bars.list() {
		if b.again == nil {
			continue
		}
		if a.closed.Load() {
			return
		}
		err := b.again(ctx, &Admin{a: a, who: b.who.retrying(b)})
		switch {
		case err == nil, errors.Is(err, errSettled): // what is stored has removed it
		case unstored(err):
			return
		case errors.Is(err, ErrNotFound): // it has ended otherwise
			a.unbar([]subject{b.subject})
		default:
			a.log.Error("a call that could not be stored is refused now; this process goes on refusing its subject until another call decides", "org", b.org, "id", b.id, "err", err)
			a.giveUp(b)
		}
	}
}

// giveUp leaves a bar that is not tried again.
func (a *Authority) giveUp(b *bar) {
	a.bars.edit(func(all map[subject]*bar) {
		if all[b.subject] == b {
			last := *b
			last.again = nil
			all[b.subject] = &last
		}
	})
}

// retrying is the actor for making its call again. What was barred does not
// bar it: the call was judged without.
func (w actor) retrying(b *bar) actor {
	w.retried = b
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
