package policy

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// office is a small organisation for the tables below.
func office(t testing.TB) *Draft {
	t.Helper()
	cat, err := NewCatalog(worldSpecs...)
	if err != nil {
		t.Fatal(err)
	}
	code, err := NewRoles(cat, worldCode)
	if err != nil {
		t.Fatal(err)
	}
	d := New(Model{Catalog: cat, Roles: code}, "home").Edit()
	d.PutAccount(Account{ID: "ann", Kind: User})
	d.PutAccount(Account{ID: "bot", Kind: ServiceAccount})
	d.PutGroup("staff")
	return d
}

func bind(t testing.TB, d *Draft, id, subject, role, scope string, effect Effect, more ...func(*Binding)) {
	t.Helper()
	b := Binding{ID: id, Subject: subject, Role: role, Scope: path(t, scope), Effect: effect}
	for _, f := range more {
		f(&b)
	}
	if err := d.PutBinding(b); err != nil {
		t.Fatal(err)
	}
}

func reach(org string) func(*Binding) { return func(b *Binding) { b.Reach = org } }

func during(start, end int64) func(*Binding) {
	return func(b *Binding) { b.Start, b.End = start, end }
}

func decide(t testing.TB, s *Snapshot, account, org, permission, at string, now int64) Decision {
	t.Helper()
	h, _ := s.Account(account)
	q := Query{Account: h, Org: org, Now: now}
	if permission != "" {
		q.Permission = perm(t, permission)
	}
	if at != "" {
		q.Path = path(t, at)
	}
	return s.Decide(&q)
}

// TestSec46_DenyByDefault holds every reason that a snapshot gives, and that nothing absent or unknown is ever allowed.
func TestSec46_DenyByDefault(t *testing.T) {
	d := office(t)
	bind(t, d, "all", "ann", "code:owner", "/", Allow, during(10, 20))
	bind(t, d, "not-here", "ann", "code:reader", "p/1", Deny)
	bind(t, d, "gone", "bot", "code:gone", "p/2", Deny)
	bind(t, d, "gone-too", "bot", "code:gone", "p/3", Allow)
	bind(t, d, "bot-reads", "users", "code:reader", "p/4", Allow)
	bind(t, d, "bot-writes", "bot", "code:writer", "p/2", Allow)
	bind(t, d, "abroad", "bot", "code:reader", "p/5", Allow, reach("other"), during(0, 20))
	s := d.Snapshot()
	for _, c := range []struct {
		account, org, permission, path string
		now                            int64
		want                           Reason
		binding                        string
	}{
		{"ann", "", "w:write", "p/1", 10, ReasonAllowed, "all"},
		{"ann", "home", "w:write", "/", 19, ReasonAllowed, "all"},
		{"ann", "", "w:write", "p/1", 9, ReasonNoBinding, ""},
		{"ann", "", "w:write", "p/1", 20, ReasonNoBinding, ""},
		{"ann", "", "identity:escalate", "/", 10, ReasonNoBinding, ""},
		{"ann", "", "w:read", "p/1", 10, ReasonDenied, "not-here"},
		{"ann", "", "w:read", "p/1/f/1", 10, ReasonDenied, "not-here"},
		{"ann", "", "w:read", "p/10", 10, ReasonAllowed, "all"},
		{"ann", "other", "w:read", "/", 10, ReasonOtherOrg, ""},
		{"bot", "other", "w:read", "p/5", 10, ReasonAllowed, "abroad"},
		{"bot", "other", "w:read", "p/6", 10, ReasonNoBinding, ""},
		{"bot", "other", "w:read", "p/5", 20, ReasonOtherOrg, ""},
		{"bot", "third", "w:read", "p/5", 10, ReasonOtherOrg, ""},
		{"bot", "", "w:read", "p/5", 10, ReasonNoBinding, ""},
		{"bot", "", "w:write", "p/2", 10, ReasonDenied, "gone"},
		{"bot", "", "w:read", "p/3", 10, ReasonNoBinding, ""},
		{"bot", "", "w:read", "p/4", 10, ReasonNoBinding, ""},
		{"ann", "", "", "p/1", 10, ReasonMissingPermission, ""},
		{"ann", "", "w:none", "p/1", 10, ReasonUnknownPermission, ""},
		{"ann", "", "w:write", "", 10, ReasonMissingPath, ""},
		{"eve", "", "w:write", "p/1", 10, ReasonUnknownAccount, ""},
		{"staff", "", "w:write", "p/1", 10, ReasonUnknownAccount, ""},
		{"users", "", "w:write", "p/1", 10, ReasonUnknownAccount, ""},
		{"", "", "", "", 0, ReasonMissingPermission, ""},
	} {
		want := Decision{Allowed: c.want == ReasonAllowed, Reason: c.want, Binding: c.binding}
		if got := decide(t, s, c.account, c.org, c.permission, c.path, c.now); got != want {
			t.Errorf("%v: %+v", c, got)
		}
	}
	var none *Snapshot
	if got := none.Decide(&Query{}); got != (Decision{Reason: ReasonUnavailable}) {
		t.Errorf("a nil snapshot answers %+v", got)
	}
	if (Decision{}).Allowed || (Decision{}).Reason.String() != "unspecified" {
		t.Error("the zero decision is something")
	}
	for _, h := range []Handle{{}, {slot: 1}, {slot: 1, life: 1}, {slot: 3, life: 2}, {slot: 1 << 31, life: 1}} {
		if got := s.Decide(&Query{Account: h, Permission: perm(t, "w:read"), Path: Root}); got.Reason != ReasonUnknownAccount {
			t.Errorf("handle %v: %+v", h, got)
		}
	}
}

