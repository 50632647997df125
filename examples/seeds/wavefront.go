package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// wavefront is the 26 account operations of Wavefront. What its bodies call groups are permissions here, given to an account
// directly; its user groups are groups. An account is known by its identifier: an e-mail address, or sa:: and a name.
func wavefront() system {
	const accounts, login = "user_management", "login"
	return system{
		name: "wavefront", prefix: "/api/v2/", org: orgOfCaller,
		permissions: strings.Fields(accounts + " " + login + ` agent_management alerts_management dashboard_management
			embedded_charts events_management external_links_management host_tag_management metrics_management`),
		roles: []identity.CodeRole{{Name: "wavefront/user", Permissions: []string{login}}},
		calls: []call{ // the first that matches serves
			{"Get Users With Accounts Permission", "GET /api/v2/account/user/admin", login, 200, wfAdmins},
			{"Create Or Update User Account", "POST /api/v2/account/user", accounts, 200, body(wfUpsertUser)},
			{"Invite User Accounts", "POST /api/v2/account/user/invite", accounts, 200, body(wfInvite)},
			{"Get All User Accounts", "GET /api/v2/account/user", accounts, 200, wfAll(identity.User)},
			{"Get User Account", "GET /api/v2/account/user/{id}", accounts, 200, wfOne(identity.User, wfWhole)},
			{"Update User Account", "PUT /api/v2/account/user/{id}", accounts, 200, body(wfUpdateUser)},
			{"Create Service Account", "POST /api/v2/account/serviceaccount", accounts, 200, body(wfCreate)},
			{"Get All Service Accounts", "GET /api/v2/account/serviceaccount", accounts, 200, wfAll(identity.ServiceAccount)},
			{"Get Service Account", "GET /api/v2/account/serviceaccount/{id}", accounts, 200, wfOne(identity.ServiceAccount, wfWhole)},
			{"Update Service Account", "PUT /api/v2/account/serviceaccount/{id}", accounts, 200, body(wfUpdate)},
			{"Activate Account", "POST /api/v2/account/serviceaccount/{id}/activate", accounts, 200, wfState((*identity.OrgAdmin).ActivateAccount)},
			{"Deactivate Account", "POST /api/v2/account/serviceaccount/{id}/deactivate", accounts, 200, wfState((*identity.OrgAdmin).DeactivateAccount)},
			{"Validate Accounts", "POST /api/v2/account/validateAccounts", accounts, 200, body(wfValidate)},
			{"Delete Multiple Accounts", "POST /api/v2/account/deleteAccounts", accounts, 200, body(wfEach(wfDelete))},
			{"Grant Permission To Accounts", "POST /api/v2/account/grant/{permission}", accounts, 200, body(wfEach(wfGrant))},
			{"Revoke Permission From Accounts", "POST /api/v2/account/revoke/{permission}", accounts, 200, body(wfEach(wfRevoke))},
			{"Get All Accounts", "GET /api/v2/account", accounts, 200, wfPage},
			{"Get Account", "GET /api/v2/account/{id}", accounts, 200, wfOne("", wfThin)},
			{"Delete Account", "DELETE /api/v2/account/{id}", accounts, 200, wfNamed(wfEach(wfDelete))},
			{"Get Account Business Functions", "GET /api/v2/account/{id}/businessFunctions", accounts, 200, wfOne("", wfFunctions)},
			{"Add Account To Roles", "POST /api/v2/account/{id}/addRoles", accounts, 200, wfLists(wfEdit.addRole)},
			{"Remove Account From Roles", "POST /api/v2/account/{id}/removeRoles", accounts, 200, wfLists(wfEdit.removeRole)},
			{"Add Account To User Groups", "POST /api/v2/account/{id}/addUserGroups", accounts, 200, wfLists(wfEdit.join)},
			{"Remove Account From User Groups", "POST /api/v2/account/{id}/removeUserGroups", accounts, 200, wfLists(wfEdit.leave)},
			{"Grant Account Permission", "POST /api/v2/account/{id}/grant/{permission}", accounts, 200, wfNamed(wfEach(wfGrant))},
			{"Revoke Account Permission", "POST /api/v2/account/{id}/revoke/{permission}", accounts, 200, wfNamed(wfEach(wfRevoke))},
		},
		container: func(response any) any {
			return object{"status": object{"result": "OK", "message": "", "code": http.StatusOK}, "response": response}
		},
		refusal: func(status int, text string) object {
			return object{"status": object{"result": "ERROR", "message": text, "code": status}}
		},
	}
}

