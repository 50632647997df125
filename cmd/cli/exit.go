package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claviger-go/claviger/identity"
)

// The exit codes of the commands. They are in the help of the root command, and
// do not change their meaning.
const (
	ExitDone     = 0 // done; explain: allowed; doctor: nothing is wrong
	ExitFailed   = 1 // the file, the sealing key, the disk, or a failure nobody foresaw
	ExitUsage    = 2 // flags, arguments or values that are not understood
	ExitNo       = 3 // the answer is no; explain: denied; doctor, audit verify, check-export: something is wrong; unlock: something is left
	ExitNotFound = 4 // there is no such thing
	ExitRefused  = 5 // not as things are: a conflict, a limit, in use, not active, not without the host
	ExitBusy     = 6 // another process has the file, or writes to it; it may be repeated
)

// ExitCode is the exit code that an error of a command stands for.
func ExitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &usage):
		return ExitUsage
	case errors.Is(err, errNo):
		return ExitNo
	case errors.Is(err, identity.ErrLocked), errors.Is(err, identity.ErrBusy), errors.Is(err, identity.ErrStale):
		return ExitBusy
	case errors.Is(err, identity.ErrStorage), errors.Is(err, identity.ErrKey):
		return ExitFailed
	case errors.Is(err, identity.ErrNotFound):
		return ExitNotFound
	}
	for _, kind := range []error{
		identity.ErrConflict, identity.ErrInUse, identity.ErrImmutable, identity.ErrLimit, identity.ErrDenied, identity.ErrDisabled, identity.ErrExpired,
		identity.ErrRevoked, identity.ErrEscalation, errAlone,
	} {
		if errors.Is(err, kind) {
			return ExitRefused
		}
	}
	return ExitFailed
}

// errNo is the answer no, which has been printed already.
var errNo = errors.New("no")

// usageError is what was typed wrong, and what to type.
type usageError struct {
	wrong string
	typed string // the right form
	cause error
}

func (e *usageError) Error() string { return e.wrong + "; type: " + e.typed }
func (e *usageError) Unwrap() error { return e.cause }

func wrongUse(cmd *cobra.Command, wrong string) error {
	return &usageError{wrong: wrong, typed: cmd.UseLine()}
}

func flagError(cmd *cobra.Command, err error) error { return wrongUse(cmd, err.Error()) }

// asUsage turns the refusal of a value into a matter of what to type. The
// database's own complaints are none.
func asUsage(cmd *cobra.Command, err error) error {
	if !errors.Is(err, identity.ErrInvalid) || errors.Is(err, identity.ErrStorage) {
		return err
	}
	return &usageError{wrong: trimmed(err), typed: cmd.UseLine(), cause: err}
}

// oneLine is what to print of an error: nothing where the answer says it all.
func oneLine(err error) string {
	if err == nil || errors.Is(err, errNo) {
		return ""
	}
	return strings.ReplaceAll(trimmed(err), "\n", "; ")
}

func trimmed(err error) string { return strings.TrimPrefix(err.Error(), "claviger: ") }
