package cel

import (
	"math"
	"sync/atomic"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/interpreter"

	"github.com/claviger-go/claviger/policy"
)

// Language compiles conditions. The zero value is ready for use. It is safe for concurrent use and must not be copied.
type Language struct {
	// MaxCost is the greatest cost of a condition, 0 for [DefaultMaxCost]. A unit is about what it takes to read an attribute,
	// to compare two numbers or to look at ten characters.
	MaxCost uint64

	vocabulary atomic.Pointer[vocabulary] // of the schema used last; a process has one
}

var _ policy.Language = (*Language)(nil)

// vocabulary is what conditions over one schema can say.
type vocabulary struct {
	schema *policy.Schema
	env    *cel.Env
}

// Compile checks a source and compiles it. Every error is an [*Error], of a source that is longer than [policy.MaxCondition]
// bytes, is not UTF-8, is too big, does not parse, names what does not exist, is not of type bool, has a malformed constant, or could cost
// more than MaxCost. The schema may be nil.
func (l *Language) Compile(source string, schema *policy.Schema) (policy.Condition, error) {
	c, err := l.compile(source, schema, slack(l.maxCost()))
	if err != nil {
		return nil, err // not a nil *condition in an interface
	}
	return c, nil
}

// compile takes the cost that ends an evaluation apart from the one that refuses a source.
func (l *Language) compile(source string, schema *policy.Schema, limit uint64) (*condition, error) {
	switch {
	case len(source) > policy.MaxCondition:
		return nil, errorAt(nil, "longer than %d bytes", policy.MaxCondition)
	case !utf8.ValidString(source):
		return nil, errorAt(nil, "not UTF-8")
	case tokens(source) > maxTokens:
		return nil, errorAt(nil, "more than %d words and signs", maxTokens)
	}
	env, err := l.env(schema)
	if err != nil {
		return nil, errorAt(nil, "%v", err)
	}
	parsed, issues := env.Parse(source)
	if err := firstIssue(issues); err != nil {
		return nil, err
	}
	if n := nodes(parsed.NativeRep()); n > maxNodes {
		return nil, errorAt(nil, "%d operations and values, at most %d", n, maxNodes)
	}
	typed, issues := env.Check(parsed)
	if err := firstIssue(issues); err != nil {
		return nil, err
	}
	tree := typed.NativeRep()
	cost := &cost{schema: schema, patterns: map[string]uint64{}}
	if err := check(tree, schema, cost); err != nil {
		return nil, err
	}
	worst, err := env.EstimateCost(typed, cost)
	if err != nil {
		return nil, errorAt(nil, "%v", err)
	}
	if max := l.maxCost(); worst.Max > max {
		return nil, errorOf(tree, tree.Expr(), "could cost %d, more than %d", worst.Max, max)
	}
	program, err := env.Program(typed, cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(interpreter.InterpretableDecoratorV2(fold)),
		cel.CostTracking(cost), cel.CostLimit(limit))
	if err != nil {
		return nil, errorOf(tree, tree.Expr(), "%v", err)
	}
	return newCondition(program, attributes(tree, schema)), nil
}

// slack gives the cost that ends an evaluation, where the estimate has bounded it already: what reads an element of a list is
// estimated at less than it is counted.
func slack(estimate uint64) uint64 { return estimate + min(estimate, math.MaxUint64-estimate) }

func (l *Language) maxCost() uint64 {
	if l.MaxCost == 0 {
		return DefaultMaxCost
	}
	return l.MaxCost
}

func (l *Language) env(schema *policy.Schema) (*cel.Env, error) {
	if v := l.vocabulary.Load(); v != nil && v.schema == schema {
		return v.env, nil
	}
	options := []cel.EnvOption{
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserErrorRecoveryLimit(1), // the first error is the one that is told
		cel.Macros(cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro),
		cel.FunctionDecls(standardFunctions()...),
	}
	options = append(options, addressFunctions()...)
	for spec := range schema.All() {
		options = append(options, cel.Variable(spec.Name, typeOf(spec.Type)))
	}
	env, err := cel.NewCustomEnv(options...)
	if err != nil {
		return nil, err
	}
	l.vocabulary.Store(&vocabulary{schema, env})
	return env, nil
}

// typeOf gives the CEL type of an attribute.
func typeOf(t policy.AttributeType) *cel.Type {
	switch t {
	case policy.TypeBool:
		return cel.BoolType
	case policy.TypeInt:
		return cel.IntType
	case policy.TypeFloat:
		return cel.DoubleType
	case policy.TypeString:
		return cel.StringType
	case policy.TypeStrings:
		return cel.ListType(cel.StringType)
	case policy.TypeMap:
		return mapType
	case policy.TypeTime:
		return cel.TimestampType
	case policy.TypeDuration:
		return cel.DurationType
	case policy.TypeAddr:
		return addrType
	}
	return cel.NullType // which no expression may have
}
