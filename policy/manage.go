package policy

import (
	"slices"
	"strings"
)

// Management returns a definition, without includes, of what a role gives under [ManagementPrefix], itself or through the roles it
// includes: no permissions if it gives nothing there. It may define more than the role gives, never less: of exclusions only the
// role's own are looked at. A role that does not exist, or that includes one, may give all of it.
func (s *Snapshot) Management(role string) Role {
	part := Role{ID: role}
	if r, exists := s.Role(role); exists {
		part.Exclusions = r.Exclusions
	}
	s.manages(&part, role, map[string]bool{})
	slices.Sort(part.Permissions)
	part.Permissions = slices.Compact(part.Permissions)
	return part
}

func (s *Snapshot) manages(part *Role, role string, seen map[string]bool) {
	if seen[role] {
		return
	}
	seen[role] = true
	r, exists := s.Role(role)
	if !exists {
		part.Permissions = append(part.Permissions, ManagementPrefix+"*", powerContain, powerEscalate, powerImpersonate)
		return
	}
	for _, p := range r.Permissions {
		if strings.HasPrefix(p, ManagementPrefix) {
			part.Permissions = append(part.Permissions, p)
		}
	}
	for _, id := range r.Includes {
		s.manages(part, id, seen)
	}
}
