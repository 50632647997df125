package identity

import (
	"context"
	"runtime"
	"unicode/utf8"

	"github.com/claviger-go/claviger/policy"
)

// compileAhead compiles the conditions of bindings that a call is to make, so
// that nobody waits for it at the door, and returns what lets go of them. Whoever may
// not make the call gets nothing compiled; inside Write the caller's own
// transaction waits. It refuses nothing: that is for the call to do.
func (o *OrgAdmin) compileAhead(ctx context.Context, op string, path policy.Path, specs ...BindingSpec) func() {
	var held []policy.Compiled
	for _, spec := range specs {
		if spec.Condition == "" {
			continue
		}
		if checkSource(spec.Condition) != nil || len(held) == 0 && !o.mayAhead(ctx, op, path) {
			break
		}
		of := o.a.model.Conditions.Compile(spec.Condition)
		held = append(held, of)
		if of.Err() != nil {
			break // the call goes no further either
		}
	}
	return func() { runtime.KeepAlive(held) }
}

// mayAhead reports whether a call that is about to go through the door will
// pass its first check there, as far as can be told.
func (o *OrgAdmin) mayAhead(ctx context.Context, op string, path policy.Path) bool {
	permission := o.a.required[op]
	if o.tx != nil || permission == "" || ctx.Value(nestedKey{o.a}) != nil || o.checkActor() != nil {
		return false
	}
	return o.a.attached() == nil && o.permitPublished(ctx, op, o.org, permission, path) == nil
}

// checkSource refuses what no language can read.
func checkSource(source string) error {
	switch {
	case len(source) > policy.MaxCondition:
		return invalid(nounBinding, "Condition", "%d bytes, at most %d", len(source), policy.MaxCondition)
	case !utf8.ValidString(source):
		return invalid(nounBinding, "Condition", "is not UTF-8")
	}
	return nil
}

// checkCondition refuses a source that the language cannot read.
func (c *change) checkCondition(source string) error {
	if source == "" {
		return nil
	}
	if err := c.a.model.Conditions.Check(source); err != nil {
		return &Error{Kind: ErrInvalid, Entity: nounBinding, Field: "Condition", Err: err}
	}
	return nil
}
