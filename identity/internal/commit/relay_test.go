package commit

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// A method of the transaction that ends its goroutine, which is that of whoever has the baton, closes the door. Nobody may hang, and nothing is kept.
func TestGoexitInATurn(t *testing.T) {
	for _, at := range []struct {
		step   string
		nth    int
		ended  []int // whose goroutine it ends; the door's own if it is nobody's
		kept   bool  // b is in the group by then
		refuse bool  // a is refused
	}{
		{step: "savepoint", nth: 2}, // the first is the holder's
		{step: "savepoint", nth: 3, ended: []int{0}, kept: true},
		{step: "release", nth: 1, ended: []int{0}},
		{step: "release", nth: 2, ended: []int{1}, kept: true},
		{step: "rollback to", nth: 1, ended: []int{0}, refuse: true},
	} {
		db := newFakeDB()
		n := at.nth
		db.inject = func(step string) fault {
			if step == at.step {
				if n--; n == 0 {
					runtime.Goexit()
				}
			}
			return none
		}
		d := open(t, db.config())
		a, b := &call{fn: db.add(1)}, &call{fn: db.add(2)}
		if at.refuse {
			a.fn = func(_ *fakeTxn, l *chain) (*chain, error) { return l, errFault }
		}
		runGroup(t, d, a, b)
		<-d.stopped
		for i, c := range []*call{a, b} {
			if ended := slices.Contains(at.ended, i); ended != c.exit {
				t.Errorf("%s %d: member %d was ended: %v", at.step, at.nth, i, c.exit)
			} else if !ended && (!errors.Is(c.err, ErrClosed) || errors.Is(c.err, ErrDoubt) != (i == 0 || at.kept)) {
				t.Errorf("%s %d: member %d: %v", at.step, at.nth, i, c.err)
			}
		}
		if len(db.rows) != 0 {
			t.Errorf("%s %d: stored %v", at.step, at.nth, db.rows)
		}
	}
}

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
