package soak

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// The interoperability scenarios of OpenID AuthZEN (Authorization API 1.0): a
// list of to-dos that five people share, asked about in the application and, by
// its routes, at a gateway before it.
//
// The people and roles are the public fixture of the scenario:
//
//	viewer       reads users and to-dos
//	editor       and creates to-dos, and changes and deletes its own
//	admin        and deletes everybody's
//	evil_genius  and changes everybody's
//
// A host of this library has them so. The subject of a request is the external
// id of a user, which is how the host's login finds it. A to-do lies under its
// owner, users/<owner>/todos/<id>, so "its own" is a binding of the role
// editor.owned at users/<owner>, and needs no condition; the owner is a property of the row,
// which the host has loaded before it asks. A to-do that a request names without
// an owner is at todos/<id>. At the gateway a route is a path of one pair with
// the whole pattern as its id, routes/<pattern>, and a method is a permission.

// authZENIssuer is the identity provider of the scenario, so to speak.
const authZENIssuer = "https://idp.authzen.example"

// authZENUser is a person of the fixture.
type authZENUser struct {
	subject, email string
	roles          []string
}

var authZENUsers = []authZENUser{
	{"CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "rick@the-citadel.com", []string{"admin", "evil_genius"}},
	{"CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "morty@the-citadel.com", []string{"editor"}},
	{"CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "summer@the-smiths.com", []string{"editor"}},
	{"CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "beth@the-smiths.com", []string{"viewer"}},
	{"CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "jerry@the-smiths.com", []string{"viewer"}},
}

// authZENRole is a role of the fixture: what it holds everywhere, and in what
// its holder owns; and at which routes it may use which methods.
type authZENRole struct {
	includes, everywhere, owned []string
	routes                      map[string][]string
}

var authZENRoles = map[string]authZENRole{
	"viewer": {
		everywhere: []string{"can_read_user", "can_read_todos"},
		routes:     map[string][]string{"/users/{userId}": {"GET"}, "/todos": {"GET"}},
	},
	"editor": {
		includes: []string{"viewer"}, everywhere: []string{"can_create_todo"}, owned: []string{"can_update_todo", "can_delete_todo"},
		routes: map[string][]string{"/todos": {"POST"}, "/todos/{todoId}": {"PUT", "DELETE"}},
	},
	"admin":       {includes: []string{"editor"}, everywhere: []string{"can_delete_todo"}},
	"evil_genius": {includes: []string{"editor"}, everywhere: []string{"can_update_todo"}},
}

// authZENRequest is an evaluation, or a batch of them with what they share.
type authZENRequest struct {
	Subject     *authZENEntity
	Action      *struct{ Name string }
	Resource    *authZENEntity
	Evaluations []authZENRequest
}

type authZENEntity struct {
	Type, ID   string
	Properties struct{ OwnerID string }
}

// each are the evaluations of a request, in order: what one does not say is
// taken from the batch.
func (r authZENRequest) each() []authZENRequest {
	if len(r.Evaluations) == 0 {
		return []authZENRequest{r}
	}
	var list []authZENRequest
	for _, e := range r.Evaluations {
		list = append(list, authZENRequest{
			Subject: cmp.Or(e.Subject, r.Subject), Action: cmp.Or(e.Action, r.Action), Resource: cmp.Or(e.Resource, r.Resource),
		})
	}
	return list
}

// path is where the resource of a request is.
func (e authZENEntity) path(t *testing.T) policy.Path {
	t.Helper()
	parts := []string{e.Type + "s", e.ID}
	if e.Type == "todo" && e.Properties.OwnerID != "" {
		parts = append([]string{"users", e.Properties.OwnerID}, parts...)
	}
	return must(policy.NewPath(parts...))(t)
}

// authZEN is the host of the scenario.
type authZEN struct {
	id  *identity.Authority
	org identity.OrgID
}

func newAuthZEN(t *testing.T) authZEN {
	t.Helper()
	names := map[string]bool{}
	for _, r := range authZENRoles {
		for _, list := range append([][]string{r.everywhere, r.owned}, values(r.routes)...) {
			for _, name := range list {
				names[name] = true
			}
		}
	}
	id := mustOpen(t, filepath.Join(t.TempDir(), "app.db"), func(c *identity.Config) {
		c.Permissions, c.Roles = nil, nil
		for name := range names {
			c.Permissions = append(c.Permissions, policy.PermissionSpec{Name: name})
		}
	})
	h := authZEN{id, must(id.System("setup").CreateOrg(t.Context(), identity.OrgSpec{Slug: "todo"}))(t).ID}
	in := id.System("setup").In(h.org)
	for _, name := range []string{"viewer", "editor", "admin", "evil_genius"} { // what is included comes first
		r := authZENRoles[name]
		must(in.CreateRole(t.Context(), identity.RoleSpec{Name: name, Permissions: r.everywhere, Includes: r.includes}))(t)
		if r.owned != nil {
			must(in.CreateRole(t.Context(), identity.RoleSpec{Name: name + ".owned", Permissions: r.owned, ResourceTypes: []string{"users"}}))(t)
		}
		for route, methods := range r.routes {
			must(in.CreateRole(t.Context(), identity.RoleSpec{Name: routeRole(name, route), Permissions: methods, ResourceTypes: []string{"routes"}}))(t)
		}
	}
	for _, u := range authZENUsers {
		user := must(in.CreateUser(t.Context(), identity.UserSpec{
			Email: u.email, Roles: u.roles, External: identity.ExternalID{Issuer: authZENIssuer, Subject: u.subject},
		}))(t)
		for _, name := range u.roles {
			h.place(t, user.ID, name, u.email)
		}
	}
	return h
}

func routeRole(name, route string) string { return name + ".route-" + digest(route)[:8] }

// place binds what a role, and those that it includes, hold somewhere only.
func (h authZEN) place(t *testing.T, user identity.AccountID, name, owner string) {
	t.Helper()
	r := authZENRoles[name]
	bind := func(role string, scope policy.Path) {
		must(h.id.System("setup").In(h.org).EnsureBinding(t.Context(), identity.BindingSpec{Subject: identity.SubjectID(user), Role: role, Scope: scope}))(t)
	}
	if r.owned != nil {
		bind(name+".owned", path("users", owner))
	}
	for route := range r.routes {
		bind(routeRole(name, route), path("routes", route))
	}
	for _, included := range r.includes {
		h.place(t, user, included, owner)
	}
}

func values(m map[string][]string) (list [][]string) {
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

// evaluate is the policy decision point: one evaluation, one decision.
func (h authZEN) evaluate(t *testing.T, r authZENRequest) policy.Decision {
	t.Helper()
	accounts := must(h.id.System("login").AccountsByExternalID(t.Context(), identity.ExternalID{Issuer: authZENIssuer, Subject: r.Subject.ID}))(t)
	if len(accounts) != 1 {
		t.Fatalf("%d accounts of %s", len(accounts), r.Subject.ID)
	}
	return h.id.Authorize(t.Context(), identity.Request{
		Principal: must(login(t.Context(), h.id, accounts[0].Org, accounts[0].ID, 0))(t), Org: h.org,
		Permission: permission(r.Action.Name), Path: r.Resource.path(t),
	})
}

// authZENCase is an entry of a file: the answer to an evaluation is a boolean,
// that to a batch a list of decisions.
type authZENCase struct {
	Request  authZENRequest
	Expected json.RawMessage
}

func (c authZENCase) want(t *testing.T) []bool {
	t.Helper()
	var one bool
	if json.Unmarshal(c.Expected, &one) == nil {
		return []bool{one}
	}
	var several []struct{ Decision bool }
	if err := json.Unmarshal(c.Expected, &several); err != nil {
		t.Fatal(err)
	}
	var want []bool
	for _, d := range several {
		want = append(want, d.Decision)
	}
	return want
}

// TestAuthZEN asks the evaluations and batches of the interoperability
// scenarios. It needs CLAVIGER_DATA.
func TestAuthZEN(t *testing.T) {
	dir := os.Getenv("CLAVIGER_DATA")
	if dir == "" {
		t.Skip("CLAVIGER_DATA does not name the folder of authzen/*.json")
	}
	h := newAuthZEN(t)
	for name, least := range map[string]int{"todo-1_0-02.json": 46, "api-gateway.json": 25} {
		t.Run(name, func(t *testing.T) {
			var file struct{ Evaluation, Evaluations []authZENCase }
			if err := json.Unmarshal(must(os.ReadFile(filepath.Join(dir, "authzen", name)))(t), &file); err != nil {
				t.Fatal(err)
			}
			asked, allowed, failed := 0, 0, 0
			for _, c := range append(file.Evaluation, file.Evaluations...) {
				want, each := c.want(t), c.Request.each()
				if len(want) != len(each) {
					t.Fatalf("%d evaluations and %d decisions", len(each), len(want))
				}
				for i, r := range each {
					asked++
					d := h.evaluate(t, r)
					if d.Allowed {
						allowed++
					}
					if d.Allowed != want[i] {
						failed++
						t.Errorf("%s %s %+v: %+v, want %t", r.Subject.ID, r.Action.Name, *r.Resource, d, want[i])
					}
				}
			}
			t.Logf("%d evaluations and %d batches: %d decisions, %d allowed, %d failed", len(file.Evaluation), len(file.Evaluations), asked, allowed, failed)
			if asked < least || allowed == 0 || allowed == asked {
				t.Errorf("%d decisions, %d allowed", asked, allowed)
			}
		})
	}
}

// TestAuthZENScenario is the scenario beyond what the files ask: owning is a
// place, so nobody owns by the look of an id, and a route is no other one.
func TestAuthZENScenario(t *testing.T) {
	h := newAuthZEN(t)
	ask := func(who int, action, typ, id, owner string) bool {
		r := authZENRequest{Subject: &authZENEntity{ID: authZENUsers[who].subject}, Action: &struct{ Name string }{action}, Resource: &authZENEntity{Type: typ, ID: id}}
		r.Resource.Properties.OwnerID = owner
		return h.evaluate(t, r).Allowed
	}
	rick, morty, jerry := 0, 1, 4
	for _, c := range []struct {
		who                    int
		action, typ, id, owner string
		want                   bool
	}{
		{morty, "can_update_todo", "todo", "1", "morty@the-citadel.com", true},
		{morty, "can_update_todo", "todo", "1", "morty@the-citadel.com.example", false},
		{morty, "can_update_todo", "todo", "1", "Morty@the-citadel.com", false},
		{morty, "can_update_todo", "todo", "users/morty@the-citadel.com", "", false},
		{morty, "can_update_todo", "todo", "1", "", false},
		{morty, "can_update_todo", "user", "morty@the-citadel.com", "", true}, // a scope covers itself: the host asks about to-dos
		{jerry, "can_delete_todo", "todo", "1", "jerry@the-smiths.com", false},
		{rick, "can_delete_todo", "todo", "1", "", true},
		{jerry, "GET", "route", "/todos", "", true},
		{jerry, "GET", "route", "/todos/", "", false},
		{jerry, "GET", "route", "/todos/{todoId}", "", false},
		{jerry, "GET", "route", "/TODOS", "", false},
		{morty, "PUT", "route", "/todos/{todoId}", "", true},
		{morty, "PUT", "route", "/todos", "", false},
	} {
		if got := ask(c.who, c.action, c.typ, c.id, c.owner); got != c.want {
			t.Errorf("%s %s %s/%s of %q: %t", authZENUsers[c.who].email, c.action, c.typ, c.id, c.owner, got)
		}
	}
}
