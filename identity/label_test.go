package identity_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// labelled makes a user with the label team.
func (w *world) labelled(org identity.OrgID, name, team string) identity.AccountID {
	w.t.Helper()
	u := must(w.in(org).CreateUser(w.ctx, identity.UserSpec{Email: name + "@example.com", Labels: labelsOf(team)}))(w.t)
	return u.ID
}

func labelsOf(team string) map[string]string {
	if team == "" {
		return nil
	}
	return map[string]string{"team": team}
}

func (w *world) relabel(o *identity.OrgAdmin, id identity.AccountID, team string) error {
	labels := labelsOf(team)
	return last(o.UpdateAccount(w.ctx, id, identity.AccountPatch{Labels: &labels}))
}

// TestLabelsInConditions: a condition reads the labels of the account as they are
// stored, from the moment they change, whatever the question; what the host says of
// them is not heard.
func TestLabelsInConditions(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	red, none := w.labelled(org, "red", "red"), w.labelled(org, "none", "")
	allow := w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupUsers), Role: "wallet-reader", Scope: policy.Root, Condition: "team:red"})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupUsers), Role: "wallet-admin", Scope: policy.Root, Deny: true, Condition: "team:blue"})
	forged := new(policy.Attrs).SetMap(policy.AttributePrincipalLabels, map[string]string{"team": "red"})
	blank := new(policy.Attrs).SetMap(policy.AttributePrincipalLabels, nil)
	check := func(when string, id identity.AccountID, want policy.Reason) {
		t.Helper()
		for _, attrs := range []*policy.Attrs{nil, forged, blank} {
			req := identity.Request{Principal: w.login(org, id), Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root, Attrs: attrs}
			if d := w.id.Authorize(w.ctx, req); d.Reason != want || d.Missing != "" {
				t.Errorf("%s: %s is answered %+v, want %s", when, id, d, want)
			}
			f := w.id.Filter(w.ctx, req)
			if _, partial := f.Partial(); partial || f.Match(policy.Root) != (want == policy.ReasonAllowed) {
				t.Errorf("%s: %s: %+v", when, id, f)
			}
			if p := w.id.PermissionsOn(w.ctx, req); p.Has("wallets:read") != (want == policy.ReasonAllowed) || p.Partial {
				t.Errorf("%s: %s holds %v", when, id, p.Names())
			}
			if e := w.id.Explain(w.ctx, req); e.Decision.Reason != want {
				t.Errorf("%s: %s is explained %+v", when, id, e.Decision)
			}
		}
		e := must(w.in(org).Explain(w.ctx, identity.AccountRequest{Account: id, Permission: perm(t, "wallets:read"), Path: policy.Root, Attrs: forged}))(t)
		if e.Decision.Reason != want {
			t.Errorf("%s: asked about, %s is explained %+v", when, id, e.Decision)
		}
		found := false
		for h, err := range w.in(org).WhoCan(w.ctx, identity.WhoCanRequest{Permission: perm(t, "wallets:read"), Path: policy.Root, Attrs: forged}) {
			if err != nil || h.Conditional || h.Binding != allow {
				t.Errorf("%s: %+v, %v", when, h, err)
			}
			found = found || h.Account == id
		}
		if found != (want == policy.ReasonAllowed) {
			t.Errorf("%s: that %s may is %t", when, id, found)
		}
	}
	for _, when := range []string{"at once", "after a restart"} {
		check(when, red, policy.ReasonAllowed)
		check(when, none, policy.ReasonNoBinding)
		w.reopen()
	}
	for _, step := range []struct {
		team string
		want policy.Reason
	}{{"blue", policy.ReasonDenied}, {"", policy.ReasonNoBinding}, {"red", policy.ReasonAllowed}} {
		if err := w.relabel(w.in(org), none, step.team); err != nil {
			t.Fatal(err)
		}
		check("labelled "+step.team, none, step.want)
	}
}

// TestLabelsOfActors: of a delegation everybody is asked by labels of its own.
func TestLabelsOfActors(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	subject, actor := w.principal(org, "subject"), w.principal(org, "actor")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(identity.GroupServiceAccounts), Role: "wallet-reader", Scope: policy.Root, Condition: "team:red"})
	both := w.delegated(actor, subject, identity.TokenRequest{})
	for _, c := range []struct {
		of   identity.AccountID
		want policy.Reason
	}{{"", policy.ReasonNoBinding}, {subject.Account(), policy.ReasonDelegation}, {actor.Account(), policy.ReasonAllowed}} {
		if c.of != "" {
			if err := w.relabel(w.in(org), c.of, "red"); err != nil {
				t.Fatal(err)
			}
		}
		if d := w.may(both, org, "wallets:read", policy.Root); d.Reason != c.want {
			t.Errorf("with a label of %q: %+v, want %s", c.of, d, c.want)
		}
	}
}

