package identity_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

// inviting is an invitation that gives nothing.
func inviting(email string) identity.InvitationSpec {
	return identity.InvitationSpec{User: identity.UserSpec{Email: email}}
}

// guest is somebody who was invited.
type guest struct {
	w      *world
	org    identity.OrgID
	id     identity.AccountID
	key    identity.CredentialID
	secret string
}

func (w *world) invite(org identity.OrgID, spec identity.InvitationSpec) guest {
	w.t.Helper()
	made := must(w.in(org).Invite(w.ctx, spec))(w.t)
	return guest{w: w, org: org, id: made.Account.ID, key: made.Credential.ID, secret: made.Secret.Reveal()}
}

func (g guest) accept() error {
	return last(g.w.id.AcceptInvitation(g.w.ctx, g.secret, identity.ExternalID{}))
}

func (g guest) state() identity.AccountState {
	g.w.t.Helper()
	return must(g.w.in(g.org).Account(g.w.ctx, g.id))(g.w.t).State
}

// TestInvitation: who is invited can do nothing, and what it was given as soon as it
// has accepted.
func TestInvitation(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	group := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "readers"}))(t).ID
	w.grant(org, identity.SubjectID(group), policy.Root, "wallets:read")
	g := w.invite(org, identity.InvitationSpec{
		User:     identity.UserSpec{Email: "Ann@Example.com", DisplayName: "Ann", Groups: []identity.GroupID{group}, Roles: []string{string(w.role(org, "keys:use"))}},
		Bindings: []identity.BindingSpec{{Role: "wallet-admin", Scope: path(t, "projects/1")}},
	})
	list := must(w.in(org).Accounts(w.ctx, identity.AccountFilter{State: identity.AccountInvited}, identity.Page{}))(t).Items
	if len(list) != 1 || list[0].ID != g.id || list[0].Name != "ann@example.com" || list[0].DisplayName != "Ann" {
		t.Errorf("invited are %+v", list)
	}
	row := must(w.in(org).Credential(w.ctx, g.key))(t)
	if row.Type != identity.Invitation || row.State != identity.CredentialActive || row.Account != g.id || !row.ValidUntil.Equal(w.clock.Now().Add(7*24*time.Hour)) {
		t.Errorf("%+v", row)
	}
	if _, err := w.in(org).Vouch(w.ctx, g.id, w.session(0)); !errors.Is(err, identity.ErrDisabled) {
		t.Errorf("logging in before: %v", err)
	}
	w.reopen()
	as := identity.ExternalID{Issuer: "https://login.example", Subject: "ann"}
	before := w.id.Revision()
	a := must(w.id.AcceptInvitation(w.ctx, g.secret, as))(t)
	if a.ID != g.id || a.State != identity.AccountActive || a.External != as || w.id.Revision() != before+1 {
		t.Errorf("%+v at %d, after %d", a, w.id.Revision(), before)
	}
	if stored := must(w.in(org).Account(w.ctx, g.id))(t); stored.State != a.State || stored.External != as || stored.UpdatedBy != string(g.id) {
		t.Errorf("stored is %+v", stored)
	}
	seen := map[string]bool{}
	for _, e := range w.checkChain(org) {
		if e.Revision > before {
			seen[e.Noun+" "+e.Verb] = true
			if e.Actor != string(g.id) || e.Credential != string(g.key) || e.Reason != "" {
				t.Errorf("%+v", e)
			}
		}
	}
	if len(seen) != 2 || !seen["account accept"] || !seen["credential revoke"] {
		t.Errorf("logged %v", seen)
	}
	p := w.login(org, g.id)
	for _, q := range []struct{ permission, path string }{{"wallets:read", "projects/2"}, {"keys:use", "projects/2"}, {"wallets:delete", "projects/1"}} {
		if d := w.may(p, org, q.permission, path(t, q.path)); !d.Allowed {
			t.Errorf("%s: %+v", q.permission, d)
		}
	}
	if d := w.may(p, org, "wallets:delete", path(t, "projects/2")); d.Allowed {
		t.Error("it may more than it was given")
	}
}

