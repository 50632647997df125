package cli

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func accountRow(a identity.Account) row {
	return append(row{
		{"id", string(a.ID), false}, {"kind", string(a.Kind), false}, {"name", a.Name, false}, {"state", string(a.State), false},
		{"valid_until", a.ValidUntil, false}, {"boundary", string(a.Boundary), false}, {"display_name", a.DisplayName, true},
		{"description", a.Description, true}, {"labels", a.Labels, true}, {"external_issuer", a.External.Issuer, true},
		{"external_subject", a.External.Subject, true}, {"org", string(a.Org), true},
	}, meta(a.Meta)...)
}

func (t *tool) accounts() *cobra.Command {
	g := t.group("accounts", "List, make, change, stop and delete accounts", "list", "show", "create-user", "create-service", "update",
		"boundary", "activate", "deactivate", "extend", "sign-out", "archive", "delete")
	g.AddCommand(t.accountList(), t.accountShow(), t.userCreate(), t.serviceCreate(), t.accountUpdate(), t.accountBoundary(), t.accountExtend(),
		t.accountState("activate", "Make an invited or inactive account active", false, (*identity.OrgAdmin).ActivateAccount),
		t.accountState("deactivate", "Stop an account, and all that it holds", false, (*identity.OrgAdmin).DeactivateAccount),
		t.accountState("archive", "Stop an account for ever; its name stays taken", true, (*identity.OrgAdmin).ArchiveAccount),
		t.accountState("delete", "Delete an account for ever; its name stays taken", true, (*identity.OrgAdmin).DeleteAccount),
		t.accountState("sign-out", "End every token and session of an account", false,
			func(in *identity.OrgAdmin, ctx context.Context, id identity.AccountID) (bool, error) {
				_, err := in.SignOutAccount(ctx, id)
				return err == nil, err
			}))
	return g
}

func (t *tool) accountList() *cobra.Command {
	var kind, state, prefix string
	cmd := t.inOrg(leaf{use: "list --org ORG [--kind KIND] [--state STATE] [--name-prefix TEXT]", short: "List the accounts of an org"},
		func(f *pflag.FlagSet) {
			f.StringVar(&kind, "kind", "", "only these: user or service-account")
			f.StringVar(&state, "state", "", "only these: invited, active, inactive, archived or deleted")
			f.StringVar(&prefix, "name-prefix", "", "only those whose name begins so")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			found := in.AllAccounts(ctx, identity.AccountFilter{
				Kind: identity.AccountKind(kind), State: identity.AccountState(state), NamePrefix: prefix,
			})
			return s.out.list(accountRow(identity.Account{}), rowsOf(found, accountRow))
		})
	complete(cmd, "kind", string(identity.User), string(identity.ServiceAccount))
	complete(cmd, "state", string(identity.AccountInvited), string(identity.AccountActive), string(identity.AccountInactive),
		string(identity.AccountArchived), string(identity.AccountDeleted))
	return cmd
}

// onAccount makes a command about one account, which it finds.
func (t *tool) onAccount(l leaf, flags func(*pflag.FlagSet), run func(context.Context, *session, *identity.OrgAdmin, identity.Account) error) *cobra.Command {
	return onOne(t, l, flags, account, run)
}

func (t *tool) accountShow() *cobra.Command {
	return t.onAccount(leaf{use: "show ACCOUNT --org ORG", short: "Show an account, by its id, e-mail address or name"}, nil,
		func(_ context.Context, s *session, _ *identity.OrgAdmin, a identity.Account) error {
			return s.out.one(accountRow(a))
		})
}

func (t *tool) accountState(verb, short string, final bool, call func(*identity.OrgAdmin, context.Context, identity.AccountID) (bool, error)) *cobra.Command {
	return t.onAccount(leaf{use: verb + " ACCOUNT --org ORG", short: short, final: final}, nil,
		func(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
			did, err := call(in, ctx, a.ID)
			return s.changed(string(a.ID), did, err)
		})
}

func (t *tool) userCreate() *cobra.Command {
	var spec identity.UserSpec
	return t.inOrg(leaf{use: "create-user EMAIL --org ORG [--display-name TEXT] [--role ROLE]…", short: "Make a user", args: 1},
		func(f *pflag.FlagSet) {
			f.StringVar(&spec.DisplayName, "display-name", "", "what people read")
			f.StringVar(&spec.Description, "description", "", "free text")
			f.StringVar(&spec.External.Issuer, "external-issuer", "", "issuer of the host's login")
			f.StringVar(&spec.External.Subject, "external-subject", "", "subject of the host's login")
			f.StringVar(&spec.Boundary, "boundary", "", "role that its rights are cut down to")
			f.BoolVar(&spec.Inactive, "inactive", false, "make it inactive")
			f.StringArrayVar(&spec.Roles, "role", nil, "bind this role for the whole org; may be repeated")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			spec.Email = s.args[0]
			made, err := in.CreateUser(ctx, spec)
			if err != nil {
				return err
			}
			return s.out.one(accountRow(made.Account))
		})
}

