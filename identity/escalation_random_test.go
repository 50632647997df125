package identity_test

import (
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestSec48_NoSequenceOfCallsGainsRights makes random calls as accounts that
// manage everything: whatever one of them does, nobody can afterwards do what
// neither they nor the caller could before. Some bindings have conditions, the
// roles are boundaries, too, subtrees are moved, and what is deleted takes what is
// linked to it along.
func TestSec48_NoSequenceOfCallsGainsRights(t *testing.T) {
	onOneGoroutine(t)
	seed := newSeed(t)
	rnd := mathrand.New(mathrand.NewPCG(seed, 48))
	w := open(t, conditions())
	org := w.org("acme")
	sys := w.in(org)
	permissions := []string{"wallets:read", "wallets:create", "wallets:delete", "keys:use"}
	patterns := append([]string{"wallets:*", "*", identity.PermEscalate, "identity:*"}, permissions...)
	paths := []policy.Path{policy.Root, path(t, "projects/1"), path(t, "projects/1/wallets/w"), path(t, "projects/10")}
	pick := func(n int) []string {
		out := []string{}
		for range rnd.IntN(n + 1) {
			out = append(out, patterns[rnd.IntN(len(patterns))])
		}
		return out
	}
	anyOf := func(n int) int { return rnd.IntN(n) }
	var accounts []identity.AccountID
	var groups []identity.GroupID
	var roles []identity.RoleID
	for i := range 4 {
		accounts = append(accounts, w.user(org, fmt.Sprint("a", i)))
		groups = append(groups, must(sys.CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprint("g", i)}))(t).ID)
		spec := identity.RoleSpec{Name: fmt.Sprint("r", i), Permissions: pick(2)}
		if i > 0 && anyOf(2) == 0 {
			spec.Includes = []string{string(roles[anyOf(i)])}
		}
		roles = append(roles, must(sys.CreateRole(w.ctx, spec))(t).ID)
		w.grant(org, identity.SubjectID(accounts[i]), policy.Root, "identity:*", permissions[i])
	}
	roles = slices.DeleteFunc(roles, func(id identity.RoleID) bool { // identity:escalate is for a table above
		r := must(sys.Role(w.ctx, id))(t)
		return slices.Contains(r.Permissions, identity.PermEscalate)
	})
	if len(roles) == 0 {
		roles = append(roles, w.role(org, "wallets:*"))
	}
	principals := make([]identity.Principal, len(accounts))
	for i, a := range accounts {
		principals[i] = w.login(org, a)
	}
	subject := func() identity.SubjectID {
		switch anyOf(5) {
		case 0:
			return identity.SubjectID(identity.GroupUsers)
		case 1, 2:
			return identity.SubjectID(groups[anyOf(len(groups))])
		}
		return identity.SubjectID(accounts[anyOf(len(accounts))])
	}
	asked := append(slices.Clone(permissions), "identity:roles.update", identity.PermEscalate)
	can := func(p identity.Principal) map[string]bool {
		out := map[string]bool{}
		for where, attrs := range map[string]*policy.Attrs{"anywhere": new(policy.Attrs), "in": office(true), "out": office(false)} {
			attrs.SetBool("principal.mfa", p.Account() == accounts[1])
			for _, name := range asked {
				for _, at := range paths {
					q := identity.Request{Principal: p, Org: org, Permission: perm(t, name), Path: at, Attrs: attrs}
					if w.id.Authorize(w.ctx, q).Allowed {
						out[name+" at "+at.String()+" "+where] = true
					}
				}
			}
		}
		return out
	}
	all := func() (out []map[string]bool) {
		for _, p := range principals {
			out = append(out, can(p))
		}
		return out
	}
	var bindings []identity.BindingID
	step := func(o *identity.OrgAdmin) (string, error) {
		switch anyOf(11) {
		case 0, 1:
			spec := identity.BindingSpec{Subject: subject(), Role: string(roles[anyOf(len(roles))]), Scope: paths[anyOf(len(paths))], Deny: anyOf(3) == 0}
			if anyOf(3) == 0 {
				spec.Condition = []string{"attr:office", "attr:principal.mfa", "is:" + string(accounts[0]), "not:" + string(accounts[0])}[anyOf(4)]
			}
			b, err := o.CreateBinding(w.ctx, spec)
			if err == nil {
				bindings = append(bindings, b.ID)
			}
			return fmt.Sprintf("bind %+v", spec), err
		case 2:
			if len(bindings) == 0 {
				return "nothing", nil
			}
			i := anyOf(len(bindings))
			id := bindings[i]
			err := o.DeleteBinding(w.ctx, id)
			if err == nil {
				bindings = slices.Delete(bindings, i, i+1)
			}
			return "unbind " + string(id), err
		case 3:
			g, m := groups[anyOf(len(groups))], subject()
			return fmt.Sprintf("add %s to %s", m, g), last(o.AddMember(w.ctx, g, m))
		case 4:
			g, m := groups[anyOf(len(groups))], subject()
			return fmt.Sprintf("remove %s from %s", m, g), last(o.RemoveMember(w.ctx, g, m))
		case 5:
			r := roles[anyOf(len(roles))]
			var patch identity.RolePatch
			switch anyOf(3) {
			case 0:
				p := pick(3)
				patch.Permissions = &p
			case 1:
				p := pick(1)
				patch.Exclusions = &p
			default:
				patch.Includes = &[]string{string(roles[anyOf(len(roles))])}
			}
			return fmt.Sprintf("edit %s %v %v %v", r, patch.Permissions, patch.Exclusions, patch.Includes), last(o.UpdateRole(w.ctx, r, patch))
		case 6:
			a, r := accounts[anyOf(len(accounts))], ""
			if anyOf(3) > 0 {
				r = string(roles[anyOf(len(roles))])
			}
			return fmt.Sprintf("bound %s by %q", a, r), last(o.SetBoundary(w.ctx, a, r))
		case 7:
			from, to := paths[1+anyOf(len(paths)-1)], paths[1+anyOf(len(paths)-1)]
			return fmt.Sprintf("move %s to %s", from, to), last(o.MoveSubtree(w.ctx, from, to))
		case 8:
			i := anyOf(len(roles))
			what, err := fmt.Sprintf("delete %s with all", roles[i]), o.DeleteRole(w.ctx, roles[i], identity.Cascade)
			if err == nil {
				fresh := slices.DeleteFunc(pick(2), func(name string) bool { return name == identity.PermEscalate })
				roles[i] = w.role(org, fresh...)
			}
			return what, err
		case 9:
			i := anyOf(len(groups))
			what, err := fmt.Sprintf("delete %s with all", groups[i]), o.DeleteGroup(w.ctx, groups[i], identity.Cascade)
			if err == nil {
				groups[i] = must(sys.CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprint("g of ", w.id.Revision())}))(t).ID
			}
			return what, err
		}
		i := anyOf(len(accounts))
		_, key := newKey(t)
		c, err := o.AddPublicKey(w.ctx, accounts[i], identity.PublicKeySpec{UnprovenPublicKey: key})
		if err == nil { // whoever registers a key for an account can be that account
			must(sys.RevokeCredential(w.ctx, c.ID))(t)
		}
		return fmt.Sprintf("key %d", i), err
	}
	before := all()
	done := 0
	for n := range 400 {
		i := anyOf(len(accounts))
		if n%20 == 0 { // or soon nobody could do anything
			must(sys.SetBoundary(w.ctx, accounts[anyOf(len(accounts))], ""))(t)
			before = all()
		}
		what, err := step(w.id.As(principals[i]).In(org))
		after := all()
		if err == nil {
			done++
		}
		var as int
		if _, scanErr := fmt.Sscanf(what, "key %d", &as); scanErr == nil && err == nil {
			for right := range after[as] {
				if !before[i][right] {
					t.Fatalf("step %d: account %d registered a key for %d, which can %s", n, i, as, right)
				}
			}
		}
		for j := range accounts {
			for right := range after[j] {
				if !before[j][right] && !before[i][right] {
					t.Fatalf("step %d: account %d did %q (%v), and account %d gained %s", n, i, what, err, j, right)
				}
			}
		}
		before = after
	}
	t.Logf("%d of 400 calls were let through", done)
	if done < 20 {
		t.Errorf("only %d calls were let through: the test shows little", done)
	}
}
