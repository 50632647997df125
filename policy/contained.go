package policy

import "slices"

// Contained says whether a role contains a permission, and through what.
type Contained struct {
	Role string // its id
	// Contains is the answer. Where part of a definition cannot be read it is no for an allow and for a boundary, and yes for a
	// deny.
	Contains bool
	// Exists is false if there is no such role.
	Exists bool
	// Through are the ids of the roles included, from one that Role includes to the one that Pattern or Exclusion stands in.
	Through []string
	// Pattern is the text that covers the permission. If that makes the answer yes only because something is in doubt, it is the
	// text that cannot be read, or empty where the last role of Through does not exist.
	Pattern string
	// Exclusion is the text that takes the permission out again, if the answer is no because of one.
	Exclusion string
	// InDoubt reports that the answer comes from something that cannot be read or does not exist.
	InDoubt bool
}

// contained says whether a role, by its slot, contains a permission. doubt is the answer where part of it cannot be read.
func (s *Snapshot) contained(role, perm uint32, doubt bool) Contained {
	row := s.roles.row(role)
	c := Contained{Role: s.roles.name(role), Contains: row.counting(doubt).has(perm), Exists: row.def != nil}
	switch {
	case !c.Exists:
		c.InDoubt = true
	case c.Contains:
		s.cover(&c, row, perm)
	default:
		s.exclude(&c, row, perm, doubt, map[string]bool{})
	}
	return c
}

// counting is what a role contains where doubt is answered in this way.
func (r *roleRow) counting(doubt bool) bitset {
	if doubt {
		return r.most
	}
	return r.least
}

// cover finds what makes a role contain a permission, something sure if there is.
func (s *Snapshot) cover(c *Contained, row *roleRow, perm uint32) {
	sure := row.least.has(perm)
	for _, text := range row.def.Permissions {
		if covers, _ := s.cat.covers(text, perm); covers {
			c.Pattern, c.InDoubt = text, !sure // an exclusion may yet take it out
			return
		}
	}
	for _, id := range row.def.Includes {
		if in := s.roleRow(id); in != nil && in.counting(!sure).has(perm) {
			c.Through = append(c.Through, id)
			s.cover(c, in, perm)
			c.InDoubt = c.InDoubt || !sure
			return
		}
	}
	c.InDoubt = true
	for _, text := range row.def.Permissions {
		if _, readable := s.cat.covers(text, perm); !readable {
			c.Pattern = text
			return
		}
	}
	for _, id := range row.def.Includes {
		if s.roleRow(id) == nil {
			c.Through = append(c.Through, id)
			return
		}
	}
}

// exclude finds the exclusion that keeps a role, or a role that it includes, from containing a permission. It reports false if
// nothing covers the permission in the first place.
func (s *Snapshot) exclude(c *Contained, row *roleRow, perm uint32, doubt bool, seen map[string]bool) bool {
	covered := slices.ContainsFunc(row.def.Permissions, func(text string) bool {
		covers, readable := s.cat.covers(text, perm)
		return covers || !readable && doubt
	})
	covered = covered || slices.ContainsFunc(row.def.Includes, func(id string) bool {
		in := s.roleRow(id)
		return in == nil && doubt || in != nil && in.counting(doubt).has(perm)
	})
	if covered {
		for _, text := range row.def.Exclusions {
			covers, readable := s.cat.covers(text, perm)
			if covers || !readable && !doubt {
				c.Exclusion, c.InDoubt = text, !readable
				return true
			}
		}
	}
	for _, id := range row.def.Includes {
		in := s.roleRow(id)
		if in == nil || seen[id] {
			continue
		}
		seen[id] = true
		c.Through = append(c.Through, id)
		if s.exclude(c, in, perm, doubt, seen) {
			return true
		}
		c.Through = c.Through[:len(c.Through)-1]
	}
	return false
}

// roleRow returns a role that exists, nil for every other id.
func (s *Snapshot) roleRow(id string) *roleRow {
	slot, ok := s.roles.find(hashName(id), id)
	if !ok || s.roles.row(slot).def == nil {
		return nil
	}
	return s.roles.row(slot)
}

// covers reports whether a pattern covers a permission, by its position, and whether it is one.
func (u *universe) covers(pattern string, i uint32) (covers, readable bool) {
	p, err := ParsePattern(pattern)
	if err != nil {
		return false, false
	}
	names := u.spellings[i]
	if p.wild && exactOnly(names[0]) {
		return false, true
	}
	return slices.ContainsFunc(names, p.Match), true
}
