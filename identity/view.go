package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/claviger-go/claviger/identity/internal/paged"
	"github.com/claviger-go/claviger/policy"
)

// view is all that decisions about one org need, compiled and immutable. A
// write edits a fork of it and publishes the fork; readers keep what they hold.
type view struct {
	line        uint64 // slots of two views mean the same when their lines are equal
	number      uint64 // given when it is published, 0 before
	origin      uint64 // the number of the published view that it was edited from
	org         Org
	head        chainHead
	revision    uint64 // the last change that touched this org
	rules       *policy.Snapshot
	accounts    paged.Array[accountLife] // by the slots of rules
	credentials paged.Table[credentialLife]
	revoked     revocations
	services    int       // service accounts that are not deleted
	owner       AccountID // of an owner when that was last asked for, see someOwner; it may be none any more
}

// accountLife is what liveness reads of an account, in as little room as there
// is: an org may have a hundred thousand.
type accountLife struct {
	until       int64 // Unix microseconds, 0 = never
	minRevision uint64
	kindCode    uint8 // position in accountKinds
	stateCode   uint8 // position in accountStates
	system      bool  // Account.System
}

var (
	accountKinds  = [...]AccountKind{"", User, ServiceAccount}
	accountStates = [...]AccountState{"", AccountInvited, AccountActive, AccountInactive, AccountArchived, AccountDeleted}
)

// lifeOf packs a row. A kind or a state that this release does not know is none,
// and refuses.
func lifeOf(a Account) accountLife {
	return accountLife{
		until: micros(a.ValidUntil), minRevision: a.MinRevision,
		kindCode: uint8(max(0, slices.Index(accountKinds[:], a.Kind))), stateCode: uint8(max(0, slices.Index(accountStates[:], a.State))), system: a.System,
	}
}

func (l *accountLife) kind() AccountKind   { return accountKinds[l.kindCode] }
func (l *accountLife) state() AccountState { return accountStates[l.stateCode] }

// service is 1 for a service account that is not deleted, and 0 for anything else.
func (l *accountLife) service() int {
	if l == nil || l.kind() != ServiceAccount || l.state() == AccountDeleted {
		return 0
	}
	return 1
}

// accountLife finds what is kept of an account, also of a deleted one.
func (v *view) accountLife(id AccountID) (slot uint32, life *accountLife) {
	slot, ok := v.rules.Slot(string(id))
	if !ok {
		return 0, nil
	}
	return slot, v.accounts.At(slot)
}

// credentialLife is what liveness reads of a credential.
type credentialLife struct {
	account     AccountID
	state       CredentialState
	until       int64 // Unix microseconds, 0 = never
	ends        int64 // end of a grace period, 0 = none
	minRevision uint64
	restriction *restriction // of an API token that is less than its account
}

// draft is a view being edited.
type draft struct {
	view
	from             uint64 // the revision of the view it started from
	draftRules       *policy.Draft
	draftAccounts    *paged.ArrayEditor[accountLife]
	draftCredentials *paged.Editor[credentialLife]
	secrets          []Credential // opaque secrets that were put
}

func (v *view) edit() *draft {
	d := &draft{view: *v, from: v.revision}
	if v.number != 0 {
		d.number, d.origin = 0, v.number
	}
	return d
}

// freeze returns the draft as it stands; the draft can be edited further.
func (d *draft) freeze() *view {
	if d.draftRules != nil {
		d.rules, d.draftRules = d.draftRules.Snapshot(), nil
	}
	if d.draftAccounts != nil {
		d.accounts, d.draftAccounts = d.draftAccounts.Array(), nil
	}
	if d.draftCredentials != nil {
		d.credentials, d.draftCredentials = d.draftCredentials.Table(), nil
	}
	frozen := d.view
	return &frozen
}

func (d *draft) editRules() *policy.Draft {
	if d.draftRules == nil {
		d.draftRules = d.rules.Edit()
	}
	return d.draftRules
}

func (d *draft) editAccounts() *paged.ArrayEditor[accountLife] {
	if d.draftAccounts == nil {
		d.draftAccounts = d.accounts.Edit()
	}
	return d.draftAccounts
}

func (d *draft) editCredentials() *paged.Editor[credentialLife] {
	if d.draftCredentials == nil {
		d.draftCredentials = d.credentials.Edit()
	}
	return d.draftCredentials
}

func (d *draft) putAccount(a Account) {
	life, slot := lifeOf(a), d.editRules().Slot(string(a.ID))
	d.services += life.service() - d.editAccounts().At(slot).service()
	d.editAccounts().Put(slot, life)
	if a.State == AccountDeleted {
		d.editRules().RemoveAccount(string(a.ID))
		return
	}
	d.editRules().PutAccount(policy.Account{ID: string(a.ID), Kind: a.Kind.policyKind(), Boundary: string(a.Boundary), Labels: a.Labels})
}

func (d *draft) removeAccount(id AccountID) {
	slot := d.editRules().Slot(string(id))
	d.services -= d.editAccounts().At(slot).service()
	d.editAccounts().Delete(slot)
	d.editRules().RemoveAccount(string(id))
}

func (d *draft) putGroup(g Group) {
	switch {
	case g.Deleted:
		d.editRules().RemoveGroup(string(g.ID))
	case !g.System:
		d.editRules().PutGroup(string(g.ID))
	}
}

