package sqlite

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/claviger-go/claviger/identity"
)

func TestChanged(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path, func(o *Options) { o.Shared = true })
	other := openStore(t, path, func(o *Options) { o.Shared = true })
	changed := func(want bool) {
		t.Helper()
		got, err := s.Changed(t.Context())
		if err != nil || got != want {
			t.Fatalf("Changed is %t, it should be %t (%v)", got, want, err)
		}
	}
	changed(false)
	for _, slug := range []string{"a", "b"} {
		commitOrg(t, other, slug)
		changed(true)
		changed(false)
	}
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Orgs().Insert(t.Context(), identity.Org{ID: "or_c", Slug: "c", State: identity.OrgActive}); err != nil {
		t.Fatal(err)
	}
	changed(false)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	changed(false)

	// A caller that goes away does not lose the change for the next.
	commitOrg(t, other, "d")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Changed(gone); !errors.Is(err, context.Canceled) {
		t.Fatalf("Changed for nobody: %v", err)
	}
	changed(true)
}

func TestFileReplaced(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"renamed over": func(t *testing.T, path string) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path+".new", string(content))
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		},
		"link turned": func(t *testing.T, path string) {
			write(t, path+".other", "")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path+".other", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			s := openStore(t, path)
			if _, err := s.Changed(t.Context()); err != nil {
				t.Fatal(err)
			}
			replace(t, path)
			for range 2 {
				if _, err := s.Changed(t.Context()); !errors.Is(err, identity.ErrStorage) {
					t.Fatalf("Changed: %v", err)
				}
			}
		})
	}
}