// A nil snapshot lists nothing, and none of its methods panics.
func TestNilSnapshot(t *testing.T) {
	var s *Snapshot
	for range s.BindingsOf("a") {
		t.Error("a binding")
	}
	for range s.BindingsOfRole("a") {
		t.Error("a binding")
	}
	for range s.Bindings() {
		t.Error("a binding")
	}
	for _, seq := range []func(func(string) bool){s.GroupsOf("a"), s.Members("a"), s.Accounts("a"), s.IncludedBy("a"), s.Owners(0)} {
		for id := range seq {
			t.Error(id)
		}
	}
	_, a := s.Account("a")
	_, b := s.AccountOf(Handle{})
	_, r := s.Role("a")
	_, bi := s.Binding("a")
	_, n := s.NextBoundary(0)
	_, c := s.Covers(Claim{Role: "a", Scope: Root})
	_, cr := s.Covers(Claim{Definition: &Role{}, Scope: Root})
	if a || b || r || bi || n || c || cr || s.IsGroup("users") || s.Org() != "" {
		t.Error("a nil snapshot has something")
	}
}

func TestReasonCodes(t *testing.T) {
	seen := map[string]bool{}
	for r := range reasonEnd {
		if code := r.String(); code == "" || seen[code] || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("reason %d has the code %q", r, code)
		}
		seen[r.String()] = true
	}
	if reasonEnd.String() != "unspecified" || Reason(255).String() != "unspecified" {
		t.Error("a value that is no reason has a code of its own")
	}
}

func TestPutBindingRefuses(t *testing.T) {
	d := office(t)
	good := Binding{ID: "b", Subject: "ann", Role: "code:reader", Scope: Root, Effect: Allow}
	for _, c := range []struct {
		field string
		spoil func(*Binding)
	}{
		{"id", func(b *Binding) { b.ID = "" }}, {"subject", func(b *Binding) { b.Subject = "" }}, {"role", func(b *Binding) { b.Role = "" }},
		{"scope", func(b *Binding) { b.Scope = Path{} }}, {"effect", func(b *Binding) { b.Effect = 0 }}, {"effect", func(b *Binding) { b.Effect = 3 }},
	} {
		b := good
		c.spoil(&b)
		var e *Error
		if err := d.PutBinding(b); !errors.Is(err, ErrSyntax) || !errors.As(err, &e) || e.Field != c.field {
			t.Errorf("without %s: %v", c.field, err)
		}
	}
	for range d.Snapshot().Bindings() {
		t.Error("a refused binding was put")
	}
}

