package identity_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// TestMoveSubtree moves what is bound at a path and under it, and nothing else.
func TestMoveSubtree(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	u := w.user(org, "u")
	bind := func(where, role string, deny bool) identity.BindingID {
		return w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: role, Scope: path(t, where), Deny: deny})
	}
	from, to := path(t, "projects/1/wallets/w"), path(t, "projects/2/wallets/w")
	at := bind("projects/1/wallets/w", "wallet-reader", false)
	under := bind("projects/1/wallets/w/keys/k", "wallet-reader", true)
	bind("projects/1/wallets/w1", "wallet-reader", false) // a neighbour
	bind("projects/1", "wallet-admin", true)
	p := w.login(org, u)
	token := must(w.in(org).CreateAPIToken(w.ctx, u, identity.APITokenSpec{Name: "old", Path: from}))(t).Secret.Reveal()
	limited := must(w.id.Authenticate(w.ctx, token))(t)

	fence := func() int { return len(must(os.ReadFile(w.file() + ".fence"))(t)) }
	before, known := w.id.Revision(), fence()
	if n := must(w.in(org).MoveSubtree(w.ctx, from, to))(t); n != 2 {
		t.Errorf("%d moved", n)
	}
	if fence() <= known {
		t.Error("the fence file does not know that something was taken away")
	}
	var scopes []string
	for _, e := range w.events(org) {
		if e.Revision <= before {
			continue
		}
		var was, is identity.Binding
		if err := errors.Join(json.Unmarshal(e.Before, &was), json.Unmarshal(e.After, &is)); err != nil || e.Noun != "binding" || e.Verb != "move" || e.Revision != before+1 {
			t.Errorf("%+v, %v", e, err)
		}
		scopes = append(scopes, e.ID+" "+was.Scope.String()+" "+is.Scope.String())
	}
	if got, want := strings.Join(scopes, ", "), fmt.Sprintf("%s %s %s, %s %s/keys/k %s/keys/k", at, from, to, under, from, to); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	for range 2 {
		for where, want := range map[string]bool{
			"projects/2/wallets/w": true, "projects/2/wallets/w/keys/k": false, "projects/2/wallets/w/keys/l": true,
			"projects/1/wallets/w": false, "projects/1/wallets/w/keys/l": false, "projects/2": false, "projects/2/wallets/w1": false,
		} {
			if d := w.may(p, org, "wallets:read", path(t, where)); d.Allowed != want {
				t.Errorf("%s: %+v", where, d)
			}
			if d := w.may(limited, org, "wallets:read", path(t, where)); d.Allowed {
				t.Errorf("a token of the old path at %s: %+v", where, d)
			}
		}
		w.reopen()
		p, limited = w.login(org, u), must(w.id.Authenticate(w.ctx, token))(t)
	}
	same := w.unchanged()
	if n := must(w.in(org).MoveSubtree(w.ctx, from, path(t, "projects/3")))(t); n != 0 {
		t.Errorf("%d moved from where nothing is", n)
	}
	same()
}

// byPath is the toy language with conditions on the path: "path:<prefix>".
type byPath struct{ toy }

func (l byPath) Compile(source string, schema *policy.Schema) (policy.Condition, error) {
	if prefix, ok := strings.CutPrefix(source, "path:"); ok {
		return pathCondition(prefix), nil
	}
	return l.toy.Compile(source, schema)
}

type pathCondition string

func (c pathCondition) Eval(env *policy.Env) (policy.Truth, string) {
	at, ok := env.Lookup(policy.AttributePath)
	if !ok {
		return policy.Unknown, policy.AttributePath
	}
	if strings.HasPrefix(at.(string), string(c)) {
		return policy.True, ""
	}
	return policy.False, ""
}

func (pathCondition) Attributes() []string { return []string{policy.AttributePath} }

