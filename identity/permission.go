package identity

import "github.com/claviger-go/claviger/policy"

// managementPrefix begins the names of the permissions that govern this
// library itself. Hosts cannot register names under it.
const managementPrefix = "identity:"

// The three powers that no pattern gives: a role holds them by name or not at all.
const (
	// PermEscalate permits giving away rights that the actor does not hold.
	PermEscalate = "identity:escalate"
	// PermImpersonate permits acting as another account.
	PermImpersonate = "identity:impersonate"
	// PermContain permits narrowing an account that is stronger than the actor.
	PermContain = "identity:contain"
)

// PermInstance permits bindings of the system org that reach other orgs.
const PermInstance = "identity:instance"

// managementPermissions is the catalog of management. Every mutation and every
// read names one of these in the table required.
func managementPermissions() []policy.PermissionSpec {
	return []policy.PermissionSpec{
		{Name: "identity:orgs.create", Description: "create orgs"},
		{Name: "identity:orgs.read", Description: "read orgs"},
		{Name: "identity:orgs.update", Description: "change an org's display name and settings"},
		{Name: "identity:orgs.suspend", Description: "suspend, resume and delete orgs"},
		{Name: "identity:accounts.create", Description: "create users and service accounts"},
		{Name: "identity:accounts.read", Description: "read accounts"},
		{Name: "identity:accounts.update", Description: "change what describes an account"},
		{Name: "identity:accounts.activate", Description: "activate an account and extend its life"},
		{Name: "identity:accounts.deactivate", Description: "deactivate an account and sign it out"},
		{Name: "identity:accounts.delete", Description: "archive and delete accounts"},
		{Name: "identity:boundaries.set", Description: "set, change and remove the boundaries of accounts"},
		{Name: "identity:groups.create", Description: "create groups"},
		{Name: "identity:groups.read", Description: "read groups and their members"},
		{Name: "identity:groups.update", Description: "rename groups"},
		{Name: "identity:groups.delete", Description: "delete groups"},
		{Name: "identity:members.add", Description: "add members to groups"},
		{Name: "identity:members.remove", Description: "remove members from groups"},
		{Name: "identity:roles.create", Description: "create roles"},
		{Name: "identity:roles.read", Description: "read roles and the catalog"},
		{Name: "identity:roles.update", Description: "change, archive and unarchive roles"},
		{Name: "identity:roles.delete", Description: "delete roles"},
		{Name: "identity:bindings.create", Description: "bind roles"},
		{Name: "identity:bindings.read", Description: "read bindings, who may do what, and why"},
		{Name: "identity:bindings.delete", Description: "delete bindings"},
		{Name: "identity:bindings.move", Description: "move the bindings of a subtree"},
		{Name: "identity:credentials.create", Description: "add credentials to accounts"},
		{Name: "identity:credentials.read", Description: "read credentials"},
		{Name: "identity:credentials.rotate", Description: "put a new credential in the place of another"},
		{Name: "identity:credentials.update", Description: "rename and enable credentials"},
		{Name: "identity:credentials.revoke", Description: "disable and revoke credentials"},
		{Name: "identity:tokens.revoke", Description: "end single access tokens"},
		{Name: "identity:tokens.introspect", Description: "learn what a token of the org says, and whether it is alive"},
		{Name: "identity:signing-keys.read", Description: "list the signing keys"},
		{Name: "identity:signing-keys.rotate", Description: "have the next signing key take over"},
		{Name: "identity:signing-keys.revoke", Description: "end a signing key, and every access token with it"},
		{Name: "identity:events.read", Description: "read the audit"},
		{Name: "identity:backups.create", Description: "copy the database"},
		{Name: "identity:tombstones.purge", Description: "forget what was deleted"},
		{Name: PermInstance, Description: "give operators reach over other orgs"},
		{Name: PermEscalate, Description: "give away rights one does not hold"},
		{Name: PermImpersonate, Description: "act as another account"},
		{Name: PermContain, Description: "narrow an account stronger than oneself"},
	}
}

