package identity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// call is one management method, called so that it succeeds on fresh targets.
type call struct {
	inSystem bool     // checked in the system org
	reads    bool     // writes nothing
	hostOnly bool     // refused to every principal
	own      bool     // of targets.User alone, which needs no permission for it
	still    bool     // finds nothing to change
	holds    []string // what its actor has to hold at Root besides
	run      func(ctx context.Context, s *identity.Admin, x targets) error
}

// targets are what the calls work on: one org, and one thing of each kind.
type targets struct {
	Org        identity.OrgID
	Slug       string
	User       identity.AccountID // without rights
	Idle       identity.AccountID // inactive
	Group      identity.GroupID   // empty and unbound
	Full       identity.GroupID   // has User as its only member
	Role       identity.RoleID    // without permissions, unbound
	Archived   identity.RoleID
	Bound      identity.RoleID // without permissions
	Binding    identity.BindingID
	Eligible   identity.BindingID    // of User
	Credential identity.CredentialID // of User
	Disabled   identity.CredentialID // of User
	Secret     identity.CredentialID // an API token of User
	Invited    identity.AccountID    // has not accepted
	Key        []byte                // a PEM that is registered nowhere
	Copy       []byte                // a path where nothing is
	Token      string                // an access token of User
	SigningKey string                // the current one
}

// targets makes an org with its targets, in one transaction.
func (w *world) targets(slug string) targets {
	w.t.Helper()
	x := targets{Slug: slug, Copy: []byte(filepath.Join(w.t.TempDir(), "copy.db"))}
	_, first := newKey(w.t)
	_, second := newKey(w.t)
	_, x.Key = newKey(w.t)
	for _, k := range w.id.SigningKeys() {
		if k.State == identity.KeyCurrent {
			x.SigningKey = k.ID
		}
	}
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		sys := tx.System("targets")
		x.Org = must(sys.CreateOrg(ctx, identity.OrgSpec{Slug: slug}))(w.t).ID
		in := sys.In(x.Org)
		x.User = must(in.CreateUser(ctx, identity.UserSpec{Email: "user@example.com"}))(w.t).ID
		x.Idle = must(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: "idle", Inactive: true}))(w.t).ID
		x.Invited = must(in.Invite(ctx, inviting("invited@example.com")))(w.t).Account.ID
		x.Group = must(in.CreateGroup(ctx, identity.GroupSpec{Name: "empty"}))(w.t).ID
		x.Full = must(in.CreateGroup(ctx, identity.GroupSpec{Name: "full"}))(w.t).ID
		must(in.AddMember(ctx, x.Full, identity.SubjectID(x.User)))(w.t)
		x.Role = must(in.CreateRole(ctx, identity.RoleSpec{Name: "role"}))(w.t).ID
		x.Archived = must(in.CreateRole(ctx, identity.RoleSpec{Name: "archived"}))(w.t).ID
		must(in.ArchiveRole(ctx, x.Archived))(w.t)
		x.Bound = must(in.CreateRole(ctx, identity.RoleSpec{Name: "bound"}))(w.t).ID
		x.Binding = must(in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(x.User), Role: "bound", Scope: policy.Root}))(w.t).ID
		x.Eligible = must(in.CreateBinding(ctx, identity.BindingSpec{Subject: identity.SubjectID(x.User), Role: "bound", Scope: policy.Root, Eligible: time.Hour}))(w.t).ID
		x.Credential = must(in.AddPublicKey(ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: first}))(w.t).ID
		x.Disabled = must(in.AddPublicKey(ctx, x.User, identity.PublicKeySpec{UnprovenPublicKey: second}))(w.t).ID
		must(in.DisableCredential(ctx, x.Disabled))(w.t)
		x.Secret = must(in.CreateAPIToken(ctx, x.User, identity.APITokenSpec{Name: "token"}))(w.t).ID
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	x.Token = w.tokenOf(x.Org, x.User, x.Credential, "01jtoken")
	return x
}

