package identity

import "sync/atomic"

// alarm says that something has to be read again. It is settled by a reading
// that began after it was raised, never by one that was under way.
type alarm struct{ raised, settled atomic.Uint64 }

func (a *alarm) raise() { a.raised.Add(1) }

func (a *alarm) on() bool { return a.raised.Load() != a.settled.Load() }

// seen is what to settle after a reading that begins now.
func (a *alarm) seen() uint64 { return a.raised.Load() }

func (a *alarm) settle(seen uint64) {
	for {
		old := a.settled.Load()
		if seen <= old || a.settled.CompareAndSwap(old, seen) {
			return
		}
	}
}
