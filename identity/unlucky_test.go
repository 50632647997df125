package identity_test

import (
	"errors"
	"io"
	mathrand "math/rand/v2"
	"runtime"
	"sync"
)

// errUnlucky is how a source of randomness fails, and what it panics with.
var errUnlucky = errors.New("unlucky")

// unlucky is a source of randomness that, once armed, now and then fails, panics or ends the goroutine that reads from it.
type unlucky struct {
	mu    sync.Mutex
	rnd   *mathrand.Rand
	bytes io.Reader
	armed bool
}

func (u *unlucky) Read(p []byte) (int, error) {
	u.mu.Lock()
	dice := 1000
	if u.armed {
		dice = u.rnd.IntN(1000)
	}
	u.mu.Unlock()
	switch {
	case dice < 20:
		return 0, errUnlucky
	case dice < 40:
		panic(errUnlucky)
	case dice < 60:
		runtime.Goexit()
	}
	return u.bytes.Read(p)
}

func (u *unlucky) arm(on bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.armed = on
}

// survive makes a call that may panic or end its goroutine. It returns what the call does, or errUnlucky.
func survive(call func() error) (err error) {
	var over sync.WaitGroup
	over.Add(1)
	go func() {
		defer over.Done()
		defer func() {
			if v := recover(); v != nil {
				if err, _ = v.(error); !errors.Is(err, errUnlucky) {
					panic(v)
				}
			}
		}()
		err = errUnlucky // unless the call returns
		err = call()
	}()
	over.Wait()
	return err
}
