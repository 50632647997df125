package identity

import (
	"context"
	"fmt"

	"github.com/claviger-go/claviger/policy"
)

// UserSpec is what a user is made of. The host has logged the person in, or
// will; this library holds no password.
type UserSpec struct {
	Email       string // required; folded to lower case, unique among the org's users; without letters that fold into ASCII from outside of it
	DisplayName string
	Description string
	Labels      map[string]string
	External    ExternalID
	Inactive    bool      // made inactive
	Boundary    string    // name or id of the role that its rights are cut down to; "" is none
	Roles       []string  // names or ids of roles, bound at Root; at most 256
	Groups      []GroupID // at most 256
}

// UserResult is a user that was made or found.
type UserResult struct {
	Account
	Created bool // false: it was there, and nothing was changed
}

// CreateUser makes a user. It fails with ErrConflict when the e-mail address
// or the external id is taken in the org.
func (o *OrgAdmin) CreateUser(ctx context.Context, spec UserSpec) (UserResult, error) {
	return o.makeUser(ctx, "CreateUser", spec)
}

// EnsureUser makes a user unless the org has one with this e-mail address; then
// it returns that one, whatever its state, and changes nothing.
func (o *OrgAdmin) EnsureUser(ctx context.Context, spec UserSpec) (UserResult, error) {
	return o.makeUser(ctx, "EnsureUser", spec)
}

func (o *OrgAdmin) makeUser(ctx context.Context, op string, spec UserSpec) (out UserResult, err error) {
	if err := checkLists(spec.Groups, spec.Roles, nil, nil); err != nil {
		return out, wrap(op, err)
	}
	build := func(c *change) (out UserResult, err error) {
		email, ok := foldEmail(spec.Email)
		if !ok {
			return out, invalid(nounAccount, "Email", "%q is no e-mail address", clip(spec.Email))
		}
		if op == "EnsureUser" {
			found, exists, err := one(c, c.tx.Accounts(), o.org, Cond{Field: FieldKind, Value: string(User)}, Cond{Field: FieldName, Value: email})
			if err != nil {
				return out, err
			}
			if exists {
				c.differs(nounAccount, string(found.ID), found.State == AccountActive && found.External == spec.External && c.boundedBy(found, spec.Boundary))
				return UserResult{Account: found}, nil
			}
		}
		out.Account, err = c.createUser(o.org, spec)
		out.Created = true
		return out, err
	}
	return create(ctx, &o.Admin, op, o.org, creation[UserResult]{
		noun: nounAccount, input: spec, create: build,
		ids: func(r UserResult) []string { return []string{string(r.ID)} },
		find: func(c *change, made []string) (UserResult, error) {
			a, err := c.liveAccount(o.org, AccountID(made[0]))
			return UserResult{Account: a}, err
		},
	})
}

func (c *change) createUser(org OrgID, spec UserSpec) (Account, error) {
	if spec.Inactive {
		return c.createUserIn(org, spec, AccountInactive)
	}
	return c.createUserIn(org, spec, AccountActive)
}

func (c *change) createUserIn(org OrgID, spec UserSpec, state AccountState) (Account, error) {
	id, err := changeID[Account](c, "us_")
	if err != nil {
		return Account{}, err
	}
	a := Account{
		ID: id, Org: org, Kind: User, DisplayName: spec.DisplayName, Description: spec.Description,
		Labels: spec.Labels, External: spec.External, State: state, Meta: c.created(),
	}
	if a.Boundary, err = c.boundary(org, spec.Boundary); err != nil {
		return Account{}, err
	}
	if err := c.setEmail(&a, spec.Email); err != nil {
		return Account{}, err
	}
	if err := c.insertAccount(a); err != nil {
		return Account{}, err
	}
	return a, c.equip(a, spec.Groups, spec.Roles, nil)
}

// setEmail folds an address and refuses one that another user of the org has.
func (c *change) setEmail(a *Account, email string) error {
	if a.Kind != User {
		return invalid(nounAccount, "Email", "only users have one")
	}
	folded, ok := foldEmail(email)
	if !ok {
		return invalid(nounAccount, "Email", "%q is no e-mail address", clip(email))
	}
	found, exists, err := one(c, c.tx.Accounts(), a.Org, Cond{Field: FieldKind, Value: string(User)}, Cond{Field: FieldName, Value: folded})
	if err != nil {
		return err
	}
	if exists && found.ID != a.ID {
		return conflict(nounAccount, email, "Email", "is that of "+string(found.ID))
	}
	a.Name = folded
	return nil
}

// checkLists refuses an account that would be given more than a call can judge
// while others wait.
func checkLists(groups []GroupID, roles []string, bindings []BindingSpec, permissions []string) error {
	for _, l := range []struct {
		field string
		n     int
	}{{"Groups", len(groups)}, {"Roles", len(roles)}, {"Bindings", len(bindings)}, {"Permissions", len(permissions)}} {
		if l.n > maxList {
			return &Error{Kind: ErrLimit, Entity: nounAccount, Field: l.field, Err: fmt.Errorf("%d entries, at most %d", l.n, maxList)}
		}
	}
	return nil
}

// equip puts a new account into groups and binds its roles.
func (c *change) equip(a Account, groups []GroupID, roles []string, bindings []BindingSpec) error {
	for _, group := range groups {
		if err := c.addMember(a.Org, group, SubjectID(a.ID)); err != nil {
			return err
		}
	}
	for _, role := range roles {
		if _, err := c.createBinding(a.Org, BindingSpec{Subject: SubjectID(a.ID), Role: role, Scope: policy.Root}); err != nil {
			return err
		}
	}
	for _, spec := range bindings {
		if !spec.Subject.IsZero() {
			return invalid(nounAccount, "Bindings", "the subject is the new account: leave it empty")
		}
		spec.Subject = SubjectID(a.ID)
		if _, err := c.createBinding(a.Org, spec); err != nil {
			return err
		}
	}
	return nil
}
