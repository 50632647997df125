package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/claviger-go/claviger/identity"
)

func holderRow(h identity.Holder) row {
	return row{
		{"account", string(h.Account), false}, {"kind", string(h.Kind), false}, {"binding", string(h.Binding), false},
		{"via", texts(h.Via), false}, {"conditional", h.Conditional, false}, {"missing", h.Missing, true}, {"org", string(h.Org), true},
	}
}

func (t *tool) whoCan() *cobra.Command {
	return t.inOrg(leaf{use: "who-can PERMISSION PATH --org ORG", short: "List the accounts that may do something", args: 2}, nil,
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			q, err := s.ask(s.args[0], s.args[1])
			if err != nil {
				return err
			}
			holders := in.WhoCan(ctx, identity.WhoCanRequest{Permission: q.permission, Path: q.path.Path})
			if err := s.out.list(holderRow(identity.Holder{}), rowsOf(holders, holderRow)); err != nil {
				return err
			}
			ends, err := s.endsOfOrg(ctx, in)
			if err != nil {
				return err
			}
			return ends.say(s)
		})
}

// endsOfOrg finds the code roles and conditions that the tool on its own does not
// know, in the org and among the operators, who may reach it. A host knows its own.
func (s *session) endsOfOrg(ctx context.Context, in *identity.OrgAdmin) (ends openEnds, err error) {
	if s.Open != nil {
		return ends, nil
	}
	for _, org := range []*identity.OrgAdmin{in, s.sys.In(s.SystemOrg())} {
		for b, err := range org.AllBindings(ctx, identity.BindingFilter{}) {
			if err != nil {
				return ends, err
			}
			ends.add(string(b.Role), b.Role == identity.RoleOwner, b.Condition != "", string(b.ID))
		}
	}
	return ends, nil
}
