package policy

import "strings"

// Manages reports whether a role names anything under [ManagementPrefix], itself or through the roles it includes. It is
// conservative: exclusions are not looked at, and a role that does not exist may manage.
func (s *Snapshot) Manages(role string) bool {
	return s.manages(role, map[string]bool{})
}

func (s *Snapshot) manages(role string, seen map[string]bool) bool {
	if seen[role] {
		return false
	}
	seen[role] = true
	r, exists := s.Role(role)
	if !exists {
		return true
	}
	for _, p := range r.Permissions {
		if strings.HasPrefix(p, ManagementPrefix) {
			return true
		}
	}
	for _, id := range r.Includes {
		if s.manages(id, seen) {
			return true
		}
	}
	return false
}
