package main

import (
	"context"
	"strings"
	"testing"
)

// TestStory plays it; a step that goes otherwise than told ends the test binary with an error.
func TestStory(t *testing.T) {
	var out strings.Builder
	run(context.Background(), &out)
	for _, word := range []string{"Build robot", "Payments robot", "200 OK", "403 Forbidden", "404 Not Found", "401 Unauthorized", "account_inactive", "invalid_grant"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("%q was not told:\n%s", word, out.String())
		}
	}
}
