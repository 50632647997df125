package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func groupRow(g identity.Group) row {
	return append(row{
		{"id", string(g.ID), false}, {"name", g.Name, false}, {"description", g.Description, false}, {"system", g.System, false},
		{"org", string(g.Org), true},
	}, meta(g.Meta)...)
}

func (t *tool) groups() *cobra.Command {
	g := t.group("groups", "List, make, change and fill the groups of an org", "list", "show", "create", "update", "delete", "members", "add", "remove")
	g.AddCommand(t.groupList(), t.groupCreate(), t.groupUpdate(), t.groupMembers(),
		t.onGroup(leaf{use: "show GROUP --org ORG", short: "Show a group, by its name or id, and how much is in it"}, nil,
			func(ctx context.Context, s *session, in *identity.OrgAdmin, g identity.Group) error {
				size, err := in.GroupSize(ctx, g.ID)
				if err != nil {
					return err
				}
				return s.out.one(append(groupRow(g), field{"members", size.Members, false}, field{"accounts", size.Accounts, false}))
			}),
		t.onGroup(leaf{use: "delete GROUP --org ORG", short: "Delete an empty group that nothing uses; its name stays taken", final: true}, nil,
			func(ctx context.Context, s *session, in *identity.OrgAdmin, g identity.Group) error {
				return s.changed(string(g.ID), true, in.DeleteGroup(ctx, g.ID, identity.IfUnused))
			}),
		t.groupMember("add", "Put an account or a group into a group", (*identity.OrgAdmin).AddMember),
		t.groupMember("remove", "Take an account or a group out of a group", (*identity.OrgAdmin).RemoveMember))
	return g
}

func (t *tool) groupList() *cobra.Command {
	var prefix string
	return t.inOrg(leaf{use: "list --org ORG [--name-prefix TEXT]", short: "List the groups of an org"},
		func(f *pflag.FlagSet) {
			f.StringVar(&prefix, "name-prefix", "", "only those whose name begins so")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			return s.out.list(groupRow(identity.Group{}), rowsOf(in.AllGroups(ctx, identity.GroupFilter{NamePrefix: prefix}), groupRow))
		})
}

func (t *tool) groupCreate() *cobra.Command {
	var spec identity.GroupSpec
	return t.inOrg(leaf{use: "create NAME --org ORG [--description TEXT]", short: "Make an empty group", args: 1},
		func(f *pflag.FlagSet) {
			f.StringVar(&spec.Description, "description", "", "free text")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			spec.Name = s.args[0]
			made, err := in.CreateGroup(ctx, spec)
			if err != nil {
				return err
			}
			return s.out.one(groupRow(made.Group))
		})
}

// onGroup makes a command about one group, which it finds by its first argument.
func (t *tool) onGroup(l leaf, flags func(*pflag.FlagSet), run func(context.Context, *session, *identity.OrgAdmin, identity.Group) error) *cobra.Command {
	return onOne(t, l, flags, group, run)
}

func (t *tool) groupUpdate() *cobra.Command {
	var name, description string
	var set *pflag.FlagSet
	return t.onGroup(leaf{use: "update GROUP --org ORG [--name TEXT] [--description TEXT]", short: "Change what describes a group"},
		func(f *pflag.FlagSet) {
			set = f
			f.StringVar(&name, "name", "", "what to call it")
			f.StringVar(&description, "description", "", "free text")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin, g identity.Group) error {
			var patch identity.GroupPatch
			if set.Changed("name") {
				patch.Name = &name
			}
			if set.Changed("description") {
				patch.Description = &description
			}
			g, err := in.UpdateGroup(ctx, g.ID, patch)
			if err != nil {
				return err
			}
			return s.out.one(groupRow(g))
		})
}

// membership is what is in a group, with its name.
type membership struct {
	identity.Member
	name string
}

func memberRow(m membership) row {
	return row{
		{"member", string(m.Member.Member), false}, {"name", m.name, false}, {"group", string(m.Group), true}, {"org", string(m.Org), true},
		{"created_at", m.CreatedAt, true}, {"created_by", m.CreatedBy, true}, {"revision", m.Revision, true},
	}
}

func (t *tool) groupMembers() *cobra.Command {
	return t.onGroup(leaf{use: "members GROUP --org ORG", short: "List what is directly in a group",
		long: "List what is directly in a group. The groups that come with an org list nobody: they hold every account of their kind."}, nil,
		func(ctx context.Context, s *session, in *identity.OrgAdmin, g identity.Group) error {
			name := names(ctx, in)
			return s.out.list(memberRow(membership{}), func(yield func(row, error) bool) {
				for m, err := range in.AllMembers(ctx, g.ID) {
					if err != nil {
						yield(nil, err)
						return
					}
					if !yield(memberRow(membership{m, name(string(m.Member))}), nil) {
						return
					}
				}
			})
		})
}

func (t *tool) groupMember(verb, short string, call func(*identity.OrgAdmin, context.Context, identity.GroupID, identity.SubjectID) (bool, error)) *cobra.Command {
	return t.onGroup(leaf{use: verb + " GROUP SUBJECT --org ORG", short: short, args: 2,
		long: short + ". The subject is the id, e-mail address or name of an account, or group:NAME."}, nil,
		func(ctx context.Context, s *session, in *identity.OrgAdmin, g identity.Group) error {
			member, err := subject(ctx, in, s.args[1])
			if err != nil {
				return err
			}
			did, err := call(in, ctx, g.ID, member)
			return s.changed(string(g.ID), did, err)
		})
}
