package commit

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func open(t testing.TB, cfg Config[*fakeTxn, *chain]) *Door[*fakeTxn, *chain] {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// hold occupies the door with a transaction of its own and returns the function that lets it go. Whoever calls Do meanwhile forms the next group.
func hold(t testing.TB, d *Door[*fakeTxn, *chain]) (release func()) {
	t.Helper()
	inside, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- d.Alone(context.Background(), func(_ *fakeTxn, l *chain) (*chain, error) {
			close(inside)
			<-leave
			return l, errFault
		})
	}()
	<-inside
	return func() {
		close(leave)
		if err := <-done; !errors.Is(err, errFault) {
			t.Errorf("holding the door: %v", err)
		}
	}
}

// awaitQueue waits until n callers are queued.
func awaitQueue(d *Door[*fakeTxn, *chain], n int) {
	for {
		d.queue.mu.Lock()
		got := d.queue.line.Len()
		d.queue.mu.Unlock()
		if got == n {
			return
		}
		runtime.Gosched()
	}
}

// call is one Do of a test, made while the door is held, so that calls join the group in the order in which they were started.
type call struct {
	fn    func(*fakeTxn, *chain) (*chain, error)
	alone bool
	err   error
	panic any
	raw   any  // what came out of the call for it
	exit  bool // left by Goexit
	end   sync.WaitGroup
}

// start makes the call on a goroutine of its own.
func (c *call) start(d *Door[*fakeTxn, *chain]) {
	c.end.Go(func() {
		c.exit = true
		defer func() {
			c.raw = recover()
			if c.panic = thrown(c.raw); c.panic != nil {
				c.exit = false
			}
		}()
		enter := d.Do
		if c.alone {
			enter = d.Alone
		}
		c.err = enter(context.Background(), c.fn)
		c.exit = false
	})
}

// thrown is what a closure panicked with, wherever it ran.
func thrown(v any) any {
	if p, ok := v.(*PanicError); ok {
		return p.Value
	}
	return v
}

// runGroup makes one group of the calls and waits for all of them.
func runGroup(t testing.TB, d *Door[*fakeTxn, *chain], calls ...*call) {
	t.Helper()
	release := hold(t, d)
	for i, c := range calls {
		c.start(d)
		awaitQueue(d, i+1)
	}
	release()
	for _, c := range calls {
		c.end.Wait()
	}
}

// failAt injects f at the n-th (from 1) occurrence of step.
func failAt(step string, n int, f fault) func(string) fault {
	return func(s string) fault {
		if s == step {
			if n--; n == 0 {
				return f
			}
		}
		return none
	}
}

func wantRows(t testing.TB, db *fakeDB, ids ...int) {
	t.Helper()
	if !slices.Equal(db.rows, ids) {
		t.Errorf("stored %v, want %v", db.rows, ids)
	}
	if got := db.published.Load().ids(); !slices.Equal(got, ids) {
		t.Errorf("published %v, want %v", got, ids)
	}
}

func TestNewRefusesAnIncompleteConfig(t *testing.T) {
	db := newFakeDB()
	for name, spoil := range map[string]func(*Config[*fakeTxn, *chain]){
		"Begin":    func(c *Config[*fakeTxn, *chain]) { c.Begin = nil },
		"Publish":  func(c *Config[*fakeTxn, *chain]) { c.Publish = nil },
		"Doubt":    func(c *Config[*fakeTxn, *chain]) { c.Doubt = nil },
		"MaxGroup": func(c *Config[*fakeTxn, *chain]) { c.MaxGroup = -1 },
	} {
		cfg := db.config()
		spoil(&cfg)
		if d, err := New(cfg); err == nil {
			d.Close()
			t.Errorf("%s: New accepted it", name)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v does not name it", name, err)
		}
	}
}

func TestOwnWriteIsStoredAndPublishedOnReturn(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	for id := 1; id <= 3; id++ {
		if err := d.Do(t.Context(), db.add(id)); err != nil {
			t.Fatal(err)
		}
		if got := db.published.Load(); got == nil || got.id != id {
			t.Fatalf("after the return of %d the published state is %v", id, got.ids())
		}
	}
	d.Close()
	db.laws(t)
	wantRows(t, db, 1, 2, 3)
}

