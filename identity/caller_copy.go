package identity

import "github.com/claviger-go/claviger/policy"

// mayCopy refuses to copy the rights of who has none in an org, or only part of
// those of its account.
func (c *change) mayCopy(org OrgID) error {
	if c.who.system || c.who.principal.org != org {
		return invalid(nounAccount, "CopyCallerRights", "there is no caller of this org to copy from")
	}
	if c.who.principal.limited() {
		return &Error{Kind: ErrDenied, Entity: nounAccount, Field: "CopyCallerRights", Err: errText("a token with limits or actors copies no rights")}
	}
	return nil
}

// copyCaller binds to an account what is bound to the caller. The whole of it
// is what the caller has, so it is judged as a whole: each allow comes with the
// denies that narrow it.
func (c *change) copyCaller(a Account) error {
	v, err := c.view(a.Org)
	if err != nil {
		return err
	}
	for b := range v.bindingsAbove(string(c.who.principal.account)) {
		if err := c.judged.look(); err != nil {
			return err
		}
		if ended(b.End, c.now) || b.Eligible {
			continue // what one may switch on is not what one has
		}
		if b.End != 0 && b.Effect == policy.Allow {
			switch row, err := c.tx.Bindings().Find(c.ctx, a.Org, BindingID(b.ID)); {
			case err != nil:
				return err
			case row.Elevates != "":
				continue // it ends with the binding that it is of, as a copy would not
			}
		}
		if b.Reach != "" {
			if err := c.permitName(PermInstance, policy.Root); err != nil {
				return err
			}
		}
		if b.Condition != "" && c.a.model.Conditions.ReadsPrincipal(b.Condition) {
			if err := c.holds(a.Org, b); err != nil {
				return err
			}
		}
		role, err := c.copiedRole(a, b.Role)
		if err != nil {
			return err
		}
		if _, err := c.insertBinding(Binding{
			Org: a.Org, Subject: SubjectID(a.ID), Role: role, Scope: b.Scope, Effect: b.Effect,
			Start: timeOf(b.Start), End: timeOf(b.End), Reach: Reach(b.Reach), Condition: b.Condition, Reason: "copied from " + string(c.who.principal.account), Meta: c.created(),
		}); err != nil {
			return err
		}
	}
	return nil
}

// copiedRole is the role of a binding that is copied; what somebody has directly is
// copied with it, so that later changes of one do not reach the other.
func (c *change) copiedRole(a Account, role string) (RoleRef, error) {
	if !RoleID(role).valid() {
		return RoleRef(role), nil
	}
	r, err := c.tx.Roles().Find(c.ctx, a.Org, RoleID(role))
	if err == nil {
		err = r.unlockedMembers()
	}
	if err == nil && r.Anonymous {
		r, err = c.ownRole(a, r)
	}
	return RoleRef(r.ID), err
}

// boundaryOfCopy is the boundary of an account that gets what the caller has:
// the caller's, or one within it.
func (c *change) boundaryOfCopy(org OrgID, wanted RoleRef) (RoleRef, error) {
	if err := c.mayCopy(org); err != nil {
		return "", err
	}
	v, err := c.view(org)
	if err != nil {
		return "", err
	}
	handle, _ := v.rules.Account(string(c.who.principal.account))
	caller, _ := v.rules.AccountOf(handle)
	switch {
	case wanted == "" || caller.Boundary == string(wanted):
		return RoleRef(caller.Boundary), nil
	case caller.Boundary == "" || v.within(string(wanted), caller.Boundary):
		return wanted, nil
	}
	return "", &Error{Kind: ErrEscalation, Entity: nounAccount, Field: "Boundary", Err: errText("it is not within the caller's")}
}
