package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
)

//go:embed dfns_operations.txt
var dfnsOperations string

// dfns is the service accounts of Dfns: a public key and an API token each. What Dfns calls a permission is a role here, and
// its operations are permissions.
func dfns() system {
	const may = "Auth:ServiceAccounts:"
	names := strings.Fields(dfnsOperations)
	maker := []string{"identity:accounts.create", "identity:accounts.read", "identity:accounts.activate", "identity:bindings.*",
		"identity:credentials.*", may + "Create", may + "Read", may + "Activate", "Wallets:Read"}
	return system{
		name: "dfns", prefix: "/auth/", org: orgOfCaller,
		permissions: append(strings.Fields(may+"Create "+may+"Read "+may+"Update "+may+"Activate "+may+"Archive"), names...),
		roles: []identity.CodeRole{
			{Name: "DfnsFullAdminAccess", Permissions: names},
			{Name: "DfnsServiceAccountMaker", Permissions: maker},
		},
		calls: []call{
			{"Create Service Account", "POST /auth/service-accounts", may + "Create", 200, body(dfnsCreate)},
			{"Get Service Account", "GET /auth/service-accounts/{id}", may + "Read", 200, serviceAccount("", dfnsGet)},
			{"List Service Accounts", "GET /auth/service-accounts", may + "Read", 200, dfnsList},
			{"Update Service Account", "PUT /auth/service-accounts/{id}", may + "Update", 200, body(dfnsUpdate)},
			{"Activate Service Account", "PUT /auth/service-accounts/{id}/activate", may + "Activate", 200, dfnsState((*identity.OrgAdmin).ActivateAccount)},
			{"Deactivate Service Account", "PUT /auth/service-accounts/{id}/deactivate", may + "Activate", 200, dfnsState((*identity.OrgAdmin).DeactivateAccount)},
			{"Archive Service Account", "DELETE /auth/service-accounts/{id}", may + "Archive", 200, dfnsState((*identity.OrgAdmin).ArchiveAccount)},
		},
		refusal: func(status int, text string) object {
			return object{"id": strings.ReplaceAll(http.StatusText(status), " ", ""), "status": status, "message": text, "details": object{}}
		},
	}
}

const dfnsKind, dfnsIssuer = "CustomerEmployee", "dfns"

type dfnsNew struct {
	Name         string `json:"name"`
	PublicKey    string `json:"publicKey"`
	DaysValid    *int   `json:"daysValid"`
	PermissionID string `json:"permissionId"`
	ExternalID   string `json:"externalId"`
}

