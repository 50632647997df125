package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// neutralWorld is one set as a host would have it:
//
//   - an org of the set is an org. A check that names none is asked in an org of
//     its own, where only what counts in any org is bound. Who acts in several
//     orgs has an account in each.
//   - a subject is a user or a service account, in turn, so that what is bound to
//     "*" is bound to both system groups. A group that is asked about as if it
//     were somebody is an account in that group.
//   - groups that are in each other, and roles that inherit each other, become
//     one: the form allows it and nothing tells them apart; the library refuses
//     such cycles.
//   - a resource is a path, see places.
//   - a role is a stored role for each resource and effect that its permissions
//     have, which includes those of the roles that it inherits. Its binding is
//     made at the innermost of its own resource and that of the permissions.
//   - a binding that has ended cannot be made, which is checked.
type neutralWorld struct {
	*places
	name string
	orgs map[string]*neutralOrg
}

// neutralOrg is one org of it, by the name in the set; noOrg has no name there.
type neutralOrg struct {
	id       identity.OrgID
	accounts map[string]identity.AccountID
	groups   map[string]identity.GroupID
	roles    map[part]string
}

// noOrg is the org of checks that name none. No name in a set is this one.
const noOrg = "\x00"

func orgName(field *string) string {
	if field == nil {
		return noOrg
	}
	return "=" + *field
}

// part is what one stored role holds of a role.
type part struct {
	role     string // its class
	resource string // "" is any
	deny     bool
}

func partOf(class string, p setPermission) part {
	out := part{role: class, deny: p.Effect == "deny"}
	if !anything(p.Resource) {
		out.resource = "=" + *p.Resource
	}
	return out
}

// actions are all that a set names. A question about a permission that the host
// does not have is always refused, also when a role holds "*"; the form knows no
// such list, so those of checks are in it too.
func actions(sets []set) []policy.PermissionSpec {
	names := map[string]bool{}
	for _, s := range sets {
		for _, c := range s.Checks {
			names[permissionName(c.Action)] = true
		}
		for _, r := range s.Roles {
			for _, p := range r.Permissions {
				if p.Action != "*" {
					names[permissionName(p.Action)] = true
				}
			}
		}
	}
	var specs []policy.PermissionSpec
	for _, name := range slices.Sorted(maps.Keys(names)) {
		specs = append(specs, policy.PermissionSpec{Name: name})
	}
	return specs
}

// settle makes the world of a set inside a transaction.
func settle(ctx context.Context, tx *identity.Tx, s *set, slug string, now time.Time) (*neutralWorld, error) {
	w := &neutralWorld{places: newPlaces(newRules(s)), name: s.Name, orgs: map[string]*neutralOrg{}}
	names := map[string]bool{}
	for _, b := range s.Bindings {
		if !anything(b.Org) {
			names[orgName(b.Org)] = true
		}
	}
	for _, c := range s.Checks {
		names[orgName(c.Org)] = true
	}
	sys := tx.System("neutral")
	for i, name := range slices.Sorted(maps.Keys(names)) {
		org, err := sys.CreateOrg(ctx, identity.OrgSpec{Slug: slug + "-" + strconv.Itoa(i)})
		if err != nil {
			return nil, err
		}
		o := &neutralOrg{org.ID, map[string]identity.AccountID{}, map[string]identity.GroupID{}, map[part]string{}}
		w.orgs[name] = o
		in := sys.In(org.ID)
		if err := errors.Join(w.join(ctx, in, o), w.populate(ctx, in, o)); err != nil {
			return nil, err
		}
		for _, b := range s.Bindings {
			if !anything(b.Org) && orgName(b.Org) != name {
				continue
			}
			if err := w.bind(ctx, in, o, b, now); err != nil {
				return nil, fmt.Errorf("bind %s to %s: %w", b.Role, b.Subject, err)
			}
		}
	}
	return w, nil
}

// join makes the groups, and puts them into each other.
func (w *neutralWorld) join(ctx context.Context, in *identity.OrgAdmin, o *neutralOrg) error {
	for _, id := range slices.Sorted(maps.Keys(w.groups)) {
		if class := w.above.class(id); class == id {
			g, err := in.CreateGroup(ctx, identity.GroupSpec{Name: "group-" + strconv.Itoa(len(o.groups))})
			if err != nil {
				return err
			}
			o.groups[id] = g.ID
		}
	}
	for id := range w.groups {
		o.groups[id] = o.groups[w.above.class(id)]
	}
	for _, id := range slices.Sorted(maps.Keys(w.groups)) {
		for _, outer := range w.above[id] {
			if o.groups[outer] == o.groups[id] {
				continue
			}
			if _, err := in.AddMember(ctx, o.groups[outer], identity.SubjectID(o.groups[id])); err != nil {
				return err
			}
		}
	}
	return nil
}

