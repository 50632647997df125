package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// counting is a store that counts what is read from it.
type counting struct {
	identity.Store
	reads atomic.Int64
	hold  atomic.Pointer[chan struct{}] // reads wait for it, if set
}

func (c *counting) Read(ctx context.Context, fn func(identity.Txn) error) error {
	c.reads.Add(1)
	if hold := c.hold.Load(); hold != nil {
		<-*hold
	}
	return c.Store.Read(ctx, fn)
}

// small opens a world whose orgs do not all have room in memory, and fills it.
func small(t testing.TB, bytes int64, orgs int) (*world, *counting, []home) {
	t.Helper()
	store := &counting{}
	w := open(t, func(w *world) {
		w.wrap = func(st identity.Store) identity.Store { store.Store = st; return store }
		w.cfg.MaxMemory = bytes
	})
	var all []home
	for i := range orgs {
		org := w.org("org-" + strconv.Itoa(i))
		user := w.user(org, "u", "wallets:read")
		all = append(all, home{org: org, user: user, held: w.login(org, user)})
		w.clock.advance(2 * time.Second)
	}
	return w, store, all
}

// home is an org with a user who may read wallets there.
type home struct {
	org  identity.OrgID
	user identity.AccountID
	held identity.Principal
}

const (
	oneOrg  = 30 << 10 // more than an org of one user takes
	fewOrgs = 6 * oneOrg
)

// TestEviction: what was not used for the longest time goes, what is used stays,
// what is counted is what is there, and nothing answers otherwise than before.
func TestEviction(t *testing.T) {
	w, store, homes := small(t, fewOrgs, 40)
	check := func() map[identity.OrgID]int64 {
		t.Helper()
		sizes, held := w.id.Loaded()
		sum := int64(0)
		for id, size := range sizes {
			if sum += size; size > oneOrg {
				t.Errorf("org %s takes %d bytes: the test does not show what it should", id, size)
			}
		}
		if sum != held {
			t.Errorf("%d bytes are held and counted as %d", sum, held)
		}
		if held > fewOrgs {
			t.Errorf("%d bytes are held, more than %d", held, fewOrgs)
		}
		if sizes[w.id.SystemOrg()] == 0 {
			t.Error("the system org was evicted")
		}
		return sizes
	}
	if n := len(check()); n < 4 || n > 30 {
		t.Errorf("%d of 41 orgs are loaded", n)
	}
	if n := w.id.Cells(); n > 30 {
		t.Errorf("%d cells are left", n)
	}
	favourite := homes[0]
	favourite.held = w.login(favourite.org, favourite.user)
	for i, h := range homes {
		for _, ask := range []home{h, favourite} {
			if sizes, _ := w.id.Loaded(); sizes[favourite.org] == 0 {
				t.Fatalf("%d: what is in use was evicted", i)
			}
			w.clock.advance(2 * time.Second)
			if d := w.may(ask.held, ask.org, "wallets:read", policy.Root); !d.Allowed {
				t.Fatalf("%d: %+v", i, d)
			}
		}
		if sizes := check(); sizes[h.org] == 0 || sizes[favourite.org] == 0 {
			t.Fatalf("%d: what was used last is not loaded", i)
		}
	}
	before := store.reads.Load()
	for range 100 {
		w.clock.advance(2 * time.Second)
		w.may(favourite.held, favourite.org, "wallets:read", policy.Root)
	}
	if n := store.reads.Load() - before; n != 0 {
		t.Errorf("%d reads for an org that is in use", n)
	}
	// What was taken while it was not loaded is seen by whoever held a principal all the time.
	must(w.in(homes[1].org).DeactivateAccount(w.ctx, homes[1].user))(t)
	if d := w.may(homes[1].held, homes[1].org, "wallets:read", policy.Root); d.Reason != policy.ReasonAccountInactive {
		t.Errorf("%+v", d)
	}
	for _, id := range []identity.OrgID{"or_absent", "or_another"} {
		if _, err := w.in(id).Vouch(w.ctx, "us_nobody", w.session(0)); err == nil {
			t.Error("an org that is not there")
		}
	}
	check()
	w.checkChain(homes[1].org)
}

// TestEvictionKeepsNoOldView: what was read before an org was edited and evicted
// again is not taken, though nothing stands in its place.
func TestEvictionKeepsNoOldView(t *testing.T) {
	w, _, homes := small(t, fewOrgs, 30)
	h := homes[0] // evicted long ago
	if sizes, _ := w.id.Loaded(); sizes[h.org] != 0 {
		t.Fatal("it is loaded")
	}
	offer := must(w.id.ReadView(w.ctx, h.org))(t)
	must(w.in(h.org).DeactivateAccount(w.ctx, h.user))(t)
	for _, other := range homes[1:] {
		w.clock.advance(2 * time.Second)
		w.may(other.held, other.org, "wallets:read", policy.Root)
	}
	if sizes, _ := w.id.Loaded(); sizes[h.org] != 0 {
		t.Fatal("it was not evicted")
	}
	if offer() {
		t.Error("a view from before was taken")
	}
	if d := w.may(h.held, h.org, "wallets:read", policy.Root); d.Reason != policy.ReasonAccountInactive {
		t.Errorf("%+v", d)
	}
}

