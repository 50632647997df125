package main

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
)

//go:embed dfns_operations.txt
var dfnsOperations string

// dfns is the service accounts of Dfns: a public key and an API token each. Its permissions are roles here, its operations permissions.
func dfns() system {
	const path, may = "/auth/service-accounts", "Auth:ServiceAccounts:"
	names := strings.Fields(dfnsOperations)
	maker := []string{"identity:accounts.create", "identity:accounts.read", "identity:accounts.activate", "identity:bindings.*",
		"identity:credentials.*", may + "Create", may + "Read", may + "Activate", "Wallets:Read"}
	return system{
		name: "dfns", prefix: "/auth/", org: orgOfCaller, account: byID(""), show: (*request).dfns,
		permissions: append(strings.Fields(may+"Create "+may+"Read "+may+"Update "+may+"Activate "+may+"Archive"), names...),
		roles: []identity.CodeRole{
			{Name: "DfnsFullAdminAccess", Permissions: names},
			{Name: "DfnsServiceAccountMaker", Permissions: maker},
		},
		calls: []call{
			{"Create Service Account", "POST " + path, may + "Create", 200, body(dfnsCreate)},
			{"Get Service Account", "GET " + path + "/{service}", may + "Read", 200, get},
			{"List Service Accounts", "GET " + path, may + "Read", 200, page("limit", "paginationToken", "nextPageToken", "")},
			{"Update Service Account", "PUT " + path + "/{service}", may + "Update", 200, body(dfnsUpdate)},
			{"Activate Service Account", "PUT " + path + "/{service}/activate", may + "Activate", 200, change((*admin).ActivateAccount)},
			{"Deactivate Service Account", "PUT " + path + "/{service}/deactivate", may + "Activate", 200, change((*admin).DeactivateAccount)},
			{"Archive Service Account", "DELETE " + path + "/{service}", may + "Archive", 200, change((*admin).ArchiveAccount)},
		},
		refusal: func(status int, text string) object {
			return object{"id": strings.ReplaceAll(http.StatusText(status), " ", ""), "status": status, "message": text, "details": object{}}
		},
	}
}

const dfnsKind, dfnsIssuer = "CustomerEmployee", "dfns"

type dfnsNew struct {
	Name, PublicKey, PermissionID, ExternalID string
	DaysValid                                 *int
}

// dfnsCreate makes an account, its key, its token and its rights at once. Without a permission it is given what its maker has,
// if the host is set up so: denies and dates included, and never more than the maker holds.
func dfnsCreate(q *request, in dfnsNew) any {
	spec := identity.ServiceAccountSpec{
		Name: slug(in.Name), DisplayName: in.Name, External: external(dfnsIssuer, in.ExternalID),
		UnprovenPublicKey: []byte(in.PublicKey), APIToken: &identity.APITokenSpec{Name: in.Name},
		CopyCallerRights: q.callersRight && in.PermissionID == "",
	}
	if days := in.DaysValid; days != nil {
		if *days < 1 || *days > 730 {
			return q.invalid("daysValid is not between 1 and 730")
		}
		spec.Validity = time.Duration(*days) * 24 * time.Hour
		spec.APIToken.Validity = spec.Validity
	}
	if in.PermissionID != "" {
		spec.Roles = []string{in.PermissionID}
	}
	q.dfnsNameIsFree(in.Name)
	return q.create(spec)
}

// dfnsUpdate renames: the library's name of the account stays, which is a word for machines.
func dfnsUpdate(q *request, in struct{ Name, ExternalID *string }) any {
	patch := identity.AccountPatch{DisplayName: in.Name}
	if in.ExternalID != nil {
		patch.External = new(external(dfnsIssuer, *in.ExternalID))
	}
	if in.Name != nil {
		q.dfnsNameIsFree(*in.Name)
	}
	q.done(q.in.UpdateAccount(q.Context(), q.account.ID, patch))
	return q.show(ask(q, q.in.Account, q.account.ID))
}

// dfns is an account as Dfns shows it.
func (q *request) dfns(a identity.Account) object {
	given, _ := q.grants(identity.SubjectID(a.ID))
	assigned := each(slices.Values(given), func(g grant) object {
		return object{"permissionId": g.Role, "permissionName": g.role.Name, "assignmentId": g.ID, "operations": operations(g.role)}
	})
	active, key, tokens := a.State == identity.AccountActive, identity.CredentialID(""), []object{}
	for c := range read(q, q.in.AllCredentials, identity.CredentialFilter{Account: a.ID, State: identity.CredentialActive}) {
		if c.Type != identity.APIToken {
			key = c.ID
			continue
		}
		t := object{
			"tokenId": c.ID, "name": c.Name, "kind": dfnsKind, "orgId": a.Org, "isActive": active, "dateCreated": c.CreatedAt,
			"linkedUserId": a.ID, "linkedAppId": "", "credId": "", "publicKey": "", "permissionAssignments": assigned,
		}
		if secret, ok := q.made[c.ID]; ok {
			t["accessToken"] = secret.Reveal()
		}
		tokens = append(tokens, t)
	}
	return object{"accessTokens": tokens, "userInfo": object{
		"userId": a.ID, "username": a.DisplayName, "kind": dfnsKind, "orgId": a.Org, "credentialUuid": key,
		"isActive": active, "isServiceAccount": true, "isRegistered": true,
		"permissions": []string{}, "scopes": []string{}, "permissionAssignments": assigned,
	}}
}

// dfnsNameIsFree refuses a name that another service account shows than the one of the path. It reads them all, in the
// transaction in which the name is given, so that no two get the same; the library itself keeps only the names for machines apart.
func (q *request) dfnsNameIsFree(name string) {
	for a := range read(q, q.in.AllAccounts, identity.AccountFilter{Kind: identity.ServiceAccount}) {
		if a.DisplayName == name && a.ID != q.account.ID {
			q.check(&identity.Error{Kind: identity.ErrConflict, Entity: "account", ID: string(a.ID), Field: "DisplayName"})
		}
	}
}

// slug is a name for machines: the words of a text, in small letters.
func slug(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}
