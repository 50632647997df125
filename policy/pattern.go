package policy

import "strings"

// ManagementPrefix begins the names of the permissions that guard this library's own management. The pattern * never covers
// them, so a role meant for the host's own permissions cannot administer identities.
const ManagementPrefix = "identity:"

// The powers: permissions that no pattern covers, since each of them is a way past the other rules.
const (
	powerContain     = ManagementPrefix + "contain"
	powerEscalate    = ManagementPrefix + "escalate"
	powerImpersonate = ManagementPrefix + "impersonate"
)

// exactOnly reports whether a permission is one of the powers.
func exactOnly(name string) bool {
	switch name {
	case powerContain, powerEscalate, powerImpersonate:
		return true
	}
	return false
}

// Pattern selects permission names. It is one of: an exact name; a prefix ending in ':' or '.' followed by '*'; "*", which
// covers every name that does not begin with [ManagementPrefix]. identity:* and longer prefixes cover management names except
// identity:escalate, identity:impersonate and identity:contain, which only their exact names match. The zero value matches
// nothing.
type Pattern struct {
	text string
	wild bool // text ends in '*'; what comes before it is the prefix
}

// ParsePattern reads a pattern of at most [MaxName] bytes. The error wraps [ErrSyntax].
func ParsePattern(s string) (Pattern, error) {
	prefix, wild := strings.CutSuffix(s, "*")
	switch {
	case !wild && validName(s):
		return Pattern{text: s}, nil
	case wild && prefix == "":
		return Pattern{text: s, wild: true}, nil
	case wild && len(s) <= MaxName && validName(prefix) && (strings.HasSuffix(prefix, ":") || strings.HasSuffix(prefix, ".")):
		return Pattern{text: s, wild: true}, nil
	}
	return Pattern{}, &Error{Kind: ErrSyntax, Noun: "pattern", Value: s}
}

// String returns the text that was parsed.
func (p Pattern) String() string { return p.text }

// IsExact reports whether the pattern is one name.
func (p Pattern) IsExact() bool { return !p.wild && p.text != "" }

// Match reports whether the pattern covers the name. It knows nothing of aliases.
func (p Pattern) Match(name string) bool {
	if name == "" {
		return false
	}
	if !p.wild {
		return p.text == name
	}
	if p.text == "*" {
		return !strings.HasPrefix(name, ManagementPrefix)
	}
	prefix := p.text[:len(p.text)-1]
	return len(name) > len(prefix) && name[:len(prefix)] == prefix && !exactOnly(name)
}
