package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"

	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/internal/workload/host"
)

// authorize compares a decision, liveness and clock included, with three look-ups of the yardstick, on the same stream
// of questions.
func authorize(s workload.Size, asked workload.Stream) (pair, error) {
	w, err := workload.New(s)
	if err != nil {
		return pair{}, err
	}
	h, err := host.Open(w)
	if err != nil {
		return pair{}, err
	}
	stream := w.Ask(asked)
	requests, err := h.Requests(w, stream)
	if err != nil {
		return pair{}, err
	}
	yard := yardstickOf(w, stream)

	ctx := context.Background()
	for i, q := range stream { // an engine is timed only after it has answered everything right
		if d := h.Authorize(ctx, requests[i]); d.Allowed != q.Allowed {
			return pair{}, fmt.Errorf("question %d at %s: decided %v (%v), the definitions say %v",
				i, s.Name, d.Allowed, d.Reason, q.Allowed)
		}
	}
	return pair{
		ours: side{len(stream), func() {
			allowed := 0
			for i := range requests {
				if h.Authorize(ctx, requests[i]).Allowed {
					allowed++
				}
			}
			runtime.KeepAlive(allowed)
		}},
		yard: side{len(stream), func() { runtime.KeepAlive(yard.pass()) }},
		done: h.Close,
	}, nil
}

// yardstickOf asks the maps for the accounts of the stream, and for a binding picked at random with each.
func yardstickOf(w *workload.World, stream []workload.Question) *yardstick {
	var principals, bindings []string
	for _, o := range w.Orgs {
		principals = append(principals, o.Accounts...)
		for _, b := range o.Bindings {
			bindings = append(bindings, b.ID)
		}
	}
	y := newYardstick(principals, bindings)
	rng := rand.New(rand.NewPCG(1, uint64(len(bindings))))
	for _, q := range stream {
		y.ask(w.Orgs[q.Home].Accounts[q.Account], bindings[rng.IntN(len(bindings))])
	}
	return y
}
