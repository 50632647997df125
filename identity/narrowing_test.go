package identity_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

// TestEveryStateHasASeverity: a state that is added to those of a row which the
// sidecar remembers must be placed among them, or a restore would bring back what
// it refuses. What refuses for ever is never below what can be undone.
func TestEveryStateHasASeverity(t *testing.T) {
	nouns := map[string]string{"OrgState": "org", "AccountState": "account", "CredentialState": "credential", "KeyState": "signing-key"}
	seen := map[string]int{}
	for kind, states := range constants(t) {
		noun, ok := nouns[kind]
		if !ok {
			continue
		}
		for _, state := range states {
			seen[kind]++
			if identity.Severity(noun, state) < 0 {
				t.Errorf("the %s %q has no severity: a restore cannot tell whether it takes anything away", kind, state)
			}
		}
	}
	for kind, noun := range nouns {
		if seen[kind] < 3 {
			t.Errorf("%d constants of %s were found", seen[kind], kind)
		}
		if identity.Severity(noun, "invented") >= 0 {
			t.Errorf("an unknown %s has a severity", kind)
		}
	}
	for noun, order := range map[string]string{
		"org": "active suspended deleted", "account": "active inactive archived deleted",
		"credential": "active disabled revoked", "signing-key": "retired compromised",
	} {
		last := -1
		for _, state := range strings.Fields(order) {
			now := identity.Severity(noun, state)
			if now <= last {
				t.Errorf("%s %s refuses no more than what comes before it in %q", noun, state, order)
			}
			last = now
		}
	}
}

// constants are the texts of the typed constants of the package, by type.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			block, ok := decl.(*ast.GenDecl)
			if !ok || block.Tok != token.CONST {
				continue
			}
			for _, spec := range block.Specs {
				value := spec.(*ast.ValueSpec)
				kind, ok := value.Type.(*ast.Ident)
				if !ok {
					continue
				}
				for _, v := range value.Values {
					if text, ok := v.(*ast.BasicLit); ok && text.Kind == token.STRING {
						s, err := strconv.Unquote(text.Value)
						if err != nil {
							t.Fatal(err)
						}
						found[kind.Name] = append(found[kind.Name], s)
					}
				}
			}
		}
	}
	return found
}
