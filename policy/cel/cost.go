package cel

import (
	"math"

	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/claviger-go/claviger/policy"
)

// DefaultMaxCost is the greatest cost of a condition of a [Language] that does not say otherwise: a few milliseconds.
const DefaultMaxCost = 100_000

// The limits of values. An attribute whose value is longer counts as missing.
const (
	MaxString  = 4096 // bytes of a string
	MaxStrings = 256  // strings in a list, and keys in a map
	MaxElement = 512  // bytes of a string in a list, of a key and of what a map has under it
)

// maxNumeral is more than the characters of what string() makes out of a number, a time or an address.
const maxNumeral = 64

// instructionCost is what it takes to try one instruction of a regular expression on one character.
const instructionCost = 0.125

// cost tells CEL what it cannot know: how long the values of attributes are, and what regular expressions cost. It does not
// change once the condition is compiled.
type cost struct {
	schema   *policy.Schema
	patterns map[string]uint64 // instructions, by text
}

// EstimateSize bounds the values of attributes. For all else it knows nothing, which then costs too much.
func (c *cost) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	upTo := func(n uint64) *checker.SizeEstimate { return &checker.SizeEstimate{Max: n} }
	if node.Type().Kind() == types.OpaqueKind {
		return &checker.SizeEstimate{Min: 1, Max: 1}
	}
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	switch declared := c.schema.Type(path[0]); {
	case len(path) == 1 && declared == policy.TypeString:
		return upTo(MaxString)
	case len(path) == 1 && (declared == policy.TypeStrings || declared == policy.TypeMap):
		return upTo(MaxStrings)
	case len(path) == 2 && (declared == policy.TypeStrings || declared == policy.TypeMap):
		return upTo(MaxElement)
	}
	return nil
}

// EstimateCallCost knows regular expressions and the sizes of texts that string() makes.
func (c *cost) EstimateCallCost(_, overload string, target *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
	switch overload {
	case overloads.MatchesString:
		subject := checker.SizeEstimate{Max: math.MaxUint64}
		if size := (*target).ComputedSize(); size != nil {
			subject = *size
		}
		n := c.patterns[string(args[0].Expr().AsLiteral().(types.String))]
		return &checker.CallEstimate{CostEstimate: subject.Add(checker.FixedSizeEstimate(1)).MultiplyByCostFactor(float64(n) * instructionCost)}
	case overloads.BoolToString, overloads.IntToString, overloads.DoubleToString, overloads.TimestampToString,
		overloads.DurationToString, ipToString, cidrToString:
		return &checker.CallEstimate{CostEstimate: checker.FixedCostEstimate(1), ResultSize: &checker.SizeEstimate{Max: maxNumeral}}
	}
	return nil
}

// CallCost is what a call has cost.
func (c *cost) CallCost(_, overload string, args []ref.Val, _ ref.Val) *uint64 {
	if overload != overloads.MatchesString {
		return nil
	}
	subject, ok := args[0].(types.String)
	pattern, constant := args[1].(types.String)
	if !ok || !constant {
		return nil
	}
	n := uint64(math.Ceil(float64(subject.Size().(types.Int)+1) * float64(c.patterns[string(pattern)]) * instructionCost))
	return &n
}
