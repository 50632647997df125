package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/policy"
)

// question is what explain and who-can ask about.
type question struct {
	permission policy.Permission
	path       place
}

// ask reads the words of a question.
func (s *session) ask(permission, path string) (q question, err error) {
	if q.permission, err = policy.ParsePermission(permission); err != nil {
		return q, &usageError{wrong: fmt.Sprintf("%q is no name of a permission", permission), typed: "a name like wallets:read"}
	}
	if q.path.Path, err = pathArg(path); err != nil {
		return q, err
	}
	if !strings.HasPrefix(permission, "identity:") {
		return q, s.alone("there is no answer about " + permission)
	}
	return q, nil
}

// pathArg reads a path that is an argument.
func pathArg(text string) (policy.Path, error) {
	var p place
	if err := p.Set(text); err != nil {
		return policy.Path{}, &usageError{wrong: fmt.Sprintf("%q is no path", text), typed: strings.TrimPrefix(err.Error(), "it is ")}
	}
	return p.Path, nil
}

// openEnds is what an answer does not count, since only the host's code knows it.
type openEnds struct {
	Roles      []string // code roles that this process does not have
	Conditions []string // bindings whose condition it cannot read
}

func (o *openEnds) add(role string, exists bool, condition bool, binding string) {
	if !exists && strings.HasPrefix(role, "code:") && !slices.Contains(o.Roles, role) {
		o.Roles = append(o.Roles, role)
	}
	if condition && !slices.Contains(o.Conditions, binding) {
		o.Conditions = append(o.Conditions, binding)
	}
}

// say warns on the error stream, for people and for scripts alike.
func (o openEnds) say(s *session) error {
	for _, role := range o.Roles {
		if _, err := fmt.Fprintf(s.Err, "note: %s is a role of the host's code that is unknown here: what it allows is not counted, what it denies is\n", role); err != nil {
			return err
		}
	}
	for _, id := range o.Conditions {
		if _, err := fmt.Fprintf(s.Err, "note: the condition of %s is not known to hold: its allow is not counted, its deny is\n", id); err != nil {
			return err
		}
	}
	return nil
}
