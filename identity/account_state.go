package identity

import (
	"context"
	"time"
)

// This file holds the calls that begin, extend and end the life of an account.

// ActivateAccount makes an invited or inactive account active. What it issued
// before stays dead, and so does an invitation that it had. An account that is active stays as it is, but through As
// that needs no less: the call may put an end to what [OrgAdmin.DeactivateAccount]
// says of one that could not be stored.
func (o *OrgAdmin) ActivateAccount(ctx context.Context, id AccountID) (changed bool, err error) {
	return whether(o.editAccount(ctx, "ActivateAccount", id, func(c *change, a *Account) error {
		if a.State == AccountArchived {
			return &Error{Kind: ErrDisabled, Entity: nounAccount, ID: string(id), Err: errText("an archived account stays archived")}
		}
		before := a.State
		a.State = AccountActive
		if err := c.controls(*a); err != nil || before == AccountActive || a.Kind != User {
			return err // of an active account, too: the call settles its bars
		}
		return c.endInvitations(*a)
	}))
}

// ExtendAccount sets the end of an account's validity; the zero time, for
// users only, removes it. A system account has none, and fails with ErrImmutable.
func (o *OrgAdmin) ExtendAccount(ctx context.Context, id AccountID, until time.Time) (Account, error) {
	return only(o.editAccount(ctx, "ExtendAccount", id, func(c *change, a *Account) error {
		if a.Kind == ServiceAccount || !until.IsZero() {
			if err := c.checkUntil(a.Org, nounAccount, until); err != nil {
				return err
			}
		}
		a.ValidUntil = until.UTC().Truncate(time.Microsecond)
		return c.controls(*a)
	}))
}

// DeactivateAccount stops an account: from the moment this returns, nothing
// that it holds is accepted by this process. It reports whether it changed
// anything: an inactive account stays as it is. Nobody deactivates itself.
//
// When it is allowed and cannot be stored it fails with ErrBusy, and this process
// refuses the account all the same. It tries by itself to store the call, in the
// name of the same actor, until that succeeds, a later call such as
// ActivateAccount decides otherwise, or it is closed. So do the other calls that
// stop, sign out, disable or revoke an account, a credential or an org.
func (o *OrgAdmin) DeactivateAccount(ctx context.Context, id AccountID) (changed bool, err error) {
	return whether(o.editAccount(ctx, "DeactivateAccount", id, func(c *change, a *Account) error {
		return c.endAccount(a, AccountInactive)
	}))
}

// ArchiveAccount stops an account for ever and keeps its name. A system account
// fails with ErrImmutable.
func (o *OrgAdmin) ArchiveAccount(ctx context.Context, id AccountID) (changed bool, err error) {
	return whether(o.editAccount(ctx, "ArchiveAccount", id, func(c *change, a *Account) error {
		return c.endAccount(a, AccountArchived)
	}))
}

// DeleteAccount stops an account for ever. Its row stays, for the audit and so
// that neither id nor name is given again; its memberships and bindings give
// nothing. A system account fails with ErrImmutable, one that is deleted already
// with ErrNotFound, as in every call that changes an account.
func (o *OrgAdmin) DeleteAccount(ctx context.Context, id AccountID) (changed bool, err error) {
	return whether(o.editAccount(ctx, "DeleteAccount", id, func(c *change, a *Account) error {
		return c.endAccount(a, AccountDeleted)
	}))
}

// SignOutAccount ends every token and session of the account that was issued
// before now.
func (o *OrgAdmin) SignOutAccount(ctx context.Context, id AccountID) (Account, error) {
	return only(o.editAccount(ctx, "SignOutAccount", id, func(c *change, a *Account) error {
		a.MinRevision = c.revision()
		return c.contains(*a)
	}))
}

// endAccount moves an account to a state in which it can do nothing.
func (c *change) endAccount(a *Account, to AccountState) error {
	if c.who.takesPart(a.ID) {
		return &Error{Kind: ErrDenied, Entity: nounAccount, ID: string(a.ID), Err: errText("nobody ends its own account")}
	}
	if err := c.contains(*a); err != nil {
		return err // though nothing may change: the call settles bars
	}
	if a.State == to || a.State == AccountArchived && to == AccountInactive {
		return nil
	}
	a.State, a.MinRevision = to, c.revision()
	return nil
}
