package commit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRandomRounds throws callers that succeed, fail, panic, exit and lose patience at a door whose transactions fail at random, and checks what
// each caller was told against what is stored. CLAVIGER_COMMIT_ROUNDS sets the number of rounds (the long form is 10000), CLAVIGER_SEED repeats a run
// up to scheduling.
func TestRandomRounds(t *testing.T) {
	rounds, seed := 2000, uint64(time.Now().UnixNano())
	if s := os.Getenv("CLAVIGER_COMMIT_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	if s := os.Getenv("CLAVIGER_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("seed %d", seed)
	var total tally
	for i := range rounds {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		r := newRound(t, rnd)
		r.play(rnd)
		r.judge()
		total.add(&r.tally)
		if t.Failed() {
			t.Fatalf("seed %d, round %d", seed, i)
		}
	}
	t.Logf("%d rounds: %s", rounds, &total)
	// A round that never reaches a case proves nothing about it.
	if rounds >= 2000 {
		for i, n := range total {
			if n == 0 {
				t.Errorf("no call ended as %q", endings[i])
			}
		}
	}
}

// How a call ended, as its caller saw it.
const (
	acknowledged = iota
	refusedOwn
	refusedInDoubt // its own error, in a group whose COMMIT failed
	machinery      // an error that promises that nothing was stored
	inDoubt
	impatient
	lateComer
	panicked
	exited
	ranAgain // counted beside the others
	kinds
)

var endings = [kinds]string{"acknowledged", "own error", "own error in doubt", "machinery error", "doubt", "context", "closed", "panic", "Goexit", "ran again"}

type tally [kinds]int

func (a *tally) add(b *tally) {
	for i, n := range b {
		a[i] += n
	}
}

func (a *tally) String() string {
	s := ""
	for i, n := range a {
		s += fmt.Sprintf("%s %d, ", endings[i], n)
	}
	return s[:len(s)-2]
}

// round is one door with a handful of callers.
type round struct {
	t  *testing.T
	db *fakeDB
	d  *Door[*fakeTxn, *chain]

	mu     sync.Mutex
	stored map[int]bool // must it be in the database? absent from the map: either way
	tally  tally
}

func newRound(t *testing.T, rnd *rand.Rand) *round {
	r := &round{t: t, db: newFakeDB(), stored: map[int]bool{}}
	// Only who serves the door or has the baton asks, so a generator of the round's own is used by one goroutine at a time.
	faults := rand.New(rand.NewPCG(rnd.Uint64(), 1))
	rate := []float64{0, 0.01, 0.05, 0.2}[rnd.IntN(4)]
	r.db.inject = func(step string) fault {
		switch {
		case faults.Float64() >= rate:
			return none
		case step == "insert":
			return soft + fault(faults.IntN(2)) // a panic there is the closure's own
		}
		return 1 + fault(faults.IntN(int(operation)-1))
	}
	cfg := r.db.config()
	cfg.MaxGroup = 1 + rnd.IntN(8)
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.d = d // play closes it
	return r
}

func (r *round) play(rnd *rand.Rand) {
	callers, calls := 1+rnd.IntN(6), 1+rnd.IntN(5)
	var all sync.WaitGroup
	for c := range callers {
		own := rand.New(rand.NewPCG(rnd.Uint64(), 2))
		all.Go(func() {
			for i := range calls {
				r.call(own, 1+c*calls+i)
			}
		})
	}
	if rnd.IntN(4) == 0 {
		pause(rnd.IntN(200))
		r.d.Close()
	}
	all.Wait()
	r.d.Close()
}

func pause(n int) {
	for range n {
		runtime.Gosched()
	}
}

var errOwn = errors.New("own error")

// call makes one call in a goroutine of its own, so that Goexit has somewhere to go, and notes what must be true of its row.
func (r *round) call(rnd *rand.Rand, id int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	act := rnd.IntN(16)
	if act == 0 { // while queued, or in mid-group, or too late
		n := rnd.IntN(60)
		go func() { pause(n); cancel() }()
	}
	var runs atomic.Int32
	rest := rnd.IntN(4)
	fn := func(x *fakeTxn, l *chain) (*chain, error) {
		runs.Add(1)
		r.db.enter(x, l)
		defer r.db.leave()
		switch act { // before it has written
		case 6:
			return l.with(id), errOwn
		case 7:
			panic(id)
		case 8:
			runtime.Goexit()
		case 9: // a reading that costs the transaction
			x.lose()
			return nil, errHard
		}
		if err := x.insert(id); err != nil {
			if act == 1 && x.gone {
				return l, nil // swallows the loss of the transaction
			}
			return nil, err
		}
		l = l.with(id)
		pause(rest)
		switch act {
		case 2:
			return l, errOwn
		case 3:
			panic(id)
		case 4:
			runtime.Goexit()
		case 5:
			cancel()
		}
		return l, nil
	}
	alone := rnd.IntN(6) == 0
	enter := r.d.Do
	if alone {
		enter = r.d.Alone
	}
	var err error
	how := exited
	var visible bool
	var wait sync.WaitGroup
	wait.Go(func() {
		defer func() {
			if v := thrown(recover()); v != nil {
				if v != id {
					r.db.violated("call %d panicked with %v", id, v)
				}
				how = panicked
			}
		}()
		err = enter(ctx, fn)
		how = acknowledged
		visible = slices.Contains(r.db.published.Load().ids(), id)
	})
	wait.Wait()
	r.note(id, how, err, visible, int(runs.Load()), alone)
}

func (r *round) note(id, how int, err error, visible bool, runs int, alone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case how != acknowledged || err == nil:
	case errors.Is(err, errOwn) && errors.Is(err, ErrDoubt):
		how = refusedInDoubt
	case errors.Is(err, ErrDoubt):
		how = inDoubt
	case err == errOwn:
		how = refusedOwn
	case err == ErrClosed:
		how = lateComer
	case err == context.Canceled:
		how = impatient
	default:
		how = machinery
	}
	r.tally[how]++
	if runs > 1 {
		r.tally[ranAgain]++
	}
	switch how {
	case acknowledged:
		r.stored[id] = true
		if !visible {
			r.db.violated("call %d returned before its write was published", id)
		}
	case inDoubt:
	default:
		r.stored[id] = false
	}
	if (how == impatient || how == lateComer) && runs != 0 {
		r.db.violated("call %d was told %v and ran %d times", id, err, runs)
	}
	if runs > 3 || (alone && runs > 1) { // in the group, once more in it, and by itself
		r.db.violated("call %d (alone=%v) ran %d times", id, alone, runs)
	}
}

