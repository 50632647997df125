package cel

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/policy"
)

func TestRefused(t *testing.T) {
	long := `request.agent != "` + strings.Repeat("x", policy.MaxCondition) + `"`
	for _, tt := range []struct{ source, at, why string }{
		{`amount ==`, "1:10", "Syntax error"},
		{``, "1:1", "Syntax error"},
		{"session.mfa\n\t&& nothing", "2:5", "undeclared reference to 'nothing'"},
		{`request == "x"`, "1:1", "undeclared reference"},
		{`request.host == "x"`, "1:1", "undeclared reference"},
		{`request.agent.host == "x"`, "1:14", "does not support field selection"},
		{long, "1:1", "longer than 4096 bytes"},
		{"\"\xff\" == request.agent", "1:1", "not UTF-8"},

		{`amount`, "1:1", "of type bool, not int"},
		{`"true"`, "1:1", "of type bool, not string"},
		{`amount == "1"`, "1:8", "no matching overload"},
		{`amount == 1.0`, "1:8", "no matching overload"},
		{`amount < risk`, "1:8", "no matching overload"},
		{`request.ip == "10.0.0.1"`, "1:12", "no matching overload"},
		{`session.mfa ? 1 : true`, "1:13", "no matching overload"},

		// Nothing has a type that is found out later, or one that attributes do not have.
		{`dyn(amount) == dyn("1")`, "1:4", "undeclared reference to 'dyn'"},
		{`[1, "a"].exists(x, x == 1)`, "1:1", "no values of type list(dyn)"},
		{`[] == []`, "1:1", "no values of type"},
		{`[[1]] == [[1]]`, "1:1", "no values of type list(list(int))"},
		{`{"a": 1} == {"a": 1}`, "", ""},
		{`{"a": 1}["a"] == 1`, "", "no literals of maps"},
		{`{"a": "b"}["a"] == "b"`, "", "no literals of maps"},
		{`principal.labels == principal.labels`, "1:10", "read by its keys only"},
		{`principal.labels.exists(k, k == "team")`, "1:10", "read by its keys only"},
		{`principal.labels in [principal.labels]`, "1:10", "read by its keys only"},
		{`(session.mfa ? principal.labels : resource.labels)["a"] == "b"`, "", "read by its keys only"},
		{`principal.labels.size() == 1`, "", "no matching overload"},
		{`principal.labels[1] == "a"`, "", "no matching overload"},
		{`principal.labels["a"]["b"] == "c"`, "", "no matching overload"},
		{`principal.labels.team.all(x, x == "a")`, "", "cannot be range of a comprehension"},
		{`google.protobuf.Duration{seconds: 1} < session.age`, "", "no literals of maps and messages"},
		{`null == null`, "1:1", "no values of type null"},
		{`1u < 2u`, "", "overload"},
		{`1u == 2u`, "1:1", "no values of type uint"},
		{`b"a" == b"a"`, "1:1", "no values of type bytes"},
		{`int == int`, "1:1", "no values of type type(int)"},
		{`type(amount) == type(1)`, "1:5", "undeclared reference to 'type'"},
		{`has(request.agent)`, "1:4", "undeclared reference to 'has'"},
		{`principal.groups.map(g, g + "x") == resource.tags`, "1:21", "undeclared reference"},
		{`principal.groups.filter(g, g == "x") == resource.tags`, "1:24", "undeclared reference"},
		{`principal.groups + resource.tags == resource.tags`, "1:18", "no matching overload"},
		{`principal.groups[?0] == "x"`, "", "unsupported syntax"},
		{`string(request.agent) == "x"`, "1:7", "no matching overload"},

		// A variable that reads like an attribute.
		{`principal.groups.exists(request, request == "x")`, "1:24", "variable request hides an attribute"},
		{`principal.groups.exists(amount, amount == "x")`, "1:24", "variable amount hides an attribute"},

		// Constants are read here.
		{`timestamp("yesterday") < request.time`, "1:11", "timestamp"},
		{`duration("1 hour") < session.age`, "1:10", "Duration"},
		{`int("1e3") == amount`, "1:5", "int"},
		{`double("x") < risk`, "1:8", "double"},
		{`ip("10.0.0.256") == request.ip`, "1:4", "not an IP address"},
		{`ip("fe80::1%eth0") == request.ip`, "1:4", "not an IP address"},
		{`cidr("10.0.0.0/33").containsIP(request.ip)`, "1:6", "not a network"},
		{`cidr("10.0.0.0").containsIP(request.ip)`, "1:6", "not a network"},
		{`cidr("::ffff:0:0/95").containsIP(request.ip)`, "1:6", "not a network"},
		{`cidr("10.0.0.0/8").containsIP("10.0.0")`, "1:31", "not an IP address"},
		{`cidr("10.0.0.0/8").containsCIDR("10.0.0.0")`, "1:33", "not a network"},
		{`request.time.getHours("Mars/Olympus") > 8`, "1:23", "not a time zone"},
		{`request.time.getHours("") > 8`, "1:23", "not a time zone"},
		{`request.time.getHours("Local") > 8`, "1:23", "not a time zone"},
		{`request.time.getHours("+1:00") > 8`, "1:23", "not a time zone"},
		{`request.time.getHours("+24:00") > 8`, "1:23", "not a time zone"},
		{`request.time.getHours("+02:60") > 8`, "1:23", "not a time zone"},
		{`request.time.getHours("../../etc/passwd") > 8`, "1:23", "not a time zone"},
		{`request.time.getHours(network) > 8`, "1:23", "must be a constant"},
		{`request.agent.matches("a(b")`, "1:23", "missing closing )"},
		{`request.agent.matches("(?=a)")`, "1:23", "invalid"},
		{`request.agent.matches(network)`, "1:23", "must be a constant"},
		{`request.agent.matches("a" + "b")`, "1:27", "must be a constant"},

		// What could cost too much.
		{`request.agent.matches("` + strings.Repeat("a", 257) + `")`, "1:23", "more than 256 bytes"},
		{`request.agent.matches("(a{1000}){1000}")`, "1:23", "invalid repeat count"},
		{`request.agent.matches("a{1000}b{1000}")`, "1:23", "more than 2000 instructions"},
		{`"a".matches("a{990}") || "b".matches("b{990}") || "c".matches("c{990}")`, "1:63", "more than 2000 instructions"},
		{`request.agent.matches("(a|b){1,300}")`, "", "could cost"},
		{`principal.groups.exists(a, resource.tags.exists(b, a == b))`, "", "could cost"},
		{`principal.groups.all(a, resource.tags.all(b, principal.groups.all(c, a < b && b < c)))`, "", "could cost"},
		{`principal.groups.all(g, g.matches("^(a|b|c|d|e|f|g|h)+$"))`, "", "could cost"},
		{`principal.groups.exists(a, a in resource.tags) || resource.tags.exists(a, a in principal.groups)`, "", "could cost"},
		{strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500), "", "recursion limit"},
		{strings.Repeat("[", 1000), "", ""},

		// What would take long to compile.
		{strings.Repeat("[", 2000), "1:1", "more than 1024 words and signs"},
		{strings.Repeat("amount==1||", 370) + "true", "1:1", "more than 1024 words and signs"},
		{`r"\" == "` + strings.Repeat("1,", 600) + `"`, "1:1", "more than 1024 words and signs"},
		{strings.Repeat("amount==1||", 128) + "true", "1:1", "513 operations and values, at most 512"},
		{strings.Repeat(`["a"].all(x,x=="a")&&`, 50) + "true", "1:1", "operations and values, at most 512"},
	} {
		c, err := new(Language).Compile(tt.source, testSchema(t))
		name := tt.source[:min(len(tt.source), 80)]
		var where *Error
		switch {
		case !errors.As(err, &where):
			t.Errorf("%s: compiled, or not an *Error: %v", name, err)
		case c != nil:
			t.Errorf("%s: a condition beside the error", name)
		case !strings.Contains(where.Message, tt.why):
			t.Errorf("%s: %v, want %q", name, where, tt.why)
		case tt.at != "" && !strings.HasPrefix(where.Error(), tt.at+": "):
			t.Errorf("%s: %v, want it at %s", name, where, tt.at)
		case where.Line < 1 || where.Column < 1:
			t.Errorf("%s: at %d:%d", name, where.Line, where.Column)
		}
	}
}

func TestAttributes(t *testing.T) {
	schema := testSchema(t)
	for source, want := range map[string][]string{
		`true`:                               nil,
		`request.time > resource.created`:    {"request.time", "resource.created"},
		`.amount == 1 && .session.mfa`:       {"amount", "session.mfa"},
		`false && absent.flag`:               {"absent.flag"},
		`amount == 1 || amount == 2`:         {"amount"},
		`"x" in [network, resource.owner]`:   {"network", "resource.owner"},
		`principal.groups.all(a, a != "")`:   {"principal.groups"},
		`request.ip == ip("10.0.0.1")`:       {"request.ip"},
		`principal.labels.team == "a"`:       {"principal.labels"},
		`"a" in principal.labels`:            {"principal.labels"},
		`[amount][0] == 1 ? true : 1/0 == 1`: {"amount"},
	} {
		c := compileOne(t, &Language{}, schema, source)
		got := c.Attributes()
		if !slices.Equal(got, want) {
			t.Errorf("%s reads %q, want %q", source, got, want)
		}
		if len(got) > 0 {
			got[0] = "changed"
			if slices.Contains(c.Attributes(), "changed") {
				t.Errorf("%s: Attributes gives its own memory away", source)
			}
		}
	}
}
