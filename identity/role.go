package identity

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"

	"github.com/claviger-go/claviger/policy"
)

// Role is a stored role: a named set of permissions and patterns, made in one
// org at run time. Roles declared in code have no row; see [CodeRole].
type Role struct {
	ID            RoleID
	Org           OrgID
	Name          string // 1 to 128 of [A-Za-z0-9._/-], unique in the org, also when archived or deleted
	DisplayName   string
	Description   string
	Permissions   []string  // names and patterns; may be empty
	Exclusions    []string  // taken away from this role only
	Includes      []RoleRef // other roles whose contents this one has
	ResourceTypes []string  // the types of resource it may be bound at; empty means any
	Locks         RoleLocks // what of it cannot be changed
	Anonymous     bool      // holds direct permissions of one account; not listed
	State         RoleState
	Deleted       bool // gone; the row keeps the name and the id
	Meta
}

// RoleState is the life of a stored role.
type RoleState string

// The states of a role. An archived role keeps its name; it cannot be bound or
// included until it is unarchived.
const (
	RoleActive   RoleState = "active"
	RoleArchived RoleState = "archived"
)

// RoleSpec is what a stored role is made of.
type RoleSpec struct {
	Name          string // 1 to 128 of [A-Za-z0-9._/-], not of the form of a RoleID; required; no code role has it
	DisplayName   string
	Description   string
	Permissions   []string // names and patterns; may be empty
	Exclusions    []string
	Includes      []string  // names or ids of roles
	ResourceTypes []string  // empty means any
	Locks         RoleLocks // through As none; see RoleLocks
}

// RolePatch changes a stored role; nil fields stay, others replace. What is
// locked is what was locked before the call: lifting a lock is a call of its own.
type RolePatch struct {
	DisplayName   *string
	Description   *string
	Permissions   *[]string
	Exclusions    *[]string
	Includes      *[]string
	ResourceTypes *[]string
	Locks         *RoleLocks // for System only
}

// RoleResult is a role that was made or found.
type RoleResult struct {
	Role
	Created bool // false: it was there, and nothing was changed
}

// RoleFilter selects stored roles; empty fields select all. A state that there is not fails with ErrInvalid.
type RoleFilter struct {
	State      RoleState
	NamePrefix string // byte-exact
}

func (r Role) compile() policy.Role {
	def := policy.Role{ID: string(r.ID), Permissions: r.Permissions, Exclusions: r.Exclusions}
	for _, ref := range r.Includes {
		def.Includes = append(def.Includes, string(ref))
	}
	return def
}

// CreateRole makes a stored role. It fails with ErrInvalid for an unknown
// permission, a bad pattern, an unknown or cyclic include, with ErrImmutable for an
// include whose members are locked, and with ErrConflict when the name is taken, also
// by an archived role or by a code role.
func (o *OrgAdmin) CreateRole(ctx context.Context, spec RoleSpec) (RoleResult, error) {
	return o.makeRole(ctx, "CreateRole", spec)
}

// EnsureRole makes a stored role unless the org has one with this name; then it
// returns that one, whatever its state, and changes nothing.
func (o *OrgAdmin) EnsureRole(ctx context.Context, spec RoleSpec) (RoleResult, error) {
	return o.makeRole(ctx, "EnsureRole", spec)
}

func (o *OrgAdmin) makeRole(ctx context.Context, op string, spec RoleSpec) (out RoleResult, err error) {
	build := func(c *change) (out RoleResult, err error) {
		if why := checkRoleName(spec.Name); why != "" {
			return out, invalid(nounRole, "Name", "%q: %s", clip(spec.Name), why)
		}
		if _, taken := c.a.model.Roles.Lookup(codePrefix + spec.Name); taken {
			return out, conflict(nounRole, spec.Name, "Name", "is that of a code role")
		}
		found, exists, err := one(c, c.tx.Roles(), o.org, Cond{Field: FieldName, Value: spec.Name})
		switch {
		case err != nil:
			return out, err
		case exists && op == "EnsureRole":
			c.differs(nounRole, string(found.ID), reflect.DeepEqual(found.Permissions, spec.Permissions) && found.State == RoleActive)
			return RoleResult{Role: found}, nil
		case exists:
			return out, conflict(nounRole, spec.Name, "Name", "is that of "+string(found.ID))
		case RoleID(spec.Name).valid(): // a call that names it would look for that id
			return out, invalid(nounRole, "Name", "%q has the form of a role's id", clip(spec.Name))
		}
		out.Role, err = c.createRole(o.org, spec)
		out.Created = true
		return out, err
	}
	return create(ctx, &o.Admin, op, o.org, creation[RoleResult]{
		noun: nounRole, input: spec, create: build,
		ids: func(r RoleResult) []string { return []string{string(r.ID)} },
		find: func(c *change, made []string) (RoleResult, error) {
			r, err := c.liveRole(o.org, RoleID(made[0]))
			return RoleResult{Role: r}, err
		},
	})
}

