package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// writer makes writes one after the other, of which many are interrupted, and
// keeps the ledger of how each one ended.
type writer struct {
	id     *identity.Authority
	org    identity.OrgID
	lobby  identity.GroupID   // users that have no group of their own join it
	owner  identity.Principal // for calls through As
	name   string
	rng    *mathrand.Rand
	faults *faults

	units  []unit
	counts tally
}

// tally counts what happened.
type tally struct {
	Acknowledged, Failed, Panicked, Ended, Cancelled int
	Violations                                       []string
}

func (s *tally) add(o outcome) {
	switch {
	case o.panicked:
		s.Panicked++
	case o.ended:
		s.Ended++
	case errors.Is(o.err, context.Canceled):
		s.Cancelled++
	case o.err != nil:
		s.Failed++
	default:
		s.Acknowledged++
	}
}

func (s *tally) merge(other tally) {
	s.Acknowledged += other.Acknowledged
	s.Failed += other.Failed
	s.Panicked += other.Panicked
	s.Ended += other.Ended
	s.Cancelled += other.Cancelled
	s.Violations = append(s.Violations, other.Violations...)
}

func (s *tally) String() string {
	return fmt.Sprintf("%d acknowledged, %d failed, %d panicked, %d ended by Goexit, %d cancelled, %d violations",
		s.Acknowledged, s.Failed, s.Panicked, s.Ended, s.Cancelled, len(s.Violations))
}

// run makes a number of writes.
func (w *writer) run(ctx context.Context, rounds int) {
	for i := range rounds {
		if n := len(w.units); n > 0 && w.rng.IntN(3) == 0 {
			w.narrow(ctx, &w.units[w.rng.IntN(n)])
			continue
		}
		w.create(ctx, w.name+"-"+strconv.Itoa(i))
	}
}

// create makes a unit, and checks what its caller sees on return.
func (w *writer) create(ctx context.Context, name string) {
	u := unit{Name: name, Crew: w.rng.IntN(2) == 0}
	ctx, release := w.faults.expose(ctx)
	broken, trip := w.rng.IntN(10) == 0, w.rng.IntN(40)
	as := w.rng.IntN(2) == 0
	o := attempt(func() error {
		if u.Crew {
			return w.crew(ctx, &u, trip)
		}
		admin := w.id.System("soak")
		if as {
			admin = w.id.As(w.owner)
		}
		roles := []string{"reader"}
		if broken {
			roles = append(roles, "no-such-role") // fails after the other rows are written
		}
		made, err := admin.In(w.org).CreateUser(ctx, identity.UserSpec{Email: name + "@example.org", Roles: roles, Groups: []identity.GroupID{w.lobby}})
		u.Account = made.ID
		return err
	})
	release()
	w.ended(name, o)
	u.Stored = o.acknowledged()
	ctx = context.WithoutCancel(ctx)
	if u.Stored && !u.Crew {
		bindings, err := w.id.System("soak").In(w.org).Bindings(ctx, identity.BindingFilter{Subject: identity.SubjectID(u.Account)}, identity.Page{})
		if err != nil || len(bindings.Items) != 1 {
			w.violated("own bindings of %s right after the write: %v %v", name, bindings.Items, err)
			return
		}
		u.Binding = bindings.Items[0].ID
	}
	w.units = append(w.units, u)
	w.visible(ctx, u)
}

// crew makes a unit in one Write of four calls, which may be cut short.
func (w *writer) crew(ctx context.Context, u *unit, trip int) error {
	return w.id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
		o := tx.System("soak").In(w.org)
		if trip%2 == 1 {
			o = tx.As(w.owner).In(w.org)
		}
		group, err := o.CreateGroup(ctx, identity.GroupSpec{Name: u.Name})
		if err := errors.Join(err, tripped(trip, 0)); err != nil {
			return err
		}
		user, err := o.CreateUser(ctx, identity.UserSpec{Email: u.Name + "@example.org"})
		if err := errors.Join(err, tripped(trip, 1)); err != nil {
			return err
		}
		_, err = o.AddMember(ctx, group.ID, identity.SubjectID(user.ID))
		if err := errors.Join(err, tripped(trip, 2)); err != nil {
			return err
		}
		bound, err := o.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(group.ID), Role: "reader", Scope: policy.Root})
		u.Group, u.Account, u.Binding = group.ID, user.ID, bound.ID
		return errors.Join(err, tripped(trip, 3))
	})
}

