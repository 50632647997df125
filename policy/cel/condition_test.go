package cel

import (
	"strings"
	"testing"

	"github.com/claviger-go/claviger/policy"
)

func TestEval(t *testing.T) {
	const yes, no, unknown = policy.True, policy.False, policy.Unknown
	for _, tt := range []struct {
		source  string
		truth   policy.Truth
		missing string
	}{
		// What every request has.
		{`principal.id == resource.owner`, yes, ""},
		{`principal.kind == "user" && resource.org == "or_1"`, yes, ""},
		{`resource.path.startsWith("projects/p1/")`, yes, ""},
		{`resource.path.startsWith("projects/p2/")`, no, ""},

		// Every type.
		{`session.mfa`, yes, ""},
		{`!session.mfa`, no, ""},
		{`amount > 200 && amount % 2 == 0 && -amount < 0`, yes, ""},
		{`risk < 0.5 && double(amount) * risk == 62.5`, yes, ""},
		{`request.agent.contains("curl") && request.agent.size() == 17`, yes, ""},
		{`"ops" in principal.groups && size(principal.groups) == 2`, yes, ""},
		{`principal.groups[0] == "dev"`, yes, ""},
		{`session.age < duration("1h") && session.age.getMinutes() == 20`, yes, ""},
		{`resource.created + duration("48h") == request.time`, yes, ""},
		{`request.time - resource.created > duration("47h59m")`, yes, ""},
		{`string == 7 && string(string) == "7"`, yes, ""},
		{`int("42") == 42 && int(risk) == 0 && string(amount) + "!" == "250!"`, yes, ""},
		{`amount in [1, 250] && request.agent in ["a", "curl/8.1 (x86_64)"]`, yes, ""},
		{`amount == 250 ? session.mfa : absent.flag`, yes, ""},

		// Labels.
		{`principal.labels["team"] == "red" && principal.labels.team == resource.labels["team"]`, yes, ""},
		{`principal.labels.team == "forged"`, no, ""},
		{`"team" in principal.labels && !("tier" in principal.labels) && "tier" in resource.labels`, yes, ""},
		{`"tier" in principal.labels && principal.labels.tier == "gold"`, no, ""},
		{`principal.labels["tier"] == "gold"`, unknown, ""},
		{`principal.labels.tier != "gold"`, unknown, ""},
		{`principal.labels.tier == "gold" || session.mfa`, yes, ""},
		{`resource.labels[principal.labels.team] == "x"`, unknown, ""},
		{`resource.tags.exists(t, t in principal.labels) || "red" == principal.labels["te" + "am"]`, yes, ""},
		{`absent.map["team"] == "red"`, unknown, "absent.map"},
		{`absent.map.team == "red"`, unknown, "absent.map"},
		{`"team" in absent.map`, unknown, "absent.map"},
		{`principal.labels[absent.text] == "red"`, unknown, "absent.text"},

		// Macros.
		{`principal.groups.exists(g, g in resource.tags)`, yes, ""},
		{`principal.groups.all(g, g in resource.tags)`, no, ""},
		{`[].all(x, x) && !(absent.count in [])`, yes, ""},
		{`principal.groups.exists_one(g, g in resource.tags)`, yes, ""},
		{`[1, 2].exists(n, n / 0 == 1 || n == 2)`, yes, ""},

		// Regular expressions.
		{`request.agent.matches("^curl/[0-9.]+ ")`, yes, ""},
		{`request.agent.matches("^[0-9]+$")`, no, ""},
		{`request.agent.matches("(?i)^CURL.{2,10}")`, yes, ""},

		// Time zones. Without one it is UTC, whatever zone a value came with.
		{`request.time.getHours() == 10 && request.time.getDayOfWeek() == 3`, yes, ""},
		{`request.time.getHours("Europe/Berlin") == 12 && request.time.getMinutes("Europe/Berlin") == 30`, yes, ""},
		{`request.time.getHours("America/New_York") == 6`, yes, ""},
		{`request.time.getHours("+05:45") == 16 && request.time.getMinutes("+05:45") == 15`, yes, ""},
		{`request.time.getHours("-10:31") == 23 && request.time.getDate("-10:31") == 30 && request.time.getMonth("-10:31") == 5`, yes, ""},
		{`request.time.getFullYear("UTC") == 2026 && request.time.getDayOfYear("UTC") == 181`, yes, ""},
		{`request.time.getSeconds("UTC") + request.time.getMilliseconds("UTC") + request.time.getDayOfMonth("UTC") == 0`, yes, ""},
		{`request.time.getDayOfWeek("Asia/Tokyo") == 3`, yes, ""},
		{`resource.created.getHours() == 10 && string(resource.created) == "2026-06-29T10:30:00Z"`, yes, ""},
		{`request.time < timestamp("2026-07-01T10:30:00.000001Z")`, yes, ""},

		// A missing attribute is unknown, and what is decided without it is decided.
		{`absent.flag`, unknown, "absent.flag"},
		{`!absent.flag`, unknown, "absent.flag"},
		{`absent.flag && false`, no, ""},
		{`false && absent.flag`, no, ""},
		{`absent.flag || true`, yes, ""},
		{`absent.flag || session.mfa`, yes, ""},
		{`absent.flag && session.mfa`, unknown, "absent.flag"},
		{`absent.flag || !absent.flag`, unknown, "absent.flag"},
		{`absent.text == "" || absent.count == 0`, unknown, "absent.count"},
		{`absent.count + 1 > absent.count`, unknown, "absent.count"},
		{`absent.flag ? true : true`, unknown, "absent.flag"},
		{`session.mfa ? true : absent.flag`, yes, ""},
		{`absent.text in ["a"]`, unknown, "absent.text"},
		{`"a" in absent.list`, unknown, "absent.list"},
		{`absent.text in principal.groups`, unknown, "absent.text"},
		{`absent.list.exists(x, true)`, unknown, "absent.list"},
		{`principal.groups.exists(g, g == absent.text)`, unknown, "absent.text"},
		{`principal.groups.exists(g, g == "ops" || g == absent.text)`, yes, ""},
		{`principal.groups.all(g, g == "ops" && g == absent.text)`, no, ""},
		{`absent.list[0] == "a"`, unknown, "absent.list"},
		{`principal.groups[absent.count] == "a"`, unknown, "absent.count"},
		{`absent.text.matches("a")`, unknown, "absent.text"},
		{`absent.text.startsWith("a")`, unknown, "absent.text"},
		{`cidr("10.0.0.0/8").containsIP(absent.text)`, unknown, "absent.text"},

		// What fails is unknown on the same terms, and names nothing.
		{`1 / (amount - 250) == 0`, unknown, ""},
		{`amount % (amount - 250) == 0`, unknown, ""},
		{`amount * 9223372036854775807 > 0`, unknown, ""},
		{`principal.groups[2] == "x"`, unknown, ""},
		{`principal.groups[amount] == "x"`, unknown, ""},
		{`int(request.agent) == 1`, unknown, ""},
		{`timestamp(request.agent) < request.time`, unknown, ""},
		{`duration(request.agent) < session.age`, unknown, ""},
		{`cidr(request.agent).containsIP(request.ip)`, unknown, ""},
		{`1 / (amount - 250) == 0 || true`, yes, ""},
		{`1 / (amount - 250) == 0 && false`, no, ""},
		{`1 / (amount - 250) == 0 && absent.flag`, unknown, "absent.flag"},
	} {
		schema := testSchema(t)
		truth, missing := compileOne(t, &Language{}, schema, tt.source).Eval(testEnv(t, schema))
		if truth != tt.truth || missing != tt.missing {
			t.Errorf("%s: %v %q, want %v %q", tt.source, truth, missing, tt.truth, tt.missing)
		}
	}
}

