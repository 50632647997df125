package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/internal/workload"
	"github.com/claviger-go/claviger/internal/workload/host"
)

// oneOrg is the share of workload W that one org has at L.
func oneOrg() workload.Size {
	s := workload.Large()
	s.Accounts, s.Groups, s.Bindings = s.Accounts/s.Orgs, s.Groups/s.Orgs, s.Bindings/s.Orgs
	s.Orgs = 1
	return s
}

// loadOrg compares the first use of an org with scanning the same rows. The host has room for one org, so that each of two
// drives the other out.
func loadOrg() (pair, error) {
	s := oneOrg()
	s.Orgs, s.Accounts, s.Groups, s.Bindings = 2, 2*s.Accounts, 2*s.Groups, 2*s.Bindings
	w, err := workload.New(s)
	if err != nil {
		return pair{}, err
	}
	h, err := host.Open(w, func(c *identity.Config) { c.MaxMemory = 1 << 20 })
	if err != nil {
		return pair{}, err
	}
	bare, err := sql.Open("sqlite", "file:"+h.Database()+"?mode=ro")
	if err != nil {
		return pair{}, errors.Join(err, h.Close())
	}
	bare.SetMaxOpenConns(1)
	var ask [2]identity.Request
	for i, o := range w.Orgs {
		p, err := h.Principal(o, 0)
		if err != nil {
			return pair{}, errors.Join(err, bare.Close(), h.Close())
		}
		ask[i] = identity.Request{Principal: p, Org: identity.OrgID(o.ID)}
	}
	return pair{
		ours: side{2, func() {
			for _, req := range ask {
				if d := h.Authorize(context.Background(), req); d.Reason.String() != "missing_permission" {
					panic("the org could not be loaded: " + d.Reason.String())
				}
			}
		}},
		yard: side{2, func() {
			for _, o := range w.Orgs {
				must(scan(bare, o.ID))
			}
		}},
		done: func() error { return errors.Join(bare.Close(), h.Close()) },
	}, nil
}

// scan reads the rows of an org that a load reads, into plain variables.
func scan(db *sql.DB, org string) error {
	var a, b, c, d, e, f, g string
	var i, j, k int64
	for _, q := range []struct {
		text string
		into []any
	}{
		{"SELECT id, kind, state, valid_until, min_revision, boundary FROM identity_account WHERE org_id = $1", []any{&a, &b, &c, &i, &j, &d}},
		{"SELECT id, system, deleted FROM identity_group WHERE org_id = $1", []any{&a, &i, &j}},
		{"SELECT group_id, member_id FROM identity_member WHERE org_id = $1", []any{&a, &b}},
		{"SELECT id, name, permissions, exclusions, includes, state, deleted FROM identity_role WHERE org_id = $1", []any{&a, &b, &c, &d, &e, &f, &i}},
		{"SELECT id, subject, role, scope, effect, starts_at, ends_at, reach, condition FROM identity_binding WHERE org_id = $1", []any{&a, &b, &c, &d, &e, &i, &j, &f, &g}},
		{"SELECT id, account_id, type, state, valid_until, ends_at, min_revision FROM identity_credential WHERE org_id = $1", []any{&a, &b, &c, &d, &i, &j, &k}},
	} {
		if err := scanTable(db, q.text, org, q.into); err != nil {
			return err
		}
	}
	return nil
}

func scanTable(db *sql.DB, text, org string, into []any) error {
	rows, err := db.Query(text, org)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // reading to the end has closed it
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// memory reads what workload L takes in memory once every org is loaded, in bytes for one binding.
func memory() (ratio float64, value string, err error) {
	const most = 120
	w, err := workload.New(workload.Large())
	if err != nil {
		return 0, "", err
	}
	h, err := host.Open(w)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	bindings := float64(w.Size.Bindings)
	orgs := make([]identity.OrgID, len(w.Orgs))
	someone := make([]identity.AccountID, len(w.Orgs))
	for i, o := range w.Orgs {
		orgs[i], someone[i] = identity.OrgID([]byte(o.ID)), identity.AccountID([]byte(o.Accounts[0]))
	}
	w = nil
	before := heap()
	now := time.Now()
	for i, org := range orgs {
		_, err := h.System("measure").In(org).Vouch(context.Background(), someone[i], identity.Login{AuthTime: now, NotAfter: now.Add(time.Hour)})
		if err != nil {
			return 0, "", err
		}
	}
	each := (heap() - before) / bindings
	runtime.KeepAlive(h)
	return each / most, fmt.Sprintf("%.1fB", each), nil
}

// heap is what is live after two collections.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// twoCores compares decisions on two cores with decisions on one, while a writer makes a hundred changes a second.
func twoCores() (pair, error) {
	if runtime.GOMAXPROCS(0) < 2 {
		return pair{}, skip("there is one core")
	}
	w, err := workload.New(workload.Medium())
	if err != nil {
		return pair{}, err
	}
	h, err := host.Open(w)
	if err != nil {
		return pair{}, err
	}
	stream := w.Ask(workload.Uniform)
	requests, err := h.Requests(w, stream)
	if err != nil {
		return pair{}, errors.Join(err, h.Close())
	}
	ask := func(requests []identity.Request) {
		allowed := 0
		for i := range requests {
			if h.Authorize(context.Background(), requests[i]).Allowed {
				allowed++
			}
		}
		runtime.KeepAlive(allowed)
	}
	stop, stopped := make(chan struct{}), make(chan error)
	go func() { stopped <- change(h, w, stop) }()
	half := len(requests) / 2
	return pair{
		ours: side{len(requests), func() {
			var both sync.WaitGroup
			both.Go(func() { ask(requests[:half]) })
			both.Go(func() { ask(requests[half:]) })
			both.Wait()
		}},
		yard: side{len(requests), func() { ask(requests) }},
		done: func() error { close(stop); return errors.Join(<-stopped, h.Close()) },
	}, nil
}

// change binds accounts of the world at random and undoes it again, a hundred changes a second.
func change(h *host.Host, w *workload.World, stop <-chan struct{}) error {
	ctx, rng := context.Background(), rand.New(rand.NewPCG(3, 3))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var undo func() error
	for {
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
		if undo != nil {
			if err := undo(); err != nil {
				return err
			}
			undo = nil
			continue
		}
		o := w.Orgs[rng.IntN(len(w.Orgs))]
		in := h.System("measure").In(identity.OrgID(o.ID))
		b, err := in.CreateBinding(ctx, identity.BindingSpec{
			Subject: identity.SubjectID(o.Accounts[rng.IntN(len(o.Accounts))]), Role: o.Roles[0].ID, Scope: o.Nodes[rng.IntN(len(o.Nodes))].Path,
		})
		if err != nil {
			return err
		}
		undo = func() error { return in.DeleteBinding(ctx, b.ID) }
	}
}
