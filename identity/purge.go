package identity

import "context"

// What is deleted leaves a row, which keeps its id and its name taken, and events
// that say what it was. A purge forgets both: the row with all that hangs on it, and,
// in the log, what was before and after. That an event took place, when, by whom
// and with what hash stays, so the log still verifies.
//
// Purges are for the host only. They cannot be undone, and do not reach what lies
// outside of the database: backups, exports, and what followers have kept. Whoever
// guesses what was forgotten word for word can tell by the hash that the guess is
// right. What the host wrote as the reason of a call stays, too. The file has the
// bytes until SQLite uses their pages again; VACUUM makes it do so.

const verbPurge = "purge"

// Purged is what a purge found to forget.
type Purged struct {
	Rows   int // that were removed
	Events int // that said what was before or after, and do no more
}

// PurgeAccount forgets a deleted account: its row, and so its name and its
// external id, which can be given again, though never its id; its credentials,
// memberships, bindings and direct permissions; what events say of these; and the
// idempotency keys of calls that it made or that made any of this. It is for the
// host only, and fails with ErrInUse for an account that is not deleted, and with
// ErrNotFound for one that was purged.
//
// All rows go at once, with the last of the events. Of more than 2,000 events the
// others are forgotten before, in steps so that nobody is kept waiting for the whole
// of it, each a transaction of its own with an event "purge", unless it is inside
// Write; when it fails on the way, the next call goes on, and what is returned beside
// the error says what was forgotten until then. So do PurgeGroup and PurgeRole.
func (o *OrgAdmin) PurgeAccount(ctx context.Context, id AccountID) (Purged, error) {
	var a Account
	return o.purge(ctx, "PurgeAccount", nounAccount, string(id), id.valid(), aboutAccount(id), func(c *change) (err error) {
		a, err = c.tx.Accounts().Find(c.ctx, o.org, id)
		if err == nil && a.State != AccountDeleted {
			err = notDeleted(nounAccount, string(id), string(a.State))
		}
		return err
	}, func(c *change) (int, error) { return c.purgeAccount(a) })
}

// PurgeGroup forgets a deleted group, so that its name can be given again, what
// events say of it, and the idempotency key of the call that made it. It is for the host only, and fails like PurgeAccount.
func (o *OrgAdmin) PurgeGroup(ctx context.Context, id GroupID) (Purged, error) {
	return o.purge(ctx, "PurgeGroup", nounGroup, string(id), id.valid(), aboutRow(nounGroup, string(id)), func(c *change) error {
		g, err := c.tx.Groups().Find(c.ctx, o.org, id)
		if err == nil && !g.Deleted {
			err = notDeleted(nounGroup, string(id), "in use")
		}
		return err
	}, func(c *change) (int, error) {
		if err := c.tx.Groups().Delete(c.ctx, o.org, id); err != nil {
			return 0, err
		}
		return 1, c.record(o.org, nounGroup, string(id), verbPurge, nil, nil)
	})
}

// PurgeRole forgets a deleted role, so that its name can be given again, what
// events say of it, and the idempotency key of the call that made it. It is for the host only, and fails like PurgeAccount.
func (o *OrgAdmin) PurgeRole(ctx context.Context, id RoleID) (Purged, error) {
	var r Role
	return o.purge(ctx, "PurgeRole", nounRole, string(id), id.valid(), aboutRow(nounRole, string(id)), func(c *change) (err error) {
		r, err = c.tx.Roles().Find(c.ctx, o.org, id)
		if err == nil && !r.Deleted {
			err = notDeleted(nounRole, string(id), string(r.State))
		}
		return err
	}, func(c *change) (int, error) { return 1, c.purgeRole(r) })
}

func notDeleted(noun, id, state string) error {
	return &Error{Kind: ErrInUse, Entity: noun, ID: id, Err: errText("is " + state + ": delete it first")}
}

// purge removes rows of what is deleted, and what the log says of them.
func (o *OrgAdmin) purge(ctx context.Context, op, noun, id string, valid bool, about func(*Event) bool, deleted func(*change) error, rows func(*change) (int, error)) (out Purged, err error) {
	if !o.who.system {
		return Purged{}, &Error{Kind: ErrDenied, Op: op, Entity: noun, Err: errText("only System purges")}
	}
	if !valid {
		return Purged{}, wrap(op, &Error{Kind: ErrInvalid, Entity: noun, ID: clip(id), Field: "ID"})
	}
	// The log is long. It is read before the door, where nobody waits; inside, only
	// what has come since is left.
	seen := traces{about: about}
	for more := o.tx == nil; more; {
		err := o.read(ctx, op, o.org, func(ctx context.Context, tx Txn) (err error) {
			more, err = seen.read(ctx, tx.Changes(), o.org)
			return err
		})
		if err != nil {
			return Purged{}, err
		}
	}
	for len(seen.seqs) > purgeStep {
		var step Purged
		some := seen.first(purgeStep)
		err := o.write(ctx, op, o.org, func(c *change) (err error) {
			if err = deleted(c); err != nil {
				return err
			}
			if step, err = some.forget(c, id); err != nil {
				return err
			}
			return c.record(o.org, noun, id, verbPurge, nil, nil)
		})
		if err != nil {
			return out, err
		}
		out.Rows, out.Events = out.Rows+step.Rows, out.Events+step.Events
	}
	var end Purged
	err = o.write(ctx, op, o.org, func(c *change) (err error) {
		if err := deleted(c); err != nil {
			return err
		}
		removed, err := rows(c)
		if err != nil {
			return err
		}
		found := seen.clone()
		for more := true; more; {
			if more, err = found.read(c.ctx, c.tx.Changes(), o.org); err != nil {
				return err
			}
		}
		end, err = found.forget(c, id)
		end.Rows += removed
		return err
	})
	if err != nil {
		return out, err
	}
	return Purged{Rows: out.Rows + end.Rows, Events: out.Events + end.Events}, nil
}

// purgeRole removes a role, which nothing is linked to.
func (c *change) purgeRole(r Role) error {
	if err := c.tx.Roles().Delete(c.ctx, r.Org, r.ID); err != nil {
		return err
	}
	d, err := c.draft(r.Org)
	if err != nil {
		return err
	}
	d.editRules().RemoveRole(string(r.ID))
	return c.record(r.Org, nounRole, string(r.ID), verbPurge, nil, nil)
}

// purgeAll deletes every row that a query selects.
func purgeAll[T keyed[K], K ~string](c *change, table Table[T, K], q Query, gone func(T) error) (n int, err error) {
	for row, err := range selected(c.ctx, table, q) {
		if err == nil {
			err = table.Delete(c.ctx, q.Org, row.key())
		}
		if err == nil {
			err = gone(row)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
