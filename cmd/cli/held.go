package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func (t *tool) releaseHeld() *cobra.Command {
	var org orgFlag
	var of string
	return t.command(leaf{use: "release-held --reason TEXT [--org ORG] [--account ACCOUNT]", short: "Take credentials into use again that a restore holds",
		long: `Take API tokens and client secrets into use again that are held because the database was restored, and what was revoked since the backup may not
be known. Revoke what should have stayed dead first: claviger tokens list --state held.`,
		required: []string{"reason"},
		flags: func(f *pflag.FlagSet) {
			org.add(f)
			f.StringVar(&of, "account", "", "only those of this account; with --org")
		},
		run: func(ctx context.Context, s *session) error {
			var filter identity.HeldFilter
			if of != "" && org == "" {
				return &usageError{wrong: "an account is of an org", typed: "--org ORG --account " + of}
			}
			if org != "" {
				found, err := s.org(ctx, string(org))
				if err != nil {
					return err
				}
				filter.Org = found.ID
			}
			if of != "" {
				a, err := account(ctx, s.sys.In(filter.Org), of)
				if err != nil {
					return err
				}
				filter.Account = a.ID
			}
			n, err := s.sys.ReleaseHeld(ctx, filter)
			if err != nil {
				return err
			}
			return s.out.one(row{{"released", n, false}})
		}})
}
