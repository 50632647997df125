package cel

import (
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"

	"github.com/claviger-go/claviger/policy"
)

// The limits of regular expressions. A short text can stand for a big automaton, as (a{1000}) does.
const (
	maxPattern  = 256  // bytes of one
	maxPatterns = 2000 // instructions of all in a condition
)

// check refuses what CEL's type checker lets pass and a condition must not say. It fills the cost's patterns.
func check(tree *ast.AST, schema *policy.Schema, cost *cost) error {
	if t := tree.GetType(tree.Expr().ID()); !t.IsExactType(cel.BoolType) {
		return errorOf(tree, tree.Expr(), "a condition is of type bool, not %s", t)
	}
	c := &rules{tree: tree, schema: schema, cost: cost}
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if c.err == nil {
			c.err = c.visit(e)
		}
	}))
	if c.err != nil {
		return c.err
	}
	return nil
}

// rules visits every expression of a source; err is the first that breaks one.
type rules struct {
	tree         *ast.AST
	schema       *policy.Schema
	cost         *cost
	instructions uint64
	err          *Error
}

func (c *rules) visit(e ast.Expr) *Error {
	switch e.Kind() {
	case ast.MapKind, ast.StructKind:
		return errorOf(c.tree, e, "conditions have no literals of maps and messages")
	case ast.ComprehensionKind:
		if r := e.AsComprehension().IterRange(); c.isMap(r) {
			return errorOf(c.tree, r, "a map is read by its keys only")
		}
		if v := e.AsComprehension().IterVar(); hides(c.schema, v) {
			return errorOf(c.tree, e, "variable %s hides an attribute", v)
		}
	case ast.CallKind:
		if err := c.call(e); err != nil {
			return err
		}
	}
	if t := c.tree.GetType(e.ID()); t == nil || !usable(t) {
		return errorOf(c.tree, e, "conditions have no values of type %s", t)
	}
	return nil
}

// usable reports whether a type is that of an attribute, or a list of such values.
func usable(t *types.Type) bool {
	if t.IsExactType(mapType) {
		return true // which only some calls take
	}
	if t.Kind() == types.ListKind {
		t = t.Parameters()[0]
	}
	return slices.ContainsFunc([]*types.Type{
		types.BoolType, types.IntType, types.DoubleType, types.StringType, types.TimestampType, types.DurationType, addrType, cidrType,
	}, t.IsExactType)
}

// hides reports whether a variable of a macro looks like an attribute, or the beginning of one.
func hides(schema *policy.Schema, variable string) bool {
	for spec := range schema.All() {
		if spec.Name == variable || strings.HasPrefix(spec.Name, variable+".") {
			return true
		}
	}
	return false
}

// mapType is that of an attribute of [policy.TypeMap]: nothing else is one.
var mapType = cel.MapType(cel.StringType, cel.StringType)

func (c *rules) isMap(e ast.Expr) bool {
	t := c.tree.GetType(e.ID())
	return t != nil && t.Kind() == types.MapKind
}

func (c *rules) call(e ast.Expr) *Error {
	ids := c.tree.GetOverloadIDs(e.ID())
	if len(ids) != 1 {
		return errorOf(c.tree, e, "which %s is meant depends on the value", e.AsCall().FunctionName())
	}
	id, args := ids[0], e.AsCall().Args()
	if i := slices.IndexFunc(args, c.isMap); i >= 0 && id != overloads.IndexMap && id != overloads.InMap {
		return errorOf(c.tree, args[i], "a map is read by its keys only")
	}
	if len(args) == 0 {
		return nil
	}
	arg := args[len(args)-1]
	var text types.String
	isConstant := arg.Kind() == ast.LiteralKind
	if isConstant {
		text, isConstant = arg.AsLiteral().(types.String)
	}
	switch {
	case isConstant && id == overloads.MatchesString:
		return c.pattern(arg, string(text))
	case isConstant:
		if err := constant(id, string(text)); err != nil {
			return errorOf(c.tree, arg, "%v", err)
		}
	case id == overloads.MatchesString:
		return errorOf(c.tree, arg, "a regular expression must be a constant")
	case slices.Contains(inZone, id):
		return errorOf(c.tree, arg, "a time zone must be a constant")
	}
	return nil
}

func (c *rules) pattern(e ast.Expr, pattern string) *Error {
	if len(pattern) > maxPattern {
		return errorOf(c.tree, e, "a regular expression of more than %d bytes", maxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return errorOf(c.tree, e, "%v", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return errorOf(c.tree, e, "%v", err)
	}
	n := uint64(len(program.Inst))
	c.cost.patterns[pattern] = n
	if c.instructions += n; c.instructions > maxPatterns {
		return errorOf(c.tree, e, "regular expressions of more than %d instructions", maxPatterns)
	}
	return nil
}

// attributes gives the names of the attributes that an expression reads, sorted.
func attributes(tree *ast.AST, schema *policy.Schema) []string {
	var names []string
	for _, r := range tree.ReferenceMap() {
		if name := strings.TrimPrefix(r.Name, "."); schema.Type(name) != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