// TestSec41_InvitationOnce: of many who accept at once, one does; nobody does again,
// after a restart either.
func TestSec41_InvitationOnce(t *testing.T) {
	w := open(t)
	g := w.invite(w.org("acme"), inviting("ann@example.com"))
	w.usedOnce(50, func(int) error { return g.accept() }, g.accept)
}

// usedOnce holds that of many who use something up at once one does, in one change, and
// that nobody does again, after a restart either.
func (w *world) usedOnce(many int, use func(i int) error, again func() error) {
	w.t.Helper()
	before := w.id.Revision()
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			switch err := use(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, identity.ErrUnauthenticated):
				w.t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || w.id.Revision() != before+1 {
		w.t.Errorf("%d used it, at revision %d after %d", won.Load(), w.id.Revision(), before)
	}
	for range 2 {
		same := w.unchanged()
		if err := again(); !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
			w.t.Errorf("again: %v", err)
		}
		same()
		w.reopen()
	}
}

// TestSec35_Invitations ends an invitation in every way there is: a stranger is told
// the same of each, and nothing is written.
func TestSec35_Invitations(t *testing.T) {
	for name, e := range map[string]struct {
		end  func(w *world, g guest)
		kind error // beside ErrUnauthenticated
		undo func(w *world, g guest)
	}{
		"accepted": {func(w *world, g guest) {
			if err := g.accept(); err != nil {
				w.t.Fatal(err)
			}
		}, nil, nil},
		"expired":   {func(w *world, _ guest) { w.clock.advance(7 * 24 * time.Hour) }, identity.ErrExpired, nil},
		"revoked":   {func(w *world, g guest) { must(w.in(g.org).RevokeInvitation(w.ctx, g.id))(w.t) }, identity.ErrDisabled, nil},
		"sent anew": {func(w *world, g guest) { must(w.in(g.org).ResendInvitation(w.ctx, g.id, 0))(w.t) }, nil, nil},
		"activated": {func(w *world, g guest) {
			must(w.in(g.org).ActivateAccount(w.ctx, g.id))(w.t)
			if row := must(w.in(g.org).Credential(w.ctx, g.key))(w.t); row.State != identity.CredentialRevoked {
				w.t.Errorf("the invitation is %s", row.State)
			}
		}, nil, nil},
		"deactivated":    {func(w *world, g guest) { must(w.in(g.org).DeactivateAccount(w.ctx, g.id))(w.t) }, identity.ErrDisabled, nil},
		"archived":       {func(w *world, g guest) { must(w.in(g.org).ArchiveAccount(w.ctx, g.id))(w.t) }, identity.ErrDisabled, nil},
		"secret revoked": {func(w *world, g guest) { must(w.in(g.org).RevokeCredential(w.ctx, g.key))(w.t) }, nil, nil},
		"secret disabled": {func(w *world, g guest) { must(w.in(g.org).DisableCredential(w.ctx, g.key))(w.t) }, identity.ErrDisabled,
			func(w *world, g guest) { must(w.in(g.org).EnableCredential(w.ctx, g.key))(w.t) }},
		"account expired": {func(w *world, g guest) {
			must(w.in(g.org).ExtendAccount(w.ctx, g.id, w.clock.Now().Add(time.Second)))(w.t)
			w.clock.advance(time.Second)
		}, identity.ErrExpired, nil},
		"org suspended": {func(w *world, g guest) { must(w.sys().SuspendOrg(w.ctx, g.org))(w.t) }, identity.ErrDisabled,
			func(w *world, g guest) { must(w.sys().ResumeOrg(w.ctx, g.org))(w.t) }},
		"org deleted": {func(w *world, g guest) { must(w.sys().DeleteOrg(w.ctx, g.org))(w.t) }, identity.ErrDisabled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			g := w.invite(w.org("acme"), inviting("ann@example.com"))
			e.end(w, g)
			for range 2 {
				same := w.unchanged()
				err := g.accept()
				if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" || e.kind != nil && !errors.Is(err, e.kind) {
					t.Errorf("%v, want %v", err, e.kind)
				}
				same()
				w.reopen()
				g.w = w
			}
			if e.undo == nil {
				return
			}
			e.undo(w, g)
			if err := g.accept(); err != nil {
				t.Errorf("undone: %v", err)
			}
		})
	}
}

