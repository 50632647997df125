package identity_test

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestRefusedInAGroup: those who share a transaction with calls that are refused, panic or end their goroutine, before and after they have written, do
// not notice. What was acknowledged is there once, with its event and the revision that the caller was told, and nothing else is; revisions have no gaps; and
// what is decided is the same after a restart.
func TestRefusedInAGroup(t *testing.T) {
	const workers = 16
	rounds := 30
	if raceDetector {
		rounds = 8
	}
	seed := newSeed(t)
	luck := &unlucky{rnd: mathrand.New(mathrand.NewPCG(seed, 1)), bytes: newSeeded(seed)}
	w := open(t, with(func(c *identity.Config) { c.Random = luck }))
	orgs := []identity.OrgID{w.org("mine"), w.org("theirs")}
	bosses := make([]*identity.OrgAdmin, len(orgs))
	rows := map[string]uint64{} // what was acknowledged, and with which revision
	var made sync.Mutex
	for i, org := range orgs {
		bosses[i] = w.as(org, w.user(org, "boss", bossRights()...))
		must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "taken"}))(t)
	}
	begin := w.id.Revision()
	refused, unluckily := 0, 0
	did := func(what string, err error, id string, revision uint64, want error) {
		made.Lock()
		defer made.Unlock()
		switch {
		case errors.Is(err, errUnlucky):
			unluckily++
		case !errors.Is(err, want):
			t.Errorf("%s: %v, want %v", what, err, want)
		case err != nil:
			refused++
		case rows[id] != 0:
			t.Errorf("%s: %s was made twice", what, id)
		default:
			rows[id] = revision
		}
	}
	work := func(o *identity.OrgAdmin, org identity.OrgID, name string, kind int) {
		ctx := context.Background()
		switch kind {
		case 0, 1: // refused after the rows of the account are written
			var r identity.UserResult
			role := []string{"wallet-admin", "no-such-role"}[kind]
			err := survive(func() (err error) {
				r, err = o.CreateUser(ctx, identity.UserSpec{Email: name + "@example.com", Roles: []string{"wallet-reader", role}})
				return err
			})
			did("a user with "+role, err, string(r.ID), r.Revision, []error{identity.ErrEscalation, identity.ErrNotFound}[kind])
		case 2:
			var g identity.GroupResult
			err := survive(func() (err error) { g, err = o.CreateGroup(ctx, identity.GroupSpec{Name: "taken"}); return err })
			did("a group with a name that is taken", err, string(g.ID), g.Revision, identity.ErrConflict)
		case 3, 4:
			var g identity.GroupResult
			err := survive(func() (err error) { g, err = o.CreateGroup(ctx, identity.GroupSpec{Name: name}); return err })
			did("a group", err, string(g.ID), g.Revision, nil)
		default:
			var r identity.UserResult
			err := survive(func() (err error) {
				r, err = o.WithIdempotencyKey(name).CreateUser(ctx, identity.UserSpec{Email: name + "@example.com", Roles: []string{"wallet-reader"}})
				return err
			})
			did("a user", err, string(r.ID), r.Revision, nil)
			if err == nil {
				p, err := w.in(org).Vouch(ctx, r.ID, w.session(0))
				if d := w.id.Authorize(ctx, identity.Request{Principal: p, Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root}); err != nil || !d.Allowed {
					t.Errorf("right after the call: %v %+v", err, d)
				}
			}
		}
	}
	luck.arm(true)
	var all sync.WaitGroup
	for i := range workers {
		rnd := mathrand.New(mathrand.NewPCG(seed, uint64(i+2)))
		all.Go(func() {
			for n := range rounds {
				k := rnd.IntN(len(orgs))
				work(bosses[k], orgs[k], fmt.Sprintf("n%d-%d", i, n), rnd.IntN(8))
			}
		})
	}
	all.Wait()
	luck.arm(false)
	t.Logf("%d stored, %d refused, %d unlucky", len(rows), refused, unluckily)
	if refused == 0 || unluckily == 0 || len(rows) < workers {
		t.Error("something never happened")
	}
	w.holds(orgs, rows, begin)
	w.reopen()
	w.holds(orgs, rows, begin)
}

// holds checks that orgs have these accounts and groups since a revision, each with the one event of its making, and no others.
func (w *world) holds(orgs []identity.OrgID, rows map[string]uint64, begin uint64) {
	w.t.Helper()
	stored, logged := map[string]uint64{}, map[string]uint64{}
	revisions := []uint64{}
	for _, org := range orgs {
		for a, err := range w.in(org).AllAccounts(w.ctx, identity.AccountFilter{}) {
			if must(a, err)(w.t).Revision <= begin {
				continue
			}
			stored[string(a.ID)] = a.Revision
			if d := w.may(w.login(org, a.ID), org, "wallets:read", policy.Root); !d.Allowed {
				w.t.Errorf("%s may not do what it was made with: %+v", a.Name, d)
			}
		}
		for g, err := range w.in(org).AllGroups(w.ctx, identity.GroupFilter{}) {
			if must(g, err)(w.t).Revision > begin {
				stored[string(g.ID)] = g.Revision
			}
		}
		for _, e := range w.events(org) {
			if e.Revision <= begin || e.Verb != "create" {
				continue
			}
			if e.Item == 0 {
				revisions = append(revisions, e.Revision)
			}
			if e.Noun != "account" && e.Noun != "group" {
				continue
			}
			if logged[e.ID] != 0 {
				w.t.Errorf("%s %s was made twice, the log says", e.Noun, e.ID)
			}
			logged[e.ID] = e.Revision
		}
		must(w.in(org).VerifyAudit(w.ctx))(w.t)
	}
	for id, revision := range rows {
		if stored[id] == 0 || logged[id] != stored[id] || revision != stored[id] {
			w.t.Errorf("%s was acknowledged with revision %d; the row has %d, the event %d", id, revision, stored[id], logged[id])
		}
	}
	if len(stored) != len(rows) || len(logged) != len(rows) {
		w.t.Errorf("%d rows and %d events, %d were acknowledged", len(stored), len(logged), len(rows))
	}
	slices.Sort(revisions)
	for i, revision := range revisions {
		if revision != begin+1+uint64(i) {
			w.t.Fatalf("revision %d comes where %d is due", revision, begin+1+uint64(i))
		}
	}
	if last := begin + uint64(len(revisions)); w.id.Revision() != last {
		w.t.Errorf("revision %d, and the log ends with %d", w.id.Revision(), last)
	}
}
