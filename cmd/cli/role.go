package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func roleRow(r identity.Role) row {
	return append(row{
		{"id", string(r.ID), false}, {"name", r.Name, false}, {"state", string(r.State), false}, {"permissions", r.Permissions, false},
		{"exclusions", r.Exclusions, true}, {"includes", texts(r.Includes), true}, {"resource_types", r.ResourceTypes, true},
		{"display_name", r.DisplayName, true}, {"description", r.Description, true}, {"org", string(r.Org), true},
	}, meta(r.Meta)...)
}

func (t *tool) roles() *cobra.Command {
	g := t.group("roles", "List, make, change and delete the roles of an org", "list", "show", "use", "create", "update", "archive",
		"unarchive", "delete")
	g.AddCommand(t.roleList(), t.roleUse(), t.roleCreate(), t.roleUpdate(),
		t.onRole(leaf{use: "show ROLE --org ORG", short: "Show a role, by its name or id"}, nil,
			func(_ context.Context, s *session, _ *identity.OrgAdmin, r identity.Role) error {
				return s.out.one(roleRow(r))
			}),
		t.roleState("archive", "Take a role out of use", (*identity.OrgAdmin).ArchiveRole),
		t.roleState("unarchive", "Take a role into use again", (*identity.OrgAdmin).UnarchiveRole),
		t.onRole(leaf{use: "delete ROLE --org ORG", short: "Delete a role that nothing uses; its name stays taken", final: true}, nil,
			func(ctx context.Context, s *session, in *identity.OrgAdmin, r identity.Role) error {
				return s.changed(string(r.ID), true, in.DeleteRole(ctx, r.ID, identity.IfUnused))
			}))
	return g
}

func (t *tool) roleList() *cobra.Command {
	var state string
	cmd := t.inOrg(leaf{use: "list --org ORG [--state STATE]", short: "List the stored roles of an org"},
		func(f *pflag.FlagSet) {
			f.StringVar(&state, "state", "", "only these: active or archived")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			found := in.AllRoles(ctx, identity.RoleFilter{State: identity.RoleState(state)})
			return s.out.list(roleRow(identity.Role{}), rowsOf(found, roleRow))
		})
	complete(cmd, "state", string(identity.RoleActive), string(identity.RoleArchived))
	return cmd
}

// onRole makes a command about one stored role, which it finds.
func (t *tool) onRole(l leaf, flags func(*pflag.FlagSet), run func(context.Context, *session, *identity.OrgAdmin, identity.Role) error) *cobra.Command {
	return onOne(t, l, flags, role, run)
}

func (t *tool) roleState(verb, short string, call func(*identity.OrgAdmin, context.Context, identity.RoleID) (bool, error)) *cobra.Command {
	return t.onRole(leaf{use: verb + " ROLE --org ORG", short: short}, nil,
		func(ctx context.Context, s *session, in *identity.OrgAdmin, r identity.Role) error {
			did, err := call(in, ctx, r.ID)
			return s.changed(string(r.ID), did, err)
		})
}

// roleLists are the flags of what a role contains.
type roleLists struct{ permissions, exclusions, includes, types []string }

func (l *roleLists) add(f *pflag.FlagSet) {
	f.StringArrayVar(&l.permissions, "permission", nil, "a permission or a pattern; may be repeated")
	f.StringArrayVar(&l.exclusions, "exclude", nil, "what is taken away from this role only; may be repeated")
	f.StringArrayVar(&l.includes, "include", nil, "another role that it has the contents of; may be repeated")
	f.StringArrayVar(&l.types, "resource-type", nil, "bound at such resources only; may be repeated")
}

func (t *tool) roleCreate() *cobra.Command {
	var lists roleLists
	var spec identity.RoleSpec
	return t.inOrg(leaf{use: "create NAME --org ORG [--permission PERMISSION]… [--include ROLE]…", short: "Make a role", args: 1},
		func(f *pflag.FlagSet) {
			lists.add(f)
			f.StringVar(&spec.DisplayName, "display-name", "", "what people read")
			f.StringVar(&spec.Description, "description", "", "free text")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			if err := s.alone("a role cannot be made"); err != nil {
				return err
			}
			spec.Name, spec.Permissions, spec.Exclusions = s.args[0], lists.permissions, lists.exclusions
			spec.Includes, spec.ResourceTypes = lists.includes, lists.types
			made, err := in.CreateRole(ctx, spec)
			if err != nil {
				return err
			}
			return s.out.one(roleRow(made.Role))
		})
}

func (t *tool) roleUpdate() *cobra.Command {
	var lists roleLists
	var name, description string
	var set *pflag.FlagSet
	return t.onRole(leaf{use: "update ROLE --org ORG [--permission PERMISSION]… [--include ROLE]…", short: "Change a role; a list that is given replaces the old one"},
		func(f *pflag.FlagSet) {
			set = f
			lists.add(f)
			f.StringVar(&name, "display-name", "", "what people read")
			f.StringVar(&description, "description", "", "free text")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin, r identity.Role) error {
			if err := s.alone("a role cannot be changed"); err != nil {
				return err
			}
			var patch identity.RolePatch
			for _, l := range []struct {
				flag  string
				field **[]string
				value *[]string
			}{
				{"permission", &patch.Permissions, &lists.permissions}, {"exclude", &patch.Exclusions, &lists.exclusions},
				{"include", &patch.Includes, &lists.includes}, {"resource-type", &patch.ResourceTypes, &lists.types},
			} {
				if set.Changed(l.flag) {
					*l.field = l.value
				}
			}
			if set.Changed("display-name") {
				patch.DisplayName = &name
			}
			if set.Changed("description") {
				patch.Description = &description
			}
			r, err := in.UpdateRole(ctx, r.ID, patch)
			if err != nil {
				return err
			}
			return s.out.one(roleRow(r))
		})
}
