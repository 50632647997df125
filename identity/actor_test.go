package identity_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestAsNeedsExactlyItsPermission makes every management call as a user without
// rights, as one with every management right but the one required, and as one
// with the required right alone.
func TestAsNeedsExactlyItsPermission(t *testing.T) {
	onOneGoroutine(t)
	w := open(t)
	required := identity.RequiredPermissions()
	system := w.id.SystemOrg()
	for _, name := range slices.Sorted(maps.Keys(calls())) {
		c := calls()[name]
		t.Run(name, func(t *testing.T) {
			w := w.on(t)
			x := w.targets(strings.ToLower(name))
			home := x.Org
			if c.inSystem {
				home = system
			}
			var others []string
			for _, p := range identity.ManagementCatalog() {
				if p.Name != required[name] {
					others = append(others, p.Name)
				}
			}
			nobody := w.user(home, strings.ToLower(name)+"-nobody")
			wrong := w.user(home, strings.ToLower(name)+"-wrong", others...)
			right := w.user(home, strings.ToLower(name)+"-right", append(c.holds, required[name])...)
			refused, kind := []identity.AccountID{nobody, wrong}, identity.ErrDenied
			if c.own { // whatever others hold, and that there is something is not for them to learn
				refused, kind, right = append(refused, right), identity.ErrNotFound, x.User
			}
			for _, who := range refused {
				p := w.login(home, who)
				same := w.unchanged()
				wantKind(t, c.run(w.ctx, w.id.As(p), x), kind)
				same()
			}
			p := w.login(home, right)
			before := w.id.Revision()
			err := c.run(w.ctx, w.id.As(p), x)
			if c.hostOnly {
				wantKind(t, err, identity.ErrDenied)
				return
			}
			if err != nil {
				t.Fatalf("with %s: %v", required[name], err)
			}
			if c.reads {
				if now := w.id.Revision(); now != before {
					t.Errorf("reading went from revision %d to %d", before, now)
				}
				return
			}
			if now := w.id.Revision(); now != before+1 && !c.still {
				t.Errorf("one call went from revision %d to %d", before, now)
			}
			for _, org := range []identity.OrgID{x.Org, system} {
				for _, e := range w.events(org) {
					if e.Revision > before && (e.Actor != string(right) || e.Reason != "" && !c.own) {
						t.Errorf("event %s %s names the actor %q, reason %q", e.Verb, e.Noun, e.Actor, e.Reason)
					}
				}
			}
		})
	}
}

