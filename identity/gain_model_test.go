package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// What everybody can do, by enumeration: every permission that matters, at every place that matters, from now on, whatever conditions
// come to. It reads the definitions that a test keeps beside an Authority, and shares no code with package policy.

// names is a set of permissions by their positions in gainNames.
type names uint64

// unnamed ends a name that stands for all that only a pattern gives: no permission is called so.
const unnamed = "\x00"

var gainNames = func() [][]string {
	out := [][]string{{"wallets:read"}, {"wallets:create"}, {"wallets:delete"}, {"keys:use"}, {"vaults:open", "wallets:open"}, {"wallets:" + unnamed}, {unnamed}}
	for _, name := range []string{
		unnamed, "escalate", "impersonate", "contain", "boundaries.set", "orgs.update", "tokens.revoke", "groups.create", "groups.delete",
		"bindings.create", "bindings.delete", "bindings.move", "bindings." + unnamed, "members.add", "members.remove", "members." + unnamed,
		"roles.create", "roles.update", "roles.delete", "roles." + unnamed, "accounts.create", "accounts.update", "accounts.activate",
		"accounts.deactivate", "accounts.delete", "accounts." + unnamed,
		"credentials.create", "credentials.rotate", "credentials.update", "credentials.revoke", "credentials." + unnamed,
	} {
		out = append(out, []string{"identity:" + name})
	}
	return out
}()

// only is the set of one name.
func only(name string) names {
	return 1 << slices.IndexFunc(gainNames, func(s []string) bool { return slices.Contains(s, name) })
}

var (
	mayEscalate = only("identity:escalate")
	managing    = matching("identity:*") | mayEscalate | only("identity:impersonate") | only("identity:contain")
)

// matching is what a pattern covers.
func matching(patterns ...string) (out names) {
	for i, spellings := range gainNames {
		for _, pattern := range patterns {
			prefix, wild := strings.CutSuffix(pattern, "*")
			exact := slices.Contains([]string{"identity:escalate", "identity:impersonate", "identity:contain"}, spellings[0])
			if slices.ContainsFunc(spellings, func(s string) bool {
				if !wild {
					return s == pattern
				}
				return !exact && strings.HasPrefix(s, prefix) && (prefix != "" || !strings.HasPrefix(s, "identity:"))
			}) {
				out |= 1 << i
			}
		}
	}
	return out
}

func (n names) String() string {
	var out []string
	for i, s := range gainNames {
		if n&(1<<i) != 0 {
			out = append(out, strings.ReplaceAll(s[0], unnamed, "…"))
		}
	}
	return strings.Join(out, " ")
}

// cell is a place, a time, and what the two attributes are; mfa is of whoever asks.
type cell struct {
	path        string
	at          time.Time
	office, mfa policy.Truth
}

var (
	gainScopes = []string{"/", "projects/1", "projects/1/wallets/2", "projects/10"} // where bindings are made
	gainPlaces = append(slices.Clone(gainScopes), "projects/10/wallets/2")          // where they can move
	truths     = []policy.Truth{policy.True, policy.False, policy.Unknown}
)

func under(scope, path string) bool {
	return scope == "/" || path == scope || strings.HasPrefix(path, scope+"/")
}