// by is who a call succeeds for.
func (c call) by(w *world, x targets) *identity.Admin {
	if c.own {
		return w.id.As(w.login(x.Org, x.User))
	}
	return w.sys()
}

func last[A any](_ A, err error) error { return err }

func drain[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// firstOf takes one element of a sequence that does not end.
func firstOf[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// firstFailure is what a call for many failed with, or the first of its items.
func firstFailure[T any](results []identity.Result[T], err error) error {
	for _, r := range results {
		if err == nil {
			err = r.Err
		}
	}
	return err
}

// in makes the call of a method of OrgAdmin.
func in(f func(context.Context, *identity.OrgAdmin, targets) error) func(context.Context, *identity.Admin, targets) error {
	return func(ctx context.Context, s *identity.Admin, x targets) error { return f(ctx, s.In(x.Org), x) }
}

// deletedFirst makes a call for what has to be deleted first, once more if it was not.
func deletedFirst(purge, remove func() error) error {
	err := purge()
	if errors.Is(err, identity.ErrInUse) {
		if err = remove(); err == nil {
			err = purge()
		}
	}
	return err
}

// calls has every management method. A new one turns TestPermissionTable red
// until it is here.
func calls() map[string]call {
	type (
		C = context.Context
		A = *identity.Admin
		O = *identity.OrgAdmin
	)
	name := "other"
	read, _ := policy.ParsePermission("wallets:read")
	var places [2]policy.Path
	for i := range places {
		places[i], _ = policy.NewPath("places", fmt.Sprint(i))
	}
	later := func() time.Time { return time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC) }
	return map[string]call{
		"CreateOrg":     {inSystem: true, run: func(c C, s A, _ targets) error { return last(s.CreateOrg(c, identity.OrgSpec{Slug: "created"})) }},
		"EnsureOrg":     {inSystem: true, run: func(c C, s A, _ targets) error { return last(s.EnsureOrg(c, identity.OrgSpec{Slug: "ensured"})) }},
		"Org":           {inSystem: true, reads: true, run: func(c C, s A, x targets) error { return last(s.Org(c, x.Org)) }},
		"SlugAvailable": {reads: true, inSystem: true, run: func(c C, s A, x targets) error { return last(s.SlugAvailable(c, x.Slug)) }},
		"OrgBySlug":     {inSystem: true, reads: true, run: func(c C, s A, x targets) error { return last(s.OrgBySlug(c, x.Slug)) }},
		"Orgs": {inSystem: true, reads: true, run: func(c C, s A, _ targets) error {
			return last(s.Orgs(c, identity.OrgFilter{}, identity.Page{}))
		}},
		"AllOrgs": {inSystem: true, reads: true, run: func(c C, s A, _ targets) error { return drain(s.AllOrgs(c, identity.OrgFilter{})) }},
		"UpdateOrg": {inSystem: true, run: func(c C, s A, x targets) error {
			return last(s.UpdateOrg(c, x.Org, identity.OrgPatch{DisplayName: &name}))
		}},
		"SuspendOrg": {inSystem: true, run: func(c C, s A, x targets) error { return last(s.SuspendOrg(c, x.Org)) }},
		"ResumeOrg": {still: true, inSystem: true, run: func(c C, s A, x targets) error {
			if err := last(s.SuspendOrg(c, x.Org)); err != nil { // of the same permission
				return err
			}
			return last(s.ResumeOrg(c, x.Org))
		}},
		"DeleteOrg":  {inSystem: true, run: func(c C, s A, x targets) error { return last(s.DeleteOrg(c, x.Org)) }},
		"SignOutOrg": {inSystem: true, run: func(c C, s A, x targets) error { return last(s.SignOutOrg(c, x.Org)) }},

		"CreateUser": {run: in(func(c C, o O, _ targets) error {
			return last(o.CreateUser(c, identity.UserSpec{Email: "created@example.com"}))
		})},
		"EnsureUser": {run: in(func(c C, o O, _ targets) error {
			return last(o.EnsureUser(c, identity.UserSpec{Email: "ensured@example.com"}))
		})},
		"CreateServiceAccount": {run: in(func(c C, o O, x targets) error {
			return last(o.CreateServiceAccount(c, identity.ServiceAccountSpec{Name: "created", UnprovenPublicKey: x.Key}))
		})},
		"EnsureServiceAccount": {run: in(func(c C, o O, x targets) error {
			return last(o.EnsureServiceAccount(c, identity.ServiceAccountSpec{Name: "ensured", Roles: []string{string(x.Role)}}))
		})},
		"Account": {reads: true, run: in(func(c C, o O, x targets) error { return last(o.Account(c, x.User)) })},
		"Accounts": {reads: true, run: in(func(c C, o O, _ targets) error {
			return last(o.Accounts(c, identity.AccountFilter{}, identity.Page{}))
		})},
		"AllAccounts": {reads: true, run: in(func(c C, o O, _ targets) error { return drain(o.AllAccounts(c, identity.AccountFilter{})) })},
		"UpdateAccount": {run: in(func(c C, o O, x targets) error {
			return last(o.UpdateAccount(c, x.User, identity.AccountPatch{DisplayName: &name, Labels: &map[string]string{"a": "b"}}))
		})},
		"ActivateAccount":   {run: in(func(c C, o O, x targets) error { return last(o.ActivateAccount(c, x.Idle)) })},
		"ExtendAccount":     {run: in(func(c C, o O, x targets) error { return last(o.ExtendAccount(c, x.User, later())) })},
		"DeactivateAccount": {run: in(func(c C, o O, x targets) error { return last(o.DeactivateAccount(c, x.User)) })},
		"SignOutAccount":    {run: in(func(c C, o O, x targets) error { return last(o.SignOutAccount(c, x.User)) })},
		"SetBoundary":       {run: in(func(c C, o O, x targets) error { return last(o.SetBoundary(c, x.User, string(x.Role))) })},
		"ArchiveAccount":    {run: in(func(c C, o O, x targets) error { return last(o.ArchiveAccount(c, x.User)) })},
		"DeleteAccount":     {run: in(func(c C, o O, x targets) error { return last(o.DeleteAccount(c, x.User)) })},

		"Invite": {run: in(func(c C, o O, _ targets) error { return last(o.Invite(c, inviting("created@example.com"))) })},
		"InviteMany": {run: in(func(c C, o O, _ targets) error {
			return firstFailure(o.InviteMany(c, []identity.InvitationSpec{inviting("many@example.com")}))
		})},
		"ResendInvitation": {run: in(func(c C, o O, x targets) error { return last(o.ResendInvitation(c, x.Invited, 0)) })},
		"RevokeInvitation": {run: in(func(c C, o O, x targets) error { return last(o.RevokeInvitation(c, x.Invited)) })},

		"CreateGroup": {run: in(func(c C, o O, _ targets) error { return last(o.CreateGroup(c, identity.GroupSpec{Name: "created"})) })},
		"EnsureGroup": {run: in(func(c C, o O, _ targets) error { return last(o.EnsureGroup(c, identity.GroupSpec{Name: "ensured"})) })},
		"Group":       {reads: true, run: in(func(c C, o O, x targets) error { return last(o.Group(c, x.Group)) })},
		"Groups": {reads: true, run: in(func(c C, o O, _ targets) error {
			return last(o.Groups(c, identity.GroupFilter{}, identity.Page{}))
		})},
		"AllGroups":  {reads: true, run: in(func(c C, o O, _ targets) error { return drain(o.AllGroups(c, identity.GroupFilter{})) })},
		"Members":    {reads: true, run: in(func(c C, o O, x targets) error { return last(o.Members(c, x.Full, identity.Page{})) })},
		"AllMembers": {reads: true, run: in(func(c C, o O, x targets) error { return drain(o.AllMembers(c, x.Full)) })},
		"Memberships": {reads: true, run: in(func(c C, o O, x targets) error {
			return last(o.Memberships(c, identity.SubjectID(x.User), identity.Page{}))
		})},
		"AllMemberships": {reads: true, run: in(func(c C, o O, x targets) error { return drain(o.AllMemberships(c, identity.SubjectID(x.User))) })},
		"UpdateGroup": {run: in(func(c C, o O, x targets) error {
			return last(o.UpdateGroup(c, x.Group, identity.GroupPatch{Name: &name}))
		})},
		"DeleteGroup": {run: in(func(c C, o O, x targets) error { return o.DeleteGroup(c, x.Group, identity.IfUnused) })},
		"AddMember": {run: in(func(c C, o O, x targets) error {
			return last(o.AddMember(c, x.Group, identity.SubjectID(x.User)))
		})},
		"RemoveMember": {run: in(func(c C, o O, x targets) error {
			return last(o.RemoveMember(c, x.Full, identity.SubjectID(x.User)))
		})},

		"CreateRole": {run: in(func(c C, o O, x targets) error {
			return last(o.CreateRole(c, identity.RoleSpec{Name: "created", Permissions: []string{"wallets:*"}, Includes: []string{string(x.Role)}}))
		})},
		"EnsureRole": {run: in(func(c C, o O, _ targets) error { return last(o.EnsureRole(c, identity.RoleSpec{Name: "ensured"})) })},
		"Role":       {reads: true, run: in(func(c C, o O, x targets) error { return last(o.Role(c, x.Role)) })},
		"Roles": {reads: true, run: in(func(c C, o O, _ targets) error {
			return last(o.Roles(c, identity.RoleFilter{}, identity.Page{}))
		})},
		"AllRoles": {reads: true, run: in(func(c C, o O, _ targets) error { return drain(o.AllRoles(c, identity.RoleFilter{})) })},
		"UpdateRole": {run: in(func(c C, o O, x targets) error {
			return last(o.UpdateRole(c, x.Role, identity.RolePatch{Permissions: &[]string{"wallets:read"}}))
		})},
		"ArchiveRole":   {run: in(func(c C, o O, x targets) error { return last(o.ArchiveRole(c, x.Role)) })},
		"UnarchiveRole": {run: in(func(c C, o O, x targets) error { return last(o.UnarchiveRole(c, x.Archived)) })},
		"DeleteRole":    {run: in(func(c C, o O, x targets) error { return o.DeleteRole(c, x.Role, identity.IfUnused) })},

		"CreateBinding": {run: in(func(c C, o O, x targets) error {
			return last(o.CreateBinding(c, identity.BindingSpec{Subject: identity.SubjectID(x.Group), Role: string(x.Role), Scope: policy.Root}))
		})},
		"EnsureBinding": {run: in(func(c C, o O, x targets) error {
			return last(o.EnsureBinding(c, identity.BindingSpec{Subject: identity.SubjectID(x.User), Role: string(x.Role), Scope: policy.Root}))
		})},
		"GrantOwner": {hostOnly: true, run: in(func(c C, o O, x targets) error { return last(o.GrantOwner(c, x.User)) })},
		"Binding":    {reads: true, run: in(func(c C, o O, x targets) error { return last(o.Binding(c, x.Binding)) })},
		"Bindings": {reads: true, run: in(func(c C, o O, _ targets) error {
			return last(o.Bindings(c, identity.BindingFilter{}, identity.Page{}))
		})},
		"AllBindings": {reads: true, run: in(func(c C, o O, _ targets) error { return drain(o.AllBindings(c, identity.BindingFilter{})) })},
		"WhoCan": {reads: true, run: in(func(c C, o O, _ targets) error {
			return drain(o.WhoCan(c, identity.WhoCanRequest{Permission: read, Path: policy.Root}))
		})},
		"Explain": {reads: true, run: in(func(c C, o O, x targets) error {
			return last(o.Explain(c, identity.AccountRequest{Account: x.User, Path: policy.Root}))
		})},
		"PermissionsOn": {reads: true, run: in(func(c C, o O, x targets) error {
			return last(o.PermissionsOn(c, identity.AccountRequest{Account: x.User, Path: policy.Root}))
		})},
		"DeleteBinding": {run: in(func(c C, o O, x targets) error { return o.DeleteBinding(c, x.Binding) })},
		"Elevate":       {own: true, run: in(func(c C, o O, x targets) error { return last(o.Elevate(c, x.Eligible, time.Minute, "why")) })},
		"EndElevation": {own: true, still: true, run: in(func(c C, o O, x targets) error {
			_, _ = o.Elevate(c, x.Eligible, time.Minute, "why") // so that there is something to end, for whom there is
			return last(o.EndElevation(c, x.Eligible))
		})},
		"MoveSubtree": {still: true, holds: allManagement(), run: in(func(c C, o O, _ targets) error {
			return last(o.MoveSubtree(c, places[0], places[1]))
		})},

		"PurgeOrg": {inSystem: true, hostOnly: true, run: func(c C, s A, x targets) error {
			return deletedFirst(func() error { return last(s.PurgeOrg(c, x.Org)) }, func() error { return last(s.DeleteOrg(c, x.Org)) })
		}},
		"PurgeAccount": {hostOnly: true, run: in(func(c C, o O, x targets) error {
			return deletedFirst(func() error { return last(o.PurgeAccount(c, x.User)) }, func() error { return last(o.DeleteAccount(c, x.User)) })
		})},
		"PurgeGroup": {hostOnly: true, run: in(func(c C, o O, x targets) error {
			return deletedFirst(func() error { return last(o.PurgeGroup(c, x.Group)) }, func() error { return o.DeleteGroup(c, x.Group, identity.IfUnused) })
		})},
		"PurgeRole": {hostOnly: true, run: in(func(c C, o O, x targets) error {
			return deletedFirst(func() error { return last(o.PurgeRole(c, x.Role)) }, func() error { return o.DeleteRole(c, x.Role, identity.IfUnused) })
		})},

		"AddPublicKey": {run: in(func(c C, o O, x targets) error {
			return last(o.AddPublicKey(c, x.User, identity.PublicKeySpec{UnprovenPublicKey: x.Key}))
		})},
		"NewKeyChallenge": {reads: true, run: in(func(c C, o O, x targets) error { return last(o.NewKeyChallenge(c, x.User, x.Key)) })},
		"RotatePublicKey": {run: in(func(c C, o O, x targets) error {
			return last(o.RotatePublicKey(c, x.Credential, identity.PublicKeySpec{UnprovenPublicKey: x.Key}, time.Hour))
		})},
		"CreateAPIToken": {run: in(func(c C, o O, x targets) error {
			return last(o.CreateAPIToken(c, x.User, identity.APITokenSpec{Name: name}))
		})},
		"CreateClientSecret": {run: in(func(c C, o O, x targets) error {
			return last(o.CreateClientSecret(c, x.User, identity.ClientSecretSpec{Name: name}))
		})},
		"NewEnrollCode": {run: in(func(c C, o O, x targets) error { return last(o.NewEnrollCode(c, x.User, identity.EnrollCodeSpec{})) })},
		"RotateSecret":  {run: in(func(c C, o O, x targets) error { return last(o.RotateSecret(c, x.Secret, time.Hour)) })},
		"RevokeCredentials": {run: in(func(c C, o O, x targets) error {
			results, err := o.RevokeCredentials(c, identity.CredentialFilter{Account: x.User, Type: identity.APIToken}) // one
			for _, r := range results {
				err = errors.Join(err, r.Err)
			}
			return err
		})},
		"Credential": {reads: true, run: in(func(c C, o O, x targets) error { return last(o.Credential(c, x.Credential)) })},
		"Credentials": {reads: true, run: in(func(c C, o O, _ targets) error {
			return last(o.Credentials(c, identity.CredentialFilter{}, identity.Page{}))
		})},
		"AllCredentials": {reads: true, run: in(func(c C, o O, _ targets) error {
			return drain(o.AllCredentials(c, identity.CredentialFilter{}))
		})},
		"RenameCredential":  {run: in(func(c C, o O, x targets) error { return last(o.RenameCredential(c, x.Credential, name)) })},
		"EnableCredential":  {run: in(func(c C, o O, x targets) error { return last(o.EnableCredential(c, x.Disabled)) })},
		"DisableCredential": {run: in(func(c C, o O, x targets) error { return last(o.DisableCredential(c, x.Credential)) })},
		"RevokeCredential":  {run: in(func(c C, o O, x targets) error { return last(o.RevokeCredential(c, x.Credential)) })},

		"RevokeToken":     {run: in(func(c C, o O, x targets) error { return last(o.RevokeToken(c, x.Token)) })},
		"RevokeTokenID":   {run: in(func(c C, o O, x targets) error { return last(o.RevokeTokenID(c, x.User, "01j")) })},
		"Unused":          {reads: true, run: in(func(c C, o O, _ targets) error { return drain(o.Unused(c, later())) })},
		"Expiring":        {reads: true, run: in(func(c C, o O, _ targets) error { return drain(o.Expiring(c, time.Hour)) })},
		"IntrospectToken": {reads: true, run: in(func(c C, o O, _ targets) error { return last(o.IntrospectToken(c, "no token")) })},

		"SigningKeys":          {inSystem: true, reads: true, run: func(c C, s A, _ targets) error { return last(s.SigningKeys(c, identity.Page{})) }},
		"AllSigningKeys":       {inSystem: true, reads: true, run: func(c C, s A, _ targets) error { return drain(s.AllSigningKeys(c)) }},
		"RotateSigningKey":     {inSystem: true, run: func(c C, s A, _ targets) error { return last(s.RotateSigningKey(c)) }},
		"CompromiseSigningKey": {inSystem: true, run: func(c C, s A, x targets) error { return last(s.CompromiseSigningKey(c, x.SigningKey)) }},
		"Reseal":               {inSystem: true, hostOnly: true, run: func(c C, s A, _ targets) error { return s.Reseal(c, token.SealBytes(make([]byte, 32))) }},

		"Backup":      {inSystem: true, hostOnly: true, run: func(c C, s A, x targets) error { return s.Backup(c, string(x.Copy)) }},
		"ReleaseHeld": {inSystem: true, hostOnly: true, run: func(c C, s A, _ targets) error { return last(s.ReleaseHeld(c, identity.HeldFilter{})) }},

		"AccountsByID": {reads: true, run: in(func(c C, o O, x targets) error { return firstFailure(o.AccountsByID(c, []identity.AccountID{x.User})) })},
		"ActivateAccounts": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.ActivateAccounts(c, []identity.AccountID{x.Idle}))
		})},
		"DeactivateAccounts": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.DeactivateAccounts(c, []identity.AccountID{x.User}))
		})},
		"DeleteAccounts": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.DeleteAccounts(c, []identity.AccountID{x.User}))
		})},
		"AddMembers": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.AddMembers(c, x.Group, []identity.SubjectID{identity.SubjectID(x.User)}))
		})},
		"RemoveMembers": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.RemoveMembers(c, x.Full, []identity.SubjectID{identity.SubjectID(x.User)}))
		})},
		"GroupSize": {reads: true, run: in(func(c C, o O, x targets) error { return last(o.GroupSize(c, x.Full)) })},
		"EnsureBindings": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.EnsureBindings(c, []identity.BindingSpec{{Subject: identity.SubjectID(x.User), Role: string(x.Role), Scope: policy.Root, Deny: true}}))
		})},
		"DeleteBindings": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.DeleteBindings(c, []identity.BindingID{x.Binding}))
		})},
		"BindingsOver": {reads: true, run: in(func(c C, o O, _ targets) error { return drain(o.BindingsOver(c, policy.Root)) })},
		"RoleUse":      {reads: true, run: in(func(c C, o O, x targets) error { return last(o.RoleUse(c, x.Role)) })},
		"AddRolePermissions": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.AddRolePermissions(c, []identity.RoleID{x.Role}, []string{"keys:use"}))
		})},
		"RemoveRolePermissions": {still: true, run: in(func(c C, o O, x targets) error {
			return firstFailure(o.RemoveRolePermissions(c, []identity.RoleID{x.Role}, []string{"wallets:read"}))
		})},
		"AddPermissions": {run: in(func(c C, o O, x targets) error {
			return firstFailure(o.AddPermissions(c, []identity.AccountID{x.User}, []string{"identity:bindings.create"}))
		})},
		"RemovePermissions": {still: true, run: in(func(c C, o O, x targets) error {
			return firstFailure(o.RemovePermissions(c, []identity.AccountID{x.User}, []string{"wallets:read"}))
		})},

		"Events":      {reads: true, run: in(func(c C, o O, _ targets) error { return last(o.Events(c, identity.EventFilter{}, identity.Page{})) })},
		"AllEvents":   {reads: true, run: in(func(c C, o O, _ targets) error { return drain(o.AllEvents(c, identity.EventFilter{})) })},
		"Follow":      {reads: true, run: in(func(c C, o O, _ targets) error { return firstOf(o.Follow(c, 0)) })},
		"FollowAll":   {reads: true, inSystem: true, run: func(c C, s *identity.Admin, _ targets) error { return firstOf(s.FollowAll(c, 0)) }},
		"AuditHead":   {reads: true, run: in(func(c C, o O, _ targets) error { return last(o.AuditHead(c)) })},
		"VerifyAudit": {reads: true, run: in(func(c C, o O, _ targets) error { return last(o.VerifyAudit(c)) })},
		"ExportAudit": {reads: true, run: in(func(c C, o O, _ targets) error { return last(o.ExportAudit(c, io.Discard)) })},
	}
}

