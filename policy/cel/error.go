package cel

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
)

// Error says where and why a source is not a condition.
type Error struct {
	Line, Column int // from 1; columns are characters
	Message      string
}

// Error returns the place and the message in one line, as in 1:4: undeclared reference to 'x'.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

func errorAt(at common.Location, format string, args ...any) *Error {
	e := &Error{Line: 1, Column: 1, Message: fmt.Sprintf(format, args...)}
	if at != nil && at.Line() > 0 && at.Column() >= 0 {
		e.Line, e.Column = at.Line(), at.Column()+1
	}
	return e
}

// errorOf places an error at an expression.
func errorOf(tree *ast.AST, e ast.Expr, format string, args ...any) *Error {
	return errorAt(tree.SourceInfo().GetStartLocation(e.ID()), format, args...)
}

// firstIssue gives the first of what the parser or the type checker found.
func firstIssue(issues *cel.Issues) error {
	err := issues.Err() // which puts them in order
	if all := issues.Errors(); len(all) > 0 {
		// There is one container, without a name.
		return errorAt(all[0].Location, "%s", strings.TrimSuffix(all[0].Message, " (in container '')"))
	}
	if err != nil {
		return errorAt(nil, "%v", err)
	}
	return nil
}
