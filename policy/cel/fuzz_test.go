package cel

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/policy"
)

var fuzzSeeds = []string{
	`true`, `amount ==`, `session.mfa && !absent.flag || amount % 3 == 1`, `principal.groups.exists(g, g in resource.tags)`,
	`cidr("10.0.0.0/8").containsIP(request.ip)`, `request.time.getHours("Europe/Berlin") in [9, 10]`, `request.time.getMinutes("+05:45") < 3`,
	`request.agent.matches("^(a{1,3}|b)*c$")`, `duration("1h") < session.age`, `timestamp("2026-01-01T00:00:00Z") + session.age > resource.created`,
	`principal.groups[amount] == string(risk) + "x"`, `int(request.agent) / amount == 2`, `session.mfa ? amount > 1 : 1/0 == 1`,
	`resource.tags.all(t, t.startsWith("a") ? t.size() > 2 : t.contains(resource.owner))`, `[1, 2].exists_one(x, x == amount)`,
	`"\u00e9\x00" != r'\n'`, "a // b\n&& c", `{"a": [1]}.a[0] == b'x'`, `((((((true))))))`, `double(amount) / risk < 1e308`,
	`"team" in principal.labels && principal.labels.team == resource.labels["team"]`,
	`ip("::1").isLoopback() && string(cidr(network).masked()) == network`,
}

// FuzzCompile: nothing panics, takes long, or is refused without a place; what is a condition reads attributes of the schema and
// evaluates, with all of them and with none.
func FuzzCompile(f *testing.F) {
	for _, source := range fuzzSeeds {
		f.Add(source)
	}
	schema := testSchema(f)
	var l Language
	full, empty := testEnv(f, schema), policy.NewEnv(schema, policy.Account{}, "", policy.Path{}, 0, nil)
	f.Fuzz(func(t *testing.T, source string) {
		began := time.Now()
		c, err := l.Compile(source, schema)
		if err != nil {
			if where, ok := err.(*Error); !ok || where.Line < 1 || where.Column < 1 || where.Message == "" {
				t.Fatalf("%q: %#v", source, err)
			}
		} else {
			for _, name := range c.Attributes() {
				if schema.Type(name) == 0 || !strings.Contains(source, name[strings.LastIndexByte(name, '.')+1:]) {
					t.Fatalf("%q reads %s", source, name)
				}
			}
			for _, env := range []*policy.Env{full, empty} {
				truth, missing := c.Eval(env)
				if _, there := env.Lookup(missing); there || missing != "" && (truth != policy.Unknown || !slices.Contains(c.Attributes(), missing)) {
					t.Fatalf("%q: %v %q", source, truth, missing)
				}
			}
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Fatalf("%q took %v", source, d)
		}
	})
}

// FuzzEval: whatever the values, the same question has the same answer, and an answer that is known stays when more is known.
func FuzzEval(f *testing.F) {
	for i, source := range fuzzSeeds {
		f.Add(source, uint16(i*2654435761), "10.0.0.0/8", "a\xffb", int64(i-3), 0.5)
	}
	f.Add(`principal.groups[amount] != "x"`, uint16(0xffff), "::ffff:1.2.3.4", "-1", int64(math.MinInt64), math.NaN())
	schema := testSchema(f)
	var l Language
	f.Fuzz(func(t *testing.T, source string, mask uint16, network, text string, n int64, x float64) {
		c, err := l.Compile(source, schema)
		if err != nil {
			return
		}
		eval := func(mask uint16) (policy.Truth, string) {
			attrs := new(policy.Attrs)
			address, _ := netip.ParseAddr(network)
			for i, set := range []func(){
				func() { attrs.SetAddr("request.ip", address) },
				func() { attrs.SetString("request.agent", text) },
				func() { attrs.SetStrings("principal.groups", strings.Split(text, ",")) },
				func() { attrs.SetStrings("resource.tags", []string{network, text}) },
				func() { attrs.SetTime("resource.created", time.Unix(n, 0)) },
				func() { attrs.SetString("resource.owner", text+network) },
				func() { attrs.SetDuration("session.age", time.Duration(n)) },
				func() { attrs.SetBool("session.mfa", n%2 == 0) },
				func() { attrs.SetInt("amount", n) },
				func() { attrs.SetFloat("risk", x) },
				func() { attrs.SetString("network", network) },
			} {
				if mask>>i&1 == 1 {
					set()
				}
			}
			return c.Eval(policy.NewEnv(schema, policy.Account{ID: text}, network, policy.Root, n, attrs))
		}
		truth, missing := eval(mask)
		if again, missingAgain := eval(mask); again != truth || missingAgain != missing {
			t.Fatalf("%q: %v %q, then %v %q", source, truth, missing, again, missingAgain)
		}
		if more, _ := eval(0xffff); truth != policy.Unknown && more != truth {
			t.Fatalf("%q: %v, and %v when more is known", source, truth, more)
		}
	})
}
