package identity_test

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

func over(ctx context.Context) bool { return ctx.Err() != nil }

// TestWatchEndings: whatever a caller dies of ends its watches at once, with the
// cause that Authenticate would give, and no others.
func TestWatchEndings(t *testing.T) {
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			w := open(t)
			c := w.caller()
			bystander := w.login(c.org, w.user(c.org, "bystander"))
			held, done := w.id.Watch(w.ctx, c.held)
			defer done()
			vouched, done := w.id.Watch(w.ctx, c.vouched)
			defer done()
			other, done := w.id.Watch(w.ctx, bystander)
			defer done()
			if over(held) || over(vouched) || over(other) {
				t.Fatal("over before anything happened")
			}
			w.grant(c.org, identity.SubjectID(c.sa.ID), policy.Root, "keys:use") // is no reason
			if over(held) || over(vouched) {
				t.Fatal("over for a change of rights")
			}
			e.end(c)
			w.poll() // for what only time brings
			if !over(held) {
				t.Fatal("it goes on")
			}
			cause := context.Cause(held)
			if !errors.Is(cause, identity.ErrUnauthenticated) || !errors.Is(cause, e.kind) {
				t.Errorf("%v, want unauthenticated and %q", cause, e.kind)
			}
			if named := wantKind(t, cause, e.kind); named.Op != "Watch" {
				t.Errorf("%v does not say where", cause)
			}
			alive := w.may(c.vouched, c.org, "wallets:read", policy.Root).Allowed
			if over(vouched) == alive {
				t.Errorf("the vouched one is allowed: %v, and its watch over: %v", alive, over(vouched))
			}
			orgEnds := e.name == "org suspended" || e.name == "org deleted" || e.name == "org signed out"
			if over(other) != orgEnds {
				t.Errorf("the bystander's is over: %v", over(other))
			}
			again, done := w.id.Watch(w.ctx, c.held)
			done()
			if cause := context.Cause(again); !errors.Is(cause, e.kind) {
				t.Errorf("a watch of the dead: %v", cause)
			}
		})
	}
}

// TestWatchOfWhatCannotBe: such a watch is over before it begins.
func TestWatchOfWhatCannotBe(t *testing.T) {
	w, v := open(t), open(t)
	org := w.org("acme")
	p := w.login(org, w.user(org, "u"))
	for name, c := range map[string]struct {
		at   *world
		p    identity.Principal
		kind error
	}{
		"nobody":               {w, identity.Principal{}, identity.ErrUnauthenticated},
		"of another Authority": {v, p, identity.ErrUnauthenticated},
	} {
		ctx, done := c.at.id.Watch(w.ctx, c.p)
		if !over(ctx) || !errors.Is(context.Cause(ctx), c.kind) {
			t.Errorf("%s: %v", name, context.Cause(ctx))
		}
		done()
	}
	if n := w.id.Watched() + v.id.Watched(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestWatchLeavesNothing: neither done nor the end of the caller's context leaves
// anything behind.
func TestWatchLeavesNothing(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	p := w.login(org, w.user(org, "u"))
	ctx, done := w.id.Watch(w.ctx, p)
	done()
	done()
	if !errors.Is(context.Cause(ctx), context.Canceled) || w.id.Watched() != 0 {
		t.Errorf("%v, %d left", context.Cause(ctx), w.id.Watched())
	}
	type key struct{}
	parent, cancel := context.WithCancelCause(context.WithValue(w.ctx, key{}, "value"))
	ctx, done = w.id.Watch(parent, p)
	defer done()
	if ctx.Value(key{}) != "value" {
		t.Error("values are lost")
	}
	own := errors.New("own")
	cancel(own)
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), own) {
		t.Errorf("%v", context.Cause(ctx))
	}
	for deadline := time.Now().Add(5 * time.Second); w.id.Watched() != 0; {
		if time.Now().After(deadline) {
			t.Fatal("it stays")
		}
		runtime.Gosched()
	}
}

