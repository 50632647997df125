package identity

import (
	"context"
	"iter"
	"math"

	"github.com/claviger-go/claviger/policy"
)

// WhoCanRequest asks who may do something.
type WhoCanRequest struct {
	Permission policy.Permission // required
	Path       policy.Path       // required; policy.Root is the org itself
	// Attrs are what conditions may read of the request that any of them might
	// make; nil is fine. What is named principal.* says something of one account and
	// counts as missing.
	Attrs *policy.Attrs
}

// Holder is an account that may do what was asked.
type Holder struct {
	Org     OrgID // of the account: that of an operator is the system org
	Account AccountID
	Kind    AccountKind
	Binding BindingID // one allow that gives it: of several, one of its own before one of a group, then the first id
	// Via are the groups that lead from the account to the subject of Binding, which
	// comes last; none if the binding is the account's own.
	Via []GroupID
	// Conditional: it depends on a condition that is unknown here. Missing is an
	// attribute that this condition lacked, if it named one.
	Conditional bool
	Missing     string
}

// WhoCan iterates over the accounts that may do something in the org now, in the
// order of their ids: those that Authorize would allow it if they logged in at
// this moment, and, marked as Conditional, those for which that hangs on
// conditions that are unknown. After the org's own accounts come the operators
// of the instance whose bindings reach the org; of these an actor of the org
// learns who they are, and not the binding and the groups, which are another
// org's. What an access token was cut down to does not count.
//
// It answers from what is published, inside Write from what the transaction has
// made so far, and never from two states of one org. It fails with ErrInvalid
// for a permission that the catalog does not have and for an absent path. The
// sequence ends after the first error.
func (o *OrgAdmin) WhoCan(ctx context.Context, req WhoCanRequest) iter.Seq2[Holder, error] {
	return func(yield func(Holder, error) bool) {
		places, err := o.whereToAsk(ctx, req)
		if err != nil {
			yield(Holder{}, err)
			return
		}
		for i := range places {
			for h := range places[i].holders(o.a, req) {
				if i > 0 && o.who.foreign(places[i].home.org.ID) {
					h.Binding, h.Via = "", nil
				}
				if !yield(h, nil) {
					return
				}
			}
		}
	}
}

// whereToAsk are the views in which accounts may have something to do with the
// org: its own, and that of the operators.
func (o *OrgAdmin) whereToAsk(ctx context.Context, req WhoCanRequest) (places []standpoint, err error) {
	err = o.look(ctx, "WhoCan", func(now standpoint, view func(OrgID) (*view, error)) error {
		if err := o.a.checkQuestion(req.Permission, req.Path); err != nil {
			return err
		}
		now.org = o.org
		places = []standpoint{now}
		if system := now.inst.row.SystemOrg; system != o.org {
			if now.home, err = view(system); err != nil {
				return err
			}
			places = append(places, now)
		}
		return nil
	})
	return places, err
}

// checkQuestion refuses a question that no answer could be true of.
func (a *Authority) checkQuestion(permission policy.Permission, path policy.Path) error {
	if _, known := a.model.Catalog.Lookup(permission.String()); !known {
		return invalid("permission", "Permission", "the catalog has no %q", clip(permission.String()))
	}
	if path.IsZero() {
		return invalid("path", "Path", "is required; policy.Root is the whole org")
	}
	return nil
}

// look reads what answers are taken from: the present, with the org as home.
func (o *OrgAdmin) look(ctx context.Context, op string, fn func(now standpoint, view func(OrgID) (*view, error)) error) error {
	return o.read(ctx, op, o.org, func(ctx context.Context, tx Txn) error {
		cand := candidate{revision: o.a.revision.Load(), instance: o.a.instance.Load()}
		if o.tx != nil {
			cand = o.tx.cand
		}
		view := func(id OrgID) (*view, error) { return o.a.viewIn(ctx, tx, cand, id) }
		home, err := view(o.org)
		if err != nil {
			return err
		}
		return fn(standpoint{home: home, inst: cand.instance, now: o.a.clock.Now(), revision: cand.revision}, view)
	})
}

// holders yields the accounts of home that may do what is asked and are alive.
func (s *standpoint) holders(a *Authority, req WhoCanRequest) iter.Seq[Holder] {
	return func(yield func(Holder) bool) {
		q := policy.Query{Permission: req.Permission, Path: req.Path, Attrs: req.Attrs, Now: s.now}
		home := s.home.org.ID
		if s.org != home {
			q.Org = string(s.org)
		}
		for x := range s.home.rules.WhoCan(q) {
			p := a.newcomer(home, AccountID(x.Account))
			if !p.locate(s.home) || s.home.live(s.inst, &p, s.now) != policy.ReasonUnspecified {
				continue
			}
			h := Holder{
				Org: home, Account: p.account, Kind: s.home.accounts.At(p.accountSlot).kind(), Binding: BindingID(x.Binding),
				Conditional: x.Conditional, Missing: x.Missing,
			}
			for _, id := range x.Via {
				h.Via = append(h.Via, GroupID(subjectOf(id)))
			}
			if !yield(h) {
				return
			}
		}
	}
}

// newcomer is an account as if it logged in now: what ended earlier logins does
// not end this one.
func (a *Authority) newcomer(org OrgID, account AccountID) principal {
	return principal{a: a, org: org, account: account, issued: math.MaxUint64}
}
