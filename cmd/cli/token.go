package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func tokenRow(c identity.Credential) row {
	var networks []string
	for _, n := range c.Networks {
		networks = append(networks, n.String())
	}
	path := ""
	if !c.Path.IsZero() {
		path = c.Path.String()
	}
	return append(row{
		{"id", string(c.ID), false}, {"type", string(c.Type), false}, {"account", string(c.Account), false}, {"name", c.Name, false},
		{"state", string(c.State), false}, {"valid_until", c.ValidUntil, false}, {"last_used", c.LastUsed, false},
		{"ends_at", c.EndsAt, true}, {"successor", string(c.Successor), true}, {"limited", c.Permissions != nil, true},
		{"permissions", c.Permissions, true}, {"path", path, true}, {"networks", networks, true}, {"org", string(c.Org), true},
	}, meta(c.Meta)...)
}

// secrets are the credentials of these commands: what is shown once, and then kept
// as a digest.
func secrets() material {
	return material{noun: "token", arg: "TOKEN", row: tokenRow, holds: func(c identity.Credential) bool {
		return c.Type == identity.APIToken || c.Type == identity.ClientSecret
	}}
}

func (t *tool) tokens() *cobra.Command {
	g := t.group("tokens", "List, make, rotate and revoke API tokens and client secrets", "list", "show", "create", "create-secret", "rotate", "rename",
		"enable", "disable", "revoke")
	g.AddCommand(t.tokenList(), t.tokenCreate(), t.secretCreate(), t.tokenRotate(),
		t.onCredential(secrets(), leaf{use: "show TOKEN --org ORG", short: "Show a token, by its id; the secret is not kept"}, nil,
			func(_ context.Context, s *session, _ *identity.OrgAdmin, c identity.Credential) error {
				return s.out.one(tokenRow(c))
			}),
		t.rename(secrets()),
		t.credentialState(secrets(), "enable", "Make a disabled token active again", false, (*identity.OrgAdmin).EnableCredential),
		t.credentialState(secrets(), "disable", "Pause a token", false, (*identity.OrgAdmin).DisableCredential),
		t.credentialState(secrets(), "revoke", "End a token for ever", true, (*identity.OrgAdmin).RevokeCredential))
	return g
}

func (t *tool) tokenList() *cobra.Command {
	var of, kind, state string
	cmd := t.inOrg(leaf{use: "list --org ORG [--account ACCOUNT] [--type TYPE] [--state STATE]", short: "List the tokens of an org"},
		func(f *pflag.FlagSet) {
			f.StringVar(&of, "account", "", "only those of this account")
			f.StringVar(&kind, "type", "", "only these: api-token or client-secret")
			f.StringVar(&state, "state", "", "only these: active, disabled, held, revoked, …")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			filter := identity.CredentialFilter{Type: identity.CredentialType(kind), State: identity.CredentialState(state)}
			return secrets().list(ctx, s, in, filter, of)
		})
	complete(cmd, "type", string(identity.APIToken), string(identity.ClientSecret))
	return cmd
}

// secretFlag says where a new secret goes: to Out, or into a file of its own.
type secretFlag struct{ file string }

func (f *secretFlag) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "secret-file", "", "write the secret to this new file, mode 0600, instead of showing it")
}

// give makes a secret and gives it away, this once. Its file is made first, so that
// no secret is lost for want of one.
func (f *secretFlag) give(s *session, make func() (identity.CredentialSecret, error)) (err error) {
	if f.file == "" {
		made, err := make()
		if err != nil {
			return err
		}
		if err := s.out.one(append(tokenRow(made.Credential), field{"secret", made.Secret.Reveal(), false})); err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.Err, "note: the secret is shown this once, and is not kept")
		return err
	}
	file, err := os.OpenFile(f.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	made, err := make()
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(f.file))
	}
	_, err = fmt.Fprintln(file, made.Secret.Reveal())
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("%s was made, and its secret is lost: revoke it: %w", made.ID, err)
	}
	return s.out.one(tokenRow(made.Credential))
}

func (t *tool) tokenCreate() *cobra.Command {
	var spec identity.APITokenSpec
	var validity span
	var path place
	var networks []string
	var secret secretFlag
	return t.onAccount(leaf{use: "create ACCOUNT --org ORG --name TEXT --validity DURATION [--permission PERMISSION]… [--path PATH] [--network CIDR]…",
		short: "Make an API token for an account, and show it once", required: []string{"name", "validity"}},
		func(f *pflag.FlagSet) {
			f.StringVar(&spec.Name, "name", "", "what tells it from others of the account")
			f.Var(&validity, "validity", "how long it is good, like 90d")
			f.StringArrayVar(&spec.Permissions, "permission", nil, "only this, or such as match this pattern; may be repeated")
			f.Var(&path, "path", "only here and below")
			f.StringArrayVar(&networks, "network", nil, "only from here, like 192.0.2.0/24; may be repeated")
			secret.add(f)
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
			if err := s.alone("a token cannot be made, since it begins with what the host chose"); err != nil {
				return err
			}
			for _, text := range networks {
				n, err := netip.ParsePrefix(text)
				if err != nil {
					return &usageError{wrong: fmt.Sprintf("%q is no network", text), typed: "--network 192.0.2.0/24"}
				}
				spec.Networks = append(spec.Networks, n)
			}
			spec.Validity, spec.Path = validity.duration(), path.Path
			return secret.give(s, func() (identity.CredentialSecret, error) { return in.CreateAPIToken(ctx, a.ID, spec) })
		})
}

func (t *tool) secretCreate() *cobra.Command {
	var spec identity.ClientSecretSpec
	var validity span
	var secret secretFlag
	return t.onAccount(leaf{use: "create-secret ACCOUNT --org ORG --validity DURATION [--name TEXT]", short: "Make a client secret for a service account, and show it once",
		required: []string{"validity"}},
		func(f *pflag.FlagSet) {
			f.StringVar(&spec.Name, "name", "", "what to call it")
			f.Var(&validity, "validity", "how long it is good, like 90d")
			secret.add(f)
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
			if err := s.alone("a secret cannot be made, since it begins with what the host chose"); err != nil {
				return err
			}
			spec.Validity = validity.duration()
			return secret.give(s, func() (identity.CredentialSecret, error) { return in.CreateClientSecret(ctx, a.ID, spec) })
		})
}

func (t *tool) tokenRotate() *cobra.Command {
	var grace span
	var secret secretFlag
	return t.onCredential(secrets(), leaf{use: "rotate TOKEN --org ORG [--grace DURATION]", short: "Make a token in the place of another one, and show it once"},
		func(f *pflag.FlagSet) {
			f.Var(&grace, "grace", "how long the old one goes on, like 1d; without it, it is revoked")
			secret.add(f)
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin, c identity.Credential) error {
			if err := s.alone("a token cannot be made, since it begins with what the host chose"); err != nil {
				return err
			}
			return secret.give(s, func() (identity.CredentialSecret, error) { return in.RotateSecret(ctx, c.ID, grace.duration()) })
		})
}
