package policy

import "testing"

// TestSec48_Covers holds, as a table, what an account must hold to pass a role on. The random worlds compare it with the
// reference.
func TestSec48_Covers(t *testing.T) {
	pattern := Role{ID: "p", Permissions: []string{"w:*"}}
	names := Role{ID: "n", Permissions: []string{"w:read", "w:write", "vault:open"}}
	star := Role{ID: "s", Permissions: []string{"*"}}
	for _, c := range []struct {
		name    string
		held    Role
		deny    Role // at p/1/f/1, if it has an id
		want    Role
		scope   string
		missing string
	}{
		{"itself", pattern, Role{}, pattern, "p/1", ""},
		{"names of a pattern", pattern, Role{}, names, "p/1", ""},
		{"a pattern by its names of today", names, Role{}, pattern, "p/1", "w:*"},
		{"under the scope", pattern, Role{}, pattern, "p/1/f/2", ""},
		{"above the scope", pattern, Role{}, pattern, "/", "w:read"},
		{"beside the scope", pattern, Role{}, pattern, "p/10", "w:read"},
		{"a wider pattern", pattern, Role{}, star, "p/1", "w.x:read"},
		{"a narrower pattern", star, Role{}, pattern, "p/1", ""},
		{"management", star, Role{}, Role{ID: "m", Permissions: []string{"identity:*"}}, "p/1", "identity:accounts.read"},
		{"an exclusion for the future", Role{ID: "x", Permissions: []string{"*"}, Exclusions: []string{"new:*"}}, Role{}, star, "p/1", "new:*"},
		{"nothing", Role{ID: "e"}, Role{}, Role{ID: "n"}, "p/1", ""},
		{"a deny under the scope", star, pattern, names, "p/1", "w:read"},
		{"a deny beside the scope", star, pattern, names, "p/1/f/2", ""},
		{"a deny above the scope", star, pattern, names, "p/1/f/1/i/1", "w:read"},
		{"a deny of something else", star, Role{ID: "d", Permissions: []string{"plain"}}, names, "p/1", ""},
		{"a deny of part of a pattern", star, Role{ID: "d", Permissions: []string{"w:deep.*"}}, pattern, "p/1", "w:deep.*"},
		{"a deny of an unknown role", star, Role{ID: "code:gone"}, names, "p/1", "w:read"},
		{"an unknown include", star, Role{}, Role{ID: "u", Includes: []string{"code:gone"}}, "p/1", "identity:accounts.read"},
	} {
		d := office(t)
		c.held.ID = "held"
		if err := d.PutRole(c.held); err != nil {
			t.Fatal(err)
		}
		bind(t, d, "allow", "users", "held", "p/1", Allow)
		if c.deny.ID != "" {
			if c.deny.ID != "code:gone" {
				c.deny.ID = "denied"
				if err := d.PutRole(c.deny); err != nil {
					t.Fatal(err)
				}
			}
			bind(t, d, "deny", "ann", c.deny.ID, "p/1/f/1", Deny, during(50, 60))
		}
		s := d.Snapshot()
		h, _ := s.Account("ann")
		if missing, ok := s.Covers(Claim{Account: h, Definition: &c.want, Scope: path(t, c.scope), Now: 10}); missing != c.missing || ok != (c.missing == "") {
			t.Errorf("%s: missing %q, want %q", c.name, missing, c.missing)
		}
		if _, ok := s.Covers(Claim{Account: h, Definition: &c.want, Scope: path(t, c.scope), End: 50, Now: 10}); c.deny.ID != "" && !ok {
			t.Errorf("%s: the deny counts before it begins", c.name)
		}
		if _, ok := s.Covers(Claim{Account: h, Org: "other", Definition: &c.want, Scope: path(t, c.scope), Now: 10}); ok && len(c.want.Permissions) > 0 {
			t.Errorf("%s: held in another organisation", c.name)
		}
		if _, ok := s.Covers(Claim{Account: Handle{}, Definition: &c.want, Scope: path(t, c.scope), Now: 10}); ok {
			t.Errorf("%s: nobody holds it", c.name)
		}
		if _, ok := s.Covers(Claim{Account: h, Definition: &c.want, Scope: Path{}, Now: 10}); ok {
			t.Errorf("%s: held nowhere", c.name)
		}
	}
}

// An allow covers only what lies wholly in its dates.
func TestCoversDates(t *testing.T) {
	d := office(t)
	bind(t, d, "b", "ann", "code:reader", "/", Allow, during(100, 200))
	s := d.Snapshot()
	h, _ := s.Account("ann")
	for _, c := range []struct {
		start, end, now int64
		want            bool
	}{
		{100, 200, 0, true}, {0, 200, 100, true}, {150, 160, 0, true}, {99, 200, 0, false}, {0, 200, 99, false}, {100, 201, 0, false},
		{100, 0, 0, false}, {0, 0, 150, false}, {50, 200, 150, true}, {160, 150, 0, false}, {100, 200, 250, false},
	} {
		if _, ok := s.Covers(Claim{Account: h, Role: "code:reader", Scope: Root, Start: c.start, End: c.end, Now: c.now}); ok != c.want {
			t.Errorf("%+v: %v", c, ok)
		}
	}
}