// TestSec49_ForeignAnswersLikeAbsent asks for what is in another org and for
// what is nowhere: the two answers are the same text, but for the id.
func TestSec49_ForeignAnswersLikeAbsent(t *testing.T) {
	onOneGoroutine(t)
	w := open(t)
	own, foreign := w.targets("own"), w.targets("foreign")
	admin := w.user(own.Org, "admin")
	must(w.in(own.Org).GrantOwner(w.ctx, admin))(t)
	p := w.login(own.Org, admin)
	_, key := newKey(t)
	// What is nowhere, and elsewhere.
	absent := targets{
		Org: "or_absent0", Slug: "absent1", User: "us_absent2", Idle: "sa_absent3", Group: "gr_absent4", Full: "gr_absent5", Role: "ro_absent6",
		Archived: "ro_absent7", Bound: "ro_absent8", Binding: "bi_absent9", Eligible: "bi_absentg", Credential: "cr_absenta", Disabled: "cr_absentb", Key: key, SigningKey: "absentc", Token: "absentd", Secret: "cr_absente", Invited: "us_absentf",
	}
	elsewhere := foreign
	elsewhere.Key = key
	plain := func(err error, x targets) string {
		text := err.Error()
		v := reflect.ValueOf(x)
		for i := range v.NumField() {
			if id := v.Field(i); id.Kind() == reflect.String && id.String() != "" {
				text = strings.ReplaceAll(text, id.String(), "<"+v.Type().Field(i).Name+">")
			}
		}
		return text
	}
	undo := errors.New("undo")
	ask := func(c call, x targets) (err error) {
		done := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
			err = c.run(ctx, tx.As(p), x)
			return undo
		})
		if !errors.Is(done, undo) {
			t.Fatal(done)
		}
		return err
	}
	asked := 0
	for _, name := range slices.Sorted(maps.Keys(calls())) {
		c := calls()[name]
		if c.hostOnly {
			continue
		}
		// The things of another org, asked for in one's own.
		there, nowhere := elsewhere, absent
		if !c.inSystem {
			there.Org, nowhere.Org = own.Org, own.Org
		}
		a, b := ask(c, there), ask(c, nowhere)
		switch {
		case (a == nil) != (b == nil):
			t.Errorf("%s: foreign %v, absent %v", name, a, b)
		case a != nil:
			asked++
			if got, want := plain(a, there), plain(b, nowhere); got != want {
				t.Errorf("%s:\nforeign %s\nabsent  %s", name, got, want)
			}
		}
		if c.inSystem {
			continue
		}
		// The other org itself.
		a, b = ask(c, elsewhere), ask(c, absent)
		if a == nil || b == nil {
			t.Errorf("%s in another org: foreign %v, absent %v", name, a, b)
			continue
		}
		wantKind(t, a, identity.ErrNotFound)
		if got, want := plain(a, elsewhere), plain(b, absent); got != want {
			t.Errorf("%s in another org:\nforeign %s\nabsent  %s", name, got, want)
		}
		// The same outside of Write.
		s := w.id.As(p)
		a, b = c.run(w.ctx, s, elsewhere), c.run(w.ctx, s, absent)
		if a == nil || b == nil || plain(a, elsewhere) != plain(b, absent) {
			t.Errorf("%s in another org, alone:\nforeign %v\nabsent  %v", name, a, b)
		}
	}
	if asked < 25 {
		t.Errorf("only %d calls named something", asked)
	}
}

// TestActorMustBeSomebody refuses actors that are nobody, of another
// authority, or the host without a reason.
func TestActorMustBeSomebody(t *testing.T) {
	w, other := open(t), open(t)
	x := w.targets("acme")
	foreign := other.login(other.id.SystemOrg(), other.user(other.id.SystemOrg(), "u"))
	same := w.unchanged()
	for name, c := range calls() {
		if c.hostOnly {
			continue
		}
		for _, s := range []*identity.Admin{w.id.As(identity.Principal{}), w.id.As(foreign)} {
			if err := c.run(w.ctx, s, x); !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("%s by nobody: %v", name, err)
			}
		}
		for _, reason := range []string{"", " \t", long(1025), "a\x00b", "a\xffb"} {
			err := c.run(w.ctx, w.id.System(reason), x)
			if e := wantKind(t, err, identity.ErrInvalid); e.Field != "reason" {
				t.Errorf("%s for the reason %q: %v", name, reason, err)
			}
		}
	}
	for _, reason := range []string{"", "a\x00b"} {
		_, err := w.id.System(reason).In(x.Org).Vouch(w.ctx, x.User, w.session(0))
		wantKind(t, err, identity.ErrInvalid)
	}
	_, err := w.as(x.Org, x.User).Vouch(w.ctx, x.User, w.session(0))
	wantKind(t, err, identity.ErrDenied)
	same()
}

// allManagement is every permission of management that identity:* gives, and
// everything of the host.
func allManagement() []string { return []string{"*", "identity:*"} }

