package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParsePattern(t *testing.T) {
	for _, s := range []string{"", "w*", "w:*x", "w:**", "*:read", ":", "w:?", "w :*", "**", "w:*\n", strings.Repeat("a", 129), strings.Repeat("a", 127) + ":*"} {
		if _, err := ParsePattern(s); (err == nil) != (s == ":") {
			t.Errorf("ParsePattern(%q): %v", s, err)
		}
	}
	for _, c := range []struct {
		pattern string
		match   []string
		not     []string
	}{
		{"w:read", []string{"w:read"}, []string{"w:reads", "w:rea", "W:read", "", "w:read "}},
		{"w:*", []string{"w:read", "w:x:y", "w:x.y"}, []string{"w:", "w", "w.read", "ww:read", "W:read", "", "wx:read"}},
		{"w.*", []string{"w.read"}, []string{"w:read", "wxread", "w."}},
		{"*", []string{"w:read", "plain", "identity", "identity.x", "Identity:x"}, []string{"", "identity:read", "identity:"}},
		{"identity:*", []string{"identity:read", "identity:escalate2", "identity:escalate:x"},
			[]string{"identity:escalate", "identity:impersonate", "identity:contain", "identity:", "w:read"}},
		{"identity:escalate", []string{"identity:escalate"}, []string{"identity:escalate:x", "identity:read"}},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.match {
			if !p.Match(name) {
				t.Errorf("%s does not match %q", c.pattern, name)
			}
		}
		for _, name := range c.not {
			if p.Match(name) {
				t.Errorf("%s matches %q", c.pattern, name)
			}
		}
	}
	if (Pattern{}).Match("") || (Pattern{}).Match("x") || (Pattern{}).IsExact() {
		t.Error("the zero pattern matches")
	}
}

func TestNewCatalog(t *testing.T) {
	for _, c := range []struct {
		specs []PermissionSpec
		kind  error
		names string
	}{
		{[]PermissionSpec{{Name: ""}}, ErrSyntax, ""},
		{[]PermissionSpec{{Name: "a b"}}, ErrSyntax, `"a b"`},
		{[]PermissionSpec{{Name: "a:*"}}, ErrSyntax, `"a:*"`},
		{[]PermissionSpec{{Name: "a"}, {Name: "b"}, {Name: "a"}}, ErrDuplicate, `"a"`},
		{[]PermissionSpec{{Name: "a", Aliases: []string{"b"}}, {Name: "b"}}, ErrDuplicate, `"b"`},
		{[]PermissionSpec{{Name: "a", Aliases: []string{"a"}}}, ErrDuplicate, `"a"`},
		{[]PermissionSpec{{Name: "a", Aliases: []string{"\n"}}}, ErrSyntax, `"\n"`},
		{[]PermissionSpec{{Name: "a", Aliases: []string{"identity:a"}}}, ErrReserved, `"identity:a"`},
		{[]PermissionSpec{{Name: "identity:a", Aliases: []string{"a"}}}, ErrReserved, `"a"`},
	} {
		if _, err := NewCatalog(c.specs...); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("NewCatalog(%v): %v, want %v naming %s", c.specs, err, c.kind, c.names)
		}
	}
	c, err := NewCatalog(worldSpecs...)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := c.Lookup("w:open"); !ok || got.Name != "vault:open" {
		t.Errorf("Lookup of an alias gave %v, %v", got, ok)
	} else if got.Aliases[0] = "changed"; true {
		if again, _ := c.Lookup("vault:open"); again.Aliases[0] != "w:open" {
			t.Error("a caller changed the catalog")
		}
	}
	if at, ok := c.find(&Permission{}); ok {
		t.Errorf("the zero permission is found at %d", at)
	}
	if _, ok := c.Lookup("W:read"); ok || c.Len() != len(worldSpecs) {
		t.Error("the catalog has what it should not")
	}
	var names []string
	for s := range c.All() {
		names = append(names, s.Name)
	}
	if len(names) != len(worldSpecs) || names[0] != "w:read" {
		t.Errorf("All gave %v", names)
	}
}

