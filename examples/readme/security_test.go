package readme_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityTable: docs/security.md has every requirement once, each with a test
// or the reason why it has none; where tests carry its number, one of them.
func TestSecurityTable(t *testing.T) {
	const requirements = 66
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|(.*)\|$`).FindAllStringSubmatch(string(text), -1) {
		if rows[m[1]] != "" {
			t.Errorf("%s is there twice", m[1])
		}
		rows[m[1]] = m[2]
		if !named.MatchString(m[2]) && !strings.Contains(m[2], "not in this product") && !strings.Contains(m[2], ".ci/run") {
			t.Errorf("%s has no test, and does not say why", m[1])
		}
	}
	if len(rows) != requirements {
		t.Errorf("%d requirements, expected %d", len(rows), requirements)
	}
	for test := range testsOf(t) {
		for _, m := range regexp.MustCompile(`Sec(\d+)_`).FindAllStringSubmatch(test, -1) {
			if !strings.Contains(rows[strings.TrimLeft(m[1], "0")], "Sec"+m[1]+"_") {
				t.Errorf("the row of %s names no test of its number, such as %s", m[1], test)
			}
		}
	}
}