func TestSystemGroupsStay(t *testing.T) {
	d := office(t)
	d.PutAccount(Account{ID: GroupUsers, Kind: User})
	d.PutAccount(Account{ID: "", Kind: User})
	d.PutGroup("")
	d.RemoveGroup(GroupUsers)
	d.RemoveAccount(GroupUsers)
	d.PutGroup(GroupServiceAccounts)
	for _, id := range []string{GroupUsers, GroupServiceAccounts} {
		if err := d.AddMember(id, "ann"); !errors.Is(err, ErrReserved) {
			t.Errorf("AddMember(%s): %v", id, err)
		}
	}
	bind(t, d, "b", GroupUsers, "code:reader", "/", Allow)
	s := d.Snapshot()
	if !s.IsGroup(GroupUsers) || !s.IsGroup(GroupServiceAccounts) || s.IsGroup("") {
		t.Error("a system group changed")
	}
	if !decide(t, s, "ann", "", "w:read", "/", 0).Allowed || decide(t, s, "bot", "", "w:read", "/", 0).Allowed {
		t.Error("users does not hold exactly the users")
	}
	d.PutAccount(Account{ID: "ann", Kind: 0})
	if _, ok := d.Snapshot().Account("ann"); ok {
		t.Error("an account without a kind exists")
	}
}

// TestSec52_GroupsAreBounded holds that cycles and chains of more than MaxGroupDepth groups are refused when written, in any
// order, and that a chain of MaxGroupDepth works.
func TestSec52_GroupsAreBounded(t *testing.T) {
	d := office(t)
	if err := d.AddMember("staff", "staff"); !errors.Is(err, ErrCycle) {
		t.Errorf("a group in itself: %v", err)
	}
	if err := d.AddMember("ann", "bot"); !errors.Is(err, ErrNotGroup) {
		t.Errorf("a member of an account: %v", err)
	}
	if err := d.AddMember("", "ann"); !errors.Is(err, ErrSyntax) {
		t.Errorf("an empty group: %v", err)
	}
	name := func(i int) string { return fmt.Sprint("g", i) }
	refused := 0
	for i := range 10_000 {
		d.PutGroup(name(i))
		if i == 0 {
			continue
		}
		if err := d.AddMember(name(i-1), name(i)); errors.Is(err, ErrDepth) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	// Every 256th link is refused, since a refused link begins a new chain.
	if want := (10_000 - 1) / MaxGroupDepth; refused != want {
		t.Errorf("%d links refused, want %d", refused, want)
	}
	for _, c := range []struct {
		group, member string
		want          error
	}{
		{name(MaxGroupDepth - 1), "ann", nil},
		{name(MaxGroupDepth - 1), "not yet known", nil},
		{name(MaxGroupDepth - 1), name(0), ErrCycle},
		{name(5), name(3), ErrCycle},
		{name(0), name(MaxGroupDepth), ErrDepth},
		{name(100), name(MaxGroupDepth + 200), nil},
		{name(200), name(MaxGroupDepth + 100), ErrDepth},
		{"above", name(0), ErrDepth},
		{"above", "below", nil},
		{"below", "above", ErrCycle},
	} {
		if err := d.AddMember(c.group, c.member); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("AddMember(%s, %s): %v, want %v", c.group, c.member, err, c.want)
		}
	}
	bind(t, d, "top", name(0), "code:reader", "p/1", Allow)
	if got := decide(t, d.Snapshot(), "ann", "", "w:read", "p/1/q/2", 0); got.Binding != "top" {
		t.Errorf("through %d groups: %+v", MaxGroupDepth, got)
	}
	d.RemoveGroup(name(100))
	if got := decide(t, d.Snapshot(), "ann", "", "w:read", "p/1/q/2", 0); got.Reason != ReasonNoBinding {
		t.Errorf("with a link removed: %+v", got)
	}
}

