package soak

import (
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/policy"
)

// everyForm uses each rule of the form once, those that the files at hand do
// not use in particular.
const everyForm = `{"sets": [
{"name": "times", "roles": [{"id": "r", "permissions": [{"action": "read"}]}, {"id": "d", "permissions": [{"action": "read", "effect": "deny"}]}],
 "bindings": [{"subject": "always", "role": "r", "from": "0000-01-01 00:00:00", "until": "9999-12-31T23:59:59Z"},
  {"subject": "never", "role": "r", "from": "0000-01-01 00:00:00", "until": "0000-12-31 00:00:00"},
  {"subject": "late", "role": "r", "from": "9999-01-01 00:00:00"}, {"subject": "blank", "role": "r", "from": "_", "until": ""},
  {"subject": "starts", "role": "r", "from": "2026-06-01 00:00:00"}, {"subject": "ends", "role": "r", "until": "2026-06-01 00:00:00"},
  {"subject": "one", "role": "r", "until": "0001-01-01 00:00:00"},
  {"subject": "always2", "role": "r"}, {"subject": "always2", "role": "d", "until": "2026-01-01 00:00:00"}],
 "checks": [{"subject": "always", "action": "read", "expect": true}, {"subject": "never", "action": "read", "expect": false},
  {"subject": "late", "action": "read", "expect": false}, {"subject": "blank", "action": "read", "on": "x", "expect": true},
  {"subject": "starts", "action": "read", "expect": true}, {"subject": "ends", "action": "read", "expect": false},
  {"subject": "one", "action": "read", "expect": false}, {"subject": "always2", "action": "read", "expect": true}]},
{"name": "groups", "principals": ["u"], "groups": [{"id": "a", "members": ["b", "a"]}, {"id": "b", "members": ["a", "u"]}, {"id": "c", "members": ["b"]}, {"id": "e", "members": []}],
 "roles": [{"id": "r", "permissions": [{"action": "*"}]}],
 "bindings": [{"subject": "a", "role": "r", "on": "1"}, {"subject": "c", "role": "r", "on": "2"}, {"subject": "u", "role": "r", "on": "3"}, {"subject": "u", "role": "unknown"}],
 "checks": [{"subject": "u", "action": "x", "on": "1", "expect": true}, {"subject": "u", "action": "*", "on": "2", "expect": true},
  {"subject": "a", "action": "x", "on": "2", "expect": true}, {"subject": "a", "action": "x", "on": "3", "expect": false},
  {"subject": "b", "action": "x", "on": "1", "expect": true}, {"subject": "e", "action": "x", "on": "1", "expect": false}, {"subject": "u", "action": "x", "expect": false}]},
{"name": "everybody", "roles": [{"id": "r", "permissions": [{"action": "identity:escalate"}, {"action": ""}, {"action": "_x"}]}, {"id": "d", "permissions": [{"action": "_x", "effect": "deny"}]}],
 "bindings": [{"subject": "*", "role": "r", "on": "*"}, {"subject": "eve", "role": "d", "org": "one"}],
 "checks": [{"subject": "eve", "action": "identity:escalate", "on": "", "expect": true}, {"subject": "*", "action": "", "on": "..", "expect": true},
  {"subject": "eve", "action": "_x", "on": "*", "org": "one", "expect": false}, {"subject": "eve", "action": "_x", "on": "a:", "org": "two", "expect": true},
  {"subject": "eve", "action": "_x", "expect": true}, {"subject": "new", "action": "_x5f78", "expect": false}]},
{"name": "roles", "roles": [{"id": "top", "inherits": ["left", "right", "gone"], "permissions": []}, {"id": "left", "inherits": ["base"], "permissions": [{"action": "l"}]},
  {"id": "right", "inherits": ["base", "top"]}, {"id": "base", "permissions": [{"action": "b"}, {"action": "w", "resource": "f:1"}, {"action": "w", "resource": "f:1/x", "effect": "deny"}]}],
 "resources": [{"id": "f:1", "parent": "root"}, {"id": "f:1/x", "parents": ["f:1"]}, {"id": "root", "parents": ["root"]}],
 "bindings": [{"subject": "u", "role": "top"}, {"subject": "v", "role": "right", "on": "f:1"}, {"subject": "w", "role": "base", "on": "other"}],
 "checks": [{"subject": "u", "action": "l", "expect": true}, {"subject": "u", "action": "b", "on": "anything", "expect": true}, {"subject": "u", "action": "w", "on": "f:1", "expect": true},
  {"subject": "u", "action": "w", "on": "f:1/x", "expect": false}, {"subject": "u", "action": "w", "on": "root", "expect": false}, {"subject": "v", "action": "l", "on": "f:1/x", "expect": true},
  {"subject": "v", "action": "w", "on": "f:1", "expect": true}, {"subject": "v", "action": "l", "on": "root", "expect": false}, {"subject": "w", "action": "w", "on": "other", "expect": false},
  {"subject": "w", "action": "w", "on": "f:1", "expect": false}, {"subject": "w", "action": "b", "on": "other", "expect": true}]},
{"name": "prefixes", "roles": [{"id": "r", "permissions": [{"action": "read", "resource": "x/*"}, {"action": "read", "resource": "x/secret*", "effect": "deny"}]}],
 "resources": [{"id": "child", "parents": ["x/parent"]}, {"id": "both", "parents": ["one", "two"]}, {"id": "near", "parents": ["one", "top"]}, {"id": "one", "parents": ["top"]}],
 "bindings": [{"subject": "u", "role": "r"}, {"subject": "v", "role": "r", "on": "x/1"}],
 "checks": [{"subject": "u", "action": "read", "on": "x/1", "expect": true}, {"subject": "u", "action": "read", "on": "x", "expect": false}, {"subject": "u", "action": "read", "on": "x/secrets", "expect": false},
  {"subject": "u", "action": "read", "on": "xy/1", "expect": false}, {"subject": "v", "action": "read", "on": "x/1", "expect": true}, {"subject": "v", "action": "read", "on": "x/10", "expect": false},
  {"subject": "u", "action": "read", "on": "near", "expect": false}, {"subject": "u", "action": "read", "expect": false},
  {"subject": "u", "action": "read", "on": "child", "expect": false}, {"subject": "u", "action": "read", "on": "both", "expect": false}]}
]}`

