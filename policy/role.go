package policy

import (
	"iter"
	"slices"
	"strings"
)

// CodePrefix begins the id of every role declared in code, and of no other.
const CodePrefix = "code:"

// Role is the definition of a role. What it contains is what its Permissions cover, together with what the roles it includes
// contain, less what its Exclusions cover. An exclusion acts inside its own role only and is not a deny.
//
// Permissions and exclusions are texts of [Pattern]. They cover a permission if they cover its name or one of its aliases. A
// name that the catalog does not have covers nothing.
type Role struct {
	ID          string   // "code:<name>" when declared in code, otherwise any id without that prefix
	Permissions []string // may be empty
	Exclusions  []string
	Includes    []string // ids of roles
}

func (r Role) clone() Role {
	r.Permissions, r.Exclusions, r.Includes = slices.Clone(r.Permissions), slices.Clone(r.Exclusions), slices.Clone(r.Includes)
	return r
}

// check refuses what a definition written today must not say.
func (r Role) check(cat *Catalog, exists func(id string) bool) error {
	for _, list := range []struct {
		field string
		texts []string
	}{{"permissions", r.Permissions}, {"exclusions", r.Exclusions}} {
		for _, text := range list.texts {
			p, err := ParsePattern(text)
			if err != nil {
				return r.refuse(ErrSyntax, list.field, text)
			}
			if _, known := cat.index[text]; p.IsExact() && !known {
				return r.refuse(ErrUnknownPermission, list.field, text)
			}
		}
	}
	for _, id := range r.Includes {
		if id != r.ID && !exists(id) {
			return r.refuse(ErrUnknownRole, "includes", id)
		}
	}
	return nil
}

func (r Role) refuse(kind error, field, value string) error {
	return &Error{Kind: kind, Noun: "role", ID: r.ID, Field: field, Value: value}
}

// cyclic reports whether r would include itself, directly or through the roles that includes gives.
func (r Role) cyclic(includes func(id string) []string) bool {
	seen := map[string]bool{}
	todo := slices.Clone(r.Includes)
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if id == r.ID {
			return true
		}
		if !seen[id] {
			seen[id] = true
			todo = append(todo, includes(id)...)
		}
	}
	return false
}

// roleRow is a role in a table: declared in code, stored, or only named by bindings.
type roleRow struct {
	contents
	def  *Role  // nil if the role does not exist
	refs uint32 // bindings of the organisation that name it; not counted for roles declared in code
}

// Roles is the set of roles declared in code, compiled once and shared by every organisation. It does not change.
type Roles struct {
	cat   *Catalog
	table table[roleRow]
	ids   []string // in the order given
	// including lists the roles that include others.
	including []uint32
}

// NewRoles compiles roles. Every id is "code:<name>", where the name is 1 to [MaxName] bytes of [A-Za-z0-9._/-]; they may
// include each other, in any order. A malformed id or pattern is [ErrSyntax], an id given twice [ErrDuplicate], then
// [ErrUnknownPermission], [ErrUnknownRole] and [ErrCycle]; the error names the role and the field.
func NewRoles(cat *Catalog, roles []Role) (*Roles, error) {
	c := &Roles{cat: cat}
	byID := make(map[string]Role, len(roles))
	for _, r := range roles {
		if !validCodeRole(r.ID) {
			return nil, r.refuse(ErrSyntax, "id", r.ID)
		}
		if _, twice := byID[r.ID]; twice {
			return nil, r.refuse(ErrDuplicate, "id", r.ID)
		}
		byID[r.ID] = r.clone()
		c.ids = append(c.ids, r.ID)
	}
	for _, id := range c.ids {
		r := byID[id]
		err := r.check(cat, func(id string) bool { _, ok := byID[id]; return ok })
		if err != nil {
			return nil, err
		}
		if r.cyclic(func(id string) []string { return byID[id].Includes }) {
			return nil, r.refuse(ErrCycle, "includes", "")
		}
	}
	done := make(map[string]contents, len(roles))
	var compile func(id string) (contents, bool)
	compile = func(id string) (contents, bool) {
		in, ok := done[id]
		if !ok {
			in = cat.contents(byID[id], compile)
			done[id] = in
		}
		return in, true
	}
	own := new(stamp)
	for _, id := range c.ids {
		def := byID[id]
		slot := c.table.add(own, hashName(id), id)
		in, _ := compile(id)
		*c.table.edit(own, slot) = roleRow{contents: in, def: &def}
		if len(def.Includes) > 0 {
			c.including = append(c.including, slot)
		}
	}
	c.table.seal()
	// The slots of stored roles begin on a page of their own, so that no organisation ever copies a page of these.
	c.table.top = (c.table.top + pageSize - 1) / pageSize * pageSize
	return c, nil
}

// Lookup finds a role by its id.
func (c *Roles) Lookup(id string) (Role, bool) {
	slot, ok := c.table.find(hashName(id), id)
	if !ok {
		return Role{}, false
	}
	return c.table.row(slot).def.clone(), true
}

// All yields the roles in the order they were given.
func (c *Roles) All() iter.Seq[Role] {
	return func(yield func(Role) bool) {
		for _, id := range c.ids {
			if r, ok := c.Lookup(id); ok && !yield(r) {
				return
			}
		}
	}
}

func validCodeRole(id string) bool {
	name, ok := strings.CutPrefix(id, CodePrefix)
	return ok && validName(name) && !strings.Contains(name, ":")
}