func (d *draft) putRole(r Role) error {
	if r.Deleted {
		d.editRules().RemoveRole(string(r.ID))
		return nil
	}
	return d.editRules().LoadRole(r.compile())
}

func (d *draft) putMember(m Member) error {
	return d.editRules().AddMember(string(m.Group), ruleID(m.Member))
}

func (d *draft) putBinding(b Binding) error {
	return d.editRules().PutBinding(b.compile())
}

func (d *draft) putCredential(c Credential) {
	d.editCredentials().Put(string(c.ID), credentialLife{
		account: c.Account, state: c.State, until: micros(c.ValidUntil), ends: micros(c.EndsAt), minRevision: c.MinRevision,
		restriction: restrictionOf(c),
	})
	if c.Digest != nil {
		d.secrets = append(d.secrets, c)
	}
}

// dropCredential forgets a credential, and its secret.
func (d *draft) dropCredential(k Credential) {
	d.editCredentials().Delete(string(k.ID))
	d.secrets = withoutSecret(d.secrets, k)
}

// loadView compiles an org from its rows.
func (a *Authority) loadView(ctx context.Context, tx Txn, id OrgID) (*view, error) {
	org, err := tx.Orgs().Find(ctx, id, id)
	if err != nil {
		return nil, err
	}
	d := a.emptyView(org).edit()
	if d.revision, err = tx.Changes().Revision(ctx); err != nil {
		return nil, err
	}
	last, err := tx.Changes().Head(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	d.head = chainHead{seq: last.Seq, mac: last.MAC}
	if err := d.load(ctx, tx.World()); err != nil {
		return nil, err
	}
	if err := d.loadRevokedTokens(ctx, tx.RevokedTokens()); err != nil {
		return nil, err
	}
	return d.freeze(), nil
}

func (d *draft) load(ctx context.Context, world World) error {
	id := d.org.ID
	for row, err := range world.Accounts(ctx, id) {
		if err != nil {
			return err
		}
		d.putAccount(row)
	}
	for row, err := range world.Groups(ctx, id) {
		if err != nil {
			return err
		}
		d.putGroup(row)
	}
	for row, err := range world.Members(ctx, id) {
		if err != nil {
			return err
		}
		if err := d.putMember(row); err != nil {
			return err
		}
	}
	for row, err := range world.Roles(ctx, id) {
		if err != nil {
			return err
		}
		if err := d.putRole(row); err != nil {
			return err
		}
	}
	for row, err := range world.Bindings(ctx, id) {
		if err != nil {
			return err
		}
		if err := d.putBinding(row); err != nil {
			return err
		}
	}
	for row, err := range world.Credentials(ctx, id) {
		if err != nil {
			return err
		}
		d.putCredential(row)
	}
	return nil
}

// emptyView is an org without rows, the start of a new line of views.
func (a *Authority) emptyView(org Org) *view {
	return &view{line: a.lines.Add(1), org: org, rules: policy.New(a.model, string(org.ID))}
}

// The nouns, as the log names them.
const (
	nounInstance   = "instance"
	nounSigningKey = "signing-key"
	nounOrg        = "org"
	nounAccount    = "account"
	nounEvent      = "event"
	nounGroup      = "group"
	nounMember     = "member"
	nounRole       = "role"
	nounBinding    = "binding"
	nounCredential = "credential" // and nounToken, for access tokens that were revoked alone
)

// apply brings one noun of the draft up to date with its row: another process
// changed it.
func (d *draft) apply(ctx context.Context, tx Txn, noun, id string) error {
	org := d.org.ID
	switch noun {
	case nounOrg:
		row, err := tx.Orgs().Find(ctx, org, org)
		if err == nil {
			d.org = row
		}
		return err
	case nounAccount:
		row, err := tx.Accounts().Find(ctx, org, AccountID(id))
		return settle(err, func() error { d.putAccount(row); return nil }, func() { d.removeAccount(AccountID(id)) })
	case nounGroup:
		row, err := tx.Groups().Find(ctx, org, GroupID(id))
		return settle(err, func() error { d.putGroup(row); return nil }, func() { d.editRules().RemoveGroup(id) })
	case nounMember:
		row, err := tx.Members().Find(ctx, org, MemberKey(id))
		return settle(err, func() error { return d.putMember(row) }, func() {
			group, member := MemberKey(id).split()
			d.editRules().RemoveMember(string(group), ruleID(member))
		})
	case nounRole:
		row, err := tx.Roles().Find(ctx, org, RoleID(id))
		return settle(err, func() error { return d.putRole(row) }, func() { d.editRules().RemoveRole(id) })
	case nounBinding:
		row, err := tx.Bindings().Find(ctx, org, BindingID(id))
		return settle(err, func() error { return d.putBinding(row) }, func() { d.editRules().RemoveBinding(id) })
	case nounCredential:
		row, err := tx.Credentials().Find(ctx, org, CredentialID(id))
		return settle(err, func() error { d.putCredential(row); return nil }, func() { d.editCredentials().Delete(id) })
	case nounToken:
		return d.applyRevokedToken(ctx, tx.RevokedTokens(), TokenKey(id))
	}
	return nil
}

// settle puts a row that was found and removes one that is gone.
func settle(err error, put func() error, remove func()) error {
	switch {
	case err == nil:
		return put()
	case errors.Is(err, ErrNotFound):
		remove()
		return nil
	}
	return err
}

// micros is a time as decisions keep it; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
