package readme_test

import (
	"os"
	"strings"
	"testing"
)

// TestBlock holds the README's first Go block to the text of the example that runs.
func TestBlock(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(readme), "\n```go\n")
	block, _, closed := strings.Cut(after, "\n```\n")
	if !found || !closed {
		t.Fatal("README.md has no Go block")
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	want := marked(string(source))
	got := strings.Split(block, "\n")
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("line %d of the README's first block is\n\t%s\nand in example_test.go\n\t%s", i+1, g, w)
		}
	}
}

// marked returns the lines between pairs of README comments, without the indentation of the first, and a blank line between
// the parts.
func marked(source string) []string {
	var out []string
	inside, indent := false, ""
	for line := range strings.SplitSeq(source, "\n") {
		if text := strings.TrimLeft(line, "\t"); text == "// README" {
			if inside = !inside; inside {
				indent = line[:len(line)-len(text)]
				if len(out) > 0 {
					out = append(out, "")
				}
			} else {
				out = trimBlank(out)
			}
			continue
		}
		if inside {
			out = append(out, strings.TrimPrefix(line, indent))
		}
	}
	return out
}

// trimBlank drops blank lines at the end, which gofmt puts before a mark.
func trimBlank(lines []string) []string {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
