package soak

import (
	"context"
	"encoding/json"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
)

// catalogue is the predefined roles of Google Cloud, as data.
type catalogue struct {
	Permissions []string
	Roles       []predefined
}

// predefined is one role; its permissions are places in the catalogue's table.
type predefined struct {
	Name        string
	Permissions []int
}

func readCatalogue(t *testing.T) catalogue {
	t.Helper()
	dir := os.Getenv("CLAVIGER_DATA")
	if dir == "" {
		t.Skip("CLAVIGER_DATA does not name the folder of gcp-roles.json")
	}
	var file struct {
		Permissions []string
		Roles       map[string][]int
	}
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "gcp-roles.json")))(t), &file); err != nil {
		t.Fatal(err)
	}
	c := catalogue{Permissions: file.Permissions}
	for _, name := range slices.Sorted(maps.Keys(file.Roles)) {
		c.Roles = append(c.Roles, predefined{name, file.Roles[name]})
	}
	if len(c.Roles) < 2000 || len(c.Permissions) < 10_000 {
		t.Fatalf("%d roles and %d permissions are not the catalogue", len(c.Roles), len(c.Permissions))
	}
	return c
}

// names are the permissions of one role.
func (c catalogue) names(role int) []string {
	var out []string
	for _, p := range c.Roles[role].Permissions {
		out = append(out, c.Permissions[p])
	}
	return out
}

// declare puts the catalogue into a configuration, as code roles if wanted.
func (c catalogue) declare(roles bool) func(*identity.Config) {
	return func(cfg *identity.Config) {
		cfg.MaxWrite = 5 * time.Minute
		cfg.Permissions, cfg.Roles = nil, nil
		for _, name := range c.Permissions {
			cfg.Permissions = append(cfg.Permissions, policy.PermissionSpec{Name: name})
		}
		for i := range c.Roles {
			if roles {
				cfg.Roles = append(cfg.Roles, identity.CodeRole{Name: c.Roles[i].Name, Permissions: c.names(i)})
			}
		}
	}
}

// The size of the world.
const (
	userCount  = 50 // in each org
	groupCount = 20 // in each org
)

// place is one org, and what its users must be allowed: the oracle is nothing
// but lists of roles.
type place struct {
	id       identity.OrgID
	users    []identity.AccountID
	roles    [][]int // of a user, directly or through its groups
	bindings map[string]bool
	in       []identity.Principal
}

// furnish makes one org of the world.
func furnish(ctx context.Context, tx *identity.Tx, c catalogue, rng *mathrand.Rand, slug string) (*place, error) {
	sys := tx.System("catalogue")
	org, err := sys.CreateOrg(ctx, identity.OrgSpec{Slug: slug})
	if err != nil {
		return nil, err
	}
	o := sys.In(org.ID)
	p := &place{id: org.ID, bindings: map[string]bool{}}
	bind := func(subject identity.SubjectID, role int) error {
		b, err := o.CreateBinding(ctx, identity.BindingSpec{Subject: subject, Role: "code:" + c.Roles[role].Name, Scope: policy.Root})
		p.bindings[string(b.ID)] = true
		return err
	}
	var groups []identity.GroupID
	var groupRoles []int
	for g := range groupCount {
		group, err := o.CreateGroup(ctx, identity.GroupSpec{Name: "group-" + strconv.Itoa(g)})
		if err != nil {
			return nil, err
		}
		role := rng.IntN(len(c.Roles))
		if err := bind(identity.SubjectID(group.ID), role); err != nil {
			return nil, err
		}
		groups, groupRoles = append(groups, group.ID), append(groupRoles, role)
	}
	for u := range userCount {
		var roles []int
		first := rng.IntN(groupCount)
		second := (first + 1 + rng.IntN(groupCount-1)) % groupCount
		user, err := o.CreateUser(ctx, identity.UserSpec{
			Email: "user-" + strconv.Itoa(u) + "@example.org", Groups: []identity.GroupID{groups[first], groups[second]},
		})
		if err != nil {
			return nil, err
		}
		for range 3 {
			role := rng.IntN(len(c.Roles))
			if err := bind(identity.SubjectID(user.ID), role); err != nil {
				return nil, err
			}
			roles = append(roles, role)
		}
		p.users = append(p.users, user.ID)
		p.roles = append(p.roles, append(roles, groupRoles[first], groupRoles[second]))
	}
	return p, nil
}

// enter vouches for every user.
func (p *place) enter(ctx context.Context, id *identity.Authority) error {
	p.in = nil
	for _, u := range p.users {
		who, err := login(ctx, id, p.id, u, 0)
		if err != nil {
			return err
		}
		p.in = append(p.in, who)
	}
	return nil
}

// members is the oracle: which permissions each role has, as a set.
func (c catalogue) members() []map[int]bool {
	sets := make([]map[int]bool, len(c.Roles))
	for i, r := range c.Roles {
		sets[i] = map[int]bool{}
		for _, p := range r.Permissions {
			sets[i][p] = true
		}
	}
	return sets
}

// score counts answers.
type score struct{ asked, allowed, differences, foreign int }

