package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
	"github.com/claviger-go/claviger/token"
)

// checkChain recomputes an org's chain: numbered from 1 without a gap, each
// event after the one before it, with the MAC of all its fields.
func (w *world) checkChain(org identity.OrgID) []identity.Event {
	w.t.Helper()
	events := w.events(org)
	var prev identity.Event
	for i, e := range events {
		switch {
		case e.Org != org || e.Seq != uint64(i+1):
			w.t.Errorf("event %d is number %d of %s", i, e.Seq, e.Org)
		case !bytes.Equal(e.Prev, prev.MAC):
			w.t.Errorf("event %d does not follow the one before it", e.Seq)
		case !bytes.Equal(e.MAC, w.id.MAC(e)) || len(e.MAC) != 32:
			w.t.Errorf("event %d: its MAC is not that of its fields", e.Seq)
		case e.Revision < prev.Revision || e.Revision == prev.Revision && e.Item <= prev.Item:
			w.t.Errorf("event %d (%d.%d) comes after %d.%d", e.Seq, e.Revision, e.Item, prev.Revision, prev.Item)
		case e.At.Before(prev.At) || e.Noun == "" || e.ID == "" || e.Verb == "" || e.Actor == "":
			w.t.Errorf("event %d: %+v", e.Seq, e)
		}
		prev = e
	}
	return events
}

// TestSec65_Chain makes every call once, in Write and alone, with refusals in
// between, and recomputes the chains; a change of any field breaks the MAC.
func TestSec65_Chain(t *testing.T) {
	onOneGoroutine(t)
	w := open(t)
	var orgs []identity.OrgID
	for i, name := range slices.Sorted(maps.Keys(calls())) {
		c := calls()[name]
		if c.reads || c.own { // of these see TestElevate
			continue
		}
		x := w.targets(fmt.Sprint("acme", i))
		orgs = append(orgs, x.Org)
		_ = c.run(w.ctx, w.id.System(""), x)
		if err := c.run(w.ctx, w.id.System("chain: "+name), x); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "Reseal" {
			w.cfg.Seal = token.SealBytes(make([]byte, 32)) // as the call says
		}
		if i%5 == 0 {
			w.reopen()
		}
	}
	seen := map[string]bool{}
	for _, org := range append(orgs, w.id.SystemOrg()) {
		for _, e := range w.checkChain(org) {
			seen[e.Noun+" "+e.Verb] = true
			if e.Actor != "system" || e.Reason == "" || e.Credential != "" {
				t.Errorf("%+v", e)
			}
		}
	}
	for _, want := range []string{
		"org create", "org update", "org suspend", "org resume", "org delete", "org sign out", "account create", "account update", "account activate",
		"account extend", "account deactivate", "account sign out", "account archive", "account delete", "group create", "group update", "group delete",
		"member add", "member remove", "role create", "role update", "role archive", "role unarchive", "role delete", "binding create", "binding delete",
		"credential create unproven", "credential rename", "credential enable", "credential disable", "credential revoke", "signing-key create", "instance create", "token revoke",
	} {
		if !seen[want] {
			t.Errorf("nothing logged %q; logged: %v", want, slices.Sorted(maps.Keys(seen)))
		}
	}
	e := w.events(orgs[0])[1]
	for field, set := range map[string]func(*identity.Event){
		"Revision": func(e *identity.Event) { e.Revision++ }, "Item": func(e *identity.Event) { e.Item++ }, "Org": func(e *identity.Event) { e.Org += "x" },
		"Seq": func(e *identity.Event) { e.Seq++ }, "At": func(e *identity.Event) { e.At = e.At.Add(1000) }, "Noun": func(e *identity.Event) { e.Noun += "x" },
		"ID": func(e *identity.Event) { e.ID += "x" }, "Verb": func(e *identity.Event) { e.Verb += "x" }, "Actor": func(e *identity.Event) { e.Actor += "x" },
		"Reason": func(e *identity.Event) { e.Reason += "x" }, "OnBehalfOf": func(e *identity.Event) { e.OnBehalfOf += "x" },
		"Credential": func(e *identity.Event) { e.Credential += "x" }, "RequestID": func(e *identity.Event) { e.RequestID += "x" },
		"Before": func(e *identity.Event) { e.Before = append(e.Before, ' ') }, "After": func(e *identity.Event) { e.After = append(bytes.Clone(e.After), ' ') },
		"Prev": func(e *identity.Event) { e.Prev = append(bytes.Clone(e.Prev), 0) },
		"shifted": func(e *identity.Event) { // the same bytes, cut elsewhere
			e.Noun, e.ID = e.Noun+e.ID[:1], e.ID[1:]
		},
	} {
		altered := e
		set(&altered)
		if bytes.Equal(w.id.MAC(altered), e.MAC) {
			t.Errorf("%s can be altered", field)
		}
	}
}

