package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

func checkSleep(t *tree) []string {
	var out []string
	for f := range t.files {
		// A suite that engines call is a test, whatever its file is called.
		if !f.test && !strings.HasSuffix(f.ast.Name.Name, "test") {
			continue
		}
		for _, call := range f.calls("time", "Sleep") {
			out = append(out, fmt.Sprintf("%s sleeps in a test: it is slow when it passes and fails on a busy machine; move "+
				"the fake clock, or wait for the event itself", t.at(call.Pos())))
		}
	}
	return out
}

func checkInit(t *tree) []string {
	var out []string
	for f := range t.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				out = append(out, fmt.Sprintf("%s declares init: what runs on import cannot be configured, ordered or tested "+
					"by the host; do it in a constructor", t.at(fn.Pos())))
			}
		}
	}
	return out
}

// statement finds SQL in a format string: the keywords as we write them, and whole statements in any case.
var statement = regexp.MustCompile(`\b(SELECT|INSERT|UPDATE|DELETE)\b` +
	`|(?is)\b(select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from)\b`)

func checkSQLFormat(t *tree) []string {
	var out []string
	for _, p := range t.pkgs {
		consts := stringConsts(p)
		for _, f := range p.files {
			if f.test {
				continue
			}
			flag := func(call *ast.CallExpr, arg int) {
				if len(call.Args) > arg && statement.MatchString(text(call.Args[arg], consts)) {
					out = append(out, fmt.Sprintf("%s formats SQL: text put into a statement is how injection starts; bind a "+
						"parameter, and choose columns from a closed set", t.at(call.Pos())))
				}
			}
			for _, call := range f.calls("fmt", "Sprintf") {
				flag(call, 0)
			}
			for _, call := range f.calls("fmt", "Fprintf", "Appendf") {
				flag(call, 1)
			}
		}
	}
	return out
}

// stringConsts gathers the string constants and variables of a package that are initialised with a literal.
func stringConsts(p *pkg) map[string]string {
	consts := map[string]string{}
	for _, f := range p.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if i < len(spec.Values) {
					if s := text(spec.Values[i], nil); s != "" {
						consts[name.Name] = s
					}
				}
			}
			return true
		})
	}
	return consts
}

// text is as much of a string expression as can be read without running it.
func text(e ast.Expr, consts map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			if s, err := strconv.Unquote(e.Value); err == nil {
				return s
			}
		}
	case *ast.ParenExpr:
		return text(e.X, consts)
	case *ast.BinaryExpr:
		return text(e.X, consts) + text(e.Y, consts)
	case *ast.Ident:
		return consts[e.Name]
	}
	return ""
}
