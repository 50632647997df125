package main

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/claviger-go/claviger/identity"
)

// applivery is the service accounts of Applivery: each has one of three roles and a bearer token, and no name that people gave it.
func applivery() system {
	const path, read, write = "/v1/organizations/{org}/serviceAccounts", "serviceAccount.list", "serviceAccount.create"
	const see, publish = "app.get", "build.upload"
	admin := []string{"identity:accounts.*", "identity:bindings.*", "identity:credentials.*", see, publish, read, write}
	return system{
		name: "applivery", prefix: "/v1/organizations/", org: orgInPath, show: (*request).applivery,
		permissions: []string{read, write, see, publish},
		roles: []identity.CodeRole{
			{Name: appliveryPrefix + "viewer", Permissions: []string{see}},
			{Name: appliveryPrefix + "developer", Permissions: []string{see, publish}},
			{Name: appliveryPrefix + "admin", Permissions: admin},
		},
		calls: []call{
			{"Create Service Account", "POST " + path, write, 201, body(appliveryCreate)},
			{"Service Accounts", "GET " + path, read, 200, page("limit", "cursor", "next", identity.AccountActive)},
		},
		container: func(data any) any { return object{"status": true, "data": data} },
		refusal: func(code int, text string) object {
			return object{"status": false, "error": object{"code": code * 10, "message": text}}
		},
	}
}

const appliveryPrefix = "applivery/"

func appliveryCreate(q *request, in struct{ Role string }) any {
	return q.create(identity.ServiceAccountSpec{
		Name:  "sa-" + strings.ToLower(rand.Text()),
		Roles: []string{appliveryPrefix + strings.ToLower(in.Role)}, APIToken: &identity.APITokenSpec{Name: "bearer"},
	})
}

// applivery is a service account as Applivery shows it. One that was made elsewhere may have none of the three roles.
func (q *request) applivery(a identity.Account) object {
	given, _ := q.grants(identity.SubjectID(a.ID))
	role := ""
	for _, g := range given {
		if name, ok := strings.CutPrefix(g.role.Name, appliveryPrefix); ok {
			role = name
		}
	}
	out := object{"account": fmt.Sprintf("%s@%s.iam.applivery.io", a.ID, a.Org), "role": role}
	for _, secret := range q.made {
		out["bearerToken"] = secret.Reveal()
	}
	return out
}