// gainCells are all that matter from a time on: bindings begin and end at full hours of the first four, at or above the named places.
func gainCells(begin, now time.Time) (out []cell) {
	var times []time.Time
	for h := range 4 {
		if end := begin.Add(time.Duration(h+1) * time.Hour); end.After(now) {
			times = append(times, maxTime(now, begin.Add(time.Duration(h)*time.Hour)))
		}
	}
	for _, scope := range gainPlaces {
		for _, path := range []string{scope, strings.TrimPrefix(scope+"/fresh/1", "//")} {
			for _, at := range times {
				for _, office := range truths {
					for _, mfa := range truths {
						out = append(out, cell{path, at, office, mfa})
					}
				}
			}
		}
	}
	return out
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// clone is an org that a change can be tried on.
func (o *modelOrg) clone() *modelOrg {
	c := *o
	c.accounts, c.groups, c.members, c.bindings = map[string]*modelAccount{}, maps.Clone(o.groups), maps.Clone(o.members), maps.Clone(o.bindings)
	c.roles, c.defaults = map[string]*modelRole{}, maps.Clone(o.defaults)
	for id, a := range o.accounts {
		b := *a
		c.accounts[id] = &b
	}
	for id, r := range o.roles {
		s := *r
		c.roles[id] = &s
	}
	return &c
}

// atlas is an org with what its roles contain worked out, and one more account of each kind, which stand for those to come.
type atlas struct {
	*modelOrg
	contents map[string]names
	given    map[string][]grant
	reach    string // what bindings must reach: "" is the org itself
}

type grant struct {
	modelBinding
	names names
}

// comers are the accounts to come.
var comers = map[string]identity.AccountKind{"us_comer": identity.User, "sa_comer": identity.ServiceAccount}

func chart(o *modelOrg) *atlas {
	a := &atlas{modelOrg: o.clone(), contents: map[string]names{}, given: map[string][]grant{}}
	for id, kind := range comers {
		a.accounts[id] = &modelAccount{kind: kind, state: identity.AccountActive}
		for _, g := range a.defaults[kind] {
			a.members[[2]string{string(g), id}] = true
		}
	}
	return a
}

// of is what a role contains.
func (a *atlas) of(ref string) names {
	out, known := a.contents[ref]
	r := a.role(ref)
	if known || r == nil {
		return out
	}
	out = matching(r.permissions...)
	for _, in := range r.includes {
		out |= a.of(in)
	}
	out &^= matching(r.exclusions...)
	a.contents[ref] = out
	return out
}

// grants are the bindings of a subject and of the groups that it is in.
func (a *atlas) grants(subject string) []grant {
	out, known := a.given[subject]
	if !known {
		above := a.above(subject)
		for _, b := range a.bindings {
			if above[b.subject] && (b.reach == a.reach || b.reach == "*") {
				out = append(out, grant{b, a.of(b.role)})
			}
		}
		a.given[subject] = out
	}
	return out
}

func (b modelBinding) covers(c cell) bool {
	return under(b.scope, c.path) && !c.at.Before(b.start) && (b.end.IsZero() || c.at.Before(b.end))
}

func (b modelBinding) readsPrincipal() bool { return b.condition != "" && b.condition != "attr:office" }

func (b modelBinding) truth(who string, c cell) policy.Truth {
	verb, arg, _ := strings.Cut(b.condition, ":")
	switch {
	case b.condition == "":
		return policy.True
	case b.condition == "attr:office":
		return c.office
	case verb == "attr":
		return c.mfa
	case (who == arg) == (verb == "is"):
		return policy.True
	}
	return policy.False
}

// bounded is what the boundary of an account leaves.
func (a *atlas) bounded(who string, n names) names {
	if acc := a.accounts[who]; acc != nil && acc.boundary != "" {
		return n & a.of(acc.boundary)
	}
	return n
}

// can is what an account, or whoever is in a group and nowhere else, can do; nothing if there is none.
func (a *atlas) can(who string, c cell) names {
	if !a.live(who) {
		return 0
	}
	var allowed, denied names
	for _, g := range a.grants(who) {
		if !g.covers(c) {
			continue
		}
		switch t := g.truth(who, c); {
		case g.deny && t != policy.False:
			denied |= g.names
		case !g.deny && t == policy.True:
			allowed |= g.names
		}
	}
	return a.bounded(who, allowed&^denied)
}

// couldHave is what an account can do if nothing is denied to it and every condition that reads something of it is true. One that
// reads nothing of it has the same outcome for whoever becomes the account.
func (a *atlas) couldHave(who string, c cell, bounded bool) (out names) {
	for _, g := range a.grants(who) {
		if !g.deny && g.covers(c) && (g.readsPrincipal() || g.truth(who, c) == policy.True) {
			out |= g.names
		}
	}
	if bounded {
		return a.bounded(who, out)
	}
	return out
}

// maker is who makes a call: an account, and whoever acts for it.
type maker struct {
	parts  []part
	office policy.Truth // what the call says of the request
	mfa    policy.Truth // and of the first part
}

type part struct {
	account string
	home    *atlas // of an operator: the system org, whose bindings reach this one. Nil for an account of this org
	limited bool   // names and path are those of its token
	named   names
	path    string
}

// in is the org that says what a part can do in the one that a call concerns.
func (p part) in(a *atlas) *atlas {
	if p.home != nil {
		return p.home
	}
	return a
}

func (p part) cut(n names, path string) names {
	switch {
	case !p.limited:
		return n
	case p.path != "" && !under(p.path, path):
		return 0
	}
	return n & p.named
}

// whole reports whether nothing is cut off an account that acts alone.
func (w maker) whole() bool { return len(w.parts) == 1 && !w.parts[0].limited }

func (w maker) is(account string) bool { return len(w.parts) == 1 && w.parts[0].account == account }

func (w maker) String() string {
	var out []string
	for _, p := range w.parts {
		text := p.account
		if p.limited {
			text += fmt.Sprintf(" limited to %s at %q", p.named, p.path)
		}
		out = append(out, text)
	}
	return fmt.Sprintf("%s (office %v, mfa %v)", strings.Join(out, " through "), w.office, w.mfa)
}

func (w maker) takesPart(account string) bool {
	return slices.ContainsFunc(w.parts, func(p part) bool { return p.account == account })
}

// may is whether a caller may do something now.
func (a *atlas) may(w maker, name, path string, now time.Time) bool {
	for i, p := range w.parts {
		c := cell{path, now, w.office, w.mfa}
		if i > 0 {
			c.mfa = policy.Unknown // what is said of the first part says nothing of who acts for it
		}
		if p.cut(p.in(a).can(p.account, c), path)&only(name) == 0 {
			return false
		}
	}
	return true
}

// surely is what a caller has whatever a condition says of it, and everything where it may escalate.
func (a *atlas) surely(w maker, c cell) names {
	out := ^names(0)
	for _, p := range w.parts {
		var allowed, denied names
		for _, g := range p.in(a).grants(p.account) {
			switch {
			case !g.covers(c):
			case g.deny && (g.readsPrincipal() || g.truth("", c) != policy.False):
				denied |= g.names
			case !g.deny && !g.readsPrincipal() && g.truth("", c) == policy.True:
				allowed |= g.names
			}
		}
		out &= p.cut(p.in(a).bounded(p.account, allowed&^denied), c.path)
	}
	if out&mayEscalate != 0 {
		return ^names(0)
	}
	return out
}

// everybody are the accounts, and those to come.
func (a *atlas) everybody() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a.accounts)), func(id string) bool { return !a.live(id) })
}

// within are the accounts that are a subject or in it.
func (a *atlas) within(subject string) (out []string) {
	for _, id := range a.everybody() {
		if a.above(id)[subject] {
			out = append(out, id)
		}
	}
	return out
}
