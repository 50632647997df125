package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/claviger-go/claviger/identity"
)

func (t *tool) roleUse() *cobra.Command {
	return t.onRole(leaf{use: "use ROLE --org ORG", short: "Count what is linked to a role, and keeps it from being archived and deleted"}, nil,
		func(ctx context.Context, s *session, in *identity.OrgAdmin, r identity.Role) error {
			use, err := in.RoleUse(ctx, r.ID)
			if err != nil {
				return err
			}
			err = s.out.one(row{
				{"id", string(r.ID), false}, {"bindings", use.Bindings, false}, {"accounts", use.Accounts, false}, {"groups", use.Groups, false},
				{"included_by", use.IncludedBy, false}, {"boundaries", use.Boundaries, false},
			})
			if err == nil && s.Open == nil {
				_, err = fmt.Fprintln(s.Err, "note: roles of the host's code are unknown here: those that include it are not counted")
			}
			return err
		})
}
