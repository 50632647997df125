package main

import (
	"net/http"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/identity"
)

// versori is the service accounts of Versori: a client id and a secret each, which are good for access tokens.
func versori() system {
	const path, may = "/api/organisations/v1/organisations/{org}/service-accounts", "organisation.service-accounts."
	return system{
		name: "versori", prefix: "/api/organisations/v1/", org: orgInPath, account: byID(versoriPrefix), show: (*request).versori,
		permissions: []string{"organisation.read", may + "create", may + "read", may + "delete"},
		roles:       []identity.CodeRole{{Name: "versori/reader", Permissions: []string{"organisation.read"}}},
		calls: []call{
			{"Create Service Account", "POST " + path, may + "create", 201, body(versoriCreate)},
			{"List Service Accounts", "GET " + path, may + "read", 200, page("first", "after", "next", identity.AccountActive)},
			{"Get Service Account", "GET " + path + "/{service}", may + "read", 200, get},
			{"Delete Service Account", "DELETE " + path + "/{service}", may + "delete", 204, versoriDelete},
		},
		refusal: func(status int, text string) object {
			return object{"code": strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_"), "message": text, "cause": ""}
		},
	}
}

// versoriPrefix begins the library's ids of service accounts; Versori's ids are what comes after it, a ULID.
const versoriPrefix = "sa_"

type versoriNew struct {
	Name     string
	Roles    []string
	GroupIDs []identity.GroupID
}

func versoriCreate(q *request, in versoriNew) any {
	return q.create(identity.ServiceAccountSpec{
		Name: in.Name, Roles: in.Roles, Groups: in.GroupIDs, ClientSecret: &identity.ClientSecretSpec{Name: "first"},
	})
}

func versoriDelete(q *request) any {
	ask(q, q.in.DeleteAccount, q.account.ID)
	return nil
}

// versori is a service account as Versori shows it. Its client id is its id in the library.
func (q *request) versori(a identity.Account) object {
	given, _ := q.grants(identity.SubjectID(a.ID))
	bindings := each(slices.Values(given), func(g grant) object {
		permissions := each(slices.Values(operations(g.role)), func(name string) object {
			return object{"id": name, "description": "versori: " + name}
		})
		scopes := append([]string{"organisation"}, g.role.ResourceTypes...)
		kind, id, name := "organisation", string(q.org.ID), q.org.DisplayName
		if !g.Scope.IsRoot() { // at something in the org: the last type and id of its path
			segments := strings.Split(g.Scope.String(), "/")
			kind, id, name = segments[len(segments)-2], segments[len(segments)-1], g.Scope.String()
		}
		return object{
			"role":     object{"id": g.role.ID, "name": g.role.Name, "permissions": permissions, "scopes": scopes},
			"resource": object{"resourceType": kind, "resourceId": id, "name": name},
		}
	})
	out := object{
		"id": strings.TrimPrefix(string(a.ID), versoriPrefix), "name": a.Name, "email": a.Name + "@sa." + q.org.Slug + ".versori.com",
		"clientId": a.ID, "roleBindings": bindings,
	}
	for _, secret := range q.made {
		out["clientSecret"] = secret.Reveal()
	}
	return out
}
