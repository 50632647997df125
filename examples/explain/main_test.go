package main

import (
	"context"
	"strings"
	"testing"
)

// TestAnswers holds the whole output: it reads as people would say it, and is the same in every run.
func TestAnswers(t *testing.T) {
	var out strings.Builder
	run(context.Background(), &out, nil)
	if got, want := out.String(), strings.TrimPrefix(answers, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestOwnQuestion asks one from the command line.
func TestOwnQuestion(t *testing.T) {
	var out strings.Builder
	run(context.Background(), &out, []string{"bob", "wallets:read", "projects/p2"})
	if !strings.HasPrefix(out.String(), "bob may use wallets:read at projects/p2: allowed\n") {
		t.Error(out.String())
	}
}

const answers = `
ann may use wallets:create at projects/p1/wallets/w1: allowed
bindings: applying 1, undecided 0, not applying 0
  + payments-edits: allow code:editor at projects/p1, through payments
      scope     yes     the path or above it
      role      yes     code:editor contains it: wallets:*
      dates     yes     always

bob may not use wallets:delete at projects/p1: denied
bindings: applying 1, undecided 0, not applying 2
  + p1-is-frozen: deny code:admin at projects/p1, through oncall
      scope     yes     the path or above it
      role      yes     code:admin contains it: *
      dates     yes     always
  - bob-edits: allow code:editor at /
      scope     yes     the path or above it
      role      no      code:editor excludes it: wallets:delete
      dates     yes     always
  - oncall-later: allow code:admin at /, through oncall
      scope     yes     the path or above it
      role      yes     code:admin contains it: *
      dates     no      from 2100-01-01T00:00:00Z
needed:
  - the deny p1-is-frozen would have to go
  - a binding of bob, or of a group it is in, to a role with wallets:delete at projects/p1 or above
    or the role code:editor would have to contain it: wallets:delete excludes it
    or the allow oncall-later begins at 2100-01-01T00:00:00Z

ci may not use keys:use at projects/p2: boundary
bindings: applying 1, undecided 0, not applying 0
  + ci-administers: allow code:admin at /
      scope     yes     the path or above it
      role      yes     code:admin contains it: *
      dates     yes     always
boundary: code:viewer lacks keys:use
needed:
  - the boundary code:viewer lacks keys:use, and would have to contain it or go

refused: account_inactive, since the account dora is inactive
the rules alone:
dora may not use wallets:read at /: no_binding
needed:
  - a binding of dora, or of a group it is in, to a role with wallets:read at /

ann may not use wallet:raed at /: unknown_permission
needed:
  - there is no permission wallet:raed; there is wallets:read

who may use wallets:read at projects/p1:
  ci    by ci-administers
  ann   by payments-edits, through payments
who may use wallets:delete at projects/p1:
  nobody
what ci may do there: wallets:read
what ann may do there: wallets:read wallets:create
`
