package identity_test

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestCascade deletes a role and a group with all that is linked to them: one
// revision, one event for each link, and afterwards nobody has anything of it.
func TestCascade(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	role, other := w.role(org, "wallets:read"), w.role(org, "wallets:create")
	including := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "including", Includes: []string{string(role), string(other)}}))(t).ID
	above := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "above", Includes: []string{string(including)}}))(t).ID
	a, b := w.user(org, "a"), w.user(org, "b")
	group := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "group"}))(t).ID
	parent := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "parent"}))(t).ID
	for _, m := range []struct {
		group  identity.GroupID
		member identity.SubjectID
	}{{group, identity.SubjectID(a)}, {group, identity.SubjectID(b)}, {parent, identity.SubjectID(group)}, {parent, identity.SubjectID(b)}} {
		must(in.AddMember(w.ctx, m.group, m.member))(t)
	}
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(a), Role: string(role), Scope: policy.Root})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(group), Role: string(role), Scope: path(t, "projects/1"), Deny: true})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(b), Role: string(above), Scope: policy.Root})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(parent), Role: string(other), Scope: path(t, "projects/2")})
	p := map[identity.AccountID]identity.Principal{a: w.login(org, a), b: w.login(org, b)}
	want := func(when string, rights map[string]bool) {
		t.Helper()
		for q, allowed := range rights {
			var who, permission, where string
			if _, err := fmt.Sscan(q, &who, &permission, &where); err != nil {
				t.Fatal(err)
			}
			account := map[string]identity.AccountID{"a": a, "b": b}[who]
			if d := w.may(p[account], org, permission, path(t, where)); d.Allowed != allowed {
				t.Errorf("%s: %s: %+v", when, q, d)
			}
		}
	}
	want("before", map[string]bool{"a wallets:read projects/2": true, "a wallets:read projects/1": false, "b wallets:read projects/2": true, "b wallets:create projects/1": true, "a wallets:create projects/2": true})

	must(in.SetBoundary(w.ctx, b, string(role)))(t)
	same := w.unchanged()
	wantKind(t, in.DeleteRole(w.ctx, role, identity.IfUnused), identity.ErrInUse)
	for _, mode := range []identity.DeleteMode{identity.Cascade + 1, 255} {
		wantKind(t, in.DeleteRole(w.ctx, role, mode), identity.ErrInvalid)
		wantKind(t, in.DeleteGroup(w.ctx, group, mode), identity.ErrInvalid)
	}
	wantKind(t, in.DeleteRole(w.ctx, role, identity.Cascade), identity.ErrInUse) // a boundary
	wantKind(t, in.DeleteGroup(w.ctx, group, identity.IfUnused), identity.ErrInUse)
	wantKind(t, in.DeleteGroup(w.ctx, identity.GroupUsers, identity.Cascade), identity.ErrInvalid)
	same()
	must(in.SetBoundary(w.ctx, b, ""))(t)

	verbs := func(before uint64) (out []string) {
		for _, e := range w.events(org) {
			if e.Revision > before {
				out = append(out, e.Noun+" "+e.Verb)
				if e.Revision != before+1 {
					t.Errorf("%s %s is in revision %d, not %d", e.Noun, e.Verb, e.Revision, before+1)
				}
			}
		}
		return out
	}
	before := w.id.Revision()
	if err := in.DeleteRole(w.ctx, role, identity.Cascade); err != nil {
		t.Fatal(err)
	}
	if got := verbs(before); !slices.Equal(got, []string{"binding delete", "binding delete", "role update", "role delete"}) {
		t.Errorf("events %q", got)
	}
	if r := must(in.Role(w.ctx, including))(t); !slices.Equal(r.Includes, []identity.RoleRef{identity.RoleRef(other)}) {
		t.Errorf("%+v", r)
	}
	wantKind(t, last(in.Role(w.ctx, role)), identity.ErrNotFound)
	rights := map[string]bool{"a wallets:read projects/2": false, "b wallets:read projects/2": false, "b wallets:create projects/1": true, "a wallets:create projects/2": true}
	want("without the role", rights)

	before = w.id.Revision()
	if err := in.DeleteGroup(w.ctx, group, identity.Cascade); err != nil {
		t.Fatal(err)
	}
	if got := verbs(before); !slices.Equal(got, []string{"member remove", "member remove", "member remove", "group delete"}) {
		t.Errorf("events %q", got)
	}
	rights["a wallets:create projects/2"] = false
	want("without the group", rights)
	w.reopen()
	p = map[identity.AccountID]identity.Principal{a: w.login(org, a), b: w.login(org, b)}
	want("after a restart", rights)

	// A default group is for who changes the org.
	fresh := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "default"}))(t).ID
	must(w.sys().UpdateOrg(w.ctx, org, identity.OrgPatch{Settings: &identity.OrgSettings{DefaultUserGroups: []identity.GroupID{fresh}}}))(t)
	w.user(org, "joins")
	same = w.unchanged()
	wantKind(t, w.in(org).DeleteGroup(w.ctx, fresh, identity.Cascade), identity.ErrInUse)
	same()
}

