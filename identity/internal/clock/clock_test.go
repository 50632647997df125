package clock

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var start = time.Date(2030, 1, 2, 3, 4, 5, 678_901_000, time.UTC)

// fake is a clock that the test sets, in any direction.
type fake struct {
	at    atomic.Int64 // microseconds
	reads atomic.Int64
}

func newFake() *fake {
	f := &fake{}
	f.at.Store(start.UnixMicro())
	return f
}

func (f *fake) now() time.Time {
	f.reads.Add(1)
	return time.UnixMicro(f.at.Load())
}

func (f *fake) add(d time.Duration) { f.at.Add(d.Microseconds()) }

// ticker drives the cached clock: tick returns when the reading it caused is over.
type ticker struct {
	c        chan time.Time
	released atomic.Int64
}

func newTicked(cfg Config) (*Clock, *ticker) {
	k := &ticker{c: make(chan time.Time)}
	return newCached(cfg, k.c, func() { k.released.Add(1) }), k
}

// tick sends two ticks: the second is received only after the first has been dealt with.
func (k *ticker) tick() {
	k.c <- time.Time{}
	k.c <- time.Time{}
}

func TestHostClockIsReadDirectly(t *testing.T) {
	f := newFake()
	c := New(Config{Now: f.now})
	defer c.Close()
	for range 3 {
		f.add(time.Microsecond)
		if got, want := c.Now(), f.at.Load(); got != want {
			t.Errorf("Now is %d, want %d", got, want)
		}
		f.add(time.Nanosecond * 1000)
		if got, want := c.Exact(), f.at.Load(); got != want {
			t.Errorf("Exact is %d, want %d", got, want)
		}
	}
	if c.stop != nil {
		t.Error("a host's clock started a ticker")
	}
}

func TestCachedClockMovesWithTheTicks(t *testing.T) {
	f := newFake()
	c, k := newTicked(Config{Now: f.now})
	defer c.Close()
	first := f.at.Load()
	f.add(7 * time.Millisecond)
	reads := f.reads.Load()
	for range 100 {
		if got := c.Now(); got != first {
			t.Fatalf("before the tick Now is %d, want %d", got, first)
		}
	}
	if f.reads.Load() != reads {
		t.Error("Now read the clock")
	}
	k.tick()
	if got, want := c.Now(), f.at.Load(); got != want {
		t.Errorf("after the tick Now is %d, want %d", got, want)
	}
	f.add(time.Millisecond)
	if got, want := c.Exact(), f.at.Load(); got != want {
		t.Errorf("Exact is %d, want %d", got, want)
	}
	if got, want := c.Now(), f.at.Load(); got != want {
		t.Errorf("after Exact Now is %d, want %d", got, want)
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	for _, cached := range []bool{false, true} {
		f := newFake()
		cfg := Config{Now: f.now}
		c, tick := New(cfg), func() {}
		if cached {
			var k *ticker
			c, k = newTicked(cfg)
			tick = k.tick
		}
		f.add(time.Minute)
		tick()
		high := c.Now()
		if high != start.Add(time.Minute).UnixMicro() {
			t.Errorf("cached=%v: %d", cached, high)
		}
		for _, back := range []time.Duration{time.Microsecond, time.Minute, 365 * 24 * time.Hour} {
			f.add(-back)
			tick()
			if c.Now() != high || c.Exact() != high {
				t.Errorf("cached=%v: %v back and the time is %d, below %d", cached, back, c.Now(), high)
			}
			f.add(back)
		}
		f.add(time.Microsecond)
		tick()
		if got := c.Now(); got != high+1 {
			t.Errorf("cached=%v: it does not go on: %d after %d", cached, got, high)
		}
		c.Close()
	}
}

func TestJumpsAreReported(t *testing.T) {
	type step struct{ from, to time.Time }
	for _, cached := range []bool{false, true} {
		f := newFake()
		var jumps []step
		var c *Clock
		cfg := Config{Now: f.now, Jump: func(from, to time.Time) { jumps = append(jumps, step{from, to}) }}
		read := func() { c.Now() }
		if cached {
			var k *ticker
			c, k = newTicked(cfg)
			read = k.tick
		} else {
			c = New(cfg)
		}
		expect := func(what string, want ...step) {
			t.Helper()
			read()
			if !slices.EqualFunc(jumps, want, func(a, b step) bool { return a == b }) {
				t.Errorf("cached=%v, %s: reported %v, want %v", cached, what, jumps, want)
			}
			jumps = nil
		}
		expect("no step")
		f.add(time.Hour)
		expect("an hour exactly")
		at := start.Add(time.Hour)
		f.add(time.Hour + time.Microsecond)
		expect("more than an hour", step{at, at.Add(time.Hour + time.Microsecond)})
		expect("once only")
		at = at.Add(time.Hour + time.Microsecond)

		f.add(-time.Hour)
		expect("an hour back exactly")
		f.add(-time.Microsecond)
		expect("more than an hour back", step{at, at.Add(-time.Hour - time.Microsecond)})
		f.add(-time.Hour)
		expect("further back, still not caught up")
		f.add(2*time.Hour + 2*time.Microsecond) // one microsecond ahead of the highest
		expect("caught up")
		at = at.Add(time.Microsecond)
		f.add(-2 * time.Hour)
		expect("back again", step{at, at.Add(-2 * time.Hour)})
		c.Close()
	}
}

// A reader that falls asleep between reading the clock and looking at the highest does not take another's step forward for a step back.
func TestLateReaderReportsNoStepBack(t *testing.T) {
	f := newFake()
	var c *Clock
	var steps []time.Duration
	asleep := false
	c = New(Config{
		Now: func() time.Time {
			now := f.now()
			if asleep {
				asleep = false
				f.add(2 * time.Hour)
				c.Exact()
			}
			return now
		},
		Jump: func(from, to time.Time) { steps = append(steps, to.Sub(from)) },
	})
	asleep = true
	if got, want := c.Exact(), f.at.Load(); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	if want := []time.Duration{2 * time.Hour}; !slices.Equal(steps, want) {
		t.Errorf("reported %v, want %v", steps, want)
	}
}

func TestJumpIsOptional(t *testing.T) {
	f := newFake()
	c := New(Config{Now: f.now})
	f.add(48 * time.Hour)
	c.Now()
	f.add(-48 * time.Hour)
	if got := c.Now(); got != start.Add(48*time.Hour).UnixMicro() {
		t.Errorf("got %d", got)
	}
}

// Whoever reads at the same time as others still never sees the time go back, and a jump is reported by one of them only.
func TestConcurrentReaders(t *testing.T) {
	f := newFake()
	var jumps atomic.Int64
	c := New(Config{Now: f.now, Jump: func(time.Time, time.Time) { jumps.Add(1) }})
	const rounds = 50_000
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			last := int64(0)
			for j := range rounds {
				f.at.Add(int64(2 - 3*(i&1))) // some push, some pull
				if j == rounds/2 && i == 0 {
					f.add(3 * time.Hour)
				}
				got := c.Now()
				if got < last {
					t.Errorf("%d after %d", got, last)
					return
				}
				last = got
			}
		})
	}
	readers.Wait()
	if n := jumps.Load(); n != 1 {
		t.Errorf("%d jumps reported", n)
	}
}

