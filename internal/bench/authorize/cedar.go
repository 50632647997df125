package authorize

import (
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

// The ways to ask Cedar.
const (
	cedarAll = iota
	cedarSlices
)

func cedarPolicies() contender {
	return contender{
		module: "github.com/cedar-policy/cedar-go",
		ways: []way{
			cedarAll: {"cedar-go, all policies", "a policy for each binding, roles as action groups, groups and the resource tree as entities; " +
				"every question is put to the whole policy set, of all orgs."},
			cedarSlices: {"cedar-go, policies of the caller", "the same, and every question is put to the policies that name the account or one of " +
				"its groups. The caller has found them ahead, and that is not counted. Loading and memory are those of the row above."},
		},
		stage: at(loadCedar),
	}
}

// cedarEngine holds all policies, and by subject those that name it.
type cedarEngine struct {
	entities cedar.EntityMap
	all      *cedar.PolicySet
	of       map[string][]cedar.PolicyID
}

func actionUID(id string) cedar.EntityUID   { return cedar.NewEntityUID("Action", cedar.String(id)) }
func resourceUID(id string) cedar.EntityUID { return cedar.NewEntityUID("Resource", cedar.String(id)) }
func accountUID(id string) cedar.EntityUID  { return cedar.NewEntityUID("Account", cedar.String(id)) }
func groupUID(id string) cedar.EntityUID    { return cedar.NewEntityUID("Group", cedar.String(id)) }

func loadCedar(w *workload.World) (engine, error) {
	e := &cedarEngine{entities: cedar.EntityMap{}, all: cedar.NewPolicySet(), of: map[string][]cedar.PolicyID{}}
	holders := make([][]cedar.EntityUID, len(w.Permissions)) // roles by the permission they contain
	hold := func(roles []workload.Role) {
		for _, r := range roles {
			e.entities[actionUID(r.ID)] = cedar.Entity{UID: actionUID(r.ID)}
			for n := range w.Permissions {
				if r.Contents&(1<<n) != 0 {
					holders[n] = append(holders[n], actionUID(r.ID))
				}
			}
		}
	}
	hold(w.Roles)
	for _, o := range w.Orgs {
		hold(o.Roles[workload.SharedRoles:])
		e.loadOrg(o)
	}
	for n, name := range w.Permissions {
		e.entities[actionUID(name)] = cedar.Entity{UID: actionUID(name), Parents: cedar.NewEntityUIDSet(holders[n]...)}
	}
	return e, nil
}

func (e *cedarEngine) loadOrg(o *workload.Org) {
	for _, id := range o.Groups {
		e.entities[groupUID(id)] = cedar.Entity{UID: groupUID(id)}
	}
	for n, id := range o.Accounts {
		var groups []cedar.EntityUID
		for _, g := range o.GroupsOf(n) {
			groups = append(groups, groupUID(g))
		}
		e.entities[accountUID(id)] = cedar.Entity{UID: accountUID(id), Parents: cedar.NewEntityUIDSet(groups...)}
	}
	names := make([]cedar.EntityUID, len(o.Nodes))
	for n, node := range o.Nodes {
		names[n] = resourceUID(scope(o, int32(n)))
		entity := cedar.Entity{UID: names[n]}
		if node.Parent >= 0 {
			entity.Parents = cedar.NewEntityUIDSet(names[node.Parent])
		}
		e.entities[names[n]] = entity
	}
	for _, b := range o.Bindings {
		policy := ast.Permit()
		if strings.HasPrefix(b.Subject, "gr_") {
			policy.PrincipalIn(groupUID(b.Subject))
		} else {
			policy.PrincipalEq(accountUID(b.Subject))
		}
		policy.ActionIn(actionUID(o.Roles[b.Role].ID)).ResourceIn(names[b.Scope])
		id := cedar.PolicyID(b.ID)
		e.all.Add(id, cedar.NewPolicyFromAST(policy))
		e.of[b.Subject] = append(e.of[b.Subject], id)
	}
}

func (e *cedarEngine) close() error { return nil }

func (e *cedarEngine) prepare(way int, w *workload.World, stream []workload.Question) (measure.Answer, error) {
	requests := make([]cedar.Request, 0, len(stream))
	policies := make([]*cedar.PolicySet, 0, len(stream))
	slices := map[string]*cedar.PolicySet{}
	for _, q := range stream {
		requests = append(requests, cedar.Request{
			Principal: accountUID(account(w, q)),
			Action:    actionUID(permission(w, q)),
			Resource:  resourceUID(scope(w.Orgs[q.Org], int32(q.Item))),
		})
		set := e.all
		if way == cedarSlices {
			o := w.Orgs[q.Home]
			id := o.Accounts[q.Account]
			if slices[id] == nil {
				slices[id] = e.slice(append(o.GroupsOf(q.Account), id))
			}
			set = slices[id]
		}
		policies = append(policies, set)
	}
	return func(i int) (bool, error) {
		decision, _ := cedar.Authorize(policies[i], e.entities, requests[i])
		return bool(decision), nil
	}, nil
}

// slice is the set of the policies that name one of the subjects.
func (e *cedarEngine) slice(subjects []string) *cedar.PolicySet {
	set := cedar.NewPolicySet()
	for _, s := range subjects {
		for _, id := range e.of[s] {
			set.Add(id, e.all.Get(id))
		}
	}
	return set
}