// TestSec48_Cascade: what goes with a role or a group is judged like what goes by
// itself, and nothing goes when one thing may not.
func TestSec48_Cascade(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	in := w.in(org)
	u := w.user(org, "u", "keys:use", "wallets:*")
	must(in.GrantOwner(w.ctx, w.user(org, "owner")))(t)
	place := path(t, "projects/1")
	cascade := func(o *identity.OrgAdmin, id identity.RoleID) error { return o.DeleteRole(w.ctx, id, identity.Cascade) }
	bound := func(spec identity.BindingSpec, permissions ...string) identity.RoleID {
		role := w.role(org, permissions...)
		spec.Subject, spec.Role = identity.SubjectID(u), string(role)
		if spec.Scope.IsZero() {
			spec.Scope = place
		}
		w.bind(org, spec)
		return role
	}
	includedInDeny := func() identity.RoleID {
		role := w.role(org, "keys:use")
		over := must(in.CreateRole(w.ctx, identity.RoleSpec{Name: "over-" + string(role[3:]), Includes: []string{string(role)}}))(t).ID
		w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(over), Scope: place, Deny: true})
		return role
	}
	deny := identity.BindingSpec{Deny: true}
	both := []string{"identity:roles.delete", "identity:bindings.delete"}
	n := 0
	for name, c := range map[string]struct {
		role  func() identity.RoleID
		holds []string
		want  error
	}{
		"allows":                           {func() identity.RoleID { return bound(identity.BindingSpec{}, "keys:use") }, both, nil},
		"without bindings.delete":          {func() identity.RoleID { return bound(identity.BindingSpec{}, "keys:use") }, both[:1], identity.ErrDenied},
		"immutable":                        {func() identity.RoleID { return bound(identity.BindingSpec{Immutable: true}, "keys:use") }, both, identity.ErrImmutable},
		"a deny of what it holds":          {func() identity.RoleID { return bound(deny, "keys:use") }, append([]string{"keys:use"}, both...), nil},
		"a deny of more":                   {func() identity.RoleID { return bound(deny, "keys:use", "wallets:read") }, append([]string{"keys:use"}, both...), identity.ErrEscalation},
		"an include of a deny":             {includedInDeny, append([]string{"identity:roles.update"}, both...), identity.ErrEscalation},
		"an include of a deny it holds":    {includedInDeny, append([]string{"identity:roles.update", "keys:use", identity.PermContain}, both...), nil},
		"an include, without roles.update": {includedInDeny, append([]string{"keys:use", identity.PermContain}, both...), identity.ErrDenied},
	} {
		n++
		role := c.role()
		o := w.as(org, w.user(org, fmt.Sprint("admin", n), c.holds...))
		if c.want == nil {
			if err := cascade(o, role); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		same := w.unchanged()
		if err := cascade(o, role); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		same()
	}
	// Who leaves a group is rid of what groups above it are denied.
	group := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "group"}))(t).ID
	parent := must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: "parent"}))(t).ID
	must(in.AddMember(w.ctx, group, identity.SubjectID(u)))(t)
	must(in.AddMember(w.ctx, parent, identity.SubjectID(group)))(t)
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(parent), Role: string(w.role(org, "keys:use")), Scope: place, Deny: true})
	for holds, want := range map[string]error{"identity:members.remove": identity.ErrEscalation, "keys:use": identity.ErrDenied} {
		n++
		o := w.as(org, w.user(org, fmt.Sprint("admin", n), "identity:groups.delete", "identity:bindings.delete", holds))
		same := w.unchanged()
		if err := o.DeleteGroup(w.ctx, group, identity.Cascade); !errors.Is(err, want) {
			t.Errorf("with %s: %v, want %v", holds, err, want)
		}
		same()
	}
	o := w.as(org, w.user(org, "enough", "identity:groups.delete", "identity:members.remove", "keys:use"))
	if err := o.DeleteGroup(w.ctx, group, identity.Cascade); err != nil {
		t.Error(err)
	}
}

