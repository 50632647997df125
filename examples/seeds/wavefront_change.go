package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// wfGiven is what an account is given: groups, direct permissions and roles. A list that is absent stays as it is.
type wfGiven struct {
	UserGroups []string `json:"userGroups"`
	Groups     []string `json:"groups"`
	Roles      []string `json:"roles"`
}

type wfServiceAccountBody struct {
	Identifier  string   `json:"identifier"`
	Active      *bool    `json:"active"`
	Description *string  `json:"description"`
	Tokens      []string `json:"tokens"` // ids, or names, of tokens that there are, and names of those to make
	wfGiven
}

type wfUserBody struct {
	EmailAddress string `json:"emailAddress"`
	wfGiven
}

// wfEdit gives something to an account, or takes it away.
type wfEdit struct {
	context.Context
	*identity.OrgAdmin
	a identity.Account
}

func (e wfEdit) subject() identity.SubjectID { return identity.SubjectID(e.a.ID) }

func (e wfEdit) addRole(id string) error {
	_, err := e.EnsureBinding(e, identity.BindingSpec{Subject: e.subject(), Role: id, Scope: policy.Root})
	return err
}

func (e wfEdit) removeRole(id string) error {
	f := identity.BindingFilter{Subject: e.subject(), Role: identity.RoleRef(id), Scope: policy.Root}
	_, err := collect(e.AllBindings(e, f), func(b identity.Binding) (any, error) { return nil, e.DeleteBinding(e, b.ID) })
	return err
}

func (e wfEdit) join(group string) error {
	_, err := e.AddMember(e, identity.GroupID(group), e.subject())
	return err
}

func (e wfEdit) leave(group string) error {
	_, err := e.RemoveMember(e, identity.GroupID(group), e.subject())
	return err
}

// wfSet makes what an account is given what a body says, and leaves alone what is given elsewhere than at the whole org.
func (q *request) wfSet(ctx context.Context, o *identity.OrgAdmin, a identity.Account, want wfGiven) error {
	e := wfEdit{ctx, o, a}
	given, direct, err := q.grants(ctx, o, e.subject())
	if err == nil && want.Roles != nil {
		roles := wfRoleIDs(given)
		err = errors.Join(forEach(without(roles, want.Roles), e.removeRole), forEach(without(want.Roles, roles), e.addRole))
	}
	if err == nil && want.UserGroups != nil {
		groups, failed := collect(o.AllMemberships(ctx, e.subject()), func(m identity.Member) (string, error) { return string(m.Group), nil })
		err = errors.Join(failed, forEach(without(groups, want.UserGroups), e.leave), forEach(without(want.UserGroups, groups), e.join))
	}
	if err == nil && want.Groups != nil {
		gone, err1 := o.RemovePermissions(ctx, []identity.AccountID{a.ID}, without(direct, want.Groups))
		more, err2 := o.AddPermissions(ctx, []identity.AccountID{a.ID}, without(want.Groups, direct))
		err = errors.Join(err1, err2)
		for _, r := range append(gone, more...) {
			err = errors.Join(err, r.Err)
		}
	}
	return err
}

func forEach(ids []string, do func(string) error) error {
	_, err := each(ids, func(id string) (struct{}, error) { return struct{}{}, do(id) })
	return err
}

func without(list, less []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(less, s) })
}

func wfCreate(q *request, in wfServiceAccountBody) (any, error) {
	return q.wfPut(in, func(ctx context.Context, o *identity.OrgAdmin) (identity.Account, error) {
		made, err := o.CreateServiceAccount(ctx, identity.ServiceAccountSpec{
			Name: strings.TrimPrefix(strings.ToLower(in.Identifier), wfServicePrefix), DisplayName: in.Identifier,
		})
		return made.Account, err
	})
}

func wfUpdate(q *request, in wfServiceAccountBody) (any, error) {
	return wfOne(identity.ServiceAccount, func(q *request, a identity.Account) (any, error) {
		if in.Identifier != wfIdentifier(a) {
			return nil, fmt.Errorf("%w: an identifier never changes", identity.ErrInvalid)
		}
		return q.wfPut(in, func(context.Context, *identity.OrgAdmin) (identity.Account, error) { return a, nil })
	})(q)
}

// wfPut makes a service account what a body says. The text of a token is shown in the answer to the call that made it.
func (q *request) wfPut(in wfServiceAccountBody, of func(context.Context, *identity.OrgAdmin) (identity.Account, error)) (any, error) {
	made := map[identity.CredentialID]token.Secret{}
	out, err := q.wfGive(in.wfGiven, func(ctx context.Context, o *identity.OrgAdmin) (identity.Account, error) {
		a, err := of(ctx, o)
		if err == nil && in.Active != nil && *in.Active {
			_, err = o.ActivateAccount(ctx, a.ID) // first: an inactive account gets no tokens
		}
		if err == nil && in.Description != nil {
			_, err = o.UpdateAccount(ctx, a.ID, identity.AccountPatch{Description: in.Description})
		}
		if err == nil && in.Tokens != nil {
			err = wfSetTokens(ctx, o, a, in.Tokens, made)
		}
		if err == nil && in.Active != nil && !*in.Active {
			_, err = o.DeactivateAccount(ctx, a.ID)
		}
		if err != nil {
			return a, err
		}
		return o.Account(ctx, a.ID)
	})
	if err != nil {
		return nil, err
	}
	for _, t := range out["tokens"].([]object) {
		if text, ok := made[t["tokenID"].(identity.CredentialID)]; ok {
			t["tokenID"] = text.Reveal()
		}
	}
	return out, nil
}

