package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// tally counts what a world was about.
type tally struct {
	done, refused, asked int // calls, and questions
	reasons              map[policy.Reason]int
}

func (c *tally) add(o tally) {
	c.done, c.refused, c.asked = c.done+o.done, c.refused+o.refused, c.asked+o.asked
	if c.reasons == nil {
		c.reasons = map[policy.Reason]int{}
	}
	for r, n := range o.reasons {
		c.reasons[r] += n
	}
}

// call makes one random management call through System, in either Authority, and tells the model. Whether it should succeed the
// model has said before.
func (g *game) call() {
	kinds := []func(*scene){
		(*scene).createUser, (*scene).createServiceAccount, (*scene).moveAccount, (*scene).moveAccount, (*scene).extendAccount,
		(*scene).setBoundary, (*scene).createGroup, (*scene).deleteGroup, (*scene).addMember, (*scene).addMember, (*scene).addMember,
		(*scene).removeMember, (*scene).createRole, (*scene).createRole, (*scene).updateRole, (*scene).updateRole, (*scene).moveRole,
		(*scene).createBinding, (*scene).createBinding, (*scene).createBinding, (*scene).createBinding, (*scene).createBinding,
		(*scene).deleteBinding, (*scene).deleteBinding, (*scene).moveOrg, (*scene).setDefaults,
	}
	s := &scene{game: g, w: g.w[g.rnd.IntN(2)], id: pickOf(g, g.orgs)}
	if s.org = g.model.orgs[s.id]; g.rnd.IntN(2) == 0 {
		s.id = g.orgs[0]
		s.org = g.model.orgs[s.id]
	}
	s.in = s.w.in(s.id)
	s.dead = s.org.state == identity.OrgDeleted
	kinds[g.rnd.IntN(len(kinds))](s)
}

// scene is where a call is made.
type scene struct {
	*game
	w    *world
	id   identity.OrgID
	org  *modelOrg
	in   *identity.OrgAdmin
	dead bool // everything fails
}

func pickOf[T any](g *game, from []T) T { return from[g.rnd.IntN(len(from))] }

// outcome compares whether a call succeeded, and writes it down. It returns the change that was made.
func (s *scene) outcome(err error, want bool, format string, args ...any) (ok bool) {
	s.trace = append(s.trace, fmt.Sprintf("%s: %s: %v", s.slug(s.id), fmt.Sprintf(format, args...), err))
	if (err == nil) != (want && !s.dead) {
		s.fail("want success: %v", want && !s.dead)
	}
	if err == nil {
		s.done++
	} else {
		s.refused++
	}
	return err == nil
}

// any returns an id of a kind, now and then of another org: that must be like none.
func (s *scene) any(list func(o *modelOrg) []string) string {
	from := s.org
	if s.rnd.IntN(15) == 0 {
		from = s.model.orgs[pickOf(s.game, s.orgs)]
	}
	ids := list(from)
	slices.Sort(ids)
	if len(ids) == 0 {
		return "gr_nobody"
	}
	return pickOf(s.game, ids)
}

func (o *modelOrg) accountIDs() []string { return slices.Collect(maps.Keys(o.accounts)) }
func (o *modelOrg) groupIDs() []string   { return slices.Collect(maps.Keys(o.groups)) }
func (o *modelOrg) subjectIDs() []string { return append(o.accountIDs(), o.groupIDs()...) }
func (o *modelOrg) roleIDs() []string {
	return slices.Concat(slices.Collect(maps.Keys(o.roles)), slices.Collect(maps.Keys(modelCode)))
}
func (o *modelOrg) bindingIDs() []string { return slices.Collect(maps.Keys(o.bindings)) }

func (o *modelOrg) live(subject string) bool {
	a := o.accounts[subject]
	return o.groups[subject] || a != nil && a.state != identity.AccountDeleted
}

func (o *modelOrg) usable(role string) bool {
	r := o.role(role)
	return r != nil && !r.archived && !r.own
}

func systemGroup(id string) bool {
	return strings.HasPrefix(id, "gr_users") || strings.HasPrefix(id, "gr_service")
}

func (s *scene) number() int { s.made++; return s.made }

func (s *scene) moveOrg() {
	sys := s.w.sys()
	system := s.id == s.model.system
	switch n := s.rnd.IntN(12); {
	case n < 3 && s.org.state == identity.OrgActive || n == 0:
		was := s.org.state
		if s.outcome(last(sys.SuspendOrg(s.w.ctx, s.id)), !system, "SuspendOrg") && was == identity.OrgActive {
			s.org.state, s.org.revision = identity.OrgSuspended, s.w.id.Revision()
		}
	case n < 8:
		if s.outcome(last(sys.ResumeOrg(s.w.ctx, s.id)), !system, "ResumeOrg") {
			s.org.state = identity.OrgActive
		}
	case n < 11:
		if s.outcome(last(sys.SignOutOrg(s.w.ctx, s.id)), true, "SignOutOrg") {
			s.org.revision = s.w.id.Revision()
		}
	case s.id == s.orgs[1]:
		if s.outcome(last(sys.DeleteOrg(s.w.ctx, s.id)), true, "DeleteOrg") {
			s.org.state, s.org.revision = identity.OrgDeleted, s.w.id.Revision()
		}
	}
}

func (s *scene) setDefaults() {
	if s.id == s.model.system {
		return
	}
	settings := map[identity.AccountKind][]identity.GroupID{}
	want := true
	for _, kind := range []identity.AccountKind{identity.User, identity.ServiceAccount} {
		if s.rnd.IntN(2) == 0 {
			group := s.any((*modelOrg).groupIDs)
			settings[kind] = []identity.GroupID{identity.GroupID(group)}
			want = want && s.org.groups[group] && !systemGroup(group)
		}
	}
	_, err := s.w.sys().UpdateOrg(s.w.ctx, s.id, identity.OrgPatch{Settings: &identity.OrgSettings{
		DefaultUserGroups: settings[identity.User], DefaultServiceAccountGroups: settings[identity.ServiceAccount]}})
	if s.outcome(err, want, "UpdateOrg %v", settings) {
		s.org.defaults = settings
	}
}
