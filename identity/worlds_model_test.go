package identity_test

import (
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// model is what an instance should know, kept by the test beside it: the nouns as they were asked for, and the rules read off
// the page. It shares no code with the library but the names of things.
type model struct {
	system identity.OrgID
	orgs   map[identity.OrgID]*modelOrg
}

type modelOrg struct {
	state    identity.OrgState
	revision uint64 // sessions from before it are dead
	accounts map[string]*modelAccount
	groups   map[string]bool
	members  map[[2]string]bool // group, member
	roles    map[string]*modelRole
	bindings map[string]modelBinding
	defaults map[identity.AccountKind][]identity.GroupID
}

type modelAccount struct {
	kind     identity.AccountKind
	state    identity.AccountState
	until    time.Time
	revision uint64
	boundary string
}

type modelRole struct {
	permissions, exclusions, includes []string
	archived                          bool
	own                               bool // one account's direct permissions
}

type modelBinding struct {
	subject, role, scope, reach, condition string
	deny                                   bool
	start, end                             time.Time
}

// session is a login that the host remembers.
type session struct {
	org      identity.OrgID
	account  string
	revision uint64
	notAfter time.Time
	held     [2]identity.Principal // by the Authority that vouched
}

// modelQuestion is what both are asked.
type modelQuestion struct {
	who        *session
	org        identity.OrgID
	permission string
	path       string
	attrs      map[string]bool
	now        time.Time
}

func newModelOrg() *modelOrg {
	return &modelOrg{
		state: identity.OrgActive, accounts: map[string]*modelAccount{}, members: map[[2]string]bool{}, roles: map[string]*modelRole{},
		groups:   map[string]bool{string(identity.GroupUsers): true, string(identity.GroupServiceAccounts): true},
		bindings: map[string]modelBinding{}, defaults: map[identity.AccountKind][]identity.GroupID{},
	}
}

// modelCode are the roles declared in code, and modelNames the permissions with their aliases.
var (
	modelCode = map[string]*modelRole{
		"code:owner":         {permissions: []string{"*", "identity:*"}},
		"code:wallet-reader": {permissions: []string{"wallets:read"}},
		"code:wallet-admin":  {permissions: []string{"wallets:*"}, exclusions: []string{"wallets:delete"}, includes: []string{"code:wallet-reader"}},
	}
	modelNames = [][]string{
		{"wallets:read"}, {"wallets:create"}, {"wallets:delete"}, {"keys:use"}, {"vaults:open", "wallets:open"},
		{"identity:groups.create"}, {"identity:escalate"},
	}
)

func modelSpellings(name string) []string {
	i := slices.IndexFunc(modelNames, func(names []string) bool { return slices.Contains(names, name) })
	if i < 0 {
		return nil
	}
	return modelNames[i]
}

func (o *modelOrg) role(ref string) *modelRole {
	if r := modelCode[ref]; r != nil {
		return r
	}
	return o.roles[ref]
}

func (o *modelOrg) contains(ref, name string) bool {
	r := o.role(ref)
	if r == nil {
		return false
	}
	covers := func(pattern string) bool {
		return slices.ContainsFunc(modelSpellings(name), func(s string) bool {
			prefix, wild := strings.CutSuffix(pattern, "*")
			switch {
			case !wild:
				return pattern == s
			case s == "identity:escalate":
				return false
			case prefix == "":
				return !strings.HasPrefix(s, "identity:")
			}
			return strings.HasPrefix(s, prefix)
		})
	}
	in := slices.ContainsFunc(r.permissions, covers) || slices.ContainsFunc(r.includes, func(ref string) bool { return o.contains(ref, name) })
	return in && !slices.ContainsFunc(r.exclusions, covers)
}

// above returns a subject and every group that it is in.
func (o *modelOrg) above(subject string) map[string]bool {
	in := map[string]bool{subject: true}
	if a := o.accounts[subject]; a != nil {
		in[string(map[identity.AccountKind]identity.GroupID{identity.User: identity.GroupUsers, identity.ServiceAccount: identity.GroupServiceAccounts}[a.kind])] = true
	}
	for grown := true; grown; {
		grown = false
		for m := range o.members {
			if in[m[1]] && !in[m[0]] {
				in[m[0]], grown = true, true
			}
		}
	}
	return in
}

// alive says why a session is no good, or nothing.
func (m *model) alive(s *session, now time.Time) policy.Reason {
	org := m.orgs[s.org]
	a := org.accounts[s.account]
	switch {
	case org.state == identity.OrgDeleted:
		return policy.ReasonOrgDeleted
	case org.state == identity.OrgSuspended:
		return policy.ReasonOrgSuspended
	case a.state != identity.AccountActive:
		return policy.ReasonAccountInactive
	case !a.until.IsZero() && !now.Before(a.until):
		return policy.ReasonAccountExpired
	case s.revision < org.revision || s.revision < a.revision:
		return policy.ReasonTokenRevoked
	case !now.Before(s.notAfter):
		return policy.ReasonTokenExpired
	}
	return policy.ReasonUnspecified
}

func (q modelQuestion) truth(condition string) policy.Truth {
	verb, arg, _ := strings.Cut(condition, ":")
	truth := map[bool]policy.Truth{true: policy.True, false: policy.False}
	switch verb {
	case "is":
		return truth[q.who.account == arg]
	case "not":
		return truth[q.who.account != arg]
	case "attr":
		if v, set := q.attrs[arg]; set {
			return truth[v]
		}
		return policy.Unknown
	}
	return policy.True
}

// decide also returns the bindings that justify the answer.
func (m *model) decide(q modelQuestion) (policy.Reason, map[string]bool) {
	if dead := m.alive(q.who, q.now); dead != policy.ReasonUnspecified {
		return dead, nil
	}
	home, target := m.orgs[q.who.org], m.orgs[q.org]
	switch {
	case q.org == "":
		return policy.ReasonMissingOrg, nil
	case q.org == q.who.org:
	case q.who.org != m.system || target == nil:
		return policy.ReasonOtherOrg, nil
	case target.state == identity.OrgDeleted:
		return policy.ReasonOrgDeleted, nil
	}
	switch {
	case q.permission == "":
		return policy.ReasonMissingPermission, nil
	case modelSpellings(q.permission) == nil:
		return policy.ReasonUnknownPermission, nil
	case q.path == "":
		return policy.ReasonMissingPath, nil
	}
	allows, denies, reached := map[string]bool{}, map[string]bool{}, false
	above := home.above(q.who.account)
	for id, b := range home.bindings {
		counts := b.reach == "*" || b.reach == string(q.org) || b.reach == "" && q.org == q.who.org
		if !above[b.subject] || !counts || q.now.Before(b.start) || !b.end.IsZero() && !q.now.Before(b.end) {
			continue
		}
		reached = reached || !b.deny
		if !(b.scope == "/" || q.path == b.scope || strings.HasPrefix(q.path, b.scope+"/")) || !home.contains(b.role, q.permission) {
			continue
		}
		switch t := q.truth(b.condition); {
		case b.deny && t != policy.False:
			denies[id] = true
		case !b.deny && t == policy.True:
			allows[id] = true
		}
	}
	boundary := home.accounts[q.who.account].boundary
	switch {
	case q.org != q.who.org && !reached:
		return policy.ReasonOtherOrg, nil
	case len(denies) > 0:
		return policy.ReasonDenied, denies
	case len(allows) == 0:
		return policy.ReasonNoBinding, nil
	case boundary != "" && !home.contains(boundary, q.permission):
		return policy.ReasonBoundary, nil
	}
	return policy.ReasonAllowed, allows
}