func (c *change) createRole(org OrgID, spec RoleSpec) (Role, error) {
	id, err := changeID[Role](c, "ro_")
	if err != nil {
		return Role{}, err
	}
	r := Role{
		ID: id, Org: org, Name: spec.Name, DisplayName: spec.DisplayName, Description: spec.Description,
		Permissions: spec.Permissions, Exclusions: spec.Exclusions, ResourceTypes: spec.ResourceTypes, Locks: spec.Locks,
		State: RoleActive, Meta: c.created(),
	}
	if err := c.mayLock(RoleLocks{}, r.Locks); err != nil {
		return Role{}, err
	}
	if r.Includes, err = c.includes(org, spec.Includes, nil); err != nil {
		return Role{}, err
	}
	return r, c.insertRole(r)
}

func (c *change) insertRole(r Role) error {
	if err := r.check(); err != nil {
		return err
	}
	if err := c.putRole(r); err != nil {
		return err
	}
	if err := c.tx.Roles().Insert(c.ctx, r); err != nil {
		return err
	}
	return c.record(r.Org, nounRole, string(r.ID), "create", nil, r)
}

// putRole compiles a role into the draft, which finds unknown permissions and cycles.
func (c *change) putRole(r Role) error {
	d, err := c.draft(r.Org)
	if err != nil {
		return err
	}
	if err := d.editRules().PutRole(r.compile()); err != nil {
		return &Error{Kind: ErrInvalid, Entity: nounRole, ID: clip(r.Name), Field: roleField(err), Err: err}
	}
	return nil
}

func roleField(err error) string {
	var e *policy.Error
	if errors.As(err, &e) && e.Field != "" {
		return strings.ToUpper(e.Field[:1]) + e.Field[1:] // as it is called here
	}
	return ""
}

func (r Role) check() error {
	if err := checkText(nounRole, "DisplayName", r.DisplayName, maxDisplayName); err != nil {
		return err
	}
	if err := checkText(nounRole, "Description", r.Description, maxText); err != nil {
		return err
	}
	if err := r.checkSize(); err != nil {
		return err
	}
	for _, t := range r.ResourceTypes {
		if _, err := policy.NewPath(t, "x"); err != nil {
			return &Error{Kind: ErrInvalid, Entity: nounRole, Field: "ResourceTypes", Err: err}
		}
	}
	return nil
}

// checkSize bounds what a role may say: it is worked out in the transaction, and
// compared with other roles pattern by pattern.
func (r Role) checkSize() error {
	names, patterns := len(r.Permissions)+len(r.Exclusions), 0
	for _, list := range [][]string{r.Permissions, r.Exclusions} {
		for _, name := range list {
			if strings.HasSuffix(name, "*") {
				patterns++
			}
		}
	}
	for _, l := range []struct {
		field   string
		n, most int
	}{
		{"Permissions", names, maxRoleNames}, {"Permissions", patterns, maxList},
		{"Includes", len(r.Includes), maxList}, {"ResourceTypes", len(r.ResourceTypes), maxList},
	} {
		if l.n > l.most {
			return &Error{Kind: ErrLimit, Entity: nounRole, ID: clip(r.Name), Field: l.field, Err: fmt.Errorf("%d entries, at most %d", l.n, l.most)}
		}
	}
	return nil
}

