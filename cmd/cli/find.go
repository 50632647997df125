package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

// orgFlag names the org that a command is about.
type orgFlag string

func (f *orgFlag) add(flags *pflag.FlagSet) {
	flags.StringVar((*string)(f), "org", "", "slug or id of the org")
}

// org finds an org by its id or its slug.
func (s *session) org(ctx context.Context, ref string) (identity.Org, error) {
	if id, err := identity.ParseID[identity.Org](ref); err == nil {
		return s.sys.Org(ctx, id)
	}
	return s.sys.OrgBySlug(ctx, ref)
}

// account finds an account by its id, or by its name: of a user the e-mail
// address.
func account(ctx context.Context, in *identity.OrgAdmin, ref string) (identity.Account, error) {
	if id, err := identity.ParseID[identity.Account](ref); err == nil {
		return in.Account(ctx, id)
	}
	f := identity.AccountFilter{Kind: identity.ServiceAccount, NamePrefix: ref}
	if strings.Contains(ref, "@") {
		f.Kind, f.NamePrefix = identity.User, strings.ToLower(ref)
	}
	for a, err := range in.AllAccounts(ctx, f) {
		if err != nil {
			return identity.Account{}, err
		}
		if a.Name == f.NamePrefix {
			return a, nil
		}
	}
	return identity.Account{}, &identity.Error{Kind: identity.ErrNotFound, Entity: "account", ID: ref}
}

// subject finds an account, or a group by its id or as "group:" and its name.
func subject(ctx context.Context, in *identity.OrgAdmin, ref string) (identity.SubjectID, error) {
	if id, err := identity.ParseID[identity.Group](ref); err == nil {
		return identity.SubjectID(id), nil
	}
	name, named := strings.CutPrefix(ref, "group:")
	if !named {
		a, err := account(ctx, in, ref)
		return identity.SubjectID(a.ID), err
	}
	g, err := groupNamed(ctx, in, name)
	return identity.SubjectID(g.ID), err
}

// group finds a group by its id or its name.
func group(ctx context.Context, in *identity.OrgAdmin, ref string) (identity.Group, error) {
	if id, err := identity.ParseID[identity.Group](ref); err == nil {
		return in.Group(ctx, id)
	}
	return groupNamed(ctx, in, ref)
}

func groupNamed(ctx context.Context, in *identity.OrgAdmin, name string) (identity.Group, error) {
	for g, err := range in.AllGroups(ctx, identity.GroupFilter{NamePrefix: name}) {
		if err != nil {
			return identity.Group{}, err
		}
		if g.Name == name {
			return g, nil
		}
	}
	return identity.Group{}, &identity.Error{Kind: identity.ErrNotFound, Entity: "group", ID: name}
}

// role finds a stored role by its id or its name.
func role(ctx context.Context, in *identity.OrgAdmin, ref string) (identity.Role, error) {
	if id, err := identity.ParseID[identity.Role](ref); err == nil {
		return in.Role(ctx, id)
	}
	for r, err := range in.AllRoles(ctx, identity.RoleFilter{NamePrefix: ref}) {
		if err != nil {
			return identity.Role{}, err
		}
		if r.Name == ref {
			return r, nil
		}
	}
	return identity.Role{}, &identity.Error{Kind: identity.ErrNotFound, Entity: "role", ID: ref}
}

// names gives the names of what an explanation speaks of.
func names(ctx context.Context, in *identity.OrgAdmin) func(id string) string {
	known := map[string]string{}
	return func(id string) string {
		if name, ok := known[id]; ok {
			return name
		}
		name := "" // which leaves the id
		switch prefix, _, _ := strings.Cut(id, "_"); prefix {
		case "us", "sa":
			if a, err := in.Account(ctx, identity.AccountID(id)); err == nil {
				name = a.Name
			}
		case "gr":
			if g, err := in.Group(ctx, identity.GroupID(id)); err == nil {
				name = "group " + g.Name
			}
		case "ro":
			if r, err := in.Role(ctx, identity.RoleID(id)); err == nil {
				name = r.Name
			}
		}
		known[id] = name
		return name
	}
}

// roleRef names a role as bindings do; code roles need not be known here.
func roleRef(ctx context.Context, in *identity.OrgAdmin, ref string) (identity.RoleRef, error) {
	if strings.HasPrefix(ref, "code:") {
		return identity.RoleRef(ref), nil
	}
	r, err := role(ctx, in, ref)
	return identity.RoleRef(r.ID), err
}

// inOrg makes a command about one org, which --org names.
func (t *tool) inOrg(l leaf, flags func(*pflag.FlagSet), run func(context.Context, *session, *identity.OrgAdmin) error) *cobra.Command {
	var org orgFlag
	l.required = append([]string{"org"}, l.required...)
	l.flags = func(f *pflag.FlagSet) {
		org.add(f)
		if flags != nil {
			flags(f)
		}
	}
	l.run = func(ctx context.Context, s *session) error {
		found, err := s.org(ctx, string(org))
		if err != nil {
			return err
		}
		return run(ctx, s, s.sys.In(found.ID))
	}
	return t.command(l)
}

// onOne makes a command about one thing of an org, which it finds by its first
// argument.
func onOne[T any](t *tool, l leaf, flags func(*pflag.FlagSet), find func(context.Context, *identity.OrgAdmin, string) (T, error),
	run func(context.Context, *session, *identity.OrgAdmin, T) error,
) *cobra.Command {
	l.args = max(l.args, 1)
	return t.inOrg(l, flags, func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
		found, err := find(ctx, in, s.args[0])
		if err != nil {
			return err
		}
		return run(ctx, s, in, found)
	})
}
