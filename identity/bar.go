package identity

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/claviger-go/claviger/policy"
)

// A call that takes something from an account, a credential or an org, and that
// was allowed but could not be stored, fails with ErrBusy and leaves a bar: this
// process refuses its subject as if the call had been stored. With every poll it
// tries again to make the call, as the same actor.
//
// A bar keeps every call that could not be stored, the most final one first, so
// that the refusal of one leaves the others. Of those a call that is stored, or
// that found nothing to change, settles the ones that are no more final than it
// is: Deactivate leaves a Delete that waits. One that gives back what was taken,
// such as Activate, settles all of them, also those that could not have been
// undone once stored. Either way its actor was judged as if it had changed
// something. The bar goes with the last of its calls. When all of them have been
// refused to their actors it stays until any call on the subject is stored.
//
// What another process decides does not remove a bar, since it may have come
// before. It does not outlive the process.
//
// Within Write nothing is barred: what it does happens together or not at all.

// bars are those that stand. While there are none, which is nearly always, that
// is all that a decision looks at.
type bars struct {
	count atomic.Int64
	keys  atomic.Int64 // of them, those against signing keys
	mu    sync.RWMutex
	all   map[subject]*bar
}

// bar is one of them. Whoever reads it holds the lock of the bars.
type bar struct {
	reason policy.Reason // for refusing
	calls  []*pending    // the most final first; none when all were refused
}

// pending is a call that could not be stored.
type pending struct {
	decided
	op    string
	who   actor
	again func(context.Context, *Admin) error // makes the call again
}

// decided is what a call decides: how final, about whom.
type decided struct {
	subject
	final finality
}

// finality orders the calls on one subject by what they can undo.
type finality int

// From what can be undone to what cannot. What gives back outdoes them all.
const (
	passing finality = iota + 1
	lasting
	forGood
	givingBack
)

// subject is what a call narrows. Signing out is apart, since it is not undone
// by what undoes the others.
type subject struct {
	org     OrgID
	noun    string
	id      string
	signOut bool
}

// maxBars bounds the bars against accounts and credentials; an org adds at most
// two of its own. Beyond it, a call of the org that has the most is not kept, and
// that org is refused whole, until SuspendOrg or ResumeOrg is stored, or a
// restart. The calls that are kept go on being tried, and ResumeOrg leaves their
// bars.
const maxBars = 10_000

// maxAlike bounds the calls by the same name that one bar keeps. Beyond it the
// latest replaces the one before.
const maxAlike = 4

// errSettled refuses to make a call again whose bar is gone.
const errSettled = errText("another call has decided meanwhile")

// narrowing is the reason to refuse the subject of a call with, while that
// cannot be stored, and how final the call is.
func narrowing(op string) (policy.Reason, finality, bool) {
	switch op {
	case "DeactivateAccount":
		return policy.ReasonAccountInactive, passing, true
	case "ArchiveAccount":
		return policy.ReasonAccountInactive, lasting, true
	case "DeleteAccount":
		return policy.ReasonAccountInactive, forGood, true
	case "DisableCredential":
		return policy.ReasonCredentialInactive, passing, true
	case "RevokeCredential", "RotatePublicKey", "RotateSecret": // those that rotate with a grace period narrow nothing yet, and do not ask
		return policy.ReasonCredentialInactive, forGood, true
	case "SuspendOrg":
		return policy.ReasonOrgSuspended, passing, true
	case "DeleteOrg":
		return policy.ReasonOrgDeleted, forGood, true
	case "SignOutAccount", "SignOutOrg", "RevokeToken", "RevokeTokenID", "CompromiseSigningKey":
		return policy.ReasonTokenRevoked, forGood, true
	}
	return policy.ReasonUnspecified, 0, false
}

// settling reports whether a call that succeeds settles bars of its subject, and
// up to which.
func settling(op string) (finality, bool) {
	switch op {
	case "ActivateAccount", "EnableCredential", "ResumeOrg":
		return givingBack, true
	}
	_, final, narrows := narrowing(op)
	return final, narrows
}

