package policy

import (
	"iter"
	"slices"
	"strings"
)

// PutRole adds or replaces a stored role of this organisation. It may include stored roles and roles declared in code. An empty
// id and a malformed pattern are [ErrSyntax], an id with [CodePrefix] is [ErrReserved]; then [ErrUnknownPermission],
// [ErrUnknownRole] for an include, and [ErrCycle]. The error names the role and the field, and nothing changes.
func (d *Draft) PutRole(r Role) error {
	err := r.check(d.s.cat, func(id string) bool { return d.def(id) != nil })
	if err != nil {
		return err
	}
	return d.LoadRole(r)
}

// LoadRole is PutRole for a definition that another release may have written, in any order: names, patterns and included roles
// that this release does not know are no errors. A permission or pattern it cannot read gives nothing in an allow and
// everything in a deny, and so does an included role that does not exist; an exclusion it cannot read empties the role in an
// allow and excludes nothing in a deny.
func (d *Draft) LoadRole(r Role) error {
	switch {
	case r.ID == "":
		return r.refuse(ErrSyntax, "id", "")
	case strings.HasPrefix(r.ID, CodePrefix):
		return r.refuse(ErrReserved, "id", r.ID)
	case r.cyclic(d.includesOf):
		return r.refuse(ErrCycle, "includes", "")
	}
	slot := d.roleSlot(r.ID)
	row := d.s.roles.edit(d.own, slot)
	d.include(slot, row.def, &r)
	def := r.clone()
	d.s.cat.intern(def.Permissions)
	d.s.cat.intern(def.Exclusions)
	d.s.defined += def.size() - row.def.size()
	row.def = &def
	d.changed(r.ID)
	return nil
}

// RemoveRole removes a stored role. Bindings that name it stay: their allows are without effect, their denies deny everything.
func (d *Draft) RemoveRole(id string) {
	slot, ok := d.s.roles.find(hashName(id), id)
	if !ok || strings.HasPrefix(id, CodePrefix) || d.s.roles.row(slot).def == nil {
		return
	}
	row := d.s.roles.edit(d.own, slot)
	d.include(slot, row.def, nil)
	d.s.defined -= row.def.size()
	row.def, row.contents = nil, d.s.cat.unknown
	d.changed(id)
	d.dropRole(slot)
}

// changed notes a role that is to be worked out again.
func (d *Draft) changed(id string) {
	if d.recompile == nil {
		d.recompile = map[string]bool{}
	}
	d.recompile[id] = true
}

// include keeps the list of roles that include others.
func (d *Draft) include(slot uint32, from, to *Role) {
	before := from != nil && len(from.Includes) > 0
	after := to != nil && len(to.Includes) > 0
	switch {
	case before && !after:
		d.s.including = without(slices.Clone(d.s.including), slot)
	case after && !before:
		d.s.including = append(slices.Clip(d.s.including), slot)
	}
}

func (d *Draft) def(id string) *Role {
	slot, ok := d.s.roles.find(hashName(id), id)
	if !ok {
		return nil
	}
	return d.s.roles.row(slot).def
}

func (d *Draft) includesOf(id string) []string {
	if def := d.def(id); def != nil {
		return def.Includes
	}
	return nil
}

// roleSlot returns the slot of a role's id, which need not be that of a role yet.
func (d *Draft) roleSlot(id string) uint32 {
	h := hashName(id)
	slot, ok := d.s.roles.find(h, id)
	if !ok {
		slot = d.s.roles.add(d.own, h, id)
		d.s.roles.edit(d.own, slot).contents = d.s.cat.unknown
	}
	return slot
}

// inCode reports whether a slot is that of a role declared in code, whose rows are shared and never written.
func (d *Draft) inCode(slot uint32) bool {
	return d.s.code != nil && slot < d.s.code.table.top
}

// useRole counts one more binding of a role.
func (d *Draft) useRole(id string) uint32 {
	slot := d.roleSlot(id)
	if !d.inCode(slot) {
		d.s.roles.edit(d.own, slot).refs++
	}
	return slot
}

// releaseRole counts one less binding of a role.
func (d *Draft) releaseRole(slot uint32) {
	if !d.inCode(slot) {
		d.s.roles.edit(d.own, slot).refs--
		d.dropRole(slot)
	}
}

// dropRole forgets an id that is neither a role nor named by a binding.
func (d *Draft) dropRole(slot uint32) {
	if row := d.s.roles.row(slot); row.def == nil && row.refs == 0 {
		d.s.roles.drop(d.own, hashName(d.s.roles.name(slot)), slot)
		d.s.roles.release(slot)
	}
}

// compileRoles works out the roles touched and those that include them, through any number of others.
func (d *Draft) compileRoles() {
	if len(d.recompile) == 0 {
		return
	}
	for _, id := range d.s.includers(d.recompile) {
		d.recompile[id] = true
	}
	var compile func(id string) (contents, bool)
	compile = func(id string) (contents, bool) {
		slot, ok := d.s.roles.find(hashName(id), id)
		if !ok || d.s.roles.row(slot).def == nil {
			return contents{}, false
		}
		if d.recompile[id] {
			delete(d.recompile, id)
			in := d.s.cat.contents(*d.s.roles.row(slot).def, compile)
			d.s.roles.edit(d.own, slot).contents = in
		}
		return d.s.roles.row(slot).contents, true
	}
	for id := range d.recompile {
		compile(id)
		delete(d.recompile, id)
	}
}

// includers returns the ids of the stored roles that include one of the given ids, directly or through others.
func (s *Snapshot) includers(of map[string]bool) []string {
	var found []string
	seen := make(map[string]bool, len(of))
	for id := range of {
		seen[id] = true
	}
	for again := true; again; {
		again = false
		for _, slot := range s.including {
			def := s.roles.row(slot).def
			if !seen[def.ID] && slices.ContainsFunc(def.Includes, func(id string) bool { return seen[id] }) {
				seen[def.ID], again = true, true
				if !strings.HasPrefix(def.ID, CodePrefix) {
					found = append(found, def.ID)
				}
			}
		}
	}
	return found
}

// IncludedBy yields the ids of the stored roles that include this role, directly or through others.
func (s *Snapshot) IncludedBy(role string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if s == nil {
			return
		}
		for _, id := range s.includers(map[string]bool{role: true}) {
			if !yield(id) {
				return
			}
		}
	}
}
