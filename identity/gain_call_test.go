package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// attempt is a management call before it is made, with what the rules ask of its caller.
type attempt struct {
	kind, text string
	needs, at  string      // the permission and where it is asked; no permission for what is one's own
	also       [][2]string // further permissions and where they are asked
	instance   bool        // it is asked in the system org
	never      string      // why the call is refused whoever makes it, if it is
	after      func(o *modelOrg)
	controls   string   // the account that the caller could become by it
	narrows    []string // the subjects that it narrows; by what comes of it if after is set
	names      names    // permissions that it names, which must be held at every place under path
	path       string
	do         func() error
	learn      func() // what a call that succeeded has made, if after does not say
}

// choice draws the parts of a call.
func pickFrom[T any](g *gainGame, from []T) T { return from[g.rnd.IntN(len(from))] }

func (g *gainGame) one(of int) bool { return g.rnd.IntN(of) == 0 }

func (g *gainGame) accountIDs() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(g.o.accounts)), func(id string) bool { return !g.o.live(id) })
}

func (g *gainGame) groupIDs() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(g.o.groups)), func(id string) bool { return systemGroup(id) || !g.o.groups[id] })
}

func (g *gainGame) subject() string {
	switch g.rnd.IntN(8) {
	case 0:
		return string(pickFrom(g, []identity.GroupID{identity.GroupUsers, identity.GroupServiceAccounts}))
	case 1, 2, 3:
		return pickFrom(g, g.groupIDs())
	}
	return pickFrom(g, g.accountIDs())
}

// storedRole is one that is listed.
func (g *gainGame) storedRole() string {
	return pickFrom(g, slices.DeleteFunc(slices.Sorted(maps.Keys(g.o.roles)), func(id string) bool { return g.o.roles[id].own || g.o.roles[id].archived }))
}

func (g *gainGame) anyRole() string {
	if g.one(4) {
		return pickFrom(g, slices.Sorted(maps.Keys(modelCode)))
	}
	return g.storedRole()
}

var gainPatterns = []string{
	"wallets:read", "wallets:create", "wallets:delete", "wallets:*", "wallets:open", "vaults:open", "keys:use", "*", "identity:*", "identity:bindings.*",
	"identity:members.*", "identity:roles.*", "identity:accounts.*", "identity:credentials.*", "identity:groups.create", "identity:bindings.create",
	"identity:contain", "identity:impersonate", "identity:escalate",
}

// patterns draws from what roles say; identity:escalate is not in every world.
func (g *gainGame) patterns(most int) []string {
	out := []string{}
	for range g.rnd.IntN(most + 1) {
		if p := pickFrom(g, gainPatterns); p != identity.PermEscalate || g.escalate {
			out = append(out, p)
		}
	}
	return out
}

// binding draws one whose times are full hours.
func (g *gainGame) binding(subject string) modelBinding {
	b := modelBinding{subject: subject, role: g.anyRole(), scope: pickFrom(g, gainScopes), deny: g.one(4)}
	if g.one(5) {
		b.start = g.begin.Add(time.Duration(g.rnd.IntN(4)) * time.Hour)
	}
	if g.one(5) {
		b.end = g.begin.Add(time.Duration(1+g.rnd.IntN(3)) * time.Hour)
	}
	if g.one(4) {
		b.condition = pickFrom(g, []string{"attr:office", "attr:office", "attr:principal.mfa", "is:" + pickFrom(g, g.accountIDs()), "not:" + pickFrom(g, g.accountIDs())})
	}
	return b
}

func (g *gainGame) spec(b modelBinding) identity.BindingSpec {
	scope, err := policy.ParsePath(b.scope)
	if err != nil {
		panic(err)
	}
	return identity.BindingSpec{Subject: identity.SubjectID(b.subject), Role: b.role, Scope: scope, Deny: b.deny, Start: b.start, End: b.end, Condition: b.condition}
}

func (g *gainGame) bind() attempt {
	b := g.binding(g.subject())
	spec, id, how := g.spec(b), "", g.rnd.IntN(3)
	a := attempt{
		kind: [...]string{"CreateBinding", "EnsureBinding", "EnsureBindings"}[how], text: fmt.Sprintf("%+v", b), needs: "identity:bindings.create", at: b.scope,
		after: func(o *modelOrg) {
			for _, was := range o.bindings {
				was.start, was.end = b.start, b.end
				if how > 0 && was == b {
					return
				}
			}
			o.bindings[maxText(id, "new")] = b
		},
		do: func() (err error) {
			var made identity.BindingResult
			switch how {
			case 0:
				made, err = g.as.CreateBinding(g.w.ctx, spec)
			case 1:
				made, err = g.as.EnsureBinding(g.w.ctx, spec)
			default:
				rows, failed := g.as.EnsureBindings(g.w.ctx, []identity.BindingSpec{spec})
				if failed != nil {
					return failed
				}
				made.ID, err = rows[0].Item.ID, rows[0].Err
			}
			id = string(made.ID)
			return err
		},
	}
	if b.deny {
		a.narrows = g.now.within(b.subject)
	}
	return a
}

