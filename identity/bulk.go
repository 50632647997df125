package identity

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Result is what became of one item of a call for many. Such a call is as many
// calls: each is judged, stored and logged by itself, one that is refused does
// not keep the others, and there is one Result for each item, in their order. They
// are made at the same time, so it is open which of two for the same thing changes it.
// Inside Write they are made one after the other, and stored together with the rest of it.
type Result[T any] struct {
	Item    T     // the id that was given; of what was made or read, the row
	Changed bool  // false: there was nothing to change, or Err says why not
	Err     error // as of the call for one
}

const (
	// MaxBulk is how many items a call for many takes. More are refused with
	// ErrLimit before anything is done.
	MaxBulk = 10_000
	// atOnce is how many of them wait at the door together, to share what it
	// takes to store them.
	atOnce = 64
)

// each makes a call for every item.
func each[In, Out any](o *OrgAdmin, op string, items []In, call func(In) (Out, bool, error)) ([]Result[Out], error) {
	if err := atMost(op, len(items)); err != nil {
		return nil, err
	}
	out := make([]Result[Out], len(items))
	run := func(i int) {
		r := &out[i]
		r.Item, r.Changed, r.Err = call(items[i])
	}
	if o.tx != nil { // one at a time uses a transaction
		for i := range items {
			run(i)
		}
		return out, nil
	}
	var calls sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i := range items {
		turns <- struct{}{}
		calls.Go(func() {
			defer func() { <-turns }()
			run(i)
		})
	}
	calls.Wait()
	return out, nil
}

func atMost(op string, n int) error {
	if n > MaxBulk {
		return &Error{Kind: ErrLimit, Op: op, Field: "items", Err: fmt.Errorf("%d, at most %d at a time", n, MaxBulk)}
	}
	return nil
}

// eachID is each for calls that take an id and say whether they changed anything.
func eachID[K ~string](o *OrgAdmin, op string, ids []K, call func(K) (bool, error)) ([]Result[K], error) {
	return each(o, op, ids, func(id K) (K, bool, error) {
		changed, err := call(id)
		return id, changed, err
	})
}

// AccountsByID reads many accounts, and so tells which ids are of accounts. What
// is given in Item is the account.
func (o *OrgAdmin) AccountsByID(ctx context.Context, ids []AccountID) ([]Result[Account], error) {
	const op = "AccountsByID"
	if err := atMost(op, len(ids)); err != nil {
		return nil, err
	}
	out := make([]Result[Account], len(ids))
	err := o.read(ctx, op, o.org, func(ctx context.Context, tx Txn) error {
		for i, id := range ids {
			if err := id.check(); err != nil {
				out[i].Err = wrap(op, err)
				continue
			}
			row, err := tx.Accounts().Find(ctx, o.org, id)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			out[i] = Result[Account]{Item: row, Err: wrap(op, err)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ActivateAccounts is [OrgAdmin.ActivateAccount] for many.
func (o *OrgAdmin) ActivateAccounts(ctx context.Context, ids []AccountID) ([]Result[AccountID], error) {
	return eachID(o, "ActivateAccounts", ids, func(id AccountID) (bool, error) { return o.ActivateAccount(ctx, id) })
}

// DeactivateAccounts is [OrgAdmin.DeactivateAccount] for many.
func (o *OrgAdmin) DeactivateAccounts(ctx context.Context, ids []AccountID) ([]Result[AccountID], error) {
	return eachID(o, "DeactivateAccounts", ids, func(id AccountID) (bool, error) { return o.DeactivateAccount(ctx, id) })
}

// DeleteAccounts is [OrgAdmin.DeleteAccount] for many.
func (o *OrgAdmin) DeleteAccounts(ctx context.Context, ids []AccountID) ([]Result[AccountID], error) {
	return eachID(o, "DeleteAccounts", ids, func(id AccountID) (bool, error) { return o.DeleteAccount(ctx, id) })
}

// AddMembers is [OrgAdmin.AddMember] for many members of one group.
func (o *OrgAdmin) AddMembers(ctx context.Context, group GroupID, members []SubjectID) ([]Result[SubjectID], error) {
	return eachID(o, "AddMembers", members, func(id SubjectID) (bool, error) { return o.AddMember(ctx, group, id) })
}

// RemoveMembers is [OrgAdmin.RemoveMember] for many members of one group.
func (o *OrgAdmin) RemoveMembers(ctx context.Context, group GroupID, members []SubjectID) ([]Result[SubjectID], error) {
	return eachID(o, "RemoveMembers", members, func(id SubjectID) (bool, error) { return o.RemoveMember(ctx, group, id) })
}

// EnsureBindings is [OrgAdmin.EnsureBinding] for many.
func (o *OrgAdmin) EnsureBindings(ctx context.Context, specs []BindingSpec) ([]Result[Binding], error) {
	return each(o, "EnsureBindings", specs, func(spec BindingSpec) (Binding, bool, error) {
		r, err := o.EnsureBinding(ctx, spec)
		return r.Binding, r.Created, err
	})
}

// DeleteBindings is [OrgAdmin.DeleteBinding] for many.
func (o *OrgAdmin) DeleteBindings(ctx context.Context, ids []BindingID) ([]Result[BindingID], error) {
	return eachID(o, "DeleteBindings", ids, func(id BindingID) (bool, error) {
		err := o.DeleteBinding(ctx, id)
		return err == nil, err
	})
}
