package identity

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// Org is the isolation root: every other row belongs to exactly one.
type Org struct {
	ID          OrgID
	Slug        string // DNS label, immutable, unique for ever
	DisplayName string // free text, at most 255 bytes
	State       OrgState
	Settings    OrgSettings
	MinRevision uint64 // tokens and sessions issued before this revision are dead
	Meta
}

// SystemSlug is the slug of the system org, whose members operate the instance.
const SystemSlug = "system"

// IsSystem reports whether this is the system org.
func (o Org) IsSystem() bool { return o.Slug == SystemSlug }

// OrgState is the life of an org. The zero value is no state, and refuses.
type OrgState string

// The states of an org. Deleted is final: the row stays so that the slug is
// never given again.
const (
	OrgActive    OrgState = "active"
	OrgSuspended OrgState = "suspended"
	OrgDeleted   OrgState = "deleted"
)

// OrgSettings are the limits and defaults of one org.
type OrgSettings struct {
	DefaultUserGroups           []GroupID     // groups that a new user joins
	DefaultServiceAccountGroups []GroupID     // groups that a new service account joins
	MaxValidity                 time.Duration // longest life of a service account or credential; 0 means the instance's
	MaxServiceAccounts          int           // 0 means no limit
}

// Meta is who made a row and who last changed it, and when.
type Meta struct {
	CreatedAt time.Time // microseconds, UTC
	CreatedBy string    // the actor: an account id, or "system"
	UpdatedAt time.Time
	UpdatedBy string
	Revision  uint64 // the change that last wrote this row
}

// OrgSpec is what an org is made of.
type OrgSpec struct {
	Slug        string      // 1 to 63 of [a-z0-9-], not at the ends; required
	DisplayName string      // default the slug
	Settings    OrgSettings // zero values are the instance's defaults
	Owner       *UserSpec   // a first user, bound to the owner role at Root
	// WithSystemAccount makes a service account with the org, named SystemAccountName,
	// for the host's own work in it; see Account.System. It has no rights, credentials
	// or end of its own, and counts among OrgSettings.MaxServiceAccounts.
	WithSystemAccount bool
}

func (s OrgSettings) isZero() bool { return reflect.DeepEqual(s, OrgSettings{}) }

// OrgPatch changes an org; nil fields stay.
type OrgPatch struct {
	DisplayName *string
	Settings    *OrgSettings
}

// OrgResult is an org that was made or found.
type OrgResult struct {
	Org
	Owner         *Account // the owner that was made with it
	SystemAccount *Account // the service account that was made with it
	Created       bool     // false: it was there, and nothing was changed
}

// CreateOrg makes an org with its system groups and, if the spec says so, its
// first owner and its system account. It fails with ErrConflict when the slug was ever used, or is reserved.
func (s *Admin) CreateOrg(ctx context.Context, spec OrgSpec) (OrgResult, error) {
	return s.makeOrg(ctx, "CreateOrg", spec)
}

// EnsureOrg makes an org unless one with this slug exists; then it returns that
// one, whatever its state, and changes nothing.
func (s *Admin) EnsureOrg(ctx context.Context, spec OrgSpec) (OrgResult, error) {
	return s.makeOrg(ctx, "EnsureOrg", spec)
}

func (s *Admin) makeOrg(ctx context.Context, op string, spec OrgSpec) (out OrgResult, err error) {
	return create(ctx, s, op, s.a.SystemOrg(), creation[OrgResult]{
		noun: nounOrg, input: spec,
		create: func(c *change) (OrgResult, error) { return c.createOrg(spec) },
		ids:    func(r OrgResult) []string { return []string{string(r.ID)} },
		find: func(c *change, made []string) (OrgResult, error) {
			row, err := c.tx.Orgs().Find(c.ctx, OrgID(made[0]), OrgID(made[0]))
			if err == nil && row.State == OrgDeleted {
				err = notFound(nounOrg, made[0])
			}
			return OrgResult{Org: row}, err
		},
	})
}

