package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// sidecar is the file "<file>.fence". It implements [identity.Sidecar].
type sidecar struct {
	file   location
	shared bool
	wait   time.Duration
	mu     sync.Mutex
}

// Sidecar is the file "<file>.fence" beside the database, mode 0600, which no
// backup has in it and which [Restore] leaves where it is.
func (s *Store) Sidecar() identity.Sidecar { return s.sidecar }

func (s *sidecar) path() string { return s.file.path + ".fence" }

// alone runs fn while nobody else is at the file. A process that owns the
// database has the file too.
func (s *sidecar) alone(doing string, fn func() error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared {
		lock, err := takeLock(context.Background(), s.file, ".migrate", false, s.wait)
		if err != nil {
			return err
		}
		defer func() { _ = lock.release() }() // it goes with the file in any case
	}
	if err := fn(); err != nil {
		return sidecarFailure(s.file, doing, err)
	}
	return nil
}

func sidecarFailure(file location, doing string, err error) error {
	var known *identity.Error
	if errors.As(err, &known) {
		return err
	}
	kind := identity.ErrStorage
	if errors.Is(err, fs.ErrNotExist) {
		kind = identity.ErrNotFound
	}
	return &identity.Error{Kind: kind, Entity: "fence", ID: clip(file.given), Err: fmt.Errorf("%s: %w", doing, err)}
}

// Read returns what the file holds; nothing when there is none.
func (s *sidecar) Read() (data []byte, err error) {
	err = s.alone("read the fence file", func() (err error) {
		data, err = s.read()
		return err
	})
	return data, err
}

func (s *sidecar) read() ([]byte, error) {
	data, err := os.ReadFile(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Append adds lines and returns when they are on the disk. It fails with
// identity.ErrNotFound when there is no file. What a failure has left of them is
// taken away by the next call.
func (s *sidecar) Append(lines []byte) error {
	return s.alone("append to the fence file", func() (err error) {
		f, err := os.OpenFile(s.path(), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		end, err := wholeLines(f)
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(lines, end); err != nil {
			return errors.Join(err, f.Truncate(end))
		}
		return f.Sync()
	})
}

// wholeLines is where the last whole line of a file ends. What a crash has left
// behind it is cut off.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	const step = 4096
	for end := size; end > 0; {
		at := max(0, end-step)
		part := make([]byte, end-at)
		if _, err := f.ReadAt(part, at); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			whole := at + int64(i) + 1
			if whole == size {
				return size, nil
			}
			return whole, f.Truncate(whole)
		}
		end = at
	}
	return 0, fs.ErrNotExist // not even its first line: as good as none
}

// Rewrite replaces the file by what edit makes of it, at once or not at all.
func (s *sidecar) Rewrite(edit func(old []byte) ([]byte, error)) error {
	return s.alone("rewrite the fence file", func() error {
		old, err := s.read()
		if err != nil {
			return err
		}
		data, err := edit(old)
		if err != nil || bytes.Equal(data, old) {
			return err
		}
		return replace(s.file, s.path(), data)
	})
}

// replace writes a file beside another one, which it then takes the place of.
func replace(file location, path string, data []byte) (err error) {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return syncDir(file)
}