// Role returns one stored role.
func (o *OrgAdmin) Role(ctx context.Context, id RoleID) (Role, error) {
	r, err := findRow(ctx, &o.Admin, "Role", o.org, id, Txn.Roles)
	if err == nil && r.Deleted {
		return Role{}, wrap("Role", notFound(nounRole, string(id)))
	}
	return r, err
}

// Roles returns a page of the org's stored roles.
func (o *OrgAdmin) Roles(ctx context.Context, f RoleFilter, page Page) (List[Role], error) {
	q := Query{Where: where(
		Cond{Field: FieldAnonymous, Value: "0"},
		Cond{Field: FieldDeleted, Value: "0"},
		Cond{Field: FieldState, Value: string(f.State)},
		Cond{Field: FieldName, Prefix: true, Value: f.NamePrefix},
	)}
	return listRows(ctx, &o.Admin, "Roles", nounRole, o.org, q, page, Txn.Roles)
}

// AllRoles iterates over the org's stored roles.
func (o *OrgAdmin) AllRoles(ctx context.Context, f RoleFilter) iter.Seq2[Role, error] {
	return every(func(page Page) (List[Role], error) { return o.Roles(ctx, f, page) })
}

// UpdateRole changes a stored role, and with it what everybody bound to it may
// do. Through As it fails with ErrEscalation when the role gets more and would then
// give, somewhere it is bound or a boundary, what the actor does not hold there, and
// when it gets less and somebody who has it manages more than the actor, which does
// not hold identity:contain; of a role that is denied, the other way round. It fails
// with ErrImmutable when what it changes is locked, and when it comes to include a role
// whose members are.
func (o *OrgAdmin) UpdateRole(ctx context.Context, id RoleID, patch RolePatch) (Role, error) {
	return only(o.editRole(ctx, "UpdateRole", id, func(c *change, r *Role) (err error) {
		setIf(&r.DisplayName, patch.DisplayName)
		setIf(&r.Description, patch.Description)
		setList(&r.Permissions, patch.Permissions)
		setList(&r.Exclusions, patch.Exclusions)
		setList(&r.ResourceTypes, patch.ResourceTypes)
		if patch.Includes != nil {
			if r.Includes, err = c.includes(o.org, *patch.Includes, r.Includes); err != nil {
				return err
			}
		}
		if patch.Locks != nil {
			err = c.mayLock(r.Locks, *patch.Locks)
			r.Locks = *patch.Locks
		}
		return err
	}))
}

func setIf[T any](field *T, v *T) {
	if v != nil {
		*field = *v
	}
}

// setList is setIf for a list, which is nil when it is empty, as it is read back.
func setList(field *[]string, v *[]string) {
	setIf(field, v)
	if len(*field) == 0 {
		*field = nil
	}
}

func (o *OrgAdmin) editRole(ctx context.Context, op string, id RoleID, edit func(*change, *Role) error) (out Role, changed bool, err error) {
	if err := id.check(); err != nil {
		return out, false, wrap(op, err)
	}
	err = o.write(ctx, op, o.org, func(c *change) error {
		changed = false
		before, err := c.liveRole(o.org, id)
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
		if err := before.unlocked(out); err != nil {
			return err
		}
		changed = true
		out, err = c.replaceRole(before, out, verbOf(op))
		return err
	})
	return out, changed && err == nil, err
}

// replaceRole stores a role as it is after an edit.
func (c *change) replaceRole(before, after Role, verb string) (Role, error) {
	if err := after.check(); err != nil {
		return after, err
	}
	if !reflect.DeepEqual(before.compile(), after.compile()) {
		if err := c.putRole(after); err != nil {
			return after, err
		}
		if err := c.roleChange(after.Org, string(after.ID)); err != nil {
			return after, err
		}
	}
	after.Meta = c.updated(after.Meta)
	if err := c.tx.Roles().Update(c.ctx, after); err != nil {
		return after, err
	}
	return after, c.record(after.Org, nounRole, string(after.ID), verb, before, after)
}

// liveRole finds a role that was not deleted.
func (c *change) liveRole(org OrgID, id RoleID) (Role, error) {
	r, err := c.tx.Roles().Find(c.ctx, org, id)
	if err == nil && r.Deleted {
		err = notFound(nounRole, string(id))
	}
	return r, err
}
