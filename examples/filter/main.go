// Command filter lists a host's own table for several people, each of whom sees the rows that they may read: the rights become a
// condition of the SELECT, so the database sorts, counts and pages what is left, and no row is fetched to be thrown away.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite" // also registers the driver that the host uses here
	"github.com/claviger-go/claviger/token"
)

func main() { run(context.Background(), os.Stdout) }

// documents is the host's own. The path of a row is projects/<project>/documents/<id>.
const documents = `CREATE TABLE document (org TEXT NOT NULL, project TEXT NOT NULL, id TEXT NOT NULL, title TEXT NOT NULL, PRIMARY KEY (org, project, id))`

// columns tells the filter so.
var columns = policy.Columns{Segments: []policy.Segment{{Type: "projects", Column: "project"}, {Type: "documents", Column: "id"}}}

type document struct{ project, id, title string }

func run(ctx context.Context, out io.Writer) {
	dir := must(os.MkdirTemp("", "filter-"))
	defer func() { check(os.RemoveAll(dir)) }()
	id := must(identity.New(ctx, must(sqlite.Open(ctx, filepath.Join(dir, "identity.db"))), identity.Config{
		Issuer:      "https://app.example",
		Seal:        token.SealFile(filepath.Join(dir, "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "documents:read"}, {Name: "documents:write"}},
		Roles: []identity.CodeRole{
			{Name: "reader", Permissions: []string{"documents:read"}},
			{Name: "editor", Permissions: []string{"documents:*"}},
		},
	}))
	defer func() { check(id.Close()) }()
	host := must(sql.Open("sqlite", "file:"+filepath.Join(dir, "host.db")))
	defer func() { check(host.Close()) }()

	org := must(id.System("example").EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})).ID
	rows := []document{
		{"apollo", "plan", "Plan"}, {"apollo", "salaries", "Salaries"}, {"apollo", "minutes", "Minutes"},
		{"apollo-2", "plan", "Plan of the sequel"}, {"zeus", "plan", "Plan for Zeus"}, {"zeus", "100%", "Results"},
	}
	must(host.ExecContext(ctx, documents))
	for _, d := range rows {
		must(host.ExecContext(ctx, "INSERT INTO document VALUES (?, ?, ?, ?)", string(org), d.project, d.id, d.title))
	}

	in := id.System("example").In(org)
	project := func(name string) policy.Path { return must(policy.NewPath("projects", name)) }
	give := func(who identity.AccountID, role string, scope policy.Path, deny bool) {
		must(in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(who), Role: role, Scope: scope, Deny: deny}))
	}
	names := []string{"ann", "ben", "cho", "dan", "eve"}
	people := map[string]identity.AccountID{}
	for _, name := range names {
		people[name] = must(in.CreateUser(ctx, identity.UserSpec{Email: name + "@acme.example"})).ID
	}
	give(people["ann"], "editor", policy.Root, false)                                                        // everything
	give(people["ben"], "reader", project("apollo"), false)                                                  // one project
	give(people["cho"], "reader", policy.Root, false)                                                        // everything but
	give(people["cho"], "reader", must(policy.NewPath("projects", "apollo", "documents", "salaries")), true) // one document
	give(people["dan"], "editor", must(policy.NewPath("projects", "zeus", "documents", "100%")), false)      // one document

	seen := map[string]map[document]bool{}
	for _, name := range names {
		login := identity.Login{Method: "password", AuthTime: time.Now(), NotAfter: time.Now().Add(time.Hour)}
		caller := must(in.Vouch(ctx, people[name], login))
		seen[name] = list(ctx, host, id.Filter(ctx, identity.Request{Principal: caller, Org: org, Permission: read(id)}), org)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "DOCUMENT")
	for _, name := range names {
		fmt.Fprint(table, "\t", name)
	}
	fmt.Fprintln(table)
	for _, d := range rows {
		fmt.Fprint(table, d.project, "/", d.id)
		for _, name := range names {
			fmt.Fprint(table, "\t", map[bool]string{true: "reads", false: "-"}[seen[name][d]])
		}
		fmt.Fprintln(table)
	}
	check(table.Flush())
}

// list is the query that a handler would run. A filter knows paths and no orgs, so the org is a condition of its own.
func list(ctx context.Context, host *sql.DB, f identity.Filter, org identity.OrgID) map[document]bool {
	where, args, err := f.SQL(columns)
	check(err)
	rows, err := host.QueryContext(ctx, "SELECT project, id, title FROM document WHERE org = ? AND "+where+" ORDER BY project, id",
		append([]any{string(org)}, args...)...)
	check(err)
	defer func() { check(rows.Close()) }()
	found := map[document]bool{}
	for rows.Next() {
		var d document
		check(rows.Scan(&d.project, &d.id, &d.title))
		found[d] = true
	}
	check(rows.Err())
	return found
}

func read(id *identity.Authority) policy.Permission {
	p, known := id.Permission("documents:read")
	if !known {
		panic("documents:read is not in the catalog")
	}
	return p
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "filter:", err)
		os.Exit(1)
	}
}
