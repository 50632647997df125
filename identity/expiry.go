package identity

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// ExpiryWarning says that an account or a credential ends soon.
type ExpiryWarning struct {
	Org            OrgID
	Account        AccountID
	Kind           AccountKind
	AccountName    string
	Credential     CredentialID // empty when it is the account that ends
	CredentialName string
	EndsAt         time.Time
	Within         time.Duration // the one of Config.ExpiryThresholds that was reached
	Owner          string        // who made the account: an account id, or "system"
	Creator        string        // who made what ends; of an account its owner
}

const (
	warnEvery   = time.Hour        // between two looks at what ends
	warnAgain   = 5 * time.Minute  // after a look that failed
	warnAbandon = 10 * time.Minute // a warning that somebody began to give this long ago was not given
	warnBatch   = 50
)

// warnExpiry gives the warnings that are due. Each is marked in the database
// before it is given, so that no other process gives it, and after, so that none
// is given again. What was due while nobody looked is due still: also for what has
// ended meanwhile, if that is no longer ago than the longest threshold.
func (a *Authority) warnExpiry(ctx context.Context) error {
	if a.cfg.OnExpiry == nil {
		return nil
	}
	a.warning.Lock()
	defer a.warning.Unlock()
	now := time.UnixMicro(a.clock.Now()).UTC()
	from := now.Add(-slices.Max(a.cfg.ExpiryThresholds))
	var failed error
	for _, within := range a.cfg.ExpiryThresholds {
		q := Ending{From: from, To: now.Add(within), Within: within, Abandoned: now.Add(-warnAbandon)}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = a.warnBatch(ctx, q); err != nil {
				failed, more = errors.Join(failed, err), false // the next threshold may do better
			}
		}
	}
	return errors.Join(failed, ctx.Err(), a.aside(ctx, func(ctx context.Context, u Usage) error { return u.Forget(ctx, from) }))
}

// warnBatch gives some of the warnings of one threshold and reports whether there
// may be more.
func (a *Authority) warnBatch(ctx context.Context, q Ending) (more bool, err error) {
	var due []ExpiryWarning
	look := func(ctx context.Context, u Usage) (err error) {
		due, err = u.Ending(ctx, q, warnBatch)
		return err
	}
	if err := a.store.Read(ctx, func(tx Txn) error { return look(ctx, tx.Usage()) }); err != nil || len(due) == 0 {
		return false, err
	}
	err = a.aside(ctx, func(ctx context.Context, u Usage) error {
		if err := look(ctx, u); err != nil { // another process may have begun
			return err
		}
		for _, w := range due {
			if err := u.Mark(ctx, w, time.UnixMicro(a.clock.Now()), false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	more = len(due) == warnBatch
	var failed error
	for _, w := range due {
		if err := a.warn(ctx, w); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return more, failed
}

// warn gives one warning.
func (a *Authority) warn(ctx context.Context, w ExpiryWarning) error {
	given := ctx.Err()
	if given == nil {
		given = a.cfg.OnExpiry(ctx, w)
	}
	return errors.Join(given, a.aside(context.WithoutCancel(ctx), func(ctx context.Context, u Usage) error {
		if given != nil {
			return u.Unmark(ctx, w)
		}
		return u.Mark(ctx, w, time.UnixMicro(a.clock.Now()), true)
	}))
}

// aside writes what passes the door without event or revision.
func (a *Authority) aside(ctx context.Context, fn func(context.Context, Usage) error) error {
	return a.do(ctx, func(tx WriteTxn, cand candidate) (candidate, error) {
		return cand, fn(context.WithoutCancel(ctx), tx.Usage())
	})
}

// Expiring iterates over what of an org ends within a time from now: accounts
// first, then credentials, each as the warning that it would be given with. What
// has ended already, what is disabled, held or otherwise of no use, invitations and enroll codes
// are left out. A credential that was rotated is in it with the end of its grace
// period, of which nobody is warned: [Config.OnExpiry]. It needs
// identity:credentials.read.
func (o *OrgAdmin) Expiring(ctx context.Context, within time.Duration) iter.Seq2[ExpiryWarning, error] {
	const op = "Expiring"
	return func(yield func(ExpiryWarning, error) bool) {
		if err := o.checkActor(); err != nil {
			yield(ExpiryWarning{}, wrap(op, err))
			return
		}
		now := time.UnixMicro(o.a.clock.Now())
		soon := func(end time.Time) bool { return !end.IsZero() && end.After(now) && !end.After(now.Add(within)) }
		owners := map[AccountID]ExpiryWarning{}
		for a, err := range everyRow(ctx, &o.Admin, op, nounAccount, o.org, Query{}, Txn.Accounts) {
			if err != nil {
				yield(ExpiryWarning{}, err)
				return
			}
			if a.State != AccountActive && a.State != AccountInvited {
				continue
			}
			w := ExpiryWarning{
				Org: a.Org, Account: a.ID, Kind: a.Kind, AccountName: a.Name, EndsAt: a.ValidUntil, Within: within, Owner: a.CreatedBy, Creator: a.CreatedBy,
			}
			owners[a.ID] = w
			if soon(a.ValidUntil) && !yield(w, nil) {
				return
			}
		}
		for c, err := range everyRow(ctx, &o.Admin, op, nounCredential, o.org, Query{}, Txn.Credentials) {
			if err != nil {
				yield(ExpiryWarning{}, err)
				return
			}
			w, alive := owners[c.Account]
			if !alive || !c.lives(now) || c.Type.once() {
				continue
			}
			if w.EndsAt = c.ValidUntil; c.EndsAt.After(now) && (w.EndsAt.IsZero() || c.EndsAt.Before(w.EndsAt)) {
				w.EndsAt = c.EndsAt
			}
			w.Credential, w.CredentialName, w.Creator = c.ID, c.Name, c.CreatedBy
			if soon(w.EndsAt) && !yield(w, nil) {
				return
			}
		}
	}
}

// Unused iterates over the credentials of an org that are active or retiring, have
// not ended, and were neither used nor made since a time. What is disabled or held
// is not in it, nor are invitations and enroll codes. What was used in the last minutes may not be known
// yet; see [Credential]. It needs identity:credentials.read.
func (o *OrgAdmin) Unused(ctx context.Context, since time.Time) iter.Seq2[Credential, error] {
	const op = "Unused"
	return func(yield func(Credential, error) bool) {
		if err := o.checkActor(); err != nil {
			yield(Credential{}, wrap(op, err))
			return
		}
		now := time.UnixMicro(o.a.clock.Now())
		for c, err := range everyRow(ctx, &o.Admin, op, nounCredential, o.org, Query{}, Txn.Credentials) {
			if err == nil && (!c.lives(now) || c.Type.once() || !c.LastUsed.Before(since) || !c.CreatedAt.Before(since)) {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// expiryThresholds are those of Config, the longest first.
func expiryThresholds(given []time.Duration) []time.Duration {
	const day = 24 * time.Hour
	if len(given) == 0 {
		return []time.Duration{30 * day, 7 * day, day}
	}
	given = slices.Clone(given)
	slices.SortFunc(given, func(x, y time.Duration) int { return cmp.Compare(y, x) })
	return given
}

// checkThresholds returns what is wrong with sorted thresholds, or "".
func checkThresholds(t []time.Duration) string {
	switch {
	case len(t) > 8:
		return "more than 8"
	case t[len(t)-1] < time.Minute || t[0] > 365*24*time.Hour:
		return "one is not between 1 minute and 365 days"
	case len(slices.Compact(slices.Clone(t))) != len(t):
		return "one is there twice"
	}
	return ""
}