func (c *change) createOrg(spec OrgSpec) (OrgResult, error) {
	if !validSlug(spec.Slug) {
		return OrgResult{}, noSlug(spec.Slug)
	}
	if spec.DisplayName == "" {
		spec.DisplayName = spec.Slug
	}
	found, err := c.tx.Orgs().Page(c.ctx, Query{Everywhere: true, Where: []Cond{{Field: FieldSlug, Value: spec.Slug}}, Limit: 1})
	if err != nil {
		return OrgResult{}, err
	}
	if len(found) == 0 && slices.Contains(c.a.cfg.ReservedSlugs, spec.Slug) {
		return OrgResult{}, conflict(nounOrg, spec.Slug, "Slug", "is reserved")
	}
	if len(found) > 0 {
		if c.op != "EnsureOrg" {
			return OrgResult{}, conflict(nounOrg, spec.Slug, "Slug", "is taken by "+string(found[0].ID))
		}
		c.differs(nounOrg, string(found[0].ID), found[0].DisplayName == spec.DisplayName && found[0].State == OrgActive)
		return OrgResult{Org: found[0]}, nil
	}
	id, err := newID[Org]("or_", c.at, c.a.cfg.Random)
	if err != nil {
		return OrgResult{}, err
	}
	org := Org{ID: id, Slug: spec.Slug, DisplayName: spec.DisplayName, State: OrgActive, Settings: spec.Settings, Meta: c.created()}
	if err := org.check(c.a.cfg); err != nil {
		return OrgResult{}, err
	}
	if s := spec.Settings; len(s.DefaultUserGroups) > 0 || len(s.DefaultServiceAccountGroups) > 0 {
		return OrgResult{}, invalid(nounOrg, "Settings.DefaultGroups", "a new org has no groups to join yet")
	}
	out := OrgResult{Org: org, Created: true}
	if err := c.insertOrg(org); err != nil {
		return OrgResult{}, err
	}
	if spec.WithSystemAccount {
		if out.SystemAccount, err = c.createSystemAccount(id); err != nil {
			return OrgResult{}, err
		}
	}
	if spec.Owner != nil {
		if out.Owner, err = c.createFirstOwner(id, *spec.Owner); err != nil {
			return OrgResult{}, err
		}
	}
	return out, nil
}

func (c *change) createFirstOwner(org OrgID, spec UserSpec) (*Account, error) {
	if spec.Boundary != "" {
		return nil, invalid(nounAccount, "Boundary", "an owner has none")
	}
	owner, err := c.createUser(org, spec)
	if err != nil {
		return nil, err
	}
	_, err = c.createBinding(org, BindingSpec{Subject: SubjectID(owner.ID), Role: string(RoleOwner), Scope: policy.Root, Reason: "owner of a new org"})
	return &owner, err
}

// insertOrg writes an org, its system groups and an empty view of it.
func (c *change) insertOrg(org Org) error {
	if err := c.tx.Orgs().Insert(c.ctx, org); err != nil {
		return err
	}
	c.drafts[org.ID] = c.a.emptyView(org).edit()
	if err := c.record(org.ID, nounOrg, string(org.ID), "create", nil, org); err != nil {
		return err
	}
	for _, g := range []Group{
		{ID: GroupUsers, Name: "users", Description: "every user of the org"},
		{ID: GroupServiceAccounts, Name: "service-accounts", Description: "every service account of the org"},
	} {
		g.Org, g.System, g.Meta = org.ID, true, c.created()
		if err := c.insertGroup(g); err != nil {
			return err
		}
	}
	return nil
}