// TestMoveSubtreeRefused: what cannot be moved moves nothing.
func TestMoveSubtreeRefused(t *testing.T) {
	w := open(t, conditions(), with(func(c *identity.Config) { c.Conditions = byPath{} }))
	org := w.org("acme")
	u := identity.SubjectID(w.user(org, "u"))
	move := func(from, to policy.Path) error { return last(w.in(org).MoveSubtree(w.ctx, from, to)) }
	one := path(t, "projects/1")
	w.bind(org, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: path(t, "projects/1/wallets/w")})
	same := w.unchanged()
	for name, c := range map[string][2]policy.Path{
		"no path":      {{}, one},
		"to no path":   {one, {}},
		"root":         {policy.Root, one},
		"to root":      {one, policy.Root},
		"onto itself":  {one, one},
		"under itself": {one, path(t, "projects/1/projects/2")},
		"onto above":   {path(t, "projects/1/wallets/w"), one},
		"too long":     {path(t, "projects/1/wallets/w"), path(t, strings.TrimSuffix(strings.Repeat("p/"+strings.Repeat("x", 250)+"/", 32), "/"))},
	} {
		if name == "too long" {
			must(w.in(org).CreateBinding(w.ctx, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: path(t, "projects/1/wallets/w/"+strings.Repeat("p/"+strings.Repeat("y", 250)+"/", 2)+"q/q")}))(t)
			same = w.unchanged()
		}
		if err := move(c[0], c[1]); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same()

	there := w.bind(org, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: path(t, "projects/2/wallets/old")})
	same = w.unchanged()
	if e := wantKind(t, move(one, path(t, "projects/2")), identity.ErrConflict); e.ID != string(there) {
		t.Errorf("%v names %s", e, e.ID)
	}
	same()

	typed := must(w.in(org).CreateRole(w.ctx, identity.RoleSpec{Name: "typed", Permissions: []string{"wallets:read"}, ResourceTypes: []string{"projects"}}))(t).ID
	w.bind(org, identity.BindingSpec{Subject: u, Role: string(typed), Scope: path(t, "projects/3")})
	same = w.unchanged()
	wantKind(t, move(path(t, "projects/3"), path(t, "folders/3")), identity.ErrInvalid)
	same()
	if err := move(path(t, "projects/3"), path(t, "folders/a/projects/3")); err != nil {
		t.Error(err)
	}

	// An allow that reads the path moves, and gives less; a deny stays, and with it all.
	w.bind(org, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: path(t, "projects/4"), Condition: "path:projects/4"})
	if err := move(path(t, "projects/4"), path(t, "projects/5")); err != nil {
		t.Error(err)
	}
	if d := w.may(w.login(org, identity.AccountID(u)), org, "wallets:read", path(t, "projects/5")); d.Allowed {
		t.Errorf("%+v", d)
	}
	id := w.bind(org, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: path(t, "projects/5/wallets/w"), Condition: "path:projects/5", Deny: true})
	same = w.unchanged()
	if e := wantKind(t, move(path(t, "projects/5"), path(t, "projects/6")), identity.ErrInUse); e.ID != string(id) || e.Field != "Condition" {
		t.Errorf("%v", e)
	}
	same()
	if err := w.in(org).DeleteBinding(w.ctx, id); err != nil {
		t.Fatal(err)
	}
	w.bind(org, identity.BindingSpec{Subject: u, Role: "wallet-reader", Scope: path(t, "projects/5/wallets/w"), Condition: "attr:office", Deny: true})
	if err := move(path(t, "projects/5"), path(t, "projects/6")); err != nil {
		t.Error(err)
	}

	// Where reach goes, another org's paths are meant.
	system := w.id.SystemOrg()
	reach := w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(w.user(system, "op")), Role: "wallet-reader", Scope: path(t, "projects/6"), Reach: identity.ReachOrg(org)})
	same = w.unchanged()
	if n := must(w.in(system).MoveSubtree(w.ctx, path(t, "projects/6"), path(t, "projects/7")))(t); n != 0 {
		t.Errorf("%d moved", n)
	}
	same()
	if err := move(path(t, "projects/6"), path(t, "projects/7")); err != nil {
		t.Error(err)
	}
	if b := must(w.in(system).Binding(w.ctx, reach))(t); b.Scope != path(t, "projects/6") {
		t.Errorf("%+v", b)
	}
}

