package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// onlyPeopleMint says why nobody who is partly a service account makes accounts or credentials.
func (g *gainGame) onlyPeopleMint() string {
	for _, p := range g.who.parts {
		if p.in(g.now).accounts[p.account].kind == identity.ServiceAccount && !g.w.cfg.ServiceAccountsMayMint {
			return "service accounts do not mint"
		}
	}
	return ""
}

func (g *gainGame) bound() attempt {
	id, role := pickFrom(g, g.accountIDs()), ""
	if g.one(2) {
		role = g.anyRole()
	}
	return attempt{
		kind: "SetBoundary", text: fmt.Sprintf("%s by %q", id, role), needs: "identity:boundaries.set", at: "/", narrows: []string{id},
		after: func(o *modelOrg) { o.accounts[id].boundary = role },
		do:    func() error { return last(g.as.SetBoundary(g.w.ctx, identity.AccountID(id), role)) },
	}
}

// direct gives and takes what an account has beside its roles.
func (g *gainGame) direct() attempt {
	id := pickFrom(g, g.accountIDs())
	role, r := g.directRole(id)
	list := g.patterns(2)
	ids := []identity.AccountID{identity.AccountID(id)}
	a := attempt{
		kind: "AddPermissions", needs: "identity:bindings.create", at: "/",
		do:    func() error { return firstFailure(g.as.AddPermissions(g.w.ctx, ids, list)) },
		learn: func() { g.recall(id) },
	}
	if g.one(2) {
		a.kind, a.needs, a.narrows = "RemovePermissions", "identity:bindings.delete", []string{id}
		a.do = func() error { return firstFailure(g.as.RemovePermissions(g.w.ctx, ids, list)) }
		r.permissions = slices.DeleteFunc(slices.Clone(r.permissions), func(p string) bool { return slices.Contains(list, p) })
	} else {
		r.permissions = append(slices.Clone(r.permissions), list...)
	}
	a.text = fmt.Sprintf("%s %v", id, list)
	a.after = func(o *modelOrg) {
		o.roles[maxText(role, "ro_new")] = &r
		if role == "" {
			o.bindings["new"] = modelBinding{subject: id, role: "ro_new", scope: "/"}
		}
	}
	return a
}

// directRole is the role that direct permissions of an account are in.
func (g *gainGame) directRole(account string) (string, modelRole) {
	for _, id := range slices.Sorted(maps.Keys(g.o.bindings)) {
		b := g.o.bindings[id]
		if r := g.o.roles[b.role]; r != nil && r.own && b == (modelBinding{subject: account, role: b.role, scope: "/"}) {
			return b.role, *r
		}
	}
	return "", modelRole{own: true}
}

// recall reads what a new account has, or what an account has directly, from where it was written down.
func (g *gainGame) recall(account string) {
	in := g.w.in(g.org)
	for b, err := range in.AllBindings(g.w.ctx, identity.BindingFilter{Subject: identity.SubjectID(account)}) {
		if err != nil {
			g.fail("%v", err)
		}
		g.o.bindings[string(b.ID)] = modelBinding{
			subject: account, role: string(b.Role), scope: b.Scope.String(), condition: b.Condition, deny: b.Effect == policy.Deny, start: b.Start, end: b.End,
		}
		if g.o.role(string(b.Role)) != nil && !g.o.role(string(b.Role)).own {
			continue
		}
		r, err := in.Role(g.w.ctx, identity.RoleID(b.Role))
		if err != nil {
			g.fail("%v", err)
		}
		g.o.roles[string(b.Role)] = &modelRole{permissions: r.Permissions, exclusions: r.Exclusions, own: true}
	}
}

