package commit

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A method of the transaction that ends its goroutine, which is the door's or a leader's, closes the door. Nobody may hang, and nothing is kept.
func TestGoexitInATurn(t *testing.T) {
	for _, at := range []struct {
		step   string
		kept   bool // b is in the group by then
		refuse bool // a is refused
	}{
		{step: "savepoint"},
		{step: "release", kept: true},
		{step: "rollback to", refuse: true},
	} {
		for _, led := range []bool{true, false} {
			db := newFakeDB()
			n := 1
			if !led && at.step == "savepoint" {
				n = 2 // the first is the holder's
			}
			db.inject = func(step string) fault {
				if step == at.step {
					if n--; n == 0 {
						runtime.Goexit()
					}
				}
				return none
			}
			d := open(t, db.config())
			first, queued := make(chan struct{}), make(chan struct{})
			a := &call{fn: func(x *fakeTxn, l *chain) (*chain, error) {
				if led {
					close(first)
					<-queued
				}
				if _, err := db.add(1)(x, l); err != nil || at.refuse {
					return l, errFault
				}
				return l.with(1), nil
			}}
			b := &call{fn: db.add(2)}
			switch {
			case !led:
				runGroup(t, d, a, b)
			case at.step == "savepoint":
				runCall(d, a)
				runCall(d, b)
			default:
				a.start(d)
				<-first
				b.start(d)
				awaitQueue(d, 1)
				close(queued)
				a.end.Wait()
				b.end.Wait()
			}
			<-d.stopped
			for i, c := range []*call{a, b} {
				// The leader's goroutine is its own until somebody has joined.
				if ended := led && i == 0 && !at.kept; ended != c.exit {
					t.Errorf("%s, led %v: member %d was ended: %v", at.step, led, i, c.exit)
				} else if !ended && (!errors.Is(c.err, ErrClosed) || errors.Is(c.err, ErrDoubt) != (i == 0 || at.kept)) {
					t.Errorf("%s, led %v: member %d: %v", at.step, led, i, c.err)
				}
			}
			if len(db.rows) != 0 || db.open != nil {
				t.Errorf("%s, led %v: stored %v, open %v", at.step, led, db.rows, db.open)
			}
		}
	}
}

// Who fails after having written costs those before a second run, in the same transaction, and no more than one.
func TestFailureAfterWriting(t *testing.T) {
	db := newFakeDB()
	undone := 0
	db.inject = func(step string) fault {
		if step == "rollback to" {
			undone++
		}
		return none
	}
	d := open(t, db.config())
	own := errors.New("own")
	runs := make([]int, 9)
	member := func(i int, fn func(*fakeTxn, *chain) (*chain, error)) *call {
		return &call{fn: func(x *fakeTxn, l *chain) (*chain, error) {
			runs[i]++
			return fn(x, l)
		}}
	}
	wrote := func(id int, then func()) func(*fakeTxn, *chain) (*chain, error) {
		return func(x *fakeTxn, l *chain) (*chain, error) {
			if _, err := db.add(id)(x, l); err != nil {
				return nil, err
			}
			then()
			return l, own
		}
	}
	calls := []*call{
		member(0, db.add(1)),
		member(1, func(_ *fakeTxn, l *chain) (*chain, error) { // is refused for what the first one wrote, both times
			if l.ids()[0] != 1 {
				t.Errorf("the second one finds %v", l.ids())
			}
			return l, own
		}),
		member(2, func(x *fakeTxn, l *chain) (*chain, error) { // is refused when it runs again
			if runs[2] == 2 {
				return l, own
			}
			return db.add(2)(x, l)
		}),
		member(3, func(*fakeTxn, *chain) (*chain, error) { panic(own) }), // is gone by then
		member(4, db.add(3)),
		member(5, wrote(8, func() {})),
		member(6, db.add(4)),
		member(7, wrote(9, func() { panic(own) })),
		member(8, db.add(5)),
	}
	runGroup(t, d, calls...)
	d.Close()
	db.laws(t)
	wantRows(t, db, 1, 3, 4, 5)
	if db.commits != 1 || undone != 4 { // all of it once, then the second and the third member, and the eighth
		t.Errorf("%d commits, %d times undone", db.commits, undone)
	}
	if want := []int{2, 2, 2, 1, 2, 1, 1, 1, 1}; !slices.Equal(runs, want) {
		t.Errorf("runs %v, want %v", runs, want)
	}
	for i, c := range calls {
		want, thrown := error(nil), any(nil)
		switch i {
		case 1, 2, 5:
			want = own
		case 3, 7:
			thrown = own
		}
		if c.err != want || c.panic != thrown {
			t.Errorf("member %d: %v, %v", i, c.err, c.panic)
		}
	}
}