// dfnsCreate makes an account, its key, its token and its rights at once. Without a permission it is given what its maker has,
// if the host is set up so: denies and dates included, and never more than the maker holds.
func dfnsCreate(q *request, in dfnsNew) (any, error) {
	spec := identity.ServiceAccountSpec{
		Name: slug(in.Name), DisplayName: in.Name, External: external(dfnsIssuer, in.ExternalID),
		UnprovenPublicKey: []byte(in.PublicKey), APIToken: &identity.APITokenSpec{Name: in.Name},
	}
	if days := in.DaysValid; days != nil {
		if *days < 1 || *days > 730 {
			return nil, fmt.Errorf("%w: daysValid is not between 1 and 730", identity.ErrInvalid)
		}
		spec.Validity = time.Duration(*days) * 24 * time.Hour
		spec.APIToken.Validity = spec.Validity
	}
	spec.CopyCallerRights = q.callersRight && in.PermissionID == ""
	if in.PermissionID != "" {
		spec.Roles = []string{in.PermissionID}
	}
	var made identity.ServiceAccountResult
	err := q.write(func(ctx context.Context, o *identity.OrgAdmin) (err error) {
		if err = dfnsNameIsFree(ctx, o, in.Name, ""); err == nil {
			made, err = o.CreateServiceAccount(ctx, spec)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := q.dfns(made.Account)
	if err == nil {
		out["accessTokens"].([]object)[0]["accessToken"] = made.APIToken.Secret.Reveal() // here, and never again
	}
	return out, err
}

func dfnsGet(q *request, a identity.Account) (any, error) { return q.dfns(a) }

func dfnsList(q *request) (any, error) {
	items, next, err := q.serviceAccounts("limit", "paginationToken", identity.AccountFilter{}, q.dfns)
	return object{"items": items, "nextPageToken": next}, err
}

type dfnsChange struct {
	Name       *string `json:"name"`
	ExternalID *string `json:"externalId"`
}

// dfnsUpdate renames: the library's name of the account stays, which is a word for machines.
func dfnsUpdate(q *request, in dfnsChange) (any, error) {
	return serviceAccount("", func(q *request, a identity.Account) (any, error) {
		patch := identity.AccountPatch{DisplayName: in.Name}
		if in.ExternalID != nil {
			id := external(dfnsIssuer, *in.ExternalID)
			patch.External = &id
		}
		err := q.write(func(ctx context.Context, o *identity.OrgAdmin) (err error) {
			if in.Name != nil {
				err = dfnsNameIsFree(ctx, o, *in.Name, a.ID)
			}
			if err == nil {
				a, err = o.UpdateAccount(ctx, a.ID, patch)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		return q.dfns(a)
	})(q)
}

// dfnsState is a call that changes the state of an account and answers with it.
func dfnsState(change func(*identity.OrgAdmin, context.Context, identity.AccountID) (bool, error)) func(*request) (any, error) {
	return serviceAccount("", func(q *request, a identity.Account) (any, error) {
		if _, err := change(q.in, q.Context(), a.ID); err != nil {
			return nil, err
		}
		return serviceAccount("", dfnsGet)(q)
	})
}

// dfns is an account as Dfns shows it.
func (q *request) dfns(a identity.Account) (object, error) {
	given, _, err := q.grants(q.Context(), q.in, identity.SubjectID(a.ID))
	if err != nil {
		return nil, err
	}
	assigned, _ := each(given, func(g grant) (object, error) {
		return object{"permissionId": g.Role, "permissionName": g.role.Name, "assignmentId": g.ID, "operations": operations(g.role)}, nil
	})
	active, key, tokens := a.State == identity.AccountActive, identity.CredentialID(""), []object{}
	for c, err := range q.in.AllCredentials(q.Context(), identity.CredentialFilter{Account: a.ID, State: identity.CredentialActive}) {
		if err != nil {
			return nil, err
		}
		if c.Type != identity.APIToken {
			key = c.ID
			continue
		}
		tokens = append(tokens, object{
			"tokenId": c.ID, "name": c.Name, "kind": dfnsKind, "orgId": a.Org, "isActive": active, "dateCreated": c.CreatedAt,
			"linkedUserId": a.ID, "linkedAppId": "", "credId": "", "publicKey": "", "permissionAssignments": assigned,
		})
	}
	return object{"accessTokens": tokens, "userInfo": object{
		"userId": a.ID, "username": a.DisplayName, "kind": dfnsKind, "orgId": a.Org, "credentialUuid": key,
		"isActive": active, "isServiceAccount": true, "isRegistered": true,
		"permissions": []string{}, "scopes": []string{}, "permissionAssignments": assigned,
	}}, nil
}

// dfnsNameIsFree refuses a name that another service account shows. It reads them all, inside the transaction in which the
// name is given, so that no two get the same; the library itself keeps only the names for machines apart.
func dfnsNameIsFree(ctx context.Context, o *identity.OrgAdmin, name string, self identity.AccountID) error {
	for a, err := range o.AllAccounts(ctx, identity.AccountFilter{Kind: identity.ServiceAccount}) {
		if err != nil {
			return err
		}
		if a.DisplayName == name && a.ID != self {
			return &identity.Error{Kind: identity.ErrConflict, Entity: "account", ID: string(a.ID), Field: "DisplayName"}
		}
	}
	return nil
}

// slug is a name for machines: the words of a text, in small letters.
func slug(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}
