package readme_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	declared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	named    = regexp.MustCompile(`\b(?:Test|Fuzz)\w+`)
	linked   = regexp.MustCompile(`\]\(([^)#:]+)\)`)
)

// root is the folder of the repository.
const root = "../.."

// testsOf are the names of all tests of the tree.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// TestNamedTests holds the documents to the tree: a test that one of them names exists, and so does a file that it links to.
func TestNamedTests(t *testing.T) {
	tests := testsOf(t)
	names := 0
	for _, document := range []string{"README.md", "ARCHITECTURE.md", "docs/capabilities.md", "docs/security.md"} {
		text, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range named.FindAllString(string(text), -1) {
			names++
			if !tests[name] {
				t.Errorf("%s names %s, which is not there", document, name)
			}
		}
		for _, m := range linked.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, m[1], err)
			}
		}
	}
	if names < 50 {
		t.Errorf("the documents name %d tests: this test does not read them well", names)
	}
}