func TestQueuedCallersShareOneCommit(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	calls := make([]*call, 20)
	var want []int
	for i := range calls {
		calls[i] = &call{fn: db.add(i)}
		want = append(want, i)
	}
	runGroup(t, d, calls...)
	d.Close()
	db.laws(t)
	wantRows(t, db, want...)
	if db.commits != 1 {
		t.Errorf("%d commits for one group", db.commits)
	}
}

func TestGroupIsBounded(t *testing.T) {
	db := newFakeDB()
	cfg := db.config()
	cfg.MaxGroup = 8
	d := open(t, cfg)
	calls := make([]*call, 20)
	for i := range calls {
		calls[i] = &call{fn: db.add(i)}
	}
	runGroup(t, d, calls...)
	d.Close()
	db.laws(t)
	if want := []int{8, 8, 4}; !slices.Equal(db.groups, want) {
		t.Errorf("groups of %v, want %v", db.groups, want)
	}
}

func TestAloneSharesWithNobody(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	runGroup(t, d,
		&call{fn: db.add(1)}, &call{fn: db.add(2)},
		&call{fn: db.add(3), alone: true},
		&call{fn: db.add(4)}, &call{fn: db.add(5)},
		&call{fn: db.add(6), alone: true})
	d.Close()
	db.laws(t)
	wantRows(t, db, 1, 2, 3, 4, 5, 6)
	if want := []int{2, 1, 2, 1}; !slices.Equal(db.groups, want) {
		t.Errorf("groups of %v, want %v", db.groups, want)
	}
}

func TestErrorPanicAndGoexitUndoOnlyTheirOwn(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	own := errors.New("own")
	value := &struct{ int }{7}
	after := func(id int, then func() error) func(*fakeTxn, *chain) (*chain, error) {
		return func(x *fakeTxn, l *chain) (*chain, error) {
			l, err := db.add(id)(x, l)
			if err == nil {
				err = then()
			}
			return l, err // the edited fork, which must be dropped
		}
	}
	fails := &call{fn: after(2, func() error { return own })}
	panics := &call{fn: after(4, func() error { panic(value) })}
	exits := &call{fn: after(6, func() error { runtime.Goexit(); return nil })}
	ok := []*call{{fn: db.add(1)}, {fn: db.add(3)}, {fn: db.add(5)}, {fn: db.add(7)}}
	runGroup(t, d, ok[0], fails, ok[1], panics, ok[2], exits, ok[3])
	d.Close()
	db.laws(t)
	wantRows(t, db, 1, 3, 5, 7)
	if db.commits != 1 {
		t.Errorf("%d commits, want the one of the group", db.commits)
	}
	for i, c := range ok {
		if c.err != nil {
			t.Errorf("member %d: %v", i, c.err)
		}
	}
	if fails.err != own {
		t.Errorf("own error came back as %v", fails.err)
	}
	if panics.panic != value {
		t.Errorf("panic came back as %v", panics.panic)
	}
	if !exits.exit {
		t.Error("Goexit did not go on")
	}
}

// A panic goes on through the caller only when its rows are gone: what the caller's own deferred functions see is the state without them.
func TestRollbackComesBeforeTheUnwinding(t *testing.T) {
	for _, alone := range []bool{false, true} {
		db := newFakeDB()
		d := open(t, db.config())
		enter := d.Do
		if alone {
			enter = d.Alone
		}
		var tx *fakeTxn
		func() {
			defer func() {
				recover()
				if alone && !tx.over {
					t.Error("alone: the panic overtook ROLLBACK")
				}
				if !alone && len(tx.rows) != 0 {
					t.Errorf("the panic overtook ROLLBACK TO: %v", tx.rows)
				}
			}()
			_ = enter(t.Context(), func(x *fakeTxn, l *chain) (*chain, error) {
				tx = x
				_ = x.insert(1)
				panic("x")
			})
		}()
		d.Close()
		db.laws(t)
		if len(db.rows) != 0 || db.commits != 0 {
			t.Errorf("stored %v in %d commits", db.rows, db.commits)
		}
	}
}

