package identity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// A boss manages everything and reads wallets; what it may give away beyond

// that, and to whom, is what these tests are about.

func bossRights() []string { return []string{"identity:*", "wallets:read"} }

// TestSec48_Escalation plays one refusal after another: refused to the boss,

// nothing written, and let through for one that holds identity:escalate.

func TestSec48_Escalation(t *testing.T) {
	onOneGoroutine(t)
	type scene struct {
		w     *world
		org   identity.OrgID
		sys   *identity.OrgAdmin
		weak  identity.AccountID // without rights
		plain identity.GroupID   // without rights
	}
	strong := func(s scene) (identity.GroupID, identity.AccountID) { // a group that may delete, with a member
		g := must(s.sys.CreateGroup(s.w.ctx, identity.GroupSpec{Name: "strong"}))(s.w.t).ID
		u := s.w.user(s.org, "strong")
		must(s.sys.AddMember(s.w.ctx, g, identity.SubjectID(u)))(s.w.t)
		s.w.grant(s.org, identity.SubjectID(g), policy.Root, "wallets:delete")
		return g, u
	}
	denied := func(s scene) (identity.GroupID, identity.BindingID, identity.RoleID) { // weak is in a group that is denied to delete
		g := must(s.sys.CreateGroup(s.w.ctx, identity.GroupSpec{Name: "denied"}))(s.w.t).ID
		must(s.sys.AddMember(s.w.ctx, g, identity.SubjectID(s.weak)))(s.w.t)
		r := s.w.role(s.org, "wallets:delete")
		b := s.w.bind(s.org, identity.BindingSpec{Subject: identity.SubjectID(g), Role: string(r), Scope: policy.Root, Deny: true})
		return g, b, r
	}
	bound := func(s scene, to identity.AccountID, spec identity.RoleSpec) identity.RoleID {
		r := must(s.sys.CreateRole(s.w.ctx, spec))(s.w.t).ID
		s.w.bind(s.org, identity.BindingSpec{Subject: identity.SubjectID(to), Role: string(r), Scope: policy.Root})
		return r
	}
	deleter := identity.RoleSpec{Name: "deleter", Permissions: []string{"wallets:delete"}}
	cases := map[string]func(s scene) func(o *identity.OrgAdmin) error{
		"bind a role": func(s scene) func(*identity.OrgAdmin) error {
			r := s.w.role(s.org, "wallets:delete")
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateBinding(s.w.ctx, identity.BindingSpec{Subject: identity.SubjectID(s.weak), Role: string(r), Scope: policy.Root}))
			}
		},
		"ensure a binding": func(s scene) func(*identity.OrgAdmin) error {
			r := s.w.role(s.org, "wallets:delete")
			return func(o *identity.OrgAdmin) error {
				return last(o.EnsureBinding(s.w.ctx, identity.BindingSpec{Subject: identity.SubjectID(s.plain), Role: string(r), Scope: path(s.w.t, "projects/1")}))
			}
		},
		"bind a pattern wider than the names": func(s scene) func(*identity.OrgAdmin) error {
			r := s.w.role(s.org, "wallets:*")
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateBinding(s.w.ctx, identity.BindingSpec{Subject: identity.SubjectID(s.weak), Role: string(r), Scope: policy.Root}))
			}
		},
		"bind what is held by exact name only": func(s scene) func(*identity.OrgAdmin) error {
			r := s.w.role(s.org, identity.PermImpersonate)
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateBinding(s.w.ctx, identity.BindingSpec{Subject: identity.SubjectID(s.weak), Role: string(r), Scope: policy.Root}))
			}
		},
		"bind owner": func(s scene) func(*identity.OrgAdmin) error {
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateBinding(s.w.ctx, identity.BindingSpec{Subject: identity.SubjectID(s.weak), Role: "owner", Scope: policy.Root}))
			}
		},
		"make a user with a role": func(s scene) func(*identity.OrgAdmin) error {
			r := s.w.role(s.org, "wallets:delete")
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateUser(s.w.ctx, identity.UserSpec{Email: "n@e.com", Roles: []string{string(r)}}))
			}
		},
		"make a service account with permissions": func(s scene) func(*identity.OrgAdmin) error {
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateServiceAccount(s.w.ctx, identity.ServiceAccountSpec{Name: "n", Permissions: []string{"wallets:read", "wallets:delete"}}))
			}
		},
		"make a service account with a binding": func(s scene) func(*identity.OrgAdmin) error {
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateServiceAccount(s.w.ctx, identity.ServiceAccountSpec{
					Name: "n", Bindings: []identity.BindingSpec{{Role: "wallet-admin", Scope: path(s.w.t, "projects/1")}},
				}))
			}
		},
		"make a user in a strong group": func(s scene) func(*identity.OrgAdmin) error {
			g, _ := strong(s)
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateUser(s.w.ctx, identity.UserSpec{Email: "n@e.com", Groups: []identity.GroupID{g}}))
			}
		},
		"make a user whom a strong default group takes in": func(s scene) func(*identity.OrgAdmin) error {
			g, _ := strong(s)
			must(s.w.sys().UpdateOrg(s.w.ctx, s.org, identity.OrgPatch{Settings: &identity.OrgSettings{DefaultUserGroups: []identity.GroupID{g}}}))(s.w.t)
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateUser(s.w.ctx, identity.UserSpec{Email: "n@e.com"}))
			}
		},
		"make a user while all users are strong": func(s scene) func(*identity.OrgAdmin) error {
			deny := s.w.role(s.org, "wallets:delete") // the boss, a user, is kept from it
			s.w.grant(s.org, identity.SubjectID(identity.GroupUsers), policy.Root, "wallets:delete")
			for a := range s.sys.AllAccounts(s.w.ctx, identity.AccountFilter{NamePrefix: "boss"}) {
				s.w.bind(s.org, identity.BindingSpec{Subject: identity.SubjectID(a.ID), Role: string(deny), Scope: policy.Root, Deny: true})
			}
			return func(o *identity.OrgAdmin) error {
				return last(o.CreateUser(s.w.ctx, identity.UserSpec{Email: "n@e.com"}))
			}
		},
		"add a member to a strong group": func(s scene) func(*identity.OrgAdmin) error {
			g, _ := strong(s)
			return func(o *identity.OrgAdmin) error { return last(o.AddMember(s.w.ctx, g, identity.SubjectID(s.weak))) }
		},
		"add oneself to a strong group": func(s scene) func(*identity.OrgAdmin) error {
			g, _ := strong(s)
			return func(o *identity.OrgAdmin) error {
				for a := range s.sys.AllAccounts(s.w.ctx, identity.AccountFilter{NamePrefix: "boss"}) {
					return last(o.AddMember(s.w.ctx, g, identity.SubjectID(a.ID)))
				}
				return errors.New("no boss")
			}
		},
		"add a group to a strong group": func(s scene) func(*identity.OrgAdmin) error {
			g, _ := strong(s)
			return func(o *identity.OrgAdmin) error { return last(o.AddMember(s.w.ctx, g, identity.SubjectID(s.plain))) }
		},
		"add a member to a group in a strong group": func(s scene) func(*identity.OrgAdmin) error {
			g, _ := strong(s)
			must(s.sys.AddMember(s.w.ctx, g, identity.SubjectID(s.plain)))(s.w.t)
			return func(o *identity.OrgAdmin) error {
				return last(o.AddMember(s.w.ctx, s.plain, identity.SubjectID(s.weak)))
			}
		},
		"take a member out of a denied group": func(s scene) func(*identity.OrgAdmin) error {
			g, _, _ := denied(s)
			return func(o *identity.OrgAdmin) error { return last(o.RemoveMember(s.w.ctx, g, identity.SubjectID(s.weak))) }
		},
		"delete a deny": func(s scene) func(*identity.OrgAdmin) error {
			_, b, _ := denied(s)
			return func(o *identity.OrgAdmin) error { return o.DeleteBinding(s.w.ctx, b) }
		},
		"shrink a role that is denied": func(s scene) func(*identity.OrgAdmin) error {
			_, _, r := denied(s)
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateRole(s.w.ctx, r, identity.RolePatch{Permissions: &[]string{}}))
			}
		},
		"widen a role that is bound": func(s scene) func(*identity.OrgAdmin) error {
			r := bound(s, s.weak, identity.RoleSpec{Name: "r", Permissions: []string{"wallets:read"}})
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateRole(s.w.ctx, r, identity.RolePatch{Permissions: &[]string{"wallets:read", "wallets:delete"}}))
			}
		},
		"widen a role of one's own": func(s scene) func(*identity.OrgAdmin) error {
			var r identity.RoleID
			for a := range s.sys.AllAccounts(s.w.ctx, identity.AccountFilter{NamePrefix: "boss"}) {
				r = bound(s, a.ID, identity.RoleSpec{Name: "r"})
			}
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateRole(s.w.ctx, r, identity.RolePatch{Permissions: &[]string{"wallets:delete", identity.PermEscalate}}))
			}
		},
		"widen a role that one's own includes": func(s scene) func(*identity.OrgAdmin) error {
			r := must(s.sys.CreateRole(s.w.ctx, identity.RoleSpec{Name: "inner"}))(s.w.t).ID
			for a := range s.sys.AllAccounts(s.w.ctx, identity.AccountFilter{NamePrefix: "boss"}) {
				bound(s, a.ID, identity.RoleSpec{Name: "r", Includes: []string{"inner"}})
			}
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateRole(s.w.ctx, r, identity.RolePatch{Permissions: &[]string{"wallets:delete"}}))
			}
		},
		"drop an exclusion": func(s scene) func(*identity.OrgAdmin) error {
			r := bound(s, s.weak, identity.RoleSpec{Name: "r", Permissions: []string{"wallets:read", "wallets:delete"}, Exclusions: []string{"wallets:delete"}})
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateRole(s.w.ctx, r, identity.RolePatch{Exclusions: &[]string{}}))
			}
		},
		"include a strong role": func(s scene) func(*identity.OrgAdmin) error {
			r := bound(s, s.weak, identity.RoleSpec{Name: "r"})
			must(s.sys.CreateRole(s.w.ctx, deleter))(s.w.t)
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateRole(s.w.ctx, r, identity.RolePatch{Includes: &[]string{"deleter"}}))
			}
		},
		"widen an included role": func(s scene) func(*identity.OrgAdmin) error {
			inner := must(s.sys.CreateRole(s.w.ctx, identity.RoleSpec{Name: "inner"}))(s.w.t).ID
			must(s.sys.CreateRole(s.w.ctx, identity.RoleSpec{Name: "middle", Includes: []string{"inner"}}))(s.w.t)
			bound(s, s.weak, identity.RoleSpec{Name: "r", Includes: []string{"middle"}})
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateRole(s.w.ctx, inner, identity.RolePatch{Permissions: &[]string{"wallets:delete"}}))
			}
		},
		"register a key for a stronger account": func(s scene) func(*identity.OrgAdmin) error {
			_, u := strong(s)
			_, key := newKey(s.w.t)
			return func(o *identity.OrgAdmin) error {
				return last(o.AddPublicKey(s.w.ctx, u, identity.PublicKeySpec{UnprovenPublicKey: key}))
			}
		},
		"register a key for an account that is stronger but for a deny": func(s scene) func(*identity.OrgAdmin) error {
			_, u := strong(s)
			r := s.w.role(s.org, "wallets:delete")
			s.w.bind(s.org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: string(r), Scope: policy.Root, Deny: true})
			_, key := newKey(s.w.t)
			return func(o *identity.OrgAdmin) error {
				return last(o.AddPublicKey(s.w.ctx, u, identity.PublicKeySpec{UnprovenPublicKey: key}))
			}
		},
		"enable a key of a stronger account": func(s scene) func(*identity.OrgAdmin) error {
			_, u := strong(s)
			_, key := newKey(s.w.t)
			c := must(s.sys.AddPublicKey(s.w.ctx, u, identity.PublicKeySpec{UnprovenPublicKey: key}))(s.w.t)
			must(s.sys.DisableCredential(s.w.ctx, c.ID))(s.w.t)
			return func(o *identity.OrgAdmin) error { return last(o.EnableCredential(s.w.ctx, c.ID)) }
		},
		"activate a stronger account": func(s scene) func(*identity.OrgAdmin) error {
			_, u := strong(s)
			must(s.sys.DeactivateAccount(s.w.ctx, u))(s.w.t)
			return func(o *identity.OrgAdmin) error { return last(o.ActivateAccount(s.w.ctx, u)) }
		},
		"extend a stronger account": func(s scene) func(*identity.OrgAdmin) error {
			_, u := strong(s)
			until := s.w.clock.Now().Add(time.Hour)
			return func(o *identity.OrgAdmin) error { return last(o.ExtendAccount(s.w.ctx, u, until)) }
		},
		"change the e-mail of a stronger account": func(s scene) func(*identity.OrgAdmin) error {
			_, u := strong(s)
			mail := "mine@e.com"
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateAccount(s.w.ctx, u, identity.AccountPatch{Email: &mail}))
			}
		},
		"change the external id of a stronger account": func(s scene) func(*identity.OrgAdmin) error {
			_, u := strong(s)
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateAccount(s.w.ctx, u, identity.AccountPatch{External: &identity.ExternalID{Issuer: "i", Subject: "me"}}))
			}
		},
		"change the labels of a stronger account": func(s scene) func(*identity.OrgAdmin) error {
			_, u := strong(s)
			return func(o *identity.OrgAdmin) error {
				return last(o.UpdateAccount(s.w.ctx, u, identity.AccountPatch{Labels: &map[string]string{"team": "red"}}))
			}
		},
	}
	for name, make := range cases {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			org := w.org("acme")
			s := scene{w: w, org: org, sys: w.in(org), weak: w.user(org, "weak")}
			s.plain = must(s.sys.CreateGroup(w.ctx, identity.GroupSpec{Name: "plain"}))(t).ID
			boss := w.user(org, "boss", bossRights()...)
			escalator := w.user(org, "escalator", append(bossRights(), identity.PermEscalate)...)
			must(s.sys.GrantOwner(w.ctx, w.user(org, "owner")))(t)
			call := make(s)
			o := w.as(org, boss)
			same := w.unchanged()
			wantKind(t, call(o), identity.ErrEscalation)
			same()
			if err := call(w.as(org, escalator)); err != nil {
				t.Errorf("with identity:escalate: %v", err)
			}
		})
	}
}

// TestEscalationWithinOnesRights: what a boss holds it may give, exactly there

// and exactly for as long.
