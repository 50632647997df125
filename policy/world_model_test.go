package policy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The names that every random world has.
var (
	worldSpecs = []PermissionSpec{
		{Name: "w:read"}, {Name: "w:write"}, {Name: "w.x:read"}, {Name: "w.x:write"}, {Name: "vault:open", Aliases: []string{"w:open"}},
		{Name: "doc.read", Aliases: []string{"docs.read"}}, {Name: "doc.write", Deprecated: true}, {Name: "plain"},
		{Name: "identity:accounts.read"}, {Name: "identity:escalate"}, {Name: "identity:contain", Aliases: []string{"identity:hold"}},
	}
	worldQuestions = []string{"w:read", "w:write", "w.x:read", "w.x:write", "vault:open", "w:open", "doc.read", "docs.read",
		"doc.write", "plain", "identity:accounts.read", "identity:escalate", "identity:hold", "w:none"}
	worldPatterns = []string{"w:read", "w:write", "w.x:read", "vault:open", "w:open", "docs.read", "plain", "w:*", "w.*", "w.x:*",
		"doc.*", "docs.*", "*", "*", "identity:*", "identity:escalate", "identity:contain", "identity:accounts.*"}
	worldForeign  = []string{"w:future", "new:*", "what?"} // also what only another release knows or can read
	worldAccounts = []string{"a1", "a2", "a3", "a4"}
	worldGroups   = []string{"g1", "g2", "g3", "g4"}
	worldRoles    = []string{"r1", "r2", "r3", "r4"}
	worldCode     = []Role{
		{ID: "code:reader", Permissions: []string{"w:read", "doc.*"}},
		{ID: "code:writer", Permissions: []string{"w:*"}, Includes: []string{"code:reader"}, Exclusions: []string{"vault:open"}},
		{ID: "code:owner", Permissions: []string{"*", "identity:*"}},
	}
	worldPaths = []string{"/", "p/1", "p/10", "p/1/f/1", "p/1/f/10", "p/1/f/1/i/1", "p/1/f/1/i/1/x/1/y/1", "q/*", "q/%2F"}
	worldOrgs  = []string{"", "home", "other", "third"}
	// See naive.truth. The last ones are unreadable, unknown or fail.
	worldConditions = []string{"", "", "", "true", "false", "attr:x", "attr:y", "attr:principal.z", "at:p/1/f/1", "attr:x|at:p/1", "is:a1",
		"is:a2", "kind:user", "team:red", "org:other", "late", "what?", "unknown", "panic"}
)

func pick[T any](rnd *rand.Rand, from []T) T { return from[rnd.IntN(len(from))] }

func some(rnd *rand.Rand, from []string, n int) []string {
	var out []string
	for range rnd.IntN(n + 1) {
		out = append(out, pick(rnd, from))
	}
	return out
}

