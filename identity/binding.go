package identity

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/claviger-go/claviger/policy"
)

// Binding gives a role to a subject at a scope, or denies it there.
type Binding struct {
	ID        BindingID
	Org       OrgID
	Subject   SubjectID
	Role      RoleRef
	Scope     policy.Path // covers this path and everything under it
	Effect    policy.Effect
	Start     time.Time // zero means always
	End       time.Time // zero means for ever; the end itself is outside
	Reach     Reach     // the orgs a binding of the system org covers
	Condition string    // source in the language of Config.Conditions; empty is none
	Reason    string    // free text, at most 1,024 bytes
	Immutable bool      // cannot be deleted or moved through As: ErrImmutable
	// Eligible makes it a binding that is not in force: its subject, an account, may
	// switch it on for at most this long, see [OrgAdmin.Elevate]. Zero is in force.
	Eligible time.Duration
	Elevates BindingID // made by Elevate: of this binding; empty is none
	Meta
}

// BindingSpec is what a binding is made of.
type BindingSpec struct {
	Subject SubjectID   // required, but where the subject is being made
	Role    string      // the id or the name of a role; required
	Scope   policy.Path // required; policy.Root is the whole org
	Deny    bool        // denies the role instead of giving it
	Start   time.Time   // zero means always
	End     time.Time   // zero means for ever; after Start
	// Reach makes a binding of the system org cover one other org, or all.
	// Through As it needs identity:instance.
	Reach Reach
	// Condition is a source in the language of Config.Conditions, at most
	// policy.MaxCondition bytes; empty is none. An allow counts only if it is true, a
	// deny unless it is false.
	Condition string
	Reason    string // free text, at most 1,024 bytes
	Immutable bool   // through As it cannot be made (ErrDenied), deleted or moved (ErrImmutable)
	// Eligible makes a binding of an account that is not in force until the account
	// switches it on, for at most this long at once: see [OrgAdmin.Elevate]. Making one
	// takes what making it in force takes. Between a second and 24 hours; zero is in
	// force.
	Eligible time.Duration
}

// BindingResult is a binding that was made or found.
type BindingResult struct {
	Binding
	Created bool // false: it was there, and nothing was changed
}

// BindingFilter selects bindings; empty fields select all. A subject that is no id, and a role that is no
// [RoleRef], such as a name without "code:", fail with ErrInvalid.
type BindingFilter struct {
	Subject SubjectID
	Role    RoleRef
	Scope   policy.Path // exactly this one
}

func (b Binding) compile() policy.Binding {
	return policy.Binding{
		ID: string(b.ID), Subject: ruleID(b.Subject), Role: string(b.Role), Scope: b.Scope, Effect: b.Effect,
		Start: micros(b.Start), End: micros(b.End), Reach: string(b.Reach), Condition: b.Condition, Eligible: b.Eligible != 0,
	}
}

// CreateBinding binds a role to a subject. Through As it is checked at the
// scope of the binding, and fails with ErrEscalation when the role gives, there
// or below, what the actor does not hold. It fails with ErrImmutable when the
// role's members are locked.
func (o *OrgAdmin) CreateBinding(ctx context.Context, spec BindingSpec) (BindingResult, error) {
	return o.makeBinding(ctx, "CreateBinding", spec)
}

// EnsureBinding binds a role to a subject unless a binding of the same subject,
// role, scope, effect, reach and condition exists, in force or eligible like it;
// then it returns that one and changes nothing, whatever its dates.
func (o *OrgAdmin) EnsureBinding(ctx context.Context, spec BindingSpec) (BindingResult, error) {
	return o.makeBinding(ctx, "EnsureBinding", spec)
}

// GrantOwner binds the owner role at Root to an active user. It is for the host
// only.
func (o *OrgAdmin) GrantOwner(ctx context.Context, user AccountID) (BindingResult, error) {
	if !o.who.system {
		return BindingResult{}, &Error{Kind: ErrDenied, Op: "GrantOwner", Entity: nounBinding, Err: errText("only System grants ownership")}
	}
	if !user.valid() || !strings.HasPrefix(string(user), "us_") {
		return BindingResult{}, wrap("GrantOwner", invalid(nounAccount, "ID", "%q is no user", clip(string(user))))
	}
	return o.makeBinding(ctx, "GrantOwner", BindingSpec{Subject: SubjectID(user), Role: string(RoleOwner), Scope: policy.Root, Reason: o.who.reason})
}