func TestGroupWithoutSuccessRollsBack(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	own := errors.New("own")
	a := &call{fn: func(x *fakeTxn, l *chain) (*chain, error) { return l, own }}
	b := &call{fn: func(x *fakeTxn, l *chain) (*chain, error) { panic("x") }}
	runGroup(t, d, a, b)
	d.Close()
	db.laws(t)
	if db.commits != 0 || db.doubts != 0 || db.published.Load() != nil {
		t.Errorf("%d commits, %d doubts, published %v", db.commits, db.doubts, db.published.Load())
	}
	if a.err != own || b.panic != "x" {
		t.Errorf("answers %v, %v", a.err, b.panic)
	}
	if db.begins != 2 || len(db.finished) != 2 { // the holder's and the group's
		t.Errorf("%d transactions begun, %d rolled back", db.begins, len(db.finished))
	}
}

// A lost transaction is rolled back whole, and those whose work went with it run once more, alone. Each case makes the third of five meet the loss.
func TestLostTransactionIsRetriedAlone(t *testing.T) {
	own := errors.New("own")
	for _, c := range []struct {
		name   string
		step   string
		n      int // which occurrence, counting the holder's
		kind   fault
		third  error // own error of the third member
		want   []int
		runs   []int
		groups []int
	}{
		// The holder has one savepoint and neither a release nor a rollback to; the group has one of each.
		{"savepoint", "savepoint", 2, soft, nil, []int{1, 2, 3, 4, 5}, []int{1, 1, 1, 1, 1}, []int{1, 4}},
		{"savepoint, hard", "savepoint", 2, hard, nil, []int{1, 2, 3, 4, 5}, []int{1, 1, 1, 1, 1}, []int{1, 4}},
		{"savepoint panics", "savepoint", 2, panics, nil, []int{1, 2, 3, 4, 5}, []int{1, 1, 1, 1, 1}, []int{1, 4}},
		{"release", "release", 1, soft, nil, []int{1, 2, 3, 4, 5}, []int{2, 2, 2, 2, 2}, []int{1, 1, 1, 1, 1}},
		{"release, hard", "release", 1, hard, nil, []int{1, 2, 3, 4, 5}, []int{2, 2, 2, 2, 2}, []int{1, 1, 1, 1, 1}},
		{"statement, hard", "insert", 3, hard, nil, []int{1, 2, 3, 4, 5}, []int{2, 2, 2, 1, 1}, []int{1, 1, 1, 2}},
		{"rollback to", "rollback to", 1, soft, own, []int{1, 2, 4, 5}, []int{2, 2, 2, 1, 1}, []int{1, 1, 2}},
		{"rollback to, hard", "rollback to", 1, hard, own, []int{1, 2, 4, 5}, []int{2, 2, 2, 1, 1}, []int{1, 1, 2}},
		{"rollback to panics", "rollback to", 1, panics, own, []int{1, 2, 4, 5}, []int{2, 2, 2, 1, 1}, []int{1, 1, 2}},
		// From here on each has a savepoint of its own: the group's, the first's and the second's come before the fourth's.
		{"savepoint, apart", "savepoint", 5, soft, own, []int{1, 2, 4, 5}, []int{3, 3, 1, 1, 1}, []int{1, 1, 1, 1}},
		{"release, apart", "release", 3, soft, own, []int{1, 2, 4, 5}, []int{3, 3, 1, 2, 1}, []int{1, 1, 1, 1}},
		{"again, first", "release", 1, soft, own, []int{1, 2, 4, 5}, []int{3, 2, 1, 1, 1}, []int{1, 1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := newFakeDB()
			db.inject = failAt(c.step, c.n, c.kind)
			d := open(t, db.config())
			calls := make([]*call, 5)
			runs := make([]int, 5)
			for i := range calls {
				calls[i] = &call{fn: func(x *fakeTxn, l *chain) (*chain, error) {
					runs[i]++
					l, err := db.add(i+1)(x, l)
					if err == nil && i == 2 {
						err = c.third
					}
					return l, err
				}}
			}
			runGroup(t, d, calls...)
			d.Close()
			db.laws(t)
			wantRows(t, db, c.want...)
			for i, c2 := range calls {
				want := error(nil)
				if i == 2 {
					want = c.third
				}
				if c2.err != want {
					t.Errorf("member %d: %v, want %v", i+1, c2.err, want)
				}
			}
			if !slices.Equal(runs, c.runs) {
				t.Errorf("runs %v, want %v", runs, c.runs)
			}
			if !slices.Equal(db.groups, c.groups) {
				t.Errorf("commits of %v, want %v", db.groups, c.groups)
			}
		})
	}
}