// newcomer is the account that a call is to make, with what it is given.
func (g *gainGame) newcomer(kind identity.AccountKind) (account modelAccount, groups []identity.GroupID, roles []string, bindings []modelBinding, after func(o *modelOrg)) {
	account = modelAccount{kind: kind, state: identity.AccountActive}
	if g.one(3) {
		account.boundary = g.anyRole()
	}
	if g.one(2) {
		groups = append(groups, identity.GroupID(pickFrom(g, g.groupIDs())))
	}
	if g.one(2) {
		roles = append(roles, g.anyRole())
	}
	for range g.rnd.IntN(3) {
		bindings = append(bindings, g.binding("new"))
	}
	after = func(o *modelOrg) {
		a := account
		o.accounts["new"] = &a
		for _, group := range append(slices.Clone(groups), o.defaults[kind]...) {
			o.members[[2]string{string(group), "new"}] = true
		}
		for i, role := range roles {
			o.bindings[fmt.Sprint("role", i)] = modelBinding{subject: "new", role: role, scope: "/"}
		}
		for i, b := range bindings {
			o.bindings[fmt.Sprint("new", i)] = b
		}
	}
	return account, groups, roles, bindings, after
}

func (g *gainGame) specs(bindings []modelBinding) (out []identity.BindingSpec) {
	for _, b := range bindings {
		spec := g.spec(b)
		spec.Subject = ""
		out = append(out, spec)
	}
	return out
}

// joined writes down an account that was made.
func (g *gainGame) joined(id identity.AccountID, a modelAccount, groups []identity.GroupID) {
	g.o.accounts[string(id)] = &a
	for _, group := range append(slices.Clone(groups), g.o.defaults[a.kind]...) {
		g.o.members[[2]string{string(group), string(id)}] = true
	}
	g.recall(string(id))
	g.set = append(g.set, string(id))
}

func (g *gainGame) make() attempt {
	if len(g.accountIDs()) > 8 {
		return g.end()
	}
	a := attempt{needs: "identity:accounts.create", at: "/", never: g.onlyPeopleMint()}
	kind := pickFrom(g, []identity.AccountKind{identity.User, identity.ServiceAccount})
	if kind == identity.ServiceAccount {
		return g.makeServiceAccount(a)
	}
	account, groups, roles, bindings, after := g.newcomer(kind)
	spec := identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", g.number()), Boundary: account.boundary, Roles: roles, Groups: groups}
	var made identity.AccountID
	a.after, a.learn = after, func() { g.joined(made, account, groups) }
	a.kind, a.text = "CreateUser", fmt.Sprintf("%+v", spec)
	if g.one(2) {
		a.kind, a.text = "Invite", fmt.Sprintf("%+v with %+v", spec, bindings)
		account.state = identity.AccountInvited
		a.do = func() error {
			r, err := g.as.InviteMany(g.w.ctx, []identity.InvitationSpec{{User: spec, Bindings: g.specs(bindings)}})
			if err == nil {
				made, err = r[0].Item.Account.ID, r[0].Err
			}
			return err
		}
		return a
	}
	ensure := g.one(2)
	a.after = func(o *modelOrg) {
		after(o)
		maps.DeleteFunc(o.bindings, func(id string, b modelBinding) bool { return b.subject == "new" && id[:3] == "new" })
	}
	a.do = func() error {
		call := g.as.CreateUser
		if ensure {
			call = g.as.EnsureUser
		}
		r, err := call(g.w.ctx, spec)
		made = r.ID
		return err
	}
	return a
}

func (g *gainGame) makeServiceAccount(a attempt) attempt {
	account, groups, roles, bindings, after := g.newcomer(identity.ServiceAccount)
	spec := identity.ServiceAccountSpec{
		Name: fmt.Sprintf("s%d", g.number()), Boundary: account.boundary, Roles: roles, Groups: groups, Bindings: g.specs(bindings), Permissions: g.patterns(1),
		APIToken: &identity.APITokenSpec{Name: "t"},
	}
	a.kind, a.after = "CreateServiceAccount", func(o *modelOrg) {
		after(o)
		if len(spec.Permissions) > 0 {
			o.roles["ro_new"] = &modelRole{permissions: spec.Permissions, own: true}
			o.bindings["direct"] = modelBinding{subject: "new", role: "ro_new", scope: "/"}
		}
	}
	if g.one(3) {
		a.kind, spec.CopyCallerRights, spec.Boundary = "CreateServiceAccount like the caller", true, ""
		account.boundary = ""
		if !g.who.whole() || g.who.parts[0].home != nil {
			a.never = "only who is whole, and of this org, copies itself"
		} else {
			caller := g.who.parts[0].account
			account.boundary = g.o.accounts[caller].boundary
			with := a.after
			a.after = func(o *modelOrg) {
				with(o)
				o.accounts["new"].boundary = account.boundary
				for i, b := range g.now.grants(caller) {
					b.subject = "new"
					o.bindings[fmt.Sprint("copy", i)] = b.modelBinding
				}
			}
		}
	}
	var made identity.AccountID
	ensure := g.one(2)
	a.text = fmt.Sprintf("%+v", spec)
	a.learn = func() { g.joined(made, account, groups) }
	a.do = func() error {
		call := g.as.CreateServiceAccount
		if ensure {
			call = g.as.EnsureServiceAccount
		}
		r, err := call(g.w.ctx, spec)
		made = r.ID
		return err
	}
	return a
}