func path(t testing.TB, s string) Path {
	t.Helper()
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func perm(t testing.TB, s string) Permission {
	t.Helper()
	p, err := ParsePermission(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// filler is the name of the i-th permission that only makes a catalog long.
func filler(i int) string { return fmt.Sprintf("b%d:n%d", i%3, i) }

// otherCatalog is the catalog and the code roles of another release: some names gone, some renamed and kept as aliases, some
// that change places with their alias, some new, and all of them elsewhere in the bitsets.
func otherCatalog(rnd *rand.Rand, fillers int) ([]PermissionSpec, []Role) {
	var specs []PermissionSpec
	for _, s := range worldSpecs {
		if !strings.HasPrefix(s.Name, ManagementPrefix) {
			switch rnd.IntN(10) {
			case 0:
				continue
			case 1, 2:
				s = PermissionSpec{Name: s.Name + ".v2", Aliases: append([]string{s.Name}, s.Aliases...)}
			case 3:
				s = PermissionSpec{Name: append(slices.Clone(s.Aliases), s.Name)[0], Aliases: append(slices.Clone(s.Aliases), s.Name)[1:]}
			case 4:
				s.Aliases = nil
			}
		}
		specs = append(specs, s)
	}
	if rnd.IntN(2) == 0 {
		specs = append(specs, PermissionSpec{Name: "w:future"})
	}
	more := 0
	if fillers > 0 {
		more = pick(rnd, []int{0, fillers, fillers + 1, 64})
	}
	for i := range more {
		specs = append(specs, PermissionSpec{Name: filler(i)})
	}
	rnd.Shuffle(len(specs), func(i, j int) { specs[i], specs[j] = specs[j], specs[i] })
	return specs, codeFor(specs, rnd.IntN(2*len(worldCode)))
}

// codeFor is what the code roles are with a catalog: without the permissions that are gone, and without one of the roles.
func codeFor(specs []PermissionSpec, without int) []Role {
	known := map[string]bool{}
	for _, s := range specs {
		known[s.Name] = true
		for _, alias := range s.Aliases {
			known[alias] = true
		}
	}
	unknown := func(p string) bool { return !strings.HasSuffix(p, "*") && !known[p] }
	var roles []Role
	for i, r := range worldCode {
		if i == without {
			continue
		}
		r = r.clone()
		r.Permissions, r.Exclusions = slices.DeleteFunc(r.Permissions, unknown), slices.DeleteFunc(r.Exclusions, unknown)
		r.Includes = slices.DeleteFunc(r.Includes, func(id string) bool { return without < len(worldCode) && id == worldCode[without].ID })
		roles = append(roles, r)
	}
	return roles
}

// colliding are pairs of paths that share a tag in this process: 2^18 paths of 32 bits have some eight such pairs, and as many
// below the depth for which a path holds its tags.
var colliding = sync.OnceValue(func() (pairs [][2]string) {
	for _, above := range []string{"", "p/1/f/1/i/1/x/1/"} {
		seen := make(map[uint32]int32, 1<<18)
		for i := range int32(1 << 18) {
			text := fmt.Sprint(above, "c/", i)
			tag := Path{text: text}.tag()
			if j, twice := seen[tag]; twice {
				pairs = append(pairs, [2]string{fmt.Sprint(above, "c/", j), text})
			}
			seen[tag] = i
		}
	}
	return pairs
})

// toy is the language that naive.truth reads.
type toy struct{}

type toyCondition string

func (toy) Compile(source string, _ *Schema) (Condition, error) {
	if strings.Contains(source, "?") {
		return nil, errors.New("what?")
	}
	return toyCondition(source), nil
}

// toyReads are the attributes that conditions compare, by the first word.
var toyReads = map[string]string{
	"is": AttributePrincipalID, "kind": AttributePrincipalKind, "team": AttributePrincipalLabels, "org": AttributeOrg, "at": AttributePath,
	"unknown": AttributePrincipalID, "panic": AttributePrincipalID, "late": AttributeTime,
}

func (c toyCondition) Eval(env *Env) (Truth, string) {
	if a, b, both := strings.Cut(string(c), "|"); both {
		t, lacks := toyCondition(a).Eval(env)
		u, also := toyCondition(b).Eval(env)
		switch {
		case t == True || u == True:
			return True, ""
		case t == Unknown:
			return Unknown, lacks
		}
		return u, also
	}
	kind, rest, _ := strings.Cut(string(c), ":")
	truth := map[any]Truth{false: False, true: True}
	switch kind {
	case "panic":
		panic("a fault of the host")
	case "unknown":
		return Unknown, ""
	case "true", "false":
		return truth[kind == "true"], ""
	case "attr":
		if v, ok := env.Lookup(rest); ok {
			return truth[v], ""
		}
		return Unknown, rest
	}
	v, ok := env.Lookup(toyReads[kind])
	if !ok {
		return Unknown, toyReads[kind]
	}
	switch kind {
	case "late":
		return truth[!v.(time.Time).Before(time.UnixMicro(20))], ""
	case "team":
		return truth[v.(map[string]string)["team"] == rest], ""
	case "at":
		return truth[naiveWithin(rest, v.(string))], ""
	}
	return truth[v == rest], ""
}

func (c toyCondition) Attributes() []string {
	if a, b, both := strings.Cut(string(c), "|"); both {
		return append(toyCondition(a).Attributes(), toyCondition(b).Attributes()...)
	}
	kind, rest, _ := strings.Cut(string(c), ":")
	if kind == "attr" {
		return []string{rest}
	}
	if name, ok := toyReads[kind]; ok {
		return []string{name}
	}
	return nil
}
