package main

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// wfThin is an account with the ids of its groups and roles only.
func (q *request) wfThin(a identity.Account) object {
	given, direct := q.grants(identity.SubjectID(a.ID))
	groups, united := q.wfGroupIDs(a), slices.Clone(given)
	for _, id := range groups {
		through, _ := q.grants(identity.SubjectID(id))
		united = append(united, through...)
	}
	return object{
		"identifier": wfIdentifier(a), "groups": direct, "roles": wfRoleIDs(given), "userGroups": groups,
		"unitedRoles": wfRoleIDs(united), "unitedPermissions": q.wfMay(a),
	}
}

// wfWhole is an account with all that Wavefront shows of it.
func (q *request) wfWhole(a identity.Account) object {
	out := q.wfThin(a)
	given, _ := q.grants(identity.SubjectID(a.ID))
	out["userGroups"] = each(slices.Values(q.wfGroupIDs(a)), func(id string) object { return q.wfGroup(identity.GroupID(id), true) })
	out["roles"] = each(slices.Values(given), q.wfRole)
	if a.Kind == identity.User {
		out["customer"], out["ssoId"], out["lastSuccessfulLogin"] = q.org.Slug, a.External.Subject, millis(a.LastUsed)
		return out
	}
	active := a.State == identity.AccountActive
	kind := map[bool]string{true: "SERVICE_ACCOUNT", false: "INACTIVE_SERVICE_ACCOUNT"}[active]
	out["active"], out["description"], out["lastUsed"] = active, a.Description, millis(a.LastUsed)
	out["tokens"] = each(q.wfTokens(a), func(c identity.Credential) object {
		id := string(c.ID)
		if text, ok := q.made[c.ID]; ok {
			id = text.Reveal() // which is Wavefront's id of a token
		}
		return object{
			"tokenID": id, "tokenName": c.Name, "account": wfIdentifier(a), "accountType": kind,
			"lastUsed": millis(c.LastUsed), "dateGenerated": millis(c.CreatedAt),
		}
	})
	return out
}

// wfMay are the things that an account may do, from wherever it may.
func (q *request) wfMay(a identity.Account) []string {
	return append([]string{}, ask(q, q.in.PermissionsOn, identity.AccountRequest{Account: a.ID, Path: policy.Root}).Names()...)
}

func (q *request) wfTokens(a identity.Account) iter.Seq[identity.Credential] {
	return read(q, q.in.AllCredentials, identity.CredentialFilter{Account: a.ID, Type: identity.APIToken, State: identity.CredentialActive})
}

func (q *request) wfGroupIDs(a identity.Account) []string {
	return each(read(q, q.in.AllMemberships, identity.SubjectID(a.ID)), func(m identity.Member) string { return string(m.Group) })
}

// wfRoleIDs are the ids of the roles given, each once.
func wfRoleIDs(given []grant) []string {
	ids := each(slices.Values(given), func(g grant) string { return string(g.role.ID) })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// wfGroup is a group; whole, it has its roles, whose groups do not list theirs again.
func (q *request) wfGroup(id identity.GroupID, whole bool) object {
	g := ask(q, q.in.Group, id)
	users := each(read(q, q.in.AllMembers, id), func(m identity.Member) string { return q.wfNameOf(m.Member) })
	out := object{
		"id": g.ID, "name": g.Name, "description": g.Description, "customer": q.org.Slug, "users": users, "userCount": len(users),
		"properties": object{"nameEditable": !g.System, "usersEditable": !g.System, "rolesEditable": true}, "roles": []object{},
	}
	if whole {
		given, _ := q.grants(identity.SubjectID(id))
		out["roles"] = each(slices.Values(given), q.wfRole)
	}
	return out
}

// wfRole is a role, with its groups. What Wavefront samples is listed whole.
func (q *request) wfRole(g grant) object {
	groups, accounts := []object{}, []string{}
	for b := range read(q, q.in.AllBindings, identity.BindingFilter{Role: g.Role}) {
		if group, none := identity.ParseID[identity.Group](string(b.Subject)); none == nil {
			groups = append(groups, q.wfGroup(group, false))
		} else {
			accounts = append(accounts, q.wfNameOf(b.Subject))
		}
	}
	r, stored := g.role, !strings.HasPrefix(string(g.Role), policy.CodePrefix)
	return object{
		"id": r.ID, "name": r.Name, "description": r.Description, "customer": q.org.Slug,
		"permissions": append([]string{}, r.Permissions...), "restrictedPermissions": append([]string{}, r.Exclusions...),
		"linkedGroupsCount": len(groups), "sampleLinkedGroups": groups, "linkedAccountsCount": len(accounts), "sampleLinkedAccounts": accounts,
		"createdEpochMillis": millis(r.CreatedAt), "lastUpdatedMs": millis(r.UpdatedAt), "lastUpdatedAccountId": r.UpdatedBy,
		"properties": object{"nameEditable": false, "usersAddable": true, "usersRemovable": true, "permsEditable": stored, "deletable": stored},
	}
}

// wfNameOf is the identifier of an account, or the id of a group.
func (q *request) wfNameOf(id identity.SubjectID) string {
	if account, none := identity.ParseID[identity.Account](string(id)); none == nil {
		return wfIdentifier(ask(q, q.in.Account, account))
	}
	return string(id)
}

// millis is a time in the milliseconds of Wavefront; 0 is never, as what is before 1970.
func millis(t time.Time) int64 { return max(0, t.UnixMilli()) }

const wfServicePrefix = "sa::"

func wfIdentifier(a identity.Account) string {
	if a.Kind == identity.ServiceAccount {
		return wfServicePrefix + a.Name
	}
	return a.Name
}
