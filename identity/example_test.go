package identity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/store/sqlite"
	"github.com/claviger-go/claviger/token"
)

// A deny wins over every allow, and what a call has changed counts from the moment it returns.
func Example() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	ann := login(ctx, id, acme, "ann@acme.example")
	plan := pathOf("projects", "apollo", "documents", "plan")
	read, _ := id.Permission("documents:read")
	ask := func() {
		d := id.Authorize(ctx, identity.Request{Principal: ann, Org: acme, Permission: read, Path: plan})
		fmt.Println(d.Allowed, d.Reason)
	}
	ask()
	in := id.System("example").In(acme)
	bind := func(role string, deny bool, scope policy.Path) identity.BindingID {
		b, err := in.CreateBinding(ctx, identity.BindingSpec{
			Subject: identity.SubjectID(ann.Account()), Role: role, Deny: deny, Scope: scope,
		})
		check(err)
		return b.ID
	}
	bind("editor", false, policy.Root)
	ask()
	deny := bind("reader", true, pathOf("projects", "apollo"))
	ask()
	check(in.DeleteBinding(ctx, deny))
	ask()

	// Output:
	// false no_binding
	// true allowed
	// false denied
	// true allowed
}

// Nobody gives away what they do not have themselves, whatever they may manage.
func ExampleAuthority_As() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	ann := login(ctx, id, acme, "ann@acme.example", "reader", "binder")
	ben := login(ctx, id, acme, "ben@acme.example")
	for _, role := range []string{"reader", "editor"} {
		_, err := id.As(ann).In(acme).CreateBinding(ctx, identity.BindingSpec{
			Subject: identity.SubjectID(ben.Account()), Role: role, Scope: pathOf("projects", "apollo"),
		})
		fmt.Println(role, err == nil, errors.Is(err, identity.ErrEscalation))
	}

	// Output:
	// reader true false
	// editor false true
}

// What a person may see becomes the WHERE clause of a host's own statement.
func ExampleAuthority_Filter() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	ann := login(ctx, id, acme, "ann@acme.example")
	for _, project := range []string{"apollo", "zeus"} {
		_, err := id.System("example").In(acme).CreateBinding(ctx, identity.BindingSpec{
			Subject: identity.SubjectID(ann.Account()), Role: "reader", Scope: pathOf("projects", project),
		})
		check(err)
	}

	read, _ := id.Permission("documents:read")
	filter := id.Filter(ctx, identity.Request{Principal: ann, Org: acme, Permission: read})
	where, args, err := filter.SQL(policy.Columns{
		Segments: []policy.Segment{{Type: "projects", Column: "project_id"}},
		Dialect:  policy.Postgres,
	})
	check(err)
	fmt.Println(where)
	fmt.Println(args...)

	// Output:
	// (octet_length("project_id") BETWEEN 1 AND 255 AND "project_id" COLLATE "C" NOT IN ('.', '..') AND ("project_id" COLLATE "C" IN (CAST($1 AS text), CAST($2 AS text))))
	// apollo zeus
}

// Several calls are one change: here, a group is not left behind without its member.
func ExampleAuthority_Write() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	team := func(member identity.SubjectID) error {
		return id.Write(ctx, func(ctx context.Context, tx *identity.Tx) error {
			in := tx.System("example").In(acme)
			group, err := in.CreateGroup(ctx, identity.GroupSpec{Name: "editors"})
			if err != nil {
				return err
			}
			_, err = in.AddMember(ctx, group.ID, member)
			return err
		})
	}
	ann := login(ctx, id, acme, "ann@acme.example")
	fmt.Println(errors.Is(team("us_00000000000000000000000000"), identity.ErrNotFound))
	fmt.Println(team(identity.SubjectID(ann.Account()))) // the name is still free

	// Output:
	// true
	// <nil>
}

