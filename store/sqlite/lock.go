package sqlite

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// errHeld is what tryLock returns when another open file has the lock.
var errHeld = errors.New("the lock is held")

// fileLock is a lock of the operating system on a small file beside the
// database. The system drops it when the process ends, however it ends. The
// file stays: removing it would let two processes lock two files of one name.
type fileLock struct{ f *os.File }

// takeLock waits for a lock, trying again every few milliseconds: the systems'
// own waiting cannot be interrupted.
func takeLock(ctx context.Context, file location, suffix string, shared bool, wait time.Duration) (*fileLock, error) {
	f, err := os.OpenFile(file.path+suffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, failure(file, "open the lock file", err)
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		err := tryLock(f, shared)
		if err == nil {
			return &fileLock{f}, nil
		}
		if !errors.Is(err, errHeld) {
			return nil, errors.Join(failure(file, "lock "+f.Name(), err), f.Close())
		}
		if wait == 0 {
			return nil, errors.Join(locked(file, f.Name()), f.Close())
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return nil, errors.Join(locked(file, f.Name()), f.Close())
		case <-ctx.Done():
			return nil, errors.Join(failure(file, "wait for "+f.Name(), ctx.Err()), f.Close())
		}
	}
}

func locked(file location, name string) error {
	return &identity.Error{Kind: identity.ErrLocked, Op: "Open", Entity: "database", ID: clip(file.given),
		Err: errors.New("another store has " + name)}
}

// release gives the lock back.
func (l *fileLock) release() error { return l.f.Close() }
