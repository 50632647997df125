package authorize

import (
	"strings"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/policy"
)

func decide() contender {
	return contender{
		module: "github.com/claviger-go/claviger",
		ours:   true,
		ways: []way{{"claviger policy.Decide", "the evaluator alone, without liveness and clock: a snapshot for each org, the account's " +
			"handle resolved ahead."}},
		stage: at(loadSnapshots),
	}
}

// snapshots is the compiled form of every org.
type snapshots map[string]*policy.Snapshot

func loadSnapshots(w *workload.World) (engine, error) {
	var specs []policy.PermissionSpec
	for _, name := range w.Permissions {
		specs = append(specs, policy.PermissionSpec{Name: name})
	}
	catalog, err := policy.NewCatalog(specs...)
	if err != nil {
		return nil, err
	}
	var shared []policy.Role
	for _, r := range w.Roles {
		shared = append(shared, policy.Role{ID: r.ID, Permissions: w.PermissionsOf(r)})
	}
	roles, err := policy.NewRoles(catalog, shared)
	if err != nil {
		return nil, err
	}
	e := snapshots{}
	for _, o := range w.Orgs {
		d := policy.New(policy.Model{Catalog: catalog, Roles: roles}, o.ID).Edit()
		if err := fillDraft(d, w, o); err != nil {
			return nil, err
		}
		e[o.ID] = d.Snapshot()
	}
	return e, nil
}

func fillDraft(d *policy.Draft, w *workload.World, o *workload.Org) error {
	for n, id := range o.Accounts {
		kind := policy.User
		if workload.ServiceAccount(n) {
			kind = policy.ServiceAccount
		}
		d.PutAccount(policy.Account{ID: id, Kind: kind})
	}
	for _, id := range o.Groups {
		d.PutGroup(id)
	}
	for n, id := range o.Accounts {
		for _, g := range o.GroupsOf(n) {
			if err := d.AddMember(g, id); err != nil {
				return err
			}
		}
	}
	for _, r := range o.Roles[workload.SharedRoles:] {
		if err := d.PutRole(policy.Role{ID: r.ID, Permissions: w.PermissionsOf(r)}); err != nil {
			return err
		}
	}
	for _, b := range o.Bindings {
		err := d.PutBinding(policy.Binding{
			ID: b.ID, Subject: b.Subject, Role: o.Roles[b.Role].ID, Scope: o.Nodes[b.Scope].Path, Effect: policy.Allow})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e snapshots) close() error { return nil }

func (e snapshots) prepare(_ int, w *workload.World, stream []workload.Question) (measure.Answer, error) {
	type request struct {
		org   *policy.Snapshot
		query policy.Query
	}
	requests := make([]request, 0, len(stream))
	for _, q := range stream {
		home := e[w.Orgs[q.Home].ID]
		handle, _ := home.Account(account(w, q)) // a handle of nobody denies
		name, err := policy.ParsePermission(permission(w, q))
		if err != nil {
			return nil, err
		}
		path, err := policy.ParsePath(strings.Clone(w.Orgs[q.Org].Nodes[q.Item].Path.String()))
		if err != nil {
			return nil, err
		}
		requests = append(requests, request{home, policy.Query{
			Account: handle, Org: strings.Clone(w.Orgs[q.Org].ID), Permission: name, Path: path, Now: 1}})
	}
	return func(i int) (bool, error) { return requests[i].org.Decide(&requests[i].query).Allowed, nil }, nil
}
