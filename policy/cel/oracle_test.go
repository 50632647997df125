package cel

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// known is what the naive evaluator makes out of an expression: a value, or nothing, because attributes are missing or because
// something failed.
type known struct {
	v       any // bool, int64, string or []string; nil if there is none
	missing map[string]bool
	failed  bool
}

// nothing joins what several parts have instead of values; parts with values add nothing.
func nothing(parts ...known) known {
	out := known{missing: map[string]bool{}}
	for _, p := range parts {
		if p.v == nil {
			maps.Copy(out.missing, p.missing)
			out.failed = out.failed || p.failed
		}
	}
	return out
}

// scope is what names stand for: attributes and the variables of macros. A name that is absent is missing.
type scope map[string]any

func (s scope) with(name string, v any) scope {
	inner := maps.Clone(s)
	inner[name] = v
	return inner
}

// expr is a random expression: its source, and what it means, read off the language's definition without its help.
type expr struct {
	source string
	eval   func(scope) known
}

// strict makes an expression that has a value only if all of its parts do.
func strict(f func(args []any) any, format string, parts ...expr) expr {
	var sources []any
	for _, p := range parts {
		sources = append(sources, p.source)
	}
	return expr{fmt.Sprintf(format, sources...), func(s scope) known {
		var values []any
		var all []known
		for _, p := range parts {
			k := p.eval(s)
			all, values = append(all, k), append(values, k.v)
		}
		if slices.Contains(values, nil) {
			return nothing(all...)
		}
		v := f(values)
		return known{v: v, failed: v == nil}
	}}
}

// kleene is three-valued and (decides: false) or or (decides: true): one part that decides is enough.
func kleene(decides bool, parts ...known) known {
	open := false
	for _, p := range parts {
		if p.v == decides {
			return known{v: decides}
		}
		open = open || p.v == nil
	}
	if open {
		return nothing(parts...)
	}
	return known{v: !decides}
}

// generator makes random expressions over the attributes of worldNames.
type generator struct {
	rnd   *rand.Rand
	depth int // of macros
	vars  []string
}

var worldNames = map[string][]string{
	"bool":    {"b1", "sub.b2", "principal.b3"},
	"int":     {"i1", "sub.i2", "i3"},
	"string":  {"s1", "sub.s2", "s3"},
	"strings": {"l1", "sub.l2"},
}

var worldTexts = []string{"", "a", "ab", "b", "é", "7", "-12", "ab ab", "9223372036854775808"}

func literal(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
}

func constantOf(v any) expr { return expr{literal(v), func(scope) known { return known{v: v} }} }

func pick[T any](g *generator, from ...T) T { return from[g.rnd.IntN(len(from))] }

func (g *generator) name(names ...string) expr {
	name := pick(g, names...)
	return expr{name, func(s scope) known {
		if v, ok := s[name]; ok {
			return known{v: v}
		}
		return known{missing: map[string]bool{name: true}}
	}}
}