func (r *round) judge() {
	count := map[int]int{}
	for _, id := range r.db.rows {
		count[id]++
	}
	for id, n := range count {
		if n > 1 {
			r.db.violated("row %d stored %d times", id, n)
		}
	}
	for id, must := range r.stored {
		if must != (count[id] == 1) {
			r.db.violated("row %d: told stored=%v, rows %d", id, must, count[id])
		}
	}
	if got := r.db.published.Load().ids(); !slices.Equal(got, r.db.rows) {
		r.db.violated("published %v, stored %v", got, r.db.rows)
	}
	if r.db.open != nil {
		r.db.violated("a transaction was left open")
	}
	r.db.laws(r.t)
}

// BenchmarkDo is what the door adds to a write: the transaction costs nothing here.
func BenchmarkDo(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			d, err := New(Config[idle, int]{
				Begin:   func() (idle, int, error) { return idle{}, 0, nil },
				Publish: func(int) {},
				Doubt:   func(error) {},
			})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			b.ReportAllocs()
			b.SetParallelism(callers)
			fn := func(_ idle, s int) (int, error) { return s + 1, nil }
			if callers == 1 {
				for b.Loop() {
					if err := d.Do(context.Background(), fn); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := d.Do(context.Background(), fn); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

type idle struct{}

func (idle) Savepoint() error  { return nil }
func (idle) RollbackTo() error { return nil }
func (idle) Release() error    { return nil }
func (idle) Commit() error     { return nil }
func (idle) Rollback() error   { return nil }

func (idle) Written() (int, error) { return 0, nil }
