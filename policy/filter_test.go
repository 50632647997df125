package policy

import (
	"slices"
	"testing"
)

// filterWorld is a snapshot with one user "u", who has the bindings given and whose boundary is a role, or none.
func filterWorld(t testing.TB, boundary string, bindings ...Binding) (*Snapshot, Query) {
	t.Helper()
	cat, err := NewCatalog(PermissionSpec{Name: "w:read"}, PermissionSpec{Name: "w:write"})
	if err != nil {
		t.Fatal(err)
	}
	roles, err := NewRoles(cat, []Role{{ID: "code:reader", Permissions: []string{"w:read"}}, {ID: "code:writer", Permissions: []string{"w:write"}}})
	if err != nil {
		t.Fatal(err)
	}
	d := New(Model{Catalog: cat, Roles: roles, Conditions: NewConditions(toy{}, nil)}, "home").Edit()
	d.PutAccount(Account{ID: "u", Kind: User, Boundary: boundary})
	for i, b := range bindings {
		b.ID, b.Subject, b.Role = string(rune('a'+i)), "u", "code:reader"
		if err := d.PutBinding(b); err != nil {
			t.Fatal(err)
		}
	}
	s := d.Snapshot()
	h, _ := s.Account("u")
	return s, Query{Account: h, Permission: perm(t, "w:read"), Now: 1}
}

func TestFilter(t *testing.T) {
	at := func(s string) Path { return path(t, s) }
	allow := func(scope, condition string) Binding {
		return Binding{Scope: at(scope), Effect: Allow, Condition: condition}
	}
	deny := func(scope, condition string) Binding {
		return Binding{Scope: at(scope), Effect: Deny, Condition: condition}
	}
	onlyWrite := func(q *Query, s *Snapshot) { q.Limits = NewLimits(s.cat, []string{"w:write"}, Path{}) }
	at1 := func(q *Query, s *Snapshot) { q.Limits = NewLimits(s.cat, nil, at("p/1")) }
	for _, c := range []struct {
		what            string
		boundary        string
		bindings        []Binding
		change          func(*Query, *Snapshot)
		allowed, denied string
		reason          Reason
		partial         bool
		missing         []string
	}{
		{what: "nothing", reason: ReasonNoBinding},
		{what: "everything", bindings: []Binding{allow("/", ""), allow("p/1", "")}, allowed: "/", reason: ReasonAllowed},
		{what: "nested", bindings: []Binding{allow("p/1/f/1", ""), allow("p/1", ""), allow("p/10", ""), deny("p/1/f/2", ""), deny("q/1", ""),
			deny("p/1/f/2/i/1", "")}, allowed: "p/1 p/10", denied: "p/1/f/2", reason: ReasonAllowed},
		{what: "all denied", bindings: []Binding{allow("p/1", ""), deny("p/1", "")}, reason: ReasonDenied},
		{what: "denied at the top", bindings: []Binding{deny("/", "")}, reason: ReasonDenied},
		{what: "boundary", boundary: "code:writer", bindings: []Binding{allow("/", "")}, reason: ReasonBoundary},
		{what: "boundary, doubt", boundary: "code:gone", bindings: []Binding{allow("/", "at:p/1")}, reason: ReasonNoBinding},
		{what: "token permissions", bindings: []Binding{allow("/", "")}, change: onlyWrite, reason: ReasonTokenLimits},
		{what: "token path", bindings: []Binding{allow("/", ""), deny("p/1/f/1", ""), deny("p/2", "")}, change: at1, allowed: "p/1", denied: "p/1/f/1",
			reason: ReasonAllowed},
		{what: "outside of the token", bindings: []Binding{allow("p/2", ""), allow("p/2/f/1", "at:p/1")}, change: at1, reason: ReasonTokenLimits},
		{what: "allow reads the path", bindings: []Binding{allow("p/1", "at:p/1/f/1"), allow("p/2", "")}, allowed: "p/2", reason: ReasonAllowed,
			partial: true, missing: []string{AttributePath}},
		{what: "deny reads the path", bindings: []Binding{allow("/", ""), deny("p/1", "at:p/1/f/1"), deny("p/2", "at:p/2")}, allowed: "/",
			denied: "p/1 p/2", reason: ReasonAllowed, partial: true, missing: []string{AttributePath}},
		{what: "all in doubt", bindings: []Binding{allow("p/1", ""), deny("p/1", "attr:x")}, reason: ReasonDenied, partial: true, missing: []string{"x"}},
		{what: "doubt about what is allowed anyway", bindings: []Binding{allow("/", ""), allow("p/1", "attr:x")}, allowed: "/", reason: ReasonAllowed},
		{what: "doubt about what is denied anyway", bindings: []Binding{allow("/", ""), deny("p/1", ""), allow("p/1/f/1", "attr:x"), deny("p/1", "attr:y")},
			allowed: "/", denied: "p/1", reason: ReasonAllowed},
		{what: "doubt in nothing", bindings: []Binding{allow("p/1", ""), deny("p/2", "attr:x")}, allowed: "p/1", reason: ReasonAllowed},
		{what: "doubt outside of the token", bindings: []Binding{allow("/", ""), deny("p/2", "attr:x")}, change: at1, allowed: "p/1", reason: ReasonAllowed},
		{what: "failing", bindings: []Binding{allow("p/1", "panic"), allow("p/2", "")}, allowed: "p/2", reason: ReasonAllowed, partial: true},
		{what: "unreadable", bindings: []Binding{allow("/", ""), allow("p/1", "what?"), deny("p/2", "what?")}, allowed: "/", denied: "p/2", reason: ReasonAllowed},
		{what: "true and false", bindings: []Binding{allow("p/1", "true"), allow("p/2", "false"), deny("p/1/f/1", "true"), deny("p/1/f/2", "false")},
			allowed: "p/1", denied: "p/1/f/1", reason: ReasonAllowed},
		{what: "no permission", change: func(q *Query, _ *Snapshot) { q.Permission = Permission{} }, reason: ReasonMissingPermission},
		{what: "unknown permission", change: func(q *Query, _ *Snapshot) { q.Permission = perm(t, "w:fly") }, reason: ReasonUnknownPermission},
		{what: "no account", change: func(q *Query, _ *Snapshot) { q.Account = Handle{} }, reason: ReasonUnknownAccount},
		{what: "another organisation", bindings: []Binding{allow("/", "")}, change: func(q *Query, _ *Snapshot) { q.Org = "other" }, reason: ReasonOtherOrg},
	} {
		s, q := filterWorld(t, c.boundary, c.bindings...)
		if c.change != nil {
			c.change(&q, s)
		}
		f := s.Filter(q)
		texts := func(paths []Path) (all string) {
			for i, p := range paths {
				if i > 0 {
					all += " "
				}
				all += p.String()
			}
			return all
		}
		missing, partial := f.Partial()
		if texts(f.Allowed()) != c.allowed || texts(f.Denied()) != c.denied || f.Reason() != c.reason || partial != c.partial || !slices.Equal(missing, c.missing) {
			t.Errorf("%s: allowed %v, denied %v, %v, partial %v for %q", c.what, f.Allowed(), f.Denied(), f.Reason(), partial, missing)
		}
		if f.Everything() != (c.allowed == "/" && c.denied == "") || f.Nothing() != (c.allowed == "") {
			t.Errorf("%s: everything is %v, nothing %v", c.what, f.Everything(), f.Nothing())
		}
	}
	var none *Snapshot
	if f := none.Filter(Query{}); f.Reason() != ReasonUnavailable || f.Match(Root) {
		t.Errorf("a nil snapshot gives %+v", f)
	}
	if f := (Filter{}); !f.Nothing() || f.Match(Root) || f.Reason() != ReasonUnspecified {
		t.Error("the zero filter is not nothing")
	}
}