// tripped fails, panics or ends the goroutine after one step of a Write, for
// twelve of the values of trip.
func tripped(trip, step int) error {
	switch trip {
	case step:
		return errInjected
	case step + 4:
		panic(injected{})
	case step + 8:
		runtime.Goexit()
	}
	return nil
}

// narrow takes something from a unit that was stored.
func (w *writer) narrow(ctx context.Context, u *unit) {
	if !u.Stored || u.Off || u.Unbound {
		return
	}
	held, err := login(ctx, w.id, w.org, u.Account, 0)
	if err != nil {
		w.violated("login of %s: %v", u.Name, err)
		return
	}
	off := w.rng.IntN(2) == 0
	exposed, release := w.faults.expose(ctx)
	o := attempt(func() error {
		if off {
			_, err := w.id.As(w.owner).In(w.org).DeactivateAccount(exposed, u.Account)
			return err
		}
		return w.id.System("soak").In(w.org).DeleteBinding(exposed, u.Binding)
	})
	release()
	w.ended(u.Name, o)
	if o.acknowledged() {
		u.Off, u.Unbound = off, !off
	}
	if d := may(ctx, w.id, held, w.org, "wallets:read"); d.Reason != u.expected() {
		w.violated("%s right after the write: %+v, expected %v", u.Name, d, u.expected())
	}
	w.visible(ctx, *u)
}

// visible checks that what a call returned is what the next call sees.
func (w *writer) visible(ctx context.Context, u unit) {
	o := w.id.System("soak").In(w.org)
	if !u.Stored {
		found, err := o.Accounts(ctx, identity.AccountFilter{NamePrefix: u.Name + "@"}, identity.Page{})
		if err != nil || len(found.Items) != 0 {
			w.violated("%s was refused and is found: %v %v", u.Name, found.Items, err)
		}
		return
	}
	if a, err := o.Account(ctx, u.Account); err != nil || (a.State == identity.AccountInactive) != u.Off {
		w.violated("%s right after the write: %+v %v", u.Name, a, err)
	}
	if err := agrees(ctx, w.id, w.org, u); err != nil {
		w.violated("right after the write: %v", err)
	}
}

// ended counts a call, whose failure must be one that was caused on purpose,
// or in two processes that the other one kept the lock.
func (w *writer) ended(name string, o outcome) {
	w.counts.add(o)
	for _, expected := range []error{nil, errInjected, context.Canceled, identity.ErrNotFound, identity.ErrBusy} {
		if errors.Is(o.err, expected) {
			return
		}
	}
	w.violated("%s failed by itself: %v", name, o.err)
}

func (w *writer) violated(format string, args ...any) {
	w.counts.Violations = append(w.counts.Violations, fmt.Sprintf(format, args...))
}

// crewOf runs several writers of one process at once and returns what they saw.
func crewOf(ctx context.Context, id *identity.Authority, org identity.OrgID, f *faults, name string, seed uint64, writers, rounds int) (tally, []unit, error) {
	o := id.System("soak").In(org)
	lobby, err := o.EnsureGroup(ctx, identity.GroupSpec{Name: "lobby"})
	if err != nil {
		return tally{}, nil, err
	}
	boss, err := o.EnsureUser(ctx, identity.UserSpec{Email: "boss@example.org"})
	if err != nil {
		return tally{}, nil, err
	}
	owner, err := login(ctx, id, org, boss.ID, 0)
	if err != nil {
		return tally{}, nil, err
	}
	f.arm(true)
	defer f.arm(false)
	crew := make([]*writer, writers)
	var wg sync.WaitGroup
	for i := range crew {
		crew[i] = &writer{
			id: id, org: org, lobby: lobby.ID, owner: owner, faults: f,
			name: name + strconv.Itoa(i), rng: source(seed + uint64(i)),
		}
		wg.Go(func() { crew[i].run(ctx, rounds) })
	}
	wg.Wait()
	var counts tally
	var units []unit
	for _, w := range crew {
		counts.merge(w.counts)
		units = append(units, w.units...)
	}
	return counts, units, nil
}

// newOffice makes the org that writers work in, with the owner they act as.
func newOffice(ctx context.Context, id *identity.Authority) (identity.OrgID, error) {
	org, err := id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "office", Owner: &identity.UserSpec{Email: "boss@example.org"}})
	return org.ID, err
}

