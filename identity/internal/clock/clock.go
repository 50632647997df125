// Package clock gives the time of day cheaply and never lets it go back.
//
// Reading the operating system's clock can cost more than the authorization decision that needs it, so without a clock of the host a
// ticker keeps the time in memory. A clock of the host, such as a fake one in a test, is read directly and needs no goroutine.
//
// Time is the number of microseconds since the Unix epoch, UTC. The clock answers max(wall clock, highest answer so far): what has expired
// stays expired when the wall clock is set back. The highest is not stored; a new Clock starts from the wall clock.
package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// period is half of the 10 ms that a cached time may be old, which leaves the scheduler the other half.
	period = 5 * time.Millisecond

	// jump is the step that is worth a line in the log.
	jump = int64(time.Hour / time.Microsecond)
)

// Config says where the time comes from. The zero value is the operating system's clock, cached.
type Config struct {
	// Now is the host's clock. It is called on every reading, from any goroutine. Nil means the operating system's clock, read by a ticker.
	Now func() time.Time

	// Jump, if set, is told when the wall clock steps by more than an hour between two readings: forward, from the highest time seen to the new
	// reading; or back (to is before from), once until the wall clock has caught up, while Now stands still at from. It is called on the
	// goroutine that noticed, which may be in the middle of a decision: it must return at once and must not read this Clock.
	Jump func(from, to time.Time)
}

// Clock is a clock that never goes back. Make it with New. Its methods may be called from any goroutine.
type Clock struct {
	high   atomic.Int64 // highest time given out or cached
	direct atomic.Bool  // no ticker is running: read on every call
	behind atomic.Bool  // a step back has been reported and not made up for
	now    func() time.Time
	jump   func(from, to time.Time)

	stop    chan struct{} // nil when there never was a ticker
	once    sync.Once
	stopped chan struct{}
}

// New starts a clock. Close stops its ticker, if it has one.
func New(cfg Config) *Clock {
	if cfg.Now != nil {
		return newDirect(cfg)
	}
	cfg.Now = time.Now
	t := time.NewTicker(period)
	return newCached(cfg, t.C, t.Stop)
}

func newDirect(cfg Config) *Clock {
	c := &Clock{now: cfg.Now, jump: cfg.Jump}
	c.direct.Store(true)
	c.high.Store(cfg.Now().UnixMicro())
	return c
}

func newCached(cfg Config, ticks <-chan time.Time, release func()) *Clock {
	c := newDirect(cfg)
	c.stop, c.stopped = make(chan struct{}), make(chan struct{})
	c.direct.Store(false)
	go func() {
		defer close(c.stopped)
		defer release()
		for {
			select {
			case <-c.stop:
				return
			case <-ticks:
				c.Exact()
			}
		}
	}()
	return c
}

// Now returns the time in microseconds since the Unix epoch: with the cached clock at most 10 ms old as long as the process gets to run, with
// a host's clock, and after Close, read now. It does not allocate.
func (c *Clock) Now() int64 {
	if c.direct.Load() {
		return c.Exact()
	}
	return c.high.Load()
}

// Exact reads the clock now and returns microseconds since the Unix epoch. Later calls of Now return at least as much.
func (c *Clock) Exact() int64 {
	t := c.now().UnixMicro()
	for {
		high := c.high.Load()
		if t <= high {
			c.checkBack(high, t)
			return high
		}
		if c.high.CompareAndSwap(high, t) {
			c.behind.Store(false)
			if t-high > jump && c.jump != nil {
				c.jump(time.UnixMicro(high).UTC(), time.UnixMicro(t).UTC())
			}
			return t
		}
	}
}

// checkBack reports, once, that the clock was set back: it read t although it had read high before.
func (c *Clock) checkBack(high, t int64) {
	if high-t <= jump || c.jump == nil || c.behind.Load() {
		return
	}
	// Between the reading of t and that of high another reader may have noted a step forward. A reading after both tells.
	t = c.now().UnixMicro()
	if high-t > jump && c.behind.CompareAndSwap(false, true) {
		c.jump(time.UnixMicro(high).UTC(), time.UnixMicro(t).UTC())
	}
}

// Close stops the ticker and returns when it has ended. The clock can still be read, directly, so that time never stands still for a
// caller that outlives it. It always returns nil and may be called more than once.
func (c *Clock) Close() error {
	if c.stop == nil {
		return nil
	}
	c.direct.Store(true)
	c.once.Do(func() { close(c.stop) })
	<-c.stopped
	return nil
}
