package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// reduced describes a small script that fails like a given one.
func reduced(t *testing.T, sc script, failed *failure) string {
	tries, until := 0, time.Now().Add(30*time.Second)
	small, last := reduce(sc, failed, func(sc script) *failure {
		if tries++; time.Now().After(until) {
			return nil
		}
		return sc.world(t).run(sc.steps)
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", sc.again, last.text)
	fmt.Fprintf(&b, "%d steps and %d questions, reduced in %d tries from %d and %d:\n", len(small.steps), len(small.questions), tries, len(sc.steps), len(sc.questions))
	if len(small.specs) != len(worldSpecs) {
		fmt.Fprintf(&b, "\tcatalog %v\n", small.specs)
	}
	for _, s := range small.steps {
		fmt.Fprintf(&b, "\t%s\n", show(s))
	}
	for _, q := range small.questions {
		fmt.Fprintf(&b, "\task %s\n", show(q))
	}
	return b.String()
}

// reduce takes away from a script what it fails without, in the same way. One question stays, since checks choose among them.
func reduce(sc script, last *failure, run func(script) *failure) (script, *failure) {
	keep := func(smaller script) bool {
		if len(smaller.questions) == 0 {
			return false
		}
		failed := run(smaller)
		if failed == nil || failed.kind != last.kind {
			return false
		}
		sc, last = smaller, failed
		return true
	}
	for before := -1; before != sc.size(); {
		before = sc.size()
		fewer(sc.steps, func(steps []step) bool { next := sc; next.steps = steps; return keep(next) })
		fewer(sc.questions, func(questions []naiveQuestion) bool { next := sc; next.questions = questions; return keep(next) })
		for i := range sc.steps {
			for _, s := range simpler(sc.steps[i]) {
				next := sc
				next.steps = slices.Clone(sc.steps)
				next.steps[i] = s.(step)
				keep(next)
			}
		}
		for i := range sc.questions {
			for _, q := range simpler(sc.questions[i]) {
				next := sc
				next.questions = slices.Clone(sc.questions)
				next.questions[i] = q.(naiveQuestion)
				keep(next)
			}
		}
		if len(sc.specs) > len(worldSpecs) {
			next := sc
			next.specs = worldSpecs
			keep(next)
		}
	}
	return sc, last
}

// size is what becomes less while a script is reduced.
func (sc script) size() int {
	n := len(sc.questions) + len(sc.specs)
	for _, s := range sc.steps {
		n += len(show(s))
	}
	for _, q := range sc.questions {
		n += len(show(q))
	}
	return n
}

// fewer tries a list without one half, one quarter and so on, down to single elements, for as long as it fails without them.
func fewer[E any](list []E, fails func([]E) bool) {
	for size := len(list); size > 0; size /= 2 {
		for i := 0; i < len(list); {
			without := slices.Concat(list[:i], list[min(i+size, len(list)):])
			if fails(without) {
				list = without
			} else {
				i += size
			}
		}
	}
}

// essential fields are not emptied: without them a step would be refused, or be another.
var essential = []string{"ID", "Kind", "Effect", "Subject", "Role", "Group", "Member", "Salt", "Specs", "Code", "account", "perm", "path"}

// simpler returns copies of a struct, each with one field empty or with one element less in it.
func simpler(of any) []any {
	var out []any
	typ := reflect.TypeOf(of)
	for i := range typ.NumField() {
		if slices.Contains(essential, typ.Field(i).Name) {
			continue
		}
		with := func(to func(reflect.Value) reflect.Value) {
			c := reflect.New(typ).Elem()
			c.Set(reflect.ValueOf(of))
			f := c.Field(i)
			f = reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem() // also of those that are not exported
			if f.IsZero() || f.Type() == reflect.TypeFor[Path]() && f.Interface() == Root {
				return
			}
			f.Set(to(f))
			out = append(out, c.Interface())
		}
		if typ.Field(i).Type == reflect.TypeFor[Path]() {
			with(func(reflect.Value) reflect.Value { return reflect.ValueOf(Root) })
			continue
		}
		with(func(f reflect.Value) reflect.Value { return reflect.Zero(f.Type()) })
		if typ.Field(i).Type.Kind() == reflect.Slice {
			for j := range reflect.ValueOf(of).Field(i).Len() {
				with(func(f reflect.Value) reflect.Value {
					return reflect.AppendSlice(f.Slice3(0, j, j), f.Slice(j+1, f.Len()))
				})
			}
		}
	}
	return out
}

// show is a struct in one line: its type and the fields that are not empty.
func show(of any) string {
	v := reflect.ValueOf(of)
	text := strings.TrimPrefix(v.Type().String(), "policy.")
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			text += fmt.Sprintf(" %s=%v", v.Type().Field(i).Name, f)
		}
	}
	return text
}

// TestReduce plants a fault that needs an account, a binding and a question, and wants to see no more than these of one
// world, and little more of any other.
func TestReduce(t *testing.T) {
	for name, seed := range map[string]uint64{"one": 1, "any": uint64(time.Now().UnixNano())} {
		t.Run(name, func(t *testing.T) { testReduce(t, seed, name == "one") })
	}
}

func testReduce(t *testing.T, seed uint64, exact bool) {
	faulty := func(sc script) *failure {
		w := sc.world(t)
		w.checks = nil
		if failed := w.run(sc.steps); failed != nil {
			t.Fatal(failed.text)
		}
		for _, k := range w.old {
			for i, d := range k.answers {
				if b := k.state.bindings[d.Binding]; b.Reach == "*" && b.Effect == Deny && b.Subject == k.questions[i].account {
					return &failure{"planted", show(k.questions[i].naiveQuestion)}
				}
			}
		}
		return nil
	}
	sc := drawScript(seed)
	for ; faulty(sc) == nil; seed++ {
		sc = drawScript(seed)
	}
	small, last := reduce(sc, faulty(sc), faulty)
	most := 5 // a question about a permission that only a larger catalog has keeps that catalog, or the step that brings it
	if exact {
		most = 3
	}
	if faulty(small) == nil || len(small.questions) != 1 || len(small.steps) > most || exact && len(small.specs) != len(worldSpecs) {
		t.Errorf("seed %d: %d steps and %d questions became\n%v\n%v\n%s", seed, len(sc.steps), len(sc.questions), small.steps, small.questions, last.text)
	}
	for i, step := range small.steps {
		if b, ok := step.(putBinding); ok && (b.Scope != Root || b.Condition != "" || b.Start != 0 || b.End != 0) {
			t.Errorf("seed %d: %d is still %s", seed, i, show(step))
		}
	}
}
