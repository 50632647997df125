package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// wavefront is the 26 account operations of Wavefront. What its bodies call groups are permissions here, given to an account
// directly; its user groups are groups. An account is known by its identifier: an e-mail address, or sa:: and a name.
func wavefront() system {
	const may, login = "user_management", "login"
	return system{
		name: "wavefront", prefix: "/api/v2/", org: orgOfCaller, account: wfAccount, show: (*request).wfWhole,
		permissions: strings.Fields(may + " " + login + ` agent_management alerts_management dashboard_management
			embedded_charts events_management external_links_management host_tag_management metrics_management`),
		roles: []identity.CodeRole{{Name: "wavefront/user", Permissions: []string{login}}},
		calls: []call{ // the first that matches serves
			{"Get Users With Accounts Permission", "GET /api/v2/account/user/admin", login, 200, wfAdmins},
			{"Create Or Update User Account", "POST /api/v2/account/user", may, 200, body(wfUpsertUser)},
			{"Invite User Accounts", "POST /api/v2/account/user/invite", may, 200, body(wfInvite)},
			{"Get All User Accounts", "GET /api/v2/account/user", may, 200, wfAll(identity.User)},
			{"Get User Account", "GET /api/v2/account/user/{user}", may, 200, get},
			{"Update User Account", "PUT /api/v2/account/user/{user}", may, 200, body(wfUpdateUser)},
			{"Create Service Account", "POST /api/v2/account/serviceaccount", may, 200, body(wfPut)},
			{"Get All Service Accounts", "GET /api/v2/account/serviceaccount", may, 200, wfAll(identity.ServiceAccount)},
			{"Get Service Account", "GET /api/v2/account/serviceaccount/{service}", may, 200, get},
			{"Update Service Account", "PUT /api/v2/account/serviceaccount/{service}", may, 200, body(wfPut)},
			{"Activate Account", "POST /api/v2/account/serviceaccount/{service}/activate", may, 200, change((*admin).ActivateAccount)},
			{"Deactivate Account", "POST /api/v2/account/serviceaccount/{service}/deactivate", may, 200, change((*admin).DeactivateAccount)},
			{"Validate Accounts", "POST /api/v2/account/validateAccounts", may, 200, body(wfValidate)},
			{"Delete Multiple Accounts", "POST /api/v2/account/deleteAccounts", may, 200, wfEach(wfDelete)},
			{"Grant Permission To Accounts", "POST /api/v2/account/grant/{permission}", may, 200, wfEach((*admin).AddPermissions)},
			{"Revoke Permission From Accounts", "POST /api/v2/account/revoke/{permission}", may, 200, wfEach((*admin).RemovePermissions)},
			{"Get All Accounts", "GET /api/v2/account", may, 200, wfPage},
			{"Get Account", "GET /api/v2/account/{any}", may, 200, wfGetThin},
			{"Delete Account", "DELETE /api/v2/account/{any}", may, 200, wfEach(wfDelete)},
			{"Get Account Business Functions", "GET /api/v2/account/{any}/businessFunctions", may, 200, wfFunctions},
			{"Add Account To Roles", "POST /api/v2/account/{any}/addRoles", may, 200, wfEdit(wfAddRole)},
			{"Remove Account From Roles", "POST /api/v2/account/{any}/removeRoles", may, 200, wfEdit(wfRemoveRole)},
			{"Add Account To User Groups", "POST /api/v2/account/{any}/addUserGroups", may, 200, wfEdit(wfMember((*admin).AddMember))},
			{"Remove Account From User Groups", "POST /api/v2/account/{any}/removeUserGroups", may, 200, wfEdit(wfMember((*admin).RemoveMember))},
			{"Grant Account Permission", "POST /api/v2/account/{any}/grant/{permission}", may, 200, wfEach((*admin).AddPermissions)},
			{"Revoke Account Permission", "POST /api/v2/account/{any}/revoke/{permission}", may, 200, wfEach((*admin).RemovePermissions)},
		},
		container: func(response any) any {
			return object{"status": object{"result": "OK", "message": "", "code": http.StatusOK}, "response": response}
		},
		refusal: func(status int, text string) object {
			return object{"status": object{"result": "ERROR", "message": text, "code": status}}
		},
	}
}

// wfAccount finds an account by its identifier.
func wfAccount(q *request, identifier string) (identity.Account, error) {
	f := identity.AccountFilter{Kind: identity.User, Name: strings.ToLower(identifier)}
	if name, ok := strings.CutPrefix(f.Name, wfServicePrefix); ok {
		f.Kind, f.Name = identity.ServiceAccount, name
	}
	if f.Name == "" { // which would select all
		return identity.Account{}, identity.ErrNotFound
	}
	found, err := q.in.Accounts(q.Context(), f, identity.Page{Limit: 1})
	if err != nil || len(found.Items) == 0 {
		return identity.Account{}, cmp.Or(err, identity.ErrNotFound)
	}
	return found.Items[0], nil
}

