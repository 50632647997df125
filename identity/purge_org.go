package identity

import (
	"context"
	"errors"
)

// purgeStep is about how many rows one transaction of PurgeOrg removes, and of how many
// events one of PurgeAccount forgets what they say, so that others are not kept waiting
// for the whole of it.
const purgeStep = 2000

// PurgeOrg forgets a deleted org: every row of it but its own, which keeps only the
// slug, since that is never given again, what was before and after every event, and
// the idempotency keys of calls in it and of the one that made it.
// It does so in steps, each a transaction of its own with an event "purge", unless
// it is inside Write; when it fails on the way, the next call goes on. One that finds
// nothing more changes nothing.
//
// It is for the host only, and fails with ErrInUse for an org that is not deleted.
func (s *Admin) PurgeOrg(ctx context.Context, id OrgID) (Purged, error) {
	const op = "PurgeOrg"
	if !s.who.system {
		return Purged{}, &Error{Kind: ErrDenied, Op: op, Entity: nounOrg, Err: errText("only System purges")}
	}
	if err := id.check(); err != nil {
		return Purged{}, wrap(op, err)
	}
	var all Purged
	at := uint64(0) // how far the log is done with
	for {
		var step orgPurge
		err := s.write(ctx, op, s.a.SystemOrg(), func(c *change) error {
			step = orgPurge{change: c, at: at}
			return step.run(id)
		})
		if err != nil {
			return all, err
		}
		all.Rows, all.Events, at = all.Rows+step.done.Rows, all.Events+step.done.Events, step.at
		if step.over {
			return all, nil
		}
	}
}

// orgPurge is one step.
type orgPurge struct {
	*change
	at      uint64
	done    Purged
	over    bool
	secrets []Credential // that the index is to forget, which outlives the org's view
}

func (p *orgPurge) run(id OrgID) error {
	org, err := p.tx.Orgs().Find(p.ctx, id, id)
	if err == nil && org.State != OrgDeleted {
		err = notDeleted(nounOrg, string(id), string(org.State))
	}
	if err != nil {
		return err
	}
	bare := Org{ID: id, Slug: org.Slug, DisplayName: org.Slug, State: OrgDeleted, MinRevision: org.MinRevision, Meta: org.Meta}
	scrubbed := org.DisplayName != bare.DisplayName || !org.Settings.isZero()
	if err := p.rows(id); err != nil {
		return err
	}
	if p.done.Rows < purgeStep {
		if err := p.events(id); err != nil {
			return err
		}
	}
	if p.done == (Purged{}) && !scrubbed {
		return nil
	}
	bare.Meta = p.updated(bare.Meta)
	if err := p.tx.Orgs().Update(p.ctx, bare); err != nil {
		return err
	}
	if err := p.emptied(bare); err != nil {
		return err
	}
	return p.record(id, nounOrg, string(id), verbPurge, nil, nil)
}

// rows removes rows, those that refer to others first.
func (p *orgPurge) rows(id OrgID) error {
	for _, some := range []func(OrgID, int) (int, error){
		someOf(p, p.tx.Members(), nil),
		someOf(p, p.tx.Bindings(), nil),
		someOf(p, p.tx.Credentials(), func(k Credential) { p.secrets = withoutSecret(p.secrets, k) }),
		someOf(p, p.tx.RevokedTokens(), nil),
		someOf(p, p.tx.Accounts(), nil),
		someOf(p, p.tx.Groups(), nil),
		someOf(p, p.tx.Roles(), nil),
		func(org OrgID, most int) (int, error) { return p.tx.IdempotencyKeys().Purge(p.ctx, org, most) },
		func(org OrgID, _ int) (int, error) {
			return p.tx.IdempotencyKeys().Forget(p.ctx, string(org), p.a.SystemOrg(), []string{string(org)})
		},
	} {
		n, err := some(id, purgeStep-p.done.Rows)
		if err != nil {
			return err
		}
		if p.done.Rows += n; p.done.Rows >= purgeStep {
			return nil
		}
	}
	return p.tx.Usage().Purge(p.ctx, id, "")
}

// someOf deletes rows of one noun, about as many as asked.
func someOf[T keyed[K], K ~string](p *orgPurge, table Table[T, K], gone func(T)) func(OrgID, int) (int, error) {
	return func(org OrgID, most int) (n int, err error) {
		for n < most {
			rows, err := table.Page(p.ctx, Query{Org: org, Limit: min(1000, most-n)})
			if err != nil || len(rows) == 0 {
				return n, err
			}
			for _, row := range rows {
				if err := table.Delete(p.ctx, org, row.key()); err != nil {
					return n, err
				}
				if gone != nil {
					gone(row)
				}
				n++
			}
		}
		return n, nil
	}
}

// events forgets what events say, of some of them.
func (p *orgPurge) events(id OrgID) error {
	for range purgeStep / auditPage {
		found := traces{about: func(*Event) bool { return true }, at: p.at}
		more, err := found.read(p.ctx, p.tx.Changes(), id)
		if err != nil {
			return err
		}
		n, err := p.tx.Changes().Purge(p.ctx, id, found.seqs)
		if err != nil {
			return err
		}
		p.at, p.done.Events = found.at, p.done.Events+n
		if !more {
			p.over = true
			return nil
		}
	}
	return nil
}

// emptied puts a view without rows in the place of the org's, which need not be
// loaded for that.
func (p *orgPurge) emptied(org Org) error {
	last, err := p.tx.Changes().Head(p.ctx, org.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	d := p.a.emptyView(org).edit()
	d.head, d.secrets = chainHead{seq: last.Seq, mac: last.MAC}, p.secrets
	p.drafts[org.ID] = d
	return nil
}
