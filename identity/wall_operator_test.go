package identity_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// TestSec49_OperatorsTrail: whatever an operator changes in a tenant, its events are
// in the log of the tenant and name the operator; none is in another log.
func TestSec49_OperatorsTrail(t *testing.T) {
	onOneGoroutine(t)
	x, own := openWall(t)
	system := x.id.SystemOrg()
	one, all := x.user(system, "one"), x.user(system, "all")
	x.bind(system, identity.BindingSpec{Subject: identity.SubjectID(one), Role: "owner", Scope: policy.Root, Reach: identity.ReachOrg(own.org)})
	must(x.in(system).GrantOwner(x.ctx, all))(t)
	x.bind(system, identity.BindingSpec{Subject: identity.SubjectID(all), Role: "owner", Scope: policy.Root, Reach: identity.ReachAll})
	orgAdmin, admin := reflect.TypeFor[*identity.OrgAdmin](), reflect.TypeFor[*identity.Admin]()
	table, changes := calls(), 0
	trail := func(who identity.AccountID, m reflect.Method) {
		a := x.ask(x.good(system, who, own, m))
		c := table[m.Name]
		switch {
		case c.hostOnly || c.own || notCalls()[m.Name]:
			return
		case a.err != nil:
			t.Errorf("%s by %s: %v", m.Name, who, a.err)
		case c.reads != (a.trace == "") && !c.still:
			t.Errorf("%s by %s: reads is %v, and the events are %q", m.Name, who, c.reads, a.trace)
		}
		if a.touched != "" {
			t.Errorf("%s by %s wrote to an org that was not named: %s", m.Name, who, a.touched)
		}
		for line := range strings.Lines(a.trace) {
			changes++
			if column := strings.Split(line, "|"); column[0] != string(own.org) || column[4] != string(who) {
				t.Errorf("%s by %s is in the log of %s as by %s", m.Name, who, column[0], column[4])
			}
		}
	}
	for _, m := range verbs(orgAdmin, admin) {
		x.inEachMode(own, m, func() {
			trail(one, m)
			trail(all, m)
		})
	}
	for _, m := range verbs(admin) {
		if m.Type.NumIn() > 2 && m.Type.In(2) == reflect.TypeFor[identity.OrgID]() && m.Name != "ResumeOrg" { // there is nothing to resume
			trail(all, m)
		}
	}
	if changes < 100 {
		t.Errorf("only %d events", changes)
	}
}

// good is a call with good arguments, by an account of one org in a tenant.
func (x *wall) good(home identity.OrgID, who identity.AccountID, in *tenant, m reflect.Method) one {
	o := onlooker{own: in, who: x.login(home, who)}
	return one{o.by(x), in.org, m, in.arguments(x.t, m)}
}

// TestSec49_IntrospectionLeavesNothing: who asks about a token of another org learns
// nothing, and neither the org nor an observer learns that it was asked: it is no use
// of the token, nor a late use of what it was made by.
func TestSec49_IntrospectionLeavesNothing(t *testing.T) {
	watcher := &witness{}
	x, own := openWall(t, with(func(c *identity.Config) { c.Observer = watcher.see }))
	there := x.there
	asker := x.login(own.org, own.owner)
	must(x.id.Authenticate(x.ctx, there.access))(t) // known from here on, as a token in use is
	cold := x.tokenOf(there.org, there.service, there.key, "01jcold")
	if err := x.id.WriteUses(x.ctx); err != nil {
		t.Fatal(err)
	}
	x.remember()
	x.clock.advance(time.Minute) // past the grain in which uses are noted
	for name, raw := range map[string]string{"known": there.access, "not seen yet": cold, "API token": there.api, "rotated API token": there.old, "client secret": there.shared} {
		for who, o := range map[string]*identity.OrgAdmin{"its owner": x.id.As(asker).In(own.org), "the host": x.in(own.org)} {
			if said := must(o.IntrospectToken(x.ctx, raw))(t); !same(said, identity.Introspection{}) {
				t.Errorf("%s, asked by %s: %+v", name, who, said)
			}
		}
		if changed := must(x.id.RevokeOwnToken(x.ctx, asker, raw))(t); changed {
			t.Errorf("%s: somebody of another org revoked it", name)
		}
	}
	if n := x.id.WaitingUses(); n != 0 {
		t.Errorf("%d uses are noted", n)
	}
	x.id.WriteLateUses(x.ctx)
	if now := x.stored(x.db, there.org); now != x.rows {
		t.Errorf("rows changed:\n%s\nwere\n%s", now, x.rows)
	}
	must(x.in(there.org).IntrospectToken(x.ctx, there.old))(t)
	if n := x.id.WaitingUses(); n != 1 {
		t.Errorf("asking in the org of the token itself noted %d uses", n)
	}
	refused := 0
	for _, seen := range watcher.all(x.world) {
		if seen.Outcome == identity.Refused {
			refused++
			if seen.Org != "" || seen.Account != "" || seen.Credential != "" || seen.TokenID != "" {
				t.Errorf("observed: %+v", seen)
			}
			for _, text := range there.texts() {
				if strings.Contains(seen.Err.Error(), text) {
					t.Errorf("observed: %v", seen.Err)
				}
			}
		}
	}
	if refused == 0 {
		t.Error("that nothing was accepted was not observed")
	}
}

// TestExpiredTokenOfAnotherOrg: that a text was a token once is for its own org to
// learn.
func TestExpiredTokenOfAnotherOrg(t *testing.T) {
	x, own := openWall(t)
	x.clock.advance(time.Hour)
	for _, o := range []*identity.OrgAdmin{x.as(own.org, own.owner), x.in(own.org)} {
		wantKind(t, last(o.RevokeToken(x.ctx, x.there.access)), identity.ErrNotFound)
		if changed := must(o.RevokeToken(x.ctx, own.access))(t); changed {
			t.Error("an expired token was revoked")
		}
	}
}

// TestOrgAdminOrgID: the org that calls concern can be asked for.
func TestOrgAdminOrgID(t *testing.T) {
	w := open(t)
	in := w.sys().In("or_a").With(nil).WithRequestID("r")
	if got := in.OrgID(); got != "or_a" {
		t.Errorf("%q", got)
	}
	if got := must(in.Org(w.ctx, w.id.SystemOrg()))(t); !got.IsSystem() {
		t.Errorf("%+v", got)
	}
}
