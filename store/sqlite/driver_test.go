package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
)

// otherDriver is a driver that is not modernc's. It cannot do anything.
type otherDriver struct{}

func (otherDriver) Connect(context.Context) (driver.Conn, error) {
	return nil, errors.New("not reached")
}
func (d otherDriver) Driver() driver.Driver          { return d }
func (otherDriver) Open(string) (driver.Conn, error) { return nil, errors.New("not reached") }