// Those who failed by themselves before the loss are not run again, and a panic on the lost transaction goes its way.
func TestFailedMembersAreNotRetried(t *testing.T) {
	db := newFakeDB()
	db.inject = failAt("rollback to", 1, soft)
	d := open(t, db.config())
	own := errors.New("own")
	var ownRuns, panicRuns int
	good := &call{fn: db.add(1)}
	fails := &call{fn: func(x *fakeTxn, l *chain) (*chain, error) { ownRuns++; return l, own }}
	panics := &call{fn: func(x *fakeTxn, l *chain) (*chain, error) { panicRuns++; _ = x.insert(9); panic("x") }}
	runGroup(t, d, good, fails, panics)
	d.Close()
	db.laws(t)
	wantRows(t, db, 1)
	if good.err != nil || fails.err != own || panics.panic != "x" {
		t.Errorf("answers %v, %v, %v", good.err, fails.err, panics.panic)
	}
	if ownRuns != 1 || panicRuns != 1 {
		t.Errorf("runs %d and %d, want one each", ownRuns, panicRuns)
	}
}

// A refusal can rest on what others in the group wrote, so it is not answered before they are.
func TestRefusalWaitsForTheGroup(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	own := errors.New("own")
	answered := make(chan error, 1)
	release := hold(t, d)
	go func() {
		answered <- d.Do(context.Background(), func(_ *fakeTxn, l *chain) (*chain, error) { return l, own })
	}()
	awaitQueue(d, 1)
	last := make(chan error, 1)
	go func() {
		last <- d.Do(context.Background(), func(x *fakeTxn, l *chain) (*chain, error) {
			for range 100 {
				runtime.Gosched()
			}
			if len(answered) != 0 {
				t.Error("answered before the group was committed")
			}
			return db.add(1)(x, l)
		})
	}()
	awaitQueue(d, 2)
	release()
	if err := <-last; err != nil {
		t.Error(err)
	}
	if err := <-answered; err != own {
		t.Errorf("own error came back as %v", err)
	}
	d.Close()
	db.laws(t)
}

func TestRetryGetsWhatItsOwnRunGives(t *testing.T) {
	for _, step := range []string{"begin", "savepoint", "release", "commit"} {
		t.Run(step, func(t *testing.T) {
			db := newFakeDB()
			lost := failAt("release", 1, soft)
			again := map[string]int{"begin": 3, "savepoint": 3, "release": 2, "commit": 1}
			second := failAt(step, again[step], soft)
			db.inject = func(s string) fault { return max(lost(s), second(s)) }
			d := open(t, db.config())
			a, b := &call{fn: db.add(1)}, &call{fn: db.add(2)}
			runGroup(t, d, a, b)
			d.Close()
			db.laws(t)
			wantRows(t, db, 2)
			if !errors.Is(a.err, errFault) || errors.Is(a.err, ErrDoubt) != (step == "commit") {
				t.Errorf("first: %v", a.err)
			}
			if b.err != nil {
				t.Errorf("second: %v", b.err)
			}
		})
	}
}

func TestAloneRunsAtMostOnce(t *testing.T) {
	for _, step := range []string{"savepoint", "release", "insert"} {
		for _, kind := range []fault{soft, hard} {
			db := newFakeDB()
			db.inject = failAt(step, 1, kind)
			d := open(t, db.config())
			runs := 0
			err := d.Alone(t.Context(), func(x *fakeTxn, l *chain) (*chain, error) {
				runs++
				return db.add(1)(x, l)
			})
			d.Close()
			db.laws(t)
			if err == nil || errors.Is(err, ErrDoubt) || runs > 1 || len(db.rows) != 0 {
				t.Errorf("%s: %v after %d runs, stored %v", step, err, runs, db.rows)
			}
		}
	}
}

