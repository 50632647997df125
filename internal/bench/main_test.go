package main

import (
	"strings"
	"testing"
)

func TestParseSizes(t *testing.T) {
	for text, want := range map[string]string{"S": "S", "L,S": "SL", "M, S": "SM", "S,M,L": "SML"} {
		sizes, err := parseSizes(text)
		got := ""
		for _, s := range sizes {
			got += s.Name
		}
		if err != nil || got != want {
			t.Errorf("%q: %s (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "XL", "S,", "s"} {
		if sizes, err := parseSizes(text); err == nil {
			t.Errorf("%q: %v", text, sizes)
		}
	}
}

// What is misspelled measures nothing.
func TestArguments(t *testing.T) {
	for _, args := range []string{"-sizes XL", "S", "-rounds 0", "-check soon", "-size S", "-only token"} {
		var log strings.Builder
		if err := run(strings.Fields(args), &log); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}
