package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A rule reads the tree and says in whole sentences what is wrong with it and why that matters.
type rule struct {
	name  string
	check func(*tree) []string
}

var rules = []rule{
	{"arrows", checkArrows},
	{"top-level", checkTopLevel},
	{"folder-name", checkFolderNames},
	{"file-size", checkFileSize},
	{"package-comment", checkPackageComment},
	{"interface-size", checkInterfaceSize},
	{"sql", sqlFence.check},
	{"jose", joseFence.check},
	{"rand", randFence.check},
	{"sleep", checkSleep},
	{"init", checkInit},
	{"sql-format", checkSQLFormat},
}

// TestArchitecture holds the repository to every rule.
func TestArchitecture(t *testing.T) {
	repo := loadRepository(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, sentence := range r.check(repo) {
				t.Error(sentence)
			}
		})
	}
}

// loadRepository fails when it looks at the wrong folder, since every rule is green over an empty one.
func loadRepository(t *testing.T) *tree {
	t.Helper()
	root := filepath.Join("..", "..")
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(mod), "module "+module+"\n") {
		t.Fatalf("%s is not the root of module %s", root, module)
	}
	repo, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range repo.pkgs {
		if p.dir == "internal/archtest" {
			return repo
		}
	}
	t.Fatal("the walk over the repository did not find this package")
	return nil
}