func TestFailedCommitLeavesDoubt(t *testing.T) {
	own := errors.New("own")
	for name, kind := range map[string]fault{"not taken": soft, "taken": tookBoth, "panic": panics} {
		t.Run(name, func(t *testing.T) {
			db := newFakeDB()
			db.inject = failAt("commit", 1, kind)
			d := open(t, db.config())
			a, b := &call{fn: db.add(1)}, &call{fn: db.add(2)}
			c := &call{fn: func(_ *fakeTxn, l *chain) (*chain, error) { return l, own }}
			runGroup(t, d, a, b, c)
			for i, m := range []*call{a, b, c} {
				if !errors.Is(m.err, ErrDoubt) || (kind != panics && !errors.Is(m.err, errFault)) {
					t.Errorf("member %d: %v", i, m.err)
				}
			}
			if !errors.Is(c.err, own) {
				t.Errorf("the refusal lost its reason: %v", c.err)
			}
			if db.doubts != 1 {
				t.Errorf("%d doubts", db.doubts)
			}
			// The door works on, from what is really stored.
			if err := d.Do(t.Context(), db.add(3)); err != nil {
				t.Error(err)
			}
			d.Close()
			db.laws(t)
			if kind == tookBoth {
				wantRows(t, db, 1, 2, 3)
			} else {
				wantRows(t, db, 3)
			}
		})
	}
}

func TestFailedBeginIsEverybodysError(t *testing.T) {
	for _, kind := range []fault{soft, panics} {
		db := newFakeDB()
		db.inject = failAt("begin", 2, kind)
		d := open(t, db.config())
		ran := false
		run := func(_ *fakeTxn, l *chain) (*chain, error) { ran = true; return l, nil }
		a, b, c := &call{fn: run}, &call{fn: run}, &call{fn: run}
		other := &call{fn: db.add(1), alone: true} // would not have been in the group
		runGroup(t, d, a, b, c, other)
		d.Close()
		db.laws(t)
		for i, m := range []*call{a, b, c} {
			if m.err == nil || errors.Is(m.err, ErrDoubt) || (kind == soft && !errors.Is(m.err, errFault)) {
				t.Errorf("member %d: %v", i, m.err)
			}
		}
		if ran {
			t.Error("a closure ran without a transaction")
		}
		if other.err != nil {
			t.Errorf("the one behind the group: %v", other.err)
		}
		wantRows(t, db, 1)
	}
}

// Publishing failed after COMMIT: the write is durable, so the caller is told so once somebody has taken over what is served.
func TestPanickingPublish(t *testing.T) {
	db := newFakeDB()
	db.inject = failAt("publish", 1, panics)
	d := open(t, db.config())
	if err := d.Do(t.Context(), db.add(1)); err != nil {
		t.Errorf("stored, and answered %v", err)
	}
	d.Close()
	db.laws(t)
	wantRows(t, db, 1)
	if db.doubts != 1 {
		t.Errorf("%d doubts", db.doubts)
	}
}

func TestPanickingPublishAndDoubt(t *testing.T) {
	db := newFakeDB()
	db.inject = failAt("publish", 1, panics)
	cfg := db.config()
	cfg.Doubt = func(error) { panic("doubt") }
	d := open(t, cfg)
	if err := d.Do(t.Context(), db.add(1)); !errors.Is(err, ErrDoubt) {
		t.Errorf("nobody vouches for what is served, and the answer is %v", err)
	}
	if err := d.Do(t.Context(), db.add(2)); err != nil {
		t.Error(err)
	}
	d.Close()
	db.laws(t)
	wantRows(t, db, 1, 2)
}

func TestContextIsHonouredWhileQueued(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	release := hold(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() {
		got <- d.Do(ctx, func(_ *fakeTxn, l *chain) (*chain, error) {
			t.Error("the closure ran")
			return l, nil
		})
	}()
	awaitQueue(d, 1)
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) { // while the door is still held
		t.Errorf("got %v", err)
	}
	awaitQueue(d, 0)
	release()
	d.Close()
	db.laws(t)
}

// The door itself looks at the context too: a caller that has not yet noticed that its context ended does not run.
func TestContextIsCheckedAtTheTurn(t *testing.T) {
	q := newQueue[*fakeTxn, *chain]()
	q.push(newMember[*fakeTxn, *chain](t.Context(), nil, false)) // leads, so that the next ones queue
	ctx, cancel := context.WithCancel(t.Context())
	dead := newMember[*fakeTxn, *chain](ctx, nil, true)
	live := newMember[*fakeTxn, *chain](t.Context(), nil, false)
	q.push(dead)
	q.push(live)
	cancel()
	if m := q.pop(false); m != live {
		t.Error("the turn went to a caller whose context had ended")
	}
	if o := <-dead.orders; !o.final || o.err != context.Canceled {
		t.Errorf("it was told %+v", o)
	}
}