// Who fails without having written costs nobody anything.
func TestFailureBeforeWriting(t *testing.T) {
	db := newFakeDB()
	var steps []string
	db.inject = func(step string) fault { steps = append(steps, step); return none }
	d := open(t, db.config())
	refuse := func(_ *fakeTxn, l *chain) (*chain, error) { return l.with(9), errFault }
	runGroup(t, d, &call{fn: refuse}, &call{fn: db.add(1)}, &call{fn: refuse}, &call{fn: db.add(2)},
		&call{fn: func(*fakeTxn, *chain) (*chain, error) { panic("x") }}, &call{fn: db.add(3)})
	d.Close()
	db.laws(t)
	wantRows(t, db, 1, 2, 3)
	want := []string{"begin", "savepoint", "rollback", // the holder's
		"begin", "savepoint", "insert", "insert", "insert", "release", "commit", "publish"}
	if !slices.Equal(steps, want) {
		t.Errorf("steps %v", steps)
	}
}

// A closure that ends the goroutine it runs on ends its caller's and no other: the door goes on with the group, and with the next.
func TestGoexitOfClosures(t *testing.T) {
	db := newFakeDB()
	d := open(t, db.config())
	exit := func(x *fakeTxn, l *chain) (*chain, error) {
		_ = x.insert(9)
		runtime.Goexit()
		return l, nil
	}
	var calls []*call
	for i := range 8 {
		calls = append(calls, &call{fn: db.add(i + 1)})
		if i%2 == 0 {
			calls = append(calls, &call{fn: exit}, &call{fn: exit})
		}
	}
	calls = append(calls, &call{fn: func(x *fakeTxn, l *chain) (*chain, error) {
		defer panic("on the way out") // which does not stop Goexit, once it is recovered
		return exit(x, l)
	}})
	runGroup(t, d, calls[:8]...)
	runGroup(t, d, calls[8:]...)
	d.Close()
	db.laws(t)
	wantRows(t, db, 1, 2, 3, 4, 5, 6, 7, 8)
	if want := []int{4, 4}; !slices.Equal(db.groups, want) {
		t.Errorf("groups of %v, want %v", db.groups, want)
	}
	for i, c := range calls {
		if c.err != nil || c.panic != nil {
			t.Errorf("call %d: %v, %v", i, c.err, c.panic)
		}
	}
	if n := len(slices.DeleteFunc(calls, func(c *call) bool { return !c.exit })); n != 9 {
		t.Errorf("%d callers were ended, want 9", n)
	}
}

// A panic says where it was, also in the caller of a closure that ran elsewhere.
func TestPanicKeepsItsStack(t *testing.T) {
	for _, led := range []bool{true, false} {
		for _, alone := range []bool{true, false} {
			db := newFakeDB()
			d := open(t, db.config())
			c := &call{alone: alone, fn: thisPanics}
			if led {
				runCall(d, c)
			} else {
				runGroup(t, d, c, &call{fn: db.add(1)})
			}
			elsewhere, ok := c.raw.(*PanicError)
			switch {
			case led || alone:
				if c.raw != errFault {
					t.Errorf("led %v, alone %v: %v", led, alone, c.raw)
				}
			case !ok || !errors.Is(elsewhere, errFault):
				t.Errorf("led %v, alone %v: %v", led, alone, c.raw)
			case !strings.Contains(elsewhere.Error(), errFault.Error()) || !strings.Contains(elsewhere.Error(), "thisPanics"):
				t.Errorf("it does not say where it was: %v", elsewhere)
			}
			d.Close()
			db.laws(t)
		}
	}
}

func thisPanics(x *fakeTxn, l *chain) (*chain, error) { panic(errFault) }

// Callers who come back as soon as they are answered share the next COMMIT as well, also where they can only be woken one after the other.
func TestCallersComeBackTogether(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const callers, rounds = 8, 50
	db := newFakeDB()
	d := open(t, db.config())
	release := hold(t, d)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := range rounds {
				if err := d.Do(t.Context(), db.add(i*rounds+n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	awaitQueue(d, callers)
	release()
	all.Wait()
	d.Close()
	db.laws(t)
	if db.commits > 3*rounds { // some are interrupted in the wrong place
		t.Errorf("%d commits for %d writes of %d callers: groups of %v", db.commits, callers*rounds, callers, db.groups)
	}
}