// TestManyBindings has more bindings on one account than are looked at one by one, some deeper than a path has tags for.
func TestManyBindings(t *testing.T) {
	for _, n := range []int{few, few + 1, 300, 3000} {
		d := office(t)
		at := func(i int) string {
			p := fmt.Sprint("a/", i)
			for j := range i % 8 {
				p += fmt.Sprint("/b/", j)
			}
			return p
		}
		for i := range n {
			role := "code:reader"
			if i%5 == 0 {
				role = "code:writer"
			}
			bind(t, d, fmt.Sprint(i), "ann", role, at(i), Allow)
			if i%7 == 0 {
				bind(t, d, fmt.Sprint("deny", i), "ann", "code:reader", at(i)+"/deep/1", Deny)
			}
		}
		s := d.Snapshot()
		for i := range n {
			for _, c := range []struct {
				permission, path string
				want             Reason
			}{
				{"w:read", at(i), ReasonAllowed}, {"w:read", at(i) + "/x/1/y/2/z/3/u/4/v/5", ReasonAllowed}, {"plain", at(i), ReasonNoBinding},
				{"w:read", fmt.Sprint("a/", n+i), ReasonNoBinding}, {"w:read", "/", ReasonNoBinding},
				{"w:write", at(i) + "/deep/10", map[bool]Reason{true: ReasonAllowed, false: ReasonNoBinding}[i%5 == 0]},
				{"w:read", at(i) + "/deep/1/x/1", map[bool]Reason{true: ReasonDenied, false: ReasonAllowed}[i%7 == 0]},
			} {
				if got := decide(t, s, "ann", "", c.permission, c.path, 0); got.Reason != c.want {
					t.Fatalf("%d bindings, %s at %s: %+v, want %v", n, c.permission, c.path, got, c.want)
				}
			}
		}
	}
}

// Hashes only find; texts decide. Names and scopes that share a hash decide nothing about each other.
func TestCollisions(t *testing.T) {
	d := office(t)
	bind(t, d, "b", "ann", "code:reader", "p/1", Allow)
	s := d.Snapshot()
	forged := path(t, "p/2")
	forged.tags[0] = path(t, "p/1").tags[0]
	h, _ := s.Account("ann")
	if got := s.Decide(&Query{Account: h, Permission: perm(t, "w:read"), Path: forged}); got.Allowed {
		t.Errorf("a path with the tag of another is answered %+v", got)
	}
	if got := s.Decide(&Query{Account: h, Permission: Permission{perm(t, "w:none").name, perm(t, "w:read").hash}, Path: path(t, "p/1")}); got.Reason != ReasonUnknownPermission {
		t.Errorf("a permission with the hash of another is answered %+v", got)
	}
	forged.tags[0] = rootTag
	bind(t, d, "r", "ann", "code:reader", "/", Deny)
	if got := d.Snapshot().Decide(&Query{Account: h, Permission: perm(t, "w:read"), Path: forged}); got.Binding != "r" {
		t.Errorf("a path with the tag of Root is answered %+v", got)
	}
}

