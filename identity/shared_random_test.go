package identity_test

import (
	"fmt"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func TestSharedRandomWrites(t *testing.T) {
	seed := newSeed(t)
	rnd := mathrand.New(mathrand.NewPCG(seed, 37))
	a, b := share(t)
	org := a.org("acme")
	permissions := []string{"wallets:read", "wallets:create", "keys:use", "identity:groups.create"}
	paths := []policy.Path{policy.Root, path(t, "projects/1"), path(t, "projects/1/wallets/w"), path(t, "projects/10")}
	var accounts []identity.AccountID
	var groups []identity.GroupID
	var roles []identity.RoleID
	names := 0
	pick := func(w *world) {
		in := w.in(org)
		names++
		subject := identity.SubjectID(identity.GroupUsers)
		if len(accounts) > 0 && rnd.IntN(3) > 0 {
			subject = identity.SubjectID(accounts[rnd.IntN(len(accounts))])
		} else if len(groups) > 0 && rnd.IntN(3) > 0 {
			subject = identity.SubjectID(groups[rnd.IntN(len(groups))])
		}
		some := func() []string {
			return []string{[]string{"wallets:*", "*", "keys:use", "wallets:read", "identity:*"}[rnd.IntN(5)]}
		}
		switch n := rnd.IntN(12); {
		case n == 0 || len(accounts) < 2:
			if rnd.IntN(2) == 0 {
				accounts = append(accounts, must(in.CreateUser(w.ctx, identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", names)}))(t).ID)
			} else {
				accounts = append(accounts, must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: fmt.Sprintf("s%d", names), Permissions: some()}))(t).ID)
			}
		case n == 1 || len(groups) < 2:
			groups = append(groups, must(in.CreateGroup(w.ctx, identity.GroupSpec{Name: fmt.Sprintf("g%d", names)}))(t).ID)
		case n == 2 || len(roles) < 2:
			spec := identity.RoleSpec{Name: fmt.Sprintf("r%d", names), Permissions: some()}
			if len(roles) > 0 && rnd.IntN(2) == 0 {
				spec.Includes = []string{string(roles[rnd.IntN(len(roles))])}
			}
			roles = append(roles, must(in.CreateRole(w.ctx, spec))(t).ID)
		case n < 5:
			spec := identity.BindingSpec{Subject: subject, Role: string(roles[rnd.IntN(len(roles))]), Scope: paths[rnd.IntN(len(paths))], Deny: rnd.IntN(4) == 0}
			if rnd.IntN(4) == 0 {
				spec.End = w.clock.Now().Add(time.Duration(rnd.IntN(5)+1) * time.Minute)
			}
			_ = last(in.CreateBinding(w.ctx, spec)) // of something deleted it fails
		case n == 5:
			for binding := range in.AllBindings(w.ctx, identity.BindingFilter{}) {
				if rnd.IntN(3) == 0 {
					if err := in.DeleteBinding(w.ctx, binding.ID); err != nil {
						t.Fatal(err)
					}
					break
				}
			}
		case n < 8:
			_ = last(in.AddMember(w.ctx, groups[rnd.IntN(len(groups))], subject)) // a cycle fails
		case n == 8:
			must(in.RemoveMember(w.ctx, groups[rnd.IntN(len(groups))], subject))(t)
		case n == 9:
			p := some()
			must(in.UpdateRole(w.ctx, roles[rnd.IntN(len(roles))], identity.RolePatch{Exclusions: &p}))(t)
		case n == 10:
			i := rnd.IntN(len(groups))
			if in.DeleteGroup(w.ctx, groups[i], identity.IfUnused) == nil {
				groups = append(groups[:i:i], groups[i+1:]...)
			}
		default:
			id := accounts[rnd.IntN(len(accounts))]
			switch rnd.IntN(5) { // what is archived is not activated
			case 0:
				must(in.DeactivateAccount(w.ctx, id))(t)
			case 1, 2:
				_ = last(in.ActivateAccount(w.ctx, id))
			case 3:
				must(in.SignOutAccount(w.ctx, id))(t)
			default:
				must(in.ArchiveAccount(w.ctx, id))(t)
			}
		}
	}
	answers := func(w *world) map[string]string {
		out := map[string]string{}
		for _, account := range accounts {
			p, err := w.in(org).Vouch(w.ctx, account, w.session(0))
			if err != nil {
				out[string(account)] = err.Error()
				continue
			}
			for _, permission := range permissions {
				for _, at := range paths {
					d := w.may(p, org, permission, at)
					out[fmt.Sprint(account, permission, at)] = d.Reason.String()
				}
			}
		}
		return out
	}
	for round := range 12 {
		for range 10 {
			w := a
			if rnd.IntN(3) == 0 {
				w = b
			}
			pick(w)
			if rnd.IntN(3) == 0 {
				[]*world{a, b}[rnd.IntN(2)].poll()
			}
			if rnd.IntN(8) == 0 {
				a.clock.advance(time.Minute)
			}
		}
		a.poll()
		b.poll()
		c := a.join(t, nil)
		want := answers(c)
		for name, w := range map[string]*world{"a": a, "b": b} {
			for question, answer := range answers(w) {
				if answer != want[question] {
					t.Fatalf("round %d: %s says %s to %s, a new Authority %s", round, name, answer, question, want[question])
				}
			}
			if w.id.Revision() != c.id.Revision() {
				t.Fatalf("round %d: revision %d of %s, want %d", round, w.id.Revision(), name, c.id.Revision())
			}
		}
		if err := c.id.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a.checkChain(org)
	b.checkChain(org)
}
