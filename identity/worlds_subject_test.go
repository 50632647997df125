package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/claviger-go/claviger/identity"
)

// join is what being made does to an account.
func (s *scene) join(id string, a *modelAccount, groups ...string) {
	s.org.accounts[id] = a
	for _, g := range s.org.defaults[a.kind] {
		groups = append(groups, string(g))
	}
	for _, g := range groups {
		s.org.members[[2]string{g, id}] = true
	}
}

func (s *scene) createUser() {
	spec := identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", s.number()), Inactive: s.rnd.IntN(6) == 0}
	want := true
	var groups []string
	if s.rnd.IntN(2) == 0 {
		group := s.any((*modelOrg).groupIDs)
		spec.Groups, groups = []identity.GroupID{identity.GroupID(group)}, []string{group}
		want = s.org.groups[group] && !systemGroup(group)
	}
	if s.rnd.IntN(4) == 0 {
		spec.Boundary = s.any((*modelOrg).roleIDs)
		want = want && s.org.usable(spec.Boundary)
	}
	u, err := s.in.CreateUser(s.w.ctx, spec)
	if s.outcome(err, want, "CreateUser %+v → %s", spec, u.ID) {
		a := &modelAccount{kind: identity.User, state: identity.AccountActive, boundary: spec.Boundary}
		if spec.Inactive {
			a.state = identity.AccountInactive
		}
		s.join(string(u.ID), a, groups...)
	}
}

func (s *scene) createServiceAccount() {
	spec := identity.ServiceAccountSpec{Name: fmt.Sprintf("s%d", s.number()), Validity: time.Duration(1+s.rnd.IntN(100)) * time.Hour}
	want := true
	if s.rnd.IntN(2) == 0 {
		role := s.any((*modelOrg).roleIDs)
		spec.Roles, want = []string{role}, s.org.usable(role)
	}
	if s.rnd.IntN(2) == 0 {
		spec.Permissions = s.patterns(2)
	}
	sa, err := s.in.CreateServiceAccount(s.w.ctx, spec)
	if !s.outcome(err, want, "CreateServiceAccount %+v → %s", spec, sa.ID) {
		return
	}
	s.join(string(sa.ID), &modelAccount{kind: identity.ServiceAccount, state: identity.AccountActive, until: s.clock.Now().Add(spec.Validity)})
	n := 0
	for b, err := range s.in.AllBindings(s.w.ctx, identity.BindingFilter{Subject: identity.SubjectID(sa.ID)}) {
		if err != nil {
			s.fail("%v", err)
		}
		if s.org.role(string(b.Role)) == nil { // of the direct permissions
			s.org.roles[string(b.Role)] = &modelRole{permissions: spec.Permissions, own: true}
		}
		s.org.bindings[string(b.ID)] = modelBinding{subject: string(sa.ID), role: string(b.Role), scope: "/"}
		n++
	}
	if want := len(spec.Roles) + min(len(spec.Permissions), 1); n != want {
		s.fail("%d bindings, want %d", n, want)
	}
}

func (s *scene) moveAccount() {
	id := s.any((*modelOrg).accountIDs)
	a := s.org.accounts[id]
	want := a != nil && a.state != identity.AccountDeleted
	moves := []struct {
		name string
		to   identity.AccountState
		call func() error
	}{
		{"Deactivate", identity.AccountInactive, func() error { return last(s.in.DeactivateAccount(s.w.ctx, identity.AccountID(id))) }},
		{"Activate", identity.AccountActive, func() error { return last(s.in.ActivateAccount(s.w.ctx, identity.AccountID(id))) }},
		{"Activate", identity.AccountActive, func() error { return last(s.in.ActivateAccount(s.w.ctx, identity.AccountID(id))) }},
		{"SignOut", "", func() error { return last(s.in.SignOutAccount(s.w.ctx, identity.AccountID(id))) }},
		{"Archive", identity.AccountArchived, func() error { return last(s.in.ArchiveAccount(s.w.ctx, identity.AccountID(id))) }},
		{"Delete", identity.AccountDeleted, func() error { return last(s.in.DeleteAccount(s.w.ctx, identity.AccountID(id))) }},
	}
	m := pickOf(s.game, moves[:4])
	if s.rnd.IntN(5) == 0 {
		m = pickOf(s.game, moves[4:])
	}
	want = want && !(m.to == identity.AccountActive && a.state == identity.AccountArchived)
	if !s.outcome(m.call(), want, "%s %s", m.name, id) || m.to == a.state || a.state == identity.AccountArchived && m.to == identity.AccountInactive {
		return
	}
	if m.to != identity.AccountActive {
		a.revision = s.w.id.Revision()
	}
	if m.to != "" {
		a.state = m.to
	}
}