// populate makes the accounts, in their groups.
func (w *neutralWorld) populate(ctx context.Context, in *identity.OrgAdmin, o *neutralOrg) error {
	subjects := map[string]bool{}
	for _, id := range w.Principals {
		subjects[id] = true
	}
	for id := range w.above {
		subjects[id] = true
	}
	for _, b := range w.Bindings {
		if b.Subject != "*" {
			subjects[b.Subject] = true
		}
	}
	for id := range w.groups {
		delete(subjects, id)
	}
	for _, c := range w.Checks {
		subjects[c.Subject] = true
	}
	for i, id := range slices.Sorted(maps.Keys(subjects)) {
		direct := w.above[id]
		if _, group := w.groups[id]; group {
			direct = []string{id}
		}
		groups := map[identity.GroupID]bool{}
		for _, g := range direct {
			groups[o.groups[g]] = true
		}
		list := slices.Sorted(maps.Keys(groups))
		if i%2 == 0 {
			u, err := in.CreateUser(ctx, identity.UserSpec{Email: fmt.Sprintf("u%d@example.org", i), Groups: list})
			if err != nil {
				return err
			}
			o.accounts[id] = u.ID
			continue
		}
		sa, err := in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: fmt.Sprintf("s%d", i), Groups: list})
		if err != nil {
			return err
		}
		o.accounts[id] = sa.ID
	}
	return nil
}

// role makes the stored role of a part, after those that it includes, and
// returns its name.
func (w *neutralWorld) role(ctx context.Context, in *identity.OrgAdmin, o *neutralOrg, p part) (string, error) {
	if name, made := o.roles[p]; made {
		return name, nil
	}
	spec := identity.RoleSpec{Name: "role-" + strconv.Itoa(len(o.roles))}
	o.roles[p] = spec.Name
	includes := map[string]bool{}
	for id := range w.inherit.up(p.role) {
		if w.inherit.class(id) != p.role {
			continue
		}
		for _, permission := range w.roles[id].Permissions {
			if partOf(p.role, permission) != p {
				continue
			}
			name := "*"
			if permission.Action != "*" {
				name = permissionName(permission.Action)
			}
			spec.Permissions = append(spec.Permissions, name)
		}
		for _, above := range w.inherit[id] {
			if class := w.inherit.class(above); class != p.role && w.holds(class, p) {
				includes[class] = true
			}
		}
	}
	for _, class := range slices.Sorted(maps.Keys(includes)) {
		name, err := w.role(ctx, in, o, part{class, p.resource, p.deny})
		if err != nil {
			return "", err
		}
		spec.Includes = append(spec.Includes, name)
	}
	slices.Sort(spec.Permissions)
	spec.Permissions = slices.Compact(spec.Permissions)
	_, err := in.CreateRole(ctx, spec)
	return spec.Name, err
}

// holds says whether a role has permissions of the resource and the effect of a part.
func (w *neutralWorld) holds(class string, p part) bool {
	p.role = class
	return slices.ContainsFunc(w.permissions(class), func(q setPermission) bool { return partOf(class, q) == p })
}

func (w *neutralWorld) bind(ctx context.Context, in *identity.OrgAdmin, o *neutralOrg, b setBinding, now time.Time) error {
	if _, known := w.roles[b.Role]; !known {
		return nil // it gives nothing
	}
	from, _, err := instant(b.From)
	if err != nil {
		return err
	}
	until, ends, err := instant(b.Until)
	if err != nil {
		return err
	}
	over := ends && !(until.After(now) && until.After(from))
	subjects := []identity.SubjectID{identity.SubjectID(identity.GroupUsers), identity.SubjectID(identity.GroupServiceAccounts)}
	if b.Subject != "*" {
		subjects = []identity.SubjectID{identity.SubjectID(o.accounts[b.Subject])}
		if g, group := o.groups[b.Subject]; group {
			subjects[0] = identity.SubjectID(g)
		}
	}
	class := w.inherit.class(b.Role)
	parts := map[part]setPermission{}
	for _, p := range w.permissions(class) {
		parts[partOf(class, p)] = p
	}
	for p, permission := range parts {
		scope, some := w.scope(b.On, permission.Resource)
		if !some {
			continue
		}
		name, err := w.role(ctx, in, o, p)
		if err != nil {
			return err
		}
		for _, subject := range subjects {
			_, err := in.CreateBinding(ctx, identity.BindingSpec{Subject: subject, Role: name, Scope: scope, Deny: p.deny, Start: from, End: until})
			var refused *identity.Error
			switch {
			case over && errors.As(err, &refused) && errors.Is(err, identity.ErrInvalid) && refused.Field == "End":
			case over:
				return fmt.Errorf("a binding that has ended was made, or refused with: %w", err)
			case err != nil:
				return err
			}
		}
	}
	return nil
}
