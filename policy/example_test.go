package policy_test

import (
	"fmt"

	"github.com/claviger-go/claviger/policy"
)

func Example() {
	catalog, err := policy.NewCatalog(
		policy.PermissionSpec{Name: "wallets:read"},
		policy.PermissionSpec{Name: "wallets:create"},
	)
	if err != nil {
		panic(err)
	}
	roles, err := policy.NewRoles(catalog, []policy.Role{{ID: "code:wallet-admin", Permissions: []string{"wallets:*"}}})
	if err != nil {
		panic(err)
	}
	project, err := policy.NewPath("projects", "p1")
	if err != nil {
		panic(err)
	}

	draft := policy.New(policy.Model{Catalog: catalog, Roles: roles}, "acme").Edit()
	draft.PutAccount(policy.Account{ID: "ci", Kind: policy.ServiceAccount})
	err = draft.PutBinding(policy.Binding{ID: "b1", Subject: "ci", Role: "code:wallet-admin", Scope: project, Effect: policy.Allow})
	if err != nil {
		panic(err)
	}
	snapshot := draft.Snapshot()

	account, _ := snapshot.Account("ci")
	create, _ := policy.ParsePermission("wallets:create")
	for _, text := range []string{"projects/p1/wallets/w1", "projects/p10/wallets/w1"} {
		path, err := policy.ParsePath(text)
		if err != nil {
			panic(err)
		}
		d := snapshot.Decide(&policy.Query{Account: account, Permission: create, Path: path})
		fmt.Println(path, d.Allowed, d.Reason, d.Binding)
	}
	// Output:
	// projects/p1/wallets/w1 true allowed b1
	// projects/p10/wallets/w1 false no_binding
}
