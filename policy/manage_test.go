package policy

import (
	"slices"
	"testing"
)

// TestManagement: what a role gives over management is never less than it gives there, and says nothing of the host's permissions.
func TestManagement(t *testing.T) {
	cat, err := NewCatalog(worldSpecs...)
	if err != nil {
		t.Fatal(err)
	}
	d := New(Model{Catalog: cat}, "or_1").Edit()
	for _, r := range []Role{
		{ID: "host", Permissions: []string{"*"}},
		{ID: "groups", Permissions: []string{"identity:groups.*", "wallets:read"}, Exclusions: []string{"identity:groups.delete"}},
		{ID: "both", Permissions: []string{"identity:escalate"}, Includes: []string{"groups", "host"}, Exclusions: []string{"identity:groups.create"}},
		{ID: "twice", Includes: []string{"groups", "both"}},
		{ID: "lost", Includes: []string{"gone"}},
	} {
		if err := d.LoadRole(r); err != nil {
			t.Fatal(err)
		}
	}
	s := d.Snapshot()
	all := []string{"identity:*", "identity:contain", "identity:escalate", "identity:impersonate"}
	for role, want := range map[string][2][]string{
		"host":   {nil, nil},
		"groups": {{"identity:groups.*"}, {"identity:groups.delete"}},
		"both":   {{"identity:escalate", "identity:groups.*"}, {"identity:groups.create"}}, // what an included role excludes is not known here
		"twice":  {{"identity:escalate", "identity:groups.*"}, nil},
		"lost":   {all, nil},
		"gone":   {all, nil},
	} {
		got := s.Management(role)
		if !slices.Equal(got.Permissions, want[0]) || !slices.Equal(got.Exclusions, want[1]) || got.Includes != nil {
			t.Errorf("%s: %+v", role, got)
		}
	}
}