// TestWatchEndsWithTheProcess: closing, losing the file, and being out of touch
// end every watch.
func TestWatchEndsWithTheProcess(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		w := open(t)
		c := w.caller()
		ctx, done := w.id.Watch(w.ctx, c.held)
		defer done()
		if err := w.id.Close(); err != nil {
			t.Fatal(err)
		}
		if !over(ctx) {
			t.Fatal("it goes on")
		}
		wantKind(t, context.Cause(ctx), identity.ErrStorage)
		ctx, done = w.id.Watch(w.ctx, c.held)
		defer done()
		wantKind(t, context.Cause(ctx), identity.ErrStorage)
	})
	t.Run("lost", func(t *testing.T) {
		w := open(t)
		c := w.caller()
		ctx, done := w.id.Watch(w.ctx, c.held)
		defer done()
		if err := os.Rename(w.file(), w.file()+".away"); err != nil {
			t.Fatal(err)
		}
		if err := w.id.Poll(w.ctx); err == nil {
			t.Fatal("it is not missed")
		}
		if !over(ctx) {
			t.Fatal("it goes on")
		}
		wantKind(t, context.Cause(ctx), identity.ErrStorage)
		if err := os.Rename(w.file()+".away", w.file()); err != nil {
			t.Fatal(err)
		}
		w.poll()
	})
	t.Run("stale", func(t *testing.T) {
		a, _ := share(t)
		c := a.caller()
		var store *unreadable
		b := a.join(t, func(st identity.Store) identity.Store { store = &unreadable{Store: st}; return store })
		p := must(b.id.Authenticate(b.ctx, c.bearer))(t)
		ctx, done := b.id.Watch(b.ctx, p)
		defer done()
		store.now.Store(true)
		a.user(c.org, "somebody")
		if err := b.id.Poll(b.ctx); err == nil || over(ctx) {
			t.Fatalf("within the bound: %v, over: %v", err, over(ctx))
		}
		a.clock.advance(a.cfg.MaxStaleness + time.Microsecond)
		if err := b.id.Poll(b.ctx); err == nil || !over(ctx) {
			t.Fatalf("past the bound: %v, over: %v", err, over(ctx))
		}
		wantKind(t, context.Cause(ctx), identity.ErrStale)
		store.now.Store(false)
	})
	t.Run("instance signed out", func(t *testing.T) {
		w := open(t)
		c := w.caller()
		ctx, done := w.id.Watch(w.ctx, c.held)
		defer done()
		w.id.SignOutInstance()
		if !over(ctx) || !errors.Is(context.Cause(ctx), identity.ErrRevoked) {
			t.Errorf("%v", context.Cause(ctx))
		}
	})
}

// TestWatchAcrossProcesses: a revocation by another process ends a watch with
// the next poll, also of an org that was evicted meanwhile.
func TestWatchAcrossProcesses(t *testing.T) {
	for _, evicted := range []bool{false, true} {
		t.Run(map[bool]string{false: "loaded", true: "evicted"}[evicted], func(t *testing.T) {
			a := open(t, func(w *world) { w.opts = sqlite.Options{Shared: true} })
			a.cfg.MaxMemory = 2 * oneOrg
			b := a.join(t, nil)
			org := a.org("acme")
			u := a.user(org, "u")
			var others []identity.OrgID
			for i := range 20 {
				others = append(others, a.org("org-"+strconv.Itoa(i)))
			}
			b.poll()
			ctx, done := b.id.Watch(b.ctx, b.login(org, u))
			defer done()
			if evicted {
				for _, other := range others {
					b.clock.advance(2 * time.Second)
					_, _ = b.in(other).Vouch(b.ctx, "us_nobody", b.session(0)) // loads it
				}
			}
			if sizes, _ := b.id.Loaded(); (sizes[org] == 0) != evicted {
				t.Fatalf("evicted: %v", !evicted)
			}
			a.grant(org, identity.SubjectID(u), policy.Root, "keys:use")
			b.poll()
			if over(ctx) {
				t.Fatal("over for a change of rights")
			}
			must(a.in(org).DeactivateAccount(a.ctx, u))(t)
			if over(ctx) {
				t.Fatal("over before the poll: the test does not show what it should")
			}
			b.poll()
			if !over(ctx) || !errors.Is(context.Cause(ctx), identity.ErrDisabled) {
				t.Fatalf("over: %v, %v", over(ctx), context.Cause(ctx))
			}
		})
	}
}