func maxText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (g *gainGame) unbind() attempt {
	if len(g.o.bindings) == 0 {
		return g.bind()
	}
	id := pickFrom(g, slices.Sorted(maps.Keys(g.o.bindings)))
	b := g.o.bindings[id]
	a := attempt{
		kind: "DeleteBinding", text: fmt.Sprintf("%+v", b), needs: "identity:bindings.delete", at: b.scope, narrows: []string{b.subject},
		after: func(o *modelOrg) { delete(o.bindings, id) },
		do:    func() error { return g.as.DeleteBinding(g.w.ctx, identity.BindingID(id)) },
	}
	if g.one(3) {
		a.kind = "DeleteBindings"
		a.do = func() error {
			return firstFailure(g.as.DeleteBindings(g.w.ctx, []identity.BindingID{identity.BindingID(id)}))
		}
	}
	return a
}

func (g *gainGame) join() attempt {
	group, member := identity.GroupID(pickFrom(g, g.groupIDs())), identity.SubjectID(g.subject())
	a := attempt{
		kind: "AddMember", text: fmt.Sprintf("%s to %s", member, group), needs: "identity:members.add", at: "/", narrows: g.now.within(string(member)),
		after: func(o *modelOrg) { o.members[[2]string{string(group), string(member)}] = true },
		do:    func() error { return last(g.as.AddMember(g.w.ctx, group, member)) },
	}
	if g.one(3) {
		a.kind = "AddMembers"
		a.do = func() error { return firstFailure(g.as.AddMembers(g.w.ctx, group, []identity.SubjectID{member})) }
	}
	return a
}

