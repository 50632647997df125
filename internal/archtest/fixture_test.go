package archtest

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// A fixture is a small tree and what one rule has to say about it: a part of its one sentence, or nothing.
type fixture struct {
	rule  string
	name  string
	files map[string]string
	want  string
}

// src is a file with a package comment, so that fixtures are wrong in one way only.
func src(pkg string, lines ...string) string {
	return "// Package " + pkg + " is a fixture.\npackage " + pkg + "\n\n" + strings.Join(lines, "\n") + "\n"
}

func imports(pkg string, paths ...string) string {
	var lines []string
	for _, p := range paths {
		lines = append(lines, fmt.Sprintf("import _ %q", p))
	}
	return src(pkg, lines...)
}

func one(path, content string) map[string]string { return map[string]string{path: content} }

func methods(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\tM%d()\n", i)
	}
	return b.String()
}

const ours = module + "/"

var fixtures = []fixture{
	{"arrows", "policy imports nothing of ours", one("policy/a.go", imports("policy", ours+"token")), "policy (level 0) imports token"},
	{"arrows", "token imports nothing of ours", one("token/a.go", imports("token", ours+"policy")), "useful alone"},
	{"arrows", "migrations import nothing of ours", one("migrations/a.go", imports("migrations", ours+"store")), "level 0"},
	{"arrows", "identity does not know its engines", one("identity/a.go", imports("identity", ours+"store")), "arrows only go down"},
	{"arrows", "machinery knows no nouns", one("identity/internal/ring/a.go", imports("ring", ours+"identity")), "also a cycle"},
	{"arrows", "store has never heard of HTTP", one("store/a.go", imports("store", ours+"identity/httpauth")), "store (level 2) imports identity/httpauth"},
	{"arrows", "engine has no rules of its own", one("store/sqlite/a.go", imports("sqlite", ours+"policy")), "it may import identity, store, migrations"},
	{"arrows", "middleware stays thin", one("identity/httpauth/a.go", imports("httpauth", ours+"store/sqlite")), "level 2"},
	{"arrows", "workloads need no identity", one("token/client/a.go", imports("client", ours+"identity")), "it may import token"},
	{"arrows", "examples use what hosts use", one("examples/quickstart/a.go", imports("main", ours+"store")), "an example shows"},
	{"arrows", "the archtest imports nothing", one("internal/archtest/a.go", imports("archtest", ours+"identity")), "internal/archtest"},
	{"arrows", "a package without a row", one("policy/rego/a.go", src("rego")), "in no row"},
	{"arrows", "a language knows policy only", one("policy/cel/a.go", imports("cel", ours+"identity")), "policy/cel (level 1) imports identity"},
	{"arrows", "the root is no package", one("a.go", src("claviger")), "package . is in no row"},
	{"arrows", "nobody imports the root", one("store/a.go", imports("store", module)), "imports ."},
	{"arrows", "build tags hide nothing", one("policy/a_plan9.go", "//go:build plan9\n\n"+imports("policy", ours+"token")), "level 0"},
	{"arrows", "a row for a new tool", one("internal/tool/a.go", src("tool")), "in no row"},
	{"arrows", "everything as drawn", map[string]string{
		"cmd/claviger/a.go":          imports("main", ours+"identity", ours+"store/sqlite", ours+"token/client"),
		"examples/sql/a.go":          imports("main", ours+"policy", ours+"identity/httpapi"),
		"identity/a.go":              imports("identity", ours+"policy", ours+"token", ours+"identity/internal/ring"),
		"identity/a_test.go":         imports("identity_test", ours+"store/sqlite"),
		"identity/httpapi/a.go":      imports("httpapi", ours+"identity/httpauth", ours+"identity", ours+"token"),
		"identity/identitytest/a.go": imports("identitytest", ours+"identity", ours+"store/sqlite"),
		"identity/internal/ring/a.go": imports("ring", ours+"identity/internal/clock", ours+"token", "context",
			"github.com/claviger-go/claviger-other"),
		"internal/budget/a.go":       imports("main", ours+"store", ours+"policy"),
		"internal/budget/part/a.go":  imports("part", ours+"identity/httpapi"),
		"store/sqlite/a.go":          imports("sqlite", ours+"store", ours+"migrations"),
		"store/storetest/a.go":       imports("storetest", ours+"identity", ours+"policy"),
		"policy/testdata/bad/bad.go": imports("bad", ours+"store"),
	}, ""},

	{"top-level", "a folder nobody decided on", one("server/a.go", src("server")), "server is a new top-level folder"},
	{"top-level", "hidden ones too", one(".circus/x.yml", ""), ".circus"},
	{"top-level", "as designed", map[string]string{"docs/a.md": "", ".ci/run": "", "store/deep/er/a.go": src("er")}, ""},

	{"folder-name", "util", one("store/util/a.go", src("util")), "called util"},
	{"folder-name", "common without Go in it", one("docs/common/a.md", ""), "called common"},
	{"folder-name", "helpers", one("internal/helpers/a.go", src("helpers")), "called helpers"},
	{"folder-name", "shared", one("shared/a.go", src("shared")), "called shared"},
	{"folder-name", "base", one("identity/internal/base/a.go", src("base")), "called base"},
	{"folder-name", "nouns, and what the go tool ignores", map[string]string{
		"store/a.go": src("store"), "store/testdata/base/x.txt": "", "docs/database/x.md": ""}, ""},

	{"file-size", "one line too many", one("store/a.go", src("store", strings.Repeat("var _ = 1\n", maxCode))), "401 lines of code"},
	{"file-size", "raw strings are code", one("store/a.go", src("store", "const q = `"+strings.Repeat("x\n", maxCode)+"`")), "402 lines"},
	{"file-size", "exactly full, with blanks and comments", one("store/a.go",
		src("store", strings.Repeat("var _ = 1\n\n// why\n/* and\n why */\n", maxCode-1))), ""},
	{"file-size", "tests may be long", one("store/a_test.go", src("store", strings.Repeat("var _ = 1\n", 500))), ""},
	{"file-size", "generated may be long", one("store/gen.go",
		"// Code generated by x. DO NOT EDIT.\n\n"+src("store", strings.Repeat("var _ = 1\n", 500))), ""},

	{"package-comment", "none", one("store/a.go", "package store\n"), "package store has no package comment"},
	{"package-comment", "a licence is none", one("store/a.go", "// Copyright The Authors.\npackage store\n"), "package store"},
	{"package-comment", "a directive is none", one("store/a.go", "//go:generate x\npackage store\n"), "package store"},
	{"package-comment", "a test's comment is not the package's", map[string]string{
		"store/a.go": "package store\n", "store/a_test.go": src("store_test")}, "package store"},
	{"package-comment", "in one file of many", map[string]string{"store/a.go": "package store\n", "store/doc.go": src("store")}, ""},

	{"interface-size", "thirteen", one("identity/port.go",
		src("identity", "type Store interface {\n"+methods(13)+"}")), "interface Store declares 13 methods"},
	{"interface-size", "without a name", one("store/a.go",
		src("store", "func f(x interface {\n"+methods(13)+"}) {}")), "declares 13 methods"},
	{"interface-size", "the exception is one file's", one("identity/other.go",
		src("identity", "type Txn interface {\n"+methods(13)+"}")), "interface Txn"},
	{"interface-size", "several names on one line", one("store/a.go",
		src("store", "type I interface {\n"+methods(12)+"\tinterface{ A(); B() }\n}")), ""},
	{"interface-size", "the accessors", one("identity/port.go",
		src("identity", "type Txn interface {\n"+methods(20)+"}", "type Reader interface {\n"+methods(20)+"}")), ""},

	{"sql", "identity", one("identity/group.go", imports("identity", "database/sql")), "identity/group.go:4 imports database/sql"},
	{"sql", "sqlx", one("identity/group.go", imports("identity", "github.com/jmoiron/sqlx")), "sqlx"},
	{"sql", "below it", one("policy/a.go", imports("policy", "database/sql/driver")), "database/sql/driver"},
	{"sql", "httpauth", one("identity/httpauth/sql.go", imports("httpauth", "database/sql")), "httpauth/sql.go"},
	{"sql", "where it belongs", map[string]string{
		"store/sqlite/a.go": imports("sqlite", "database/sql"), "migrations/a.go": imports("migrations", "database/sql"),
		"examples/x/a.go": imports("main", "database/sql"), "internal/budget/a.go": imports("main", "github.com/jmoiron/sqlx"),
		"internal/bench/sub/a.go": imports("sub", "database/sql"), "identity/sql.go": imports("identity", "database/sql"),
		"identity/a_test.go": imports("identity", "database/sql"), "policy/a.go": imports("policy", "database/sqlite")}, ""},

	{"jose", "httpapi", one("identity/httpapi/a.go", imports("httpapi", "github.com/go-jose/go-jose/v4")), "httpapi/a.go:4"},
	{"jose", "its jwt", one("identity/a.go", imports("identity", "github.com/go-jose/go-jose/v4/jwt")), "one place to review"},
	{"jose", "where it belongs", map[string]string{"token/a.go": imports("token", "github.com/go-jose/go-jose/v4/jwt"),
		"identity/a_test.go": imports("identity", "github.com/go-jose/go-jose/v4")}, ""},

	{"rand", "v1", one("token/a.go", imports("token", "math/rand")), "token/a.go:4 imports math/rand"},
	{"rand", "v2", one("policy/a.go", imports("policy", "math/rand/v2")), "predictable"},
	{"rand", "where it belongs", map[string]string{"token/a_test.go": imports("token", "math/rand/v2"),
		"token/a.go": imports("token", "crypto/rand"), "store/storetest/a.go": imports("storetest", "math/rand/v2")}, ""},

	{"sleep", "plain", one("store/a_test.go", src("store", `import "time"`, "func f() { time.Sleep(1) }")), "store/a_test.go:5 sleeps"},
	{"sleep", "renamed", one("store/a_test.go", src("store", `import tm "time"`, "func f() { tm.Sleep(1) }")), "fake clock"},
	{"sleep", "dotted", one("store/a_test.go", src("store", `import . "time"`, "func f() { Sleep(1) }")), "fake clock"},
	{"sleep", "in a suite", one("store/storetest/a.go", src("storetest", `import "time"`, "func f() { time.Sleep(1) }")), "storetest"},
	{"sleep", "other sleeps", map[string]string{
		"store/a_test.go": src("store", `import "time"`, "var clock struct{ Sleep func(time.Duration) }", "func f() { clock.Sleep(1) }"),
		"store/a.go":      src("store", `import "time"`, "func f() { time.Sleep(1) }")}, ""},

	{"init", "in a library", one("store/a.go", src("store", "func init() {}")), "store/a.go:4 declares init"},
	{"init", "in a test", one("store/a_test.go", src("store", "func init() {}")), "constructor"},
	{"init", "a method is not one", one("store/a.go", src("store", "type t int", "func (t) init() {}")), ""},

	{"sql-format", "literal", one("store/a.go", src("store", `import "fmt"`, "var q = fmt.Sprintf(`SELECT %s`, `x`)")), "store/a.go:5 formats SQL"},
	{"sql-format", "concatenation", one("store/a.go", src("store", `import "fmt"`, `var q = fmt.Sprintf("DELETE "+("FROM %s"), "x")`)), "formats SQL"},
	{"sql-format", "constant", map[string]string{"store/a.go": src("store", `import "fmt"`, "var q = fmt.Sprintf(form, 1)"),
		"store/b.go": src("store", "const form = `UPDATE x SET y = %d`")}, "store/a.go:5 formats SQL"},
	{"sql-format", "lower case", one("store/a.go", src("store", `import "fmt"`, `var q = fmt.Sprintf("insert into %s", "x")`)), "formats SQL"},
	{"sql-format", "into a buffer", one("store/a.go", src("store", `import "fmt"`, "var q = fmt.Appendf(nil, `INSERT %d`, 1)")), "formats SQL"},
	{"sql-format", "prose, and tests", map[string]string{
		"store/a.go":      src("store", `import "fmt"`, `var q = fmt.Sprintf("select a %s, update it", "x")`, "const r = `SELECT 1`"),
		"store/a_test.go": src("store", `import "fmt"`, "var q2 = fmt.Sprintf(`SELECT %d`, 1)")}, ""},
}

