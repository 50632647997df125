package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/claviger-go/claviger/identity"
)

// errEnded is the cause when a transaction is used after its end: its
// statements would otherwise run in somebody else's.
var errEnded = errors.New("the transaction has ended")

// errLost is the cause when a transaction is used after a failure that was not
// undone with RollbackTo.
var errLost = errors.New("the transaction may be lost")

// errClosed is the cause when a closed store is asked to write.
var errClosed = errors.New("the store is closed")

// unfit is a value that has no form in the database. Storing something near
// it would change its meaning: the first microsecond of 1970 would become
// "never".
type unfit struct{ why string }

func (u unfit) Error() string { return u.why }

// fail gives an error of the engine its kind and the noun concerned.
func (d Dialect) fail(entity, id string, err error) error {
	if err == nil {
		return nil
	}
	var known *identity.Error
	if errors.As(err, &known) {
		return err
	}
	e := &identity.Error{Kind: identity.ErrStorage, Entity: entity, ID: clip(id), Err: err}
	var u unfit
	switch {
	case errors.Is(err, sql.ErrNoRows):
		e.Kind, e.Err = identity.ErrNotFound, nil
	case errors.As(err, &u):
		e.Kind = identity.ErrInvalid
	default:
		switch d.Classify(err) {
		case ClassConflict:
			e.Kind = identity.ErrConflict
		case ClassBusy:
			e.Kind = identity.ErrBusy
		}
	}
	return e
}

func storageError(entity string, err error) error {
	return &identity.Error{Kind: identity.ErrStorage, Entity: entity, Err: err}
}

func notFound(entity, id string) error {
	return &identity.Error{Kind: identity.ErrNotFound, Entity: entity, ID: clip(id)}
}

func invalid(entity, field, format string, args ...any) error {
	return &identity.Error{Kind: identity.ErrInvalid, Entity: entity, Field: field, Err: fmt.Errorf(format, args...)}
}

// clip shortens foreign text before it is quoted in an error.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
