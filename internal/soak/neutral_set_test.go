package soak

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// set is a decision table in the form neutral-rbac/1: a small world, and checks
// with the answer that each must get. What the form says and decisions do not
// depend on (features, source) is not read.
type set struct {
	Name      string
	Groups    []setGroup
	Resources []setResource
	Roles     []setRole
	Bindings  []setBinding
	Checks    []setCheck
	// Principals are made too, though a subject need not be listed to be asked about.
	Principals []string
}

type setGroup struct {
	ID      string
	Members []string
}

type setResource struct {
	ID      string
	Parents []string
	Parent  string // instead of Parents
}

type setRole struct {
	ID          string
	Permissions []setPermission
	Inherits    []string
}

type setPermission struct {
	Action   string
	Resource *string // absent or "*" is any, "x*" is a prefix of ids as well
	Effect   string  // "deny", or allow
}

type setBinding struct {
	Subject, Role string
	Org, On       *string // absent or "*" is any
	From, Until   *string
}

type setCheck struct {
	Subject, Action string
	On, Org         *string
	Expect          bool
}

func (c setCheck) String() string {
	return fmt.Sprintf("%s %s on %s in %s", c.Subject, c.Action, text(c.On), text(c.Org))
}

// text is an optional field, to print.
func text(field *string) string {
	if field == nil {
		return "nothing"
	}
	return *field
}

// any reports whether a field selects everything.
func anything(field *string) bool { return field == nil || *field == "*" }

// parseSets reads a file: {"sets": […]}, a list of sets, or one set.
func parseSets(data []byte) ([]set, error) {
	var list []set
	if json.Unmarshal(data, &list) == nil {
		return list, nil
	}
	var file struct {
		Sets []set
		set
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if file.Sets == nil {
		return []set{file.set}, nil
	}
	return file.Sets, nil
}

// neutralNow is the instant at which the form is evaluated.
var neutralNow = time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)

// instant reads a bound of a window, and reports whether there is one. The year
// 0 is the earliest time there is, and is not the time.Time that means none.
func instant(field *string) (time.Time, bool, error) {
	if field == nil || *field == "" || *field == "_" {
		return time.Time{}, false, nil
	}
	earliest := time.Time{}.Add(-time.Microsecond)
	if strings.HasPrefix(*field, "0000") {
		return earliest, true, nil
	}
	s := strings.Replace(*field, "T", " ", 1)
	at, err := time.Parse(time.DateTime, s[:min(len(s), len(time.DateTime))])
	if at.IsZero() {
		at = earliest
	}
	return at, true, err
}

// relation is who is directly in what: from a member to its groups, a resource
// to its parents, a role to those it inherits.
type relation map[string][]string

// up returns what can be reached from a node, itself included.
func (r relation) up(from string) map[string]bool {
	seen, todo := map[string]bool{from: true}, []string{from}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, above := range r[next] {
			if !seen[above] {
				seen[above] = true
				todo = append(todo, above)
			}
		}
	}
	return seen
}

// class names the nodes of the cycle that a node is on by the first of them:
// they are above each other, so nothing tells them apart.
func (r relation) class(node string) string {
	first := node
	for above := range r.up(node) {
		if above < first && r.up(above)[node] {
			first = above
		}
	}
	return first
}

// rules is a set as its evaluator reads it. It is the reference evaluator of
// the form again, and shares nothing with the library.
type rules struct {
	*set
	groups  map[string]setGroup // the last of an id counts, as of roles
	roles   map[string]setRole
	above   relation // member to groups
	under   relation // resource to parents
	inherit relation // role to those it inherits
}

func newRules(s *set) *rules {
	r := &rules{set: s, groups: map[string]setGroup{}, roles: map[string]setRole{}, above: relation{}, under: relation{}, inherit: relation{}}
	for _, g := range s.Groups {
		r.groups[g.ID] = g
	}
	for _, g := range r.groups {
		for _, m := range g.Members {
			r.above[m] = append(r.above[m], g.ID)
		}
	}
	for _, res := range s.Resources {
		parents := res.Parents
		if len(parents) == 0 && res.Parent != "" {
			parents = []string{res.Parent}
		}
		r.under[res.ID] = append(r.under[res.ID], parents...)
	}
	for _, role := range s.Roles {
		r.roles[role.ID] = role
	}
	for _, role := range r.roles {
		for _, id := range role.Inherits {
			if _, known := r.roles[id]; known {
				r.inherit[role.ID] = append(r.inherit[role.ID], id)
			}
		}
	}
	for _, rel := range []relation{r.above, r.under, r.inherit} {
		for node := range rel {
			slices.Sort(rel[node])
			rel[node] = slices.Compact(rel[node])
		}
	}
	return r
}

// permissions are those of a role and of all it inherits.
func (r *rules) permissions(role string) (all []setPermission) {
	for id := range r.inherit.up(role) {
		all = append(all, r.roles[id].Permissions...)
	}
	return all
}

// covers says whether the resource of a permission covers that of a check.
func (r *rules) covers(p setPermission, on *string) bool {
	if anything(p.Resource) {
		return true
	}
	if on == nil {
		return false
	}
	prefix, wild := strings.CutSuffix(*p.Resource, "*")
	return r.under.up(*on)[*p.Resource] || wild && strings.HasPrefix(*on, prefix)
}

func (r *rules) applies(b setBinding, c setCheck) (bool, error) {
	if b.Subject != "*" && !r.above.up(c.Subject)[b.Subject] {
		return false, nil
	}
	if !anything(b.Org) && (c.Org == nil || *b.Org != *c.Org) {
		return false, nil
	}
	if !anything(b.On) && (c.On == nil || !r.under.up(*c.On)[*b.On]) {
		return false, nil
	}
	from, starts, err := instant(b.From)
	if err != nil {
		return false, err
	}
	until, ends, err := instant(b.Until)
	if err != nil {
		return false, err
	}
	return (!starts || !neutralNow.Before(from)) && (!ends || neutralNow.Before(until)), nil
}

// decide answers a check by the rules of the form.
func (r *rules) decide(c setCheck) (allowed bool, err error) {
	for _, b := range r.Bindings {
		applies, err := r.applies(b, c)
		if err != nil {
			return false, err
		}
		if !applies {
			continue
		}
		for _, p := range r.permissions(b.Role) {
			if p.Action != "*" && p.Action != c.Action || !r.covers(p, c.On) {
				continue
			}
			if p.Effect == "deny" {
				return false, nil
			}
			allowed = true
		}
	}
	return allowed, nil
}
