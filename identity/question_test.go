package identity_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	mathrand "math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// asked is a world with two orgs and operators, filled at random.
type asked struct {
	*world
	rnd        *mathrand.Rand
	system     identity.OrgID
	orgs       []identity.OrgID // two, then the system org
	accounts   map[identity.OrgID][]identity.AccountID
	principals []identity.Principal
	paths      []policy.Path
	names      []string
}

func openAsked(t *testing.T) *asked {
	seed := newSeed(t)
	a := &asked{world: open(t, conditions()), rnd: mathrand.New(mathrand.NewPCG(seed, 1)), accounts: map[identity.OrgID][]identity.AccountID{}}
	a.system = a.id.SystemOrg()
	a.orgs = []identity.OrgID{a.org("one"), a.org("two"), a.system}
	for _, text := range []string{"/", "p/1", "p/1/f/1", "p/2", "p/10"} {
		a.paths = append(a.paths, path(t, text))
	}
	for _, p := range a.cfg.Permissions {
		a.names = append(a.names, p.Name)
	}
	for _, org := range a.orgs {
		a.fill(org)
	}
	return a
}

// fill gives an org accounts, groups and bindings, in one transaction.
func (a *asked) fill(org identity.OrgID) {
	a.t.Helper()
	roles := []string{"wallet-reader", "wallet-admin", "user", "bound"}
	var sure identity.AccountID // whatever chance does, it may do something
	err := a.id.Write(a.ctx, func(ctx context.Context, tx *identity.Tx) error {
		in := tx.System("fill").In(org)
		must(in.CreateRole(ctx, identity.RoleSpec{Name: "user", Permissions: []string{"keys:*"}, Includes: []string{"code:wallet-reader"}}))(a.t)
		must(in.CreateRole(ctx, identity.RoleSpec{Name: "bound", Permissions: []string{"*"}, Exclusions: []string{"wallets:delete"}}))(a.t)
		var subjects []identity.SubjectID
		for i := range 6 {
			spec := identity.UserSpec{Email: fmt.Sprintf("u%d@example.com", i)}
			if i == 0 {
				spec.Boundary = "bound"
			}
			u := must(in.CreateUser(ctx, spec))(a.t)
			a.accounts[org], subjects = append(a.accounts[org], u.ID), append(subjects, identity.SubjectID(u.ID))
		}
		for i := range 3 {
			s := must(in.CreateServiceAccount(ctx, identity.ServiceAccountSpec{Name: fmt.Sprintf("s%d", i)}))(a.t)
			a.accounts[org], subjects = append(a.accounts[org], s.ID), append(subjects, identity.SubjectID(s.ID))
		}
		for i := range 4 {
			g := must(in.CreateGroup(ctx, identity.GroupSpec{Name: fmt.Sprintf("g%d", i)}))(a.t)
			for range 3 {
				must(in.AddMember(ctx, g.ID, subjects[a.rnd.IntN(len(subjects))]))(a.t) // groups only in later ones
			}
			subjects = append(subjects, identity.SubjectID(g.ID))
		}
		if org != a.system {
			subjects = append(subjects, identity.SubjectID(identity.GroupUsers), identity.SubjectID(identity.GroupServiceAccounts))
		}
		for range 25 {
			spec := identity.BindingSpec{
				Subject: subjects[a.rnd.IntN(len(subjects))], Role: roles[a.rnd.IntN(len(roles))], Scope: a.paths[a.rnd.IntN(len(a.paths))],
				Deny: a.rnd.IntN(5) == 0,
			}
			if spec.Subject == identity.SubjectID(identity.GroupUsers) {
				spec.Deny = false // of which sure is one
			}
			switch a.rnd.IntN(6) {
			case 0:
				spec.Condition = "attr:office"
			case 1:
				spec.Condition = "attr:principal.mfa"
			case 2:
				spec.End = a.clock.Now().Add(time.Hour)
			}
			if org == a.system && a.rnd.IntN(3) > 0 {
				spec.Reach = []identity.Reach{identity.ReachAll, identity.ReachOrg(a.orgs[0])}[a.rnd.IntN(2)]
			}
			must(in.CreateBinding(ctx, spec))(a.t)
		}
		sure = must(in.CreateUser(ctx, identity.UserSpec{Email: "sure@example.com", Roles: []string{"wallet-admin"}}))(a.t).ID
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	for range 3 { // so that it is asked about often
		a.principals = append(a.principals, a.login(org, sure))
	}
	for _, id := range a.accounts[org] {
		a.principals = append(a.principals, a.login(org, id))
	}
}

// disturb takes some accounts out of use.
func (a *asked) disturb() {
	a.t.Helper()
	for _, org := range a.orgs {
		must(a.in(org).DeactivateAccount(a.ctx, a.accounts[org][1]))(a.t)
		must(a.in(org).SignOutAccount(a.ctx, a.accounts[org][2]))(a.t)
		must(a.in(org).DeleteAccount(a.ctx, a.accounts[org][3]))(a.t)
	}
}

// machines lets two service accounts take part, one with a token that is cut down, and one acting for the other.
func (a *asked) machines() {
	a.t.Helper()
	org := a.orgs[0]
	sa, key := a.service(org, "machine", "wallets:*", "keys:use")
	machine := must(a.id.Authenticate(a.ctx, a.bearer(sa, key)))(a.t)
	actor, key := a.service(org, "agent", "wallets:read", "wallets:create")
	agent := must(a.id.Authenticate(a.ctx, a.bearer(actor, key)))(a.t)
	// What the host knows of the machine says nothing of the agent.
	a.bind(org, identity.BindingSpec{Subject: identity.SubjectID(actor.ID), Role: "wallet-admin", Scope: policy.Root, Condition: "attr:principal.mfa"})
	narrow := must(a.id.IssueToken(a.ctx, machine, identity.TokenRequest{Permissions: []string{"wallets:read", "keys:*"}, Path: path(a.t, "p/1")}))(a.t)
	both := must(a.id.Delegate(a.ctx, agent, machine, identity.TokenRequest{Permissions: []string{"wallets:read", "wallets:delete"}}))(a.t)
	for _, issued := range []identity.AccessToken{narrow, both} {
		for range 5 { // so that they are asked about often
			a.principals = append(a.principals, must(a.id.Authenticate(a.ctx, issued.Token.Reveal()))(a.t))
		}
	}
}

func (a *asked) request() identity.Request {
	req := identity.Request{
		Org: a.orgs[a.rnd.IntN(3)], Permission: perm(a.t, a.names[a.rnd.IntN(len(a.names))]), Path: a.paths[a.rnd.IntN(len(a.paths))],
	}
	if a.rnd.IntN(20) > 0 {
		req.Principal = a.principals[a.rnd.IntN(len(a.principals))]
		if a.rnd.IntN(2) == 0 {
			req.Org = req.Principal.Org()
		}
	}
	if a.rnd.IntN(20) == 0 {
		req.Org = []identity.OrgID{"", "or_absent"}[a.rnd.IntN(2)]
	}
	switch a.rnd.IntN(4) {
	case 0:
		req.Attrs = office(true)
	case 1:
		req.Attrs = office(false).SetBool("principal.mfa", true)
	}
	return req
}

// TestAuthorizeAll: many answers are what Authorize says of each, at one revision.
func TestAuthorizeAll(t *testing.T) {
	w := openAsked(t)
	w.disturb()
	w.machines()
	for _, org := range w.orgs[:2] { // active, then suspended
		var requests []identity.Request
		for range 400 {
			requests = append(requests, w.request())
		}
		allowed := 0
		for i, d := range w.id.AuthorizeAll(w.ctx, requests) {
			want := w.id.Authorize(w.ctx, requests[i])
			if requests[i].Principal.IsZero() { // nothing is looked at
				want.Revision = d.Revision
			}
			if d != want {
				t.Errorf("%+v: %+v, want %+v", requests[i], d, want)
			}
			if d.Revision != w.id.Revision() {
				t.Errorf("revision %d, want %d", d.Revision, w.id.Revision())
			}
			if d.Allowed {
				allowed++
			}
		}
		if allowed < 10 || allowed > 390 {
			t.Errorf("%d of 400 are allowed: this test compares nothing", allowed)
		}
		must(w.sys().SuspendOrg(w.ctx, org))(t)
	}
	if got := w.id.AuthorizeAll(w.ctx, nil); len(got) != 0 {
		t.Errorf("nothing asked: %v", got)
	}
	// What is not reached is stale alone.
	early, late := w.request(), w.request()
	early.Principal, late.Principal = w.principals[0], w.principals[0]
	late.AtLeast = w.id.Revision() + 1
	got := w.id.AuthorizeAll(w.ctx, []identity.Request{early, late})
	if got[0].Reason == policy.ReasonStale || got[1].Reason != policy.ReasonStale {
		t.Errorf("AtLeast: %+v", got)
	}
}

// TestAuthorizeAllIsOneMoment: what is changed together in two orgs is seen
// together, while it goes on and off.
func TestAuthorizeAllIsOneMoment(t *testing.T) {
	w := open(t)
	var requests []identity.Request
	type place struct {
		org  identity.OrgID
		spec identity.BindingSpec
	}
	var places []place
	for _, slug := range []string{"one", "two", "three"} {
		org := w.org(slug)
		u := w.user(org, "u")
		places = append(places, place{org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root}})
		requests = append(requests, identity.Request{Principal: w.login(org, u), Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root})
	}
	requests = append(requests, requests...)
	done := make(chan error, 1)
	go func() {
		var bound []identity.BindingID
		for range 60 {
			err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
				var next []identity.BindingID
				for i, p := range places {
					in := tx.System("toggle").In(p.org)
					if len(bound) > 0 {
						if err := in.DeleteBinding(ctx, bound[i]); err != nil {
							return err
						}
						continue
					}
					b, err := in.CreateBinding(ctx, p.spec)
					if err != nil {
						return err
					}
					next = append(next, b.ID)
				}
				bound = next
				return nil
			})
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	seen := map[bool]int{}
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if seen[true] == 0 || seen[false] == 0 {
				t.Errorf("seen %v: this test saw no change", seen)
			}
			return
		default:
		}
		got := w.id.AuthorizeAll(w.ctx, requests)
		for _, d := range got {
			if d.Allowed != got[0].Allowed || d.Revision != got[0].Revision {
				t.Fatalf("two moments: %+v", got)
			}
		}
		seen[got[0].Allowed]++
	}
}