// end moves an account to another state.
func (g *gainGame) end() attempt {
	id := pickFrom(g, g.accountIDs())
	ids, acc := []identity.AccountID{identity.AccountID(id)}, identity.AccountID(id)
	ctx := g.w.ctx
	moves := []struct {
		kind, needs string
		to          identity.AccountState
		call        func() error
	}{
		{"DeactivateAccount", "deactivate", identity.AccountInactive, func() error { return last(g.as.DeactivateAccount(ctx, acc)) }},
		{"DeactivateAccounts", "deactivate", identity.AccountInactive, func() error { return firstFailure(g.as.DeactivateAccounts(ctx, ids)) }},
		{"ActivateAccount", "activate", identity.AccountActive, func() error { return last(g.as.ActivateAccount(ctx, acc)) }},
		{"ActivateAccounts", "activate", identity.AccountActive, func() error { return firstFailure(g.as.ActivateAccounts(ctx, ids)) }},
		{"SignOutAccount", "deactivate", "", func() error { return last(g.as.SignOutAccount(ctx, acc)) }},
		{"ExtendAccount", "activate", "", func() error { return last(g.as.ExtendAccount(ctx, acc, g.begin.Add(100*time.Hour))) }},
		{"UpdateAccount", "update", "", func() error {
			labels := map[string]string{"n": fmt.Sprint(g.number())}
			return last(g.as.UpdateAccount(ctx, acc, identity.AccountPatch{Labels: &labels}))
		}},
		{"UpdateAccount's external id", "update", "", func() error {
			e := identity.ExternalID{Issuer: "x", Subject: fmt.Sprint(g.number())}
			return last(g.as.UpdateAccount(ctx, acc, identity.AccountPatch{External: &e}))
		}},
		{"ResendInvitation", "create", "", func() error { return last(g.as.ResendInvitation(ctx, acc, 0)) }},
		{"ArchiveAccount", "delete", identity.AccountArchived, func() error { return last(g.as.ArchiveAccount(ctx, acc)) }},
		{"DeleteAccount", "delete", identity.AccountDeleted, func() error { return last(g.as.DeleteAccount(ctx, acc)) }},
		{"DeleteAccounts", "delete", identity.AccountDeleted, func() error { return firstFailure(g.as.DeleteAccounts(ctx, ids)) }},
	}
	m := pickFrom(g, moves)
	if len(g.accountIDs()) < 5 {
		m = pickFrom(g, moves[:9])
	}
	a := attempt{kind: m.kind, text: id, needs: "identity:accounts." + m.needs, at: "/", do: m.call, learn: g.forget}
	switch {
	case m.needs == "activate" || m.needs == "update" || m.needs == "create":
		a.controls, a.never = id, g.onlyPeopleMint()
	case m.to != "" && g.who.takesPart(id):
		a.never = "nobody ends itself"
	default:
		a.narrows = []string{id}
	}
	if m.to != "" {
		a.learn = func() {
			if acc := g.o.accounts[id]; acc.state != identity.AccountArchived || m.to != identity.AccountInactive {
				acc.state = m.to
			}
			g.forget()
		}
	}
	return a
}
