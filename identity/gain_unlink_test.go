package identity_test

import (
	"maps"
	"slices"

	"github.com/claviger-go/claviger/identity"
)

// unlink deletes a role or a group with all that is linked to it, or moves what is bound under a path.
func (g *gainGame) unlink() attempt {
	a, ctx := attempt{at: "/"}, g.w.ctx
	var gone func(modelBinding) bool
	switch g.rnd.IntN(3) {
	case 0:
		id := g.storedRole()
		a.kind, a.text, a.needs = "DeleteRole with all", id, "identity:roles.delete"
		gone = func(b modelBinding) bool { return b.role == id }
		a.after = func(o *modelOrg) {
			delete(o.roles, id)
			for _, r := range o.roles {
				r.includes = slices.DeleteFunc(slices.Clone(r.includes), func(in string) bool { return in == id })
			}
		}
		a.narrows = g.under(id, a.after)
		a.do = func() error { return g.as.DeleteRole(ctx, identity.RoleID(id), identity.Cascade) }
		if len(g.includers(id)) > 1 {
			a.also = append(a.also, [2]string{"identity:roles.update", "/"})
		}
	case 1:
		id := pickFrom(g, g.groupIDs())
		a.kind, a.text, a.needs, a.narrows = "DeleteGroup with all", id, "identity:groups.delete", []string{id}
		gone = func(b modelBinding) bool { return b.subject == id }
		a.after = func(o *modelOrg) {
			delete(o.groups, id)
			maps.DeleteFunc(o.members, func(m [2]string, _ bool) bool { return m[0] == id || m[1] == id })
		}
		a.do = func() error { return g.as.DeleteGroup(ctx, identity.GroupID(id), identity.Cascade) }
		for m := range g.o.members {
			if m[0] == id || m[1] == id {
				a.also = append(a.also, [2]string{"identity:members.remove", "/"})
				a.narrows = append(a.narrows, m[1])
			}
		}
	default:
		return g.move()
	}
	for _, b := range g.o.bindings {
		if gone(b) {
			a.also = append(a.also, [2]string{"identity:bindings.delete", b.scope})
		}
	}
	rest := a.after
	a.after = func(o *modelOrg) {
		maps.DeleteFunc(o.bindings, func(_ string, b modelBinding) bool { return gone(b) })
		rest(o)
	}
	if len(g.groupIDs()) < 3 || len(g.o.roles) < 4 {
		return g.bind()
	}
	return a
}

// move has what is bound under a path be bound under another, which takes everything where the two meet.
func (g *gainGame) move() attempt {
	from, to := pickFrom(g, gainPlaces[1:]), pickFrom(g, gainPlaces[1:])
	meets := "/"
	if under("projects/1", from) && under("projects/1", to) {
		meets = "projects/1"
	}
	a := attempt{
		kind: "MoveSubtree", text: from + " to " + to, needs: "identity:bindings.move", at: meets, names: matching("*", "identity:*"), path: meets,
		after: func(o *modelOrg) {
			for id, b := range o.bindings {
				if under(from, b.scope) {
					b.scope = to + b.scope[len(from):]
					o.bindings[id] = b
				}
			}
		},
		do: func() error { return last(g.as.MoveSubtree(g.w.ctx, path(g.w.t, from), path(g.w.t, to))) },
	}
	for _, b := range g.o.bindings {
		switch {
		case !under(from, b.scope):
		case !slices.Contains(gainPlaces, to+b.scope[len(from):]):
			return g.bind() // to a place that is not looked at
		case b.deny:
			a.narrows = append(a.narrows, g.now.within(b.subject)...)
		default:
			a.narrows = append(a.narrows, b.subject)
		}
	}
	return a
}
