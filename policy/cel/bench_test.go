package cel

import (
	"testing"
	"time"
)

var benchSources = map[string]string{
	"flag":    `session.mfa`,
	"network": `cidr("10.0.0.0/8").containsIP(request.ip)`,
	"hours":   `request.time.getHours("Europe/Berlin") >= 8 && request.time.getHours("Europe/Berlin") < 18`,
	"owner":   `principal.id == resource.owner && resource.path.startsWith("projects/p1/")`,
	"groups":  `principal.groups.exists(g, g in resource.tags)`,
	"regexp":  `request.agent.matches("^curl/[0-9.]+ ")`,
	"missing": `absent.flag && amount > 200`,
}

func BenchmarkEval(b *testing.B) {
	schema := testSchema(b)
	env := testEnv(b, schema)
	for name, source := range benchSources {
		b.Run(name, func(b *testing.B) {
			c := compileOne(b, &Language{}, schema, source)
			b.ReportAllocs()
			for b.Loop() {
				c.Eval(env)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	schema := testSchema(b)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			compileOne(b, &Language{}, schema, benchSources["owner"])
		}
	})
	var l Language
	b.Run("next", func(b *testing.B) {
		for b.Loop() {
			compileOne(b, &l, schema, benchSources["owner"])
		}
	})
}

// BenchmarkWorst is the dearest evaluation that the default cost allows, more or less, over the longest values.
func BenchmarkWorst(b *testing.B) {
	schema := testSchema(b)
	for _, source := range []string{
		`principal.groups.exists(a, a in resource.tags)`,
		`resource.owner.matches("(a|b|c|d)*x{1,90}$")`,
		`principal.groups.all(g, !g.matches("x$"))`,
	} {
		b.Run(source, func(b *testing.B) {
			c := compileOne(b, &Language{}, schema, source)
			env := longEnv(schema)
			began, n := time.Now(), 0
			for b.Loop() {
				c.Eval(env)
				n++
			}
			if each := time.Since(began) / time.Duration(n); each > 100*time.Millisecond {
				b.Errorf("%v", each)
			}
		})
	}
}