// TestNoEventForNothing repeats what has been done, and does what changes
// nothing: there is no event, no revision, and nothing is written.
func TestNoEventForNothing(t *testing.T) {
	w := open(t)
	x := w.targets("acme")
	in, s := w.in(x.Org), w.sys()
	user := must(in.Account(w.ctx, x.User))(t)
	group := must(in.Group(w.ctx, x.Group))(t)
	org := must(s.Org(w.ctx, x.Org))(t)
	labelled := must(in.CreateUser(w.ctx, identity.UserSpec{Email: "l@example.com", Labels: map[string]string{"a": "b"}, External: identity.ExternalID{Issuer: "i", Subject: "s"}}))(t)
	ended := w.user(x.Org, "ended")
	until := w.clock.Now().Add(1e15)
	must(in.ExtendAccount(w.ctx, ended, until))(t)
	archived := w.user(x.Org, "archived")
	must(in.ArchiveAccount(w.ctx, archived))(t)
	suspended := w.org("suspended")
	must(s.SuspendOrg(w.ctx, suspended))(t)
	revoked, _ := w.service(x.Org, "revoked")
	must(in.RevokeCredential(w.ctx, revoked.Key.ID))(t)
	same := w.unchanged()
	for what, err := range map[string]error{
		"UpdateOrg": last(s.UpdateOrg(w.ctx, x.Org, identity.OrgPatch{DisplayName: &org.DisplayName, Settings: &org.Settings})), "UpdateOrg nothing": last(s.UpdateOrg(w.ctx, x.Org, identity.OrgPatch{})),
		"SuspendOrg": last(s.SuspendOrg(w.ctx, suspended)), "ResumeOrg": last(s.ResumeOrg(w.ctx, x.Org)),
		"UpdateAccount": last(in.UpdateAccount(w.ctx, labelled.ID, identity.AccountPatch{
			Email: &labelled.Name, DisplayName: &labelled.DisplayName, Labels: &labelled.Labels, External: &labelled.External,
		})),
		"UpdateAccount empty labels": last(in.UpdateAccount(w.ctx, x.User, identity.AccountPatch{Labels: &map[string]string{}, External: &user.External})),
		"ActivateAccount":            last(in.ActivateAccount(w.ctx, x.User)), "DeactivateAccount": last(in.DeactivateAccount(w.ctx, x.Idle)),
		"DeactivateAccount archived": last(in.DeactivateAccount(w.ctx, archived)), "ArchiveAccount": last(in.ArchiveAccount(w.ctx, archived)),
		"ExtendAccount": last(in.ExtendAccount(w.ctx, ended, until)),
		"UpdateGroup":   last(in.UpdateGroup(w.ctx, x.Group, identity.GroupPatch{Name: &group.Name, Description: &group.Description})),
		"AddMember":     last(in.AddMember(w.ctx, x.Full, identity.SubjectID(x.User))), "RemoveMember": last(in.RemoveMember(w.ctx, x.Group, identity.SubjectID(x.User))),
		"RemoveMember absent": last(in.RemoveMember(w.ctx, x.Group, "us_absent")),
		"UpdateRole":          last(in.UpdateRole(w.ctx, x.Role, identity.RolePatch{})),
		"UpdateRole empty":    last(in.UpdateRole(w.ctx, x.Role, identity.RolePatch{Permissions: &[]string{}, Includes: &[]string{}})),
		"ArchiveRole":         last(in.ArchiveRole(w.ctx, x.Archived)), "UnarchiveRole": last(in.UnarchiveRole(w.ctx, x.Role)),
		"EnableCredential": last(in.EnableCredential(w.ctx, x.Credential)), "DisableCredential": last(in.DisableCredential(w.ctx, x.Disabled)),
		"RevokeCredential": last(in.RevokeCredential(w.ctx, revoked.Key.ID)), "DisableCredential revoked": last(in.DisableCredential(w.ctx, revoked.Key.ID)),
		"RenameCredential": last(in.RenameCredential(w.ctx, x.Credential, "")),
		"EnsureGroup":      last(in.EnsureGroup(w.ctx, identity.GroupSpec{Name: "full"})),
		"Write":            w.id.Write(w.ctx, func(context.Context, *identity.Tx) error { return nil }),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	same()
	if changed := must(in.AddMember(w.ctx, x.Full, identity.SubjectID(x.User)))(t); changed {
		t.Error("AddMember says that it changed something")
	}
	if changed := must(in.RemoveMember(w.ctx, x.Full, identity.SubjectID(x.User)))(t); !changed {
		t.Error("RemoveMember says that it changed nothing")
	}
}

// TestEventsHoldNoSecrets looks through everything that is stored for what must
// not be there in clear: assertions, tokens, private keys.
func TestEventsHoldNoSecrets(t *testing.T) {
	w := open(t)
	c := w.caller()
	for _, org := range []identity.OrgID{c.org, w.id.SystemOrg()} {
		for _, e := range w.events(org) {
			text := string(e.Before) + string(e.After) + e.Reason + e.ID
			for what, secret := range map[string]string{"a token": c.bearer, "a private key": string(c.key.Seed()), "a sealed text": `"SealedSecret":"`} {
				if strings.Contains(text, secret) {
					t.Errorf("event %d holds %s", e.Seq, what)
				}
			}
		}
	}
	token := must(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}))(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, token); strings.Contains(text, token.Token.Reveal()) {
			t.Errorf("%s prints the token", format)
		}
		if text := fmt.Sprintf(format, c.held); strings.Contains(text, "wallets") {
			t.Errorf("%s prints rights: %s", format, text)
		}
	}
	if _, err := c.held.MarshalText(); err == nil {
		t.Error("a Principal was serialised")
	}
}