// TestWatchReadsAnOrgAnew: a revocation that is first seen because the org was
// read anew ends the watches, too.
func TestWatchReadsAnOrgAnew(t *testing.T) {
	a := open(t, func(w *world) { w.opts = sqlite.Options{Shared: true} })
	a.cfg.MaxMemory = 2 * oneOrg
	b := a.join(t, nil)
	org := a.org("acme")
	u := a.user(org, "u")
	var others []identity.OrgID
	for i := range 20 {
		others = append(others, a.org("org-"+strconv.Itoa(i)))
	}
	b.poll()
	p := b.login(org, u)
	ctx, done := b.id.Watch(b.ctx, p)
	defer done()
	for _, other := range others {
		b.clock.advance(2 * time.Second)
		_, _ = b.in(other).Vouch(b.ctx, "us_nobody", b.session(0))
	}
	must(a.in(org).DeactivateAccount(a.ctx, u))(t)
	if d := b.may(p, org, "wallets:read", policy.Root); d.Reason != policy.ReasonAccountInactive || !over(ctx) {
		t.Errorf("%+v, over: %v", d, over(ctx))
	}
}

// TestWatchExpiry: the first of all ends counts, an end that is moved counts as
// moved, and every publication looks at the clock.
func TestWatchExpiry(t *testing.T) {
	w := open(t)
	c := w.caller()
	session := w.session(0)
	session.NotAfter = w.clock.Now().Add(time.Minute)
	short := must(w.in(c.org).Vouch(w.ctx, c.sa.ID, session))(t)
	ctx, done := w.id.Watch(w.ctx, short)
	defer done()
	day, done := w.id.Watch(w.ctx, c.vouched)
	defer done()
	w.clock.advance(time.Minute - time.Microsecond)
	w.poll()
	if over(ctx) {
		t.Fatal("a microsecond early")
	}
	w.clock.advance(time.Microsecond)
	w.org("another") // something is published
	if !over(ctx) || !errors.Is(context.Cause(ctx), identity.ErrExpired) {
		t.Fatalf("over: %v, %v", over(ctx), context.Cause(ctx))
	}
	if over(day) {
		t.Fatal("the other one, too")
	}
	until := w.clock.Now().Add(time.Minute)
	must(w.in(c.org).ExtendAccount(w.ctx, c.sa.ID, until))(t)
	must(w.in(c.org).ExtendAccount(w.ctx, c.sa.ID, until.Add(time.Minute)))(t)
	w.clock.advance(90 * time.Second)
	w.poll()
	if over(day) {
		t.Fatal("at an end that was moved")
	}
	w.clock.advance(30 * time.Second)
	w.poll()
	if !over(day) || !errors.Is(context.Cause(day), identity.ErrExpired) {
		t.Fatalf("over: %v, %v", over(day), context.Cause(day))
	}
}

// TestWatchExpiryByItself: with the system's clock nothing has to happen for a
// watch to expire, however rarely the database is polled.
func TestWatchExpiryByItself(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.Now = nil }))
	org := w.org("acme")
	now := time.Now()
	login := identity.Login{AuthTime: now, NotAfter: now.Add(100 * time.Millisecond)}
	p := must(w.in(org).Vouch(w.ctx, w.user(org, "u"), login))(t)
	bound, cancel := context.WithTimeout(w.ctx, 30*time.Second)
	defer cancel()
	ctx, done := w.id.Watch(bound, p)
	defer done()
	<-ctx.Done()
	if !errors.Is(context.Cause(ctx), identity.ErrExpired) {
		t.Errorf("%v", context.Cause(ctx))
	}
}

