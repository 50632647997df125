package soak

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/policy"
)

// Names of the neutral form are any text, those of the library have a grammar.
// What fits stays as it is; the rest is escaped, injectively: the escapes begin
// with an underscore, and what begins so itself is escaped as well.

// permissionName is an action as a permission.
func permissionName(action string) string {
	if _, err := policy.ParsePermission(action); err == nil && !strings.HasPrefix(action, "_") && !strings.HasPrefix(action, policy.ManagementPrefix) {
		return action
	}
	if name := "_x" + hex.EncodeToString([]byte(action)); len(name) <= policy.MaxName {
		return name
	}
	return "_h" + digest(action)
}

// pair is a resource as a type and an id. The form knows no types: of
// "document:readme" the type is document, of what is not written so it is "_".
func pair(resource string) [2]string {
	if typ, id, ok := strings.Cut(resource, ":"); ok && !strings.HasPrefix(typ, "_") && fits(typ, id) {
		return [2]string{typ, id}
	}
	if fits("_", resource) {
		return [2]string{"_", resource}
	}
	return [2]string{"_h", digest(resource)}
}

// prefixPair is a prefix of ids as a type and an id: what has the prefix lies
// under it.
func prefixPair(prefix string) [2]string {
	if fits("_p", prefix) {
		return [2]string{"_p", prefix}
	}
	return [2]string{"_q", digest(prefix)}
}

func fits(typ, id string) bool {
	_, err := policy.NewPath(typ, id)
	return err == nil
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// node is a resource, or a prefix of ids.
type node struct {
	name   string
	prefix bool
}

func (n node) pair() [2]string {
	if n.prefix {
		return prefixPair(n.name)
	}
	return pair(n.name)
}

// places gives every resource of a set its one place among the others.
type places struct {
	*rules
	prefixes []string // of the permissions, the shorter first
	made     map[string][]node
}

// What has no place, and why.
var (
	errSeveralParents = errors.New("a resource has several parents: a path has one")
	errLoosePrefix    = errors.New("a prefix of ids ends inside the hierarchy: a scope covers all below it")
	errLongPath       = errors.New("the path is too long")
)

func newPlaces(r *rules) *places {
	p := &places{rules: r, made: map[string][]node{}}
	for _, role := range r.roles {
		for _, permission := range role.Permissions {
			if anything(permission.Resource) {
				continue
			}
			if prefix, wild := strings.CutSuffix(*permission.Resource, "*"); wild {
				p.prefixes = append(p.prefixes, prefix)
			}
		}
	}
	slices.Sort(p.prefixes) // a prefix sorts before what it is a prefix of
	p.prefixes = slices.Compact(p.prefixes)
	return p
}

// parents are the direct parents that count: a resource on a cycle has those of
// the cycle, and a parent of a parent adds nothing.
func (p *places) parents(class string) (out []string) {
	above := map[string]bool{}
	for res := range p.under.up(class) {
		if p.under.class(res) != class {
			continue
		}
		for _, parent := range p.under[res] {
			if c := p.under.class(parent); c != class {
				above[c] = true
			}
		}
	}
	for one := range above {
		redundant := false
		for other := range above {
			redundant = redundant || other != one && p.under.up(other)[one]
		}
		if !redundant {
			out = append(out, one)
		}
	}
	return out
}

// of returns the way to a resource: everything above it, and itself last.
func (p *places) of(resource string) ([]node, error) {
	class := p.under.class(resource)
	if way, ok := p.made[class]; ok {
		return way, nil
	}
	var way []node
	parents := p.parents(class)
	switch len(parents) {
	case 0:
	case 1:
		above, err := p.of(parents[0])
		if err != nil {
			return nil, err
		}
		way = slices.Clone(above)
	default:
		return nil, fmt.Errorf("%s: %w", resource, errSeveralParents)
	}
	for _, prefix := range p.prefixes {
		n := node{prefix, true}
		if !strings.HasPrefix(class, prefix) || slices.Contains(way, n) {
			continue
		}
		if len(parents) > 0 { // a prefix is a parent too
			return nil, fmt.Errorf("%s: %w", resource, errSeveralParents)
		}
		way = append(way, n)
	}
	way = append(way, node{class, false})
	p.made[class] = way
	return way, nil
}

// ofPrefix returns the way to a prefix of ids.
func (p *places) ofPrefix(prefix string) (way []node) {
	for _, other := range p.prefixes {
		if strings.HasPrefix(prefix, other) {
			way = append(way, node{other, true})
		}
	}
	return way
}

// path is a way as the library names it.
func pathOf(way []node) (policy.Path, error) {
	if len(way) == 0 {
		return policy.Root, nil
	}
	var parts []string
	for _, n := range way {
		pair := n.pair()
		parts = append(parts, pair[0], pair[1])
	}
	at, err := policy.NewPath(parts...)
	if err != nil {
		return at, errLongPath
	}
	return at, nil
}

// asked is the path of a check, which is about the org itself when it names no
// resource.
func (p *places) asked(on *string) (policy.Path, error) {
	if on == nil {
		return policy.Root, nil
	}
	way, err := p.of(*on)
	if err != nil {
		return policy.Path{}, err
	}
	for _, prefix := range p.prefixes {
		pattern := prefix + "*"
		if p.covers(setPermission{Resource: &pattern}, on) != slices.Contains(way, node{prefix, true}) {
			return policy.Path{}, fmt.Errorf("%s: %w", *on, errLoosePrefix)
		}
	}
	return pathOf(way)
}

// scope is where a permission counts that a binding gives: both must cover the
// resource, and of two places one is in the other, or nothing is in both. It
// reports false when nothing is, or nothing that can be asked about.
func (p *places) scope(on, resource *string) (policy.Path, bool) {
	var ways [2][]node
	for i, field := range []*string{on, resource} {
		if anything(field) {
			continue
		}
		if prefix, wild := strings.CutSuffix(*field, "*"); wild && i == 1 {
			ways[i] = p.ofPrefix(prefix)
			continue
		}
		var err error
		if ways[i], err = p.of(*field); err != nil {
			return policy.Path{}, false // what lies under it has no place either
		}
	}
	outer, inner := ways[0], ways[1]
	if len(outer) > len(inner) {
		outer, inner = inner, outer
	}
	if !slices.Equal(outer, inner[:len(outer)]) {
		return policy.Path{}, false
	}
	at, err := pathOf(inner)
	return at, err == nil
}
