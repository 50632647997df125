package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func (t *tool) explain() *cobra.Command {
	var resource string
	return t.inOrg(leaf{use: "explain ACCOUNT PERMISSION PATH --org ORG [--resource-org ORG]", short: "Say whether an account may do something, and why",
		long: "Say whether an account may do something, as if it logged in now, and why: every binding with how it fared, and for a no what would have to be granted. The exit code is 0 for yes and 3 for no.",
		args: 3},
		func(f *pflag.FlagSet) {
			f.StringVar(&resource, "resource-org", "", "org of the resource, for an operator of the system org; default the account's own")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			q, err := s.ask(s.args[1], s.args[2])
			if err != nil {
				return err
			}
			a, err := account(ctx, in, s.args[0])
			if err != nil {
				return err
			}
			req := identity.AccountRequest{Account: a.ID, Permission: q.permission, Path: q.path.Path}
			if resource != "" {
				of, err := s.org(ctx, resource)
				if err != nil {
					return err
				}
				req.Org = of.ID
			}
			e, err := in.Explain(ctx, req)
			if err != nil {
				return err
			}
			ends := endsOf(e)
			if s.out.json {
				err = s.out.one(explanationRow(e, q, ends))
			} else {
				err = s.verdict(e, names(ctx, in))
			}
			if err == nil {
				err = ends.say(s)
			}
			if err == nil && !e.Decision.Allowed {
				err = errNo
			}
			return err
		})
}

// verdict prints the answer and, below it, everything it rests on.
func (s *session) verdict(e identity.Explanation, name func(string) string) error {
	word := "denied"
	if e.Decision.Allowed {
		word = "allowed"
	}
	_, err := fmt.Fprintf(s.out.out, "%s\n%s\n", s.out.verdict(word, e.Decision.Allowed), e.Text(name))
	return err
}

func endsOf(e identity.Explanation) (ends openEnds) {
	if e.Rules == nil {
		return ends
	}
	for _, t := range e.Rules.Bindings {
		ends.add(t.Binding.Role, t.Role.Exists, t.Binding.Condition != "" && t.Condition == policy.Unknown, t.Binding.ID)
	}
	if b := e.Rules.Boundary; b != nil {
		ends.add(b.Role, b.Exists, false, "")
	}
	return ends
}

func explanationRow(e identity.Explanation, q question, ends openEnds) row {
	refused := ""
	if e.Refused != policy.ReasonUnspecified {
		refused = e.Refused.String()
	}
	return row{
		{"allowed", e.Decision.Allowed, false}, {"reason", e.Decision.Reason.String(), false}, {"account", string(e.Account), false},
		{"org", string(e.Org), false}, {"permission", q.permission.String(), false}, {"path", q.path.String(), false},
		{"binding", e.Decision.Binding, false}, {"missing", e.Decision.Missing, false}, {"revision", e.Decision.Revision, false},
		{"refused", refused, false}, {"because", e.Because, false}, {"unknown_roles", ends.Roles, false},
		{"unknown_conditions", ends.Conditions, false}, {"bindings", triedOf(e), false}, {"needed", neededOf(e), false},
	}
}

// tried is a binding and how it fared, in JSON.
type tried struct {
	ID       string   `json:"id"`
	Effect   string   `json:"effect"`
	Role     string   `json:"role"`
	Scope    string   `json:"scope"`
	Via      []string `json:"via"`
	Applies  string   `json:"applies"` // true, false or unknown
	Covers   bool     `json:"covers"`
	Contains bool     `json:"contains"`
	Dates    string   `json:"dates"` // before, during or after
}

func triedOf(e identity.Explanation) []tried {
	out := []tried{}
	if e.Rules == nil {
		return out
	}
	for _, t := range e.Rules.Bindings {
		out = append(out, tried{
			ID: t.Binding.ID, Effect: effectText(t.Binding.Effect), Role: t.Binding.Role, Scope: t.Binding.Scope.String(), Via: append([]string{}, t.Via...),
			Applies: t.Applies.String(), Covers: t.Covers, Contains: t.Role.Contains, Dates: t.Dates.String(),
		})
	}
	return out
}

// neededOf is what stands in the way: each must go, in one of its ways.
func neededOf(e identity.Explanation) [][]string {
	out := [][]string{}
	if e.Rules == nil {
		return out
	}
	for _, n := range e.Rules.Needed {
		var ways []string
		for _, w := range n.Ways {
			ways = append(ways, w.String())
		}
		out = append(out, ways)
	}
	return out
}