const wfServicePrefix = "sa::"

func wfIdentifier(a identity.Account) string {
	if a.Kind == identity.ServiceAccount {
		return wfServicePrefix + a.Name
	}
	return a.Name
}

// wfFind finds an account by its identifier.
func wfFind(ctx context.Context, o *identity.OrgAdmin, identifier string) (identity.Account, error) {
	f := identity.AccountFilter{Kind: identity.User, Name: strings.ToLower(identifier)}
	if name, ok := strings.CutPrefix(f.Name, wfServicePrefix); ok {
		f.Kind, f.Name = identity.ServiceAccount, name
	}
	if f.Name == "" { // which would select all
		return identity.Account{}, identity.ErrNotFound
	}
	found, err := o.Accounts(ctx, f, identity.Page{Limit: 1})
	switch {
	case err != nil:
		return identity.Account{}, err
	case len(found.Items) == 0 || found.Items[0].State == identity.AccountDeleted:
		return identity.Account{}, identity.ErrNotFound
	}
	return found.Items[0], nil
}

// wfAccount is an account as Wavefront shows it; if it is not whole, with the ids of its groups and roles only.
func (q *request) wfAccount(a identity.Account, whole bool) (object, error) {
	ctx, subject := q.Context(), identity.SubjectID(a.ID)
	given, direct, err := q.grants(ctx, q.in, subject)
	if err != nil {
		return nil, err
	}
	united := slices.Clone(given)
	groups, err := collect(q.in.AllMemberships(ctx, subject), func(m identity.Member) (identity.GroupID, error) {
		through, _, err := q.grants(ctx, q.in, identity.SubjectID(m.Group))
		united = append(united, through...)
		return m.Group, err
	})
	if err != nil {
		return nil, err
	}
	may, err := wfFunctions(q, a)
	out := object{
		"identifier": wfIdentifier(a), "groups": direct, "roles": wfRoleIDs(given), "userGroups": groups,
		"unitedRoles": wfRoleIDs(united), "unitedPermissions": may,
	}
	if err != nil || !whole {
		return out, err
	}
	if out["userGroups"], err = each(groups, func(id identity.GroupID) (object, error) { return q.wfGroup(id, true) }); err != nil {
		return nil, err
	}
	if out["roles"], err = each(given, func(g grant) (object, error) { return q.wfRole(g, true) }); err != nil {
		return nil, err
	}
	if a.Kind == identity.User {
		out["customer"], out["ssoId"], out["lastSuccessfulLogin"] = q.org.Slug, a.External.Subject, millis(a.LastUsed)
		return out, nil
	}
	active, kind := a.State == identity.AccountActive, "SERVICE_ACCOUNT"
	if !active {
		kind = "INACTIVE_SERVICE_ACCOUNT"
	}
	out["active"], out["description"], out["lastUsed"] = active, a.Description, millis(a.LastUsed)
	// Wavefront's id of a token is its text; here it is that of the credential, but in the answer to the call that made it.
	out["tokens"], err = collect(q.in.AllCredentials(ctx, wfTokensOf(a)), func(c identity.Credential) (object, error) {
		return object{
			"tokenID": c.ID, "tokenName": c.Name, "account": wfIdentifier(a), "accountType": kind,
			"lastUsed": millis(c.LastUsed), "dateGenerated": millis(c.CreatedAt),
		}, nil
	})
	return out, err
}

