package identity_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/claviger-go/claviger/identity"
	"github.com/claviger-go/claviger/policy"
)

func newPublic() (ed25519.PublicKey, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	return public, err
}

func base64url(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// TestSec44_RotationWithGrace: both keys are good during the grace period, the old
// one ends by itself at its end, with all that came of it, and both things
// happened in one revision.
func TestSec44_RotationWithGrace(t *testing.T) {
	w := open(t)
	c := w.caller()
	in := w.in(c.org)
	key, public := newKey(t)
	before := w.id.Revision()
	next := must(in.RotatePublicKey(w.ctx, c.sa.Key.ID, identity.PublicKeySpec{UnprovenPublicKey: public, Name: "next"}, time.Hour))(t)
	if w.id.Revision() != before+1 {
		t.Errorf("from revision %d to %d", before, w.id.Revision())
	}
	old := must(in.Credential(w.ctx, c.sa.Key.ID))(t)
	if old.State != identity.CredentialRetiring || old.Successor != next.ID || !old.EndsAt.Equal(w.clock.Now().Add(time.Hour)) || old.ValidUntil != c.sa.Key.ValidUntil {
		t.Errorf("the old one: %+v", old)
	}
	if next.State != identity.CredentialActive || next.Account != c.sa.ID || next.Name != "next" || next.Successor != "" {
		t.Errorf("the new one: %+v", next)
	}
	w.clock.advance(time.Hour - time.Second)
	c.prove()
	for range 2 {
		if err := w.answer(w.signChallenge(c.sa.Key.ID, c.key)); err != nil {
			t.Errorf("the old key in its grace: %v", err)
		}
		w.reopen()
	}
	w.clock.advance(time.Second)
	for name, err := range map[string]error{
		"challenge": w.answer(w.signChallenge(c.sa.Key.ID, c.key)),
		"assertion": last(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{})),
		"token":     last(w.id.Authenticate(w.ctx, c.bearer)),
	} {
		if !errors.Is(err, identity.ErrUnauthenticated) || !errors.Is(err, identity.ErrExpired) {
			t.Errorf("%s at the end of the grace: %v", name, err)
		}
	}
	if err := w.answer(w.signChallenge(next.ID, key)); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

// TestSec44_RotationWithoutGrace ends the old key at once, and its tokens.
func TestSec44_RotationWithoutGrace(t *testing.T) {
	w := open(t)
	c := w.caller()
	_, public := newKey(t)
	must(w.in(c.org).RotatePublicKey(w.ctx, c.sa.Key.ID, identity.PublicKeySpec{UnprovenPublicKey: public}, 0))(t)
	if old := must(w.in(c.org).Credential(w.ctx, c.sa.Key.ID))(t); old.State != identity.CredentialRevoked || old.Successor == "" || old.MinRevision != w.id.Revision() {
		t.Errorf("%+v", old)
	}
	if err := last(w.id.Authenticate(w.ctx, c.bearer)); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("its token: %v", err)
	}
}

// TestSec40_RotationNeverExtends: no end moves later, by rotating, by disabling
// and enabling, or by rotating again.
func TestSec40_RotationNeverExtends(t *testing.T) {
	w := open(t)
	c := w.caller() // whose key ends in two hours
	in := w.in(c.org)
	fresh := func() identity.PublicKeySpec {
		_, public := newKey(t)
		return identity.PublicKeySpec{UnprovenPublicKey: public}
	}
	own := w.id.As(c.held).In(c.org)
	mine := must(own.RotatePublicKey(w.ctx, c.sa.Key.ID, fresh(), 30*day))(t)
	old := must(in.Credential(w.ctx, c.sa.Key.ID))(t)
	if !old.EndsAt.Equal(c.sa.Key.ValidUntil) || !old.ValidUntil.Equal(c.sa.Key.ValidUntil) {
		t.Errorf("the old one ends %s and %s, and ended %s", old.EndsAt, old.ValidUntil, c.sa.Key.ValidUntil)
	}
	if !mine.ValidUntil.Equal(c.sa.Key.ValidUntil) {
		t.Errorf("one's own ends %s, after what was used: %s", mine.ValidUntil, c.sa.Key.ValidUntil)
	}
	wantKind(t, last(in.RotatePublicKey(w.ctx, c.sa.Key.ID, fresh(), time.Hour)), identity.ErrConflict)
	must(in.DisableCredential(w.ctx, c.sa.Key.ID))(t)
	wantKind(t, last(in.RotatePublicKey(w.ctx, c.sa.Key.ID, fresh(), time.Hour)), identity.ErrDisabled)
	must(in.EnableCredential(w.ctx, c.sa.Key.ID))(t)
	again := must(in.Credential(w.ctx, c.sa.Key.ID))(t)
	if again.State != identity.CredentialRetiring || !again.EndsAt.Equal(old.EndsAt) {
		t.Errorf("enabled again: %+v", again)
	}
	// A key in its grace adds none that outlives it.
	private, public := newKey(t)
	lasting := must(in.AddPublicKey(w.ctx, c.other.ID, identity.PublicKeySpec{UnprovenPublicKey: public}))(t)
	must(in.RotatePublicKey(w.ctx, lasting.ID, fresh(), time.Hour))(t)
	sa := c.other
	sa.Key = lasting
	p := must(w.id.Authenticate(w.ctx, w.bearer(sa, private)))(t)
	late := must(w.id.As(p).In(c.org).AddPublicKey(w.ctx, c.other.ID, fresh()))(t)
	if !late.ValidUntil.Equal(w.clock.Now().Add(time.Hour)) {
		t.Errorf("added with a key in its grace, good until %s", late.ValidUntil)
	}
	wantKind(t, last(w.id.As(p).In(c.org).RotatePublicKey(w.ctx, lasting.ID, fresh(), 0)), identity.ErrConflict)
}

