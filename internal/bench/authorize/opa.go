package authorize

import (
	"context"
	_ "embed"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
)

func openPolicyAgent() contender {
	return contender{
		module: "github.com/open-policy-agent/opa",
		ways: []way{{"OPA", "a query prepared once, over data shaped by hand for the look-ups of its one rule (authorize/opa.rego): bindings by " +
			"subject and scope, groups by account, roles as sets. The store keeps parsed values, the input is parsed ahead, and the caller " +
			"names the scopes from the item to the org."}},
		stage: at(loadOPA),
	}
}

//go:embed opa.rego
var opaPolicy string

type preparedQuery struct{ rego.PreparedEvalQuery }

func loadOPA(w *workload.World) (engine, error) {
	roles, groups, bindings := map[string]any{}, map[string]any{}, map[string]any{}
	for _, r := range w.Roles {
		roles[r.ID] = setOf(w.PermissionsOf(r))
	}
	for _, o := range w.Orgs {
		for _, r := range o.Roles[workload.SharedRoles:] {
			roles[r.ID] = setOf(w.PermissionsOf(r))
		}
		for n, id := range o.Accounts {
			var in []any
			for _, g := range o.GroupsOf(n) {
				in = append(in, g)
			}
			groups[id] = in
		}
		for _, b := range o.Bindings {
			at, ok := bindings[b.Subject].(map[string]any)
			if !ok {
				at = map[string]any{}
				bindings[b.Subject] = at
			}
			name := scope(o, b.Scope)
			list, _ := at[name].([]any) // nil when it is the first
			at[name] = append(list, o.Roles[b.Role].ID)
		}
	}
	store := inmem.NewFromObjectWithOpts(map[string]any{"roles": roles, "groups": groups, "bindings": bindings},
		inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	query, err := rego.New(
		rego.Query("data.authorize.allow"),
		rego.Module("opa.rego", opaPolicy),
		rego.Store(store),
	).PrepareForEval(context.Background())
	return preparedQuery{query}, err
}

func setOf(names []string) map[string]any {
	set := map[string]any{}
	for _, n := range names {
		set[n] = true
	}
	return set
}

func (e preparedQuery) close() error { return nil }

func (e preparedQuery) prepare(_ int, w *workload.World, stream []workload.Question) (measure.Answer, error) {
	requests := make([]rego.EvalOption, 0, len(stream))
	for _, q := range stream {
		var names []any
		for _, s := range scopes(w, q) {
			names = append(names, s)
		}
		input, err := ast.InterfaceToValue(map[string]any{
			"account": account(w, q), "permission": permission(w, q), "scopes": names})
		if err != nil {
			return nil, err
		}
		requests = append(requests, rego.EvalParsedInput(input))
	}
	ctx := context.Background()
	return func(i int) (bool, error) {
		result, err := e.Eval(ctx, requests[i])
		return result.Allowed(), err
	}, nil
}