// TestRules shows that each rule still sees what it is for, and nothing else.
func TestRules(t *testing.T) {
	byName := map[string]rule{}
	for _, r := range rules {
		byName[r.name] = r
	}
	red, green := map[string]bool{}, map[string]bool{}
	for _, fx := range fixtures {
		t.Run(fx.rule+"/"+fx.name, func(t *testing.T) {
			r, ok := byName[fx.rule]
			if !ok {
				t.Fatalf("there is no rule %s", fx.rule)
			}
			fsys := fstest.MapFS{}
			for path, content := range fx.files {
				fsys[path] = &fstest.MapFile{Data: []byte(content)}
			}
			tr, err := load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			got := r.check(tr)
			switch {
			case fx.want == "" && len(got) > 0:
				t.Errorf("flagged what is right: %q", got)
			case fx.want != "" && len(got) != 1:
				t.Errorf("got %d sentences %q, want one with %q", len(got), got, fx.want)
			case fx.want != "" && !strings.Contains(got[0], fx.want):
				t.Errorf("got %q, want it to contain %q", got[0], fx.want)
			}
		})
		if fx.want == "" {
			green[fx.rule] = true
		} else {
			red[fx.rule] = true
		}
	}
	for _, r := range rules {
		if !red[r.name] || !green[r.name] {
			t.Errorf("rule %s needs a fixture that it flags and one that it leaves alone, or it can rot unseen", r.name)
		}
	}
}