func (t *tool) serviceCreate() *cobra.Command {
	var spec identity.ServiceAccountSpec
	var key string
	var validity span
	return t.inOrg(leaf{use: "create-service NAME --org ORG --validity DURATION [--public-key FILE|-] [--role ROLE]…", short: "Make a service account",
		long: "Make a service account. Its private key stays with who made it: --public-key names a PEM file with the public half, - the standard input.",
		args: 1, required: []string{"validity"}},
		func(f *pflag.FlagSet) {
			f.Var(&validity, "validity", "how long it lives, like 90d")
			f.StringVar(&key, "public-key", "", "PEM file of its public key; - is the standard input")
			f.StringVar(&spec.KeyName, "key-name", "", "what to call that key")
			f.StringVar(&spec.DisplayName, "display-name", "", "what people read")
			f.StringVar(&spec.Description, "description", "", "free text")
			f.StringVar(&spec.Boundary, "boundary", "", "role that its rights are cut down to")
			f.BoolVar(&spec.Inactive, "inactive", false, "make it inactive")
			f.StringArrayVar(&spec.Roles, "role", nil, "bind this role for the whole org; may be repeated")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			pem, err := s.pem(key)
			if err != nil {
				return err
			}
			spec.Name, spec.Validity, spec.UnprovenPublicKey = s.args[0], validity.duration(), pem
			made, err := in.CreateServiceAccount(ctx, spec)
			if err != nil {
				return err
			}
			return s.out.one(append(accountRow(made.Account), field{"key", string(made.Key.ID), false}))
		})
}

// maxPEM is more than any public key that is accepted takes.
const maxPEM = 64 << 10

// pem reads a file, or the standard input if that is not where the sealing key is.
func (t *tool) pem(path string) (_ []byte, err error) {
	switch {
	case path == "":
		return nil, nil
	case path != "-":
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		return io.ReadAll(io.LimitReader(f, maxPEM))
	case t.file.seal.stdin:
		return nil, &usageError{wrong: "the standard input cannot be both", typed: "--public-key FILE, or --seal-file KEYFILE"}
	}
	return io.ReadAll(io.LimitReader(t.In, maxPEM))
}

func (t *tool) accountUpdate() *cobra.Command {
	var email, name, description string
	var set *pflag.FlagSet
	return t.onAccount(leaf{use: "update ACCOUNT --org ORG [--email EMAIL] [--display-name TEXT] [--description TEXT]", short: "Change what describes an account"},
		func(f *pflag.FlagSet) {
			set = f
			f.StringVar(&email, "email", "", "e-mail address, of a user")
			f.StringVar(&name, "display-name", "", "what people read")
			f.StringVar(&description, "description", "", "free text")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
			var patch identity.AccountPatch
			for flag, to := range map[string]struct {
				field **string
				value *string
			}{"email": {&patch.Email, &email}, "display-name": {&patch.DisplayName, &name}, "description": {&patch.Description, &description}} {
				if set.Changed(flag) {
					*to.field = to.value
				}
			}
			a, err := in.UpdateAccount(ctx, a.ID, patch)
			if err != nil {
				return err
			}
			return s.out.one(accountRow(a))
		})
}

func (t *tool) accountBoundary() *cobra.Command {
	var role string
	return t.onAccount(leaf{use: "boundary ACCOUNT --org ORG --role ROLE", short: "Cut the rights of an account down to a role; \"\" ends that",
		required: []string{"role"}},
		func(f *pflag.FlagSet) { f.StringVar(&role, "role", "", "name or id of a role; empty is none") },
		func(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
			did, err := in.SetBoundary(ctx, a.ID, role)
			return s.changed(string(a.ID), did, err)
		})
}

func (t *tool) accountExtend() *cobra.Command {
	var until moment
	return t.onAccount(leaf{use: "extend ACCOUNT --org ORG --until TIME", short: "Set the end of an account", required: []string{"until"}},
		func(f *pflag.FlagSet) { f.Var(&until, "until", "when it ends (RFC 3339)") },
		func(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
			a, err := in.ExtendAccount(ctx, a.ID, until.Time)
			if err != nil {
				return err
			}
			return s.out.one(accountRow(a))
		})
}