// TestPermissionsOn: all at once is what Authorize says of each.
func TestPermissionsOn(t *testing.T) {
	w := openAsked(t)
	w.disturb()
	w.machines()
	sizes := map[int]int{}
	for range 300 {
		req := w.request()
		got := w.id.PermissionsOn(w.ctx, req)
		var want []string
		reasons := map[policy.Reason]bool{}
		missing := false
		for _, name := range w.names {
			req.Permission = perm(t, name)
			d := w.id.Authorize(w.ctx, req)
			if d.Allowed {
				want = append(want, name)
			}
			reasons[d.Reason] = true
			missing = missing || d.Missing != ""
		}
		names := slices.DeleteFunc(got.Names(), func(name string) bool { return strings.HasPrefix(name, policy.ManagementPrefix) })
		if !slices.Equal(names, want) {
			t.Errorf("%+v: %v, want %v", req, names, want)
		}
		sizes[len(want)]++
		whole := len(reasons) == 1 && !reasons[policy.ReasonAllowed] && !reasons[policy.ReasonNoBinding] && !reasons[policy.ReasonDenied] &&
			!reasons[policy.ReasonBoundary] && !reasons[policy.ReasonTokenLimits] && !reasons[policy.ReasonDelegation]
		if whole && !reasons[got.Reason] {
			t.Errorf("%+v: %v, want %v", req, got.Reason, reasons)
		}
		if got.Partial && !missing {
			t.Errorf("%+v: partial, and no decision lacks anything", req)
		}
		if !req.Principal.IsZero() && got.Revision != w.id.Revision() {
			t.Errorf("revision %d, want %d", got.Revision, w.id.Revision())
		}
	}
	if len(sizes) < 3 {
		t.Errorf("sizes %v: this test compares little", sizes)
	}
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for x, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// TestWhoCan: who may do something are those that Authorize allows it, the
// operators after the org's own; what hangs on a condition is neither claimed nor
// dropped.
func TestWhoCan(t *testing.T) {
	w := openAsked(t)
	w.disturb()
	w.principals = slices.CompactFunc(w.principals, func(p, q identity.Principal) bool { return p.Account() == q.Account() })
	// Those that were signed out came back.
	for i, p := range w.principals {
		if slices.ContainsFunc(w.orgs, func(org identity.OrgID) bool { return p.Account() == w.accounts[org][2] }) {
			w.principals[i] = w.login(p.Org(), p.Account())
		}
	}
	holders, conditional := 0, 0
	for range 120 {
		req := w.request()
		req.Org = w.orgs[w.rnd.IntN(3)]
		question := identity.WhoCanRequest{Permission: req.Permission, Path: req.Path, Attrs: req.Attrs}
		got := map[identity.AccountID]identity.Holder{}
		var order []string
		for _, h := range collect(t, w.in(req.Org).WhoCan(w.ctx, question)) {
			got[h.Account] = h
			order = append(order, fmt.Sprint(h.Org != req.Org, h.Account))
			holders++
			if h.Conditional {
				conditional++
			}
		}
		if !slices.IsSorted(order) || len(got) != len(order) {
			t.Errorf("%+v: in the order %v", req, order)
		}
		for _, req.Principal = range w.principals {
			req.Attrs = question.Attrs.OfRequest()
			d := w.id.Authorize(w.ctx, req)
			h, found := got[req.Principal.Account()]
			delete(got, req.Principal.Account())
			if d.Allowed != (found && !h.Conditional) || h.Conditional && d.Missing == "" {
				t.Errorf("%+v: %+v, but decided as %+v", req, h, d)
				continue
			}
			if !found {
				// Nothing that is missing could have helped.
				for _, attrs := range []*policy.Attrs{office(true), office(false)} {
					for _, mfa := range []bool{true, false} {
						req.Attrs = attrs.Clone().SetBool("principal.mfa", mfa)
						if question.Attrs == nil && w.id.Authorize(w.ctx, req).Allowed {
							t.Errorf("%+v may, under conditions, and is not named", req)
						}
					}
				}
				continue
			}
			if h.Org != req.Principal.Org() || h.Kind != req.Principal.Kind() {
				t.Errorf("%+v", h)
			}
			b := must(w.in(h.Org).Binding(w.ctx, h.Binding))(t)
			end := identity.SubjectID(h.Account)
			for _, g := range h.Via {
				if !w.member(h.Org, g, end) {
					t.Errorf("%+v: %s is not in %s", h, end, g)
				}
				end = identity.SubjectID(g)
			}
			if b.Subject != end || b.Effect != policy.Allow || !b.Scope.Contains(req.Path) {
				t.Errorf("%+v, of %+v", h, b)
			}
		}
		if len(got) > 0 {
			t.Errorf("%+v: who are %v?", req, slices.Collect(maps.Keys(got)))
		}
	}
	if holders < 100 || conditional == 0 {
		t.Errorf("%d holders, %d of them under a condition: this test compares little", holders, conditional)
	}
}

func (w *world) member(org identity.OrgID, g identity.GroupID, m identity.SubjectID) bool {
	w.t.Helper()
	switch g {
	case identity.GroupUsers:
		return strings.HasPrefix(string(m), "us_")
	case identity.GroupServiceAccounts:
		return strings.HasPrefix(string(m), "sa_")
	}
	for x, err := range w.in(org).AllMembers(w.ctx, g) {
		if err != nil {
			w.t.Fatal(err)
		}
		if x.Member == m {
			return true
		}
	}
	return false
}

// TestWhoCanIsAsked: who may ask, what is refused, and what an org learns of its
// operators.
func TestWhoCanIsAsked(t *testing.T) {
	w := open(t)
	system, org, other := w.id.SystemOrg(), w.org("acme"), w.org("other")
	reader := w.user(org, "reader", "identity:bindings.read")
	u, operator := w.user(org, "u", "wallets:read"), w.user(system, "operator")
	ops := must(w.in(system).CreateGroup(w.ctx, identity.GroupSpec{Name: "ops"}))(t).ID
	must(w.in(system).AddMember(w.ctx, ops, identity.SubjectID(operator)))(t)
	w.bind(system, identity.BindingSpec{Subject: identity.SubjectID(ops), Role: "owner", Scope: policy.Root, Reach: identity.ReachOrg(org)})
	req := identity.WhoCanRequest{Permission: perm(t, "wallets:read"), Path: policy.Root}

	got := collect(t, w.as(org, reader).WhoCan(w.ctx, req))
	if len(got) != 2 || got[0].Account != u || got[0].Binding.IsZero() || got[0].Org != org {
		t.Errorf("an org learns %+v", got)
	}
	if want := (identity.Holder{Org: system, Account: operator, Kind: identity.User}); !reflect.DeepEqual(got[1], want) {
		t.Errorf("of its operators an org learns %+v, want %+v", got[1], want)
	}
	for _, in := range []*identity.OrgAdmin{w.in(org), w.id.As(w.login(system, operator)).In(org)} {
		got := collect(t, in.WhoCan(w.ctx, req))
		if len(got) != 2 || got[1].Org != system || got[1].Binding.IsZero() || !slices.Equal(got[1].Via, []identity.GroupID{ops}) {
			t.Errorf("the host and operators learn %+v", got)
		}
	}
	one := func(in *identity.OrgAdmin, req identity.WhoCanRequest) error { return drain(in.WhoCan(w.ctx, req)) }
	wantKind(t, one(w.as(org, u), req), identity.ErrDenied)
	wantKind(t, one(w.id.As(w.login(org, reader)).In(other), req), identity.ErrNotFound)
	wantKind(t, one(w.in("or_absent"), req), identity.ErrNotFound)
	wantKind(t, one(w.in(org), identity.WhoCanRequest{Path: policy.Root}), identity.ErrInvalid)
	wantKind(t, one(w.in(org), identity.WhoCanRequest{Permission: perm(t, "wallets:none"), Path: policy.Root}), identity.ErrInvalid)
	wantKind(t, one(w.in(org), identity.WhoCanRequest{Permission: req.Permission}), identity.ErrInvalid)

	// Inside a transaction, what it has made so far.
	err := w.id.Write(w.ctx, func(ctx context.Context, tx *identity.Tx) error {
		must(tx.System("test").In(org).DeactivateAccount(ctx, u))(t)
		if got := collect(t, tx.System("test").In(org).WhoCan(ctx, req)); len(got) != 1 || got[0].Account != operator {
			t.Errorf("inside: %+v", got)
		}
		if got := collect(t, w.in(org).WhoCan(w.ctx, req)); len(got) != 2 {
			t.Errorf("outside: %+v", got)
		}
		return errors.New("enough")
	})
	if err == nil {
		t.Error("the transaction was kept")
	}
	// Of a suspended org only operators are left, of a deleted one nobody.
	must(w.sys().SuspendOrg(w.ctx, org))(t)
	if got := collect(t, w.in(org).WhoCan(w.ctx, req)); len(got) != 1 || got[0].Account != operator {
		t.Errorf("suspended: %+v", got)
	}
	must(w.sys().DeleteOrg(w.ctx, org))(t)
	wantKind(t, one(w.in(org), req), identity.ErrNotFound)
}