// TestSec48_MoveSubtree: who moves holds everything where the two paths meet,
// surely and for good, and what is given by name only besides.
func TestSec48_MoveSubtree(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	must(w.in(org).GrantOwner(w.ctx, w.user(org, "owner")))(t)
	u := identity.SubjectID(w.user(org, "u"))
	strong := identity.SubjectID(w.user(org, "strong", "identity:groups.create"))
	folder := path(t, "folders/f")
	from, to := path(t, "folders/f/projects/1"), path(t, "folders/f/g/x/projects/1")
	n := 0
	admin := func(specs ...identity.BindingSpec) identity.Principal {
		n++
		id := w.user(org, fmt.Sprint("admin", n))
		for _, spec := range specs {
			if spec.Subject = identity.SubjectID(id); spec.Role == "" {
				spec.Role = string(w.role(org, allManagement()...))
			}
			w.bind(org, spec)
		}
		return w.login(org, id)
	}
	all := identity.BindingSpec{Scope: folder}
	role := func(permissions ...string) string { return string(w.role(org, permissions...)) }
	move := func(p identity.Principal) error { return last(w.id.As(p).In(org).MoveSubtree(w.ctx, from, to)) }
	back := func() { must(w.in(org).MoveSubtree(w.ctx, to, from))(t) }
	bound := w.bind(org, identity.BindingSpec{Subject: u, Role: "wallet-admin", Scope: path(t, "folders/f/projects/1/wallets/w")})
	allowed := func(name string, p identity.Principal) {
		t.Helper()
		if err := move(p); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		back()
	}
	refused := func(name string, p identity.Principal, want error) {
		t.Helper()
		same := w.unchanged()
		if err := move(p); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		same()
	}
	allowed("everything there", admin(all))
	allowed("everything above", admin(identity.BindingSpec{Scope: policy.Root}))
	refused("nothing", admin(), identity.ErrDenied)
	ends := admin(identity.BindingSpec{Scope: from}, identity.BindingSpec{Scope: path(t, "folders/f/g/x")})
	refused("at both ends only", ends, identity.ErrDenied)
	refused("the call alone", admin(identity.BindingSpec{Scope: folder, Role: role("identity:bindings.move")}), identity.ErrEscalation)
	refused("management alone", admin(identity.BindingSpec{Scope: folder, Role: role("identity:*")}), identity.ErrEscalation)
	refused("all of today", admin(identity.BindingSpec{Scope: folder, Role: role("identity:*", "wallets:*", "keys:use")}), identity.ErrEscalation)
	refused("escalation in the place of it", admin(identity.BindingSpec{Scope: folder, Role: role("identity:*", identity.PermEscalate)}), identity.ErrEscalation)
	refused("for a while", admin(identity.BindingSpec{Scope: folder, End: w.clock.Now().Add(time.Hour)}), identity.ErrEscalation)
	refused("on a condition", admin(identity.BindingSpec{Scope: folder, Condition: "attr:office"}), identity.ErrDenied)
	refused("less a deny", admin(all, identity.BindingSpec{Scope: path(t, "folders/f/projects/9"), Role: "wallet-reader", Deny: true}), identity.ErrEscalation)
	bounded := admin(all)
	must(w.in(org).SetBoundary(w.ctx, bounded.Account(), string(w.role(org, "identity:*", "wallets:*"))))(t)
	refused("within a boundary", bounded, identity.ErrEscalation)
	whole := admin(all)
	token := must(w.in(org).CreateAPIToken(w.ctx, whole.Account(), identity.APITokenSpec{Name: "t", Path: from}))(t)
	refused("with a token of the place alone", must(w.id.Authenticate(w.ctx, token.Secret.Reveal()))(t), identity.ErrDenied)
	system := w.id.SystemOrg()
	operator := w.login(system, w.user(system, "operator"))
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(operator.Account()), Role: "owner", Scope: policy.Root, Reach: identity.ReachOrg(org)})
	allowed("an operator", operator)

	add := func(spec identity.BindingSpec) func() {
		if spec.Subject == "" {
			spec.Subject = u
		}
		spec.Scope = from
		id := w.bind(org, spec)
		return func() {
			if err := w.in(org).DeleteBinding(w.ctx, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{identity.PermEscalate, identity.PermImpersonate, identity.PermContain} {
		remove := add(identity.BindingSpec{Role: role(name)})
		refused("with a binding of "+name, whole, identity.ErrEscalation)
		allowed(name+" held too", admin(all, identity.BindingSpec{Scope: folder, Role: role(name)}))
		remove()
		remove = add(identity.BindingSpec{Role: role(name), Deny: true})
		refused("with a deny of "+name, whole, identity.ErrEscalation)
		remove()
	}
	remove := add(identity.BindingSpec{Role: "wallet-reader", Immutable: true})
	refused("with an immutable one", whole, identity.ErrImmutable)
	must(w.in(org).MoveSubtree(w.ctx, from, to))(t)
	back()
	remove()
	remove = add(identity.BindingSpec{Subject: strong, Role: "wallet-reader", Deny: true})
	refused("with a deny of who is stronger", whole, identity.ErrEscalation)
	remove()
	locked := w.role(org, "wallets:read")
	remove = add(identity.BindingSpec{Role: string(locked)})
	must(w.in(org).UpdateRole(w.ctx, locked, identity.RolePatch{Locks: &identity.RoleLocks{Members: true}}))(t)
	allowed("with a member that is locked", whole)
	must(w.in(org).UpdateRole(w.ctx, locked, identity.RolePatch{Locks: &identity.RoleLocks{}}))(t)
	remove()
	if b := must(w.in(org).Binding(w.ctx, bound))(t); b.Scope != path(t, "folders/f/projects/1/wallets/w") {
		t.Errorf("%+v", b)
	}
}

// TestMoveSubtreeLikeMade moves subtrees of random orgs. Every answer afterwards is that of
// an org whose bindings were made where they are now, and for who is bound within
// the subtree only, that before at the old path; in another process and after a
// restart, too.
func TestMoveSubtreeLikeMade(t *testing.T) {
	onOneGoroutine(t)
	seed := newSeed(t)
	rnd := mathrand.New(mathrand.NewPCG(seed, 107))
	w := open(t, conditions(), func(w *world) { w.opts = sqlite.Options{Shared: true} })
	elsewhere := w.join(t, nil)
	from, to := path(t, "a/1/b/2"), path(t, "a/3/b/4")
	outside := []string{"/", "a/1", "a/3", "a/1/b/22", "a/3/b/44", "c/1"}
	rests := []string{"", "/c/1", "/c/1/d/2", "/c/11"}
	permissions := []string{"wallets:read", "wallets:create", "keys:use"}
	for round := range 12 {
		var accounts []identity.AccountID
		var specs []identity.BindingSpec
		within := rnd.IntN(2) == 0 // nothing is bound but within it, and at Root
		org, made := w.org(fmt.Sprint("moved", round)), w.org(fmt.Sprint("made", round))
		twin := map[identity.SubjectID]identity.SubjectID{}
		roles := map[string]string{}
		for i := range 3 {
			a, b := w.user(org, fmt.Sprint("u", i)), w.user(made, fmt.Sprint("u", i))
			accounts, twin[identity.SubjectID(a)] = append(accounts, a), identity.SubjectID(b)
			ra, rb := w.role(org, permissions[i], permissions[rnd.IntN(3)]), w.role(made)
			def := must(w.in(org).Role(w.ctx, ra))(t).Permissions
			must(w.in(made).UpdateRole(w.ctx, rb, identity.RolePatch{Permissions: &def}))(t)
			roles[string(ra)] = string(rb)
		}
		group, other := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID, must(w.in(made).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
		twin[identity.SubjectID(group)] = identity.SubjectID(other)
		must(w.in(org).AddMember(w.ctx, group, identity.SubjectID(accounts[0])))(t)
		must(w.in(made).AddMember(w.ctx, other, twin[identity.SubjectID(accounts[0])]))(t)
		for range 12 {
			spec := identity.BindingSpec{Deny: rnd.IntN(3) == 0}
			for spec.Subject = range twin {
				break
			}
			for spec.Role = range roles {
				break
			}
			text := from.String() + rests[rnd.IntN(len(rests))]
			if !within && rnd.IntN(2) == 0 {
				text = outside[rnd.IntN(len(outside))]
			}
			spec.Scope = path(t, text)
			if rnd.IntN(3) == 0 {
				spec.Condition = "attr:office"
			}
			if rnd.IntN(4) == 0 {
				spec.End = w.clock.Now().Add(time.Hour)
			}
			specs = append(specs, spec)
		}
		err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
			for _, spec := range specs {
				must(tx.System("make").In(org).CreateBinding(ctx, spec))(t)
				spec.Subject, spec.Role = twin[spec.Subject], roles[spec.Role]
				if from.Contains(spec.Scope) {
					spec.Scope = path(t, to.String()+strings.TrimPrefix(spec.Scope.String(), from.String()))
				}
				must(tx.System("make").In(made).CreateBinding(ctx, spec))(t)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(id *identity.Authority, org identity.OrgID, account identity.AccountID, permission, where string, in bool) bool {
			p := must(id.System("ask").In(org).Vouch(w.ctx, account, w.session(0)))(t)
			return id.Authorize(w.ctx, identity.Request{Principal: p, Org: org, Permission: perm(t, permission), Path: path(t, where), Attrs: office(in)}).Allowed
		}
		questions := func(check func(account identity.AccountID, permission, rest string, in bool)) {
			for _, account := range accounts {
				for _, permission := range permissions {
					for _, rest := range append(rests, "/e/1") {
						check(account, permission, rest, rnd.IntN(2) == 0)
					}
				}
			}
		}
		type question struct {
			account          identity.AccountID
			permission, rest string
			in               bool
		}
		before := map[question]bool{}
		questions(func(account identity.AccountID, permission, rest string, in bool) {
			before[question{account, permission, rest, in}] = ask(w.id, org, account, permission, from.String()+rest, in)
			ask(elsewhere.id, org, account, permission, from.String()+rest, in)
		})
		must(w.in(org).MoveSubtree(w.ctx, from, to))(t)
		elsewhere.poll()
		compare := func(when string, id *identity.Authority) {
			t.Helper()
			questions(func(account identity.AccountID, permission, rest string, in bool) {
				places := []string{from.String() + rest, to.String() + rest}
				for _, where := range append(places, outside...) {
					got := ask(id, org, account, permission, where, in)
					if want := ask(w.id, made, identity.AccountID(twin[identity.SubjectID(account)]), permission, where, in); got != want {
						t.Fatalf("round %d, %s: %s at %s, in %v: %v, made there %v", round, when, permission, where, in, got, want)
					}
				}
			})
			if !within {
				return
			}
			for q, want := range before {
				if got := ask(id, org, q.account, q.permission, to.String()+q.rest, q.in); got != want {
					t.Fatalf("round %d, %s: %+v: %v, before %v", round, when, q, got, want)
				}
			}
		}
		compare("at once", w.id)
		compare("in the other process", elsewhere.id)
	}
}

// TestManyLinks: what is linked more than MaxBulk times is neither deleted nor
// moved at once.
func TestManyLinks(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	role := w.role(org, "wallets:read")
	group := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(group), Role: string(role), Scope: path(t, "projects/1/wallets/w")})
	if err := w.id.Close(); err != nil {
		t.Fatal(err)
	}
	db := must(sql.Open("sqlite", w.file()))(t) // so many calls would take long
	defer func() { _ = db.Close() }()
	const copies = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO identity_binding (org_id, id, subject, role, scope, effect, starts_at, ends_at, reach, reason, immutable, created_at, created_by, updated_at, updated_by, revision)
		SELECT org_id, id || 'x' || i, subject, role, scope, effect, starts_at, ends_at, reach, reason, immutable, created_at, created_by, updated_at, updated_by, revision
		FROM identity_binding, n WHERE role = $2`
	if _, err := db.ExecContext(w.ctx, copies, identity.MaxBulk, string(role)); err != nil {
		t.Fatal(err)
	}
	w.start()
	same := w.unchanged()
	wantKind(t, last(w.in(org).MoveSubtree(w.ctx, path(t, "projects/1"), path(t, "projects/2"))), identity.ErrLimit)
	wantKind(t, w.in(org).DeleteRole(w.ctx, role, identity.Cascade), identity.ErrLimit)
	wantKind(t, w.in(org).DeleteGroup(w.ctx, group, identity.Cascade), identity.ErrLimit)
	same()
}
