package policy

import (
	"slices"
	"strings"
)

// naive is the reference evaluator: the definitions as they are, and the rules read off the page. It shares no code with the
// engine but the types of the definitions; TestNaiveStandsAlone holds both that and its size.
type naive struct {
	home     string
	specs    []PermissionSpec
	accounts map[string]Kind
	groups   map[string]bool
	members  map[[2]string]bool // group, member
	roles    map[string]Role    // stored and code
	bindings map[string]Binding
	bounds   map[string]string // account to the role of its boundary
	labels   map[string]map[string]string
}

// naiveQuestion is what the reference is asked.
type naiveQuestion struct {
	account, org, perm, path string
	now                      int64
	attrs                    map[string]bool
	limited                  []string // permissions of the token, nil for all
	under                    string   // path of the token, "" for all
}

// truth of the conditions of random worlds: "true", "false", "attr:<name>" for the value of a boolean attribute, "at:<path>" for
// that path and what lies under it, "is:<account>", "kind:<kind>", "team:<label>", "org:<organisation>", "late" for 20 and later, "a|b" for
// either; everything else is unknown, and so is what asks about a path where there is none.
func (n *naive) truth(source string, q naiveQuestion) Truth {
	if a, b, both := strings.Cut(source, "|"); both {
		t, u := n.truth(a, q), n.truth(b, q)
		return map[bool]Truth{true: u, false: t}[t == False || u == True]
	}
	truth := map[bool]Truth{false: False, true: True}
	switch kind, rest, _ := strings.Cut(source, ":"); kind {
	case "", "true", "false":
		return truth[source != "false"]
	case "is":
		return truth[rest == q.account]
	case "kind":
		return truth[rest == map[Kind]string{User: "user", ServiceAccount: "service-account"}[n.accounts[q.account]]]
	case "team":
		return truth[rest == n.labels[q.account]["team"]]
	case "org":
		return truth[rest == q.org || q.org == "" && rest == n.home]
	case "at":
		return map[bool]Truth{true: truth[naiveWithin(rest, q.path)]}[q.path != ""]
	case "late":
		return truth[q.now >= 20]
	case "attr":
		v, set := q.attrs[rest]
		return map[bool]Truth{true: truth[v]}[set]
	}
	return Unknown
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
	if slices.Contains([]string{"identity:escalate", "identity:impersonate", "identity:contain"}, spellings[0]) {
		return false
	}
	return slices.ContainsFunc(spellings, func(s string) bool {
		return pattern == "*" && !strings.HasPrefix(s, "identity:") || pattern != "*" && strings.HasPrefix(s, strings.TrimSuffix(pattern, "*"))
	})
}

// readable texts in random worlds are all but those with a question mark.
func naiveReadable(pattern string) bool { return !strings.Contains(pattern, "?") }

// contains says whether a role contains a name; the part of it that is in doubt counts as doubt says.
func (n *naive) contains(id, name string, doubt bool) bool {
	r, ok := n.roles[id]
	return ok && n.defines(r, name, doubt) || !ok && doubt
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
	if k := n.accounts[account]; k != 0 {
		in[map[Kind]string{User: "users", ServiceAccount: "service-accounts"}[k]] = true
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
	a, b := strings.Split(scope, "/"), strings.Split(path, "/")
	return scope == "/" || len(a) <= len(b) && slices.Equal(a, b[:len(a)])
}

func (n *naive) reaches(b Binding, org string) bool {
	if org == "" || org == n.home {
		return b.Reach == "" || b.Reach == "*" || b.Reach == n.home
	}
	return b.Reach == "*" || b.Reach == org
}

// decide also returns every binding that justifies the answer: any one of them may be named.
func (n *naive) decide(q naiveQuestion) (Reason, map[string]bool) {
	switch {
	case !slices.ContainsFunc(n.specs, func(s PermissionSpec) bool { return s.Name == q.perm || slices.Contains(s.Aliases, q.perm) }):
		return ReasonUnknownPermission, nil
	case n.accounts[q.account] == 0:
		return ReasonUnknownAccount, nil
	}
	allows, denies, reach := map[string]bool{}, map[string]bool{}, false
	subjects := n.subjects(q.account)
	for _, b := range n.bindings {
		if b.Eligible || !subjects[b.Subject] || b.Start != 0 && q.now < b.Start || b.End != 0 && q.now >= b.End || !n.reaches(b, q.org) {
			continue
		}
		reach = reach || b.Effect == Allow
		if naiveWithin(b.Scope.String(), q.path) && n.contains(b.Role, q.perm, b.Effect == Deny) {
			switch t := n.truth(b.Condition, q); {
			case b.Effect == Deny && t != False:
				denies[b.ID] = true
			case b.Effect == Allow && t == True:
				allows[b.ID] = true
			}
		}
	}
	switch {
	case q.org != "" && q.org != n.home && !reach:
		return ReasonOtherOrg, nil
	case len(denies) > 0:
		return ReasonDenied, denies
	case len(allows) == 0:
		return ReasonNoBinding, nil
	case n.bounds[q.account] != "" && !n.contains(n.bounds[q.account], q.perm, false):
		return ReasonBoundary, nil
	case q.limited != nil && !n.defines(Role{Permissions: q.limited}, q.perm, false), q.under != "" && !naiveWithin(q.under, q.path):
		return ReasonTokenLimits, nil
	}
	return ReasonAllowed, allows
}