func TestNewRoles(t *testing.T) {
	cat, err := NewCatalog(worldSpecs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		roles []Role
		kind  error
		text  string
	}{
		{[]Role{{ID: "reader"}}, ErrSyntax, `role "reader" id`},
		{[]Role{{ID: "code:"}}, ErrSyntax, "id"},
		{[]Role{{ID: "code:a:b"}}, ErrSyntax, "id"},
		{[]Role{{ID: "code:a"}, {ID: "code:a"}}, ErrDuplicate, `role "code:a" id`},
		{[]Role{{ID: "code:a", Permissions: []string{"w:none"}}}, ErrUnknownPermission, `role "code:a" permissions: unknown permission "w:none"`},
		{[]Role{{ID: "code:a", Exclusions: []string{"w:none"}}}, ErrUnknownPermission, "exclusions"},
		{[]Role{{ID: "code:a", Permissions: []string{"w*"}}}, ErrSyntax, `permissions: malformed "w*"`},
		{[]Role{{ID: "code:a", Includes: []string{"code:b"}}}, ErrUnknownRole, `includes: unknown role "code:b"`},
		{[]Role{{ID: "code:a", Includes: []string{"code:a"}}}, ErrCycle, "includes"},
		{[]Role{{ID: "code:a", Includes: []string{"code:b"}}, {ID: "code:b", Includes: []string{"code:a"}}}, ErrCycle, "includes"},
	} {
		if _, err := NewRoles(cat, c.roles); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("NewRoles(%v): %v, want %v with %s", c.roles, err, c.kind, c.text)
		}
	}
	roles, err := NewRoles(cat, worldCode)
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := roles.Lookup("code:writer"); !ok || !slices.Equal(r.Includes, []string{"code:reader"}) {
		t.Errorf("Lookup gave %v, %v", r, ok)
	}
	n := 0
	for range roles.All() {
		n++
	}
	if _, ok := roles.Lookup("code:gone"); ok || n != len(worldCode) {
		t.Error("roles that were not given")
	}
}