// TestWatchRace lets watches begin and end while what they watch is taken: each
// is over when the call that takes it has returned.
func TestWatchRace(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxMemory = fewOrgs }))
	seed := newSeed(t)
	var all sync.WaitGroup
	for i := range 8 {
		rng := mathrand.New(mathrand.NewPCG(seed, uint64(i)))
		org := w.org("org-" + strconv.Itoa(i))
		u := w.user(org, "u")
		all.Go(func() {
			for range 30 {
				p, err := w.in(org).Vouch(w.ctx, u, w.session(0))
				if err != nil {
					t.Error(err)
					return
				}
				w.clock.advance(time.Second)
				var watching sync.WaitGroup
				started, kept := make(chan context.Context, 6), []context.Context{}
				for range 3 {
					cancelled := rng.IntN(3) == 0
					watching.Go(func() {
						for range 2 {
							ctx, done := w.id.Watch(w.ctx, p)
							if cancelled {
								done()
							} else {
								context.AfterFunc(ctx, done)
							}
							started <- ctx
						}
					})
				}
				if rng.IntN(2) == 0 {
					watching.Wait()
				}
				if _, err := w.in(org).SignOutAccount(w.ctx, u); err != nil {
					t.Error(err)
				}
				for len(kept) < cap(started) {
					kept = append(kept, <-started)
				}
				watching.Wait()
				for _, ctx := range kept {
					if !over(ctx) {
						t.Error("it goes on after the sign-out has returned")
					}
				}
			}
		})
	}
	all.Wait()
	if n := w.id.Watched(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestWatchDelegation: a watch of who is acted for ends with each who acts.
func TestWatchDelegation(t *testing.T) {
	ends := map[string]func(w *world, store *stubborn, c caller, actor identity.ServiceAccountResult){
		"the actor": func(w *world, _ *stubborn, c caller, actor identity.ServiceAccountResult) {
			must(w.in(c.org).DeactivateAccount(w.ctx, actor.ID))(t)
		},
		"the actor's key": func(w *world, _ *stubborn, c caller, actor identity.ServiceAccountResult) {
			must(w.in(c.org).RevokeCredential(w.ctx, actor.Key.ID))(t)
		},
		"the subject": func(w *world, _ *stubborn, c caller, _ identity.ServiceAccountResult) {
			must(w.in(c.org).SignOutAccount(w.ctx, c.sa.ID))(t)
		},
		"the actor's time": func(w *world, _ *stubborn, c caller, actor identity.ServiceAccountResult) {
			must(w.in(c.org).ExtendAccount(w.ctx, actor.ID, w.clock.Now().Add(time.Second)))(t)
			w.clock.advance(time.Second)
			w.poll()
		},
		"the actor, barred": func(w *world, store *stubborn, c caller, actor identity.ServiceAccountResult) {
			store.how.Store(failures()[0])
			wantKind(t, last(w.in(c.org).DeactivateAccount(w.ctx, actor.ID)), identity.ErrBusy)
		},
		"the instance": func(w *world, _ *stubborn, _ caller, _ identity.ServiceAccountResult) { w.id.SignOutInstance() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w, store := reluctant(t)
			c := w.caller()
			actor, key := w.service(c.org, "actor", "wallets:read")
			acting := must(w.id.Authenticate(w.ctx, w.bearer(actor, key)))(t)
			issued := must(w.id.Delegate(w.ctx, acting, c.held, identity.TokenRequest{}))(t)
			ctx, done := w.id.Watch(w.ctx, must(w.id.Authenticate(w.ctx, issued.Token.Reveal()))(t))
			defer done()
			if over(ctx) {
				t.Fatalf("before: %v", context.Cause(ctx))
			}
			end(w, store, c, actor)
			if !over(ctx) {
				t.Error("it goes on")
			}
		})
	}
}
