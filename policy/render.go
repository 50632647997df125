package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// String returns the explanation as lines for a terminal, the last one without a line break. Two explanations that are equal have
// the same text.
func (e Explanation) String() string { return e.Text(nil) }

// Text is String with names instead of ids. name gives the name of an account, group, role, binding or organisation; "" leaves
// the id. What could disturb a terminal is quoted.
func (e Explanation) Text(name func(id string) string) string {
	r := render{name: name}
	verdict := "may not"
	if e.Decision.Allowed {
		verdict = "may"
	}
	who := "an account that is not there"
	if e.Account.ID != "" {
		who = r.id(e.Account.ID)
	}
	r.line("%s %s use %s at %s: %s", who, verdict, orNone(plain(e.Permission)), orNone(e.Path.String()), e.Decision.Reason)
	if n := len(e.Bindings); n > 0 {
		r.line("bindings: applying %d, undecided %d, not applying %d", e.Count(True), e.Count(Unknown), e.Count(False))
	}
	for i := range e.Bindings {
		r.tried(&e, &e.Bindings[i])
	}
	if b := e.Boundary; b != nil {
		r.line("boundary: %s", r.contained(b, e.Permission))
	}
	if l := e.Limits; l != nil {
		r.limits(&e, l)
	}
	if len(e.Needed) > 0 {
		r.line("needed:")
	}
	for _, n := range e.Needed {
		for i, w := range n.Ways {
			lead := "  - "
			if i > 0 {
				lead = "    or "
			}
			r.line("%s%s", lead, r.way(&w))
		}
	}
	return strings.TrimSuffix(r.b.String(), "\n")
}

// String describes the way in one line.
func (w Way) String() string { return render{}.way(&w) }

// render writes an explanation.
type render struct {
	b    *strings.Builder
	name func(id string) string
}

func (r *render) line(format string, args ...any) {
	if r.b == nil {
		r.b = &strings.Builder{}
	}
	fmt.Fprintf(r.b, format+"\n", args...)
}

// id is how something is called.
func (r render) id(id string) string {
	if r.name != nil {
		if name := r.name(id); name != "" {
			return plain(name)
		}
	}
	return plain(id)
}

func (r render) ids(list []string) string {
	var out []string
	for _, id := range list {
		out = append(out, r.id(id))
	}
	return strings.Join(out, " > ")
}

// plain quotes what is not a word of printable characters: ids and patterns are data, and a terminal obeys some of it.
func plain(s string) string {
	for _, c := range s {
		if !strconv.IsPrint(c) || c == '"' || c == '\uFFFD' {
			return strconv.Quote(s)
		}
	}
	return s
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func instant(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339Nano) }

func (r *render) tried(e *Explanation, t *Tried) {
	mark, effect, of := map[Truth]string{True: "+", False: "-", Unknown: "?"}[t.Applies], "allow", ""
	if t.Binding.Effect == Deny {
		effect = "deny"
	}
	if len(t.Via) > 0 {
		of = ", through " + r.ids(t.Via)
	}
	r.line("  %s %s: %s %s at %s%s", mark, r.id(t.Binding.ID), effect, r.id(t.Binding.Role), plain(t.Binding.Scope.String()), of)
	criterion := func(name string, holds Truth, text string) {
		r.line("      %-9s %-7s %s", name, map[Truth]string{True: "yes", False: "no", Unknown: "unknown"}[holds], text)
	}
	criterion("scope", truth(t.Covers), map[bool]string{true: "the path or above it", false: "elsewhere"}[t.Covers])
	criterion("role", truth(t.Role.Contains), r.contained(&t.Role, e.Permission))
	if t.Binding.Eligible {
		criterion("in force", False, "eligible only: its subject may switch it on")
	}
	criterion("dates", truth(t.Dates == During), dates(&t.Binding))
	if t.Binding.Reach != "" || !t.Counts {
		reach := map[string]string{"": "the home organisation alone", "*": "every organisation"}[t.Binding.Reach]
		if reach == "" {
			reach = r.id(t.Binding.Reach)
		}
		criterion("reach", truth(t.Counts), reach)
	}
	if t.Binding.Condition != "" {
		text := plain(t.Binding.Condition)
		if t.Missing != "" {
			text += ", without " + plain(t.Missing)
		}
		criterion("condition", t.Condition, text)
	}
}

func truth(holds bool) Truth {
	if holds {
		return True
	}
	return False
}

