package main

import (
	"path/filepath"
	"testing"
)

// The bare statements fit the schema, or the row that they measure stops.
func TestBareWrite(t *testing.T) {
	bare, err := openBare(filepath.Join(t.TempDir(), "bare.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer bare.db.Close()
	defer bare.conn.Close()
	for n := range 3 {
		if err := bare.create(n + 1); err != nil {
			t.Fatal(err)
		}
	}
}
