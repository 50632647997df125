package soak

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"runtime"
	"sync"
)

// errInjected is the failure that the tests cause on purpose.
var errInjected = errors.New("injected")

// injected is the value of a panic that the tests cause on purpose.
type injected struct{}

func (injected) Error() string { return "injected panic" }

// faults is a source of randomness that misbehaves once it is armed. Every verb
// that makes an id reads it in the middle of its work inside the door, some of
// them after rows are written.
type faults struct {
	mu      sync.Mutex
	rng     *mathrand.Rand
	armed   bool
	calls   map[int]context.CancelFunc // those that are under way or queued
	last    int
	cancels int
}

func newFaults(rng *mathrand.Rand) *faults {
	return &faults{rng: rng, calls: map[int]context.CancelFunc{}}
}

// Read fills b, or fails, panics, ends the goroutine, or cancels somebody.
func (f *faults) Read(b []byte) (int, error) {
	switch dice := f.roll(); {
	case dice < 30:
		return 0, errInjected
	case dice < 55:
		panic(injected{})
	case dice < 80:
		runtime.Goexit()
	}
	return rand.Read(b)
}

func (f *faults) roll() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed {
		return 1000
	}
	dice := f.rng.IntN(1000)
	if dice >= 850 {
		for _, cancel := range f.calls { // the order is random: it may be our own
			cancel()
			f.cancels++
			break
		}
	}
	return dice
}

func (f *faults) arm(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = on
}

// expose returns a context that another call may cancel before release.
func (f *faults) expose(ctx context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	number := f.last
	f.calls[number] = cancel
	return ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.calls, number)
		cancel()
	}
}

// outcome is how a call ended.
type outcome struct {
	err      error
	panicked bool
	ended    bool // by runtime.Goexit
}

func (o outcome) acknowledged() bool { return o.err == nil && !o.panicked && !o.ended }

// attempt makes a call on a goroutine of its own and survives whatever it
// does, but for a panic that nobody injected.
func attempt(call func() error) outcome {
	done := make(chan outcome, 1)
	go func() {
		out := outcome{ended: true}
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); !ok || !errors.Is(err, injected{}) {
					panic(v)
				}
				out = outcome{panicked: true}
			}
			done <- out
		}()
		out = outcome{err: call()}
	}()
	return <-done
}