// An explanation is for operators: it names the bindings that a decision rests on, and what is missing.
func ExampleAuthority_Explain() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	ann := login(ctx, id, acme, "ann@acme.example", "reader")
	write, _ := id.Permission("documents:write")
	e := id.Explain(ctx, identity.Request{Principal: ann, Org: acme, Permission: write, Path: pathOf("projects", "apollo")})
	fmt.Print(e.Text(func(id string) string { // what a screen shows in the place of an id
		switch {
		case id == ann.Account().String():
			return "ann"
		case strings.HasPrefix(id, "bi_"):
			return "a binding"
		}
		return id
	}))

	// Output:
	// ann may not use documents:write at projects/apollo: no_binding
	// bindings: applying 0, undecided 0, not applying 1
	//   - a binding: allow code:reader at /
	//       scope     yes     the path or above it
	//       role      no      code:reader lacks documents:write
	//       dates     yes     always
	// needed:
	//   - a binding of ann, or of a group it is in, to a role with documents:write at projects/apollo or above
	//     or the role code:reader would have to contain it
}

// Who may do something at a place, and through what: also whoever may because of a group, or further up.
func ExampleOrgAdmin_WhoCan() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	in := id.System("example").In(acme)
	login(ctx, id, acme, "ann@acme.example", "editor")
	team, err := in.CreateGroup(ctx, identity.GroupSpec{Name: "apollo team"})
	check(err)
	_, err = in.CreateBinding(ctx, identity.BindingSpec{
		Subject: identity.SubjectID(team.ID), Role: "editor", Scope: pathOf("projects", "apollo"),
	})
	check(err)
	ben := login(ctx, id, acme, "ben@acme.example")
	_, err = in.AddMember(ctx, team.ID, identity.SubjectID(ben.Account()))
	check(err)

	write, _ := id.Permission("documents:write")
	plan := pathOf("projects", "apollo", "documents", "plan")
	for holder, err := range in.WhoCan(ctx, identity.WhoCanRequest{Permission: write, Path: plan}) {
		check(err)
		account, err := in.Account(ctx, holder.Account)
		check(err)
		fmt.Println(account.Name, len(holder.Via))
	}

	// Unordered output:
	// ann@acme.example 0
	// ben@acme.example 1
}

// An API token is told once, can do what is named of what its account may do, and is dead when the call that revokes it returns.
func ExampleOrgAdmin_CreateAPIToken() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	in := id.System("example").In(acme)
	bot, err := in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: "bot", Roles: []string{"editor"}})
	check(err)
	made, err := in.CreateAPIToken(ctx, bot.ID, identity.APITokenSpec{
		Name: "nightly", Validity: 24 * time.Hour, Permissions: []string{"documents:read"},
	})
	check(err)
	fmt.Println(made.Secret)

	caller, err := id.Authenticate(ctx, made.Secret.Reveal())
	check(err)
	for _, name := range []string{"documents:read", "documents:write"} {
		permission, _ := id.Permission(name)
		d := id.Authorize(ctx, identity.Request{Principal: caller, Org: acme, Permission: permission, Path: policy.Root})
		fmt.Println(name, d.Reason)
	}

	_, err = in.RevokeCredential(ctx, made.ID)
	check(err)
	_, err = id.Authenticate(ctx, made.Secret.Reveal())
	fmt.Println(errors.Is(err, identity.ErrUnauthenticated))

	// Output:
	// [redacted]
	// documents:read allowed
	// documents:write token_limits
	// true
}

// A right that is rarely needed is switched on for as long as it is.
func ExampleOrgAdmin_Elevate() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	ann := login(ctx, id, acme, "ann@acme.example", "reader")
	eligible, err := id.System("example").In(acme).CreateBinding(ctx, identity.BindingSpec{
		Subject: identity.SubjectID(ann.Account()), Role: "editor", Scope: policy.Root, Eligible: time.Hour,
	})
	check(err)
	write, _ := id.Permission("documents:write")
	ask := func() bool {
		return id.Authorize(ctx, identity.Request{Principal: ann, Org: acme, Permission: write, Path: policy.Root}).Allowed
	}
	fmt.Println(ask())
	_, err = id.As(ann).In(acme).Elevate(ctx, eligible.ID, 10*time.Minute, "ticket 4711")
	check(err)
	fmt.Println(ask())
	_, err = id.As(ann).In(acme).EndElevation(ctx, eligible.ID)
	check(err)
	fmt.Println(ask())

	// Output:
	// false
	// true
	// false
}

