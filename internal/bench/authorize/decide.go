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
	compiled, err := w.Compile()
	return snapshots(compiled), err
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
