package cel

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// The random conditions run for about two seconds. For a long run, and to repeat one condition with the seed that a failure prints:
//
//	go test . -run TestRandom -conditions 10m -timeout 0
//	go test . -run TestRandom -seed N
var (
	conditionsFor = flag.Duration("conditions", 2*time.Second, "how long to compare random conditions")
	conditionSeed = flag.Uint64("seed", 0, "the one condition to compare; 0 for many")
)

// TestRandom compares random conditions, with random attributes missing, to the naive evaluator, and holds them to two laws: what
// is known stays so when a missing attribute becomes known, and the estimated cost, with its slack, is enough.
func TestRandom(t *testing.T) {
	var specs []policy.AttributeSpec
	for kind, names := range worldNames {
		for _, name := range names {
			typ := map[string]policy.AttributeType{"bool": policy.TypeBool, "int": policy.TypeInt, "string": policy.TypeString, "strings": policy.TypeStrings}[kind]
			specs = append(specs, policy.AttributeSpec{Name: name, Type: typ})
		}
	}
	schema, err := policy.NewSchema(specs...)
	if err != nil {
		t.Fatal(err)
	}
	r := &random{t: t, schema: schema, language: &Language{MaxCost: math.MaxUint64}, seen: map[policy.Truth]int{}}
	if *conditionSeed != 0 {
		r.run(*conditionSeed)
		return
	}
	base := uint64(time.Now().UnixNano())
	n := 0
	for until := time.Now().Add(*conditionsFor); time.Now().Before(until) && !t.Failed(); n++ {
		r.run(base + uint64(n))
	}
	t.Logf("%d conditions from seed %d; %v; %d named a missing attribute, %d became known", n, base, r.seen, r.named, r.learnt)
	if n > 100 && (r.seen[policy.True] == 0 || r.seen[policy.False] == 0 || r.seen[policy.Unknown] == 0 || r.named == 0 || r.learnt == 0) {
		t.Error("these conditions test nothing")
	}
}

type random struct {
	t             *testing.T
	schema        *policy.Schema
	language      *Language
	seen          map[policy.Truth]int
	named, learnt int
}

func (r *random) run(seed uint64) {
	g := &generator{rnd: rand.New(rand.NewPCG(seed, 1))}
	e := g.bool(1 + g.rnd.IntN(4))
	if len(e.source) > policy.MaxCondition {
		return
	}
	c, err := r.language.compile(e.source, r.schema, slack(r.worst(seed, e.source)))
	if err != nil {
		r.t.Errorf("-seed %d: %s: %v", seed, e.source, err)
		return
	}
	for range 6 {
		s := g.values()
		for name := range s {
			if g.rnd.IntN(4) == 0 {
				delete(s, name)
			}
		}
		truth := r.compare(seed, e, c, s)
		for name, v := range g.values() {
			if _, ok := s[name]; ok {
				continue
			}
			s[name] = v
			more := r.compare(seed, e, c, s)
			if truth != policy.Unknown && more != truth {
				r.t.Errorf("-seed %d: %s: %v, and %v once %s is known", seed, e.source, truth, more, name)
			}
			if truth == policy.Unknown && more != truth {
				r.learnt++
			}
			truth = more
		}
	}
}

// values gives every attribute a value.
func (g *generator) values() scope {
	s := scope{}
	for _, name := range worldNames["bool"] {
		s[name] = g.rnd.IntN(2) == 0
	}
	for _, name := range worldNames["int"] {
		s[name] = pick(g, 0, 1, 2, 3, -1, -7, 12, math.MaxInt64, math.MinInt64, math.MaxInt64/2, int64(1)<<32)
	}
	for _, name := range worldNames["string"] {
		s[name] = pick(g, worldTexts...)
	}
	for _, name := range worldNames["strings"] {
		list := []string{}
		for range g.rnd.IntN(4) {
			list = append(list, pick(g, worldTexts...))
		}
		s[name] = list
	}
	return s
}

// worst is the estimate of the cost, which must then be enough.
func (r *random) worst(seed uint64, source string) uint64 {
	env, err := r.language.env(r.schema)
	if err != nil {
		r.t.Fatal(err)
	}
	typed, issues := env.Compile(source)
	if issues.Err() != nil {
		return 0 // compile says so
	}
	cost := &cost{schema: r.schema, patterns: map[string]uint64{}}
	if check(typed.NativeRep(), r.schema, cost) != nil {
		return 0
	}
	estimate, err := env.EstimateCost(typed, cost)
	if err != nil || estimate.Max == math.MaxUint64 {
		r.t.Errorf("-seed %d: %s: the cost is unknown: %v", seed, source, err)
	}
	return estimate.Max
}

func (r *random) compare(seed uint64, e expr, c *condition, s scope) policy.Truth {
	attrs := new(policy.Attrs)
	for name, v := range s {
		switch v := v.(type) {
		case bool:
			attrs.SetBool(name, v)
		case int64:
			attrs.SetInt(name, v)
		case string:
			attrs.SetString(name, v)
		case []string:
			attrs.SetStrings(name, v)
		}
	}
	env := policy.NewEnv(r.schema, policy.Account{ID: "us_1", Kind: policy.User}, "or_1", policy.Root, 0, attrs)
	truth, missing := c.Eval(env)
	want := e.eval(s)
	r.seen[truth]++
	switch {
	case (truth == policy.True) != (want.v == true), (truth == policy.False) != (want.v == false):
		r.t.Errorf("-seed %d: %s with %v: %v, want %v", seed, e.source, s, truth, want)
	case missing == "" && truth == policy.Unknown && !want.failed:
		r.t.Errorf("-seed %d: %s with %v: unknown without a name, and %v are missing", seed, e.source, s, want.missing)
	case missing != "" && !want.missing[missing]:
		r.t.Errorf("-seed %d: %s with %v: %s is missing, want one of %v", seed, e.source, s, missing, want.missing)
	case missing != "":
		r.named++
	}
	return truth
}
