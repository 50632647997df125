// Command onetx keeps a host's own table and its identity data in one database file, and changes both in one transaction: a project
// and the binding that makes somebody its owner are there together, or neither is.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite" // also registers the driver that the host uses here
	"github.com/claviger-go/claviger/token"
)

func main() { run(context.Background(), os.Stdout) }

// app is a host with one table of its own.
type app struct {
	id  *identity.Authority
	db  *sql.DB
	org identity.OrgID
}

// errQuota is a reason of the host's own to change its mind.
var errQuota = errors.New("two projects are enough")

// createProject inserts the row and grants its owner the project. Whatever fails, the database is as it was.
func (a app) createProject(ctx context.Context, name string, owner identity.AccountID) error {
	return a.id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
		if _, err := tx.SQL().ExecContext(ctx, "INSERT INTO project (org, name) VALUES (?, ?)", string(a.org), name); err != nil {
			return err
		}
		scope, err := policy.NewPath("projects", name)
		if err != nil {
			return err
		}
		_, err = tx.System("project created").In(a.org).CreateBinding(ctx, identity.BindingSpec{
			Subject: identity.SubjectID(owner), Role: "project-owner", Scope: scope,
		})
		if err != nil {
			return err
		}
		var n int
		if err := tx.SQL().QueryRowContext(ctx, "SELECT count(*) FROM project WHERE org = ?", string(a.org)).Scan(&n); err != nil {
			return err
		}
		if n > 2 {
			return errQuota
		}
		return nil
	})
}

// count is what both sides hold.
func (a app) count(ctx context.Context, owner identity.AccountID) (projects, bindings int) {
	check(a.db.QueryRowContext(ctx, "SELECT count(*) FROM project").Scan(&projects))
	for _, err := range a.id.System("count").In(a.org).AllBindings(ctx, identity.BindingFilter{Subject: identity.SubjectID(owner)}) {
		check(err)
		bindings++
	}
	return projects, bindings
}

func run(ctx context.Context, out io.Writer) {
	dir := must(os.MkdirTemp("", "onetx-"))
	defer func() { check(os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "app.db")
	id := must(identity.New(ctx, must(sqlite.Open(ctx, path)), identity.Config{
		Issuer:      "https://app.example",
		Seal:        token.SealFile(filepath.Join(dir, "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "projects:read"}, {Name: "projects:write"}},
		Roles:       []identity.CodeRole{{Name: "project-owner", Permissions: []string{"projects:*"}}},
	}))
	defer func() { check(id.Close()) }()
	db := must(sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"))
	defer func() { check(db.Close()) }()
	must(db.ExecContext(ctx, "CREATE TABLE project (org TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (org, name)) STRICT"))

	a := app{id: id, db: db, org: must(id.System("example").EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})).ID}
	ann := must(id.System("example").In(a.org).CreateUser(ctx, identity.UserSpec{Email: "ann@acme.example"})).ID
	nobody := identity.AccountID("us_nobody")

	for _, step := range []struct {
		what, name string
		owner      identity.AccountID
	}{
		{"a project", "apollo", ann},
		{"the same name again", "apollo", ann},
		{"an owner who does not exist", "zeus", nobody},
		{"another project", "hermes", ann},
		{"one too many", "athena", ann},
	} {
		done := "done"
		if err := a.createProject(ctx, step.name, step.owner); err != nil {
			done = "refused"
		}
		projects, bindings := a.count(ctx, ann)
		fmt.Fprintf(out, "%-28s %-8s projects %d, bindings %d\n", step.what, done, projects, bindings)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
