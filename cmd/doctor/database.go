package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver, which store/sqlite registers too

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/migrations"
	"github.com/claviger-go/claviger/store/sqlite"
)

// open opens the copy for reading. What its schema defines cannot call unsafe
// functions.
func open(path string) (*sql.DB, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=query_only(1)&_pragma=trusted_schema(0)"}
	return sql.Open("sqlite", u.String())
}

const (
	most    = 10 // findings of one kind that are listed: of thousands, the first tell enough
	written = "restore a backup: something else than this library wrote to the file"
)

// pages has SQLite look at its own structures, and reads the version of the
// schema.
func (f *findings) pages(ctx context.Context, path string) (sound bool, err error) {
	db, err := open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	damaged, err := texts(ctx, db, `PRAGMA integrity_check(10)`)
	if err != nil {
		damaged = [][]string{{err.Error()}} // what cannot be read is not sound
	}
	if err != nil || len(damaged) != 1 || damaged[0][0] != "ok" {
		for _, line := range damaged {
			f.problem("integrity", "the database is damaged: "+line[0], "restore a backup; keep this file until that works")
		}
		return false, nil
	}
	version, err := migrations.Version(ctx, db)
	if err != nil {
		return false, err
	}
	switch latest := migrations.Latest(); {
	case version == 0:
		f.problem("schema", "the database has no identity tables", "name the file that the host opens")
		return false, nil
	case version > latest:
		f.problem("schema", fmt.Sprintf("the schema has version %d, this release knows %d", version, latest), "use the tool of the release that made it, or a newer one")
		return false, nil
	case version < latest:
		f.note("schema", fmt.Sprintf("the schema has version %d, this release brings it to %d", version, latest), "back it up before the host is updated")
	}
	loose, err := texts(ctx, db, `SELECT "table", parent, CAST(count(*) AS TEXT) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2`)
	if err != nil {
		return false, err
	}
	for _, row := range loose {
		f.problem("foreign-key", fmt.Sprintf("%s refers to rows of %s that are not there (rows: %s)", row[0], row[1], row[2]), written)
	}
	return true, nil
}

// opens opens the copy as a host would, which brings its schema up to date.
func (f *findings) opens(ctx context.Context, path string) (sound bool, err error) {
	st, err := sqlite.Open(ctx, path)
	if err == nil {
		return true, st.Close()
	}
	if errors.Is(err, identity.ErrBusy) {
		return false, err
	}
	f.problem("open", "it does not open: "+short(err), "restore a backup")
	return false, nil
}

func short(err error) string { return strings.TrimPrefix(err.Error(), "claviger: ") }

// texts reads a whole result as text.
func texts(ctx context.Context, db *sql.DB, query string) (out [][]string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		cells, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, cells)
	}
	return out, rows.Err()
}