// TestNeutralForm holds the mapping itself to all rules of the form.
func TestNeutralForm(t *testing.T) {
	s := runNeutral(t, must(parseSets([]byte(everyForm)))(t))
	s.report(t, "every rule")
	if s.sets != 5 || s.failed+s.wrong != 0 || s.passed != s.checks-2 {
		t.Errorf("%+v", s)
	}
	for _, want := range []error{errLoosePrefix, errSeveralParents} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(s.skipped)), func(name string) bool { return strings.Contains(name, want.Error()) }) {
			t.Errorf("nothing was skipped because %q", want)
		}
	}
	// A check that its own file contradicts is told apart from one that the library fails.
	sets := must(parseSets([]byte(everyForm)))(t)
	r := newRules(&sets[0])
	wrong := sets[0].Checks[0]
	wrong.Expect = false
	if got := must(r.decide(wrong))(t); got == wrong.Expect {
		t.Error("the evaluator agrees with a wrong expectation")
	}
}

// TestNeutralNames: two names are never one name here.
func TestNeutralNames(t *testing.T) {
	texts := []string{"", "a", "A", "_", "_x", "_x61", "_h", "a:b", "a:", ":b", "_:b", "a:b:c", "a b", "é", "identity:a", "*", ".", "..", "a:..", "a/b", "a:b/c", "%2F", "a%2Fb",
		"\n", strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("x", 300), "a:" + strings.Repeat("x", 255), "a:" + strings.Repeat("x", 256), digest(""), "_h" + digest("")}
	permissions, resources := map[string]string{}, map[[2]string]string{}
	for _, s := range texts {
		name := permissionName(s)
		if other, taken := permissions[name]; taken {
			t.Errorf("%q and %q are both %s", s, other, name)
		}
		permissions[name] = s
		if _, err := policy.ParsePermission(name); err != nil || strings.HasPrefix(name, policy.ManagementPrefix) {
			t.Errorf("%q became %q: %v", s, name, err)
		}
		for what, p := range map[string][2]string{"": pair(s), "prefix ": prefixPair(s)} {
			if other, taken := resources[p]; taken {
				t.Errorf("%s%q and %s are both %q", what, s, other, p)
			}
			resources[p] = what + s
			if !fits(p[0], p[1]) {
				t.Errorf("%s%q became %q", what, s, p)
			}
		}
	}
}

