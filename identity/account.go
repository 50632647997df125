package identity

import (
	"context"
	"iter"
	"reflect"
	"slices"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// Account is who acts: a user or a service account, in one org.
type Account struct {
	ID          AccountID
	Org         OrgID
	Kind        AccountKind
	Name        string            // service account: its name; user: the e-mail address, folded
	DisplayName string            // free text, at most 255 bytes
	Description string            // free text, at most 1,024 bytes
	Labels      map[string]string // at most 32, keys and values at most 128 bytes; conditions read them as principal.labels
	External    ExternalID        // who this is for the host's login
	State       AccountState
	ValidUntil  time.Time // the account ends here; zero means never
	MinRevision uint64    // tokens and sessions issued before this revision are dead
	Boundary    RoleRef   // the role that its rights are cut down to, whatever its bindings give; empty is none
	System      bool      // made with the org, see OrgSpec.WithSystemAccount; ends with it
	LastUsed    time.Time // when it last proved itself, as in [Credential]
	Meta
}

// AccountKind tells people from programs. The zero value is no kind.
type AccountKind string

// The kinds of account.
const (
	User           AccountKind = "user"
	ServiceAccount AccountKind = "service-account"
)

// AccountState is the life of an account. The zero value is no state, and refuses.
type AccountState string

// The states of an account: invited, then active and inactive in turn, then
// archived, then deleted. Archived and deleted are final, and keep the name.
const (
	AccountInvited  AccountState = "invited"
	AccountActive   AccountState = "active"
	AccountInactive AccountState = "inactive"
	AccountArchived AccountState = "archived"
	AccountDeleted  AccountState = "deleted"
)

// ExternalID is how an outside identity provider knows an account: its issuer
// and its subject there. Both are set, or neither. It is unique in an org.
type ExternalID struct {
	Issuer  string // at most 255 bytes
	Subject string // at most 255 bytes
}

// IsZero reports whether there is no external id.
func (e ExternalID) IsZero() bool { return e == ExternalID{} }

func (k AccountKind) policyKind() policy.Kind {
	if k == User {
		return policy.User
	}
	return policy.ServiceAccount
}

// Handle is the account's computed address, name@org-slug.domain: for people
// to read, never a login key. It is empty when the host has no AccountDomain.
func (a *Authority) Handle(account Account, org Org) string {
	if a.cfg.AccountDomain == "" || account.Kind != ServiceAccount || account.Org != org.ID {
		return ""
	}
	return account.Name + "@" + org.Slug + "." + a.cfg.AccountDomain
}

// AccountPatch changes what describes an account; nil fields stay. Of all this
// only labels can give or take rights, through conditions that read them; e-mail
// and external id are how the host's login finds the account.
type AccountPatch struct {
	Email       *string // users only
	DisplayName *string
	Description *string
	Labels      *map[string]string
	External    *ExternalID
}

// AccountFilter selects accounts; empty fields select all. A kind or a state that there is not, and a boundary
// that is no [RoleRef], fail with ErrInvalid.
type AccountFilter struct {
	Kind       AccountKind
	State      AccountState
	Name       string // exactly; of a user the e-mail address, folded
	NamePrefix string // byte-exact
	External   ExternalID
	Boundary   RoleRef // those cut down to this role
}

// Account returns one account.
func (o *OrgAdmin) Account(ctx context.Context, id AccountID) (Account, error) {
	return findRow(ctx, &o.Admin, "Account", o.org, id, Txn.Accounts)
}

// Accounts returns a page of the org's accounts, in the order of their ids.
func (o *OrgAdmin) Accounts(ctx context.Context, f AccountFilter, page Page) (List[Account], error) {
	q := Query{Where: where(
		Cond{Field: FieldKind, Value: string(f.Kind)},
		Cond{Field: FieldState, Value: string(f.State)},
		Cond{Field: FieldName, Value: f.Name},
		Cond{Field: FieldName, Prefix: true, Value: f.NamePrefix},
		Cond{Field: FieldExternalIssuer, Value: f.External.Issuer},
		Cond{Field: FieldExternalSubject, Value: f.External.Subject},
		Cond{Field: FieldBoundary, Value: string(f.Boundary)},
	)}
	return listRows(ctx, &o.Admin, "Accounts", nounAccount, o.org, q, page, Txn.Accounts)
}

// AllAccounts iterates over the org's accounts.
func (o *OrgAdmin) AllAccounts(ctx context.Context, f AccountFilter) iter.Seq2[Account, error] {
	return every(func(page Page) (List[Account], error) { return o.Accounts(ctx, f, page) })
}

// AccountsByExternalID finds the accounts of one person in every org that is not
// deleted, deleted accounts included, for the host's login to choose from. It is
// for the host only, and joins by issuer and subject, never by e-mail.
func (s *Admin) AccountsByExternalID(ctx context.Context, e ExternalID) ([]Account, error) {
	const op = "AccountsByExternalID"
	if err := s.checkActor(); err != nil {
		return nil, wrap(op, err)
	}
	if !s.who.system {
		return nil, &Error{Kind: ErrDenied, Op: op, Entity: nounAccount, Err: errText("only System looks across orgs")}
	}
	if e.IsZero() {
		return nil, wrap(op, invalid(nounAccount, "External", "is required"))
	}
	if err := e.check(); err != nil {
		return nil, wrap(op, err)
	}
	var out []Account
	err := s.a.store.Read(ctx, func(tx Txn) (err error) {
		out, err = withExternalID(ctx, tx, e)
		return err
	})
	return out, wrap(op, givenUp(ctx, err))
}

// withExternalID finds the accounts of one person, one in each org at the most,
// without what is of a deleted org: of that no row answers.
func withExternalID(ctx context.Context, tx Txn, e ExternalID) ([]Account, error) {
	var kept []Account
	q := Query{Everywhere: true, Where: []Cond{
		{Field: FieldExternalIssuer, Value: e.Issuer}, {Field: FieldExternalSubject, Value: e.Subject},
	}}
	for a, err := range selected(ctx, tx.Accounts(), q) {
		if err != nil {
			return nil, err
		}
		org, err := tx.Orgs().Find(ctx, a.Org, a.Org)
		if err != nil {
			return nil, err
		}
		if org.State != OrgDeleted {
			kept = append(kept, a)
		}
	}
	return kept, nil
}

// insertAccount writes a new account, and joins it to the default groups.
func (c *change) insertAccount(a Account) error {
	if err := a.check(); err != nil {
		return err
	}
	if err := c.mayMint(); err != nil {
		return err
	}
	if err := c.freeExternal(a.Org, a.ID, a.External); err != nil {
		return err
	}
	v, err := c.view(a.Org)
	if err != nil {
		return err
	}
	groups, system := v.org.Settings.DefaultServiceAccountGroups, GroupServiceAccounts
	if a.Kind == User {
		groups, system = v.org.Settings.DefaultUserGroups, GroupUsers
	}
	if err := c.carries(a.Org, string(system)); err != nil {
		return err
	}
	if err := c.tx.Accounts().Insert(c.ctx, a); err != nil {
		return err
	}
	d, err := c.draft(a.Org)
	if err != nil {
		return err
	}
	d.putAccount(a)
	if err := c.record(a.Org, nounAccount, string(a.ID), "create", nil, a); err != nil {
		return err
	}
	for _, group := range groups {
		if err := c.addMember(a.Org, group, SubjectID(a.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (a Account) check() error {
	if err := checkText(nounAccount, "DisplayName", a.DisplayName, maxDisplayName); err != nil {
		return err
	}
	if err := checkText(nounAccount, "Description", a.Description, maxText); err != nil {
		return err
	}
	if err := checkLabels(a.Labels); err != nil {
		return err
	}
	return a.External.check()
}

// freeExternal refuses an external id that another account of the org has.
func (c *change) freeExternal(org OrgID, self AccountID, e ExternalID) error {
	if e.IsZero() {
		return nil // many have none
	}
	row, found, err := one(c, c.tx.Accounts(), org, Cond{Field: FieldExternalIssuer, Value: e.Issuer}, Cond{Field: FieldExternalSubject, Value: e.Subject})
	if err != nil {
		return err
	}
	if found && row.ID != self {
		return conflict(nounAccount, e.Subject, "External", "is that of "+string(row.ID))
	}
	return nil
}

// mayMint refuses service accounts that make accounts or credentials.
func (c *change) mayMint() error {
	if c.a.cfg.ServiceAccountsMayMint || c.who.system {
		return nil
	}
	if slices.ContainsFunc(c.who.principal.all(), func(p *principal) bool { return p.kind == ServiceAccount }) {
		return &Error{Kind: ErrDenied, Entity: nounAccount, Err: errText("service accounts may not make accounts or credentials")}
	}
	return nil
}

// UpdateAccount changes what describes an account. Through As it needs that the
// actor holds every right that the account has.
func (o *OrgAdmin) UpdateAccount(ctx context.Context, id AccountID, patch AccountPatch) (Account, error) {
	return only(o.editAccount(ctx, "UpdateAccount", id, func(c *change, a *Account) error {
		if patch.Email != nil {
			if err := c.setEmail(a, *patch.Email); err != nil {
				return err
			}
		}
		if patch.DisplayName != nil {
			a.DisplayName = *patch.DisplayName
		}
		if patch.Description != nil {
			a.Description = *patch.Description
		}
		if patch.Labels != nil {
			a.Labels = *patch.Labels
			if len(a.Labels) == 0 {
				a.Labels = nil // as it is read back
			}
		}
		if patch.External != nil && *patch.External != a.External {
			a.External = *patch.External
			if err := c.freeExternal(a.Org, a.ID, a.External); err != nil {
				return err
			}
		}
		if patch.Email != nil || patch.Labels != nil || patch.External != nil {
			if err := c.controls(*a); err != nil {
				return err
			}
		}
		return a.check()
	}))
}

// editAccount applies one edit to an account. An edit that changes nothing
// writes nothing.
func (o *OrgAdmin) editAccount(ctx context.Context, op string, id AccountID, edit func(*change, *Account) error) (out Account, changed bool, err error) {
	if err := id.check(); err != nil {
		return out, false, wrap(op, err)
	}
	err = o.decide(ctx, op, o.org, subject{org: o.org, noun: nounAccount, id: string(id)}, func(c *change) error {
		changed = false
		before, err := c.liveAccount(o.org, id)
		if err != nil {
			return err
		}
		out = before
		if err := edit(c, &out); err != nil {
			return err
		}
		if reflect.DeepEqual(before, out) {
			return nil
		}
		if err := before.keepSystem(out); err != nil {
			return err
		}
		changed = true
		return c.putAccount(before, &out, verbOf(op))
	}, func(ctx context.Context, s *Admin) error {
		_, _, err := s.In(o.org).editAccount(ctx, op, id, edit)
		return err
	})
	return out, changed && err == nil, err
}

// putAccount stores an account that was changed.
func (c *change) putAccount(before Account, row *Account, verb string) error {
	row.Meta = c.updated(row.Meta)
	if err := c.tx.Accounts().Update(c.ctx, *row); err != nil {
		return err
	}
	d, err := c.draft(row.Org)
	if err != nil {
		return err
	}
	d.putAccount(*row)
	return c.record(row.Org, nounAccount, string(row.ID), verb, before, *row)
}

// liveAccount finds an account that was not deleted.
func (c *change) liveAccount(org OrgID, id AccountID) (Account, error) {
	a, err := c.tx.Accounts().Find(c.ctx, org, id)
	if err == nil && a.State == AccountDeleted {
		err = notFound(nounAccount, string(id))
	}
	return a, err
}
