package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/migrations"
)

// migrate brings the schema to what this release works with, or says why not.
func migrate(ctx context.Context, db *sql.DB, how Migrate) error {
	var err error
	if how == Auto {
		err = migrations.Up(ctx, db)
	} else {
		err = check(ctx, db)
	}
	if errors.Is(err, migrations.ErrNewer) {
		return &identity.Error{Kind: identity.ErrNewerSchema, Op: "Open", Entity: "database", Err: err}
	}
	return err
}

func check(ctx context.Context, db *sql.DB) error {
	version, err := migrations.Version(ctx, db)
	if err != nil {
		return err
	}
	switch latest := migrations.Latest(); {
	case version > latest:
		return fmt.Errorf("%w: it has version %d, this release knows %d", migrations.ErrNewer, version, latest)
	case version < latest:
		return fmt.Errorf("the schema has version %d, this release needs %d, and Options.Migrate is Check", version, latest)
	}
	return nil
}

// minVersion is the first SQLite without the WAL-reset bug, in which a
// checkpoint and a commit at the same moment could corrupt the file.
const minVersion = "3.51.3"

func checkVersion(ctx context.Context, db *sql.DB) error {
	var version string
	if err := db.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version); err != nil {
		return err
	}
	if older(version, minVersion) {
		return fmt.Errorf("SQLite %s is linked in, %s is the oldest that will do", version, minVersion)
	}
	return nil
}

// older compares dotted numbers. What is no number counts as 0.
func older(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		if m, n := number(x, i), number(y, i); m != n {
			return m < n
		}
	}
	return false
}

func number(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, err := strconv.Atoi(parts[i])
	if err != nil {
		return 0
	}
	return n
}
