//go:build unix

package sqlite

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// tryLock uses flock(2): unlike the record locks of POSIX it belongs to the
// open file, so two stores of one process exclude each other too.
func tryLock(f *os.File, shared bool) error {
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return errHeld
		default:
			return err
		}
	}
}

// syncDir makes the name of a new file durable.
func syncDir(file location) error {
	dir, err := os.Open(filepath.Dir(file.path))
	if err != nil {
		return failure(file, "open the directory", err)
	}
	defer func() { _ = dir.Close() }()
	// Some file systems do not sync directories; they have their own order.
	if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return failure(file, "sync the directory", err)
	}
	return nil
}