// decide is write for the calls that decide about the life of a subject. again
// makes the call once more, and must share nothing with fn.
func (s *Admin) decide(ctx context.Context, op string, org OrgID, about subject, fn func(*change) error, again func(context.Context, *Admin) error) error {
	reason, final, narrows := narrowing(op)
	about.signOut = reason == policy.ReasonTokenRevoked
	changes := false // its last run went through, and changed something
	run := func(c *change) error {
		changes = false
		if p := s.who.retried; p != nil && !c.a.bars.keep(p, c.base.settled) {
			return &Error{Kind: ErrConflict, Entity: about.noun, ID: about.id, Err: errSettled}
		}
		if upTo, ok := settling(op); ok {
			c.settles = &decided{about, upTo}
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
	s.a.raiseBar(about, reason, &pending{decided: decided{about, final}, op: op, who: s.who, again: again})
	s.a.log.Error("a call could not be stored; this process refuses its subject until it is", "op", op, "org", about.org, "id", about.id, "err", err)
	return &Error{Kind: ErrBusy, Op: op, Entity: about.noun, ID: about.id, Err: err}
}

// unstored reports whether a call failed for a reason of the storage's, and not
// because its caller gave up.
func unstored(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errSettled) || errors.Is(err, errUnrecorded) {
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
	if p.tokenID != "" && a.bars.keys.Load() != 0 {
		return policy.ReasonTokenRevoked // whichever key signed it: see instance.outdated
	}
	a.bars.mu.RLock()
	defer a.bars.mu.RUnlock()
	for _, s := range [...]subject{
		{org: p.org, noun: nounOrg, id: string(p.org)},
		{org: p.org, noun: nounAccount, id: string(p.account)},
		{org: p.org, noun: nounCredential, id: string(p.credential)},
		{org: p.org, noun: nounOrg, id: string(p.org), signOut: true},
		{org: p.org, noun: nounAccount, id: string(p.account), signOut: true},
		{org: p.org, noun: nounToken, id: string(p.tokenKey), signOut: true},
	} {
		if b := a.bars.all[s]; b != nil {
			return b.reason
		}
	}
	return policy.ReasonUnspecified
}

// raiseBar puts up a bar, or adds a call to the one that stands.
func (a *Authority) raiseBar(about subject, reason policy.Reason, call *pending) {
	var closed OrgID
	a.bars.edit(func(all map[subject]*bar) {
		b := all[about]
		if b == nil {
			b = &bar{reason: reason}
			all[about] = b
		}
		if call != nil {
			b.add(call, reason)
		}
		closed = bound(all, about)
	})
	if closed != "" {
		a.log.Error("too many calls could not be stored, and not all of them are kept: all of an org is refused until SuspendOrg or ResumeOrg is stored, or a restart", "org", closed)
		a.checkBarredWatches(closed)
	}
	if about.noun == nounSigningKey {
		for _, org := range a.watches.watched() {
			a.checkBarredWatches(org)
		}
	}
	a.checkBarredWatches(about.org)
}

// keysTrusted fails while a signing key is barred: nothing is signed then, and no key set
// handed out that may still name it.
func (a *Authority) keysTrusted() error {
	if a.bars.keys.Load() == 0 {
		return nil
	}
	return &Error{Kind: ErrBusy, Entity: nounSigningKey, Err: errText("that a key was compromised could not be stored yet")}
}

// add keeps a call behind those that are as final, or more.
func (b *bar) add(call *pending, reason policy.Reason) {
	alike, last := 0, 0
	for i, p := range b.calls {
		if p.op == call.op {
			alike, last = alike+1, i
		}
	}
	if alike == maxAlike {
		b.calls[last] = call
		return
	}
	at := slices.IndexFunc(b.calls, func(p *pending) bool { return p.final < call.final })
	if at < 0 {
		at = len(b.calls)
	}
	b.calls = slices.Insert(b.calls, at, call)
	if at == 0 {
		b.reason = reason
	}
}

// bound keeps to maxBars. What has to go is of the org that has the most, which
// is refused whole for it: the latest, or else preferably one without calls. A bar
// of a signing key stays, since it protects every org. It returns the org that it
// closed.
func bound(all map[subject]*bar, latest subject) (closed OrgID) {
	if len(all) <= maxBars {
		return ""
	}
	total, count := 0, map[OrgID]int{}
	org := latest.org
	for s := range all {
		if s.noun != nounOrg && s.noun != nounSigningKey {
			total++
			if count[s.org]++; count[s.org] > count[org] {
				org = s.org
			}
		}
	}
	if total <= maxBars {
		return ""
	}
	drop := latest
	if latest.org != org || latest.noun == nounOrg || latest.noun == nounSigningKey {
		for s, b := range all {
			if s.org == org && s.noun != nounOrg && s.noun != nounSigningKey {
				if drop = s; len(b.calls) == 0 {
					break
				}
			}
		}
	}
	delete(all, drop)
	whole := subject{org: org, noun: nounOrg, id: string(org)}
	if all[whole] != nil {
		return ""
	}
	all[whole] = &bar{reason: policy.ReasonOrgSuspended}
	return org
}

// unbar removes what something stored has settled.
func (a *Authority) unbar(settled []decided) {
	if len(settled) == 0 || a.bars.count.Load() == 0 {
		return
	}
	a.bars.edit(func(all map[subject]*bar) {
		for _, d := range settled {
			b := all[d.subject]
			if b == nil {
				continue
			}
			b.calls = slices.DeleteFunc(b.calls, d.settles)
			if len(b.calls) == 0 {
				delete(all, d.subject)
			}
		}
	})
}

// settles reports whether a call need not be made any more.
func (d decided) settles(p *pending) bool { return p.subject == d.subject && p.final <= d.final }

func (bs *bars) edit(change func(all map[subject]*bar)) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.all == nil {
		bs.all = map[subject]*bar{}
	}
	change(bs.all)
	keys := int64(0)
	for s := range bs.all {
		if s.noun == nounSigningKey {
			keys++
		}
	}
	bs.keys.Store(keys)
	bs.count.Store(int64(len(bs.all)))
}

// list is the calls that wait now; of each subject, the most final first.
func (bs *bars) list() (calls []*pending) {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	for _, b := range bs.all {
		calls = append(calls, b.calls...)
	}
	return calls
}

// keep reports whether a call still waits, and nothing that waits to be
// committed settles it.
func (bs *bars) keep(p *pending, settled []decided) bool {
	bs.mu.RLock()
	defer bs.mu.RUnlock()
	b := bs.all[p.subject]
	return b != nil && slices.Contains(b.calls, p) && !slices.ContainsFunc(settled, func(d decided) bool { return d.settles(p) })
}
