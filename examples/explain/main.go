// Command explain answers, on the terminal, the questions that people ask about rights: why may she do that, why may he not, what
// would have to change, what may they do here, and who may do this at all.
//
//	explain                                   the questions of a small company
//	explain bob wallets:delete projects/p1    one of your own
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

func main() { run(context.Background(), os.Stdout, os.Args[1:]) }

// company is an org, with what its people call things.
type company struct {
	in    *identity.OrgAdmin
	ids   map[string]string // by name
	names map[string]string // by id
}

func (c *company) call(id, name string) string {
	c.ids[name], c.names[id] = id, name
	return id
}

func run(ctx context.Context, out io.Writer, args []string) {
	questions := [][]string{
		{"ann", "wallets:create", "projects/p1/wallets/w1"}, // through a group
		{"bob", "wallets:delete", "projects/p1"},            // excluded, not yet begun, denied
		{"ci", "keys:use", "projects/p2"},                   // cut down by a boundary
		{"dora", "wallets:read", "/"},                       // out of use
		{"ann", "wallet:raed", "/"},                         // a slip
	}
	if len(args) == 3 {
		questions = [][]string{args}
	}
	dir := must(os.MkdirTemp("", "explain-"))
	defer func() { check(os.RemoveAll(dir)) }()
	id := must(identity.New(ctx, must(sqlite.Open(ctx, filepath.Join(dir, "app.db"))), identity.Config{
		Issuer:      "https://app.example",
		Seal:        token.SealFile(filepath.Join(dir, "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "wallets:read"}, {Name: "wallets:create"}, {Name: "wallets:delete"}, {Name: "keys:use"}},
		Roles: []identity.CodeRole{
			{Name: "viewer", Permissions: []string{"wallets:read"}},
			{Name: "editor", Permissions: []string{"wallets:*"}, Includes: []string{"viewer"}, Exclusions: []string{"wallets:delete"}},
			{Name: "admin", Permissions: []string{"*"}},
		},
	}))
	defer func() { check(id.Close()) }()
	c := &company{ids: map[string]string{}, names: map[string]string{}}
	c.in = id.System("explain").In(must(id.System("explain").EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})).ID)
	c.fill(ctx)

	for _, q := range questions {
		fmt.Fprintf(out, "%s\n\n", c.explain(ctx, q[0], q[1], q[2]))
	}
	c.who(ctx, out)
}

// fill makes the people of the company, and gives them what they have.
func (c *company) fill(ctx context.Context) {
	for _, name := range []string{"ann", "bob", "dora"} {
		c.call(must(c.in.CreateUser(ctx, identity.UserSpec{Email: name + "@acme.example"})).ID.String(), name)
	}
	c.call(must(c.in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: "ci", Boundary: "viewer"})).ID.String(), "ci")
	for _, g := range [][]string{{"payments", "ann"}, {"oncall", "bob"}} {
		group := must(c.in.CreateGroup(ctx, identity.GroupSpec{Name: g[0]})).ID
		c.call(group.String(), g[0])
		must(c.in.AddMember(ctx, group, identity.SubjectID(c.ids[g[1]])))
	}
	p1, later := must(policy.NewPath("projects", "p1")), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	bind := func(name, subject, role string, spec identity.BindingSpec) {
		spec.Subject, spec.Role = identity.SubjectID(c.ids[subject]), role
		c.call(must(c.in.CreateBinding(ctx, spec)).ID.String(), name)
	}
	bind("payments-edits", "payments", "editor", identity.BindingSpec{Scope: p1})
	bind("bob-edits", "bob", "editor", identity.BindingSpec{Scope: policy.Root})
	bind("oncall-later", "oncall", "admin", identity.BindingSpec{Scope: policy.Root, Start: later})
	bind("p1-is-frozen", "oncall", "admin", identity.BindingSpec{Scope: p1, Deny: true})
	bind("ci-administers", "ci", "admin", identity.BindingSpec{Scope: policy.Root})
	must(c.in.DeactivateAccount(ctx, identity.AccountID(c.ids["dora"])))
}

// explain asks why, or why not.
func (c *company) explain(ctx context.Context, account, permission, path string) string {
	e := must(c.in.Explain(ctx, identity.AccountRequest{
		Account: identity.AccountID(c.ids[account]), Permission: must(policy.ParsePermission(permission)), Path: must(policy.ParsePath(path)),
	}))
	return e.Text(func(id string) string { return c.names[id] })
}

// who tells who may do each thing in a project, and what each of these may do there.
func (c *company) who(ctx context.Context, out io.Writer) {
	p1, seen := must(policy.NewPath("projects", "p1")), []identity.AccountID{}
	for _, permission := range []string{"wallets:read", "wallets:delete"} {
		fmt.Fprintf(out, "who may use %s at %s:\n", permission, p1)
		nobody := "  nobody\n"
		for h, err := range c.in.WhoCan(ctx, identity.WhoCanRequest{Permission: must(policy.ParsePermission(permission)), Path: p1}) {
			check(err)
			via := ""
			nobody = ""
			for _, g := range h.Via {
				via += ", through " + c.names[g.String()]
			}
			fmt.Fprintf(out, "  %-5s by %s%s\n", c.names[h.Account.String()], c.names[h.Binding.String()], via)
			if !slices.Contains(seen, h.Account) {
				seen = append(seen, h.Account)
			}
		}
		fmt.Fprint(out, nobody)
	}
	for _, account := range seen {
		held := must(c.in.PermissionsOn(ctx, identity.AccountRequest{Account: account, Path: p1}))
		fmt.Fprintf(out, "what %s may do there: %s\n", c.names[account.String()], strings.Join(held.Names(), " "))
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

// check ends the program on an error; a real host returns it.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "explain:", err)
		os.Exit(1)
	}
}
