package policy

import (
	"fmt"
	"testing"
)

// TestCoverageEffort: many claims cost what concerns each of them, and the same roles are compared once.
func TestCoverageEffort(t *testing.T) {
	const n = 1000
	d := office(t)
	wide := Role{ID: "wide"}
	for i := range 250 {
		wide.Permissions = append(wide.Permissions, fmt.Sprintf("p%d:*", i))
	}
	if err := d.PutRole(wide); err != nil {
		t.Fatal(err)
	}
	d.PutAccount(Account{ID: "many", Kind: User})
	for i := range n {
		if err := d.PutBinding(Binding{ID: fmt.Sprint("many", i), Subject: "many", Role: "wide", Scope: path(t, fmt.Sprintf("p/%d", i)), Effect: Allow}); err != nil {
			t.Fatal(err)
		}
	}
	s := d.Snapshot()
	h, _ := s.Account("many")
	k := s.Coverage(h, nil)
	began := k.Effort()
	for i := range n {
		if missing, ok := k.Covers(Claim{Account: h, Role: "wide", Scope: path(t, fmt.Sprintf("p/%d", i)), Start: int64(i), Now: 1}); !ok {
			t.Fatalf("p/%d: lacks %s", i, missing)
		}
	}
	if spent, most := k.Effort()-began, n+2*patternEffort*(len(wide.Permissions)+1); began != n || spent > most {
		t.Errorf("effort %d to prepare and %d for %d claims, want %d and at most %d", began, spent, n, n, most)
	}
	if _, ok := k.Covers(Claim{Account: h, Role: "wide", Scope: Root, Now: 1}); ok {
		t.Error("covered at the root")
	}
	if _, ok := (*Snapshot)(nil).Coverage(h, nil).Covers(Claim{Role: "wide", Scope: Root}); ok {
		t.Error("no snapshot covers")
	}
}
