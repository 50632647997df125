package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func keyRow(c identity.Credential) row {
	return append(row{
		{"id", string(c.ID), false}, {"account", string(c.Account), false}, {"name", c.Name, false}, {"state", string(c.State), false},
		{"valid_until", c.ValidUntil, false}, {"thumbprint", c.Thumbprint, false}, {"proven", c.Proven, true}, {"ends_at", c.EndsAt, true},
		{"org", string(c.Org), true},
	}, meta(c.Meta)...)
}

func (t *tool) keys() *cobra.Command {
	g := t.group("keys", "List, add, rotate and revoke the public keys of accounts", "list", "show", "add", "rotate", "rename", "enable", "disable", "revoke")
	g.AddCommand(t.keyList(), t.keyAdd(), t.keyRotate(),
		t.onCredential(publicKeys(), leaf{use: "show KEY --org ORG", short: "Show a key, by its id"}, nil,
			func(_ context.Context, s *session, _ *identity.OrgAdmin, c identity.Credential) error {
				return s.out.one(keyRow(c))
			}),
		t.rename(publicKeys()),
		t.credentialState(publicKeys(), "enable", "Make a disabled key active again", false, (*identity.OrgAdmin).EnableCredential),
		t.credentialState(publicKeys(), "disable", "Pause a key, and refuse every token issued through it", false, (*identity.OrgAdmin).DisableCredential),
		t.credentialState(publicKeys(), "revoke", "End a key for ever, and every token issued through it", true, (*identity.OrgAdmin).RevokeCredential))
	return g
}

// publicKeys are the credentials of these commands.
func publicKeys() material {
	return material{noun: "key", arg: "KEY", row: keyRow, holds: func(c identity.Credential) bool { return c.Type == identity.PublicKey }}
}

func (t *tool) keyList() *cobra.Command {
	var of, state string
	return t.inOrg(leaf{use: "list --org ORG [--account ACCOUNT] [--state STATE]", short: "List the keys of an org"},
		func(f *pflag.FlagSet) {
			f.StringVar(&of, "account", "", "only those of this account")
			f.StringVar(&state, "state", "", "only these: active, disabled, revoked, …")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			return publicKeys().list(ctx, s, in, identity.CredentialFilter{State: identity.CredentialState(state)}, of)
		})
}

func (t *tool) keyAdd() *cobra.Command {
	var name, file string
	var validity span
	return t.onAccount(leaf{use: "add ACCOUNT --org ORG --public-key FILE|- [--name TEXT] [--validity DURATION]",
		short: "Register a public key, on the word of whoever types this", required: []string{"public-key"}},
		func(f *pflag.FlagSet) {
			f.StringVar(&file, "public-key", "", "PEM file of the public key; - is the standard input")
			f.StringVar(&name, "name", "", "what to call it")
			f.Var(&validity, "validity", "how long it is good, like 90d; default as long as the account")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin, a identity.Account) error {
			pem, err := s.pem(file)
			if err != nil {
				return err
			}
			made, err := in.AddPublicKey(ctx, a.ID, identity.PublicKeySpec{Name: name, UnprovenPublicKey: pem, Validity: validity.duration()})
			if err != nil {
				return err
			}
			return s.out.one(keyRow(made))
		})
}
