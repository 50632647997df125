package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	modernc "modernc.org/sqlite"
)

// openPool opens nothing yet; each of its connections is checked when it is
// made.
func openPool(file location, p pragmas, size int) (*sql.DB, error) {
	inner, err := modernc.NewConnector(p.dsn(file.path))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{inner, p})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// connector refuses a connection that does not have the settings of its pool.
// A pragma that SQLite does not know, or will not change, fails silently.
type connector struct {
	driver.Connector
	pragmas pragmas
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.verify(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (c connector) verify(ctx context.Context, conn driver.Conn) error {
	for _, p := range c.pragmas.list {
		got, err := ask(ctx, conn, "PRAGMA "+p.name)
		if err != nil {
			return fmt.Errorf("read back %s: %w", p.name, err)
		}
		if text := fmt.Sprint(got); text != p.reads {
			return fmt.Errorf("%s is %q, it should be %q", p.name, text, p.reads)
		}
	}
	// Defensive mode has no pragma to read; it is what keeps this one from
	// taking effect.
	if _, err := ask(ctx, conn, "PRAGMA writable_schema = ON"); err != nil {
		return fmt.Errorf("probe defensive mode: %w", err)
	}
	if got, err := ask(ctx, conn, "PRAGMA writable_schema"); err != nil || fmt.Sprint(got) != "0" {
		return fmt.Errorf("the connection is not in defensive mode: writable_schema is %v: %w", got, err)
	}
	if _, err := ask(ctx, conn, `SELECT "no such column"`); err == nil {
		return errors.New("text in double quotes is taken for a string")
	}
	file, ok := conn.(interface{ IsReadOnly(string) (bool, error) })
	if !ok {
		return errors.New("the driver does not tell whether a connection can write")
	}
	readOnly, err := file.IsReadOnly("main")
	if err != nil {
		return fmt.Errorf("ask whether the connection can write: %w", err)
	}
	if readOnly && c.pragmas.writes {
		return errors.New("the file can only be read")
	}
	if !readOnly && !c.pragmas.writes {
		return errors.New("the connection can write, and should not")
	}
	return nil
}

// ask runs a statement and returns the first value of its first row, or nil.
func ask(ctx context.Context, conn driver.Conn, text string) (_ driver.Value, err error) {
	queryer, ok := conn.(driver.QueryerContext)
	if !ok {
		return nil, errors.New("the driver cannot query a connection")
	}
	rows, err := queryer.QueryContext(ctx, text, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, len(rows.Columns()))
	switch err := rows.Next(values); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	case len(values) == 0:
		return nil, nil
	}
	return values[0], nil
}