func (o *OrgAdmin) makeBinding(ctx context.Context, op string, spec BindingSpec) (out BindingResult, err error) {
	defer o.compileAhead(ctx, op, spec.Scope, spec)()
	authorize := func(c *change) error {
		switch {
		case !scoped(op):
			return nil
		case spec.Scope.IsZero():
			return invalid(nounBinding, "Scope", "is required; policy.Root is the whole org")
		}
		return c.permit(spec.Scope)
	}
	build := func(c *change) (out BindingResult, err error) {
		if op != "CreateBinding" {
			found, exists, err := c.sameBinding(o.org, spec)
			if err != nil {
				return out, err
			}
			if exists {
				c.differs(nounBinding, string(found.ID), found.Start.Equal(spec.Start) && found.End.Equal(spec.End))
				return BindingResult{Binding: found}, nil
			}
		}
		if op == "GrantOwner" {
			a, err := c.liveAccount(o.org, AccountID(spec.Subject))
			if err == nil && a.State != AccountActive {
				err = &Error{Kind: ErrDisabled, Entity: nounAccount, ID: string(a.ID), Err: errText("is " + string(a.State))}
			}
			if err != nil {
				return out, err
			}
		}
		out.Binding, err = c.createBinding(o.org, spec)
		out.Created = true
		return out, err
	}
	return create(ctx, &o.Admin, op, o.org, creation[BindingResult]{
		noun: nounBinding, input: spec, authorize: authorize, create: build,
		ids: func(r BindingResult) []string { return []string{string(r.ID)} },
		find: func(c *change, made []string) (out BindingResult, err error) {
			if out.Binding, err = c.tx.Bindings().Find(c.ctx, o.org, BindingID(made[0])); err != nil {
				return out, err
			}
			return out, c.permit(out.Scope)
		},
	})
}

func effectOf(spec BindingSpec) policy.Effect {
	if spec.Deny {
		return policy.Deny
	}
	return policy.Allow
}

// sameBinding finds a binding that says the same, its dates apart.
func (c *change) sameBinding(org OrgID, spec BindingSpec) (Binding, bool, error) {
	if err := c.liveSubject(org, spec.Subject); err != nil {
		return Binding{}, false, err
	}
	ref, _, err := c.role(org, spec.Role)
	if err != nil {
		return Binding{}, false, roleOfBinding(spec.Role, err)
	}
	q := Query{Org: org, Where: where(
		Cond{Field: FieldSubject, Value: string(spec.Subject)},
		Cond{Field: FieldRole, Value: string(ref)},
		Cond{Field: FieldScope, Value: spec.Scope.String()},
	)}
	for b, err := range selected(c.ctx, c.tx.Bindings(), q) {
		if err != nil {
			return Binding{}, false, err
		}
		if b.Effect == effectOf(spec) && b.Reach == spec.Reach && b.Condition == spec.Condition &&
			(b.Eligible != 0) == (spec.Eligible != 0) && b.Elevates == "" {
			return b, true, nil
		}
	}
	return Binding{}, false, nil
}

func roleOfBinding(name string, err error) error {
	if name == "" && errors.Is(err, ErrNotFound) {
		return invalid(nounBinding, "Role", "is required")
	}
	kind := ErrInvalid
	if errors.Is(err, ErrNotFound) {
		kind = ErrNotFound
	}
	return &Error{Kind: kind, Entity: nounBinding, ID: clip(name), Field: "Role", Err: causeOf(err)}
}

func (c *change) createBinding(org OrgID, spec BindingSpec) (Binding, error) {
	if spec.Scope.IsZero() {
		return Binding{}, invalid(nounBinding, "Scope", "is required; policy.Root is the whole org")
	}
	if err := c.liveSubject(org, spec.Subject); err != nil {
		return Binding{}, err
	}
	ref, row, err := c.role(org, spec.Role)
	if err != nil {
		return Binding{}, roleOfBinding(spec.Role, err)
	}
	if err := checkResourceType(row, spec.Scope); err != nil {
		return Binding{}, err
	}
	if err := row.unlockedMembers(); err != nil {
		return Binding{}, err
	}
	switch {
	case !storable(spec.Start):
		return Binding{}, invalid(nounBinding, "Start", unstorable)
	case !storable(spec.End):
		return Binding{}, invalid(nounBinding, "End", unstorable)
	}
	if !spec.End.IsZero() && (!spec.End.After(spec.Start) || !spec.End.After(c.at)) {
		return Binding{}, invalid(nounBinding, "End", "is not after Start and now")
	}
	if err := checkText(nounBinding, "Reason", spec.Reason, maxText); err != nil {
		return Binding{}, err
	}
	if err := checkEligible(spec); err != nil {
		return Binding{}, err
	}
	if err := c.checkReach(org, spec); err != nil {
		return Binding{}, err
	}
	if err := checkSource(spec.Condition); err != nil {
		return Binding{}, err
	}
	if spec.Immutable && !c.who.system {
		return Binding{}, &Error{Kind: ErrDenied, Entity: nounBinding, Field: "Immutable", Err: errText("only System makes what only System can delete")}
	}
	b := Binding{
		Org: org, Subject: spec.Subject, Role: ref, Scope: spec.Scope, Effect: effectOf(spec), Start: instant(spec.Start), End: instant(spec.End),
		Reach: spec.Reach, Condition: spec.Condition, Reason: spec.Reason, Immutable: spec.Immutable,
		Eligible: spec.Eligible.Truncate(time.Microsecond), Meta: c.created(),
	}
	if err := c.mayBind(b); err != nil {
		return Binding{}, err
	}
	if err := c.checkCondition(spec.Condition); err != nil { // after the rights: it may have to be compiled
		return Binding{}, err
	}
	return c.insertBinding(b)
}

