package cel

import (
	"net/netip"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/claviger-go/claviger/policy"
)

// condition is a compiled one. It does not change.
type condition struct {
	program cel.Program
	names   []string         // of the attributes, sorted
	missing []*types.Unknown // what the attribute at the same place is while it is missing
}

func newCondition(program cel.Program, names []string) *condition {
	c := &condition{program: program, names: names}
	for i, name := range names {
		c.missing = append(c.missing, types.NewUnknown(int64(i), types.NewAttributeTrail(name)))
	}
	return c
}

// Attributes are the names of the attributes that it may read, sorted.
func (c *condition) Attributes() []string { return slices.Clone(c.names) }

// Eval answers for one request. missing is the first in the order of names of the attributes that are needed and missing.
func (c *condition) Eval(env *policy.Env) (truth policy.Truth, missing string) {
	out, _, err := c.program.Eval(&values{condition: c, env: env, read: make([]ref.Val, len(c.names))})
	if err != nil {
		return policy.Unknown, ""
	}
	switch out := out.(type) {
	case types.Bool:
		if out {
			return policy.True, ""
		}
		return policy.False, ""
	case *types.Unknown:
		if first := out.IDs()[0]; first >= 0 && first < int64(len(c.names)) {
			return policy.Unknown, c.names[first]
		}
	}
	return policy.Unknown, ""
}

// values are the attributes of one request, read when an expression asks for them and once.
type values struct {
	condition *condition
	env       *policy.Env
	read      []ref.Val
}

// Parent is part of [cel.Activation].
func (v *values) Parent() cel.Activation { return nil }

// ResolveName gives the value of an attribute, or that it is unknown.
func (v *values) ResolveName(name string) (any, bool) {
	i := slices.Index(v.condition.names, name)
	if i < 0 {
		return nil, false
	}
	if v.read[i] == nil {
		v.read[i] = v.condition.missing[i]
		if native, ok := v.env.Lookup(name); ok {
			if value := valueOf(native); value != nil {
				v.read[i] = value
			}
		}
	}
	return v.read[i], true
}

// The range of CEL's timestamps.
var (
	minTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// valueOf turns the value of an attribute into one of CEL. It is nil for one that is out of bounds.
func valueOf(native any) ref.Val {
	switch v := native.(type) {
	case bool:
		return types.Bool(v)
	case int64:
		return types.Int(v)
	case float64:
		return types.Double(v)
	case string:
		if len(v) <= MaxString {
			return types.String(v)
		}
	case []string:
		if len(v) <= MaxStrings && !slices.ContainsFunc(v, func(s string) bool { return len(s) > MaxElement }) {
			return texts{types.NewStringList(types.DefaultTypeAdapter, v), v}
		}
	case map[string]string:
		if len(v) <= MaxStrings && !longLabel(v) {
			return types.NewStringStringMap(types.DefaultTypeAdapter, v)
		}
	case time.Time:
		if !v.Before(minTime) && v.Before(maxTime) {
			return types.Timestamp{Time: v.UTC()} // string() would show the zone that it came with
		}
	case time.Duration:
		return types.Duration{Duration: v}
	case netip.Addr:
		return addr{v}
	}
	return nil
}

func longLabel(m map[string]string) bool {
	for k, v := range m {
		if len(k) > MaxElement || len(v) > MaxElement {
			return true
		}
	}
	return false
}

// texts is a list of strings that is searched without making a value of CEL out of every element.
type texts struct {
	traits.Lister
	native []string
}

// Contains is what in asks.
func (l texts) Contains(v ref.Val) ref.Val {
	if s, ok := v.(types.String); ok {
		return types.Bool(slices.Contains(l.native, string(s)))
	}
	return l.Lister.Contains(v)
}
