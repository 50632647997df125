package authorize

import (
	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

func casbinRBAC() contender {
	return contender{
		module: "github.com/casbin/casbin/v3",
		ways: []way{{"casbin", "RBAC with domains, domain = resource, a policy line for each permission of a role, so that the caller asks up " +
			"to 4 times, from the item to the org, and stops at an allow. Not as drawn: a membership is repeated in every domain where its " +
			"group has a role, since memberships that hold in all domains need a domain matching function, which copies every membership " +
			"into every domain. The matcher compares the permission before it looks for the role, which is the faster order. No cache: a " +
			"CachedEnforcer is emptied by every change."}},
		stage: at(loadEnforcer),
	}
}

const casbinModel = `
[request_definition]
r = sub, dom, act

[policy_definition]
p = sub, act

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.act == p.act && g(r.sub, p.sub, r.dom)
`

type enforcer struct{ *casbin.Enforcer }

func loadEnforcer(w *workload.World) (engine, error) {
	m, err := model.NewModelFromString(casbinModel)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	if _, err := e.AddPolicies(permissionLines(w, w.Roles)); err != nil {
		return nil, err
	}
	for _, o := range w.Orgs {
		if _, err := e.AddPolicies(permissionLines(w, o.Roles[workload.SharedRoles:])); err != nil {
			return nil, err
		}
		if _, err := e.AddGroupingPolicies(roleLines(o)); err != nil {
			return nil, err
		}
	}
	return enforcer{e}, nil
}

// permissionLines says what is in a role.
func permissionLines(w *workload.World, roles []workload.Role) [][]string {
	var lines [][]string
	for _, r := range roles {
		for _, name := range w.PermissionsOf(r) {
			lines = append(lines, []string{r.ID, name})
		}
	}
	return lines
}

// roleLines says who has a role in a domain, and which accounts are in the groups that have one there. No line comes twice:
// casbin refuses a list that repeats one.
func roleLines(o *workload.Org) [][]string {
	members := map[string][]string{}
	for n, id := range o.Accounts {
		for _, g := range o.GroupsOf(n) {
			members[g] = append(members[g], id)
		}
	}
	var lines [][]string
	seen := map[[3]string]bool{}
	add := func(line [3]string) {
		if !seen[line] {
			seen[line] = true
			lines = append(lines, line[:])
		}
	}
	for _, b := range o.Bindings {
		domain := scope(o, b.Scope)
		add([3]string{b.Subject, o.Roles[b.Role].ID, domain})
		for _, account := range members[b.Subject] {
			add([3]string{account, b.Subject, domain})
		}
	}
	return lines
}

func (e enforcer) close() error { return nil }

func (e enforcer) prepare(_ int, w *workload.World, stream []workload.Question) (measure.Answer, error) {
	requests := make([][][]any, 0, len(stream))
	for _, q := range stream {
		who, what := account(w, q), permission(w, q)
		var calls [][]any
		for _, domain := range scopes(w, q) {
			calls = append(calls, []any{who, domain, what})
		}
		requests = append(requests, calls)
	}
	return func(i int) (bool, error) {
		for _, call := range requests[i] {
			if allowed, err := e.Enforce(call...); allowed || err != nil {
				return allowed, err
			}
		}
		return false, nil
	}, nil
}