func (c *change) insertBinding(b Binding) (_ Binding, err error) {
	if b.ID, err = changeID[Binding](c, "bi_"); err != nil {
		return Binding{}, err
	}
	if err := c.tx.Bindings().Insert(c.ctx, b); err != nil {
		return Binding{}, err
	}
	d, err := c.draft(b.Org)
	if err != nil {
		return Binding{}, err
	}
	if err := d.putBinding(b); err != nil {
		return Binding{}, &Error{Kind: ErrInvalid, Entity: nounBinding, Err: err}
	}
	verb := "create"
	if b.Elevates != "" {
		verb = "elevate"
	}
	return b, c.record(b.Org, nounBinding, string(b.ID), verb, nil, b)
}

// checkResourceType refuses a scope at which a role may not be bound.
func checkResourceType(r Role, scope policy.Path) error {
	if len(r.ResourceTypes) == 0 {
		return nil
	}
	segments := strings.Split(scope.String(), "/")
	if !scope.IsRoot() && slices.Contains(r.ResourceTypes, segments[len(segments)-2]) {
		return nil
	}
	return invalid(nounBinding, "Scope", "the role %s is for %s only", r.Name, strings.Join(r.ResourceTypes, ", "))
}

// Binding returns one binding.
func (o *OrgAdmin) Binding(ctx context.Context, id BindingID) (Binding, error) {
	return findRow(ctx, &o.Admin, "Binding", o.org, id, Txn.Bindings)
}

// Bindings returns a page of the org's bindings.
func (o *OrgAdmin) Bindings(ctx context.Context, f BindingFilter, page Page) (List[Binding], error) {
	q := Query{Where: where(
		Cond{Field: FieldSubject, Value: string(f.Subject)},
		Cond{Field: FieldRole, Value: string(f.Role)},
		Cond{Field: FieldScope, Value: f.Scope.String()},
	)}
	return listRows(ctx, &o.Admin, "Bindings", nounBinding, o.org, q, page, Txn.Bindings)
}

// AllBindings iterates over the org's bindings.
func (o *OrgAdmin) AllBindings(ctx context.Context, f BindingFilter) iter.Seq2[Binding, error] {
	return every(func(page Page) (List[Binding], error) { return o.Bindings(ctx, f, page) })
}

// DeleteBinding removes a binding. Through As it is checked at the scope of the
// binding; it fails with ErrEscalation when the actor does not hold what a deny
// denied, or when the subject of an allow manages more than the actor, which does
// not hold identity:contain. It fails with ErrImmutable when the role's members are
// locked, and through As when the binding is immutable. What was switched on of an eligible binding goes with it.
func (o *OrgAdmin) DeleteBinding(ctx context.Context, id BindingID) error {
	if err := id.check(); err != nil {
		return wrap("DeleteBinding", err)
	}
	return o.write(ctx, "DeleteBinding", o.org, func(c *change) error {
		before, err := c.tx.Bindings().Find(c.ctx, o.org, id)
		if err != nil {
			if denied := c.permit(policy.Root); denied != nil {
				return denied // whether an id exists is not for everybody to learn
			}
			return err
		}
		if err := c.permit(before.Scope); err != nil {
			return err
		}
		if err := c.mayDelete(before); err != nil {
			return err
		}
		return c.deleteBinding(before)
	})
}

// mayDelete refuses to delete a binding that is immutable or whose role's are
// locked, a deny that keeps from somebody what the actor does not hold, and an allow
// of who manages more than the actor.
func (c *change) mayDelete(b Binding) error {
	if b.Immutable && !c.who.system {
		return b.immutable()
	}
	if err := c.unlockedMembers(b); err != nil {
		return err
	}
	return c.mayUnbind(b)
}

// immutable is why only System deletes or moves a binding.
func (b Binding) immutable() error {
	return &Error{Kind: ErrImmutable, Entity: nounBinding, ID: string(b.ID), Field: "Immutable", Err: errText("only System deletes or moves it")}
}

// unlockedMembers refuses that a binding like this one is made or deleted while its
// role is locked.
func (c *change) unlockedMembers(b Binding) error {
	if !RoleID(b.Role).valid() {
		return nil
	}
	row, err := c.tx.Roles().Find(c.ctx, b.Org, RoleID(b.Role))
	if err == nil {
		err = row.unlockedMembers()
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// deleteBinding removes a binding, and what was switched on of it; whether it may is
// for the caller to have asked.
func (c *change) deleteBinding(b Binding) error {
	if _, err := c.endElevations(b); err != nil {
		return err
	}
	if err := c.tx.Bindings().Delete(c.ctx, b.Org, b.ID); err != nil {
		return err
	}
	d, err := c.draft(b.Org)
	if err != nil {
		return err
	}
	d.editRules().RemoveBinding(string(b.ID))
	return c.record(b.Org, nounBinding, string(b.ID), "delete", b, nil)
}