func (g *generator) bool(depth int) expr {
	if depth == 0 {
		if g.rnd.IntN(6) == 0 {
			return constantOf(g.rnd.IntN(2) == 0)
		}
		return g.name(worldNames["bool"]...)
	}
	d := depth - 1
	switch g.rnd.IntN(12) {
	case 0, 1:
		return g.logic(false, "&&", d)
	case 2, 3:
		return g.logic(true, "||", d)
	case 4:
		return strict(func(v []any) any { return !v[0].(bool) }, "!(%s)", g.bool(d))
	case 5:
		return g.choice(g.bool(d), g.bool(d), g.bool(d))
	case 6:
		of := pick(g, g.int, g.string, g.bool)
		not := g.rnd.IntN(2) == 0
		return strict(func(v []any) any { return (v[0] == v[1]) != not }, map[bool]string{false: "(%s) == (%s)", true: "(%s) != (%s)"}[not], of(d), of(d))
	case 7:
		return strict(func(v []any) any { return v[0].(int64) < v[1].(int64) }, "(%s) < (%s)", g.int(d), g.int(d))
	case 8:
		op := pick(g, "contains", "startsWith", "endsWith")
		f := map[string]func(s, part string) bool{"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix}[op]
		return strict(func(v []any) any { return f(v[0].(string), v[1].(string)) }, "(%s)."+op+"(%s)", g.string(d), g.string(d))
	case 9:
		pattern := pick(g, "a", "^a?b*$", "[^a-z]", "b{2,3}|é$")
		return strict(func(v []any) any { return regexp.MustCompile(pattern).MatchString(v[0].(string)) },
			"(%s).matches("+strconv.Quote(pattern)+")", g.string(d))
	case 10:
		return strict(func(v []any) any { return slices.Contains(v[1].([]string), v[0].(string)) }, "(%s) in (%s)", g.string(d), g.strings(d))
	}
	return g.macro(d)
}

func (g *generator) logic(decides bool, op string, d int) expr {
	a, b := g.bool(d), g.bool(d)
	return expr{"(" + a.source + ") " + op + " (" + b.source + ")", func(s scope) known { return kleene(decides, a.eval(s), b.eval(s)) }}
}

func (g *generator) choice(c, a, b expr) expr {
	return expr{"(" + c.source + ") ? (" + a.source + ") : (" + b.source + ")", func(s scope) known {
		switch k := c.eval(s); k.v {
		case true:
			return a.eval(s)
		case false:
			return b.eval(s)
		default:
			return k
		}
	}}
}

func (g *generator) macro(d int) expr {
	if g.depth == 2 {
		return g.bool(d)
	}
	list := g.strings(d)
	variable := "v" + strconv.Itoa(g.depth)
	g.depth, g.vars = g.depth+1, append(g.vars, variable)
	body := g.bool(d)
	g.depth, g.vars = g.depth-1, g.vars[:len(g.vars)-1]
	op := pick(g, "all", "exists", "exists_one")
	return expr{"(" + list.source + ")." + op + "(" + variable + ", " + body.source + ")", func(s scope) known {
		l := list.eval(s)
		if l.v == nil {
			return l
		}
		var each []known
		count := 0
		for _, v := range l.v.([]string) {
			k := body.eval(s.with(variable, v))
			each = append(each, k)
			if k.v == true {
				count++
			}
		}
		switch op {
		case "all":
			return kleene(false, each...)
		case "exists":
			return kleene(true, each...)
		}
		if slices.ContainsFunc(each, func(k known) bool { return k.v == nil }) {
			return nothing(each...)
		}
		return known{v: count == 1}
	}}
}

func (g *generator) int(depth int) expr {
	if depth == 0 {
		if g.rnd.IntN(4) == 0 {
			return constantOf(int64(g.rnd.IntN(4)))
		}
		return g.name(worldNames["int"]...)
	}
	d := depth - 1
	switch g.rnd.IntN(9) {
	case 0:
		return strict(func(v []any) any { return int64(utf8.RuneCountInString(v[0].(string))) }, "size(%s)", g.string(d))
	case 1:
		return strict(func(v []any) any { return int64(len(v[0].([]string))) }, "(%s).size()", g.strings(d))
	case 2:
		return g.choice(g.bool(d), g.int(d), g.int(d))
	case 3:
		return strict(func(v []any) any { return exact(new(big.Int).Neg(big.NewInt(v[0].(int64)))) }, "-(%s)", g.int(d))
	case 4:
		return strict(func(v []any) any {
			if n, err := strconv.ParseInt(v[0].(string), 10, 64); err == nil {
				return n
			}
			return nil
		}, `int((%s) + "")`, g.string(d)) // a constant alone would be read when it is compiled
	}
	op := pick(g, "+", "-", "*", "/", "%")
	return strict(func(v []any) any { return arithmetic(op, v[0].(int64), v[1].(int64)) }, "(%s) "+strings.Replace(op, "%", "%%", 1)+" (%s)", g.int(d), g.int(d))
}

// exact is a result if it fits, else nil, which is a failure.
func exact(n *big.Int) any {
	if !n.IsInt64() {
		return nil
	}
	return n.Int64()
}

func arithmetic(op string, a, b int64) any {
	x, y, z := big.NewInt(a), big.NewInt(b), new(big.Int)
	switch op {
	case "+":
		return exact(z.Add(x, y))
	case "-":
		return exact(z.Sub(x, y))
	case "*":
		return exact(z.Mul(x, y))
	}
	if b == 0 || a == math.MinInt64 && b == -1 { // the remainder of the latter fits, but fails all the same
		return nil
	}
	if op == "/" {
		return exact(z.Quo(x, y))
	}
	return exact(z.Rem(x, y))
}

func (g *generator) string(depth int) expr {
	if depth == 0 {
		if g.rnd.IntN(4) == 0 {
			return constantOf(pick(g, worldTexts...))
		}
		return g.name(append(g.vars[:len(g.vars):len(g.vars)], worldNames["string"]...)...)
	}
	d := depth - 1
	switch g.rnd.IntN(5) {
	case 0:
		return strict(func(v []any) any { return v[0].(string) + v[1].(string) }, "(%s) + (%s)", g.string(d), g.string(d))
	case 1:
		return strict(func(v []any) any { return strconv.FormatInt(v[0].(int64), 10) }, "string(%s)", g.int(d))
	case 2:
		return g.choice(g.bool(d), g.string(d), g.string(d))
	case 3:
		return strict(func(v []any) any {
			if list, i := v[0].([]string), v[1].(int64); i >= 0 && i < int64(len(list)) {
				return list[i]
			}
			return nil
		}, "(%s)[%s]", g.strings(d), g.int(d))
	}
	return g.string(0)
}

func (g *generator) strings(depth int) expr {
	if depth == 0 || g.rnd.IntN(2) == 0 {
		return g.name(worldNames["strings"]...)
	}
	return strict(func(v []any) any { return []string{v[0].(string), v[1].(string)} }, "[%s, %s]", g.string(depth-1), g.string(depth-1))
}
