package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is the path every package of ours starts with.
const module = "github.com/claviger-go/claviger"

// A tree is the repository as the rules see it.
type tree struct {
	fset    *token.FileSet
	folders []string // every folder but the root, slash-separated, hidden ones only at the top level
	pkgs    []*pkg   // ordered by folder
}

// A pkg is one folder with Go files. A folder holds one package and, beside it, its external tests.
type pkg struct {
	dir   string // slash-separated, "." for the root
	files []*file
}

// A file is one parsed Go file.
type file struct {
	path      string // slash-separated, from the root
	dir       string
	test      bool // _test.go
	generated bool
	code      int // lines that hold code
	ast       *ast.File
}

// at names a position the way an editor opens it.
func (t *tree) at(p token.Pos) string {
	pos := t.fset.Position(p)
	return fmt.Sprintf("%s:%d", pos.Filename, pos.Line)
}

// files yields every file of the tree.
func (t *tree) files(yield func(*file) bool) {
	for _, p := range t.pkgs {
		for _, f := range p.files {
			if !yield(f) {
				return
			}
		}
	}
}

// load parses every Go file below fsys. Nested modules are part of the tree: a go.mod of its own keeps a
// dependency away from hosts, it does not make the rules void.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	byDir := map[string]*pkg{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return t.enter(name)
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		f, err := t.parse(name, src)
		if err != nil {
			return err
		}
		p := byDir[f.dir]
		if p == nil {
			p = &pkg{dir: f.dir}
			byDir[f.dir] = p
			t.pkgs = append(t.pkgs, p)
		}
		p.files = append(p.files, f)
		return nil
	})
	slices.SortFunc(t.pkgs, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	return t, err
}

// enter notes a folder and says whether the walk goes into it. It stays out of what the go tool ignores.
func (t *tree) enter(name string) error {
	if name == "." {
		return nil
	}
	base := path.Base(name)
	if base == "testdata" || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	hidden := strings.HasPrefix(base, ".")
	if !hidden || !strings.Contains(name, "/") {
		t.folders = append(t.folders, name)
	}
	if hidden {
		return fs.SkipDir
	}
	return nil
}

func (t *tree) parse(name string, src []byte) (*file, error) {
	parsed, err := parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &file{
		path:      name,
		dir:       path.Dir(name),
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(parsed),
		code:      codeLines(src),
		ast:       parsed,
	}, nil
}

// codeLines counts the lines of src on which a token stands, without blank lines inside raw strings.
func codeLines(src []byte) int {
	fset := token.NewFileSet()
	f := fset.AddFile("", fset.Base(), len(src))
	var s scanner.Scanner
	s.Init(f, src, nil, 0) // comments are skipped
	lines := bytes.Split(src, []byte("\n"))
	seen := map[int]bool{}
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.SEMICOLON && lit == "\n" { // inserted by the scanner, not written by anyone
			continue
		}
		first := f.Line(pos)
		for n := first; n <= first+strings.Count(lit, "\n"); n++ {
			if n <= len(lines) && len(bytes.TrimSpace(lines[n-1])) > 0 {
				seen[n] = true
			}
		}
	}
	return len(seen)
}

// imports yields the import paths of f with the position of each.
func (f *file) imports(yield func(string, token.Pos) bool) {
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused such a file already
		}
		if !yield(p, spec.Pos()) {
			return
		}
	}
}

// calls yields every call in f of one of the named functions of the package imported from importPath, whatever
// the file calls that import.
func (f *file) calls(importPath string, names ...string) []*ast.CallExpr {
	local := ""
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil && p == importPath {
			local = path.Base(importPath)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return nil
	}
	var found []*ast.CallExpr
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.SelectorExpr:
			if x, ok := fun.X.(*ast.Ident); ok && x.Name == local && slices.Contains(names, fun.Sel.Name) {
				found = append(found, call)
			}
		case *ast.Ident: // import . "time"
			if local == "." && slices.Contains(names, fun.Name) {
				found = append(found, call)
			}
		}
		return true
	})
	return found
}

// within says whether dir is folder or lies below it.
func within(dir, folder string) bool {
	return dir == folder || strings.HasPrefix(dir, folder+"/")
}

// withinAny is within for several folders.
func withinAny(dir string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return within(dir, f) })
}
