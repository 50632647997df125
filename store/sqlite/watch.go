package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
)

// watch looks for commits of other connections, and for another file in the
// place of ours.
type watch struct {
	file location
	info os.FileInfo // of the file that was opened
	db   *sql.DB     // one connection, used for nothing else

	mu      sync.Mutex
	conn    *sql.Conn // its data_version cannot be compared with another connection's
	version int64
}

func (w *watch) changed(ctx context.Context) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, failure(w.file, "look for changes", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now, err := os.Stat(w.file.given)
	if err != nil {
		return false, failure(w.file, "look at the file", err)
	}
	if !os.SameFile(w.info, now) {
		return false, failure(w.file, "look at the file", errors.New("another file is in its place"))
	}
	// An interrupted connection would be lost, and with it what to compare to.
	ctx = context.WithoutCancel(ctx)
	fresh := w.conn == nil
	if fresh {
		if w.conn, err = w.db.Conn(ctx); err != nil {
			w.conn = nil
			return false, failure(w.file, "open for watching", err)
		}
	}
	var version int64
	if err := w.conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&version); err != nil {
		_ = w.conn.Close() // the next call starts afresh
		w.conn = nil
		return false, failure(w.file, "look for changes", err)
	}
	changed := fresh || version != w.version
	w.version = version
	return changed, nil
}

func (w *watch) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	if w.conn != nil {
		err = w.conn.Close()
		w.conn = nil
	}
	return errors.Join(err, w.db.Close())
}