func TestServiceAccountsMayNotMint(t *testing.T) {
	mint := func(w *world) (org identity.OrgID, calls map[string]func() error) {
		org = w.org("acme")
		sa, key := w.service(org, "robot", allManagement()...)
		weak, _ := w.service(org, "weak")
		p := must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(w.t)
		o := w.id.As(p).In(org)
		_, first := newKey(w.t)
		return org, map[string]func() error{
			"user":    func() error { return last(o.CreateUser(w.ctx, identity.UserSpec{Email: "x@example.com"})) },
			"service": func() error { return last(o.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "x"})) },
			"key": func() error {
				return last(o.AddPublicKey(w.ctx, weak.ID, identity.PublicKeySpec{UnprovenPublicKey: first}))
			},
		}
	}
	w := open(t)
	_, refused := mint(w)
	same := w.unchanged()
	for name, call := range refused {
		if err := call(); !errors.Is(err, identity.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same()
	w = open(t, with(func(c *identity.Config) { c.ServiceAccountsMayMint = true }))
	_, allowed := mint(w)
	for name, call := range allowed {
		if err := call(); err != nil {
			t.Errorf("%s, though configured: %v", name, err)
		}
	}
}

// TestOwnKeys: a service account that manages credentials rotates its own key,
// which is no minting for others.
func TestOwnKeys(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	sa, key := w.service(org, "robot", "identity:credentials.create", "identity:credentials.revoke")
	p := must(w.id.Authenticate(w.ctx, w.bearer(sa, key)))(t)
	private, public := newKey(t)
	added := must(w.id.As(p).In(org).AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: public}))(t)
	must(w.id.ExchangeAssertion(w.ctx, w.assertion(added.ID, sa.ID, private), identity.TokenRequest{}))(t)
	must(w.id.As(p).In(org).RevokeCredential(w.ctx, sa.Key.ID))(t)
	if _, err := w.id.As(p).In(org).RevokeCredential(w.ctx, added.ID); !errors.Is(err, identity.ErrDisabled) {
		t.Errorf("with a revoked key: %v", err)
	}
}

func TestNobodyEndsItself(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	other := w.user(org, "other", allManagement()...)
	self := w.user(org, "self", allManagement()...)
	must(w.in(org).GrantOwner(w.ctx, other))(t)
	o := w.as(org, self)
	same := w.unchanged()
	wantKind(t, last(o.DeactivateAccount(w.ctx, self)), identity.ErrDenied)
	wantKind(t, last(o.ArchiveAccount(w.ctx, self)), identity.ErrDenied)
	wantKind(t, last(o.DeleteAccount(w.ctx, self)), identity.ErrDenied)
	same()
	must(o.SignOutAccount(w.ctx, self))(t) // but it may sign itself out
	wantKind(t, last(o.Account(w.ctx, self)), identity.ErrRevoked)
}

// TestLastOwner tries every way in which a principal could leave an org without
// an owner; the host may.
func TestLastOwner(t *testing.T) {
	w := open(t)
	created := must(w.sys().CreateOrg(w.ctx, identity.OrgSpec{Slug: "acme", Owner: &identity.UserSpec{Email: "owner@example.com"}}))(t)
	org, owner := created.ID, created.Owner.ID
	// Everything but ownership, with an end.
	deputy := w.user(org, "deputy")
	w.bind(org, identity.BindingSpec{
		Subject: identity.SubjectID(deputy), Role: "owner", Scope: policy.Root, End: w.clock.Now().Add(1000 * time.Hour),
	})
	w.grant(org, identity.SubjectID(deputy), policy.Root, identity.PermContain, identity.PermEscalate)
	var binding identity.BindingID
	for b, err := range w.in(org).AllBindings(w.ctx, identity.BindingFilter{Subject: identity.SubjectID(owner)}) {
		if err != nil {
			t.Fatal(err)
		}
		binding = b.ID
	}
	ways := map[string]func(o *identity.OrgAdmin) error{
		"deactivate": func(o *identity.OrgAdmin) error { return last(o.DeactivateAccount(w.ctx, owner)) },
		"archive":    func(o *identity.OrgAdmin) error { return last(o.ArchiveAccount(w.ctx, owner)) },
		"delete":     func(o *identity.OrgAdmin) error { return last(o.DeleteAccount(w.ctx, owner)) },
		"end the validity": func(o *identity.OrgAdmin) error {
			return last(o.ExtendAccount(w.ctx, owner, w.clock.Now().Add(time.Hour)))
		},
		"delete the binding": func(o *identity.OrgAdmin) error { return o.DeleteBinding(w.ctx, binding) },
		"deny": func(o *identity.OrgAdmin) error {
			return last(o.CreateBinding(w.ctx, identity.BindingSpec{
				Subject: identity.SubjectID(owner), Role: "wallet-reader", Scope: policy.Root, Deny: true,
			}))
		},
	}
	must(w.as(org, deputy).CreateGroup(w.ctx, identity.GroupSpec{Name: "any"}))(t) // the owner is remembered from here on
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			w := w.on(t)
			same := w.unchanged()
			wantKind(t, way(w.as(org, deputy)), identity.ErrInUse)
			same()
		})
	}
	second := w.user(org, "second")
	must(w.in(org).GrantOwner(w.ctx, second))(t)
	if err := ways["deactivate"](w.as(org, deputy)); err != nil {
		t.Errorf("with a second owner: %v", err)
	}
	wantKind(t, last(w.as(org, deputy).DeactivateAccount(w.ctx, second)), identity.ErrInUse) // and the first is one no more
	must(w.in(org).DeactivateAccount(w.ctx, second))(t)                                      // the host is not asked
}

