package policy

import (
	"strings"
	"testing"
)

// explained is an organisation with something of everything.
func explained(t *testing.T) *Snapshot {
	t.Helper()
	cat, err := NewCatalog(PermissionSpec{Name: "wallets:read"}, PermissionSpec{Name: "wallets:create"}, PermissionSpec{Name: "keys:use"})
	if err != nil {
		t.Fatal(err)
	}
	code, err := NewRoles(cat, []Role{
		{ID: "code:viewer", Permissions: []string{"wallets:read"}},
		{ID: "code:all", Permissions: []string{"*"}},
		{ID: "code:auditor", Includes: []string{"code:viewer"}},
		{ID: "code:maker", Includes: []string{"code:all"}, Exclusions: []string{"keys:*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := NewSchema(AttributeSpec{Name: "office", Type: TypeBool})
	if err != nil {
		t.Fatal(err)
	}
	d := New(Model{Catalog: cat, Roles: code, Conditions: NewConditions(toy{}, schema)}, "home").Edit()
	d.PutAccount(Account{ID: "ann", Kind: User, Boundary: "code:viewer"})
	d.PutAccount(Account{ID: "bob", Kind: User})
	for _, m := range [][2]string{{"team", "ann"}, {"everyone", "team"}} {
		d.PutGroup(m[0])
		if err := d.AddMember(m[0], m[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []Binding{
		{ID: "b1", Subject: "everyone", Role: "code:auditor", Scope: path(t, "projects/p1"), Effect: Allow},
		{ID: "b2", Subject: "ann", Role: "code:maker", Scope: path(t, "projects/p2"), Effect: Allow},
		{ID: "b3", Subject: "users", Role: "code:all", Scope: path(t, "projects/p1/wallets/w1"), Effect: Deny, Condition: "attr:office"},
		{ID: "b4", Subject: "bob", Role: "code:viewer", Scope: Root, Effect: Allow, Start: 1_900_000_000_000_000},
		{ID: "b5", Subject: "bob", Role: "code:maker", Scope: Root, Effect: Allow},
		{ID: "b6", Subject: "bob", Role: "code:gone\x1b[2J", Scope: Root, Effect: Allow, Reach: "other"},
	} {
		if err := d.PutBinding(b); err != nil {
			t.Fatal(err)
		}
	}
	return d.Snapshot()
}

// TestExplanationText holds the text that operators read.
func TestExplanationText(t *testing.T) {
	s := explained(t)
	for _, c := range []struct {
		account, permission, path string
		limits                    []string
		want                      string
	}{
		{"ann", "wallets:read", "projects/p1", nil, `
ann may use wallets:read at projects/p1: allowed
bindings: applying 1, undecided 0, not applying 2
  + b1: allow code:auditor at projects/p1, through team > everyone
      scope     yes     the path or above it
      role      yes     code:auditor contains it, through code:viewer: wallets:read
      dates     yes     always
  - b2: allow code:maker at projects/p2
      scope     no      elsewhere
      role      yes     code:maker contains it, through code:all: *
      dates     yes     always
  - b3: deny code:all at projects/p1/wallets/w1, through users
      scope     no      elsewhere
      role      yes     code:all contains it: *
      dates     yes     always
      condition unknown attr:office, without office
boundary: code:viewer contains it: wallets:read`},
		{"ann", "keys:use", "projects/p1/wallets/w1", []string{"wallets:*"}, `
ann may not use keys:use at projects/p1/wallets/w1: denied
bindings: applying 0, undecided 1, not applying 2
  ? b3: deny code:all at projects/p1/wallets/w1, through users
      scope     yes     the path or above it
      role      yes     code:all contains it: *
      dates     yes     always
      condition unknown attr:office, without office
  - b1: allow code:auditor at projects/p1, through team > everyone
      scope     yes     the path or above it
      role      no      code:auditor lacks keys:use
      dates     yes     always
  - b2: allow code:maker at projects/p2
      scope     no      elsewhere
      role      no      code:maker excludes it: keys:*
      dates     yes     always
boundary: code:viewer lacks keys:use
token: limited to wallets:* everywhere, not keys:use
needed:
  - the attribute office is missing, which the condition of the deny b3 reads
    or the deny b3 would have to go
  - a binding of ann, or of a group it is in, to a role with keys:use at projects/p1/wallets/w1 or above
    or the role code:auditor would have to contain it
  - the boundary code:viewer lacks keys:use, and would have to contain it or go
  - a token that is not limited, or that leaves keys:use at projects/p1/wallets/w1`},
		{"bob", "keys:use", "/", nil, `
bob may not use keys:use at /: no_binding
bindings: applying 0, undecided 0, not applying 4
  - b5: allow code:maker at /
      scope     yes     the path or above it
      role      no      code:maker excludes it: keys:*
      dates     yes     always
  - b3: deny code:all at projects/p1/wallets/w1, through users
      scope     no      elsewhere
      role      yes     code:all contains it: *
      dates     yes     always
      condition unknown attr:office, without office
  - b4: allow code:viewer at /
      scope     yes     the path or above it
      role      no      code:viewer lacks keys:use
      dates     no      from 2030-03-17T17:46:40Z
  - b6: allow "code:gone\x1b[2J" at /
      scope     yes     the path or above it
      role      no      "code:gone\x1b[2J" does not exist
      dates     yes     always
      reach     no      other
needed:
  - a binding of bob, or of a group it is in, to a role with keys:use at /
    or the role code:maker would have to contain it: keys:* excludes it`},
		{"bob", "walets:raed", "/", nil, `
bob may not use walets:raed at /: unknown_permission
needed:
  - there is no permission walets:raed; there is wallets:read`},
		{"", "keys:use", "/", nil, `
an account that is not there may not use keys:use at /: unknown_account
needed:
  - the account would have to exist`},
		{"bob", "keys:use", "", nil, `
bob may not use keys:use at (none): missing_path
needed:
  - the request would have to name a path`},
	} {
		q := Query{Permission: perm(t, c.permission), Now: 1}
		q.Account, _ = s.Account(c.account)
		if c.path != "" {
			q.Path = path(t, c.path)
		}
		if c.limits != nil {
			q.Limits = NewLimits(s.cat, c.limits, Path{})
		}
		if got := s.Explain(q).String(); got != strings.TrimPrefix(c.want, "\n") {
			t.Errorf("%s %s %s:\n%s\nwant%s", c.account, c.permission, c.path, got, c.want)
		}
	}
}

// TestExplanationNames puts names in the place of ids, and never lets one write to a terminal what it likes.
func TestExplanationNames(t *testing.T) {
	s := explained(t)
	q := Query{Permission: perm(t, "wallets:read"), Path: path(t, "projects/p1"), Now: 1}
	q.Account, _ = s.Account("ann")
	text := s.Explain(q).Text(func(id string) string {
		return map[string]string{"ann": "Ann Lee", "team": "the team\nbindings: 9 apply", "code:viewer": "viewer\u202e"}[id]
	})
	for _, want := range []string{"Ann Lee may use", `through "the team\nbindings: 9 apply" > everyone`, `through "viewer\u202e": wallets:read`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestNeedTexts gives every way a text of its own.
func TestNeedTexts(t *testing.T) {
	seen := map[string]WayKind{}
	for kind := WayPermission; kind <= WayToken; kind++ {
		w := Way{Kind: kind, Account: "a", Permission: "p", Path: Root, Org: "o", Binding: "b", Role: "r", Attribute: "x", At: 1, Effect: Allow}
		text := w.String()
		if was, taken := seen[text]; taken || text == "none" {
			t.Errorf("%d: %q, as of %d", kind, text, was)
		}
		seen[text] = kind
	}
	if text := (Way{}).String(); text != "none" {
		t.Errorf("the zero way is %q", text)
	}
}

func TestNear(t *testing.T) {
	cat, err := NewCatalog(PermissionSpec{Name: "wallets:read"}, PermissionSpec{Name: "Wallets:Create", Aliases: []string{"wallets:new"}},
		PermissionSpec{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"wallet:read": "wallets:read", "wallets:raed": "wallets:read", "wallets:create": "Wallets:Create", "walletsnew": "wallets:new",
		"organisation.read": "", "y": "x", "keys:use": "",
	} {
		if got := strings.Join(cat.near(name), " "); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("near %s: %q, want %q", name, got, want)
		}
	}
}