func wfTokensOf(a identity.Account) identity.CredentialFilter {
	return identity.CredentialFilter{Account: a.ID, Type: identity.APIToken, State: identity.CredentialActive}
}

// wfRoleIDs are the ids of the roles given, each once.
func wfRoleIDs(given []grant) []string {
	out := []string{}
	for _, g := range given {
		if !slices.Contains(out, string(g.role.ID)) {
			out = append(out, string(g.role.ID))
		}
	}
	return out
}

// wfGroup is a group; whole, it has its roles, which then do not list their groups again.
func (q *request) wfGroup(id identity.GroupID, whole bool) (object, error) {
	ctx := q.Context()
	g, err := q.in.Group(ctx, id)
	if err != nil {
		return nil, err
	}
	users, err := collect(q.in.AllMembers(ctx, id), func(m identity.Member) (string, error) { return q.wfNameOf(m.Member) })
	out := object{
		"id": g.ID, "name": g.Name, "description": g.Description, "customer": q.org.Slug, "users": users, "userCount": len(users),
		"properties": object{"nameEditable": !g.System, "usersEditable": !g.System, "rolesEditable": true}, "roles": []object{},
	}
	if !whole || err != nil {
		return out, err
	}
	given, _, err := q.grants(ctx, q.in, identity.SubjectID(id))
	if err == nil {
		out["roles"], err = each(given, func(g grant) (object, error) { return q.wfRole(g, false) })
	}
	return out, err
}

// wfRole is a role; whole, it has its groups. What Wavefront samples is listed whole.
func (q *request) wfRole(g grant, whole bool) (object, error) {
	groups, accounts, count := []object{}, []string{}, 0
	for b, err := range q.in.AllBindings(q.Context(), identity.BindingFilter{Role: g.Role}) {
		if err != nil {
			return nil, err
		}
		group, none := identity.ParseID[identity.Group](string(b.Subject))
		if none != nil {
			name, err := q.wfNameOf(b.Subject)
			if err != nil {
				return nil, err
			}
			accounts = append(accounts, name)
		} else if count++; whole {
			linked, err := q.wfGroup(group, false)
			if err != nil {
				return nil, err
			}
			groups = append(groups, linked)
		}
	}
	r, stored := g.role, !strings.HasPrefix(string(g.Role), policy.CodePrefix)
	return object{
		"id": r.ID, "name": r.Name, "description": r.Description, "customer": q.org.Slug,
		"permissions": append([]string{}, r.Permissions...), "restrictedPermissions": append([]string{}, r.Exclusions...),
		"linkedGroupsCount": count, "sampleLinkedGroups": groups, "linkedAccountsCount": len(accounts), "sampleLinkedAccounts": accounts,
		"createdEpochMillis": millis(r.CreatedAt), "lastUpdatedMs": millis(r.UpdatedAt), "lastUpdatedAccountId": r.UpdatedBy,
		"properties": object{"nameEditable": false, "usersAddable": true, "usersRemovable": true, "permsEditable": stored, "deletable": stored},
	}, nil
}

// wfNameOf is the identifier of an account, or the id of a group.
func (q *request) wfNameOf(id identity.SubjectID) (string, error) {
	account, err := identity.ParseID[identity.Account](string(id))
	if err != nil {
		return string(id), nil
	}
	a, err := q.in.Account(q.Context(), account)
	return wfIdentifier(a), err
}