// TestBadRotations leave no trace.
func TestBadRotations(t *testing.T) {
	w := open(t, with(func(c *identity.Config) { c.MaxCredentials = 3 }))
	x, y := w.targets("acme"), w.targets("globex")
	in := w.in(x.Org)
	spec := identity.PublicKeySpec{UnprovenPublicKey: x.Key}
	private, public := newKey(t)
	sa := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "ci", UnprovenPublicKey: public}))(t)
	brief := must(in.AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: pemOf(t, must(newPublic())(t)), Validity: time.Minute}))(t)
	revoked := must(in.AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: pemOf(t, must(newPublic())(t))}))(t)
	must(in.RevokeCredential(w.ctx, revoked.ID))(t)
	idle := must(in.CreateServiceAccount(w.ctx, identity.ServiceAccountSpec{Name: "off", UnprovenPublicKey: pemOf(t, must(newPublic())(t))}))(t)
	must(in.DeactivateAccount(w.ctx, idle.ID))(t)
	w.clock.advance(time.Minute)
	limited := must(w.id.IssueToken(w.ctx, must(w.id.Authenticate(w.ctx, w.bearer(sa, private)))(t), identity.TokenRequest{Path: policy.Root}))(t)
	self := must(w.id.Authenticate(w.ctx, limited.Token.Reveal()))(t)
	rotate := func(o *identity.OrgAdmin, id identity.CredentialID, grace time.Duration) func() error {
		return func() error { return last(o.RotatePublicKey(w.ctx, id, spec, grace)) }
	}
	w.refuses(t, []refusal{
		{"grace negative", identity.ErrInvalid, "credential", "grace", rotate(in, sa.Key.ID, -1)},
		{"grace too long", identity.ErrInvalid, "credential", "grace", rotate(in, sa.Key.ID, 30*day+1)},
		{"malformed id", identity.ErrInvalid, "credential", "ID", rotate(in, "x", 0)},
		{"no credential", identity.ErrNotFound, "credential", "", rotate(in, "cr_absent", 0)},
		{"another org's", identity.ErrNotFound, "credential", "", rotate(in, y.Credential, 0)},
		{"disabled", identity.ErrDisabled, "credential", "", rotate(in, x.Disabled, 0)},
		{"revoked", identity.ErrRevoked, "credential", "", rotate(in, revoked.ID, 0)},
		{"expired", identity.ErrExpired, "credential", "", rotate(in, brief.ID, 0)},
		{"of an inactive account", identity.ErrDisabled, "account", "", rotate(in, idle.Key.ID, 0)},
		{"the same key", identity.ErrConflict, "credential", "UnprovenPublicKey", func() error {
			return last(in.RotatePublicKey(w.ctx, sa.Key.ID, identity.PublicKeySpec{UnprovenPublicKey: public}, time.Hour))
		}},
		{"the same key, with a proof", identity.ErrConflict, "credential", "PublicKey", func() error {
			return last(in.RotatePublicKey(w.ctx, sa.Key.ID, w.prove(in, sa.ID, private), time.Hour))
		}},
		{"with a limited token", identity.ErrDenied, "credential", "", rotate(w.id.As(self).In(x.Org), sa.Key.ID, 0)},
	})
	// At the limit of keys one can be rotated, and then not again.
	for range 2 {
		must(in.AddPublicKey(w.ctx, sa.ID, identity.PublicKeySpec{UnprovenPublicKey: pemOf(t, must(newPublic())(t))}))(t)
	}
	next := must(in.RotatePublicKey(w.ctx, sa.Key.ID, spec, time.Hour))(t)
	spec.UnprovenPublicKey = pemOf(t, must(newPublic())(t))
	wantKind(t, rotate(in, next.ID, time.Hour)(), identity.ErrLimit)
	w.clock.advance(time.Hour)
	if err := rotate(in, next.ID, time.Hour)(); err != nil {
		t.Error(err)
	}
}

