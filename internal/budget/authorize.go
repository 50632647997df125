package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// authorize compares a decision, liveness and clock included, with three look-ups of the yardstick, on the same stream
// of questions.
func authorize(s size, asked stream) (pair, error) {
	w, err := newWorld(s)
	if err != nil {
		return pair{}, err
	}
	host, err := w.host()
	if err != nil {
		return pair{}, err
	}
	stream := w.ask(asked)
	requests, err := w.requests(host, stream)
	if err != nil {
		return pair{}, err
	}
	yard := w.yardstick(stream)

	ctx := context.Background()
	for i, q := range stream { // an engine is timed only after it has answered everything right
		if d := host.Authorize(ctx, requests[i]); d.Allowed != q.allowed {
			return pair{}, fmt.Errorf("question %d at %s: decided %v (%v), the definitions say %v",
				i, s.name, d.Allowed, d.Reason, q.allowed)
		}
	}
	return pair{
		ours: side{questions, func() {
			allowed := 0
			for i := range requests {
				if host.Authorize(ctx, requests[i]).Allowed {
					allowed++
				}
			}
			runtime.KeepAlive(allowed)
		}},
		yard: side{questions, func() { runtime.KeepAlive(yard.pass()) }},
		done: host.close,
	}, nil
}

// requests resolves the stream. Every question has texts of its own, as every HTTP request does.
func (w *world) requests(host *host, stream []question) ([]identity.Request, error) {
	var names []policy.Permission
	for _, n := range w.names {
		p, err := policy.ParsePermission(n)
		if err != nil {
			return nil, err
		}
		names = append(names, p)
	}
	out := make([]identity.Request, 0, len(stream))
	for _, q := range stream {
		p, err := host.principal(w.tenants[q.tenant], q.account)
		if err != nil {
			return nil, err
		}
		path, err := policy.ParsePath(strings.Clone(w.tenants[q.org].nodes[q.item].path.String()))
		if err != nil {
			return nil, err
		}
		out = append(out, identity.Request{
			Principal: p, Org: identity.OrgID(strings.Clone(w.tenants[q.org].id)), Permission: names[q.permission], Path: path,
		})
	}
	return out, nil
}

// instant is some time, in Unix microseconds.
const instant = 1_767_225_600_000_000

// yardstick asks the maps for the accounts of the stream, and for a binding picked at random with each.
func (w *world) yardstick(stream []question) *yardstick {
	var principals, bindings []string
	for _, t := range w.tenants {
		principals = append(principals, t.accounts...)
		for _, b := range t.bindings {
			bindings = append(bindings, b.id)
		}
	}
	y := newYardstick(principals, bindings)
	for _, q := range stream {
		y.ask(w.tenants[q.tenant].accounts[q.account], bindings[w.rng.IntN(len(bindings))])
	}
	return y
}
