package cel

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// now is a Wednesday in summer, at 12:30 in Berlin and 06:30 in New York.
var now = time.Date(2026, 7, 1, 10, 30, 0, 0, time.UTC)

func testSchema(t testing.TB) *policy.Schema {
	t.Helper()
	s, err := policy.NewSchema(
		policy.AttributeSpec{Name: "request.ip", Type: policy.TypeAddr},
		policy.AttributeSpec{Name: "request.agent", Type: policy.TypeString},
		policy.AttributeSpec{Name: "principal.groups", Type: policy.TypeStrings},
		policy.AttributeSpec{Name: "resource.tags", Type: policy.TypeStrings},
		policy.AttributeSpec{Name: "resource.created", Type: policy.TypeTime},
		policy.AttributeSpec{Name: "resource.owner", Type: policy.TypeString},
		policy.AttributeSpec{Name: "session.age", Type: policy.TypeDuration},
		policy.AttributeSpec{Name: "session.mfa", Type: policy.TypeBool},
		policy.AttributeSpec{Name: "amount", Type: policy.TypeInt},
		policy.AttributeSpec{Name: "risk", Type: policy.TypeFloat},
		policy.AttributeSpec{Name: "network", Type: policy.TypeString},
		policy.AttributeSpec{Name: "absent.flag", Type: policy.TypeBool}, // never set
		policy.AttributeSpec{Name: "absent.text", Type: policy.TypeString},
		policy.AttributeSpec{Name: "absent.list", Type: policy.TypeStrings},
		policy.AttributeSpec{Name: "absent.map", Type: policy.TypeMap},
		policy.AttributeSpec{Name: "resource.labels", Type: policy.TypeMap},
		policy.AttributeSpec{Name: "absent.count", Type: policy.TypeInt},
		policy.AttributeSpec{Name: "string", Type: policy.TypeInt}, // named like a type of CEL
	)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testEnv(t testing.TB, s *policy.Schema) *policy.Env {
	t.Helper()
	path, err := policy.ParsePath("projects/p1/wallets/w1")
	if err != nil {
		t.Fatal(err)
	}
	attrs := new(policy.Attrs).
		SetAddr("request.ip", netip.MustParseAddr("::ffff:10.1.2.3")).
		SetString("request.agent", "curl/8.1 (x86_64)").
		SetStrings("principal.groups", []string{"dev", "ops"}).
		SetStrings("resource.tags", []string{"ops", "blue"}).
		SetTime("resource.created", now.Add(-48*time.Hour).In(time.FixedZone("", 5*3600))).
		SetString("resource.owner", "us_1").
		SetDuration("session.age", 20*time.Minute).
		SetBool("session.mfa", true).
		SetInt("amount", 250).
		SetFloat("risk", 0.25).
		SetString("network", "10.0.0.0/8").
		SetMap("resource.labels", map[string]string{"team": "red", "tier": ""}).
		SetMap("principal.labels", map[string]string{"team": "forged"}). // what is built in is not for a host to set
		SetInt("string", 7)
	return policy.NewEnv(s, policy.Account{ID: "us_1", Kind: policy.User, Labels: map[string]string{"team": "red"}}, "or_1", path, now.UnixMicro(), attrs)
}

func compileOne(t testing.TB, l *Language, s *policy.Schema, source string) policy.Condition {
	t.Helper()
	c, err := l.Compile(source, s)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return c
}

// longEnv has values as long as they may be.
func longEnv(s *policy.Schema) *policy.Env {
	list := func(last string) []string {
		var out []string
		for i := range MaxStrings {
			out = append(out, strings.Repeat("a", MaxElement-4)+strconv.Itoa(1000 + i)[:3]+last)
		}
		return out
	}
	attrs := new(policy.Attrs).
		SetStrings("principal.groups", list("x")).
		SetStrings("resource.tags", list("y")).
		SetString("resource.owner", strings.Repeat("abcd", MaxString/4))
	return policy.NewEnv(s, policy.Account{ID: "us_1", Kind: policy.User}, "or_1", policy.Root, now.UnixMicro(), attrs)
}