func wfGetThin(q *request) any   { return q.wfThin(q.account) }
func wfFunctions(q *request) any { return q.wfMay(q.account) }

// wfAll is a call for all accounts of a kind; Wavefront has no pages here.
func wfAll(kind identity.AccountKind) handler {
	return func(q *request) any { return each(slices.Values(q.wfAccounts(kind)), q.show) }
}

// wfPage is a page of all accounts. The library's pages go on from a cursor; an offset is counted.
func wfPage(q *request) any {
	offset, limit := q.count("offset"), min(cmp.Or(q.count("limit"), 100), 1000)
	if offset < 0 || limit < 1 {
		return q.invalid("offset or limit")
	}
	rest := q.wfAccounts("")
	rest = rest[min(offset, len(rest)):]
	items := each(slices.Values(rest[:min(limit, len(rest))]), q.wfThin)
	return object{"items": items, "offset": offset, "limit": limit, "moreItems": len(items) < len(rest)}
}

// wfAccounts are the accounts of a kind, or of any, that were not deleted.
func (q *request) wfAccounts(kind identity.AccountKind) []identity.Account {
	all := slices.Collect(read(q, q.in.AllAccounts, identity.AccountFilter{Kind: kind}))
	return slices.DeleteFunc(all, func(a identity.Account) bool { return a.State == identity.AccountDeleted })
}

// wfAdmins are the users whom others ask for access: everybody may know them, so the host asks.
func wfAdmins(q *request) any {
	permission, _ := q.id.Permission("user_management")
	o, names := q.id.System("whom to ask for access").In(q.org.ID), []string{}
	for h := range read(q, o.WhoCan, identity.WhoCanRequest{Permission: permission, Path: policy.Root}) {
		if h.Kind == identity.User && h.Org == q.org.ID {
			names = append(names, ask(q, o.Account, h.Account).Name)
		}
	}
	return names
}

// wfValidate tells accounts from what is none, before something is done with many.
func wfValidate(q *request, names []string) any {
	valid, invalid := []object{}, []string{}
	for _, name := range names {
		a, err := q.find(name, "")
		if errors.Is(err, identity.ErrNotFound) {
			invalid = append(invalid, name)
			continue
		}
		q.check(err)
		valid = append(valid, q.wfThin(a))
	}
	return object{"validUsers": valid, "invalidIdentifiers": invalid}
}

type wfServiceAccountBody struct {
	Identifier  string
	Active      *bool
	Description *string
	Tokens      []string // ids, or names, of tokens that there are, and names of those to make
	wfGiven
}

// wfPut makes a service account what a body says; if the path names none, it makes one.
func wfPut(q *request, in wfServiceAccountBody) any {
	a := q.account
	if a.ID == "" {
		name := strings.TrimPrefix(strings.ToLower(in.Identifier), wfServicePrefix)
		a = ask(q, q.in.CreateServiceAccount, identity.ServiceAccountSpec{Name: name, DisplayName: in.Identifier}).Account
	} else if in.Identifier != wfIdentifier(a) {
		return q.invalid("an identifier never changes")
	}
	if in.Active != nil && *in.Active {
		ask(q, q.in.ActivateAccount, a.ID) // first: an inactive account gets no tokens
	}
	if in.Description != nil {
		q.done(q.in.UpdateAccount(q.Context(), a.ID, identity.AccountPatch{Description: in.Description}))
	}
	if in.Tokens != nil {
		q.wfSetTokens(a, in.Tokens)
	}
	if in.Active != nil && !*in.Active {
		ask(q, q.in.DeactivateAccount, a.ID)
	}
	return q.wfGive(a, in.wfGiven)
}

// wfSetTokens keeps the tokens that are listed, makes those that are not there, and revokes the others.
func (q *request) wfSetTokens(a identity.Account, want []string) {
	missing := slices.Clone(want)
	for c := range q.wfTokens(a) {
		if listed := []string{string(c.ID), c.Name}; len(without(listed, want)) < len(listed) {
			missing = without(missing, listed)
		} else {
			ask(q, q.in.RevokeCredential, c.ID)
		}
	}
	for _, name := range missing {
		t, err := q.in.CreateAPIToken(q.Context(), a.ID, identity.APITokenSpec{Name: name})
		q.check(err)
		q.made[t.ID] = t.Secret
	}
}

type wfUserBody struct {
	EmailAddress string
	wfGiven
}

// wfUpsertUser makes a user, or gives one that is there what the body says. Who is to be asked first is invited instead.
func wfUpsertUser(q *request, in wfUserBody) any {
	if send := q.URL.Query().Get("sendEmail"); send != "" && send != "false" {
		return q.invalid("mail goes out with an invitation")
	}
	user := ask(q, q.in.EnsureUser, identity.UserSpec{Email: in.EmailAddress})
	return q.wfGive(user.Account, in.wfGiven)
}

type wfUserChange struct {
	Identifier, Credential, Customer string
	SSOID                            *string
	wfGiven
}