// A call that was cut off is made again with its key, and makes nothing twice.
func ExampleAdmin_WithIdempotencyKey() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()

	in := id.System("example").WithIdempotencyKey("request-17").In(acme)
	first, err := in.CreateUser(ctx, identity.UserSpec{Email: "ann@acme.example"})
	check(err)
	again, err := in.CreateUser(ctx, identity.UserSpec{Email: "ann@acme.example"})
	check(err)
	fmt.Println(first.Created, again.Created, first.ID == again.ID)
	_, err = in.CreateUser(ctx, identity.UserSpec{Email: "ben@acme.example"})
	fmt.Println(errors.Is(err, identity.ErrConflict))

	// Output:
	// true false true
	// true
}

// An export of the log is verified without the database, by whoever has the issuer's keys.
func ExampleVerifyExport() {
	ctx := context.Background()
	id, acme, done := openExample(ctx)
	defer done()
	login(ctx, id, acme, "ann@acme.example")

	var export bytes.Buffer
	head, err := id.System("auditor").In(acme).ExportAudit(ctx, &export)
	check(err)
	jwks, err := id.JWKS(ctx)
	check(err)
	keys, err := token.ParseKeySet(jwks)
	check(err)

	found, err := identity.VerifyExport(bytes.NewReader(export.Bytes()), keys, id.Issuer())
	fmt.Println(found.Seq == head.Seq, err)

	altered := bytes.Replace(export.Bytes(), []byte("ann@"), []byte("eve@"), 1)
	_, err = identity.VerifyExport(bytes.NewReader(altered), keys, id.Issuer())
	fmt.Println(errors.Is(err, identity.ErrInvalid))

	// Output:
	// true <nil>
	// true
}

// openExample opens a host with an org. Its two roles are what most examples give away.
func openExample(ctx context.Context) (id *identity.Authority, acme identity.OrgID, done func()) {
	dir, err := os.MkdirTemp("", "example-")
	check(err)
	st, err := sqlite.Open(ctx, filepath.Join(dir, "app.db"))
	check(err)
	id, err = identity.New(ctx, st, identity.Config{
		Issuer:      "https://app.example",
		Seal:        token.SealFile(filepath.Join(dir, "app.key")),
		Permissions: []policy.PermissionSpec{{Name: "documents:read"}, {Name: "documents:write"}},
		Roles: []identity.CodeRole{
			{Name: "reader", Permissions: []string{"documents:read"}},
			{Name: "editor", Permissions: []string{"documents:*"}},
			{Name: "binder", Permissions: []string{"identity:bindings.create"}},
		},
	})
	check(err)
	org, err := id.System("example").EnsureOrg(ctx, identity.OrgSpec{Slug: "acme"})
	check(err)
	return id, org.ID, func() { check(errors.Join(id.Close(), os.RemoveAll(dir))) }
}

// login makes a user who has roles in the whole org, and vouches for a login just now.
func login(ctx context.Context, id *identity.Authority, org identity.OrgID, email string, roles ...string) identity.Principal {
	in := id.System("example").In(org)
	user, err := in.EnsureUser(ctx, identity.UserSpec{Email: email, Roles: roles})
	check(err)
	now := time.Now()
	principal, err := in.Vouch(ctx, user.ID, identity.Login{Method: "password", AuthTime: now, NotAfter: now.Add(time.Hour)})
	check(err)
	return principal
}

func pathOf(pairs ...string) policy.Path {
	path, err := policy.NewPath(pairs...)
	check(err)
	return path
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
