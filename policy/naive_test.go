package policy

import (
	"slices"
	"strings"
)

// naive is the reference evaluator: the definitions as they are, and the rules read off the page. It shares no code with the
// engine but the types of the definitions.
type naive struct {
	home     string
	specs    []PermissionSpec
	accounts map[string]Kind
	groups   map[string]bool
	members  map[[2]string]bool // group, member
	roles    map[string]Role    // stored and code
	bindings map[string]Binding
	bounds   map[string]string // account to the role of its boundary
}

// truth of the conditions of random worlds: "true", "false", "attr:<name>" for the value of a boolean attribute, "is:<id>" for
// one account alone; everything else is unknown.
func naiveTruth(source, account string, attrs map[string]bool) Truth {
	truth := map[bool]Truth{false: False, true: True}
	switch kind, rest, _ := strings.Cut(source, ":"); {
	case source == "" || source == "true":
		return True
	case source == "false":
		return False
	case kind == "is":
		return truth[rest == account]
	case kind == "attr":
		if v, set := attrs[rest]; set {
			return truth[v]
		}
	}
	return Unknown
}

// naiveQuestion is what the reference is asked.
type naiveQuestion struct {
	account, org, perm, path string
	now                      int64
	attrs                    map[string]bool
	limited                  []string // permissions of the token, nil for all
	under                    string   // path of the token, "" for all
}

func (n *naive) spellings(name string) []string {
	for _, s := range n.specs {
		if s.Name == name || slices.Contains(s.Aliases, name) {
			return append([]string{s.Name}, s.Aliases...)
		}
	}
	return []string{name}
}

func naiveMatch(pattern string, spellings []string) bool {
	if !strings.HasSuffix(pattern, "*") {
		return slices.Contains(spellings, pattern)
	}
	for _, special := range []string{"escalate", "impersonate", "contain"} {
		if spellings[0] == "identity:"+special {
			return false
		}
	}
	for _, s := range spellings {
		if pattern == "*" && !strings.HasPrefix(s, "identity:") {
			return true
		}
		if pattern != "*" && strings.HasPrefix(s, strings.TrimSuffix(pattern, "*")) {
			return true
		}
	}
	return false
}

// readable texts in random worlds are all but those with a question mark.
func naiveReadable(pattern string) bool { return !strings.Contains(pattern, "?") }

// contains says whether a role contains a name; the part of it that is in doubt counts as doubt says.
func (n *naive) contains(id, name string, doubt bool) bool {
	r, ok := n.roles[id]
	if !ok {
		return doubt
	}
	return n.defines(r, name, doubt)
}

func (n *naive) defines(r Role, name string, doubt bool) bool {
	spellings := n.spellings(name)
	in := false
	for _, p := range r.Permissions {
		in = in || naiveReadable(p) && naiveMatch(p, spellings) || !naiveReadable(p) && doubt
	}
	for _, inc := range r.Includes {
		in = in || n.contains(inc, name, doubt)
	}
	for _, p := range r.Exclusions {
		in = in && !(naiveReadable(p) && naiveMatch(p, spellings) || !naiveReadable(p) && !doubt)
	}
	return in
}

// subjects returns the account and every group it is in.
func (n *naive) subjects(account string) map[string]bool {
	in := map[string]bool{account: true}
	switch n.accounts[account] {
	case User:
		in["users"] = true
	case ServiceAccount:
		in["service-accounts"] = true
	}
	for grown := true; grown; {
		grown = false
		for m := range n.members {
			if in[m[1]] && n.groups[m[0]] && !in[m[0]] {
				in[m[0]], grown = true, true
			}
		}
	}
	return in
}

func naiveWithin(scope, path string) bool {
	if scope == "/" {
		return true
	}
	a, b := strings.Split(scope, "/"), strings.Split(path, "/")
	return len(a) <= len(b) && slices.Equal(a, b[:len(a)])
}

func (n *naive) reaches(b Binding, org string) bool {
	if org == "" || org == n.home {
		return b.Reach == "" || b.Reach == "*" || b.Reach == n.home
	}
	return b.Reach == "*" || b.Reach == org
}

// decide also returns every binding that justifies the answer: any one of them may be named.
func (n *naive) decide(q naiveQuestion) (Reason, map[string]bool) {
	account, org, perm, path, now := q.account, q.org, q.perm, q.path, q.now
	known := slices.ContainsFunc(n.specs, func(s PermissionSpec) bool { return s.Name == perm || slices.Contains(s.Aliases, perm) })
	if !known {
		return ReasonUnknownPermission, nil
	}
	if n.accounts[account] == 0 {
		return ReasonUnknownAccount, nil
	}
	allows, denies, reach := map[string]bool{}, map[string]bool{}, false
	subjects := n.subjects(account)
	for _, b := range n.bindings {
		if !subjects[b.Subject] || b.Start != 0 && now < b.Start || b.End != 0 && now >= b.End || !n.reaches(b, org) {
			continue
		}
		reach = reach || b.Effect == Allow
		if naiveWithin(b.Scope.String(), path) && n.contains(b.Role, perm, b.Effect == Deny) {
			switch t := naiveTruth(b.Condition, account, q.attrs); {
			case b.Effect == Deny && t != False:
				denies[b.ID] = true
			case b.Effect == Allow && t == True:
				allows[b.ID] = true
			}
		}
	}
	switch {
	case org != "" && org != n.home && !reach:
		return ReasonOtherOrg, nil
	case len(denies) > 0:
		return ReasonDenied, denies
	case len(allows) == 0:
		return ReasonNoBinding, nil
	case n.bounds[account] != "" && !n.contains(n.bounds[account], perm, false):
		return ReasonBoundary, nil
	case q.limited != nil && !n.defines(Role{Permissions: q.limited}, perm, false), q.under != "" && !naiveWithin(q.under, path):
		return ReasonTokenLimits, nil
	}
	return ReasonAllowed, allows
}

// holds says whether an account surely has a name throughout a window, by one allow at the scope or above that counts for the
// organisation and has the condition, with no deny that may touch it; below says whether denies under the scope count.
func (n *naive) holds(account, org, name, scope string, start, end int64, below bool, condition string) bool {
	if bound := n.bounds[account]; bound != "" && !n.contains(bound, name, false) {
		return false
	}
	allowed := false
	for _, b := range n.bindings {
		at := b.Scope.String()
		if !n.subjects(account)[b.Subject] || !n.reaches(b, org) || n.accounts[account] == 0 {
			continue
		}
		over := naiveWithin(at, scope)
		if b.Effect == Deny && (over || below && naiveWithin(scope, at)) && n.contains(b.Role, name, true) {
			if (b.End == 0 || start < b.End) && (b.Start == 0 || end == 0 || b.Start < end) {
				return false
			}
		}
		may := b.Condition == "" || b.Condition == condition && strings.HasPrefix(condition, "attr:") || b.Condition == condition && condition == "true"
		if b.Effect == Allow && over && may && n.contains(b.Role, name, false) {
			allowed = allowed || (b.Start == 0 || b.Start <= start) && (b.End == 0 || end != 0 && end <= b.End)
		}
	}
	return allowed
}
