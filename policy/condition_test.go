package policy

import "testing"

// The deny that decides is one that no condition could lift, whichever the walk meets first.
func TestSureDenyIsNamed(t *testing.T) {
	schema, err := NewSchema(AttributeSpec{Name: "x", Type: TypeBool})
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range [][2]string{{"", "attr:x"}, {"attr:x", ""}} {
		cat, err := NewCatalog(worldSpecs...)
		if err != nil {
			t.Fatal(err)
		}
		d := New(Model{Catalog: cat, Conditions: NewConditions(toy{}, schema)}, "home").Edit()
		d.PutAccount(Account{ID: "ann", Kind: User})
		if err := d.PutRole(Role{ID: "all", Permissions: []string{"*"}}); err != nil {
			t.Fatal(err)
		}
		for i, condition := range order {
			id := map[string]string{"": "sure", "attr:x": "maybe"}[condition]
			err := d.PutBinding(Binding{ID: id, Subject: "ann", Role: "all", Scope: []Path{Root, path(t, "p/1")}[i], Effect: Deny, Condition: condition})
			if err != nil {
				t.Fatal(err)
			}
		}
		s := d.Snapshot()
		h, _ := s.Account("ann")
		got := s.Decide(&Query{Account: h, Permission: perm(t, "w:read"), Path: path(t, "p/1")})
		if got != (Decision{Reason: ReasonDenied, Binding: "sure"}) {
			t.Errorf("%q: %+v", order, got)
		}
	}
}

// A type that does not exist is no fault of the name, and the cause of a refused condition is not lost.
func TestRefusalsSayWhy(t *testing.T) {
	_, err := NewSchema(AttributeSpec{Name: "request.ok"})
	if e, ok := err.(*Error); !ok || e.Field != "type" || e.ID != "request.ok" {
		t.Errorf("a schema without a type: %v", err)
	}
	if err := NewConditions(toy{}, nil).Check("what?"); err == nil || err.Error() != `policy: condition: malformed "what?": what?` {
		t.Errorf("the cause is lost: %v", err)
	}
}