// TestSec06_InvitationSecret: the secret of an invitation is no other proof, and no
// other proof accepts an invitation.
func TestSec06_InvitationSecret(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	g := w.invite(org, inviting("ann@example.com"))
	sa := must(w.in(org).CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{
		Name: "ci", APIToken: &identity.APITokenSpec{Name: "t"}, ClientSecret: &identity.ClientSecretSpec{},
	}))(t)
	_, own := w.apiToken(org, g.id, identity.APITokenSpec{})
	client := must(w.in(org).CreateClientSecret(w.ctx, g.id, identity.ClientSecretSpec{}))(t)
	same := w.unchanged()
	for name, err := range map[string]error{
		"Authenticate":             last(w.id.Authenticate(w.ctx, g.secret)),
		"AuthenticateFrom":         last(w.id.AuthenticateFrom(w.ctx, g.secret, netip.MustParseAddr("192.0.2.1"))),
		"AuthenticateClientSecret": last(w.id.AuthenticateClientSecret(w.ctx, string(g.id), g.secret)),
		"ExchangeClientSecret":     last(w.id.ExchangeClientSecret(w.ctx, string(g.key), g.secret, identity.TokenRequest{})),
		"ExchangeAssertion":        last(w.id.ExchangeAssertion(w.ctx, g.secret, identity.TokenRequest{})),
	} {
		if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantKind(t, last(w.in(org).RotateSecret(w.ctx, g.key, 0)), identity.ErrInvalid)
	absent := g.secret[:len("cvg_iv_")] + strings.Repeat("0", 26) + g.secret[len("cvg_iv_")+26:]
	for name, secret := range map[string]string{
		"nothing": "", "no secret": "hunter2", "an API token": sa.APIToken.Secret.Reveal(), "a client secret": sa.ClientSecret.Secret.Reveal(), "no such": absent,
		"an API token of its own": own, "a client secret of its own": client.Secret.Reveal(),
		"as an API token": strings.Replace(g.secret, "_iv_", "_at_", 1), "of another host": "other" + g.secret[len("cvg"):],
		"an access token": w.tokenOf(org, sa.ID, sa.APIToken.ID, "01j"), "half": g.secret[:len(g.secret)/2], "the other case": strings.ToUpper(g.secret),
	} {
		_, err := w.id.AcceptInvitation(w.ctx, secret, identity.ExternalID{})
		if !errors.Is(err, identity.ErrUnauthenticated) || identity.PublicText(err) != "unauthenticated" {
			t.Errorf("%s: %v", name, err)
		}
	}
	same()
	if err := g.accept(); err != nil {
		t.Error(err)
	}
}

// TestSec28_InvitationDigests: the secret is in no file, no event, and no text of
// what is returned.
func TestSec28_InvitationDigests(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	made := must(w.in(org).Invite(w.ctx, inviting("ann@example.com")))(t)
	again := must(w.in(org).ResendInvitation(w.ctx, made.Account.ID, time.Hour))(t)
	must(w.id.AcceptInvitation(w.ctx, again.Secret.Reveal(), identity.ExternalID{}))(t)
	var shown strings.Builder
	fmt.Fprintf(&shown, "%v %+v %#v", made, again, again)
	for _, e := range w.events(org) {
		fmt.Fprintf(&shown, "%s %s", e.Before, e.After)
	}
	texts := [][]byte{[]byte(shown.String())}
	for _, file := range must(filepath.Glob(filepath.Join(w.dir, "*")))(t) {
		texts = append(texts, must(os.ReadFile(file))(t))
	}
	if !bytes.Contains(bytes.Join(texts[1:], nil), again.Credential.Digest) {
		t.Fatal("the digest is nowhere, so this test sees nothing")
	}
	for _, secret := range []string{made.Secret.Reveal(), again.Secret.Reveal()} {
		for _, text := range texts {
			for at := len("cvg_iv_") + 26; at+16 <= len(secret); at++ {
				if bytes.Contains(text, []byte(secret[at:at+16])) {
					t.Fatal("a secret is shown, or stored")
				}
			}
		}
	}
}