func TestContextIsNotHonouredInside(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Do(ctx, func(x *fakeTxn, l *chain) (*chain, error) {
		cancel()
		return db.add(1)(x, l)
	})
	if err != nil {
		t.Errorf("stored, and answered %v", err)
	}
	if err := d.Do(ctx, db.add(2)); err != context.Canceled {
		t.Errorf("an ended context came in: %v", err)
	}
	d.Close()
	db.laws(t)
	wantRows(t, db, 1)
}

func TestClose(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	inside, leave := make(chan struct{}), make(chan struct{})
	running, queued, closed := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() {
		running <- d.Do(context.Background(), func(x *fakeTxn, l *chain) (*chain, error) {
			close(inside)
			<-leave
			return db.add(1)(x, l)
		})
	}()
	<-inside
	go func() {
		queued <- d.Do(context.Background(), func(_ *fakeTxn, l *chain) (*chain, error) {
			t.Error("the closure of a queued caller ran")
			return l, nil
		})
	}()
	awaitQueue(d, 1)
	go func() { closed <- d.Close() }()
	if err := <-queued; err != ErrClosed { // before the running group has ended
		t.Errorf("queued caller: %v", err)
	}
	select {
	case <-closed:
		t.Error("Close did not wait for the running group")
	default:
	}
	if err := d.Do(t.Context(), db.add(2)); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	if err := d.Alone(t.Context(), db.add(2)); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	close(leave)
	if err := <-running; err != nil {
		t.Errorf("running caller: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	db.laws(t)
	wantRows(t, db, 1)
}

// t.FailNow in a test's Begin ends the goroutine that serves. Nobody may hang.
func TestGoexitOnTheServingGoroutine(t *testing.T) {
	for _, at := range []string{"begin", "publish"} {
		for _, led := range []bool{true, false} {
			db := newFakeDB()
			cfg := db.config()
			n := 1
			if !led {
				n = 2 // the holder's comes first, which publishes nothing
			}
			if at == "begin" {
				cfg.Begin = func() (*fakeTxn, *chain, error) {
					if n--; n == 0 {
						runtime.Goexit()
					}
					return db.begin()
				}
			} else {
				cfg.Publish = func(*chain) { runtime.Goexit() }
			}
			d := open(t, cfg)
			a, b := &call{fn: db.add(1)}, &call{fn: db.add(2)}
			if led {
				runCall(d, a)
			} else {
				runGroup(t, d, a, b)
				for i, c := range []*call{a, b} {
					// Who was queued when the door stopped was not let in.
					if doubt := errors.Is(c.err, ErrDoubt); !errors.Is(c.err, ErrClosed) || !doubt && (i == 0 || at == "publish") {
						t.Errorf("%s, member %d: %v", at, i, c.err)
					}
				}
			}
			if a.exit != led {
				t.Errorf("%s: the caller was ended: %v", at, a.exit)
			}
			<-d.stopped
			if err := d.Alone(t.Context(), db.add(3)); err != ErrClosed {
				t.Errorf("%s: %v", at, err)
			}
		}
	}
}

// runCall makes one call that finds nobody at the door, on a goroutine of its own, and waits for it.
func runCall(d *Door[*fakeTxn, *chain], c *call) {
	c.start(d)
	c.end.Wait()
}

// A caller that finds nobody serves the door on its own goroutine: those who come meanwhile join its group, and those who come later are not its business.
func TestLeaderServesItsGroupOnly(t *testing.T) {
	db := newFakeDB()
	cfg := db.config()
	inside, leave := make(chan struct{}), make(chan struct{})
	cfg.Publish = func(l *chain) {
		db.publish(l)
		if len(db.rows) == 2 {
			close(inside)
			<-leave
		}
	}
	d := open(t, cfg)
	first := make(chan struct{})
	lead := &call{fn: func(x *fakeTxn, l *chain) (*chain, error) {
		close(first)
		awaitQueue(d, 1)
		return db.add(1)(x, l)
	}}
	joins, later := &call{fn: db.add(2)}, &call{fn: db.add(3)}
	lead.start(d)
	<-first
	joins.start(d)
	<-inside
	later.start(d)
	awaitQueue(d, 1)
	close(leave)
	for _, c := range []*call{lead, joins, later} {
		if c.end.Wait(); c.err != nil {
			t.Error(c.err)
		}
	}
	d.Close()
	db.laws(t)
	if want := []int{2, 1}; !slices.Equal(db.groups, want) {
		t.Errorf("groups of %v, want %v", db.groups, want)
	}
	wantRows(t, db, 1, 2, 3)
}

// What ends the leader's closure goes on through the leader, and leaves the door to those who came meanwhile.
func TestLeaderThatUnwinds(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("x") }, "Goexit": runtime.Goexit} {
		for _, alone := range []bool{false, true} {
			db := newFakeDB()
			d := open(t, db.config())
			first := make(chan struct{})
			lead := &call{alone: alone, fn: func(x *fakeTxn, _ *chain) (*chain, error) {
				close(first)
				awaitQueue(d, 2)
				_ = x.insert(9)
				leave()
				return nil, nil
			}}
			a, b := &call{fn: db.add(1)}, &call{fn: db.add(2)}
			lead.start(d)
			<-first
			a.start(d)
			awaitQueue(d, 1)
			b.start(d)
			for _, c := range []*call{lead, a, b} {
				c.end.Wait()
			}
			if (lead.panic != nil) != (name == "panic") || lead.exit != (name == "Goexit") {
				t.Errorf("%s: came out as %v, %v", name, lead.panic, lead.exit)
			}
			if a.err != nil || b.err != nil {
				t.Errorf("%s: the others: %v, %v", name, a.err, b.err)
			}
			d.Close()
			db.laws(t)
			wantRows(t, db, 1, 2)
			if want := []int{2}; !slices.Equal(db.groups, want) {
				t.Errorf("%s: groups of %v, want %v", name, db.groups, want)
			}
		}
	}
}

