package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// A host is the library as a program embeds it, over a database file in a temporary folder.
type host struct {
	*identity.Authority
	dir        string
	principals map[string]identity.Principal
	made       atomic.Int64 // groups
}

// host writes the world's rows into a new database and opens it. The rows go straight into the tables: what is measured
// is not how they came there.
func (w *world) host() (h *host, err error) {
	dir, err := os.MkdirTemp("", "budget-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	h = &host{dir: dir, principals: map[string]identity.Principal{}}
	if err := h.open(w); err != nil { // makes the instance
		return nil, err
	}
	if err := h.Authority.Close(); err != nil {
		return nil, err
	}
	if err := w.fill(filepath.Join(dir, "app.db")); err != nil {
		return nil, err
	}
	return h, h.open(w)
}

func (h *host) open(w *world) error {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, filepath.Join(h.dir, "app.db"))
	if err != nil {
		return err
	}
	cfg := identity.Config{Issuer: issuer, Seal: token.SealBytes([]byte("a sealing key that only measures"))}
	for _, n := range w.names {
		cfg.Permissions = append(cfg.Permissions, policy.PermissionSpec{Name: n})
	}
	for _, r := range w.shared {
		cfg.Roles = append(cfg.Roles, identity.CodeRole{Name: r.id[len("code:"):], Permissions: w.permissionsOf(r)})
	}
	h.Authority, err = identity.New(ctx, st, cfg)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	return nil
}

func (h *host) close() error {
	return errors.Join(h.Authority.Close(), os.RemoveAll(h.dir))
}

// principal vouches for an account, once.
func (h *host) principal(t *tenant, account int) (identity.Principal, error) {
	id := t.accounts[account]
	if p, ok := h.principals[id]; ok {
		return p, nil
	}
	now := time.Now()
	p, err := h.System("measure").In(identity.OrgID(t.id)).Vouch(context.Background(), identity.AccountID(id),
		identity.Login{AuthTime: now, NotAfter: now.Add(24 * time.Hour)})
	h.principals[id] = p
	return p, err
}

// fill writes the world's rows.
func (w *world) fill(path string) (err error) {
	st, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	for i, t := range w.tenants {
		tx, err := st.Begin()
		if err != nil {
			return err
		}
		if err := w.insert(tx, i, t); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) insert(tx identity.WriteTxn, i int, t *tenant) error {
	ctx, org := context.Background(), identity.OrgID(t.id)
	meta := identity.Meta{CreatedAt: time.UnixMicro(instant), CreatedBy: "system", UpdatedAt: time.UnixMicro(instant), UpdatedBy: "system"}
	err := tx.Orgs().Insert(ctx, identity.Org{ID: org, Slug: fmt.Sprint("org-", i), DisplayName: t.id, State: identity.OrgActive, Meta: meta})
	for n, id := range t.accounts {
		kind := identity.User
		if serviceAccount(n) {
			kind = identity.ServiceAccount
		}
		err = errors.Join(err, tx.Accounts().Insert(ctx, identity.Account{
			ID: identity.AccountID(id), Org: org, Kind: kind, Name: id, State: identity.AccountActive, Meta: meta}))
	}
	for _, id := range t.groups {
		err = errors.Join(err, tx.Groups().Insert(ctx, identity.Group{ID: identity.GroupID(id), Org: org, Name: id, Meta: meta}))
	}
	for n, groups := range t.memberOf {
		for _, g := range groups {
			err = errors.Join(err, tx.Members().Insert(ctx, identity.Member{
				Org: org, Group: identity.GroupID(t.groups[g]), Member: identity.SubjectID(t.accounts[n]),
				CreatedAt: meta.CreatedAt, CreatedBy: "system"}))
		}
	}
	for _, r := range t.roles[sharedRoles:] {
		err = errors.Join(err, tx.Roles().Insert(ctx, identity.Role{
			ID: identity.RoleID(r.id), Org: org, Name: r.id, Permissions: w.permissionsOf(r), State: identity.RoleActive, Meta: meta}))
	}
	for _, b := range t.bindings {
		err = errors.Join(err, tx.Bindings().Insert(ctx, identity.Binding{
			ID: identity.BindingID(b.id), Org: org, Subject: identity.SubjectID(b.subject), Role: identity.RoleRef(t.roles[b.role].id),
			Scope: t.nodes[b.scope].path, Effect: policy.Allow, Meta: meta}))
	}
	return err
}

func (w *world) permissionsOf(r role) []string {
	var names []string
	for i, n := range w.names {
		if r.contents&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}
