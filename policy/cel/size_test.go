package cel

import (
	"strings"
	"testing"

	"github.com/claviger-go/claviger/policy"
)

// TestSize: what is just small enough compiles, and the parser sees no more tokens than were counted.
func TestSize(t *testing.T) {
	schema := testSchema(t)
	for _, source := range []string{
		strings.Repeat("amount==1||", 127) + "amount==1",
		"amount in [" + strings.Repeat("1,", 508) + "1]",
		`request.agent == "` + strings.Repeat("word ", 800) + `"` + strings.Repeat(" ", policy.MaxCondition-4019),
	} {
		compileOne(t, &Language{}, schema, source)
	}
	for source, want := range map[string]int{
		"": 0, " \t\r\n": 0, "a": 1, "a.b": 3, "a_1 b": 2, "amount==1||": 6, `"a b"`: 4, "é_9é": 1, "// a": 3, "[[": 2, "\x00": 1,
	} {
		if got := tokens(source); got != want {
			t.Errorf("%q: %d tokens, want %d", source, got, want)
		}
	}
}
