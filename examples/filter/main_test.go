package main

import (
	"context"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	var out strings.Builder
	run(context.Background(), &out)
	const want = `
DOCUMENT         ann    ben    cho    dan    eve
apollo/plan      reads  reads  reads  -      -
apollo/salaries  reads  reads  -      -      -
apollo/minutes   reads  reads  reads  -      -
apollo-2/plan    reads  -      reads  -      -
zeus/plan        reads  -      reads  -      -
zeus/100%        reads  -      reads  reads  -
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("the table is%swant%s", got, want)
	}
}