func dates(b *Binding) string {
	switch {
	case b.Start == 0 && b.End == 0:
		return "always"
	case b.Start == 0:
		return "until " + instant(b.End)
	case b.End == 0:
		return "from " + instant(b.Start)
	}
	return "from " + instant(b.Start) + " until " + instant(b.End)
}

// contained tells what a role has to do with a permission.
func (r *render) contained(c *Contained, permission string) string {
	where := ""
	if len(c.Through) > 0 {
		where = ", through " + r.ids(c.Through)
	}
	role := r.id(c.Role)
	switch {
	case !c.Exists && c.Contains:
		return role + " does not exist, and so denies everything"
	case !c.Exists:
		return role + " does not exist"
	case c.Contains && c.InDoubt && c.Pattern == "":
		return role + " may contain it" + where + ", which does not exist"
	case c.Contains && c.InDoubt:
		return role + " may contain it" + where + ": " + plain(c.Pattern) + ", not all of it can be read"
	case c.Contains:
		return role + " contains it" + where + ": " + plain(c.Pattern)
	case c.Exclusion != "" && c.InDoubt:
		return role + " may exclude it" + where + ": " + plain(c.Exclusion) + ", which cannot be read"
	case c.Exclusion != "":
		return role + " excludes it" + where + ": " + plain(c.Exclusion)
	}
	return role + " lacks " + plain(permission)
}

func (r *render) limits(e *Explanation, l *Limited) {
	left, at := "every permission", "everywhere"
	if l.Permissions != nil {
		var texts []string
		for _, text := range l.Permissions {
			texts = append(texts, plain(text))
		}
		if left = strings.Join(texts, " "); left == "" {
			left = "no permission"
		}
	}
	if !l.Path.IsZero() {
		at = "at " + plain(l.Path.String())
	}
	verdict := "this among them"
	switch {
	case !l.LeavesPermission:
		verdict = "not " + plain(e.Permission)
	case !l.LeavesPath:
		verdict = "not at " + plain(e.Path.String())
	}
	r.line("token: limited to %s %s, %s", left, at, verdict)
}

// way tells what would have to change.
func (r render) way(w *Way) string {
	binding := map[bool]string{true: "the deny ", false: "the allow "}[w.Effect == Deny] + r.id(w.Binding)
	switch w.Kind {
	case WayPermission:
		switch {
		case w.Permission == "":
			return "the request would have to name a permission"
		case len(w.Near) > 0:
			var near []string
			for _, n := range w.Near {
				near = append(near, plain(n))
			}
			return "there is no permission " + plain(w.Permission) + "; there is " + strings.Join(near, ", ")
		}
		return "there is no permission " + plain(w.Permission)
	case WayPath:
		return "the request would have to name a path"
	case WayAccount:
		return "the account would have to exist"
	case WayBind:
		to := ""
		if w.Org != "" {
			to = ", that reaches " + r.id(w.Org)
		}
		return "a binding of " + r.id(w.Account) + ", or of a group it is in, to a role with " + plain(w.Permission) + " at " +
			plain(w.Path.String()) + aboveText(w.Path) + to
	case WayUnbind:
		return binding + " would have to go"
	case WayAttribute:
		return "the attribute " + plain(w.Attribute) + " is missing, which the condition of " + binding + " reads"
	case WayCondition:
		return "the condition of " + binding + " would have to be " + map[bool]string{true: "false", false: "true"}[w.Effect == Deny]
	case WayBegin:
		return binding + " begins at " + instant(w.At)
	case WayEnd:
		if w.Effect == Deny {
			return binding + " ends at " + instant(w.At)
		}
		return binding + " ended at " + instant(w.At)
	case WayElevate:
		return binding + " would have to be switched on"
	case WayReach:
		return binding + " would have to reach " + r.id(w.Org)
	case WayRole:
		if w.Exclusion != "" {
			return "the role " + r.id(w.Role) + " would have to contain it: " + plain(w.Exclusion) + " excludes it"
		}
		return "the role " + r.id(w.Role) + " would have to contain it"
	case WayBoundary:
		return "the boundary " + r.id(w.Role) + " lacks " + plain(w.Permission) + ", and would have to contain it or go"
	case WayToken:
		return "a token that is not limited, or that leaves " + plain(w.Permission) + " at " + plain(w.Path.String())
	}
	return "none"
}

func aboveText(p Path) string {
	if p.IsRoot() {
		return ""
	}
	return " or above"
}
