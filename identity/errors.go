package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The kinds of failure, to be matched with [errors.Is]. A failed proof matches
// ErrUnauthenticated and, for the operator, what was wrong with it. What a
// stranger may be told is [PublicText].
var (
	// ErrInvalid means that the input is not acceptable in any state of the world.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound means that there is no such thing, or that it is in another org: the two are not told apart.
	ErrNotFound = errors.New("not found")
	// ErrConflict means that something with that name, slug or key exists.
	ErrConflict = errors.New("conflict")
	// ErrDenied means that the actor is known and lacks the permission.
	ErrDenied = errors.New("denied")
	// ErrUnauthenticated means that nobody proved who they are.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrExpired means that an account, credential or token is past its end.
	ErrExpired = errors.New("expired")
	// ErrRevoked means that a credential, token or session was ended before its time.
	ErrRevoked = errors.New("revoked")
	// ErrDisabled means that the org, account or credential is not active.
	ErrDisabled = errors.New("disabled")
	// ErrInUse means that something else depends on it.
	ErrInUse = errors.New("in use")
	// ErrImmutable means that it is locked, or part of its org: nobody changes it that way, the host neither. A binding
	// that is immutable System alone deletes or moves.
	ErrImmutable = errors.New("immutable")
	// ErrLimit means that a configured or built-in limit would be passed.
	ErrLimit = errors.New("limit reached")
	// ErrEscalation means that the call would give somebody a right that the actor does not hold.
	ErrEscalation = errors.New("escalation")
	// ErrStale means that the answer needs a newer state than this process has.
	ErrStale = errors.New("stale")
	// ErrBusy means that the call may be repeated: the database could not be written in
	// time, the caller gave up or a transaction outlasted Config.MaxWrite, a service
	// that keeps a key did not answer, or what the call stood on moved meanwhile.
	ErrBusy = errors.New("busy")
	// ErrKey means that the sealing key is missing or not the one the database was
	// sealed with, or that a key does not open, sign or fit. A service that cannot be
	// asked is ErrBusy.
	ErrKey = errors.New("sealing key")
	// ErrNested means that a write was started inside another write of the same Authority.
	ErrNested = errors.New("nested write")
	// ErrLocked means that another process owns the database, or another Authority uses the store.
	ErrLocked = errors.New("locked")
	// ErrStorage means that the database, the file beside it or a Witness failed, was
	// closed or exchanged, or holds what cannot be: a log that was altered, a key that
	// is another. Nothing was acknowledged, but a change may have been made: when
	// the outcome of a commit is unknown, or when what was taken away is in force and
	// only could not be recorded outside of the database.
	ErrStorage = errors.New("storage")
	// ErrNewerSchema means that the database was made by a newer release.
	ErrNewerSchema = errors.New("newer schema")
)

// kinds lists every kind once, for PublicText and for tests.
func kinds() []error {
	return []error{
		ErrInvalid, ErrNotFound, ErrConflict, ErrDenied, ErrUnauthenticated, ErrExpired, ErrRevoked, ErrDisabled, ErrInUse, ErrImmutable,
		ErrLimit, ErrEscalation, ErrStale, ErrBusy, ErrKey, ErrNested, ErrLocked, ErrStorage, ErrNewerSchema,
	}
}

// Error is what every call of this package returns when it fails. Its text is
// for the operator of the host; it never holds a secret, and never goes to a
// stranger (see [PublicText]).
type Error struct {
	Kind   error  // one of the kinds above
	Op     string // the method that failed, e.g. "CreateGroup"
	Entity string // the noun concerned, e.g. "group"
	ID     string // its id or name as given, shortened
	Field  string // the field that is wrong, e.g. "Name"
	Err    error  // the cause, if there is one
}

// Error describes the failure for the operator.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("claviger: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.Entity != "" {
		b.WriteString(e.Entity)
		if e.ID != "" {
			fmt.Fprintf(&b, " %q", e.ID)
		}
		b.WriteString(": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	if e.Kind != nil {
		b.WriteString(e.Kind.Error())
	} else {
		b.WriteString("failed")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Is reports whether target is the kind of this error.
func (e *Error) Is(target error) bool { return e.Kind != nil && target == e.Kind }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// PublicText is the constant text of an error's kind, the only part of it that
// may leave the process. What is not of a known kind is "internal error".
func PublicText(err error) string {
	if errors.Is(err, ErrUnauthenticated) { // why a proof was refused is not for the one who showed it
		return ErrUnauthenticated.Error()
	}
	const internal = "internal error"
	for _, kind := range []error{ErrStorage, ErrKey, ErrNested, ErrLocked, ErrNewerSchema} {
		if errors.Is(err, kind) {
			return internal
		}
	}
	for _, kind := range kinds() {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return internal
}

// invalid is the error of one bad field.
func invalid(entity, field, format string, args ...any) error {
	return &Error{Kind: ErrInvalid, Entity: entity, Field: field, Err: fmt.Errorf(format, args...)}
}

func notFound(entity, id string) error {
	return &Error{Kind: ErrNotFound, Entity: entity, ID: clip(id)}
}

func conflict(entity, id, field, why string) error {
	return &Error{Kind: ErrConflict, Entity: entity, ID: clip(id), Field: field, Err: errors.New(why)}
}

func inUse(entity, id string, n int, what string) error {
	return &Error{Kind: ErrInUse, Entity: entity, ID: clip(id), Err: fmt.Errorf("%d %s", n, what)}
}

// causeOf keeps of an error of ours only its text, where another kind is what
// the caller is to see. What the storage says stays what it is.
func causeOf(err error) error {
	var e *Error
	if errors.As(err, &e) && !errors.Is(err, ErrStorage) && !errors.Is(err, ErrBusy) {
		return errText(strings.TrimPrefix(err.Error(), "claviger: "))
	}
	return err
}

// wrap names the operation on an error that has none yet, and gives an error
// of unknown kind the kind ErrStorage: what is not ours came from below.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: ErrBusy, Op: op, Err: err} // it was the caller who gave up
	case !errors.As(err, &e):
		return &Error{Kind: ErrStorage, Op: op, Err: err}
	case e.Op != "":
		return err
	}
	if _, bare := any(err).(*Error); !bare { // what stands around it says more, such as that the outcome is unknown
		return &Error{Kind: e.Kind, Op: op, Entity: e.Entity, ID: e.ID, Field: e.Field, Err: err}
	}
	named := *e
	named.Op = op
	return &named
}