// millis is a time in the milliseconds of Wavefront; 0 is never.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// wfOne makes a call of what is to be done with the account, of a kind or of any, that its path names.
func wfOne(kind identity.AccountKind, do func(*request, identity.Account) (any, error)) func(*request) (any, error) {
	return func(q *request) (any, error) {
		a, err := wfFind(q.Context(), q.in, q.PathValue("id"))
		if err == nil && kind != "" && a.Kind != kind {
			err = identity.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		return do(q, a)
	}
}

func wfWhole(q *request, a identity.Account) (any, error) { return q.wfAccount(a, true) }
func wfThin(q *request, a identity.Account) (any, error)  { return q.wfAccount(a, false) }

// wfFunctions are the things that an account may do, from wherever it may.
func wfFunctions(q *request, a identity.Account) (any, error) {
	held, err := q.in.PermissionsOn(q.Context(), identity.AccountRequest{Account: a.ID, Path: policy.Root})
	return append([]string{}, held.Names()...), err
}

// wfState is a call that changes the state of a service account and answers with it.
func wfState(change func(*identity.OrgAdmin, context.Context, identity.AccountID) (bool, error)) func(*request) (any, error) {
	return wfOne(identity.ServiceAccount, func(q *request, a identity.Account) (any, error) {
		if _, err := change(q.in, q.Context(), a.ID); err != nil {
			return nil, err
		}
		return wfOne(identity.ServiceAccount, wfWhole)(q)
	})
}

// wfAll is a call for all accounts of a kind; Wavefront has no pages here.
func wfAll(kind identity.AccountKind) func(*request) (any, error) {
	return func(q *request) (any, error) {
		items, _, err := q.wfFrom(identity.AccountFilter{Kind: kind}, 0, math.MaxInt, true)
		return items, err
	}
}

// wfPage is a page of all accounts. The library's pages go on from a cursor; an offset is counted.
func wfPage(q *request) (any, error) {
	offset, limit := q.count("offset"), min(cmp.Or(q.count("limit"), 100), 1000)
	items, more, err := q.wfFrom(identity.AccountFilter{}, offset, limit, false)
	return object{"items": items, "offset": offset, "limit": limit, "moreItems": more}, err
}

// wfFrom shows accounts that were not deleted.
func (q *request) wfFrom(f identity.AccountFilter, offset, limit int, whole bool) (items []object, more bool, err error) {
	if items = []object{}; offset < 0 || limit < 1 {
		return nil, false, identity.ErrInvalid
	}
	for a, err := range q.in.AllAccounts(q.Context(), f) {
		switch {
		case err != nil:
			return nil, false, err
		case a.State == identity.AccountDeleted:
		case offset > 0:
			offset--
		case len(items) == limit:
			return items, true, nil
		default:
			view, err := q.wfAccount(a, whole)
			if err != nil {
				return nil, false, err
			}
			items = append(items, view)
		}
	}
	return items, false, nil
}

// wfAdmins are the users whom others ask for access: everybody may know them, so the host asks.
func wfAdmins(q *request) (any, error) {
	permission, _ := q.id.Permission("user_management")
	o := q.id.System("whom to ask for access").In(q.org.ID)
	names, err := collect(o.WhoCan(q.Context(), identity.WhoCanRequest{Permission: permission, Path: policy.Root}), func(h identity.Holder) (string, error) {
		if h.Kind != identity.User || h.Org != q.org.ID {
			return "", nil
		}
		a, err := o.Account(q.Context(), h.Account)
		return a.Name, err
	})
	return slices.DeleteFunc(names, func(name string) bool { return name == "" }), err
}

// wfValidate tells accounts from what is none, before something is done with many.
func wfValidate(q *request, names []string) (any, error) {
	valid, invalid := []any{}, []string{}
	for _, name := range names {
		a, err := wfFind(q.Context(), q.in, name)
		if errors.Is(err, identity.ErrNotFound) {
			invalid = append(invalid, name)
			continue
		}
		var view any
		if err == nil {
			view, err = wfThin(q, a)
		}
		if err != nil {
			return nil, err
		}
		valid = append(valid, view)
	}
	return object{"validUsers": valid, "invalidIdentifiers": invalid}, nil
}