// required names the permission of every management method. A method without
// a row cannot run: the table is complete, or a test is red.
func required() map[string]string {
	return map[string]string{
		"CreateOrg": "identity:orgs.create", "EnsureOrg": "identity:orgs.create",
		"Org": "identity:orgs.read", "OrgBySlug": "identity:orgs.read", "SlugAvailable": "identity:orgs.read", "Orgs": "identity:orgs.read", "AllOrgs": "identity:orgs.read",
		"UpdateOrg": "identity:orgs.update", "SuspendOrg": "identity:orgs.suspend", "ResumeOrg": "identity:orgs.suspend", "DeleteOrg": "identity:orgs.suspend",
		"SignOutOrg": "identity:orgs.suspend",

		"CreateUser": "identity:accounts.create", "EnsureUser": "identity:accounts.create",
		"CreateServiceAccount": "identity:accounts.create", "EnsureServiceAccount": "identity:accounts.create",
		"Account": "identity:accounts.read", "Accounts": "identity:accounts.read", "AllAccounts": "identity:accounts.read",
		"UpdateAccount": "identity:accounts.update", "ActivateAccount": "identity:accounts.activate", "ExtendAccount": "identity:accounts.activate",
		"DeactivateAccount": "identity:accounts.deactivate", "SignOutAccount": "identity:accounts.deactivate",
		"ArchiveAccount": "identity:accounts.delete", "DeleteAccount": "identity:accounts.delete",

		"Invite": "identity:accounts.create", "InviteMany": "identity:accounts.create", "ResendInvitation": "identity:accounts.create",
		"RevokeInvitation": "identity:accounts.delete",

		"SetBoundary": "identity:boundaries.set",

		"CreateGroup": "identity:groups.create", "EnsureGroup": "identity:groups.create",
		"Group": "identity:groups.read", "Groups": "identity:groups.read", "AllGroups": "identity:groups.read",
		"Members": "identity:groups.read", "AllMembers": "identity:groups.read",
		"Memberships": "identity:groups.read", "AllMemberships": "identity:groups.read",
		"UpdateGroup": "identity:groups.update", "DeleteGroup": "identity:groups.delete",
		"AddMember": "identity:members.add", "RemoveMember": "identity:members.remove",

		"CreateRole": "identity:roles.create", "EnsureRole": "identity:roles.create",
		"Role": "identity:roles.read", "Roles": "identity:roles.read", "AllRoles": "identity:roles.read",
		"UpdateRole": "identity:roles.update", "ArchiveRole": "identity:roles.update", "UnarchiveRole": "identity:roles.update",
		"DeleteRole": "identity:roles.delete",

		"CreateBinding": "identity:bindings.create", "EnsureBinding": "identity:bindings.create", "GrantOwner": "identity:bindings.create",
		"Binding": "identity:bindings.read", "Bindings": "identity:bindings.read", "AllBindings": "identity:bindings.read",
		"WhoCan": "identity:bindings.read", "PermissionsOn": "identity:bindings.read", "Explain": "identity:bindings.read",
		"DeleteBinding": "identity:bindings.delete", "MoveSubtree": "identity:bindings.move",
		"Elevate": "identity:bindings.create", "EndElevation": "identity:bindings.delete", // asked of nobody: see actsForItself

		"PurgeOrg": "identity:tombstones.purge", "PurgeAccount": "identity:tombstones.purge",
		"PurgeGroup": "identity:tombstones.purge", "PurgeRole": "identity:tombstones.purge",

		"NewKeyChallenge": "identity:credentials.create", "RotatePublicKey": "identity:credentials.rotate", "RotateSecret": "identity:credentials.rotate",
		"AddPublicKey": "identity:credentials.create", "NewEnrollCode": "identity:credentials.create", "CreateAPIToken": "identity:credentials.create", "CreateClientSecret": "identity:credentials.create",
		"Credential": "identity:credentials.read", "Credentials": "identity:credentials.read", "AllCredentials": "identity:credentials.read",
		"RenameCredential": "identity:credentials.update", "EnableCredential": "identity:credentials.update",
		"DisableCredential": "identity:credentials.revoke", "RevokeCredential": "identity:credentials.revoke", "RevokeCredentials": "identity:credentials.revoke",

		"IntrospectToken": "identity:tokens.introspect",
		"RevokeToken":     "identity:tokens.revoke", "RevokeTokenID": "identity:tokens.revoke",
		"Expiring": "identity:credentials.read", "Unused": "identity:credentials.read",

		"SigningKeys": "identity:signing-keys.read", "AllSigningKeys": "identity:signing-keys.read",
		"RotateSigningKey": "identity:signing-keys.rotate", "CompromiseSigningKey": "identity:signing-keys.revoke",
		"Reseal": "identity:signing-keys.rotate",

		"Backup": "identity:backups.create", "ReleaseHeld": "identity:credentials.update",

		"Events": "identity:events.read", "AllEvents": "identity:events.read", "Follow": "identity:events.read", "FollowAll": "identity:events.read",
		"AccountsByID": "identity:accounts.read", "ActivateAccounts": "identity:accounts.activate",
		"DeactivateAccounts": "identity:accounts.deactivate", "DeleteAccounts": "identity:accounts.delete",
		"AddMembers": "identity:members.add", "RemoveMembers": "identity:members.remove", "GroupSize": "identity:groups.read",
		"EnsureBindings": "identity:bindings.create", "DeleteBindings": "identity:bindings.delete", "BindingsOver": "identity:bindings.read",
		"AddRolePermissions": "identity:roles.update", "RemoveRolePermissions": "identity:roles.update", "RoleUse": "identity:roles.read",
		"AddPermissions": "identity:bindings.create", "RemovePermissions": "identity:bindings.delete",

		"AuditHead": "identity:events.read", "VerifyAudit": "identity:events.read", "ExportAudit": "identity:events.read",
	}
}