// TestResendInvitation: the new secret takes the place of the old one, also of one
// that has ended, and as often as is asked for; only for who has not accepted.
func TestResendInvitation(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxCredentials = 1 }))
	org := w.org("acme")
	g := w.invite(org, identity.InvitationSpec{User: identity.UserSpec{Email: "ann@example.com"}, Validity: time.Hour})
	for i := range 3 {
		if i == 1 {
			w.clock.advance(time.Hour)
		}
		made := must(w.in(org).ResendInvitation(w.ctx, g.id, time.Hour))(t)
		if err := g.accept(); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("the old one: %v", err)
		}
		if old := must(w.in(org).Credential(w.ctx, g.key))(t); old.State != identity.CredentialRevoked || old.Successor != made.Credential.ID {
			t.Errorf("the old one is %+v", old)
		}
		g.key, g.secret = made.Credential.ID, made.Secret.Reveal()
	}
	must(w.in(org).RevokeCredential(w.ctx, g.key))(t)
	g.secret = must(w.in(org).ResendInvitation(w.ctx, g.id, 0))(t).Secret.Reveal()
	if err := g.accept(); err != nil {
		t.Fatal(err)
	}
	same := w.unchanged()
	wantKind(t, last(w.in(org).ResendInvitation(w.ctx, g.id, 0)), identity.ErrConflict)
	wantKind(t, last(w.in(org).RevokeInvitation(w.ctx, g.id)), identity.ErrConflict)
	wantKind(t, last(w.in(org).Invite(w.ctx, inviting("ann@example.com"))), identity.ErrConflict)
	same()
	if g.state() != identity.AccountActive {
		t.Error("it was ended")
	}
}

