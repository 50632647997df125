package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func orgRow(o identity.Org) row {
	return append(row{
		{"id", string(o.ID), false}, {"slug", o.Slug, false}, {"state", string(o.State), false}, {"display_name", o.DisplayName, false},
		{"max_validity", o.Settings.MaxValidity, true}, {"max_service_accounts", o.Settings.MaxServiceAccounts, true},
		{"default_user_groups", texts(o.Settings.DefaultUserGroups), true},
		{"default_service_account_groups", texts(o.Settings.DefaultServiceAccountGroups), true},
	}, meta(o.Meta)...)
}

func (t *tool) orgs() *cobra.Command {
	g := t.group("orgs", "List, make, change, suspend and delete orgs", "list", "show", "create", "update", "suspend", "resume", "delete",
		"sign-out")
	g.AddCommand(t.orgList(), t.orgShow(), t.orgCreate(), t.orgUpdate(),
		t.orgState("suspend ORG", "Refuse everything that the accounts of an org ask", false, (*identity.Admin).SuspendOrg),
		t.orgState("resume ORG", "End a suspension; what was issued before it stays dead", false, (*identity.Admin).ResumeOrg),
		t.orgState("delete ORG", "End an org for ever; its slug stays taken", true, (*identity.Admin).DeleteOrg),
		t.command(leaf{use: "sign-out ORG", short: "End every token and session of an org", args: 1,
			run: func(ctx context.Context, s *session) error {
				org, err := s.org(ctx, s.args[0])
				if err != nil {
					return err
				}
				_, err = s.sys.SignOutOrg(ctx, org.ID)
				return s.changed(string(org.ID), true, err)
			}}))
	return g
}

func (t *tool) orgList() *cobra.Command {
	var state string
	cmd := t.command(leaf{use: "list [--state STATE]", short: "List the orgs",
		flags: func(f *pflag.FlagSet) { f.StringVar(&state, "state", "", "only these: active, suspended or deleted") },
		run: func(ctx context.Context, s *session) error {
			orgs := s.sys.AllOrgs(ctx, identity.OrgFilter{State: identity.OrgState(state)})
			return s.out.list(orgRow(identity.Org{}), rowsOf(orgs, orgRow))
		}})
	complete(cmd, "state", string(identity.OrgActive), string(identity.OrgSuspended), string(identity.OrgDeleted))
	return cmd
}

func (t *tool) orgShow() *cobra.Command {
	return t.command(leaf{use: "show ORG", short: "Show an org, by its slug or id", args: 1,
		run: func(ctx context.Context, s *session) error {
			org, err := s.org(ctx, s.args[0])
			if err != nil {
				return err
			}
			return s.out.one(orgRow(org))
		}})
}

func (t *tool) orgCreate() *cobra.Command {
	var name, owner string
	return t.command(leaf{use: "create SLUG [--display-name TEXT] [--owner EMAIL]", short: "Make an org", args: 1,
		flags: func(f *pflag.FlagSet) {
			f.StringVar(&name, "display-name", "", "what people read; default the slug")
			f.StringVar(&owner, "owner", "", "e-mail address of a first user, who owns the org")
		},
		run: func(ctx context.Context, s *session) error {
			spec := identity.OrgSpec{Slug: s.args[0], DisplayName: name}
			if owner != "" {
				spec.Owner = &identity.UserSpec{Email: owner}
			}
			made, err := s.sys.CreateOrg(ctx, spec)
			if err != nil {
				return err
			}
			out := orgRow(made.Org)
			if made.Owner != nil {
				out = append(out, field{"owner", string(made.Owner.ID), false})
			}
			return s.out.one(out)
		}})
}

func (t *tool) orgUpdate() *cobra.Command {
	var name string
	var validity span
	var accounts int
	var set *pflag.FlagSet
	return t.command(leaf{use: "update ORG [--display-name TEXT] [--max-validity DURATION] [--max-service-accounts N]", short: "Change an org", args: 1,
		flags: func(f *pflag.FlagSet) {
			set = f
			f.StringVar(&name, "display-name", "", "what people read")
			f.Var(&validity, "max-validity", "longest life of a service account or a credential")
			f.IntVar(&accounts, "max-service-accounts", 0, "most service accounts; 0 is no limit")
		},
		run: func(ctx context.Context, s *session) error {
			org, err := s.org(ctx, s.args[0])
			if err != nil {
				return err
			}
			var patch identity.OrgPatch
			if set.Changed("display-name") {
				patch.DisplayName = &name
			}
			settings := org.Settings
			if set.Changed("max-validity") {
				settings.MaxValidity, patch.Settings = validity.duration(), &settings
			}
			if set.Changed("max-service-accounts") {
				settings.MaxServiceAccounts, patch.Settings = accounts, &settings
			}
			org, err = s.sys.UpdateOrg(ctx, org.ID, patch)
			if err != nil {
				return err
			}
			return s.out.one(orgRow(org))
		}})
}

// orgState makes the command of a call that may be repeated.
func (t *tool) orgState(use, short string, final bool, call func(*identity.Admin, context.Context, identity.OrgID) (bool, error)) *cobra.Command {
	return t.command(leaf{use: use, short: short, args: 1, final: final,
		run: func(ctx context.Context, s *session) error {
			org, err := s.org(ctx, s.args[0])
			if err != nil {
				return err
			}
			did, err := call(s.sys, ctx, org.ID)
			return s.changed(string(org.ID), did, err)
		}})
}