// TestContents is the algebra of roles as a table: what an allow and a deny through the role each touch.
func TestContents(t *testing.T) {
	cat, err := NewCatalog(worldSpecs...)
	if err != nil {
		t.Fatal(err)
	}
	code, err := NewRoles(cat, worldCode)
	if err != nil {
		t.Fatal(err)
	}
	all := "w:read w:write w.x:read w.x:write vault:open doc.read doc.write plain"
	management := "identity:accounts.read"
	exact := "identity:escalate identity:contain"
	everything := all + " " + management + " " + exact
	for _, c := range []struct {
		name        string
		role        Role
		least, most string
	}{
		{"empty", Role{}, "", ""},
		{"names", Role{Permissions: []string{"w:read", "plain"}}, "w:read plain", "w:read plain"},
		{"alias", Role{Permissions: []string{"docs.read"}}, "doc.read", "doc.read"},
		{"pattern covers an alias", Role{Permissions: []string{"w:*"}}, "w:read w:write vault:open", "w:read w:write vault:open"},
		{"star", Role{Permissions: []string{"*"}}, all, all},
		{"management", Role{Permissions: []string{"identity:*"}}, management, management},
		{"exact management", Role{Permissions: []string{"identity:hold"}}, "identity:contain", "identity:contain"},
		{"exclusion", Role{Permissions: []string{"w:*"}, Exclusions: []string{"w:write"}}, "w:read vault:open", "w:read vault:open"},
		{"exclusion of an alias", Role{Permissions: []string{"*"}, Exclusions: []string{"w:*", "w.*", "docs.*", "doc.*"}}, "plain", "plain"},
		{"star does not exclude management", Role{Permissions: []string{"identity:*", "*"}, Exclusions: []string{"*"}}, management, management},
		{"include", Role{Permissions: []string{"plain"}, Includes: []string{"code:reader"}}, "w:read doc.read doc.write plain", "w:read doc.read doc.write plain"},
		{"include keeps its exclusions", Role{Includes: []string{"code:writer"}}, "w:read w:write doc.read doc.write", "w:read w:write doc.read doc.write"},
		{"an exclusion of an include is no deny", Role{Permissions: []string{"vault:open"}, Includes: []string{"code:writer"}},
			"w:read w:write vault:open doc.read doc.write", "w:read w:write vault:open doc.read doc.write"},
		{"exclusion takes from includes", Role{Includes: []string{"code:writer"}, Exclusions: []string{"doc.*"}}, "w:read w:write", "w:read w:write"},
		{"unknown name", Role{Permissions: []string{"w:future", "plain"}}, "plain", "plain"},
		{"unreadable permission", Role{Permissions: []string{"w?", "plain"}}, "plain", everything},
		{"unreadable exclusion", Role{Permissions: []string{"w:*"}, Exclusions: []string{"w?"}}, "", "w:read w:write vault:open"},
		{"unknown include", Role{Permissions: []string{"plain"}, Includes: []string{"code:gone"}}, "plain", everything},
		{"unknown include less exclusions", Role{Includes: []string{"code:gone"}, Exclusions: []string{"*", "identity:*"}}, "", exact},
	} {
		c.role.ID = "r"
		d := New(Model{Catalog: cat, Roles: code}, "home").Edit()
		if err := d.LoadRole(c.role); err != nil {
			t.Fatal(err)
		}
		row := d.Snapshot().roles
		slot, _ := row.find(hashName("r"), "r")
		texts := func(b bitset) string {
			var out []string
			for i, s := range cat.spellings {
				if b.has(uint32(i)) {
					out = append(out, s[0])
				}
			}
			return strings.Join(out, " ")
		}
		if got := texts(row.row(slot).least); got != c.least {
			t.Errorf("%s: an allow gives %s, want %s", c.name, got, c.least)
		}
		if got := texts(row.row(slot).most); got != c.most {
			t.Errorf("%s: a deny takes %s, want %s", c.name, got, c.most)
		}
	}
}

func TestPutRole(t *testing.T) {
	cat, err := NewCatalog(worldSpecs...)
	if err != nil {
		t.Fatal(err)
	}
	code, err := NewRoles(cat, worldCode)
	if err != nil {
		t.Fatal(err)
	}
	d := New(Model{Catalog: cat, Roles: code}, "home").Edit()
	for _, r := range []Role{{ID: "a", Permissions: []string{"w:read"}}, {ID: "b", Includes: []string{"a", "code:reader"}}} {
		if err := d.PutRole(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		role Role
		kind error
	}{
		{Role{}, ErrSyntax},
		{Role{ID: "code:x"}, ErrReserved},
		{Role{ID: "c", Permissions: []string{"w:none"}}, ErrUnknownPermission},
		{Role{ID: "c", Exclusions: []string{"w*"}}, ErrSyntax},
		{Role{ID: "c", Includes: []string{"gone"}}, ErrUnknownRole},
		{Role{ID: "a", Includes: []string{"a"}}, ErrCycle},
		{Role{ID: "a", Includes: []string{"b"}}, ErrCycle},
	} {
		if err := d.PutRole(c.role); !errors.Is(err, c.kind) {
			t.Errorf("PutRole(%v): %v, want %v", c.role, err, c.kind)
		}
	}
	if err := d.LoadRole(Role{ID: "a", Includes: []string{"b"}}); !errors.Is(err, ErrCycle) {
		t.Errorf("LoadRole took a cycle: %v", err)
	}
	if r, ok := d.Snapshot().Role("a"); !ok || len(r.Permissions) != 1 {
		t.Errorf("a refused role left %v", r)
	}
}
