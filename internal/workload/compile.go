package workload

import "github.com/claviger-go/claviger/policy"

// Compile gives the compiled form of every org, by its id, as package policy makes it: without a store.
func (w *World) Compile() (map[string]*policy.Snapshot, error) {
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
	compiled := make(map[string]*policy.Snapshot, len(w.Orgs))
	for _, o := range w.Orgs {
		d := policy.New(policy.Model{Catalog: catalog, Roles: roles}, o.ID).Edit()
		if err := w.fill(d, o); err != nil {
			return nil, err
		}
		compiled[o.ID] = d.Snapshot()
	}
	return compiled, nil
}

func (w *World) fill(d *policy.Draft, o *Org) error {
	for n, id := range o.Accounts {
		kind := policy.User
		if ServiceAccount(n) {
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
	for _, r := range o.Roles[SharedRoles:] {
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
