package main

import (
	"fmt"
	"time"

	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/policy"
)

// An edited org is the compiled form of one org, which is changed and asked in turn: what a change costs beyond its commit.
type edited struct {
	s *policy.Snapshot
	w *workload.World
}

func newEdited() (*edited, error) {
	w, err := workload.New(oneOrg())
	if err != nil {
		return nil, err
	}
	compiled, err := w.Compile()
	if err != nil {
		return nil, err
	}
	return &edited{compiled[w.Orgs[0].ID], w}, nil
}

// bind gives a subject the first role at a node, or takes it away again, and asks whether the account may.
func (e *edited) bind(subject, account string, node int, give bool) error {
	o := e.w.Orgs[0]
	d := e.s.Edit()
	if give {
		err := d.PutBinding(policy.Binding{ID: "bi_changed", Subject: subject, Role: o.Roles[0].ID, Scope: o.Nodes[node].Path, Effect: policy.Allow})
		if err != nil {
			return err
		}
	} else {
		d.RemoveBinding("bi_changed")
	}
	e.s = d.Snapshot()
	return e.ask(account, e.w.PermissionsOf(o.Roles[0])[0], node, give)
}

// ask fails if what was given is not allowed.
func (e *edited) ask(account, permission string, node int, given bool) error {
	p, err := policy.ParsePermission(permission)
	if err != nil {
		return err
	}
	h, _ := e.s.Account(account)
	d := e.s.Decide(&policy.Query{Account: h, Permission: p, Path: e.w.Orgs[0].Nodes[node].Path})
	if given && !d.Allowed {
		return fmt.Errorf("the change is not seen: %v", d.Reason)
	}
	return nil
}

// editBinding reads what one changed binding of one account takes in an org of workload L until a decision sees it, against
// 50 µs.
func editBinding() (ratio float64, value string, err error) {
	e, err := newEdited()
	if err != nil {
		return 0, "", err
	}
	o := e.w.Orgs[0]
	took, err := each(1000, func(i int) error {
		account := o.Accounts[i/2%len(o.Accounts)]
		return e.bind(account, account, i/2%len(o.Nodes), i%2 == 0)
	})
	return float64(took) / float64(50*time.Microsecond), took.String(), err
}

// editGroup reads what one changed binding of a group of 10,000 accounts takes.
func editGroup() (ratio float64, value string, err error) {
	e, err := newEdited()
	if err != nil {
		return 0, "", err
	}
	const group, members = "gr_wide", 10_000
	d := e.s.Edit()
	d.PutGroup(group)
	for i := range members {
		id := fmt.Sprintf("us_member%022d", i)
		d.PutAccount(policy.Account{ID: id, Kind: policy.User})
		if err := d.AddMember(group, id); err != nil {
			return 0, "", err
		}
	}
	e.s = d.Snapshot()
	took, err := each(2, func(i int) error { return e.bind(group, fmt.Sprintf("us_member%022d", i), 1, i%2 == 0) })
	return took.Seconds(), took.String(), err
}

// editRole reads what a changed role takes.
func editRole() (ratio float64, value string, err error) {
	e, err := newEdited()
	if err != nil {
		return 0, "", err
	}
	o := e.w.Orgs[0]
	r := o.Roles[workload.SharedRoles]
	names := e.w.PermissionsOf(r)
	took, err := each(100, func(i int) error {
		d := e.s.Edit()
		if err := d.PutRole(policy.Role{ID: r.ID, Permissions: names[:len(names)-i%2]}); err != nil {
			return err
		}
		e.s = d.Snapshot()
		return e.ask(o.Accounts[0], names[0], 1, false)
	})
	return took.Seconds(), took.String(), err
}

// each is the median, over some batches, of what one of n operations takes.
func each(n int, operation func(i int) error) (time.Duration, error) {
	var took []float64
	for range pairs {
		start := time.Now()
		for i := range n {
			if err := operation(i); err != nil {
				return 0, err
			}
		}
		took = append(took, float64(time.Since(start))/float64(n))
	}
	return time.Duration(median(took)), nil
}