// randomSet is a set in which any rule of the form may meet any other. Its
// expectations are those of the form's evaluator.
func randomSet(rng *mathrand.Rand, name string) set {
	s := set{Name: name}
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	maybe := func(from ...string) *string {
		if rng.IntN(3) == 0 {
			return nil
		}
		text := pick(from...)
		return &text
	}
	some := func(n int, from ...string) (list []string) {
		for range rng.IntN(n + 1) {
			list = append(list, pick(from...))
		}
		return list
	}
	users := []string{"u", "v", "w"}
	groups := []string{"g", "h", "i", "u"} // one is somebody, too
	resources := []string{"r", "r/1", "r/10", "r/1/a", "f:1", "f:10", "f:1/x", "q"}
	roles := []string{"one", "two", "three", "four"}
	for _, id := range groups {
		if rng.IntN(3) > 0 {
			s.Groups = append(s.Groups, setGroup{id, some(3, append(groups, users...)...)})
		}
	}
	for _, id := range resources {
		s.Resources = append(s.Resources, setResource{ID: id, Parents: some(1, resources...)})
	}
	for _, id := range roles {
		r := setRole{ID: id, Inherits: some(1, roles...)}
		for range rng.IntN(3) {
			p := setPermission{Action: pick("read", "write", "*"), Resource: maybe(append(resources, "*", "*", "*", "r/*", "f:1*")...)}
			if rng.IntN(5) == 0 {
				p.Effect = "deny"
			}
			r.Permissions = append(r.Permissions, p)
		}
		s.Roles = append(s.Roles, r)
	}
	orgs := []string{"one", "two"}
	for range 4 + rng.IntN(10) {
		s.Bindings = append(s.Bindings, setBinding{
			Subject: pick(append(groups, "u", "v", "w", "*")...), Role: pick(append(roles, "gone")...), Org: maybe("one", "two", "*", "*"), On: maybe(append(resources, "*", "*", "*")...),
			From: maybe("0000-01-01 00:00:00", "", "2026-06-01 00:00:00", "9999-01-01 00:00:00"), Until: maybe("0000-01-01 00:00:00", "_", "2026-06-01 00:00:01", "9999-01-01 00:00:00"),
		})
	}
	for range 30 {
		s.Checks = append(s.Checks, setCheck{Subject: pick(append(groups, users...)...), Action: pick("read", "write", "fly"), On: maybe(resources...), Org: maybe(orgs...)})
	}
	r := newRules(&s)
	for i := range s.Checks {
		want, err := r.decide(s.Checks[i])
		if err != nil {
			panic(fmt.Sprintf("a random set is malformed: %v", err)) // a defect of the test
		}
		s.Checks[i].Expect = want
	}
	return s
}

// TestNeutralRandom compares the library with the evaluator of the form on
// random sets. The long form has 3,000 of them:
//
//	CLAVIGER_SOAK=long go test -run TestNeutralRandom -v ./internal/soak
func TestNeutralRandom(t *testing.T) {
	rng := seeded(t)
	var sets []set
	for i := range fewer(60, 3000) {
		sets = append(sets, randomSet(rng, "random "+strconv.Itoa(i)))
	}
	s := runNeutral(t, sets)
	allowed := 0
	for _, set := range sets {
		for _, c := range set.Checks {
			if c.Expect {
				allowed++
			}
		}
	}
	t.Logf("%d sets, %d checks: %d passed, %d failed, %d to be allowed; %d questions across orgs", s.sets, s.checks, s.passed, s.failed, allowed, s.across)
	if s.failed+s.wrong != 0 || s.passed < s.checks/2 || allowed == 0 {
		t.Errorf("%d passed, %d failed, %d contradict the form", s.passed, s.failed, s.wrong)
	}
}