// wfGive gives an account what a body says, in one transaction with the call that finds or makes it.
func (q *request) wfGive(want wfGiven, of func(context.Context, *identity.OrgAdmin) (identity.Account, error)) (object, error) {
	var a identity.Account
	err := q.write(func(ctx context.Context, o *identity.OrgAdmin) (err error) {
		if a, err = of(ctx, o); err == nil {
			err = q.wfSet(ctx, o, a, want)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return q.wfAccount(a, true)
}

// wfSetTokens keeps the tokens that are listed, makes those that are not there, and revokes the others.
func wfSetTokens(ctx context.Context, o *identity.OrgAdmin, a identity.Account, want []string, made map[identity.CredentialID]token.Secret) error {
	missing := slices.Clone(want)
	for c, err := range o.AllCredentials(ctx, wfTokensOf(a)) {
		if err != nil {
			return err
		}
		if listed := []string{string(c.ID), c.Name}; len(without(listed, want)) < len(listed) {
			missing = without(missing, listed)
		} else if _, err := o.RevokeCredential(ctx, c.ID); err != nil {
			return err
		}
	}
	return forEach(missing, func(name string) error {
		t, err := o.CreateAPIToken(ctx, a.ID, identity.APITokenSpec{Name: name})
		made[t.ID] = t.Secret
		return err
	})
}

// wfUpsertUser makes a user, or gives one that is there what the body says. Who is to be asked first is invited instead.
func wfUpsertUser(q *request, in wfUserBody) (any, error) {
	if send := q.URL.Query().Get("sendEmail"); send != "" && send != "false" {
		return nil, fmt.Errorf("%w: mail goes out with an invitation", identity.ErrInvalid)
	}
	return q.wfGive(in.wfGiven, func(ctx context.Context, o *identity.OrgAdmin) (identity.Account, error) {
		user, err := o.EnsureUser(ctx, identity.UserSpec{Email: in.EmailAddress})
		return user.Account, err
	})
}

type wfUserChange struct {
	Identifier string  `json:"identifier"`
	SSOID      *string `json:"ssoId"`
	Credential string  `json:"credential"`
	Customer   string  `json:"customer"`
	wfGiven
}

func wfUpdateUser(q *request, in wfUserChange) (any, error) {
	if in.Identifier != q.PathValue("id") || in.Credential != "" || in.Customer != "" && in.Customer != q.org.Slug {
		return nil, fmt.Errorf("%w: no password is kept here, and neither name nor org of a user changes", identity.ErrInvalid)
	}
	return q.wfGive(in.wfGiven, func(ctx context.Context, o *identity.OrgAdmin) (identity.Account, error) {
		user, err := wfFind(ctx, o, in.Identifier)
		if err != nil || in.SSOID == nil {
			return user, err
		}
		id := external("sso", *in.SSOID)
		return o.UpdateAccount(ctx, user.ID, identity.AccountPatch{External: &id})
	})
}

// wfInvite invites all of them or none. What each is to accept with goes into its mail, and into no answer.
func wfInvite(q *request, in []wfUserBody) (any, error) {
	var invited []identity.InvitationResult
	err := q.write(func(ctx context.Context, o *identity.OrgAdmin) (err error) {
		invited, err = each(in, func(one wfUserBody) (identity.InvitationResult, error) {
			i, err := o.Invite(ctx, identity.InvitationSpec{User: identity.UserSpec{Email: one.EmailAddress}})
			if err == nil {
				err = q.wfSet(ctx, o, i.Account, one.wfGiven)
			}
			return i, err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return each(invited, func(i identity.InvitationResult) (any, error) {
		q.mail(i.Account.Name, i.Secret)
		return wfWhole(q, i.Account)
	})
}

// wfLists is a call that edits what one account is given.
func wfLists(edit func(wfEdit, string) error) func(*request) (any, error) {
	return body(func(q *request, ids []string) (any, error) {
		return wfOne("", func(q *request, a identity.Account) (any, error) {
			err := q.write(func(ctx context.Context, o *identity.OrgAdmin) error {
				return forEach(ids, func(id string) error { return edit(wfEdit{ctx, o, a}, id) })
			})
			if err != nil {
				return nil, err
			}
			return wfThin(q, a)
		})(q)
	})
}

// wfEach is a call for the accounts that its path or its body names, each judged by itself: it answers with those for which it
// was done, and fails if there are none.
func wfEach(do func(*request, []identity.AccountID) ([]identity.Result[identity.AccountID], error)) func(*request, []string) (any, error) {
	return func(q *request, names []string) (any, error) {
		ids, err := each(names, func(name string) (identity.AccountID, error) {
			a, err := wfFind(q.Context(), q.in, name)
			return a.ID, err
		})
		if err != nil {
			return nil, err
		}
		results, err := do(q, ids)
		done := []string{}
		for i, r := range results {
			if err = cmp.Or(err, r.Err); r.Err == nil {
				done = append(done, names[i])
			}
		}
		if len(done) > 0 {
			err = nil
		}
		return done, err
	}
}

// wfNamed makes a call for the account that its path names of one for many.
func wfNamed(do func(*request, []string) (any, error)) func(*request) (any, error) {
	return func(q *request) (any, error) { return do(q, []string{q.PathValue("id")}) }
}

func wfDelete(q *request, ids []identity.AccountID) ([]identity.Result[identity.AccountID], error) {
	return q.in.DeleteAccounts(q.Context(), ids)
}

func wfGrant(q *request, ids []identity.AccountID) ([]identity.Result[identity.AccountID], error) {
	return q.in.AddPermissions(q.Context(), ids, []string{q.PathValue("permission")})
}

func wfRevoke(q *request, ids []identity.AccountID) ([]identity.Result[identity.AccountID], error) {
	return q.in.RemovePermissions(q.Context(), ids, []string{q.PathValue("permission")})
}
