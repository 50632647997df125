package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func (t *tool) keyRotate() *cobra.Command {
	var file, name string
	var grace span
	return t.onCredential(publicKeys(), leaf{use: "rotate KEY --org ORG --public-key FILE|- [--grace DURATION] [--name TEXT]",
		short: "Register a key in the place of another one", required: []string{"public-key"}},
		func(f *pflag.FlagSet) {
			f.StringVar(&file, "public-key", "", "PEM file of the new public key; - is the standard input")
			f.Var(&grace, "grace", "how long the old one goes on, like 7d; without it, it is revoked")
			f.StringVar(&name, "name", "", "what to call it; default as the old one")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin, c identity.Credential) error {
			pem, err := s.pem(file)
			if err != nil {
				return err
			}
			spec := identity.PublicKeySpec{Name: name, UnprovenPublicKey: pem}
			if name == "" {
				spec.Name = c.Name
			}
			made, err := in.RotatePublicKey(ctx, c.ID, spec, grace.duration())
			if err != nil {
				return err
			}
			return s.out.one(keyRow(made))
		})
}
