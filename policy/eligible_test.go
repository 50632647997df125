package policy

import (
	"errors"
	"strings"
	"testing"
)

// TestEligible: what is eligible only gives nothing to anybody who asks, and is there for whoever looks for it.
func TestEligible(t *testing.T) {
	s, q := filterWorld(t, "", Binding{Scope: Root, Effect: Allow, Eligible: true})
	if d := s.Decide(&q); d.Reason != ReasonMissingPath {
		t.Errorf("%+v", d)
	}
	q.Path = path(t, "p/1")
	if d := s.Decide(&q); d.Reason != ReasonNoBinding {
		t.Errorf("%+v", d)
	}
	if f := s.Filter(q); !f.Nothing() {
		t.Errorf("%+v", f)
	}
	if p := s.PermissionsOn(q); p.Reason != ReasonNoBinding || p.Partial {
		t.Errorf("%+v", p)
	}
	for h := range s.WhoCan(q) {
		t.Errorf("%+v", h)
	}
	if missing, ok := s.Covers(Claim{Account: q.Account, Role: "code:reader", Scope: Root, Now: 1}); ok || missing != "w:read" {
		t.Errorf("held: %q, %t", missing, ok)
	}
	e := s.Explain(q)
	if text := e.String(); !strings.Contains(text, "eligible only") || !strings.Contains(text, "or the allow a would have to be switched on") {
		t.Errorf("%s", text)
	}
	n := 0
	for b := range s.BindingsOf("u") {
		if !b.Eligible {
			t.Errorf("%+v", b)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d bindings", n)
	}
	err := s.Edit().PutBinding(Binding{ID: "x", Subject: "u", Role: "code:reader", Scope: Root, Effect: Deny, Eligible: true})
	var where *Error
	if !errors.As(err, &where) || where.Field != "eligible" {
		t.Errorf("a deny: %v", err)
	}
}

// TestEligibleOwner: who may make itself an owner is none.
func TestEligibleOwner(t *testing.T) {
	for _, eligible := range []bool{true, false} {
		cat, err := NewCatalog(PermissionSpec{Name: "w:read"})
		if err != nil {
			t.Fatal(err)
		}
		d := New(Model{Catalog: cat}, "home").Edit()
		d.PutAccount(Account{ID: "u", Kind: User})
		if err := d.PutRole(Role{ID: "owner", Permissions: []string{"*", "identity:*"}}); err != nil {
			t.Fatal(err)
		}
		if err := d.PutBinding(Binding{ID: "b", Subject: "u", Role: "owner", Scope: Root, Effect: Allow, Eligible: eligible}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for range d.Snapshot().Owners(1) {
			n++
		}
		if (n == 0) != eligible {
			t.Errorf("eligible %t: %d owners", eligible, n)
		}
	}
}