func (o Org) check(cfg Config) error {
	if o.DisplayName == "" {
		return invalid(nounOrg, "DisplayName", "is required")
	}
	if err := checkText(nounOrg, "DisplayName", o.DisplayName, maxDisplayName); err != nil {
		return err
	}
	if v := o.Settings.MaxValidity; v < 0 || v > cfg.MaxValidity {
		return invalid(nounOrg, "Settings.MaxValidity", "%s is not between 0 and %s", v, cfg.MaxValidity)
	}
	if n := o.Settings.MaxServiceAccounts; n < 0 {
		return invalid(nounOrg, "Settings.MaxServiceAccounts", "%d is negative", n)
	}
	if n := len(o.Settings.DefaultUserGroups) + len(o.Settings.DefaultServiceAccountGroups); n > maxList {
		return &Error{Kind: ErrLimit, Entity: nounOrg, Field: "Settings.DefaultGroups", Err: fmt.Errorf("%d groups, at most %d", n, maxList)}
	}
	for _, id := range append(append([]GroupID(nil), o.Settings.DefaultUserGroups...), o.Settings.DefaultServiceAccountGroups...) {
		if !id.valid() {
			return invalid(nounOrg, "Settings.DefaultGroups", "%q is no group id", clip(string(id)))
		}
	}
	return nil
}

// Org returns one org by its id. Like every verb on orgs, it is checked in the
// system org.
func (s *Admin) Org(ctx context.Context, id OrgID) (Org, error) {
	return s.findOrg(ctx, "Org", Query{Everywhere: true, Where: []Cond{{Field: FieldID, Value: string(id)}}, Limit: 1}, string(id), id.valid())
}

// OrgBySlug returns one org by its slug.
func (s *Admin) OrgBySlug(ctx context.Context, slug string) (Org, error) {
	return s.findOrg(ctx, "OrgBySlug", Query{Everywhere: true, Where: []Cond{{Field: FieldSlug, Value: slug}}, Limit: 1}, slug, validSlug(slug))
}

// SlugAvailable reports whether an org could be made with a slug now: no org ever
// had it, and it is not reserved. One that is no slug fails with ErrInvalid.
func (s *Admin) SlugAvailable(ctx context.Context, slug string) (bool, error) {
	if !validSlug(slug) {
		return false, wrap("SlugAvailable", noSlug(slug))
	}
	free := false
	err := s.read(ctx, "SlugAvailable", s.a.SystemOrg(), func(ctx context.Context, tx Txn) error {
		n, err := tx.Orgs().Count(ctx, Query{Everywhere: true, Where: []Cond{{Field: FieldSlug, Value: slug}}})
		free = err == nil && n == 0 && !slices.Contains(s.a.cfg.ReservedSlugs, slug)
		return err
	})
	return free, err
}

func noSlug(s string) error {
	return invalid(nounOrg, "Slug", "%q is no DNS label in lower case", clip(s))
}

func (s *Admin) findOrg(ctx context.Context, op string, q Query, name string, valid bool) (out Org, err error) {
	if !valid {
		return Org{}, wrap(op, &Error{Kind: ErrInvalid, Entity: nounOrg, ID: clip(name)})
	}
	err = s.read(ctx, op, s.a.SystemOrg(), func(ctx context.Context, tx Txn) error {
		rows, err := tx.Orgs().Page(ctx, q)
		if err == nil && len(rows) == 0 {
			err = notFound(nounOrg, name)
		}
		if err == nil {
			out = rows[0]
		}
		return err
	})
	return out, err
}

// OrgFilter selects orgs; empty fields select all. A state that there is not fails with ErrInvalid.
type OrgFilter struct {
	State OrgState
}

// Orgs returns a page of the instance's orgs, in the order in which they were made.
func (s *Admin) Orgs(ctx context.Context, f OrgFilter, page Page) (List[Org], error) {
	q := Query{Everywhere: true, Where: where(Cond{Field: FieldState, Value: string(f.State)})}
	return listRows(ctx, s, "Orgs", nounOrg, s.a.SystemOrg(), q, page, Txn.Orgs)
}

