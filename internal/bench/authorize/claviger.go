package authorize

import (
	"context"
	"errors"

	"github.com/claviger-go/claviger/internal/bench/measure"
	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/internal/workload/host"
)

func claviger() contender {
	return contender{
		module: "github.com/claviger-go/claviger",
		ours:   true,
		ways: []way{{"claviger Authorize", "a Principal that was vouched for, the org and path of the item; liveness of org, account and " +
			"principal, and the clock, included. Loading reads SQLite."}},
		stage: func(w *workload.World) (func() (engine, error), error) {
			h, err := host.Open(w)
			if err != nil {
				return nil, err
			}
			return func() (engine, error) {
				if err := h.Reopen(); err != nil {
					return nil, err
				}
				for _, o := range w.Orgs {
					if _, err := h.Principal(o, 0); err != nil { // loads the org
						return nil, errors.Join(err, h.Close())
					}
				}
				return authority{h}, nil
			}, nil
		},
	}
}

// authority is the whole library over a file.
type authority struct{ *host.Host }

func (a authority) close() error { return a.Close() }

func (a authority) prepare(_ int, w *workload.World, stream []workload.Question) (measure.Answer, error) {
	requests, err := a.Requests(w, stream)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return func(i int) (bool, error) { return a.Authorize(ctx, requests[i]).Allowed, nil }, nil
}
