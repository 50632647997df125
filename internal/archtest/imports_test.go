package archtest

import (
	"fmt"
	"slices"
)

// A fence keeps an imported package inside the folders that are about it.
type fence struct {
	packages []string // the package and everything below it
	folders  []string // where it may be imported, and below
	files    []string // single files beside those
	why      string
}

var sqlFence = fence{
	packages: []string{"database/sql", "github.com/jmoiron/sqlx"},
	folders:  []string{"store", "migrations", "examples", "internal/budget", "internal/bench", "cmd/doctor"},
	files:    []string{"identity/sql.go"}, // exposes host statements inside our transaction
	why:      "SQL lives in store, behind the port, where one text serves all engines and the conformance suite sees it",
}

var joseFence = fence{
	packages: []string{"github.com/go-jose/go-jose/v4", "github.com/go-jose/go-jose", "gopkg.in/square/go-jose.v2"},
	folders:  []string{"token", "internal/bench/tokens"}, // which measures it beside ours
	why:      "token is the one place that parses and proves, so that there is one place to review for it",
}

var randFence = fence{
	packages: []string{"math/rand"}, // and math/rand/v2
	// Conformance suites, hosts' test fixtures and measurements want repeatable numbers and make no secrets for anyone.
	folders: []string{"store/storetest", "identity/identitytest", "internal/workload", "internal/budget", "internal/bench"},
	why:     "an identity library that holds a predictable generator will one day make a secret with it; use crypto/rand",
}

func (c fence) check(t *tree) []string {
	var out []string
	for f := range t.files {
		if f.test || withinAny(f.dir, c.folders...) || slices.Contains(c.files, f.path) {
			continue
		}
		for path, pos := range f.imports {
			if withinAny(path, c.packages...) {
				out = append(out, fmt.Sprintf("%s imports %s: %s", t.at(pos), path, c.why))
			}
		}
	}
	return out
}
