package sqlite

import (
	"context"
	"database/sql"

	modernc "modernc.org/sqlite"
)

// Beside opens the store in the database file of a host's own pool, in
// connections of its own. The pool must use modernc.org/sqlite: the record
// locks of two builds of SQLite in one process undo each other. It fails as
// [Open] does, and with identity.ErrInvalid for a pool of another driver or of a
// database that is not in a file.
func Beside(ctx context.Context, hostDB *sql.DB, opts ...Options) (*Store, error) {
	if hostDB == nil {
		return nil, invalid("", "DB", "absent")
	}
	if _, ok := hostDB.Driver().(*modernc.Driver); !ok {
		return nil, invalid("", "DB", "the pool's driver is %T, not that of modernc.org/sqlite", hostDB.Driver())
	}
	var path string
	const main = `SELECT file FROM pragma_database_list WHERE name = 'main'`
	if err := hostDB.QueryRowContext(ctx, main).Scan(&path); err != nil {
		return nil, failure(location{}, "ask the pool for its file", err)
	}
	if path == "" {
		return nil, invalid("", "DB", "the pool's database is not in a file")
	}
	return Open(ctx, path, opts...)
}
