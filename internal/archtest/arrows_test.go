package archtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A row says what a package may import of ours. A name ending in /... means the folder and everything below it.
type row struct {
	level   int
	pkg     string
	imports []string // "..." allows everything
}

// arrows is the drawing of ARCHITECTURE.md. Arrows go down, or sideways inside one level where the drawing says so.
//
// DO NOT CHANGE THIS TABLE TO MAKE A BUILD PASS.
//
// Test files are free to look up: the real engine in a temporary folder is the fake that identity is tested with.
var arrows = []row{
	// What stands on the library, and shows hosts how to.
	{4, "examples/...", host},
	{4, "cmd/claviger", append([]string{"cmd/cli"}, host...)},
	{4, "cmd/cli", append([]string{"cmd/doctor"}, host...)},
	{4, "cmd/doctor", []string{"identity", "policy", "store/sqlite", "token", "migrations"}},

	// The rim.
	{3, "identity/httpapi", []string{"identity/httpauth", "identity", "token"}},
	{3, "identity/identitytest", []string{"identity", "policy", "store/sqlite", "token"}},
	{3, "token/client", []string{"token"}},

	// HTTP on one side, SQL on the other; neither has heard of the other.
	{2, "identity/httpauth", []string{"identity", "policy"}}, // policy.Attrs: what conditions may read of a request
	{2, "store/sqlite", []string{"identity", "store", "migrations"}},
	{2, "store/storetest", []string{"identity", "policy", "token"}},
	{2, "store", []string{"identity", "policy", "migrations"}},

	// The nouns and their rules. The machinery below identity/internal knows no nouns: importing identity is a cycle.
	{1, "identity", []string{"identity/internal/...", "policy", "token"}},
	{1, "identity/internal/...", []string{"identity/internal/...", "policy", "token"}},

	// A language for conditions, in a module of its own for the sake of what it depends on.
	{1, "policy/cel", []string{"policy"}},

	// Useful alone.
	{0, "policy", nil},
	{0, "token", nil},
	{0, "migrations", nil},

	// Tools of the repository itself: no host can import them.
	{5, "internal/archtest", nil},
	{5, "internal/workload", []string{"policy"}}, // an engine under comparison may read it without our engine behind it
	{5, "internal/workload/host", []string{"internal/workload", "identity", "policy", "store/sqlite", "token"}},
	{5, "internal/budget/...", []string{"..."}},
	{5, "internal/bench/...", []string{"..."}},
	{5, "internal/soak/...", []string{"..."}},
	{5, "internal/vectors", []string{"token"}}, // published test vectors; a module of its own
	{5, "internal/interop", nil},               // clients of others, in tests alone; a module of its own
}

// host is what a program that embeds the library imports, and so all that examples and commands may.
var host = []string{
	"identity", "identity/httpauth", "identity/httpapi", "store/sqlite", "policy", "token", "token/client",
}

// rowOf finds the row of a folder: its own, or that of the closest folder above it that ends in /...
func rowOf(dir string) (row, bool) {
	best, found := row{}, false
	for _, r := range arrows {
		if matches(r.pkg, dir) && (!found || len(r.pkg) > len(best.pkg)) {
			best, found = r, true
		}
	}
	return best, found
}

func matches(pattern, dir string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return within(dir, folder)
	}
	return pattern == "..." || pattern == dir
}

func checkArrows(t *tree) []string {
	var out []string
	for _, p := range t.pkgs {
		r, ok := rowOf(p.dir)
		if !ok {
			out = append(out, fmt.Sprintf("package %s is in no row of the import table: say on which level it stands and "+
				"what it may import, or nothing keeps it from importing everything", p.dir))
			continue
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			for path, pos := range f.imports {
				ours, ok := ourPackage(path)
				if !ok {
					continue
				}
				if !slices.ContainsFunc(r.imports, func(pattern string) bool { return matches(pattern, ours) }) {
					out = append(out, fmt.Sprintf("%s: %s (level %d) imports %s, which the import table does not allow: "+
						"%s", t.at(pos), p.dir, r.level, ours, whyNot(r, ours)))
				}
			}
		}
	}
	return out
}

// ourPackage gives the folder of a package of this repository.
func ourPackage(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// whyNot is the second half of the sentence: what breaks when this arrow is drawn.
func whyNot(r row, ours string) string {
	switch to, _ := rowOf(ours); {
	case r.level == 0:
		return "policy, token and migrations are useful alone and stay so only while they import nothing of ours"
	case strings.HasPrefix(r.pkg, "identity/internal/") && ours == "identity":
		return "the machinery knows no nouns, make it generic over what it needs; importing identity is also a cycle"
	case to.level > r.level:
		return "arrows only go down, else the two packages can no longer be read, tested or replaced apart"
	case r.level == 4:
		return "an example shows what a host can do, so it uses only what a host imports"
	default:
		return fmt.Sprintf("it may import %s of ours; ask for what is missing at the port between them", list(r.imports))
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// TestTableGoesDown holds the table itself to the law it states.
func TestTableGoesDown(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range arrows {
		if seen[r.pkg] {
			t.Errorf("%s has two rows; only one of them can be the policy", r.pkg)
		}
		seen[r.pkg] = true
		for _, im := range r.imports {
			if im == "..." {
				continue
			}
			to, ok := rowOf(strings.TrimSuffix(im, "/..."))
			if !ok {
				t.Errorf("the row of %s allows %s, which has no row", r.pkg, im)
			} else if to.level > r.level {
				t.Errorf("the row of %s (level %d) allows %s (level %d): arrows only go down", r.pkg, r.level, im, to.level)
			}
		}
	}
}

// TestTableHasNoCycle follows the arrows; two rows that allow each other would let the layers grow together.
func TestTableHasNoCycle(t *testing.T) {
	var walk func(pkg string, trail []string)
	walk = func(pkg string, trail []string) {
		if slices.Contains(trail, pkg) {
			t.Errorf("the table allows a cycle: %s", strings.Join(append(trail, pkg), " → "))
			return
		}
		r, _ := rowOf(strings.TrimSuffix(pkg, "/..."))
		for _, im := range r.imports {
			if im != "..." && im != pkg { // a folder may import within itself; the compiler refuses cycles there
				walk(im, append(slices.Clone(trail), pkg))
			}
		}
	}
	for _, r := range arrows {
		walk(r.pkg, nil)
	}
}