// Readings that overtake each other between reading the clock and noting the highest: what one has answered, none takes back.
func TestOvertakingReaders(t *testing.T) {
	var next atomic.Int64
	c := New(Config{Now: func() time.Time { return time.UnixMicro(next.Add(1)) }})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200_000 {
				got := c.Exact()
				if high := c.high.Load(); high < got {
					t.Errorf("%d after the answer %d", high, got)
					return
				}
			}
		})
	}
	readers.Wait()
	if got := c.high.Load(); got != next.Load() {
		t.Errorf("the highest is %d, want %d", got, next.Load())
	}
}

func TestClose(t *testing.T) {
	f := newFake()
	c, k := newTicked(Config{Now: f.now})
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	select {
	case k.c <- time.Time{}:
		t.Error("the goroutine still listens")
	default:
	}
	if k.released.Load() != 1 {
		t.Errorf("the ticker was released %d times", k.released.Load())
	}
	f.add(time.Minute)
	if got, want := c.Now(), f.at.Load(); got != want {
		t.Errorf("a closed clock stands still at %d, want %d", got, want)
	}
	if New(Config{Now: f.now}).Close() != nil {
		t.Error("closing a direct clock failed")
	}
}

// The clock of the operating system, with its real ticker.
func TestRealClock(t *testing.T) {
	before := time.Now().UnixMicro()
	c := New(Config{})
	first := c.Now()
	if after := time.Now().UnixMicro(); first < before || first > after {
		t.Errorf("it starts at %d, outside %d to %d", first, before, after)
	}
	for c.Now() == first { // until the test's own deadline
		runtime.Gosched()
	}
	if got := c.Exact(); got < c.Now()-1 && got <= first {
		t.Errorf("Exact is %d after %d", got, first)
	}
	c.Close()
	select {
	case <-c.stopped:
	default:
		t.Error("Close returned before the goroutine had ended")
	}
}

func TestNowDoesNotAllocate(t *testing.T) {
	f := newFake()
	cached, _ := newTicked(Config{Now: f.now})
	defer cached.Close()
	for name, c := range map[string]*Clock{"cached": cached, "direct": New(Config{Now: f.now})} {
		if n := testing.AllocsPerRun(100, func() { c.Now() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkNow(b *testing.B) {
	c := New(Config{})
	defer c.Close()
	for b.Loop() {
		c.Now()
	}
}

func BenchmarkTimeNow(b *testing.B) {
	for b.Loop() {
		time.Now()
	}
}