// TestEvictionDuringWrite: an org that is evicted while it is being edited is
// published as it was edited.
func TestEvictionDuringWrite(t *testing.T) {
	w, _, homes := small(t, fewOrgs, 30)
	h := homes[0]
	crowd := func() {
		for _, other := range homes[1:] {
			w.clock.advance(2 * time.Second)
			w.may(other.held, other.org, "wallets:read", policy.Root)
		}
		if sizes, _ := w.id.Loaded(); sizes[h.org] != 0 {
			t.Error("it was not evicted: the test does not show what it should")
		}
	}
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("edit").In(h.org)
		w.may(h.held, h.org, "wallets:read", policy.Root)
		role := must(in.CreateRole(ctx, identity.RoleSpec{Name: "more", Permissions: []string{"keys:use"}}))(t)
		crowd()
		must(in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(h.user), Role: string(role.ID), Scope: policy.Root}))(t)
		w.may(h.held, h.org, "wallets:read", policy.Root) // loads it as it was
		crowd()
		return last(in.CreateGroup(ctx, identity.GroupSpec{Name: "g"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := w.may(h.held, h.org, "keys:use", policy.Root); !d.Allowed {
		t.Errorf("%+v", d)
	}
	w.checkChain(h.org)
}

// TestOrgBeyondMaxMemory: an org in use that is larger than all the room stays,
// and the operator is told once.
func TestOrgBeyondMaxMemory(t *testing.T) {
	var log bytes.Buffer
	store := &counting{}
	w := open(t, func(w *world) {
		w.wrap = func(st identity.Store) identity.Store { store.Store = st; return store }
		w.cfg.MaxMemory = 100 << 10
		w.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	large := home{org: w.org("large")}
	large.user = w.user(large.org, "u", "wallets:read")
	large.held = w.login(large.org, large.user)
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		for i := range 600 {
			must(tx.System("fill").In(large.org).CreateUser(ctx, identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", i)}))(t)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if sizes, _ := w.id.Loaded(); sizes[large.org] <= w.cfg.MaxMemory {
		t.Fatalf("it takes %d bytes", sizes[large.org])
	}
	tiny := home{org: w.org("tiny")}
	tiny.user = w.user(tiny.org, "u", "wallets:read")
	tiny.held = w.login(tiny.org, tiny.user)
	before := store.reads.Load()
	for range 10 {
		for range 3 {
			if d := w.may(large.held, large.org, "wallets:read", policy.Root); !d.Allowed {
				t.Fatalf("%+v", d)
			}
		}
		w.user(tiny.org, "v"+strconv.FormatUint(w.id.Revision(), 10))
	}
	if n := store.reads.Load() - before; n != 0 {
		t.Errorf("%d reads of orgs in use", n)
	}
	if n := strings.Count(log.String(), "take more than MaxMemory"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
	w.clock.advance(time.Minute)
	w.may(tiny.held, tiny.org, "wallets:read", policy.Root)
	w.user(tiny.org, "last")
	if sizes, _ := w.id.Loaded(); sizes[large.org] != 0 {
		t.Error("it stays though it is not in use")
	}
}

// TestEvictionRace asks, writes and evicts at the same time: what was written is
// seen by the very next question, and what was taken is never seen again.
func TestEvictionRace(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared %v", shared), func(t *testing.T) {
			seed := newSeed(t)
			w := open(t, func(w *world) { w.cfg.MaxMemory = fewOrgs; w.opts.Shared = shared })
			authorities := []*world{w}
			if shared {
				authorities = append(authorities, w.join(t, nil))
			}
			var homes []home
			for i := range 24 {
				org := w.org("org-" + strconv.Itoa(i))
				homes = append(homes, home{org: org, user: w.user(org, "u")})
			}
			var readers, writers sync.WaitGroup
			var over atomic.Bool
			for r := range 3 {
				rng := mathrand.New(mathrand.NewPCG(seed, uint64(r)))
				w := authorities[r%len(authorities)]
				readers.Go(func() {
					for !over.Load() {
						h := homes[rng.IntN(len(homes))]
						w.clock.advance(20 * time.Millisecond)
						if p, err := w.in(h.org).Vouch(w.ctx, h.user, w.session(0)); err == nil {
							w.may(p, h.org, "wallets:read", policy.Root)
						}
						if rng.IntN(20) == 0 {
							if err := w.id.Poll(w.ctx); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			const each = 20
			for k := range 3 {
				rng := mathrand.New(mathrand.NewPCG(seed, uint64(100+k)))
				mine := slices.Collect(func(yield func(home) bool) {
					for i := k; i < len(homes) && yield(homes[i]); i += 3 {
					}
				})
				w := authorities[k%len(authorities)]
				writers.Go(func() {
					for range each {
						h := mine[rng.IntN(len(mine))]
						p, err := w.in(h.org).Vouch(w.ctx, h.user, w.session(0))
						if err != nil {
							t.Error(err)
							return
						}
						b, err := w.in(h.org).CreateBinding(w.ctx, identity.BindingSpec{Subject: identity.SubjectID(h.user), Role: "wallet-reader", Scope: policy.Root})
						if d := w.may(p, h.org, "wallets:read", policy.Root); err != nil || !d.Allowed {
							t.Errorf("granted: %v %+v", err, d)
						}
						err = w.in(h.org).DeleteBinding(w.ctx, b.ID)
						if d := w.may(p, h.org, "wallets:read", policy.Root); err != nil || d.Allowed {
							t.Errorf("taken: %v %+v", err, d)
						}
						_, err = w.in(h.org).SignOutAccount(w.ctx, h.user)
						if d := w.may(p, h.org, "wallets:read", policy.Root); err != nil || d.Reason != policy.ReasonTokenRevoked {
							t.Errorf("signed out: %v %+v", err, d)
						}
					}
				})
			}
			writers.Wait()
			over.Store(true)
			readers.Wait()
			for _, a := range authorities {
				sizes, held := a.id.Loaded()
				sum := int64(0)
				for _, size := range sizes {
					sum += size
				}
				if sum != held {
					t.Errorf("%d bytes are held and counted as %d", sum, held)
				}
			}
			for _, h := range homes {
				w.checkChain(h.org)
			}
		})
	}
}
