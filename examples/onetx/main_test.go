package main

import (
	"context"
	"strings"
	"testing"
)

func TestBothOrNeither(t *testing.T) {
	var out strings.Builder
	run(context.Background(), &out)
	const want = `
a project                    done     projects 1, bindings 1
the same name again          refused  projects 1, bindings 1
an owner who does not exist  refused  projects 1, bindings 1
another project              done     projects 2, bindings 2
one too many                 refused  projects 2, bindings 2
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("it says%swant%s", got, want)
	}
}
