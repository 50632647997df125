package token

import (
	"slices"
	"testing"
)

// TestAlgorithms: what is listed is what is known.
func TestAlgorithms(t *testing.T) {
	if got := Algorithms(); !slices.Equal(got, allAlgorithms) {
		t.Errorf("%v", got)
	}
	for _, a := range Algorithms() {
		if !a.known() {
			t.Errorf("%s is not known", a)
		}
	}
}