// notCalls are the methods that neither read nor write the database: In
// selects an org, which OrgID tells, With takes attributes, the other With… a name for the call, Vouch is a way in, and like AccountsByExternalID only for System.
func notCalls() map[string]bool {
	return map[string]bool{"In": true, "OrgID": true, "With": true, "WithRequestID": true, "WithIdempotencyKey": true, "Vouch": true, "AccountsByExternalID": true}
}

// TestPermissionTable holds the table of permissions complete: every method of
// management has a row and a call, every row a method, every permission an
// entry in the catalog that no other name shadows.
func TestPermissionTable(t *testing.T) {
	required, table, skip := identity.RequiredPermissions(), calls(), notCalls()
	catalog := map[string]bool{}
	for _, p := range identity.ManagementCatalog() {
		if !strings.HasPrefix(p.Name, policy.ManagementPrefix) || p.Description == "" {
			t.Errorf("%q: not under %s, or without a description", p.Name, policy.ManagementPrefix)
		}
		catalog[p.Name] = true
	}
	methods := map[string]bool{}
	for _, typ := range []reflect.Type{reflect.TypeFor[*identity.Admin](), reflect.TypeFor[*identity.OrgAdmin]()} {
		for i := range typ.NumMethod() {
			methods[typ.Method(i).Name] = true
		}
	}
	for name := range methods {
		if skip[name] {
			continue
		}
		if required[name] == "" {
			t.Errorf("%s: say in required which permission it needs", name)
		}
		if table[name].run == nil {
			t.Errorf("%s: say in calls how it is called", name)
		}
	}
	used := map[string]bool{identity.PermInstance: true, identity.PermEscalate: true, identity.PermImpersonate: true, identity.PermContain: true}
	for name, permission := range required {
		if !methods[name] {
			t.Errorf("required has %s, which is no method", name)
		}
		if !catalog[permission] {
			t.Errorf("%s needs %q, which the catalog does not have", name, permission)
		}
		used[permission] = true
	}
	for name := range catalog {
		if !used[name] {
			t.Errorf("no method needs %s", name)
		}
	}
	for name := range table {
		if !methods[name] {
			t.Errorf("calls has %s, which is no method", name)
		}
	}
}
