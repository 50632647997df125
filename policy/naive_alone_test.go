package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNaiveStandsAlone holds that the reference evaluator is short enough to be read at one go, and that it calls nothing of this
// package but itself and the text of a path: what both shared, neither would find wrong in the other.
func TestNaiveStandsAlone(t *testing.T) {
	const file, most = "naive_test.go", 152
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		if line := strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			lines++
		}
	}
	if lines > most {
		t.Errorf("%s has %d lines of code, at most %d", file, lines, most)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"len", "append", "string", "String"}
	for _, d := range parsed.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			allowed = append(allowed, fn.Name.Name)
		}
	}
	calls := 0
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		calls++
		name := ""
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			name = fun.Name
		case *ast.SelectorExpr:
			if pkg, ok := fun.X.(*ast.Ident); ok && (pkg.Name == "slices" || pkg.Name == "strings") {
				return true
			}
			name = fun.Sel.Name
		}
		if !slices.Contains(allowed, name) {
			t.Errorf("%s calls %s, which it does not declare", file, name)
		}
		return true
	})
	if calls < 20 {
		t.Errorf("only %d calls were looked at", calls)
	}
}
