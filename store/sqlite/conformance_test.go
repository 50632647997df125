package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) identity.Store { return openStore(t, newPath(t)) })
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
