package main

import (
	"net/http"
	"strings"

	"github.com/claviger-go/claviger/identity"
)

// versori is the service accounts of Versori: a client id and a secret each, which are good for access tokens.
func versori() system {
	const path, may = "/api/organisations/v1/organisations/{org}/service-accounts", "organisation.service-accounts."
	return system{
		name: "versori", prefix: "/api/organisations/v1/", org: orgInPath,
		permissions: []string{"organisation.read", may + "create", may + "read", may + "delete"},
		roles:       []identity.CodeRole{{Name: "versori/reader", Permissions: []string{"organisation.read"}}},
		calls: []call{
			{"Create Service Account", "POST " + path, may + "create", 201, body(versoriCreate)},
			{"List Service Accounts", "GET " + path, may + "read", 200, versoriList},
			{"Get Service Account", "GET " + path + "/{id}", may + "read", 200, serviceAccount(versoriPrefix, versoriGet)},
			{"Delete Service Account", "DELETE " + path + "/{id}", may + "delete", 204, serviceAccount(versoriPrefix, versoriDelete)},
		},
		refusal: func(status int, text string) object {
			return object{"code": strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_"), "message": text, "cause": ""}
		},
	}
}

// versoriPrefix begins the library's ids of service accounts; Versori's ids are what comes after it, a ULID.
const versoriPrefix = "sa_"

type versoriNew struct {
	Name     string             `json:"name"`
	Roles    []string           `json:"roles"`
	GroupIDs []identity.GroupID `json:"groupIDs"`
}

func versoriCreate(q *request, in versoriNew) (any, error) {
	made, err := q.in.CreateServiceAccount(q.Context(), identity.ServiceAccountSpec{
		Name: in.Name, Roles: in.Roles, Groups: in.GroupIDs, ClientSecret: &identity.ClientSecretSpec{Name: "first"},
	})
	if err != nil {
		return nil, err
	}
	out, err := q.versori(made.Account)
	if err == nil {
		out["clientSecret"] = made.ClientSecret.Secret.Reveal() // here, and never again
	}
	return out, err
}

func versoriList(q *request) (any, error) {
	items, next, err := q.serviceAccounts("first", "after", identity.AccountFilter{State: identity.AccountActive}, q.versori)
	return object{"items": items, "next": next}, err
}

func versoriGet(q *request, a identity.Account) (any, error) { return q.versori(a) }

func versoriDelete(q *request, a identity.Account) (any, error) {
	_, err := q.in.DeleteAccount(q.Context(), a.ID)
	return nil, err
}

// versori is a service account as Versori shows it. Its client id is its id in the library.
func (q *request) versori(a identity.Account) (object, error) {
	given, _, err := q.grants(q.Context(), q.in, identity.SubjectID(a.ID))
	bindings := []object{}
	for _, g := range given {
		permissions := []object{}
		for _, name := range operations(g.role) {
			permissions = append(permissions, object{"id": name, "description": "versori: " + name})
		}
		kind, id, name := "organisation", string(q.org.ID), q.org.DisplayName
		if !g.Scope.IsRoot() { // at something in the org: the last type and id of its path
			segments := strings.Split(g.Scope.String(), "/")
			kind, id, name = segments[len(segments)-2], segments[len(segments)-1], g.Scope.String()
		}
		bindings = append(bindings, object{
			"role":     object{"id": g.role.ID, "name": g.role.Name, "permissions": permissions, "scopes": append([]string{"organisation"}, g.role.ResourceTypes...)},
			"resource": object{"resourceType": kind, "resourceId": id, "name": name},
		})
	}
	return object{
		"id": strings.TrimPrefix(string(a.ID), versoriPrefix), "name": a.Name, "email": a.Name + "@sa." + q.org.Slug + ".versori.com",
		"clientId": a.ID, "roleBindings": bindings,
	}, err
}
