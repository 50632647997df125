package identity_test

import (
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func TestSec48_NoSequenceOfCallsGainsRights(t *testing.T) {
	seed := newSeed(t)
	rnd := mathrand.New(mathrand.NewPCG(seed, 48))
	w := open(t)
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
		for _, name := range asked {
			for _, at := range paths {
				if w.may(p, org, name, at).Allowed {
					out[name+" at "+at.String()] = true
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
		switch anyOf(7) {
		case 0, 1:
			spec := identity.BindingSpec{Subject: subject(), Role: string(roles[anyOf(len(roles))]), Scope: paths[anyOf(len(paths))], Deny: anyOf(3) == 0}
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
