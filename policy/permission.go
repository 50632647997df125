package policy

import "unique"

// MaxName is the greatest length in bytes of a permission name and of a pattern.
const MaxName = 128

// Permission is a checked permission name: 1 to [MaxName] bytes of [A-Za-z0-9._:/-], compared byte for byte. The zero value is
// absent and is never allowed. Being well formed does not mean that a [Catalog] has it.
type Permission struct {
	name unique.Handle[string] // so that two of one name are compared by a word
	hash uint32                // of name, for the catalog
}

// ParsePermission checks a name. The error wraps [ErrSyntax].
func ParsePermission(s string) (Permission, error) {
	if !validName(s) {
		return Permission{}, &Error{Kind: ErrSyntax, Noun: "permission", Value: s}
	}
	return Permission{name: unique.Make(s), hash: uint32(hashName(s))}, nil
}

// String returns the name, "" for the zero value.
func (p Permission) String() string {
	if p.IsZero() {
		return ""
	}
	return p.name.Value()
}

// IsZero reports whether the permission is absent.
func (p Permission) IsZero() bool { return p.name == unique.Handle[string]{} }

func validName(s string) bool {
	if len(s) == 0 || len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return true
}

func nameByte(c byte) bool {
	return typeByte(c) || c == ':' || c == '/'
}

// typeByte is the alphabet of the type segments of a path: that of a name without its two separators.
func typeByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}