func TestGrantOwner(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	sa, _ := w.service(x.Org, "robot")
	off := w.user(x.Org, "off")
	must(w.in(x.Org).DeactivateAccount(w.ctx, off))(t)
	same := w.unchanged()
	wantKind(t, last(w.in(x.Org).GrantOwner(w.ctx, sa.ID)), identity.ErrInvalid)
	wantKind(t, last(w.in(x.Org).GrantOwner(w.ctx, "us_absent")), identity.ErrNotFound)
	wantKind(t, last(w.in(x.Org).GrantOwner(w.ctx, off)), identity.ErrDisabled)
	same()
	first := must(w.in(x.Org).GrantOwner(w.ctx, x.User))(t)
	if first.Role != identity.RoleOwner || !first.Created || first.Reason != "test" {
		t.Errorf("%+v", first)
	}
	same = w.unchanged()
	if again := must(w.in(x.Org).GrantOwner(w.ctx, x.User))(t); again.Created || again.ID != first.ID {
		t.Errorf("the second time: %+v", again)
	}
	same()
}

func TestImmutableBinding(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	admin := w.user(x.Org, "admin", allManagement()...)
	b := w.bind(x.Org, identity.BindingSpec{Subject: identity.SubjectID(x.User), Role: "wallet-reader", Scope: policy.Root, Immutable: true})
	same := w.unchanged()
	wantKind(t, w.as(x.Org, admin).DeleteBinding(w.ctx, b), identity.ErrImmutable)
	same()
	if err := w.in(x.Org).DeleteBinding(w.ctx, b); err != nil {
		t.Error(err)
	}
}

// TestBindingsAreCheckedAtTheirScope: who may bind and unbind under one path
// may not elsewhere.
func TestBindingsAreCheckedAtTheirScope(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	here, below, there := path(t, "projects/1"), path(t, "projects/1/wallets/w"), path(t, "projects/10")
	admin := w.user(x.Org, "admin")
	w.grant(x.Org, identity.SubjectID(admin), here, "identity:bindings.create", "identity:bindings.delete", "wallets:read")
	o := w.as(x.Org, admin)
	spec := func(at policy.Path) identity.BindingSpec {
		return identity.BindingSpec{Subject: identity.SubjectID(x.Group), Role: "wallet-reader", Scope: at}
	}
	elsewhere := w.bind(x.Org, spec(there))
	for _, at := range []policy.Path{here, below} {
		b := must(o.CreateBinding(w.ctx, spec(at)))(t)
		if again := must(o.EnsureBinding(w.ctx, spec(at)))(t); again.Created || again.ID != b.ID {
			t.Errorf("ensured again: %+v", again)
		}
		if err := o.DeleteBinding(w.ctx, b.ID); err != nil {
			t.Errorf("at %s: %v", at, err)
		}
	}
	same := w.unchanged()
	for _, at := range []policy.Path{policy.Root, there} {
		wantKind(t, last(o.CreateBinding(w.ctx, spec(at))), identity.ErrDenied)
		wantKind(t, last(o.EnsureBinding(w.ctx, spec(at))), identity.ErrDenied)
	}
	// Neither is it told whether an id exists.
	denied := wantKind(t, o.DeleteBinding(w.ctx, elsewhere), identity.ErrDenied)
	absent := wantKind(t, o.DeleteBinding(w.ctx, "bi_absent"), identity.ErrDenied)
	if denied.Error() != absent.Error() {
		t.Errorf("existing %v, absent %v", denied, absent)
	}
	same()
}
