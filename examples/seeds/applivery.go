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
	return system{
		name: "applivery", prefix: "/v1/organizations/", org: orgInPath,
		permissions: []string{read, write, see, publish},
		roles: []identity.CodeRole{
			{Name: appliveryPrefix + "viewer", Permissions: []string{see}},
			{Name: appliveryPrefix + "developer", Permissions: []string{see, publish}},
			{Name: appliveryPrefix + "admin", Permissions: append([]string{"identity:accounts.*", "identity:bindings.*", "identity:credentials.*"}, see, publish, read, write)},
		},
		calls: []call{
			{"Create Service Account", "POST " + path, write, 201, body(appliveryCreate)},
			{"Service Accounts", "GET " + path, read, 200, appliveryList},
		},
		container: func(data any) any { return object{"status": true, "data": data} },
		refusal: func(status int, text string) object {
			return object{"status": false, "error": object{"code": status * 10, "message": text}}
		},
	}
}

const appliveryPrefix = "applivery/"

type appliveryNew struct {
	Role string `json:"role"`
}

func appliveryCreate(q *request, in appliveryNew) (any, error) {
	made, err := q.in.CreateServiceAccount(q.Context(), identity.ServiceAccountSpec{
		Name:  "sa-" + strings.ToLower(rand.Text()),
		Roles: []string{appliveryPrefix + strings.ToLower(in.Role)}, APIToken: &identity.APITokenSpec{Name: "bearer"},
	})
	if err != nil {
		return nil, err
	}
	out, err := q.applivery(made.Account)
	if err == nil {
		out["bearerToken"] = made.APIToken.Secret.Reveal() // here, and never again
	}
	return out, err
}

func appliveryList(q *request) (any, error) {
	items, next, err := q.serviceAccounts("limit", "cursor", identity.AccountFilter{State: identity.AccountActive}, q.applivery)
	return object{"items": items, "next": next}, err
}

// applivery is a service account as Applivery shows it. One that was made elsewhere may have none of the three roles.
func (q *request) applivery(a identity.Account) (object, error) {
	given, _, err := q.grants(q.Context(), q.in, identity.SubjectID(a.ID))
	role := ""
	for _, g := range given {
		if name, ok := strings.CutPrefix(g.role.Name, appliveryPrefix); ok {
			role = name
		}
	}
	return object{"account": fmt.Sprintf("%s@%s.iam.applivery.io", a.ID, a.Org), "role": role}, err
}