// spared are what newOffice and crewOf made.
func spared() map[string]bool { return map[string]bool{"boss": true, "lobby": true} }

// TestDoor interrupts writers of one process in every way that a host can:
// acknowledged is stored, refused is absent, and a write is visible on return.
//
// The long form makes 10,000 writes:
//
//	CLAVIGER_SOAK=long go test -run TestDoor -v -timeout 60m ./internal/soak
func TestDoor(t *testing.T) {
	ctx := t.Context()
	rng := seeded(t)
	f := newFaults(source(rng.Uint64()))
	file := filepath.Join(t.TempDir(), "app.db")
	id := mustOpen(t, file, func(c *identity.Config) { c.Random = f })
	org := must(newOffice(ctx, id))(t)
	const writers = 4
	counts, units, err := crewOf(ctx, id, org, f, "w", rng.Uint64(), writers, rounds(400, 10_000)/writers)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d writers of one process: %s", writers, &counts)
	report(t, counts)
	if err := audit(ctx, id, org, units, spared()); err != nil {
		t.Errorf("the running process: %v", err)
	}
	mustClose(t, id)
	if err := audit(ctx, mustOpen(t, file), org, units, spared()); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

func report(t *testing.T, counts tally) {
	t.Helper()
	for _, v := range counts.Violations {
		t.Error(v)
	}
	if counts.Acknowledged == 0 || counts.Failed == 0 || counts.Panicked == 0 || counts.Ended == 0 || counts.Cancelled == 0 {
		t.Errorf("something never happened: %s", &counts)
	}
}

// TestDoorShared is TestDoor with the writers in two processes.
//
//	CLAVIGER_SOAK=long go test -run TestDoorShared -v -timeout 60m ./internal/soak
func TestDoorShared(t *testing.T) {
	ctx := t.Context()
	rng := seeded(t)
	f := newFaults(source(rng.Uint64()))
	file := filepath.Join(t.TempDir(), "app.db")
	id, err := open(ctx, file, sqlite.Options{Shared: true}, func(c *identity.Config) { c.Random = f })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, id) })
	org := must(newOffice(ctx, id))(t)
	const writers = 2
	each := rounds(200, 10_000) / (2 * writers)
	other := mustStart(t, "writer", file, string(org), strconv.FormatUint(rng.Uint64(), 10), strconv.Itoa(writers), strconv.Itoa(each))
	other.expect(t, "ready")
	other.tell(t, "go")
	counts, units, err := crewOf(ctx, id, org, f, "p", rng.Uint64(), writers, each)
	if err != nil {
		t.Fatal(err)
	}
	var theirs struct {
		Counts tally
		Units  []unit
	}
	if err := json.Unmarshal([]byte(strings.Join(other.expect(t, "done"), " ")), &theirs); err != nil {
		t.Fatal(err)
	}
	other.wait(t)
	t.Logf("%d writers here: %s", writers, &counts)
	t.Logf("%d writers there: %s", writers, &theirs.Counts)
	counts.merge(theirs.Counts)
	report(t, counts)
	units = append(units, theirs.Units...)
	// A write applies what others wrote before it.
	if _, err := id.System("soak").CreateOrg(ctx, identity.OrgSpec{Slug: "last"}); err != nil {
		t.Fatal(err)
	}
	if err := audit(ctx, id, org, units, spared()); err != nil {
		t.Errorf("the running process: %v", err)
	}
	mustClose(t, id)
	if err := audit(ctx, mustOpen(t, file), org, units, spared()); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

// writer is the second process of TestDoorShared.
func (c *child) writer() error {
	ctx := context.Background()
	seed, err := strconv.ParseUint(c.args[2], 10, 64)
	if err != nil {
		return err
	}
	writers, _ := strconv.Atoi(c.args[3])
	each, _ := strconv.Atoi(c.args[4])
	f := newFaults(source(seed))
	id, err := open(ctx, c.args[0], sqlite.Options{Shared: true}, func(cfg *identity.Config) { cfg.Random = f })
	if err != nil {
		return err
	}
	c.say("ready")
	if err := c.hear(); err != nil {
		return errors.Join(err, id.Close())
	}
	counts, units, err := crewOf(ctx, id, identity.OrgID(c.args[1]), f, "c", seed+100, writers, each)
	if err := errors.Join(err, id.Close()); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"Counts": counts, "Units": units})
	if err != nil {
		return err
	}
	c.say("done", string(text))
	return nil
}
