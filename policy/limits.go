package policy

// Limits cut an account's rights down to what a token was issued for. They only take away. A nil *Limits takes nothing.
type Limits struct {
	permissions bitset // nil: every permission
	texts       []string
	path        Path // zero: everywhere
}

// NewLimits compiles limits. permissions are texts of [Pattern]; nil means no limit, an empty list that nothing is left. A text
// that cannot be read, or that names no permission of the catalog, leaves nothing. path is the scope that is left; the zero
// value means no limit.
func NewLimits(cat *Catalog, permissions []string, path Path) *Limits {
	l := &Limits{path: path}
	if permissions != nil {
		l.permissions = make(bitset, cat.words())
		for _, text := range permissions {
			cat.cover(l.permissions, text)
		}
		l.texts = append([]string{}, permissions...)
	}
	return l
}

// leavesPermission reports whether a permission, by its position, is left.
func (l *Limits) leavesPermission(perm uint32) bool {
	return l == nil || l.permissions == nil || l.permissions.has(perm)
}

// leavesPath reports whether anything is left at a path.
func (l *Limits) leavesPath(path Path) bool {
	return l == nil || l.path.IsZero() || l.path.Contains(path)
}

// cut takes from permissions, by their positions, what is not left at a path.
func (l *Limits) cut(b bitset, path Path) {
	switch {
	case !l.leavesPath(path):
		clear(b)
	case l.permissions != nil:
		b.keep(l.permissions)
	}
}