// TestLabelsElsewhere: another process reads the labels that were changed here.
func TestLabelsElsewhere(t *testing.T) {
	w := open(t, conditions(), func(w *world) { w.opts.Shared = true })
	org := w.org("acme")
	u := w.labelled(org, "u", "red")
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(u), Role: "wallet-reader", Scope: policy.Root, Condition: "team:red"})
	other := must(w.another())(t)
	defer func() { _ = other.Close() }()
	ask := func() bool {
		now := w.clock.Now()
		p := must(other.System("test").In(org).Vouch(w.ctx, u, identity.Login{AuthTime: now, NotAfter: now.Add(1e9)}))(t)
		return other.Authorize(w.ctx, identity.Request{
			Principal: p, Org: org, Permission: perm(t, "wallets:read"), Path: policy.Root, AtLeast: w.id.Revision(),
		}).Allowed
	}
	for _, team := range []string{"red", "blue", "red", ""} {
		if err := w.relabel(w.in(org), u, team); err != nil {
			t.Fatal(err)
		}
		if got := ask(); got != (team == "red") {
			t.Errorf("labelled %q it may elsewhere: %t", team, got)
		}
	}
}

// TestSec48_Labels: nobody labels an account into a right that the actor does not
// surely have, nor out of a deny; not itself either.
func TestSec48_Labels(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	manage := []string{"identity:accounts.create", "identity:accounts.update", "identity:members.add"}
	red, blue := w.role(org, "wallets:read"), w.role(org, "wallets:create")
	group := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t).ID
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(group), Role: string(red), Scope: policy.Root, Condition: "team:red"})
	weak, member, denied := w.user(org, "weak", manage...), w.labelled(org, "member", ""), w.labelled(org, "denied", "blue")
	must(w.in(org).AddMember(w.ctx, group, identity.SubjectID(weak)))(t)
	must(w.in(org).AddMember(w.ctx, group, identity.SubjectID(member)))(t)
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(denied), Role: string(blue), Scope: policy.Root})
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(denied), Role: string(blue), Scope: policy.Root, Deny: true, Condition: "team:blue"})
	o := w.as(org, weak)
	attempts := map[string]func(o *identity.OrgAdmin) error{
		"itself":    func(o *identity.OrgAdmin) error { return w.relabel(o, weak, "red") },
		"a member":  func(o *identity.OrgAdmin) error { return w.relabel(o, member, "red") },
		"of a deny": func(o *identity.OrgAdmin) error { return w.relabel(o, denied, "") },
		"a new member": func(o *identity.OrgAdmin) error {
			return last(o.CreateUser(w.ctx, identity.UserSpec{Email: "new@example.com", Labels: labelsOf("red"), Groups: []identity.GroupID{group}}))
		},
	}
	same := w.unchanged()
	for name, attempt := range attempts {
		if err := attempt(o); !errors.Is(err, identity.ErrEscalation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same()
	// What holds only while it is labelled so itself is not surely held.
	if err := w.relabel(w.in(org), weak, "red"); err != nil {
		t.Fatal(err)
	}
	if !w.may(w.login(org, weak), org, "wallets:read", policy.Root).Allowed {
		t.Error("the label gives nothing")
	}
	if err := w.relabel(w.as(org, weak), member, "red"); !errors.Is(err, identity.ErrEscalation) {
		t.Errorf("under the same condition: %v", err)
	}
	strong := w.as(org, w.user(org, "strong", append(slices.Clone(manage), "wallets:read", "wallets:create")...))
	for _, name := range []string{"a member", "of a deny", "a new member"} {
		if err := attempts[name](strong); err != nil {
			t.Errorf("%s, by who holds it: %v", name, err)
		}
	}
}

// TestRelabellingIsRemembered: a database that lacks a change of labels, which may
// have taken something away, is known to be an older one.
func TestRelabellingIsRemembered(t *testing.T) {
	w := open(t, conditions())
	org := w.org("acme")
	u := w.labelled(org, "u", "red")
	if err := w.relabel(w.in(org), u, "blue"); err != nil {
		t.Fatal(err)
	}
	name := "Ann"
	must(w.in(org).UpdateAccount(w.ctx, u, identity.AccountPatch{DisplayName: &name}))(t)
	events := w.events(org)
	for i, want := range map[int]bool{len(events) - 2: true, len(events) - 1: false} {
		if got := identity.Unreplayed(&events[i]); got != want {
			t.Errorf("%s %s: %t, want %t", events[i].Verb, events[i].After, got, want)
		}
	}
}