func (g *gainGame) leave() attempt {
	there := slices.SortedFunc(maps.Keys(g.o.members), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	if len(there) == 0 {
		return g.join()
	}
	m := pickFrom(g, there)
	group, member := identity.GroupID(m[0]), identity.SubjectID(m[1])
	a := attempt{
		kind: "RemoveMember", text: fmt.Sprintf("%s from %s", member, group), needs: "identity:members.remove", at: "/", narrows: []string{m[1]},
		after: func(o *modelOrg) { delete(o.members, m) },
		do:    func() error { return last(g.as.RemoveMember(g.w.ctx, group, member)) },
	}
	if g.one(3) {
		a.kind = "RemoveMembers"
		a.do = func() error { return firstFailure(g.as.RemoveMembers(g.w.ctx, group, []identity.SubjectID{member})) }
	}
	return a
}

func (g *gainGame) editRole() attempt {
	id := g.storedRole()
	if len(g.o.bindings) > 0 && !g.one(3) { // one that somebody has
		if in := g.o.bindings[pickFrom(g, slices.Sorted(maps.Keys(g.o.bindings)))].role; g.o.roles[in] != nil && !g.o.roles[in].own {
			id = in
		}
	}
	r := *g.o.roles[id]
	a := attempt{needs: "identity:roles.update", at: "/", after: func(o *modelOrg) { o.roles[id] = &r }}
	update := func(patch identity.RolePatch) {
		a.kind, a.do = "UpdateRole", func() error { return last(g.as.UpdateRole(g.w.ctx, identity.RoleID(id), patch)) }
	}
	switch g.rnd.IntN(5) {
	case 0:
		r.permissions = g.patterns(3)
		update(identity.RolePatch{Permissions: &r.permissions})
	case 1:
		r.exclusions = g.patterns(2)
		update(identity.RolePatch{Exclusions: &r.exclusions})
	case 2:
		r.includes = []string{}
		if g.one(2) {
			r.includes = append(r.includes, g.anyRole())
		}
		update(identity.RolePatch{Includes: &r.includes})
	case 3:
		more := g.patterns(2)
		r.permissions = append(slices.Clone(r.permissions), more...)
		a.kind, a.do = "AddRolePermissions", func() error {
			return firstFailure(g.as.AddRolePermissions(g.w.ctx, []identity.RoleID{identity.RoleID(id)}, more))
		}
	default:
		less := append(g.patterns(1), r.permissions[:min(1, len(r.permissions))]...)
		r.permissions = slices.DeleteFunc(slices.Clone(r.permissions), func(p string) bool { return slices.Contains(less, p) })
		a.kind, a.do = "RemoveRolePermissions", func() error {
			return firstFailure(g.as.RemoveRolePermissions(g.w.ctx, []identity.RoleID{identity.RoleID(id)}, less))
		}
	}
	for in := range g.includers(id) {
		if in == id && g.includesOf(r)[id] {
			a.after, a.never = nil, "a cycle" // ErrInvalid
		}
	}
	if a.after != nil {
		a.narrows = g.under(id, a.after)
	}
	a.text = fmt.Sprintf("%s to %+v", id, r)
	return a
}

// includesOf are all roles that a role includes.
func (g *gainGame) includesOf(r modelRole) map[string]bool {
	out := map[string]bool{}
	for _, in := range r.includes {
		maps.Copy(out, g.o.includes(in))
	}
	return out
}

// includers are a role and those that include it.
func (g *gainGame) includers(role string) map[string]bool {
	out := map[string]bool{}
	for id := range g.o.roles {
		if g.o.includes(id)[role] {
			out[id] = true
		}
	}
	return out
}

// under are the subjects that a change of a role can narrow: those who have it, or one that includes it and loses something, too; each
// account that is denied more by it, or bounded by it.
func (g *gainGame) under(role string, change func(*modelOrg)) (out []string) {
	in, o := g.includers(role), g.o.clone()
	change(o)
	then := chart(o)
	loses := func(role string) bool { return then.role(role) == nil || g.now.of(role)&^then.of(role) != 0 }
	for _, b := range g.o.bindings {
		switch {
		case in[b.role] && b.deny && then.of(b.role)&^g.now.of(b.role) != 0:
			out = append(out, g.now.within(b.subject)...)
		case in[b.role] && !b.deny && loses(b.role):
			out = append(out, b.subject)
		}
	}
	for id, a := range g.o.accounts {
		if in[a.boundary] && loses(a.boundary) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// shelve makes, archives and deletes roles and groups, which changes nobody's rights.
func (g *gainGame) shelve() attempt {
	ctx := g.w.ctx
	if g.one(2) {
		return g.unlink()
	}
	switch g.rnd.IntN(5) {
	case 0:
		r := modelRole{permissions: g.patterns(3), exclusions: g.patterns(1)}
		spec, id := identity.RoleSpec{Name: fmt.Sprintf("r%d", g.number()), Permissions: r.permissions, Exclusions: r.exclusions}, ""
		return attempt{
			kind: "CreateRole", text: fmt.Sprintf("%+v", r), needs: "identity:roles.create", at: "/", after: func(o *modelOrg) { o.roles[maxText(id, "ro_new")] = &r },
			do: func() error {
				made, err := g.as.CreateRole(ctx, spec)
				id = string(made.ID)
				return err
			},
		}
	case 1, 2:
		id, role := g.storedRole(), identity.RoleID("")
		role = identity.RoleID(id)
		if g.one(2) {
			return attempt{kind: "DeleteRole", text: id, needs: "identity:roles.delete", at: "/", after: func(o *modelOrg) { delete(o.roles, id) }, do: func() error { return g.as.DeleteRole(ctx, role, identity.IfUnused) }}
		}
		return attempt{kind: "ArchiveRole", text: id, needs: "identity:roles.update", at: "/", after: func(o *modelOrg) { o.roles[id].archived = true }, do: func() error { return last(g.as.ArchiveRole(ctx, role)) }}
	case 3:
		id := pickFrom(g, g.groupIDs())
		if len(g.groupIDs()) > 2 {
			return attempt{kind: "DeleteGroup", text: id, needs: "identity:groups.delete", at: "/", after: func(o *modelOrg) { delete(o.groups, id) }, do: func() error { return g.as.DeleteGroup(ctx, identity.GroupID(id), identity.IfUnused) }}
		}
	}
	id := ""
	if g.one(3) {
		id := pickFrom(g, g.accountIDs())
		return attempt{kind: "GrantOwner", text: id, never: "for the host only", do: func() error { return last(g.as.GrantOwner(ctx, identity.AccountID(id))) }}
	}
	return attempt{
		kind: "CreateGroup", needs: "identity:groups.create", at: "/", after: func(o *modelOrg) { o.groups[maxText(id, "gr_new")] = true },
		do: func() error {
			made, err := g.as.CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprintf("g%d", g.number())})
			id = string(made.ID)
			return err
		},
	}
}

// setDefaults changes the groups that accounts to come are in. Orgs are changed by accounts of the system org, so the world is that.
func (g *gainGame) setDefaults() attempt {
	kind := pickFrom(g, []identity.AccountKind{identity.User, identity.ServiceAccount})
	next := map[identity.AccountKind][]identity.GroupID{}
	maps.Copy(next, g.o.defaults)
	next[kind] = nil
	if g.one(2) {
		next[kind] = []identity.GroupID{identity.GroupID(pickFrom(g, g.groupIDs()))}
	}
	settings := identity.OrgSettings{DefaultUserGroups: next[identity.User], DefaultServiceAccountGroups: next[identity.ServiceAccount]}
	a := attempt{
		kind: "UpdateOrg", text: fmt.Sprintf("%+v", settings), needs: "identity:orgs.update", at: "/",
		after: func(o *modelOrg) { o.defaults = next },
		do:    func() error { return last(g.as.UpdateOrg(g.w.ctx, g.org, identity.OrgPatch{Settings: &settings})) },
	}
	a.instance = g.org != g.w.id.SystemOrg()
	return a
}

// number makes names that were never used.
func (g *gainGame) number() int { g.made++; return g.made }