func TestDecideAllocates(t *testing.T) {
	d := office(t)
	bind(t, d, "b", "ann", "code:reader", "p/1", Allow, during(0, 100), reach("*"))
	bind(t, d, "u", "users", "code:reader", "p/2", Deny)
	s := d.Snapshot()
	h, _ := s.Account("ann")
	for _, q := range []Query{
		{Account: h, Permission: perm(t, "w:read"), Path: path(t, "p/1/q/2/r/3/s/4/t/5/u/6")},
		{Account: h, Permission: perm(t, "w:read"), Path: path(t, "p/2")},
		{Account: h, Org: "other", Permission: perm(t, "w:read"), Path: path(t, "p/3")},
		{Account: h, Permission: perm(t, "w:none"), Path: path(t, "p/3")},
	} {
		if n := testing.AllocsPerRun(100, func() { s.Decide(&q) }); n != 0 {
			t.Errorf("%v: %v allocations", q, n)
		}
	}
}

// Old snapshots may be asked while newer ones are made from them by several goroutines.
func TestConcurrentEdits(t *testing.T) {
	d := office(t)
	bind(t, d, "b", "ann", "code:reader", "p/1", Allow)
	base := d.Snapshot()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			s := base
			for i := range 200 {
				d := s.Edit()
				d.PutAccount(Account{ID: fmt.Sprint("a", i), Kind: User})
				bind(t, d, fmt.Sprint("x", i), "ann", "code:writer", fmt.Sprint("g/", g), Allow)
				d.RemoveBinding("b")
				s = d.Snapshot()
				if !decide(t, base, "ann", "", "w:read", "p/1", 0).Allowed || decide(t, s, "ann", "", "w:read", "p/1", 0).Allowed {
					t.Error("an edit showed in the wrong snapshot")
				}
				if !decide(t, s, "ann", "", "w:write", fmt.Sprint("g/", g), 0).Allowed || decide(t, s, "ann", "", "w:write", fmt.Sprint("g/", (g+1)%4), 0).Allowed {
					t.Error("two forks share an edit")
				}
			}
		})
	}
	wg.Wait()
}

// An id is an account or a group: becoming the other removes what it was.
func TestOneIDOneKind(t *testing.T) {
	d := office(t)
	if err := d.AddMember("staff", "ann"); err != nil {
		t.Fatal(err)
	}
	bind(t, d, "b", "staff", "code:reader", "/", Allow)
	h, _ := d.Snapshot().Account("ann")
	d.PutGroup("ann")
	s := d.Snapshot()
	if _, ok := s.AccountOf(h); ok || !s.IsGroup("ann") {
		t.Error("a group is still an account")
	}
	for id := range s.GroupsOf("ann") {
		t.Errorf("a membership of %s survived", id)
	}
	d.PutAccount(Account{ID: "staff", Kind: User})
	s = d.Snapshot()
	if s.IsGroup("staff") || !decide(t, s, "staff", "", "w:read", "/", 0).Allowed {
		t.Error("the binding of an id does not follow it")
	}
}

// TestSec52_Diamonds nests groups so that the number of ways from the account to the top is 2 to the 40th: evaluation and the
// checks at writing go over each group once.
func TestSec52_Diamonds(t *testing.T) {
	d := office(t)
	join := func(g, m string) {
		t.Helper()
		d.PutGroup(g)
		if err := d.AddMember(g, m); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		for _, side := range []string{"l", "r"} {
			below := []string{fmt.Sprint("l", i-1), fmt.Sprint("r", i-1)}
			if i == 0 {
				below = []string{"ann"}
			}
			for _, m := range below {
				join(fmt.Sprint(side, i), m)
			}
		}
	}
	join("top", "l39")
	join("top", "r39")
	bind(t, d, "b", "top", "code:reader", "p/1", Allow)
	s := d.Snapshot()
	if got := decide(t, s, "ann", "", "w:read", "p/1", 0); got.Binding != "b" {
		t.Errorf("through the diamonds: %+v", got)
	}
	if _, g := s.subject("ann"); len(g.entries()) != 1 {
		t.Errorf("one binding is %d entries", len(g.entries()))
	}
	if err := d.AddMember("l0", "top"); !errors.Is(err, ErrCycle) {
		t.Errorf("a cycle through diamonds: %v", err)
	}
}
