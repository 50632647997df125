package identitytest

import (
	"fmt"
	"sync"
	"time"
)

// Clock is a clock that moves only when the test says so. It starts at noon UTC
// on 1 June 2030. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *Clock {
	return &Clock{now: time.Date(2030, time.June, 1, 12, 0, 0, 0, time.UTC)}
}

// Now is the time of this clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward. It panics when d is negative: an Authority
// ignores a clock that goes back.
func (c *Clock) Advance(d time.Duration) {
	if d < 0 {
		panic(fmt.Sprintf("identitytest: the clock cannot go back by %s", -d))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