// TestSec48_CascadeLikeByHand deletes random roles and groups of random orgs, at once and link by
// link. What can be done by hand can be done at once, and the two leave the same; by hand, the actor
// may lose on the way what it needs further on.
func TestSec48_CascadeLikeByHand(t *testing.T) {
	onOneGoroutine(t)
	seed := newSeed(t)
	rnd := mathrand.New(mathrand.NewPCG(seed, 106))
	w := open(t)
	undo := errors.New("undo")
	done, refused := 0, 0
	for round := range 30 {
		s := w.thicket(rnd, fmt.Sprint("org", round))
		actor := w.login(s.org, s.accounts[0])
		for range 4 {
			role, group := s.roles[rnd.IntN(len(s.roles))], s.groups[rnd.IntN(len(s.groups))]
			ofRole := rnd.IntN(2) == 0
			try := func(call func(ctx context.Context, host, o *identity.OrgAdmin) error) (rights string, err error) {
				failed := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
					if err = call(ctx, tx.System("read").In(s.org), tx.As(actor).In(s.org)); err == nil {
						rights = s.rights(ctx, tx)
					}
					return undo
				})
				if !errors.Is(failed, undo) {
					t.Fatal(failed)
				}
				return rights, err
			}
			atOnce, err := try(func(ctx context.Context, _, o *identity.OrgAdmin) error {
				if ofRole {
					return o.DeleteRole(ctx, role, identity.Cascade)
				}
				return o.DeleteGroup(ctx, group, identity.Cascade)
			})
			byHand, other := try(func(ctx context.Context, host, o *identity.OrgAdmin) error {
				if ofRole {
					return s.unlinkRole(ctx, host, o, role)
				}
				return s.unlinkGroup(ctx, host, o, group)
			})
			if other == nil && (err != nil || atOnce != byHand) {
				t.Fatalf("round %d, role %v: at once %v, by hand %v\n%s\n%s", round, ofRole, err, other, atOnce, byHand)
			}
			if err == nil {
				done++
			} else {
				refused++
			}
		}
	}
	if done < 10 || refused < 10 {
		t.Errorf("%d done, %d refused", done, refused)
	}
}

// thicket is a random org with accounts, groups, roles and bindings.
type thicket struct {
	w        *world
	org      identity.OrgID
	accounts []identity.AccountID
	groups   []identity.GroupID
	roles    []identity.RoleID
	paths    []policy.Path
}