func TestFilterAnd(t *testing.T) {
	filter := func(effect Effect, condition string, scopes ...string) Filter {
		var bindings []Binding
		if effect == Deny {
			bindings = []Binding{{Scope: Root, Effect: Allow}}
		}
		for _, scope := range scopes {
			bindings = append(bindings, Binding{Scope: path(t, scope), Effect: effect, Condition: condition})
		}
		s, q := filterWorld(t, "", bindings...)
		return s.Filter(q)
	}
	doubt := filter(Deny, "attr:x", "p/1")
	if f := RefuseAll(ReasonStale).And(doubt); f.Reason() != ReasonStale || f.partial {
		t.Errorf("%+v", f)
	}
	if f := doubt.And(RefuseAll(ReasonStale)); f.Reason() != ReasonStale || f.partial {
		t.Errorf("%+v", f)
	}
	if f := doubt.And(filter(Allow, "", "p/1/f/1", "p/2")); f.Match(path(t, "p/1/f/1")) || !f.Match(path(t, "p/2/f/1")) || !f.partial {
		t.Errorf("%+v", f)
	}
	if f := filter(Allow, "", "p/1").And(filter(Allow, "", "p/2")); !f.Nothing() || f.Reason() != ReasonNoBinding || f.partial {
		t.Errorf("%+v", f)
	}
	if f := filter(Allow, "attr:x", "p/1").And(filter(Allow, "", "p/1")); !f.Nothing() || f.Reason() != ReasonNoBinding || !f.partial {
		t.Errorf("%+v", f)
	}
}

func TestFilterMatchAllocates(t *testing.T) {
	s, q := filterWorld(t, "", Binding{Scope: path(t, "p/1"), Effect: Allow}, Binding{Scope: path(t, "p/1/f/1"), Effect: Deny})
	f, p := s.Filter(q), path(t, "p/1/f/2/i/1/x/1/y/1/z/1")
	if n := testing.AllocsPerRun(100, func() {
		if !f.Match(p) {
			t.Fatal("not matched")
		}
	}); n != 0 {
		t.Errorf("a match allocates %v times", n)
	}
}