// ask compares random questions with the oracle. Every tenth is about a
// resource of another org, where nobody may do anything.
func ask(ctx context.Context, id *identity.Authority, c catalogue, sets []map[int]bool, places []*place, permissions []policy.Permission, rng *mathrand.Rand, questions int) (s score) {
	at := path("projects", "p1", "things", "t1")
	for range questions {
		p := places[rng.IntN(len(places))]
		u := rng.IntN(len(p.users))
		permission := rng.IntN(len(permissions))
		if role := c.Roles[p.roles[u][rng.IntN(len(p.roles[u]))]]; rng.IntN(2) == 0 && len(role.Permissions) > 0 {
			permission = role.Permissions[rng.IntN(len(role.Permissions))]
		}
		org := p.id
		if rng.IntN(10) == 0 {
			org = places[rng.IntN(len(places))].id
		}
		want := false
		for _, role := range p.roles[u] {
			want = want || org == p.id && sets[role][permission]
		}
		d := id.Authorize(ctx, identity.Request{Principal: p.in[u], Org: org, Permission: permissions[permission], Path: at})
		s.asked++
		switch {
		case d.Allowed != want:
			s.differences++
		case d.Allowed:
			s.allowed++
		}
		if d.Allowed && (org != p.id || !p.bindings[d.Binding]) || org != p.id && d.Reason != policy.ReasonOtherOrg {
			s.foreign++
		}
	}
	return s
}

func (s score) check(t *testing.T, when string, began time.Time) {
	t.Helper()
	t.Logf("%s: %d questions in %s, %d allowed, %d differences, %d answers from another org", when, s.asked, since(began), s.allowed, s.differences, s.foreign)
	if s.differences != 0 || s.foreign != 0 || s.allowed == 0 || s.allowed == s.asked {
		t.Errorf("%s: %+v", when, s)
	}
}

// since is a time to print.
func since(began time.Time) time.Duration { return time.Since(began).Round(time.Millisecond) }

// heap is the live memory, in MB.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc >> 20
}

// TestCatalogue declares the whole catalogue of Google Cloud's roles in code,
// gives it to the users of 40 orgs, and compares 100,000 random questions across
// all of them with set membership, before and after opening again.
//
// The long form has 10,000 users in 200 orgs, and asks 1,000,000 questions:
//
//	CLAVIGER_SOAK=long CLAVIGER_DATA=<folder> go test -run TestCatalogue -v ./internal/soak
func TestCatalogue(t *testing.T) {
	c := readCatalogue(t)
	ctx := t.Context()
	rng := seeded(t)
	file := filepath.Join(t.TempDir(), "app.db")
	var permissions []policy.Permission
	for _, name := range c.Permissions {
		permissions = append(permissions, permission(name))
	}
	sets, orgs, questions := c.members(), fewer(40, 200), rounds(100_000, 1_000_000)
	before := heap()

	began := time.Now()
	id := mustOpen(t, file, c.declare(true))
	t.Logf("opened with %d code roles and %d permissions in %s, %d MB", len(c.Roles), len(c.Permissions), since(began), heap()-before)
	began = time.Now()
	var places []*place
	const batch = 20
	for first := 0; first < orgs; first += batch {
		var made []*place
		err := id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
			made = nil
			for i := first; i < first+batch; i++ {
				p, err := furnish(ctx, tx, c, rng, "org-"+strconv.Itoa(i))
				if err != nil {
					return err
				}
				made = append(made, p)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, made...)
	}
	t.Logf("built %d orgs with %d users each in %s, %d MB", len(places), userCount, since(began), heap()-before)

	round := func(when string, id *identity.Authority) {
		began := time.Now()
		for _, p := range places {
			if err := p.enter(ctx, id); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
		}
		t.Logf("%s: %d principals in %s, %d MB", when, orgs*userCount, since(began), heap()-before)
		began = time.Now()
		ask(ctx, id, c, sets, places, permissions, rng, questions).check(t, when, began)
	}
	round("as built", id)
	mustClose(t, id)
	began = time.Now()
	again, err := open(ctx, file, sqlite.Options{}, c.declare(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, again) })
	t.Logf("opened again in %s", since(began))
	round("opened again", again)
}

// TestStoredCatalogue stores the whole catalogue as roles of one org in one
// transaction, in less than 10 seconds. It needs CLAVIGER_DATA; there is no
// longer form.
func TestStoredCatalogue(t *testing.T) {
	c := readCatalogue(t)
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "app.db")
	id := mustOpen(t, file, c.declare(false))
	org := must(id.System("setup").CreateOrg(ctx, identity.OrgSpec{Slug: "office"}))(t).ID
	began := time.Now()
	err := id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
		for i := range c.Roles {
			if _, err := tx.System("catalogue").In(org).CreateRole(ctx, identity.RoleSpec{Name: c.Roles[i].Name, Permissions: c.names(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("stored %d roles in one transaction in %s", len(c.Roles), since(began))
	if took > 10*time.Second && !raceDetector {
		t.Errorf("it took %s, 10 s is the most", took)
	}
	mustClose(t, id)

	again, err := open(ctx, file, sqlite.Options{}, c.declare(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, again) })
	stored := map[string]string{}
	for role, err := range again.System("audit").In(org).AllRoles(ctx, identity.RoleFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		stored[role.Name] = strings.Join(role.Permissions, " ")
	}
	for i, r := range c.Roles {
		if text, ok := stored[r.Name]; !ok || text != strings.Join(c.names(i), " ") {
			t.Errorf("role %s is not stored as it was given", r.Name)
		}
	}
	if len(stored) != len(c.Roles) {
		t.Errorf("%d roles are stored, %d were given", len(stored), len(c.Roles))
	}
}
