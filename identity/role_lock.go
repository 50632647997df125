package identity

import "slices"

// RoleLocks are what of a stored role cannot be changed, whoever asks: such calls
// fail with ErrImmutable. The zero value locks nothing.
//
// Only System sets and lifts them, with [RoleSpec] and [RolePatch]: what a
// product ships in every org is then the same in every org, whatever the
// administrators of one may do there. The host is held by them, too, until it has
// lifted them, so that no script changes by mistake what everybody relies on.
//
// What a role includes is locked with it, but not what those roles say. A role whose
// members are locked is not newly included, either: it would be handed out with the
// other. Those that included it before go on doing so, and who is bound to them has
// what it says: lock their members, too.
type RoleLocks struct {
	Name        bool // display name and description; Role.Name never changes anyway
	Members     bool // who is bound to it, allow or deny: no binding of it is made or deleted, and no role comes to include it
	Permissions bool // permissions, exclusions, includes and resource types
	Deletion    bool // it is neither archived nor deleted
}

// mayLock refuses to change locks to who is not the host.
func (c *change) mayLock(before, after RoleLocks) error {
	if before == after || c.who.system {
		return nil
	}
	return &Error{Kind: ErrDenied, Entity: nounRole, Field: "Locks", Err: errText("only System locks roles and lifts the locks")}
}

// unlocked refuses an edit of what is locked.
func (r Role) unlocked(after Role) error {
	switch l := r.Locks; {
	case l.Name && (r.DisplayName != after.DisplayName || r.Description != after.Description):
		return r.immutable("DisplayName", "display name and description are locked")
	case l.Permissions && !(slices.Equal(r.Permissions, after.Permissions) && slices.Equal(r.Exclusions, after.Exclusions) &&
		slices.Equal(r.Includes, after.Includes) && slices.Equal(r.ResourceTypes, after.ResourceTypes)):
		return r.immutable("Permissions", "permissions, exclusions, includes and resource types are locked")
	case l.Deletion && (!r.Deleted && after.Deleted || r.State == RoleActive && after.State == RoleArchived):
		return r.immutable("", "cannot be archived or deleted")
	}
	return nil
}

// unlockedMembers refuses that a binding of the role is made or deleted. It
// is asked of code roles, too, which have no row and no locks.
func (r Role) unlockedMembers() error {
	if !r.Locks.Members {
		return nil
	}
	return r.immutable("Members", "nobody is bound to it and nobody unbound, and no role comes to include it")
}

func (r Role) immutable(field, why string) error {
	return &Error{Kind: ErrImmutable, Entity: nounRole, ID: string(r.ID), Field: field, Err: errText(why)}
}
