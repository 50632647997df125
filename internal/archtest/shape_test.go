package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

const (
	maxCode    = 400 // lines of code in a file
	maxMethods = 12  // methods an interface declares
)

// topLevel is what a newcomer sees first; hidden folders of editors are the reader's own business.
var topLevel = []string{
	"identity", "store", "token", "policy", "migrations", "examples", // the library
	"internal", "docs", ".ci", "cmd",
	".git", ".idea", ".vscode",
}

func checkTopLevel(t *tree) []string {
	var out []string
	for _, f := range t.folders {
		if !strings.Contains(f, "/") && !slices.Contains(topLevel, f) {
			out = append(out, fmt.Sprintf("%s is a new top-level folder: the folder listing is the table of contents, so a "+
				"noun goes below identity, store, token or policy, and a new chapter is a decision", f))
		}
	}
	return out
}

// vague names say where code is kept and not what it is about.
var vague = []string{"util", "utils", "common", "helper", "helpers", "shared", "base"}

func checkFolderNames(t *tree) []string {
	var out []string
	for _, f := range t.folders {
		if name := f[strings.LastIndexByte(f, '/')+1:]; slices.Contains(vague, name) {
			out = append(out, fmt.Sprintf("folder %s is called %s, which says nothing about what is in it, so everything "+
				"ends up there: name it after its noun", f, name))
		}
	}
	return out
}

func checkFileSize(t *tree) []string {
	var out []string
	for f := range t.files {
		if !f.test && !f.generated && f.code > maxCode {
			out = append(out, fmt.Sprintf("%s has %d lines of code, more than %d: a file that long holds more than one noun; "+
				"split it by noun", f.path, f.code, maxCode))
		}
	}
	return out
}

func checkPackageComment(t *tree) []string {
	var out []string
	for _, p := range t.pkgs {
		files := slices.DeleteFunc(slices.Clone(p.files), func(f *file) bool { return f.test })
		if len(files) == 0 {
			files = p.files
		}
		if !slices.ContainsFunc(files, hasPackageComment) {
			out = append(out, fmt.Sprintf("package %s has no package comment: the first thing a reader asks is what it is "+
				"for, what to call first and what it will never do", p.dir))
		}
	}
	return out
}

// hasPackageComment leaves out a licence or a directive that happens to stand right above the package clause.
func hasPackageComment(f *file) bool {
	if f.ast.Doc == nil {
		return false
	}
	text := strings.TrimSpace(f.ast.Doc.Text()) // without directives
	lower := strings.ToLower(text)
	return text != "" && !strings.HasPrefix(lower, "copyright") && !strings.HasPrefix(lower, "spdx-")
}

// accessors are the interfaces with one method per noun, whose size is the number of nouns.
var accessors = map[string][]string{"identity/port.go": {"Txn", "Reader"}}

func checkInterfaceSize(t *tree) []string {
	var out []string
	for f := range t.files {
		if f.test {
			continue
		}
		named := map[*ast.InterfaceType]string{}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if it, ok := n.Type.(*ast.InterfaceType); ok {
					named[it] = n.Name.Name
				}
			case *ast.InterfaceType:
				name := named[n]
				methods := 0
				for _, field := range n.Methods.List {
					methods += len(field.Names) // an embedded interface has no name and is counted where it is declared
				}
				if methods > maxMethods && !slices.Contains(accessors[f.path], name) {
					out = append(out, fmt.Sprintf("%s: interface %s declares %d methods, more than %d: nobody implements or "+
						"fakes that twice; split it by consumer, or make what varies a struct of values",
						t.at(n.Pos()), name, methods, maxMethods))
				}
			}
			return true
		})
	}
	return out
}