func wfUpdateUser(q *request, in wfUserChange) any {
	if in.Identifier != q.PathValue("user") || in.Credential != "" || in.Customer != "" && in.Customer != q.org.Slug {
		return q.invalid("no password is kept here, and neither name nor org of a user changes")
	}
	if in.SSOID != nil {
		q.done(q.in.UpdateAccount(q.Context(), q.account.ID, identity.AccountPatch{External: new(external("sso", *in.SSOID))}))
	}
	return q.wfGive(q.account, in.wfGiven)
}

// wfInvite invites all of them or none. What each is to accept with goes into its mail, and into no answer.
func wfInvite(q *request, in []wfUserBody) any {
	return each(slices.Values(in), func(one wfUserBody) any {
		i := ask(q, q.in.Invite, identity.InvitationSpec{User: identity.UserSpec{Email: one.EmailAddress}})
		q.after = append(q.after, func() { q.mail(i.Account.Name, i.Secret) })
		return q.wfGive(i.Account, one.wfGiven)
	})
}

// wfGiven is what an account is given: groups, direct permissions and roles. A list that is absent stays as it is.
type wfGiven struct{ UserGroups, Groups, Roles []string }

// wfGive makes what an account is given what a body says, and leaves alone what is given elsewhere than at the whole org.
func (q *request) wfGive(a identity.Account, want wfGiven) any {
	given, direct := q.grants(identity.SubjectID(a.ID))
	q.wfSet(a, wfRoleIDs(given), want.Roles, wfRemoveRole, wfAddRole)
	q.wfSet(a, q.wfGroupIDs(a), want.UserGroups, wfMember((*admin).RemoveMember), wfMember((*admin).AddMember))
	q.wfSet(a, direct, want.Groups, wfPermit((*admin).RemovePermissions), wfPermit((*admin).AddPermissions))
	return q.show(ask(q, q.in.Account, a.ID))
}

func (q *request) wfSet(a identity.Account, have, want []string, remove, add wfChange) {
	if want != nil {
		remove.each(q, a, without(have, want))
		add.each(q, a, without(want, have))
	}
}

func without(list, less []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(less, s) })
}

// wfChange gives one thing to an account, or takes it away.
type wfChange func(q *request, a identity.AccountID, id string)

func wfAddRole(q *request, a identity.AccountID, role string) {
	ask(q, q.in.EnsureBinding, identity.BindingSpec{Subject: identity.SubjectID(a), Role: role, Scope: policy.Root})
}

func wfRemoveRole(q *request, a identity.AccountID, role string) {
	which := identity.BindingFilter{Subject: identity.SubjectID(a), Role: identity.RoleRef(role), Scope: policy.Root}
	for b := range read(q, q.in.AllBindings, which) {
		q.check(q.in.DeleteBinding(q.Context(), b.ID))
	}
}

// wfMember is a change of the groups that an account is in.
func wfMember(do func(*admin, context.Context, identity.GroupID, identity.SubjectID) (bool, error)) wfChange {
	return func(q *request, a identity.AccountID, group string) {
		q.done(do(q.in, q.Context(), identity.GroupID(group), identity.SubjectID(a)))
	}
}

func (do wfChange) each(q *request, a identity.Account, ids []string) {
	for _, id := range ids {
		do(q, a.ID, id)
	}
}

// wfEdit is a call that changes what the account of its path is given, by each id of its body.
func wfEdit(do wfChange) handler {
	return body(func(q *request, ids []string) any {
		do.each(q, q.account, ids)
		return q.wfThin(q.account)
	})
}

// wfMany is a method of the library for many accounts, each judged by itself.
type wfMany = func(*admin, context.Context, []identity.AccountID, []string) ([]identity.Result[identity.AccountID], error)

func wfDelete(o *admin, ctx context.Context, accounts []identity.AccountID, _ []string) ([]identity.Result[identity.AccountID], error) {
	return o.DeleteAccounts(ctx, accounts)
}

// wfPermit is a change of the permissions that an account has directly.
func wfPermit(do wfMany) wfChange {
	return func(q *request, a identity.AccountID, permission string) {
		results, err := do(q.in, q.Context(), []identity.AccountID{a}, []string{permission})
		q.check(err)
		for _, r := range results {
			q.check(r.Err)
		}
	}
}

// wfEach is a call for the accounts of its path or its body: it answers with those for which it was done, and fails if there are none.
func wfEach(do wfMany) handler {
	many := func(q *request, names []string) any {
		accounts := each(slices.Values(names), func(name string) identity.AccountID {
			a, err := q.find(name, "")
			q.check(err)
			return a.ID
		})
		results, err := do(q.in, q.Context(), accounts, []string{q.PathValue("permission")})
		done := []string{}
		for i, r := range results {
			if err = cmp.Or(err, r.Err); r.Err == nil {
				done = append(done, names[i])
			}
		}
		if len(done) == 0 {
			q.check(err)
		}
		return done
	}
	return func(q *request) any {
		if one := q.PathValue("any"); one != "" {
			return many(q, []string{one})
		}
		return body(many)(q)
	}
}