// TestLimits: the estimate refuses a source, the run-time limit ends an evaluation, a value that is too long counts as missing.
func TestLimits(t *testing.T) {
	schema := testSchema(t)
	const heavy = `principal.groups.exists(a, a in resource.tags)`
	if _, err := (&Language{MaxCost: 1000}).Compile(heavy, schema); err == nil {
		t.Error("more than MaxCost is compiled")
	}
	if _, err := (&Language{MaxCost: 100}).Compile(`amount == 1`, schema); err != nil {
		t.Error(err)
	}
	for limit, want := range map[uint64]policy.Truth{5: policy.Unknown, 1000: policy.True} {
		c, err := new(Language).compile(heavy, schema, limit)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if truth, missing := c.Eval(testEnv(t, schema)); truth != want || missing != "" {
				t.Errorf("with %d units: %v %q, want %v", limit, truth, missing, want)
			}
		}
	}

	// What is compiled at the least MaxCost that admits it is not ended by it.
	for _, source := range []string{
		`[resource.owner, network][principal.groups.size() - 2].startsWith("us_123456789012")`, heavy, `amount == 250 && risk < 1.0`,
	} {
		l := &Language{MaxCost: 1}
		c, err := l.Compile(source, schema)
		for ; err != nil && l.MaxCost < DefaultMaxCost; c, err = l.Compile(source, schema) {
			l.MaxCost += l.MaxCost/20 + 1
		}
		if err != nil {
			t.Fatal(err)
		}
		if truth, _ := c.Eval(testEnv(t, schema)); truth == policy.Unknown {
			t.Errorf("%s is unknown at MaxCost %d", source, l.MaxCost)
		}
	}

	text := func(n int) string { return strings.Repeat("x", n) }
	tooMany := make([]string, MaxStrings+1)
	for source, tt := range map[string]struct {
		attrs   *policy.Attrs
		truth   policy.Truth
		missing string
	}{
		`network != ""`:                   {new(policy.Attrs).SetString("network", text(MaxString)), policy.True, ""},
		`network != "" || network == ""`:  {new(policy.Attrs).SetString("network", text(MaxString+1)), policy.Unknown, "network"},
		`size(resource.tags) > 0`:         {new(policy.Attrs).SetStrings("resource.tags", tooMany[1:]), policy.True, ""},
		`resource.tags.size() > 0`:        {new(policy.Attrs).SetStrings("resource.tags", tooMany), policy.Unknown, "resource.tags"},
		`resource.tags[0] != ""`:          {new(policy.Attrs).SetStrings("resource.tags", []string{text(MaxElement)}), policy.True, ""},
		`resource.tags[1] != ""`:          {new(policy.Attrs).SetStrings("resource.tags", []string{"", text(MaxElement + 1)}), policy.Unknown, "resource.tags"},
		`resource.labels.a != ""`:         {new(policy.Attrs).SetMap("resource.labels", map[string]string{"a": text(MaxElement)}), policy.True, ""},
		`resource.labels["a"] != ""`:      {new(policy.Attrs).SetMap("resource.labels", map[string]string{"a": "b", "c": text(MaxElement + 1)}), policy.Unknown, "resource.labels"},
		`"a" in resource.labels`:          {new(policy.Attrs).SetMap("resource.labels", nil), policy.False, ""},
		`resource.created > request.time`: {new(policy.Attrs).SetTime("resource.created", maxTime), policy.Unknown, "resource.created"},
		`resource.created < request.time`: {new(policy.Attrs).SetTime("resource.created", minTime), policy.True, ""},
		`amount == 1`:                     {new(policy.Attrs).SetString("amount", "1"), policy.Unknown, "amount"}, // of another type
	} {
		env := policy.NewEnv(schema, policy.Account{ID: "us_1", Kind: policy.User}, "or_1", policy.Root, now.UnixMicro(), tt.attrs)
		if truth, missing := compileOne(t, &Language{}, schema, source).Eval(env); truth != tt.truth || missing != tt.missing {
			t.Errorf("%s: %v %q, want %v %q", source, truth, missing, tt.truth, tt.missing)
		}
	}
}
