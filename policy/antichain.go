package policy

import (
	"slices"
)

// antichain is a set of scopes none of which lies under another, as canonical texts, ordered by byPath.
type antichain []string

// antichainOf orders scopes and drops those that lie under another. It uses the memory of the list.
func antichainOf(scopes []string) antichain {
	slices.SortFunc(scopes, byPath)
	kept := scopes[:0]
	for _, scope := range scopes {
		if len(kept) == 0 || !under(kept[len(kept)-1], scope) {
			kept = append(kept, scope)
		}
	}
	return kept
}

// byPath orders canonical texts so that what lies under a scope follows it directly: a slash sorts before everything else.
func byPath(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}

// under reports whether a canonical text is a scope's or lies under it.
func under(scope, text string) bool { return scope == rootText || within(scope, text) }

// covers reports whether a canonical text lies at or under one of the scopes: only the last one that does not follow it can.
func (c antichain) covers(text string) bool {
	i := c.after(text)
	return i > 0 && under(c[i-1], text)
}

// touches reports whether some path lies both at or under a scope and at or under one of the set.
func (c antichain) touches(scope string) bool {
	i := c.after(scope)
	return i > 0 && under(c[i-1], scope) || i < len(c) && under(scope, c[i])
}

// after is the number of scopes that do not follow a text.
func (c antichain) after(text string) int {
	i, found := slices.BinarySearchFunc(c, text, byPath)
	if found {
		i++
	}
	return i
}

// outside returns the scopes that do not lie at or under one of another set.
func (c antichain) outside(other antichain) antichain {
	return slices.DeleteFunc(slices.Clone(c), other.covers)
}

// inside returns the scopes that lie at or under one of another set.
func (c antichain) inside(other antichain) antichain {
	return slices.DeleteFunc(slices.Clone(c), func(scope string) bool { return !other.covers(scope) })
}

// meet returns the scopes of what lies in both sets.
func (c antichain) meet(other antichain) antichain {
	return antichainOf(append(c.inside(other), other.inside(c)...))
}

func (c antichain) paths() []Path {
	paths := make([]Path, len(c))
	for i, text := range c {
		paths[i] = marked(text)
	}
	return paths
}
