package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/storetest"
)

func TestConformance(t *testing.T) {
	made := newPath(t) // once: a schema takes longer to make than most laws to prove
	if err := openStore(t, made).Close(); err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T) identity.Store {
		path := newPath(t)
		if err := os.WriteFile(path, empty, 0o600); err != nil {
			t.Fatal(err)
		}
		return openStore(t, path)
	})
}

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "app.db")
}

// openStore opens a store that waits for nobody, and closes it with the test.
func openStore(t *testing.T, path string, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{LockWait: time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatalf("Open %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}
