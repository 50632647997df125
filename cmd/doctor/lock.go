package doctor

import (
	"errors"
	"io/fs"
	"os"

	"github.com/claviger-go/claviger/identity"
)

// errHeld is what tryLock returns when another open file has the lock.
var errHeld = errors.New("the lock is held")

// lock keeps other processes from opening the database meanwhile: it is the one
// that store/sqlite takes on "<file>.lock". Where that file is absent no process
// has the database open, and none is made.
type lock struct{ file *os.File }

func take(path string) (lock, error) {
	file, err := os.OpenFile(path+".lock", os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return lock{}, nil
	}
	if err != nil {
		return lock{}, err
	}
	if err := tryLock(file); err != nil {
		err = errors.Join(err, file.Close())
		if errors.Is(err, errHeld) {
			err = &identity.Error{Kind: identity.ErrLocked, Entity: "database", ID: path,
				Err: errors.New("a running server has it: stop it, with every process that opened it with sqlite.Options{Shared: true}, or examine a backup")}
		}
		return lock{}, err
	}
	return lock{file}, nil
}

func (l lock) release() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
