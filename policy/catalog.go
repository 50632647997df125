package policy

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"unique"
)

// PermissionSpec is one entry of a [Catalog].
type PermissionSpec struct {
	Name        string   // see [ParsePermission]
	Description string   // for people
	Aliases     []string // earlier names, which keep meaning this permission, in roles and in questions
	Deprecated  bool     // still decided, but new roles should not name it
}

// Catalog is the set of permissions that exist. It does not change and is safe for concurrent use. A permission that is not in
// it is never allowed.
type Catalog struct {
	universe
	specs   []PermissionSpec // by position
	unknown contents         // of a role that does not exist
	// places is index again, for decisions: an open-addressed table by the hash of a name.
	places []place
}

// place is empty until it has a name.
type place struct {
	name unique.Handle[string]
	hash uint32 // of name
	at   uint32 // its position
}

func (p *place) empty() bool { return p.name == unique.Handle[string]{} }

// NewCatalog builds a catalog. A name or alias outside the grammar is [ErrSyntax]; one that occurs twice, as a name or an
// alias, is [ErrDuplicate]; an alias that would move a permission into or out of [ManagementPrefix] is [ErrReserved], since
// patterns treat the two sides differently. The error names it.
func NewCatalog(specs ...PermissionSpec) (*Catalog, error) {
	c := &Catalog{specs: slices.Clone(specs)}
	c.index = make(map[string]uint32, len(specs))
	for i := range c.specs {
		spec := &c.specs[i]
		spec.Aliases = slices.Clone(spec.Aliases)
		if err := c.enter(spec.Name, "name", spec.Name, uint32(i)); err != nil {
			return nil, err
		}
		for _, alias := range spec.Aliases {
			if managed(alias) != managed(spec.Name) {
				return nil, &Error{Kind: ErrReserved, Noun: "permission", ID: spec.Name, Field: "alias", Value: alias}
			}
			if err := c.enter(spec.Name, "alias", alias, uint32(i)); err != nil {
				return nil, err
			}
		}
		c.spellings = append(c.spellings, append([]string{spec.Name}, spec.Aliases...))
	}
	c.sorted = slices.Sorted(maps.Keys(c.index)) // here, since later it is read by many at once
	c.unknown = c.nothing()
	c.places = make([]place, 1<<bits.Len(uint(2*len(c.index))))
	for name, at := range c.index {
		h := uint32(hashName(name))
		i := h
		for !c.place(i).empty() {
			i++
		}
		*c.place(i) = place{unique.Make(name), h, at}
	}
	return c, nil
}

func (c *Catalog) place(i uint32) *place { return &c.places[i&uint32(len(c.places)-1)] }

// find returns the position of a permission.
func (c *Catalog) find(p *Permission) (uint32, bool) {
	for i := p.hash; ; i++ {
		if at := c.place(i); at.empty() {
			return 0, false
		} else if at.hash == p.hash && at.name == p.name {
			return at.at, true
		}
	}
}

func (c *Catalog) enter(id, field, name string, at uint32) error {
	if !validName(name) {
		return &Error{Kind: ErrSyntax, Noun: "permission", ID: id, Field: field, Value: name}
	}
	if _, taken := c.index[name]; taken {
		return &Error{Kind: ErrDuplicate, Noun: "permission", ID: id, Field: field, Value: name}
	}
	c.index[name] = at
	return nil
}

// Lookup finds a permission by name or alias.
func (c *Catalog) Lookup(name string) (PermissionSpec, bool) {
	i, ok := c.index[name]
	if !ok {
		return PermissionSpec{}, false
	}
	return c.spec(i), true
}

// Len is the number of permissions, aliases not counted.
func (c *Catalog) Len() int { return len(c.specs) }

// All yields the permissions in the order they were given.
func (c *Catalog) All() iter.Seq[PermissionSpec] {
	return func(yield func(PermissionSpec) bool) {
		for i := range c.specs {
			if !yield(c.spec(uint32(i))) {
				return
			}
		}
	}
}

// spec copies, so that no caller can write into the catalog.
func (c *Catalog) spec(i uint32) PermissionSpec {
	s := c.specs[i]
	s.Aliases = slices.Clone(s.Aliases)
	return s
}

func managed(name string) bool { return strings.HasPrefix(name, ManagementPrefix) }

// intern replaces names by the catalog's own copies of them, so that a thousand roles do not keep a thousand copies.
func (c *Catalog) intern(names []string) {
	for k, name := range names {
		if i, ok := c.index[name]; ok {
			names[k] = c.spellings[i][slices.Index(c.spellings[i], name)]
		}
	}
}
