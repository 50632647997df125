package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// instant is when every row was made, in Unix microseconds.
const instant = 1_767_225_600_000_000

// fill writes the world's rows, an org in a transaction.
func fill(path string, w *workload.World) (err error) {
	st, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	for i, o := range w.Orgs {
		tx, err := st.Begin()
		if err != nil {
			return err
		}
		if err := insert(tx, w, i, o); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func insert(tx identity.WriteTxn, w *workload.World, i int, o *workload.Org) error {
	ctx, org := context.Background(), identity.OrgID(o.ID)
	meta := identity.Meta{CreatedAt: time.UnixMicro(instant), CreatedBy: "system", UpdatedAt: time.UnixMicro(instant), UpdatedBy: "system"}
	err := tx.Orgs().Insert(ctx, identity.Org{ID: org, Slug: fmt.Sprint("org-", i), DisplayName: o.ID, State: identity.OrgActive, Meta: meta})
	for n, id := range o.Accounts {
		kind := identity.User
		if workload.ServiceAccount(n) {
			kind = identity.ServiceAccount
		}
		err = errors.Join(err, tx.Accounts().Insert(ctx, identity.Account{
			ID: identity.AccountID(id), Org: org, Kind: kind, Name: id, State: identity.AccountActive, Meta: meta}))
	}
	for _, id := range o.Groups {
		err = errors.Join(err, tx.Groups().Insert(ctx, identity.Group{ID: identity.GroupID(id), Org: org, Name: id, Meta: meta}))
	}
	for n, id := range o.Accounts {
		for _, g := range o.GroupsOf(n) {
			err = errors.Join(err, tx.Members().Insert(ctx, identity.Member{
				Org: org, Group: identity.GroupID(g), Member: identity.SubjectID(id),
				CreatedAt: meta.CreatedAt, CreatedBy: "system"}))
		}
	}
	for _, r := range o.Roles[workload.SharedRoles:] {
		err = errors.Join(err, tx.Roles().Insert(ctx, identity.Role{
			ID: identity.RoleID(r.ID), Org: org, Name: r.ID, Permissions: w.PermissionsOf(r), State: identity.RoleActive, Meta: meta}))
	}
	for _, b := range o.Bindings {
		err = errors.Join(err, tx.Bindings().Insert(ctx, identity.Binding{
			ID: identity.BindingID(b.ID), Org: org, Subject: identity.SubjectID(b.Subject), Role: identity.RoleRef(o.Roles[b.Role].ID),
			Scope: o.Nodes[b.Scope].Path, Effect: policy.Allow, Meta: meta}))
	}
	return err
}