func (w *world) thicket(rnd *mathrand.Rand, slug string) *thicket {
	w.t.Helper()
	s := &thicket{w: w, paths: []policy.Path{policy.Root, path(w.t, "projects/1"), path(w.t, "projects/1/wallets/w"), path(w.t, "projects/2")}}
	permissions := []string{"wallets:read", "wallets:create", "keys:use", "wallets:*", "*", "identity:groups.read"}
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		t := w.t
		sys := tx.System("thicket")
		s.org = must(sys.CreateOrg(ctx, identity.OrgSpec{Slug: slug}))(t).ID
		in := sys.In(s.org)
		for i := range 4 {
			s.accounts = append(s.accounts, must(in.CreateUser(ctx, identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", i)}))(t).ID)
			s.groups = append(s.groups, must(in.CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprint("g", i)}))(t).ID)
			spec := identity.RoleSpec{Name: fmt.Sprint("r", i)}
			for range 1 + rnd.IntN(2) {
				spec.Permissions = append(spec.Permissions, permissions[rnd.IntN(len(permissions))])
			}
			for j := range i {
				if rnd.IntN(3) == 0 {
					spec.Includes = append(spec.Includes, string(s.roles[j]))
				}
			}
			s.roles = append(s.roles, must(in.CreateRole(ctx, spec))(t).ID)
		}
		for i, g := range s.groups {
			for _, m := range s.accounts {
				if rnd.IntN(3) == 0 {
					must(in.AddMember(ctx, g, identity.SubjectID(m)))(t)
				}
			}
			if i > 0 && rnd.IntN(2) == 0 {
				must(in.AddMember(ctx, g, identity.SubjectID(s.groups[rnd.IntN(i)])))(t)
			}
		}
		for range 6 + rnd.IntN(6) {
			spec := identity.BindingSpec{Role: string(s.roles[rnd.IntN(len(s.roles))]), Scope: s.paths[rnd.IntN(len(s.paths))], Deny: rnd.IntN(3) == 0}
			if spec.Subject = identity.SubjectID(s.groups[rnd.IntN(len(s.groups))]); rnd.IntN(2) == 0 {
				spec.Subject = identity.SubjectID(s.accounts[rnd.IntN(len(s.accounts))])
			}
			must(in.EnsureBinding(ctx, spec))(t)
		}
		// The first of them manages, and holds some of it.
		manage := []string{"identity:*", identity.PermContain, permissions[rnd.IntN(len(permissions))]}
		role := must(in.CreateRole(ctx, identity.RoleSpec{Name: "manage", Permissions: manage}))(t).ID
		must(in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(s.accounts[0]), Role: string(role), Scope: policy.Root}))(t)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// rights are what bindings, memberships and roles are left, without what differs
// between two ways to the same: who wrote a row when.
func (s *thicket) rights(ctx context.Context, tx *identity.Tx) string {
	t := s.w.t
	in := tx.System("look").In(s.org)
	out := ""
	for b, err := range in.AllBindings(ctx, identity.BindingFilter{}) {
		b := must(b, err)(t)
		out += fmt.Sprintln(b.ID, b.Subject, b.Role, b.Scope, b.Effect)
	}
	for r, err := range in.AllRoles(ctx, identity.RoleFilter{}) {
		r := must(r, err)(t)
		out += fmt.Sprintln(r.ID, r.Permissions, r.Includes, r.State)
	}
	for g, err := range in.AllGroups(ctx, identity.GroupFilter{}) {
		g := must(g, err)(t)
		for m, err := range in.AllMembers(ctx, g.ID) {
			out += fmt.Sprintln(g.ID, must(m, err)(t).Member)
		}
	}
	return out
}

func (s *thicket) unlinkRole(ctx context.Context, host, o *identity.OrgAdmin, role identity.RoleID) error {
	for b, err := range host.AllBindings(ctx, identity.BindingFilter{Role: identity.RoleRef(role)}) {
		if err = errors.Join(err, o.DeleteBinding(ctx, b.ID)); err != nil {
			return err
		}
	}
	for _, id := range s.roles {
		r, err := host.Role(ctx, id)
		if err != nil {
			return err
		}
		var left []string
		for _, ref := range r.Includes {
			if ref != identity.RoleRef(role) {
				left = append(left, string(ref))
			}
		}
		if len(left) != len(r.Includes) {
			if _, err := o.UpdateRole(ctx, id, identity.RolePatch{Includes: &left}); err != nil {
				return err
			}
		}
	}
	return o.DeleteRole(ctx, role, identity.IfUnused)
}

func (s *thicket) unlinkGroup(ctx context.Context, host, o *identity.OrgAdmin, group identity.GroupID) error {
	for m, err := range host.AllMembers(ctx, group) {
		if err = errors.Join(err, last(o.RemoveMember(ctx, group, m.Member))); err != nil {
			return err
		}
	}
	for _, id := range s.groups {
		if err := last(o.RemoveMember(ctx, id, identity.SubjectID(group))); err != nil {
			return err
		}
	}
	for b, err := range host.AllBindings(ctx, identity.BindingFilter{Subject: identity.SubjectID(group)}) {
		if err = errors.Join(err, o.DeleteBinding(ctx, b.ID)); err != nil {
			return err
		}
	}
	return o.DeleteGroup(ctx, group, identity.IfUnused)
}
