package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/claviger-go/claviger/identity"
)

func bindingRow(b identity.Binding) row {
	return append(row{
		{"id", string(b.ID), false}, {"effect", effectText(b.Effect), false}, {"subject", string(b.Subject), false}, {"role", string(b.Role), false},
		{"scope", b.Scope.String(), false}, {"start", b.Start, false}, {"end", b.End, false}, {"condition", b.Condition, true},
		{"reach", string(b.Reach), true}, {"reason", b.Reason, true}, {"immutable", b.Immutable, true}, {"org", string(b.Org), true},
	}, meta(b.Meta)...)
}

func (t *tool) bindings() *cobra.Command {
	g := t.group("bindings", "List, make and delete bindings", "list", "over", "show", "create", "delete")
	g.AddCommand(t.bindingList(), t.bindingOver(), t.bindingCreate(),
		t.onBinding(leaf{use: "show BINDING --org ORG", short: "Show a binding, by its id"},
			func(ctx context.Context, s *session, in *identity.OrgAdmin, id identity.BindingID) error {
				b, err := in.Binding(ctx, id)
				if err != nil {
					return err
				}
				return s.out.one(bindingRow(b))
			}),
		t.onBinding(leaf{use: "delete BINDING --org ORG", short: "Delete a binding", final: true},
			func(ctx context.Context, s *session, in *identity.OrgAdmin, id identity.BindingID) error {
				return s.changed(string(id), true, in.DeleteBinding(ctx, id))
			}))
	return g
}

func (t *tool) onBinding(l leaf, run func(context.Context, *session, *identity.OrgAdmin, identity.BindingID) error) *cobra.Command {
	l.args = 1
	return t.inOrg(l, nil, func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
		return run(ctx, s, in, identity.BindingID(s.args[0]))
	})
}

func (t *tool) bindingList() *cobra.Command {
	var who, what string
	var scope place
	return t.inOrg(leaf{use: "list --org ORG [--subject SUBJECT] [--role ROLE] [--scope PATH]", short: "List the bindings of an org"},
		func(f *pflag.FlagSet) {
			f.StringVar(&who, "subject", "", "only those of this account, or of group:NAME")
			f.StringVar(&what, "role", "", "only those of this role: code:NAME, or the id or name of a stored one")
			f.Var(&scope, "scope", "only those made exactly here")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			var err error
			filter := identity.BindingFilter{Scope: scope.Path}
			if who != "" {
				if filter.Subject, err = subject(ctx, in, who); err != nil {
					return err
				}
			}
			if what != "" {
				if filter.Role, err = roleRef(ctx, in, what); err != nil {
					return err
				}
			}
			return s.out.list(bindingRow(identity.Binding{}), rowsOf(in.AllBindings(ctx, filter), bindingRow))
		})
}

func (t *tool) bindingOver() *cobra.Command {
	return t.inOrg(leaf{use: "over PATH --org ORG", short: "List the bindings that cover a path: those at it, then those above it", args: 1}, nil,
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			at, err := pathArg(s.args[0])
			if err != nil {
				return err
			}
			return s.out.list(bindingRow(identity.Binding{}), rowsOf(in.BindingsOver(ctx, at), bindingRow))
		})
}

func (t *tool) bindingCreate() *cobra.Command {
	var who string
	var spec identity.BindingSpec
	var scope place
	var start, end moment
	return t.inOrg(leaf{use: "create --org ORG --subject SUBJECT --role ROLE --scope PATH [--deny] [--start TIME] [--end TIME]",
		short: "Give a role to an account or a group, or deny it", required: []string{"subject", "role", "scope"}},
		func(f *pflag.FlagSet) {
			f.StringVar(&who, "subject", "", "id, e-mail address or name of an account, or group:NAME")
			f.StringVar(&spec.Role, "role", "", "name or id of a role")
			f.Var(&scope, "scope", "this and everything under it; / is the whole org")
			f.BoolVar(&spec.Deny, "deny", false, "deny the role instead of giving it")
			f.Var(&start, "start", "not before this (RFC 3339)")
			f.Var(&end, "end", "until this (RFC 3339)")
			f.StringVar((*string)(&spec.Reach), "reach", "", "of the system org: the id of the org it covers, or *")
			f.StringVar(&spec.Condition, "condition", "", "in the language of the host")
			f.BoolVar(&spec.Immutable, "immutable", false, "only the host can delete it")
		},
		func(ctx context.Context, s *session, in *identity.OrgAdmin) error {
			given, err := subject(ctx, in, who)
			if err != nil {
				return err
			}
			spec.Subject, spec.Scope, spec.Start, spec.End, spec.Reason = given, scope.Path, start.Time, end.Time, s.reason
			made, err := in.CreateBinding(ctx, spec)
			if err != nil {
				return err
			}
			return s.out.one(bindingRow(made.Binding))
		})
}
