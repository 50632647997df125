package identity

import (
	"context"
	"time"

	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// An invitation is a user that can do nothing yet, in the state AccountInvited,
// and a credential of the type Invitation, whose secret makes it active, once.

const (
	invitationLife    = 7 * 24 * time.Hour  // unless its maker says otherwise
	maxInvitationLife = 30 * 24 * time.Hour // at most
)

// InvitationSpec is what an invitation is made of.
type InvitationSpec struct {
	// User is who is invited, with the groups and the roles that it is given at once
	// and can use once it has accepted. Inactive makes no sense here.
	User UserSpec
	// Bindings are its further rights, each without a subject, which is the new
	// account; at most 256.
	Bindings []BindingSpec
	// Validity is how long the invitation can be accepted: zero means 7 days, or less
	// if the org allows less; the most is 30 days, or the org's own maximum.
	Validity time.Duration
}

// InvitationResult is an invitation that was just made. This is the only time that
// its secret is to be had: what is stored is a digest. From a call that was repeated
// it is zero, see [Admin.WithIdempotencyKey].
type InvitationResult struct {
	Account    Account
	Credential Credential
	Secret     token.Secret // prints as [redacted]; for the message that the host sends
}

// Invite makes a user that can do nothing until it accepts, see
// [Authority.AcceptInvitation], and the secret to accept with, which the host sends
// to it. What it is given is judged as that of a user who is made active: it fails
// like CreateUser, AddMember and CreateBinding.
//
// Who has not accepted yet is what [OrgAdmin.Accounts] has in the state
// AccountInvited. [OrgAdmin.ActivateAccount] makes such an account active without
// its doing, and the invitation is over.
func (o *OrgAdmin) Invite(ctx context.Context, spec InvitationSpec) (out InvitationResult, err error) {
	const op = "Invite"
	if err := spec.check(); err != nil {
		return out, wrap(op, err)
	}
	defer o.compileAhead(ctx, op, policy.Root, spec.Bindings...)()
	return create(ctx, &o.Admin, op, o.org, o.invitation(spec, func(c *change) (out InvitationResult, err error) {
		a, err := c.createUserIn(o.org, spec.User, AccountInvited)
		if err != nil {
			return out, err
		}
		if err := c.equip(a, nil, nil, spec.Bindings); err != nil {
			return out, err
		}
		return c.invite(a, spec.Validity, "")
	}))
}

// invitation is a call that makes the secret of one.
func (o *OrgAdmin) invitation(input any, create func(*change) (InvitationResult, error)) creation[InvitationResult] {
	return creation[InvitationResult]{
		noun: nounAccount, input: input, create: create,
		ids: func(r InvitationResult) []string { return []string{string(r.Account.ID), string(r.Credential.ID)} },
		find: func(c *change, made []string) (out InvitationResult, err error) {
			if out.Account, err = c.liveAccount(o.org, AccountID(made[0])); err != nil {
				return out, err
			}
			return out, c.madeWith(o.org, made[1:], &out.Credential)
		},
	}
}

// InviteMany is [OrgAdmin.Invite] for many. Changed says that the invitation was made.
func (o *OrgAdmin) InviteMany(ctx context.Context, specs []InvitationSpec) ([]Result[InvitationResult], error) {
	if o.who.keyed {
		return nil, wrap("InviteMany", invalid("actor", "IdempotencyKey", "is for one thing"))
	}
	return each(o, "InviteMany", specs, func(spec InvitationSpec) (InvitationResult, bool, error) {
		made, err := o.Invite(ctx, spec)
		return made, err == nil, err
	})
}

// ResendInvitation makes a new secret for an account that has not accepted, good
// for validity as in [InvitationSpec]. The one before is dead from then on. It takes
// that the actor holds every right that the account has, and fails with ErrConflict
// for an account that is not, or no longer, invited.
func (o *OrgAdmin) ResendInvitation(ctx context.Context, account AccountID, validity time.Duration) (out InvitationResult, err error) {
	const op = "ResendInvitation"
	if err := account.check(); err != nil {
		return out, wrap(op, err)
	}
	if err := checkInvitationLife(validity); err != nil {
		return out, wrap(op, err)
	}
	return create(ctx, &o.Admin, op, o.org, o.invitation([]any{account, validity}, func(c *change) (out InvitationResult, err error) {
		a, err := c.invited(o.org, account)
		if err != nil {
			return out, err
		}
		if err := c.controls(a); err != nil {
			return out, err
		}
		return c.resend(a, validity)
	}))
}

// RevokeInvitation deletes an account that has not accepted, as
// [OrgAdmin.DeleteAccount] does: its secret is dead, and its e-mail address stays
// taken. It fails with ErrConflict for an account that is not, or no longer,
// invited. To end the secret alone, revoke the credential; ResendInvitation makes
// another.
func (o *OrgAdmin) RevokeInvitation(ctx context.Context, account AccountID) (changed bool, err error) {
	return whether(o.editAccount(ctx, "DeleteAccount", account, func(c *change, a *Account) error {
		if err := stillInvited(*a); err != nil {
			return err
		}
		return c.endAccount(a, AccountDeleted)
	}))
}

// AcceptInvitation makes the account of an invitation active and uses the
// invitation up: both happen, or neither, and once. as is who has accepted, for the
// host's login: it becomes the account's external id. The zero value leaves what
// the account has; with another than it has the call fails with ErrConflict, as it
// does when another account of the org has that one.
//
// Whatever else is wrong, that it has ended, was revoked, used or sent anew, that
// there is none, or that its org is suspended, fails like Authenticate and writes
// nothing. The account is no [Principal] by this: the host logs it in, see
// [OrgAdmin.Vouch].
func (a *Authority) AcceptInvitation(ctx context.Context, secret string, as ExternalID) (Account, error) {
	accepted, err := a.acceptInvitation(ctx, secret, as)
	if err != nil {
		a.turnedAway(WayInvitation, "", err)
		return Account{}, wrap("AcceptInvitation", err)
	}
	return accepted, nil
}

func (a *Authority) acceptInvitation(ctx context.Context, secret string, as ExternalID) (accepted Account, err error) {
	if err := as.check(); err != nil {
		return accepted, err
	}
	now := a.clock.Now()
	if err := a.answers(ctx, now); err != nil {
		return accepted, err
	}
	entry, _, err := a.proveSecret(secret, a.cfg.TokenPrefix+"_"+token.KindInvitation+"_")
	if err != nil {
		return accepted, err
	}
	p, err := a.standsOn(ctx, WayInvitation, entry, now, 0)
	if err != nil {
		return accepted, err
	}
	err = a.commit(ctx, actor{principal: p.p}, "AcceptInvitation", p.p.org, func(c *change) (err error) {
		accepted, err = c.accept(as)
		return err
	})
	if err == nil {
		a.came(p.p, a.clock.Now())
	}
	return accepted, err
}

// accept makes the account of who acts active, if everything that its invitation
// stands on is alive still.
func (c *change) accept(as ExternalID) (Account, error) {
	p := c.who.principal
	if err := c.a.aliveIn(c.ctx, c.tx, c.base, p, c.now); err != nil {
		return Account{}, err
	}
	before, err := c.tx.Accounts().Find(c.ctx, p.org, p.account)
	if err != nil {
		return Account{}, err
	}
	after := before
	after.State = AccountActive
	if !as.IsZero() && as != before.External {
		if !before.External.IsZero() {
			return Account{}, conflict(nounAccount, string(before.ID), "External", "is of somebody else")
		}
		if err := c.freeExternal(p.org, p.account, as); err != nil {
			return Account{}, err
		}
		after.External = as
	}
	if err := c.putAccount(before, &after, "accept"); err != nil {
		return Account{}, err
	}
	return after, c.endInvitations(after)
}

func (s InvitationSpec) check() error {
	if err := checkLists(s.User.Groups, s.User.Roles, s.Bindings, nil); err != nil {
		return err
	}
	if s.User.Inactive {
		return invalid(nounAccount, "Inactive", "who accepts an invitation is active")
	}
	return checkInvitationLife(s.Validity)
}

func checkInvitationLife(validity time.Duration) error {
	if validity < 0 || validity > maxInvitationLife {
		return invalid(nounCredential, "Validity", "%s is not between 0 and %s", validity, maxInvitationLife)
	}
	return nil
}

// invited finds an account that has not accepted yet.
func (c *change) invited(org OrgID, id AccountID) (Account, error) {
	a, err := c.liveAccount(org, id)
	if err != nil {
		return a, err
	}
	return a, stillInvited(a)
}

func stillInvited(a Account) error {
	if a.State != AccountInvited {
		return conflict(nounAccount, string(a.ID), "State", "is "+string(a.State))
	}
	return nil
}

// invite makes the secret of an invitation, in the place of another one if that is
// not empty.
func (c *change) invite(a Account, validity time.Duration, replaced CredentialID) (InvitationResult, error) {
	if validity == 0 {
		v, err := c.view(a.Org)
		if err != nil {
			return InvitationResult{}, err
		}
		validity = min(invitationLife, c.a.maxValidity(v.org))
	}
	made, err := c.addSecret(a, Credential{Type: Invitation}, validity, replaced)
	return InvitationResult{Account: a, Credential: made.Credential, Secret: made.Secret}, err
}

// resend puts another secret in the place of the one that there is, or was.
func (c *change) resend(a Account, validity time.Duration) (InvitationResult, error) {
	old, err := c.invitations(a)
	if err != nil {
		return InvitationResult{}, err
	}
	replaced := CredentialID("")
	if len(old) > 0 {
		replaced = old[0].ID
	}
	out, err := c.invite(a, validity, replaced)
	if err != nil {
		return out, err
	}
	for _, row := range old {
		if err := c.retire(row, out.Credential.ID, 0); err != nil {
			return out, err
		}
	}
	return out, nil
}

// invitations are those of an account that were not revoked: no more than one,
// since each is revoked with what comes after it.
func (c *change) invitations(a Account) ([]Credential, error) {
	var live []Credential
	for row, err := range c.unrevoked(a, Cond{Field: FieldKind, Value: string(Invitation)}) {
		if err != nil {
			return nil, err
		}
		live = append(live, row)
	}
	return live, nil
}

// endInvitations revokes the invitation of an account that has become active.
func (c *change) endInvitations(a Account) error {
	old, err := c.invitations(a)
	if err != nil {
		return err
	}
	for _, before := range old {
		row := before
		row.State, row.MinRevision = CredentialRevoked, c.revision()
		if err := c.putCredential(before, &row, "revoke"); err != nil {
			return err
		}
	}
	return nil
}
