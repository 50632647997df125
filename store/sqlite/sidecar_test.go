package sqlite

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestSec63_FenceIsPrivate: the file beside the database is its owner's alone, when
// it is made, when it is written anew, and when it is appended to.
func TestSec63_FenceIsPrivate(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	commitOrg(t, s, "acme")
	private := func(when string) {
		t.Helper()
		found := 0
		err := filepath.WalkDir(filepath.Dir(path), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := os.Stat(name)
			if err == nil && info.Mode() != 0o600 {
				t.Errorf("%s: %s has mode %v", when, filepath.Base(name), info.Mode())
			}
			if filepath.Ext(name) == ".fence" {
				found++
			}
			return err
		})
		if err != nil || found != 1 {
			t.Fatalf("%s: %d fence files, %v", when, found, err)
		}
	}
	for _, text := range []string{"first\n", "second\n"} {
		if err := s.Sidecar().Rewrite(func([]byte) ([]byte, error) { return []byte(text), nil }); err != nil {
			t.Fatal(err)
		}
		private("written as " + text)
	}
	if err := s.Sidecar().Append([]byte("third\n")); err != nil {
		t.Fatal(err)
	}
	private("appended to")
}
