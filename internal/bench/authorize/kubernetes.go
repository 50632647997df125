package authorize

import (
	"context"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

func kubernetesRBAC() contender {
	return contender{
		module: "k8s.io/kubernetes",
		ways: []way{{"Kubernetes RBAC", "the authorizer of the API server over its listers, role bindings indexed by namespace. Namespace = " +
			"resource, so that the caller asks up to 4 times, from the item to the org, and stops at an allow. Roles are ClusterRoles. The " +
			"groups of the account come with the request, as an authenticator gives them."}},
		stage: at(loadAuthorizer),
	}
}

type rbacAuthorizer struct{ *rbac.RBACAuthorizer }

func loadAuthorizer(w *workload.World) (engine, error) {
	roles := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	bindings := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, r := range w.Roles {
		if err := roles.Add(clusterRole(w, r)); err != nil {
			return nil, err
		}
	}
	for _, o := range w.Orgs {
		for _, r := range o.Roles[workload.SharedRoles:] {
			if err := roles.Add(clusterRole(w, r)); err != nil {
				return nil, err
			}
		}
		names := make([]string, len(o.Nodes))
		for n := range o.Nodes {
			names[n] = scope(o, int32(n))
		}
		for _, b := range o.Bindings {
			if err := bindings.Add(roleBinding(o, b, names[b.Scope])); err != nil {
				return nil, err
			}
		}
	}
	none := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	return rbacAuthorizer{rbac.New(
		&rbac.RoleGetter{Lister: rbaclisters.NewRoleLister(none)},
		&rbac.RoleBindingLister{Lister: rbaclisters.NewRoleBindingLister(bindings)},
		&rbac.ClusterRoleGetter{Lister: rbaclisters.NewClusterRoleLister(roles)},
		&rbac.ClusterRoleBindingLister{Lister: rbaclisters.NewClusterRoleBindingLister(none)},
	)}, nil
}

// clusterRole has one rule for each kind of resource, with the verbs on it.
func clusterRole(w *workload.World, r workload.Role) *rbacv1.ClusterRole {
	out := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: r.ID}}
	for _, name := range w.PermissionsOf(r) {
		resource, verb, _ := strings.Cut(name, ":")
		last := len(out.Rules) - 1
		if last < 0 || out.Rules[last].Resources[0] != resource {
			out.Rules = append(out.Rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{resource}})
			last++
		}
		out.Rules[last].Verbs = append(out.Rules[last].Verbs, verb)
	}
	return out
}

func roleBinding(o *workload.Org, b workload.Binding, namespace string) *rbacv1.RoleBinding {
	kind := rbacv1.UserKind
	if strings.HasPrefix(b.Subject, "gr_") {
		kind = rbacv1.GroupKind
	}
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: b.ID},
		Subjects:   []rbacv1.Subject{{Kind: kind, APIGroup: rbacv1.GroupName, Name: b.Subject}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", APIGroup: rbacv1.GroupName, Name: o.Roles[b.Role].ID},
	}
}

func (e rbacAuthorizer) close() error { return nil }

func (e rbacAuthorizer) prepare(_ int, w *workload.World, stream []workload.Question) (measure.Answer, error) {
	requests := make([][]authorizer.Attributes, 0, len(stream))
	for _, q := range stream {
		who := &user.DefaultInfo{Name: account(w, q)}
		for _, g := range w.Orgs[q.Home].GroupsOf(q.Account) {
			who.Groups = append(who.Groups, strings.Clone(g))
		}
		resource, verb, _ := strings.Cut(permission(w, q), ":")
		var calls []authorizer.Attributes
		for _, namespace := range scopes(w, q) {
			calls = append(calls, authorizer.AttributesRecord{
				User: who, Verb: verb, Namespace: namespace, Resource: resource, ResourceRequest: true})
		}
		requests = append(requests, calls)
	}
	ctx := context.Background()
	return func(i int) (bool, error) {
		for _, call := range requests[i] {
			if decision, _, err := e.Authorize(ctx, call); err != nil || decision == authorizer.DecisionAllow {
				return decision == authorizer.DecisionAllow, err
			}
		}
		return false, nil
	}, nil
}