func (s *scene) extendAccount() {
	id := s.any((*modelOrg).accountIDs)
	until := s.clock.Now().Add(time.Duration(s.rnd.IntN(60)-1) * time.Hour)
	a := s.org.accounts[id]
	if a != nil && a.kind == identity.User && s.rnd.IntN(2) == 0 {
		until = time.Time{}
	}
	want := a != nil && a.state != identity.AccountDeleted && (until.IsZero() || until.After(s.clock.Now()))
	if s.outcome(last(s.in.ExtendAccount(s.w.ctx, identity.AccountID(id), until)), want, "ExtendAccount %s to %s", id, until) {
		a.until = until
	}
}

func (s *scene) setBoundary() {
	id, role := s.any((*modelOrg).accountIDs), ""
	if s.rnd.IntN(3) > 0 {
		role = s.any((*modelOrg).roleIDs)
	}
	want := s.org.live(id) && (role == "" || s.org.usable(role))
	if s.outcome(last(s.in.SetBoundary(s.w.ctx, identity.AccountID(id), role)), want, "SetBoundary %s to %q", id, role) {
		s.org.accounts[id].boundary = role
	}
}

func (s *scene) createGroup() {
	group, err := s.in.CreateGroup(s.w.ctx, identity.GroupSpec{Name: fmt.Sprintf("g%d", s.number())})
	if s.outcome(err, true, "CreateGroup → %s", group.ID) {
		s.org.groups[string(group.ID)] = true
	}
}

func (s *scene) deleteGroup() {
	id := s.any((*modelOrg).groupIDs)
	want := s.org.groups[id] && !systemGroup(id)
	for m := range s.org.members {
		want = want && m[0] != id && m[1] != id
	}
	for _, b := range s.org.bindings {
		want = want && b.subject != id
	}
	for _, groups := range s.org.defaults {
		want = want && !slices.Contains(groups, identity.GroupID(id))
	}
	if s.outcome(s.in.DeleteGroup(s.w.ctx, identity.GroupID(id), identity.IfUnused), want, "DeleteGroup %s", id) {
		delete(s.org.groups, id)
	}
}

func (s *scene) addMember() {
	group, member := s.any((*modelOrg).groupIDs), s.any((*modelOrg).subjectIDs)
	m := [2]string{group, member}
	want := s.org.groups[group] && !systemGroup(group) && s.org.live(member) && !s.org.above(group)[member]
	if want && !s.org.members[m] {
		s.org.members[m] = true
		want = !s.everybodyReaches()
		delete(s.org.members, m)
	}
	if s.outcome(last(s.in.AddMember(s.w.ctx, identity.GroupID(group), identity.SubjectID(member))), want, "AddMember %s in %s", member, group) {
		s.org.members[m] = true
	}
}

// everybodyReaches says whether all of a kind would have rights in other orgs, which is refused.
func (s *scene) everybodyReaches() bool {
	for _, group := range []identity.GroupID{identity.GroupUsers, identity.GroupServiceAccounts} {
		above := s.org.above(string(group))
		for _, b := range s.org.bindings {
			if above[b.subject] && b.reach != "" {
				return true
			}
		}
	}
	return false
}

func (s *scene) removeMember() {
	group, member := s.any((*modelOrg).groupIDs), s.any((*modelOrg).subjectIDs)
	if n := len(s.org.members); n > 0 && s.rnd.IntN(3) > 0 {
		there := slices.SortedFunc(maps.Keys(s.org.members), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
		m := pickOf(s.game, there)
		group, member = m[0], m[1]
	}
	want := s.org.groups[group] && !systemGroup(group)
	if s.outcome(last(s.in.RemoveMember(s.w.ctx, identity.GroupID(group), identity.SubjectID(member))), want, "RemoveMember %s from %s", member, group) {
		delete(s.org.members, [2]string{group, member})
	}
}