// TestInviteSpecs: what makes no sense is refused before anything is written.
func TestInviteSpecs(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	day := 24 * time.Hour
	short := w.org("short")
	most := 2 * day
	must(w.sys().UpdateOrg(w.ctx, short, identity.OrgPatch{Settings: &identity.OrgSettings{MaxValidity: most}}))(t)
	with := func(set func(*identity.InvitationSpec)) identity.InvitationSpec {
		spec := inviting("ann@example.com")
		set(&spec)
		return spec
	}
	same := w.unchanged()
	for name, spec := range map[string]identity.InvitationSpec{
		"no e-mail": {}, "negative": with(func(s *identity.InvitationSpec) { s.Validity = -1 }),
		"too long": with(func(s *identity.InvitationSpec) { s.Validity = 30*day + 1 }), "inactive": with(func(s *identity.InvitationSpec) { s.User.Inactive = true }),
		"a subject": with(func(s *identity.InvitationSpec) {
			s.Bindings = []identity.BindingSpec{{Subject: "us_01", Role: "wallet-reader", Scope: policy.Root}}
		}),
	} {
		if _, err := w.in(org).Invite(w.ctx, spec); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantKind(t, last(w.in(org).Invite(w.ctx, with(func(s *identity.InvitationSpec) { s.Bindings = make([]identity.BindingSpec, 257) }))), identity.ErrLimit)
	wantKind(t, last(w.in(short).Invite(w.ctx, with(func(s *identity.InvitationSpec) { s.Validity = most + 1 }))), identity.ErrInvalid)
	wantKind(t, last(w.in(org).ResendInvitation(w.ctx, "us_01", 31*day)), identity.ErrInvalid)
	same()
	if made := must(w.in(short).Invite(w.ctx, inviting("ann@example.com")))(t); !made.Credential.ValidUntil.Equal(w.clock.Now().Add(most)) {
		t.Errorf("it ends at %s", made.Credential.ValidUntil)
	}
	results := must(w.in(org).InviteMany(w.ctx, []identity.InvitationSpec{inviting("a@example.com"), inviting("nobody"), inviting("b@example.com"), inviting("A@example.com")}))(t)
	ok := 0
	for i, r := range results {
		if r.Changed != (r.Err == nil) || i == 1 && !errors.Is(r.Err, identity.ErrInvalid) || i == 2 && r.Err != nil {
			t.Errorf("%d: %+v", i, r)
		}
		if r.Err == nil {
			ok++
			must(w.id.AcceptInvitation(w.ctx, r.Item.Secret.Reveal(), identity.ExternalID{}))(t)
		}
	}
	if ok != 2 {
		t.Errorf("%d were invited", ok)
	}
}

// TestInvitationExternalID: who accepts is who was meant, and nobody else.
func TestInvitationExternalID(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	ann, bob := identity.ExternalID{Issuer: "i", Subject: "ann"}, identity.ExternalID{Issuer: "i", Subject: "bob"}
	must(w.in(org).CreateUser(w.ctx, identity.UserSpec{Email: "bob@example.com", External: bob}))(t)
	named := w.invite(org, identity.InvitationSpec{User: identity.UserSpec{Email: "ann@example.com", External: ann}})
	open := w.invite(org, inviting("carol@example.com"))
	same := w.unchanged()
	wantKind(t, last(w.id.AcceptInvitation(w.ctx, named.secret, bob)), identity.ErrConflict)
	wantKind(t, last(w.id.AcceptInvitation(w.ctx, named.secret, identity.ExternalID{Issuer: "i", Subject: "dan"})), identity.ErrConflict)
	wantKind(t, last(w.id.AcceptInvitation(w.ctx, open.secret, bob)), identity.ErrConflict)
	wantKind(t, last(w.id.AcceptInvitation(w.ctx, open.secret, identity.ExternalID{Issuer: "i"})), identity.ErrInvalid)
	same()
	if a := must(w.id.AcceptInvitation(w.ctx, named.secret, ann))(t); a.External != ann {
		t.Errorf("%+v", a)
	}
	if err := open.accept(); err != nil {
		t.Error(err)
	}
}

// TestSec48_Invitations: nobody is invited to more than who invites surely has, and
// no secret is made for an account that has come to have more.
func TestSec48_Invitations(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	strong, weak := w.role(org, "wallets:delete"), string(w.role(org, "wallets:read"))
	group := must(w.in(org).CreateGroup(w.ctx, identity.GroupSpec{Name: "strong"}))(t).ID
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(group), Role: string(strong), Scope: policy.Root})
	o := w.as(org, w.user(org, "host", "identity:accounts.create", "identity:accounts.delete", "wallets:read"))
	same := w.unchanged()
	for name, set := range map[string]func(*identity.InvitationSpec){
		"role": func(s *identity.InvitationSpec) { s.User.Roles = []string{string(strong)} },
		"binding": func(s *identity.InvitationSpec) {
			s.Bindings = []identity.BindingSpec{{Role: string(strong), Scope: path(t, "projects/1")}}
		},
		"group": func(s *identity.InvitationSpec) { s.User.Groups = []identity.GroupID{group} },
		"owner": func(s *identity.InvitationSpec) { s.User.Roles = []string{"owner"} },
	} {
		spec := inviting("ann@example.com")
		set(&spec)
		if _, err := o.Invite(w.ctx, spec); !errors.Is(err, identity.ErrEscalation) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same()
	made := must(o.Invite(w.ctx, identity.InvitationSpec{User: identity.UserSpec{Email: "ann@example.com", Roles: []string{weak}}}))(t)
	must(o.ResendInvitation(w.ctx, made.Account.ID, 0))(t)
	w.bind(org, identity.BindingSpec{Subject: identity.SubjectID(made.Account.ID), Role: string(strong), Scope: policy.Root})
	same = w.unchanged()
	wantKind(t, last(o.ResendInvitation(w.ctx, made.Account.ID, 0)), identity.ErrEscalation)
	same()
	if !must(o.RevokeInvitation(w.ctx, made.Account.ID))(t) {
		t.Error("it was not revoked")
	}
	robot, key := w.service(org, "robot", allManagement()...)
	r := w.id.As(must(w.id.Authenticate(w.ctx, w.bearer(robot, key)))(t)).In(org)
	wantKind(t, last(r.Invite(w.ctx, inviting("bob@example.com"))), identity.ErrDenied)
}

// TestInvitationWarnsNobody: that an invitation ends, or waits, is no news.
func TestInvitationWarnsNobody(t *testing.T) {
	w := open(t)
	org := w.org("acme")
	w.invite(org, inviting("ann@example.com"))
	for warning, err := range w.in(org).Expiring(w.ctx, 30*24*time.Hour) {
		t.Errorf("%+v, %v", warning, err)
	}
	w.clock.advance(time.Hour)
	for unused, err := range w.in(org).Unused(w.ctx, w.clock.Now()) {
		t.Errorf("%+v, %v", unused, err)
	}
}