// TestEventsOfAPrincipal: the log names who acted and with which key.
func TestEventsOfAPrincipal(t *testing.T) {
	w := open(t)
	c := w.caller()
	g := must(w.id.As(c.held).In(c.org).CreateGroup(w.ctx, identity.GroupSpec{Name: "g"}))(t)
	if g.CreatedBy != string(c.sa.ID) || g.Revision != w.id.Revision() {
		t.Errorf("%+v", g)
	}
	events := w.checkChain(c.org)
	e := events[len(events)-1]
	if e.Noun != "group" || e.Verb != "create" || e.ID != string(g.ID) || e.Actor != string(c.sa.ID) || e.Credential != string(c.sa.Key.ID) ||
		e.Reason != "" || e.Before != nil || !bytes.Contains(e.After, []byte(`"Name":"g"`)) {
		t.Errorf("%+v", e)
	}
	if e.RequestID != "" {
		t.Errorf("a request id from nowhere: %q", e.RequestID)
	}
	must(w.id.As(c.held).WithRequestID("req-7f/1").In(c.org).CreateGroup(w.ctx, identity.GroupSpec{Name: "of a request"}))(t)
	events = w.checkChain(c.org)
	if e := events[len(events)-1]; e.RequestID != "req-7f/1" || e.ID == string(g.ID) {
		t.Errorf("%+v", e)
	}
	for _, id := range []string{"a b", "a\nb", "\x00", "é", strings.Repeat("x", 129)} {
		same := w.unchanged()
		wantKind(t, last(w.in(c.org).WithRequestID(id).CreateGroup(w.ctx, identity.GroupSpec{Name: "refused"})), identity.ErrInvalid)
		wantKind(t, last(w.in(c.org).WithRequestID(id).Group(w.ctx, g.ID)), identity.ErrInvalid)
		same()
	}
	// An operator's work is in the log of the tenant.
	op := w.user(w.id.SystemOrg(), "op")
	w.bind(w.id.SystemOrg(), identity.BindingSpec{Subject: identity.SubjectID(op), Role: "owner", Scope: policy.Root, Reach: identity.ReachOrg(c.org)})
	system := len(w.events(w.id.SystemOrg()))
	must(w.id.As(w.login(w.id.SystemOrg(), op)).In(c.org).DeactivateAccount(w.ctx, c.sa.ID))(t)
	events = w.checkChain(c.org)
	if e := events[len(events)-1]; e.Actor != string(op) || e.Verb != "deactivate" {
		t.Errorf("%+v", e)
	}
	if n := len(w.events(w.id.SystemOrg())); n != system {
		t.Errorf("the system org's log grew by %d", n-system)
	}
}