// AllOrgs iterates over the instance's orgs.
func (s *Admin) AllOrgs(ctx context.Context, f OrgFilter) iter.Seq2[Org, error] {
	return every(func(page Page) (List[Org], error) { return s.Orgs(ctx, f, page) })
}

// UpdateOrg changes what describes an org.
func (s *Admin) UpdateOrg(ctx context.Context, id OrgID, patch OrgPatch) (Org, error) {
	return only(s.editOrg(ctx, "UpdateOrg", id, func(c *change, o *Org) error {
		if patch.DisplayName != nil {
			o.DisplayName = *patch.DisplayName
		}
		if patch.Settings != nil {
			before := o.Settings
			o.Settings = *patch.Settings
			if err := c.checkDefaultGroups(id, before, o.Settings); err != nil {
				return err
			}
		}
		return o.check(c.a.cfg)
	}))
}

// SuspendOrg refuses everything that its accounts ask, until ResumeOrg.
// Operators can still act on it.
func (s *Admin) SuspendOrg(ctx context.Context, id OrgID) (changed bool, err error) {
	return whether(s.editOrg(ctx, "SuspendOrg", id, moveOrg(OrgSuspended)))
}

// ResumeOrg ends a suspension. Tokens issued before it stay dead.
func (s *Admin) ResumeOrg(ctx context.Context, id OrgID) (changed bool, err error) {
	return whether(s.editOrg(ctx, "ResumeOrg", id, moveOrg(OrgActive)))
}

// DeleteOrg ends an org for ever. Its rows stay for the audit and answer
// nothing; its slug is never given again. One that is deleted already fails with
// ErrNotFound, as in every call that changes an org.
func (s *Admin) DeleteOrg(ctx context.Context, id OrgID) (changed bool, err error) {
	return whether(s.editOrg(ctx, "DeleteOrg", id, moveOrg(OrgDeleted)))
}

// SignOutOrg ends every token and session of the org that was issued before now.
func (s *Admin) SignOutOrg(ctx context.Context, id OrgID) (Org, error) {
	return only(s.editOrg(ctx, "SignOutOrg", id, func(c *change, o *Org) error {
		o.MinRevision = c.revision()
		return nil
	}))
}

func moveOrg(to OrgState) func(*change, *Org) error {
	return func(c *change, o *Org) error {
		if o.IsSystem() {
			return invalid(nounOrg, "State", "the system org stays active")
		}
		if to != OrgActive {
			o.MinRevision = c.revision()
		}
		o.State = to
		return nil
	}
}

// editOrg applies one edit to an org. An edit that leaves the state as it was
// writes nothing.
func (s *Admin) editOrg(ctx context.Context, op string, id OrgID, edit func(*change, *Org) error) (out Org, changed bool, err error) {
	if err := id.check(); err != nil {
		return out, false, wrap(op, err)
	}
	err = s.decide(ctx, op, s.a.SystemOrg(), subject{org: id, noun: nounOrg, id: string(id)}, func(c *change) error {
		changed = false
		before, err := c.tx.Orgs().Find(c.ctx, id, id)
		if err != nil {
			return err
		}
		if before.State == OrgDeleted {
			return notFound(nounOrg, string(id))
		}
		out = before
		if err := edit(c, &out); err != nil {
			return err
		}
		if op == "UpdateOrg" && reflect.DeepEqual(before, out) || op != "UpdateOrg" && op != "SignOutOrg" && out.State == before.State {
			out = before
			return nil
		}
		out.Meta = c.updated(out.Meta)
		if err := c.tx.Orgs().Update(c.ctx, out); err != nil {
			return err
		}
		d, err := c.draft(id)
		if err != nil {
			return err
		}
		d.org = out
		changed = true
		return c.record(id, nounOrg, string(id), verbOf(op), before, out)
	}, func(ctx context.Context, s *Admin) error {
		_, _, err := s.editOrg(ctx, op, id, edit)
		return err
	})
	return out, changed && err == nil, err
}
