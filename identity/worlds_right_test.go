package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

var callPatterns = []string{"wallets:read", "wallets:create", "wallets:*", "wallets:open", "vaults:*", "keys:use", "*", "identity:*", "identity:groups.*", "identity:escalate"}

func (s *scene) patterns(most int) []string {
	var out []string
	for range s.rnd.IntN(most + 1) {
		out = append(out, pickOf(s.game, callPatterns))
	}
	return out
}

func (s *scene) createRole() {
	spec := identity.RoleSpec{Name: fmt.Sprintf("r%d", s.number()), Permissions: s.patterns(3), Exclusions: s.patterns(1)}
	want := true
	if s.rnd.IntN(2) == 0 {
		spec.Includes = []string{s.any((*modelOrg).roleIDs)}
		want = s.org.usable(spec.Includes[0])
	}
	if s.rnd.IntN(15) == 0 {
		spec.Permissions, want = append(spec.Permissions, "wallets:none"), false
	}
	r, err := s.in.CreateRole(s.w.ctx, spec)
	if s.outcome(err, want, "CreateRole %+v → %s", spec, r.ID) {
		s.org.roles[string(r.ID)] = &modelRole{permissions: spec.Permissions, exclusions: spec.Exclusions, includes: spec.Includes}
	}
}

func (s *scene) updateRole() {
	id := s.any((*modelOrg).roleIDs)
	r := s.org.roles[id]
	want := r != nil
	var after modelRole
	if want {
		after = *r
	}
	var patch identity.RolePatch
	switch s.rnd.IntN(3) {
	case 0:
		after.permissions = s.patterns(3)
		patch.Permissions = &after.permissions
	case 1:
		after.exclusions = s.patterns(2)
		patch.Exclusions = &after.exclusions
	default:
		other := s.any((*modelOrg).roleIDs)
		after.includes = []string{other}
		patch.Includes = &after.includes
		want = want && s.org.usable(other) && !s.org.includes(other)[id]
	}
	if s.outcome(last(s.in.UpdateRole(s.w.ctx, identity.RoleID(id), patch)), want, "UpdateRole %s to %+v", id, after) {
		*r = after
	}
}

// includes returns a role and every role that it includes.
func (o *modelOrg) includes(role string) map[string]bool {
	in := map[string]bool{role: true}
	if r := o.role(role); r != nil {
		for _, other := range r.includes {
			maps.Copy(in, o.includes(other))
		}
	}
	return in
}

func (s *scene) moveRole() {
	id := s.any((*modelOrg).roleIDs)
	r := s.org.roles[id]
	if r != nil && r.archived && s.rnd.IntN(2) == 0 {
		if s.outcome(last(s.in.UnarchiveRole(s.w.ctx, identity.RoleID(id))), true, "UnarchiveRole %s", id) {
			r.archived = false
		}
		return
	}
	want := r != nil
	for _, b := range s.org.bindings {
		want = want && b.role != id
	}
	for other, o := range s.org.roles {
		want = want && (other == id || !slices.ContainsFunc(o.includes, func(in string) bool { return s.org.includes(in)[id] }))
	}
	for _, a := range s.org.accounts {
		want = want && (a.boundary != id || a.state == identity.AccountDeleted)
	}
	if s.rnd.IntN(2) == 0 {
		if s.outcome(last(s.in.ArchiveRole(s.w.ctx, identity.RoleID(id))), want, "ArchiveRole %s", id) {
			r.archived = true
		}
	} else if s.outcome(s.in.DeleteRole(s.w.ctx, identity.RoleID(id), identity.IfUnused), want, "DeleteRole %s", id) {
		delete(s.org.roles, id)
	}
}

func (s *scene) createBinding() {
	now := s.clock.Now()
	b := modelBinding{subject: s.any((*modelOrg).subjectIDs), role: s.any((*modelOrg).roleIDs), scope: pickOf(s.game, gamePaths), deny: s.rnd.IntN(6) == 0}
	if s.rnd.IntN(4) == 0 {
		b.start = now.Add(time.Duration(s.rnd.IntN(7)-3) * 10 * time.Minute)
	}
	if s.rnd.IntN(4) == 0 {
		b.end = now.Add(time.Duration(s.rnd.IntN(8)-1) * 10 * time.Minute)
	}
	if s.rnd.IntN(2) == 0 && s.id == s.model.system {
		b.reach = pickOf(s.game, []string{"*", string(s.orgs[0]), string(s.orgs[1])})
	}
	if s.rnd.IntN(3) == 0 {
		b.condition = pickOf(s.game, []string{"attr:office", "attr:office", "attr:principal.mfa", "is:" + b.subject, "not:" + b.subject, "what?"})
	}
	want := s.org.live(b.subject) && s.org.usable(b.role) && (b.end.IsZero() || b.end.After(b.start) && b.end.After(now)) && b.condition != "what?"
	if want {
		s.org.bindings["new"] = b
		want = !s.everybodyReaches()
		delete(s.org.bindings, "new")
	}
	scope, _ := policy.ParsePath(b.scope)
	spec := identity.BindingSpec{Subject: identity.SubjectID(b.subject), Role: b.role, Scope: scope, Deny: b.deny, Start: b.start, End: b.end,
		Reach: identity.Reach(b.reach), Condition: b.condition}
	made, err := s.in.CreateBinding(s.w.ctx, spec)
	if s.outcome(err, want, "CreateBinding %+v → %s", b, made.ID) {
		s.org.bindings[string(made.ID)] = b
	}
}

func (s *scene) deleteBinding() {
	id := s.any((*modelOrg).bindingIDs)
	if id == "gr_nobody" {
		id = "bi_nobody"
	}
	_, want := s.org.bindings[id]
	if s.outcome(s.in.DeleteBinding(s.w.ctx, identity.BindingID(id)), want, "DeleteBinding %s", id) {
		delete(s.org.bindings, id)
	}
}