// A transaction that ends the goroutine of a leader that unwinds is not left open.
func TestLeaderThatEndsInItsRollback(t *testing.T) {
	db := newFakeDB()
	db.inject = func(step string) fault {
		if step == "rollback to" {
			runtime.Goexit()
		}
		return none
	}
	d := open(t, db.config())
	lead := &call{fn: func(*fakeTxn, *chain) (*chain, error) { panic("x") }}
	runCall(d, lead)
	if !lead.exit {
		t.Error("Goexit did not go on")
	}
	if err := d.Do(t.Context(), db.add(1)); err != nil {
		t.Error(err)
	}
	d.Close()
	db.laws(t)
	wantRows(t, db, 1)
}

// A leader that unwinds when it is retried takes nobody's answer along.
func TestLeaderThatUnwindsInItsRetry(t *testing.T) {
	db := newFakeDB()
	db.inject = failAt("release", 1, soft)
	d := open(t, db.config())
	own := errors.New("own")
	first, queued, runs := make(chan struct{}), make(chan struct{}), 0
	lead := &call{fn: func(x *fakeTxn, l *chain) (*chain, error) {
		if runs++; runs == 2 {
			panic("x")
		}
		close(first)
		<-queued
		return db.add(1)(x, l)
	}}
	a, b := &call{fn: db.add(2)}, &call{fn: db.add(3)}
	fails := &call{fn: func(_ *fakeTxn, l *chain) (*chain, error) { return l, own }}
	lead.start(d)
	<-first
	for i, c := range []*call{a, fails, b} {
		c.start(d)
		awaitQueue(d, i+1)
	}
	close(queued)
	for _, c := range []*call{lead, a, fails, b} {
		c.end.Wait()
	}
	if lead.panic != "x" || a.err != nil || b.err != nil || fails.err != own {
		t.Errorf("answers %v, %v, %v, %v", lead.panic, a.err, b.err, fails.err)
	}
	d.Close()
	db.laws(t)
	wantRows(t, db, 2, 3)
}

// Who waits for a retry that never comes is not told that it was stored.
func TestGoexitInARetry(t *testing.T) {
	db := newFakeDB()
	db.inject = failAt("release", 1, soft)
	cfg := db.config()
	begins := 0
	cfg.Begin = func() (*fakeTxn, *chain, error) {
		if begins++; begins == 3 { // after the holder's and the group's
			runtime.Goexit()
		}
		return db.begin()
	}
	d := open(t, cfg)
	a, b := &call{fn: db.add(1)}, &call{fn: db.add(2)}
	runGroup(t, d, a, b)
	<-d.stopped
	for i, c := range []*call{a, b} {
		if !errors.Is(c.err, ErrDoubt) {
			t.Errorf("member %d: %v", i, c.err)
		}
	}
	if len(db.rows) != 0 {
		t.Errorf("stored %v", db.rows)
	}
}
