package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

// material is the credentials that a group of commands is about. What it does not
// hold is not there, as far as its commands can tell.
type material struct {
	noun  string // in texts
	arg   string // in lines to type
	row   func(identity.Credential) row
	holds func(identity.Credential) bool
}

// list prints those that a filter selects, and only those of one account if it is
// named.
func (m material) list(ctx context.Context, s *session, in *identity.OrgAdmin, filter identity.CredentialFilter, of string) error {
	if of != "" {
		a, err := account(ctx, in, of)
		if err != nil {
			return err
		}
		filter.Account = a.ID
	}
	found := func(yield func(identity.Credential, error) bool) {
		for c, err := range in.AllCredentials(ctx, filter) {
			if (err != nil || m.holds(c)) && !yield(c, err) {
				return
			}
		}
	}
	return s.out.list(m.row(identity.Credential{}), rowsOf(found, m.row))
}

// onCredential makes a command about one credential, which it finds by its id.
func (t *tool) onCredential(m material, l leaf, flags func(*pflag.FlagSet), run func(context.Context, *session, *identity.OrgAdmin, identity.Credential) error) *cobra.Command {
	return onOne(t, l, flags, func(ctx context.Context, in *identity.OrgAdmin, ref string) (identity.Credential, error) {
		c, err := in.Credential(ctx, identity.CredentialID(ref))
		if err == nil && !m.holds(c) {
			err = &identity.Error{Kind: identity.ErrNotFound, Entity: m.noun, ID: ref}
		}
		return c, err
	}, run)
}

func (t *tool) rename(m material) *cobra.Command {
	var name string
	return t.onCredential(m, leaf{use: "rename " + m.arg + " --org ORG --name TEXT", short: "Change what a " + m.noun + " is called", required: []string{"name"}},
		func(f *pflag.FlagSet) { f.StringVar(&name, "name", "", "what to call it") },
		func(ctx context.Context, s *session, in *identity.OrgAdmin, c identity.Credential) error {
			c, err := in.RenameCredential(ctx, c.ID, name)
			if err != nil {
				return err
			}
			return s.out.one(m.row(c))
		})
}

func (t *tool) credentialState(m material, verb, short string, final bool, call func(*identity.OrgAdmin, context.Context, identity.CredentialID) (bool, error)) *cobra.Command {
	return t.onCredential(m, leaf{use: verb + " " + m.arg + " --org ORG", short: short, final: final}, nil,
		func(ctx context.Context, s *session, in *identity.OrgAdmin, c identity.Credential) error {
			did, err := call(in, ctx, c.ID)
			return s.changed(string(c.ID), did, err)
		})
}
