package policy

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of error. Every error of this package is an [*Error] that wraps one of them: use [errors.Is].
var (
	// ErrSyntax: a name, pattern, path or other value is outside its grammar.
	ErrSyntax = errors.New("malformed")
	// ErrDuplicate: two definitions take the same name.
	ErrDuplicate = errors.New("duplicate")
	// ErrReserved: the name belongs to the system, such as the id of a system group.
	ErrReserved = errors.New("reserved")
	// ErrUnknownPermission: a role names a permission that the catalog does not have.
	ErrUnknownPermission = errors.New("unknown permission")
	// ErrUnknownRole: a role includes a role that does not exist.
	ErrUnknownRole = errors.New("unknown role")
	// ErrCycle: a group would contain itself, or a role would include itself, directly or through others.
	ErrCycle = errors.New("cycle")
	// ErrDepth: groups would be nested deeper than [MaxGroupDepth].
	ErrDepth = errors.New("nested too deeply")
	// ErrNotGroup: an account cannot have members.
	ErrNotGroup = errors.New("not a group")
	// ErrNoLanguage: there is a condition, and no [Language] that could read it.
	ErrNoLanguage = errors.New("no language for conditions")
	// ErrArguments: a filter has more scopes than the arguments of one SQL statement can name.
	ErrArguments = errors.New("too many arguments for one statement")
)

// Error says what was refused. Its text quotes the offending value and is meant for operators, not for strangers.
type Error struct {
	Kind  error  // one of the Err values of this package
	Noun  string // "permission", "path", "pattern", "attribute", "condition", "role", "group", "binding", "filter" or "columns"
	ID    string // name or id of the definition at fault, where it has one
	Field string // field of the definition at fault, where there is one
	Value string // offending value
	Err   error  // the cause, if there is one to tell
}

// Error describes the refusal in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("policy: " + e.Noun)
	if e.ID != "" {
		fmt.Fprintf(&b, " %q", e.ID)
	}
	if e.Field != "" {
		b.WriteString(" " + e.Field)
	}
	fmt.Fprintf(&b, ": %v", e.Kind)
	if e.Value != "" {
		v := e.Value
		if len(v) > 200 {
			v = v[:200] + "…"
		}
		fmt.Fprintf(&b, " %q", v)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the kind, and the cause if there is one.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