// TestLateUse: using a rotated key leaves one event an hour, also over restarts,
// and none when it is refused.
func TestLateUse(t *testing.T) {
	w := open(t)
	c := w.caller()
	_, public := newKey(t)
	late := func() (n int) {
		w.id.WriteLateUses(w.ctx)
		for _, e := range w.events(c.org) {
			if e.Verb == "late use" {
				if n++; e.ID != string(c.sa.Key.ID) || e.Noun != "credential" || e.Actor != string(c.sa.ID) || e.Credential != e.ID {
					t.Errorf("%+v", e)
				}
			}
		}
		return n
	}
	use := func() {
		t.Helper()
		must(w.id.ExchangeAssertion(w.ctx, w.assertion(c.sa.Key.ID, c.sa.ID, c.key), identity.TokenRequest{}))(t)
		if err := w.answer(w.signChallenge(c.sa.Key.ID, c.key)); err != nil {
			t.Fatal(err)
		}
	}
	use()
	if n := late(); n != 0 {
		t.Errorf("%d events before it was rotated", n)
	}
	w.clock.advance(time.Hour - time.Duration(w.clock.Now().Minute())*time.Minute) // to a full hour
	must(w.in(c.org).RotatePublicKey(w.ctx, c.sa.Key.ID, identity.PublicKeySpec{UnprovenPublicKey: public}, 50*time.Minute))(t)
	var counts []int
	for range 3 {
		use()
		use()
		counts = append(counts, late())
		w.reopen()
	}
	w.clock.advance(50 * time.Minute)
	if err := w.answer(w.signChallenge(c.sa.Key.ID, c.key)); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
	if counts = append(counts, late()); !slices.Equal(counts, []int{1, 1, 1, 1}) {
		t.Errorf("events %v", counts)
	}
}

// rotate puts another key in the place of the caller's.
func (c caller) rotate(grace time.Duration) {
	c.w.t.Helper()
	_, public := newKey(c.w.t)
	must(c.w.in(c.org).RotatePublicKey(c.w.ctx, c.sa.Key.ID, identity.PublicKeySpec{UnprovenPublicKey: public}, grace))(c.w.t)
}

// TestLateUseOfSecrets: what goes for keys goes for API tokens and client
// secrets, and access tokens that were had with them before are no new use.
func TestLateUseOfSecrets(t *testing.T) {
	w := open(t)
	c := w.caller()
	in := w.in(c.org)
	api := must(in.CreateAPIToken(w.ctx, c.sa.ID, identity.APITokenSpec{Name: "api"}))(t)
	secret := must(in.CreateClientSecret(w.ctx, c.sa.ID, identity.ClientSecretSpec{Name: "secret"}))(t)
	issued := must(w.id.ExchangeClientSecret(w.ctx, string(c.sa.ID), secret.Secret.Reveal(), identity.TokenRequest{}))(t).Token.Reveal()
	for _, id := range []identity.CredentialID{api.ID, secret.ID} {
		must(in.RotateSecret(w.ctx, id, time.Hour))(t)
	}
	late := func() map[string]bool {
		w.id.WriteLateUses(w.ctx)
		used := map[string]bool{}
		for _, e := range w.events(c.org) {
			if e.Verb == "late use" {
				used[e.ID] = true
			}
		}
		return used
	}
	must(w.id.Authenticate(w.ctx, issued))(t)
	if used := late(); len(used) != 0 {
		t.Errorf("an access token of before counts: %v", used)
	}
	must(w.id.Authenticate(w.ctx, api.Secret.Reveal()))(t)
	must(w.id.ExchangeClientSecret(w.ctx, string(c.sa.ID), secret.Secret.Reveal(), identity.TokenRequest{}))(t)
	if used := late(); len(used) != 2 || !used[string(api.ID)] || !used[string(secret.ID)] {
		t.Errorf("%v, want %s and %s", used, api.ID, secret.ID)
	}
}
